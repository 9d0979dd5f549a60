"""Which spectral components a rate can pay for, and how finely their basis is worth storing.

Reverse water-filling (Cover and Thomas, "Elements of information theory", §10.3.3), on a model: a coefficient
whose surroundings have variance `v` costs `½ log2(v / D)` bits and is left with the distortion `D`, or costs
nothing and is left with `v` where that is below `D`. Surroundings are the blocks of wavelet coefficients of
`rotation`. A column of the basis is one more such block, of B coefficients with variance `N λ / B` (see
`pca`). The level D at which the bits sum up to the budget gives everything else:

- the rotation of the components (`rotation`);
- the quantiser step of the basis, `√(12 D)`: its entries are left with the distortion D too;
- the components kept: those whose saved distortion is worth their bits at the exchange rate `2 ln 2 · D` per
  bit, which is the slope of the model where the coder works.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hypress.once import once
from hypress.transforms.pca import Basis, moments, principal_axes, project, quantised_basis
from hypress.transforms.rotation import block_covariances, block_variances, cheapest_rotation

CANDIDATES = 24
"""Components that are looked at, at least."""
ROTATED = 48
"""Components, at most, that are rotated, for the time goes with the cube. Later ones stay as they are."""
LEAST_LEVEL = 2.0**-8
"""Distortion that integer samples never need to get below."""
TURNING = 0.25
"""Level for the rotation, of the level of the coder: what lies somewhat below it matters too."""
PRICE = 1.2
"""A component is kept where it is worth this many times its modelled price: models flatter."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Candidate components of a tile, and the level at which they are to be coded."""

    means: NDArray[np.float64]
    axes: NDArray[np.float64]
    """Orthonormal, `(band, component)`."""
    energies: NDArray[np.float64]
    """Mean square of each component over all pixels."""
    blocks: NDArray[np.float64]
    """Variances `(component, block)` of blocks of wavelet coefficients."""
    sizes: NDArray[np.float64]
    """Coefficients in each block."""
    pixels: int
    level: float
    """D, the distortion per coefficient."""

    @property
    def step(self) -> float:
        """The uniform quantiser step whose distortion is `level`."""
        return math.sqrt(12 * self.level)

    def bits(self, level: float) -> NDArray[np.float64]:
        """Modelled bits of each component with its column of the basis, at a level."""
        bands, (blocks, columns) = len(self.means), self._logarithms
        planes = np.maximum(blocks - math.log2(level), 0) @ self.sizes
        return np.asarray((planes + bands * np.maximum(columns - math.log2(level), 0)) / 2)

    @once
    def _logarithms(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of the blocks' variances, and of the mean squares of the columns' entries, to the base 2."""
        columns = self.energies * self.pixels / len(self.means)
        return np.log2(np.maximum(self.blocks, 1e-30)), np.log2(np.maximum(columns, 1e-30))

    def at(self, level: float) -> Plan:
        """The same components at another level."""
        return replace(self, level=max(level, 1e-9))

    def for_bits(self, bits: float) -> Plan:
        """The same components at the level at which they cost `bits`, by bisection."""
        return self._from(lambda level: bool(self.bits(level).sum() > bits))

    def for_error(self, squares: float, spectrum: Spectrum) -> Plan:
        """The same components at the level that leaves, others left out, a squared error of `squares` per pixel."""
        within = squares - float(spectrum.variances.sum() - self.energies.sum())
        pixels = self.pixels
        return self._from(lambda level: bool((np.minimum(self.blocks, level) @ self.sizes).sum() < within * pixels))

    def _from(self, too_low: Callable[[float], bool]) -> Plan:
        """The same components at the least level that is not too low, by bisection."""
        low, high = -30.0, 50.0
        for _ in range(40):
            middle = (low + high) / 2
            if too_low(2.0**middle):
                low = middle
            else:
                high = middle
        return self.at(2.0**high)

    def basis(self) -> Basis:
        """The quantised basis of the components that are worth their bits."""
        saved = np.maximum(self.blocks - self.level, 0) @ self.sizes
        worth = saved > PRICE * 2 * math.log(2) * self.level * self.bits(self.level)
        return quantised_basis(self.means, self.axes[:, worth], self.energies[worth], self.pixels, self.step)


class Spectrum(NamedTuple):
    """The KLT of a tile."""

    means: NDArray[np.float64]
    variances: NDArray[np.float64]
    """Falling, `(component,)`."""
    axes: NDArray[np.float64]
    """`(band, component)`."""

    @classmethod
    def of(cls, samples: NDArray[Any]) -> Spectrum:
        """The KLT of samples `(band, y, x)`."""
        means, covariance = moments(samples)
        return cls(means, *principal_axes(covariance))

    def outside(self, basis: Basis) -> float:
        """Variance per sample that no combination of the columns of a basis reaches."""
        span = np.linalg.qr(basis.columns)[0]
        reached = np.square(span.T @ self.axes).sum(axis=0)
        return float(np.maximum(1 - reached, 0) @ self.variances) / len(self.means)

    def noise(self, least: float) -> float:
        """Variance of what seems noise: the geometric mean of the last three quarters, each ≥ `least`."""
        later = np.maximum(self.variances[len(self.variances) // 4 :], least)
        return float(np.exp(np.mean(np.log(later))))


def plan(
    samples: NDArray[Any],
    spectrum: Spectrum,
    *,
    bits: float | None = None,
    level: float | None = None,
    least: float = 0.5,
    sweeps: int = 6,
) -> Plan:
    """The plan for coding samples `(band, y, x)` in about `bits` bits, or at a `level` of distortion.

    At a given level, components of the KLT are candidates from `least` times that variance on.
    `sweeps` of plane rotations are made; none leaves the components those of the plain KLT.
    """
    means, variances, axes = spectrum
    pixels = samples[0].size
    if level is None:
        flat = Plan(means, axes, variances, variances[:, None], np.array([float(pixels)]), pixels, 1.0)
        floor = flat.for_bits(0.0 if bits is None else bits).level / 16
    else:
        floor = least * level
    count = int(np.clip(np.sum(variances > floor), 0, min(len(means), pixels)))
    if level is None:  # where a scene is smooth or flat, wavelets reach far below what variances alone say
        count = max(count, min(CANDIDATES, int(np.sum(variances > LEAST_LEVEL))))
    axes, energies = axes[:, :count], variances[:count]
    components = project(samples, means, axes.T)

    turned = min(count, ROTATED)
    covariances, sizes = block_covariances(components[:turned])
    blocks = np.concatenate([np.einsum("kkb->kb", covariances), block_variances(components[turned:])])
    draft = Plan(means, axes, energies, blocks, sizes, pixels, 1.0)
    draft = draft.for_bits(bits or 0.0) if level is None else draft.at(level)
    if sweeps and turned > 1:
        # The basis takes part: its columns are one more block.
        column = np.diag(energies[:turned] * pixels / len(means))[:, :, None]
        covariances = np.concatenate([covariances, column], axis=2)
        rotation = cheapest_rotation(covariances, np.append(sizes, len(means)), TURNING * draft.level, sweeps=sweeps)
        axes = np.hstack([axes[:, :turned] @ rotation, axes[:, turned:]])
        blocks[:turned] = np.einsum("kkb->kb", covariances)[:, :-1]
        energies = np.concatenate([np.square(rotation).T @ energies[:turned], energies[turned:]])
        draft = Plan(means, axes, energies, blocks, sizes, pixels, draft.level)
        draft = draft.for_bits(bits or 0.0) if level is None else draft
    return draft


def level_of_bands(samples: NDArray[Any], bits: float) -> float:
    """The level at which the bands `(band, y, x)`, each by itself, cost `bits` bits."""
    blocks = []
    for band in samples:
        centred = band.astype(np.float32)
        covariances, sizes = block_covariances((centred - centred.mean())[None])
        blocks.append(covariances[0, 0])
    nothing = np.zeros(len(samples))
    bands = Plan(nothing, np.eye(1), nothing, np.array(blocks), sizes, samples[0].size, 1.0)
    return bands.for_bits(bits).level
