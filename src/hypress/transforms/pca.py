"""Karhunen-Loève transform across bands, with a basis that is itself coded.

A pixel's spectrum `x` (B bands) becomes `K` components `c`; the decoder forms `x ≈ m + Q c`.

*The basis is just more coefficients.* If component k has energy λ_k per pixel and the scene N pixels, an
error δ in the entry V[b, k] makes a squared error of `N λ_k δ²` in the scene: as much as an error of
`δ √(N λ_k)` in one coefficient. So all entries of `V diag(√(N λ))` are quantised with the step at which the
coefficients are quantised, and the band means, times √N, likewise: they are the entries of a component that is
always one. These integers are small for components that matter little, and a column of zeros is not stored.

Components are the least-squares coefficients for the *quantised* basis, `(QᵀQ)⁻¹ Qᵀ (x − m)`, so what its
quantisation bent is partly taken back.

Decoding is exact on any machine. The integers of a column are divided by their norm into fixed point with
integer square roots; components are rounded to sixteenths of a sample; and the product of the two is formed
by floating-point matrix multiplication in which every partial sum is an integer below 2**53, which is exact
in whatever order, and with whatever fused operations, it is done.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.blas import one_thread
from hypress.once import once

BLOCK_SAMPLES = 1 << 20
"""Samples that are widened to float64 at once."""
THREADS = 2
"""Blocks that are brought back at once."""
FRACTION = 4
"""Bits after the point of a component that enters the inverse transform."""
LARGEST = 1 << 34
"""Bound of such a component: what is beyond came from damaged bytes, and is clipped."""
MEAN_FRACTION = 16
"""Bits after the point of the step of the means."""


def row_blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    """Slices over the rows of a tile `(band, y, x)`, each of about `BLOCK_SAMPLES` samples."""
    bands, rows, columns = shape
    step = max(1, BLOCK_SAMPLES // max(1, bands * columns))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def moments(samples: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means `(band,)` and covariance `(band, band)` of samples `(band, y, x)`, in float64."""
    bands, rows, columns = samples.shape
    pixels = rows * columns
    means = samples.reshape(bands, -1).mean(axis=1, dtype=np.float64)
    covariance = np.zeros((bands, bands))
    for block in row_blocks(samples.shape):
        part = samples[:, block].reshape(bands, -1) - means[:, None]
        covariance += part @ part.T
    return means, covariance / pixels


