"""Components and their coefficients in a budget of bytes: the lattice step, the trellis's way, and the basis's refit.

What an index costs depends on the magnitudes around it, which the trellis is about to choose. So it goes round: each
coding says what was expected of every coefficient and what indices cost, and the trellis takes both for true in the
next round, whose step is nearer to the budget. The first look is at plainly quantised coefficients.

Between rounds the basis may be fitted again: the regression of the samples on the decoded components is a better basis
for what is sent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.tcq import stream
from hypress.tcq.stream import Known
from hypress.tcq.subbands import Layout
from hypress.tcq.trellis import LARGEST, quantise, reconstruct
from hypress.transforms.allocation import Plan
from hypress.transforms.pca import Basis, products, project, quantised_basis

LATTICE = 0.56
"""Lattice step of the first look, of the uniform quantiser's step that the plan expects to meet the budget."""
WEIGHT = 0.25
"""λ, in squared lattice steps per bit: rather less than the 0.37 of theory, for zeros lower what is expected nearby."""
ROUNDING = 0.42
"""What is added to plainly quantised coefficients, in steps, before they are cut."""
GAIN = 1.05
"""Bytes of the trellis against those of plain quantisation, with steps of two lattice steps."""
SLOPE, STEEPER = 0.6, 1.2
"""Bytes fall about as the step to this power; it is taken to be so much larger whenever the budget was crossed."""
FINEST, COARSEST = 2.0**-6, 2.0**31
SPENT, AIM = 0.995, 0.9975
"""Shares of a budget: enough, and aimed at."""


@dataclass(frozen=True)
class Effort:
    """How much is tried."""

    sweeps: int
    """Rounds of plane rotations."""
    refits: int
    """How often the basis is fitted again."""
    rounds: int
    """Of trellis and coding, at least."""
    trials: int = 9
    """The same, at most."""


@dataclass(frozen=True, eq=False)
class Found:
    """Components coded at a step."""

    head: bytes
    """The basis."""
    step: float
    """The lattice step; a float32."""
    data: bytes


def within(
    samples: NDArray[Any],
    chosen: Plan,
    basis: Basis,
    write: Callable[[Basis], bytes],
    *,
    levels: int,
    budget: int,
    effort: Effort,
) -> Found | None:
    """Code samples `(band, y, x)` with a basis, which `write` stores, in at most `budget` bytes. None: no step fits."""
    head = write(basis)
    layout = Layout((basis.components, *samples.shape[1:]), levels)
    values = layout.split(project(samples, basis.means, basis.analysis()))
    finest = max(FINEST, max(float(np.abs(band).max(initial=0)) for band in values) / (LARGEST // 2))
    step = min(max(LATTICE * chosen.step, finest), COARSEST)
    size, known = stream.look(_plain(values, step), layout)
    size *= GAIN
    slope, over = SLOPE, 0.0
    best: Found | None = None
    for trial in range(effort.trials):
        last, over = over, math.log(max(size, 1) / max(AIM * (budget - len(head)), 1))
        if trial > 1 and last * over < 0:
            slope *= STEEPER
        before = step
        step *= math.exp(min(max(over / slope, -4.0), 4.0))
        step = float(np.float32(min(max(step, finest), COARSEST)))
        indices = _trellis(values, layout, step, known, before / step)
        data, known = stream.encode(indices, layout)
        size = len(data)
        if size + len(head) <= budget:
            if best is None or trial < effort.rounds or size + len(head) > len(best.data) + len(best.head):
                best = Found(head, step, data)
            if trial + 1 >= effort.rounds and (size + len(head) >= SPENT * budget or step <= finest):
                break
        if trial < effort.refits:
            decoded = layout.join([reconstruct(band) for band in indices], step)
            refit = _refit(samples, basis, decoded, chosen)
            if refit.components == basis.components:
                basis, head = refit, write(refit)
                values = layout.split(project(samples, basis.means, basis.analysis()))
    return best


def _plain(values: Sequence[NDArray[np.float32]], step: float) -> list[NDArray[np.int32]]:
    indices = []
    for band in values:
        magnitude = np.floor(np.abs(band) * np.float32(0.5 / step) + np.float32(ROUNDING))
        indices.append(np.asarray(np.copysign(np.minimum(magnitude, LARGEST // 2), band), np.int32))
    return indices


def _trellis(
    values: Sequence[NDArray[np.float32]], layout: Layout, step: float, known: Known, finer: float
) -> list[NDArray[np.int32]]:
    def work(lane: int) -> dict[int, NDArray[np.int32]]:
        costs = known.costs[lane]
        return {i: quantise(values[i], known.expectations[i], costs, step, WEIGHT, finer) for i in layout.lanes[lane]}

    found = {i: band for lane in layout.each_lane(work) for i, band in lane.items()}
    return [found[i] for i in range(len(values))]


def _refit(samples: NDArray[Any], basis: Basis, decoded: NDArray[np.float64], chosen: Plan) -> Basis:
    """The regression of samples on decoded components `(component, y, x)`, as a basis."""
    cross, energy = products(samples, basis.means, decoded)
    axes = cross @ np.linalg.pinv(energy, hermitian=True)
    norms = np.maximum(np.linalg.norm(axes, axis=0), 1e-12)
    energies = np.diag(energy) / chosen.pixels * norms**2
    return quantised_basis(chosen.means, axes / norms, energies, chosen.pixels, chosen.step)
