"""Finding basis, grids and network of a scene for a rate.

    samples ─► KLT, rotated ─► quantised basis ─► components ─► wavelets ─► entries ─► step for the rate ─► features
                                                      └──────────── targets ──► network ◄──────────────────────┘

The network is fitted to features as a decoder has them, at a rate near the wanted one; then the grids' step is refined
until the bytes of all three fill the budget. So one fit serves all rates nearby, and it is kept for the next call.
Streams are also made without the network; the better ones, by measurement, are what is returned.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.errors import ConfigurationError
from hypress.neural.fitting import Effort
from hypress.neural.recent import Recent, digest
from hypress.neural.siren import grids
from hypress.neural.siren.apply import Layers
from hypress.neural.siren.on_grids import (
    FEATURE_GAIN,
    MOST_PARAMETERS,
    OMEGA,
    Network,
    Scene,
    inputs,
    parameters,
    shapes,
    write_basis,
    write_network,
)
from hypress.neural.weights import index_of, quantise, step_of
from hypress.transforms.allocation import LEAST_LEVEL, Plan, Spectrum, plan
from hypress.transforms.pca import Basis, project, quantised_basis
from hypress.valid import valid_samples

GUESSED = 8
"""M, the components that only the network knows, at most."""
GUESSED_SHARE = 0.2
"""Of the energy of a guessed component that may be guessed: its column is stored as finely as that is worth."""
LEAST_COLUMN = 0.1
"""Mean square of a guessed component's column, as integers: below it there is little left of its direction."""
NETWORK_SHARE = 0.03
"""Of the budget that the network may take …"""
PARAMETER_BITS = 4.0
"""… at about so many bits for a parameter."""
LEAST_WIDTH, MOST_WIDTH = 4, 128
QUANTUM = index_of(2.0**-6)
"""Step of the parameters: at 10000 pixels their error is then what that of the grids' entries is."""
PRICE = 0.3 * 2 * math.log(2) / 12
"""What a bit of the network is worth, in squared units: 2 ln 2 · 1/12 in the grids; here 0.3 of it measured best."""
LARGEST_FEATURE = 8.0
"""Features are halved until their root mean square is about this at most."""
CELLS = 4
"""Fits are made at powers of 2^(1/CELLS) bits."""
COARSENINGS = 40
"""How often, at most, the means' step is doubled where the budget is too small for them."""
OCTAVES, FRACTION = 24, 256
"""Range of the grids' step around its first guess, and the resolution of each octave."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """What is found at about a rate."""

    basis: Basis
    components: NDArray[np.float32]
    """Of the samples, `(K + M, y, x)`."""
    entries: NDArray[np.float64]
    """Of the grids of the first K."""
    levels: int
    step: float
    """Of the grids, as a first guess."""
    beyond: float
    """Squared error of the samples that no component can take away."""
    network: Network | None = None
    alone: Fitted | None = None
    """The same without the network and what it guesses."""

    @property
    def coded(self) -> int:
        """K."""
        return len(self.entries)


_fits: Recent[Fitted] = Recent()


def encode(
    samples: NDArray[Any], rate: float, layers: int | None, width: int | None, effort: Effort
) -> dict[str, bytes]:
    """The streams "basis", "grids" and "network", of at most `rate` bits per sample where that is possible.

    `layers` and `width` of the network are chosen where they are None. Raises ConfigurationError where the fit
    diverges, or the network is larger than a decoder takes.
    """
    budget = int(rate * samples.size / 8)
    cell = 2.0 ** (round(CELLS * math.log2(rate)) / CELLS)
    key = (digest(samples, valid_samples()), cell, layers, width, effort)
    fitted = _fits.get(key, lambda: _fit(samples, cell, layers, width, effort))
    trials = [trial for version in _versions(fitted) if (trial := _filled(version, budget)) is not None]
    return min(trials, key=lambda trial: trial[0])[1] if trials else _means(fitted, samples, budget)


def _versions(fitted: Fitted) -> Iterator[Fitted]:
    """With the network and without it."""
    if fitted.coded:
        yield fitted
    if fitted.alone is not None:
        yield fitted.alone


def _filled(fitted: Fitted, budget: int) -> tuple[float, dict[str, bytes]] | None:
    """Squared error, and the streams that fill the budget; None where none do."""
    network = write_network(fitted.network)
    basis = write_basis(fitted.basis, fitted.coded, fitted.levels, 1.0)
    found = _finest(fitted, budget - len(basis) - len(network))
    if found is None:
        return None
    step, stored, coded = found
    decoded = Scene(fitted.basis, stored, fitted.levels, step, fitted.network).components()
    error = fitted.beyond + _energy(fitted.basis, decoded - fitted.components)
    basis = write_basis(fitted.basis, fitted.coded, fitted.levels, step)
    return error, {"basis": basis, "grids": coded, "network": network}


def _finest(fitted: Fitted, room: int) -> tuple[float, NDArray[np.int32], bytes] | None:
    """Step, stored entries and bytes of the grids with the finest step at which these fit; None where none does."""
    best: tuple[float, NDArray[np.int32], bytes] | None = None

    def fits(place: int) -> bool:
        nonlocal best
        step = float(np.float32(fitted.step * 2.0 ** (place / FRACTION)))
        stored = grids.quantise(fitted.entries, step)
        coded = grids.encode_grids(stored, fitted.levels)
        if len(coded) > room:
            return False
        if best is None or step < best[0]:
            best = step, stored, coded
        return True

    fine = coarse = 0  # fine does not fit and coarse does, once they are apart
    stride = FRACTION // 8
    if fits(0):
        while fits(fine := max(coarse - stride, -OCTAVES * FRACTION)):
            if fine == -OCTAVES * FRACTION:
                return best
            coarse, stride = fine, 2 * stride
    else:
        while not fits(coarse := min(fine + stride, OCTAVES * FRACTION)):
            if coarse == OCTAVES * FRACTION:
                return None
            fine, stride = coarse, 2 * stride
    while coarse - fine > 1:
        middle = (coarse + fine) // 2
        if fits(middle):
            coarse = middle
        else:
            fine = middle
    return best


def _means(fitted: Fitted, samples: NDArray[Any], budget: int) -> dict[str, bytes]:
    """The means of the bands alone, as finely as the budget allows."""
    means = samples.reshape(len(samples), -1).mean(axis=1, dtype=np.float64)
    level = max(fitted.step**2 / 12, LEAST_LEVEL)
    for _ in range(COARSENINGS):
        basis = quantised_basis(means, np.zeros((len(means), 0)), np.zeros(0), samples[0].size, math.sqrt(12 * level))
        stream = write_basis(basis, 0, 0, 1.0)
        if len(stream) <= budget:
            break
        level *= 4
    return {"basis": stream, "grids": b"", "network": b""}


# --- the fit ------------------------------------------------------------------------------------------


def _fit(samples: NDArray[Any], rate: float, layers: int | None, width: int | None, effort: Effort) -> Fitted:
    budget = int(rate * samples.size / 8)
    chosen = plan(samples, Spectrum.of(samples), bits=8.0 * budget)
    chosen = chosen.at(max(chosen.level, LEAST_LEVEL))
    main = chosen.basis()
    coded = main.components
    layers = 1 if layers is None else layers
    levels = grids.suitable_levels(samples.shape)
    alone = _prepared(samples, main, coded, levels, chosen.step)
    wider = _with_guessed(main, chosen) if coded else main
    guessed = wider.components - coded
    if width is None:
        width = _width(budget, coded, guessed, layers)
    if not (coded and layers and width and effort.steps):
        return alone
    count = parameters(coded, guessed, layers, width)
    if count > MOST_PARAMETERS:
        raise ConfigurationError(f"siren: a network of {count} parameters; {MOST_PARAMETERS} is the most")
    fitted = _prepared(samples, wider, coded, levels, chosen.step)
    room = budget - len(write_basis(wider, coded, levels, 1.0)) - int(count * PARAMETER_BITS / 8)
    found = _finest(fitted, max(room, budget // 2))
    if found is None:
        return alone
    step, stored, _ = found
    fitted = replace(fitted, step=step)
    network = _fit_network(samples, fitted, stored, layers, width, effort)
    return replace(fitted, network=network, alone=replace(alone, step=step))


def _prepared(samples: NDArray[Any], basis: Basis, coded: int, levels: int, step: float) -> Fitted:
    """Components and entries for a basis, without a network."""
    components = project(samples, basis.means, basis.analysis())
    centred = samples.reshape(len(samples), -1) - basis.means[:, None]
    beyond = max(float(np.sum(np.square(centred))) - _energy(basis, components), 0.0)
    return Fitted(basis, components, grids.analyse(components[:coded], levels), levels, step, beyond)


def _energy(basis: Basis, components: NDArray[Any]) -> float:
    """Sum of the squares of all samples that components `(component, y, x)` stand for, less the means."""
    planes = components.astype(np.float64)
    products = np.tensordot(planes, planes, axes=((1, 2), (1, 2)))
    return float(np.sum((basis.columns.T @ basis.columns) * products))


def _fit_network(
    samples: NDArray[Any],
    fitted: Fitted,
    stored: NDArray[np.int32],
    layers: int,
    width: int,
    effort: Effort,
) -> Network:
    """The network, fitted to what grids of `fitted.step` leave."""
    from hypress.neural.siren.fit import Shown, fit_rounded

    unit, features = fitted.step, grids.read_out(stored, fitted.levels, fitted.step)
    coded, count = fitted.coded, len(fitted.components)
    sizes = np.sqrt(np.mean(np.square(features), axis=(1, 2))) * (FEATURE_GAIN / unit / LARGEST_FEATURE)
    halvings = np.clip(np.rint(np.log2(np.maximum(sizes, 1))), 0, 255).astype(np.uint8)
    targets = fitted.components.astype(np.float64)
    targets[:coded] -= features
    names = shapes(coded, count - coded, layers, width)

    def network(values: Layers) -> Network:
        tensors = [tensor for pair in values for tensor in pair]
        return Network({n: quantise(t, QUANTUM) for n, t in zip(names, tensors, strict=True)}, halvings, unit)

    def generated(values: Layers) -> NDArray[Any]:
        return Scene(fitted.basis, stored, fitted.levels, unit, network(values)).samples(samples.dtype)

    # A component is made of all bands: a pixel counts as much as of its bands are real.
    valid = valid_samples()
    weights = None if valid is None else valid.mean(axis=0, dtype=np.float32).reshape(1, -1)
    peak = max(abs(int(samples.max())), 1)
    found = fit_rounded(
        inputs(features, halvings, unit),
        (targets.reshape(count, -1) / unit).astype(np.float32),
        lambda mse: 10 * math.log10(peak**2 * samples.size / max(mse * targets.size * unit**2 + fitted.beyond, 1e-9)),
        effort,
        Shown(samples, generated, weights),
        layers=layers,
        width=width,
        omega=OMEGA,
        quantum=step_of(QUANTUM),
        price=PRICE / targets.size,
    )
    return network(found)


def _width(budget: int, coded: int, guessed: int, layers: int) -> int:
    """The width at which the network takes its share of the budget; 0 where that is too little for one."""
    room = 8 * NETWORK_SHARE * budget / PARAMETER_BITS
    fitting = [w for w in range(LEAST_WIDTH, MOST_WIDTH + 1) if parameters(coded, guessed, layers, w) <= room]
    return max(fitting, default=0)


def _with_guessed(main: Basis, chosen: Plan) -> Basis:
    """The basis, and as further columns the candidates with most energy outside of it that are worth a column."""
    inside = np.square(np.linalg.pinv(main.columns) @ chosen.axes).sum(axis=0)
    energies = GUESSED_SHARE * chosen.energies * (1 - inside)
    order = np.argsort(-energies, kind="stable")[:GUESSED]
    order = order[energies[order] * chosen.pixels > LEAST_COLUMN * len(chosen.means) * chosen.step**2]
    more = quantised_basis(chosen.means, chosen.axes[:, order], energies[order], chosen.pixels, chosen.step)
    return Basis(np.vstack([main.integers, more.integers[1:]]), main.mean_step)