def principal_axes(covariance: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Variances, falling, and axes `(band, component)`, the largest entry of each positive."""
    variances, axes = np.linalg.eigh(covariance)
    variances, axes = np.maximum(variances[::-1], 0), axes[:, ::-1]
    largest = np.abs(axes).argmax(axis=0)
    return variances, axes * np.where(axes[largest, np.arange(axes.shape[1])] < 0, -1.0, 1.0)


def project(samples: NDArray[Any], means: NDArray[np.float64], analysis: NDArray[np.float64]) -> NDArray[np.float32]:
    """Components `(component, y, x)`: the rows of `analysis (component, band)` times samples minus means."""
    bands, rows, columns = samples.shape
    components = np.empty((analysis.shape[0], rows, columns), np.float32)
    for block in row_blocks(samples.shape):
        part = samples[:, block].reshape(bands, -1) - means[:, None]
        components[:, block] = (analysis @ part).reshape(-1, block.stop - block.start, columns)
    return components


def products(
    samples: NDArray[Any], means: NDArray[np.float64], components: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums over the pixels of `(x − m) cᵀ (band, component)` and of `c cᵀ (component, component)`."""
    count = len(components)
    cross, energy = np.zeros((len(means), count)), np.zeros((count, count))
    for block in row_blocks(samples.shape):
        part = samples[:, block].reshape(len(means), -1) - means[:, None]
        inner = components[:, block].reshape(count, part.shape[1])
        cross += part @ inner.T
        energy += inner @ inner.T
    return cross, energy


@dataclass(frozen=True, eq=False)
class Basis:
    """A quantised basis: all that the inverse transform needs to know.

    `integers (1 + K, band)`, int64: the band means in units of `mean_step` 65536ths of a sample, then the
    columns, each up to a factor.
    """

    integers: NDArray[np.int64]
    mean_step: int

    @property
    def components(self) -> int:
        """K, the number of components."""
        return len(self.integers) - 1

    @once
    def means(self) -> NDArray[np.float64]:
        """Means of the bands `(band,)` as the decoder has them."""
        return np.asarray(self.integers[0] * (self.mean_step / (1 << MEAN_FRACTION)))

    @once
    def columns(self) -> NDArray[np.float64]:
        """The columns `(band, K)`, of norm one."""
        columns = self.integers[1:].T.astype(np.float64)
        return np.asarray(columns / np.maximum(np.linalg.norm(columns, axis=0), 1))

    def without_components(self) -> Basis:
        """The means alone."""
        return Basis(self.integers[:1], self.mean_step)

    def analysis(self) -> NDArray[np.float64]:
        """The matrix `(K, band)` that takes a spectrum minus means to its least-squares components."""
        return np.asarray(np.linalg.pinv(self.columns), np.float64)

    def fixed_point(self, bits: int) -> NDArray[np.int64]:
        """The columns `(band, K)` of norm one, times `2**bits`, rounded: integer arithmetic only."""
        fixed = np.zeros(self.integers[1:].T.shape, np.int64)
        for k, column in enumerate(self.integers[1:].tolist()):
            square = sum(entry * entry for entry in column)
            for b, entry in enumerate(column):
                if entry:
                    root = (math.isqrt((entry * entry << (2 * bits + 2)) // square) + 1) >> 1
                    fixed[b, k] = root if entry > 0 else -root
        return fixed

    def inverse(self, components: NDArray[np.float64], dtype: Any) -> NDArray[Any]:
        """Samples `(band, y, x)` of `dtype` from components `(K, y, x)`: exact, rounded, clipped."""
        bands, (rows, columns) = self.integers.shape[1], components.shape[1:]
        limits = np.iinfo(dtype)
        out = np.empty((bands, rows, columns), dtype)
        peak = max((int(np.abs(self._rounded(plane)).max()) for plane in components), default=0)
        bits = min(40, 52 - max(self.components, 1).bit_length() - peak.bit_length())
        point = bits + FRACTION
        matrix = self.fixed_point(bits).astype(np.float64)
        bound = 1 << 61
        offset = np.empty((bands, 1), np.int64)
        for b, mean in enumerate(self.integers[0].tolist()):
            fixed = (mean * self.mean_step << point) >> MEAN_FRACTION
            offset[b] = min(max(fixed, -bound), bound) + (1 << point >> 1)

        def fill(block: slice) -> None:
            pixels = (block.stop - block.start) * columns
            part = self._rounded(components[:, block]).reshape(self.components, pixels)
            total = (matrix @ part).astype(np.int64)
            total += offset
            total >>= point
            np.clip(total, limits.min, limits.max, out=total)
            out[:, block] = total.reshape(bands, -1, columns)

        with one_thread(), ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(fill, row_blocks(out.shape)))
        return out

    @staticmethod
    def _rounded(components: NDArray[np.float64]) -> NDArray[np.float64]:
        """Components in sixteenths, whole numbers; damaged ones brought into range."""
        scaled = np.floor(np.asarray(components, np.float64) * (1 << FRACTION) + 0.5)
        whole: NDArray[np.float64] = np.nan_to_num(np.clip(scaled, -LARGEST, LARGEST), copy=False)
        return whole


def quantised_basis(
    means: NDArray[np.float64],
    axes: NDArray[np.float64],
    variances: NDArray[np.float64],
    pixels: int,
    step: float,
) -> Basis:
    """The basis of components with `axes (band, K)` and `variances (K,)`, for a coefficient step of `step`.

    Columns that quantise to nothing are left out; the rest are in order of falling variance.
    """
    mean_step = min(max(1, round(step / math.sqrt(pixels) * (1 << MEAN_FRACTION))), (1 << 32) - 1)
    order = np.argsort(-variances, kind="stable")
    columns = np.rint(axes[:, order] * (np.sqrt(pixels * variances[order]) / step))
    columns = np.clip(columns, -(1 << 36), 1 << 36).T.astype(np.int64)
    level = np.rint(means * ((1 << MEAN_FRACTION) / mean_step)).astype(np.int64)
    return Basis(np.vstack([level, columns[np.abs(columns).max(axis=1, initial=0) > 0]]), mean_step)
