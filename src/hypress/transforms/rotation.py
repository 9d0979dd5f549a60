"""A rotation of principal components that makes them cheaper to code.

The KLT makes components uncorrelated over the whole scene. What a wavelet coder pays for is something else:
about `½ log2(1 + v / D)` bits for each coefficient, where `v` is the variance around that coefficient (its
subband, its neighbourhood) and `D` the distortion level at which the coder works. Within the span of the
leading components any rotation keeps distortion as it is, so choose the one with the least

    J = ½ Σ_b w_b Σ_k log2(1 + (Rᵀ C_b R)_kk / D)

over the covariances `C_b` of many blocks `b` of wavelet coefficients, with `w_b` coefficients each. For D → 0
these are the common principal components of B. Flury ("Common principal components in k groups", JASA 79,
1984), which Akam Bita, Barret and Pham ("On optimal transforms in lossy compression of multicomponent images
with JPEG2000", Signal Processing 90, 2010) found by another road to be the optimal spectral transform in
front of JPEG 2000. The decoder knows nothing of this: it sees a basis.

J is brought down by plane rotations of all pairs in turn (B. Flury and W. Gautschi, 1986), each at the best
of a fixed fan of angles. Wavelet coefficients come from the orthonormal Haar pyramid: it serves only to
estimate, and longer filters were measured to gain nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numba import njit
from numpy.typing import NDArray

LEVELS = 4
BLOCK = 6
"""Edge of a block of wavelet coefficients; larger in large tiles."""
BLOCKS = 600
"""About the largest number of blocks, which bounds time and memory."""
_FAN = np.linspace(-1, 1, 25)
ANGLES = np.pi / 4 * np.sign(_FAN) * _FAN**2


def haar_bands(planes: NDArray[np.float32], levels: int = LEVELS) -> list[NDArray[np.float32]]:
    """Subbands `(component, y, x)` of the orthonormal Haar pyramid of planes; odd last lines are left out."""
    found: list[NDArray[np.float32]] = []
    half = np.float32(0.5)
    for _ in range(levels):
        rows, columns = planes.shape[1] & ~1, planes.shape[2] & ~1
        if not rows or not columns:
            break
        a, b = planes[:, 0:rows:2, 0:columns:2], planes[:, 0:rows:2, 1:columns:2]
        c, d = planes[:, 1:rows:2, 0:columns:2], planes[:, 1:rows:2, 1:columns:2]
        found += [(a - b + c - d) * half, (a + b - c - d) * half, (a - b - c + d) * half]
        planes = (a + b + c + d) * half
    return [*found, planes]


def _blocks(planes: NDArray[np.float32]) -> Iterator[NDArray[np.float64]]:
    """Blocks `(component, coefficient)` of the wavelet coefficients of planes `(component, y, x)`."""
    count = planes.shape[0]
    edge = max(BLOCK, int(np.sqrt(planes.shape[1] * planes.shape[2] / BLOCKS)))
    for band in haar_bands(planes):
        for rows in np.array_split(np.arange(band.shape[1]), max(1, round(band.shape[1] / edge))):
            for columns in np.array_split(np.arange(band.shape[2]), max(1, round(band.shape[2] / edge))):
                block = band[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
                yield block.reshape(count, rows.size * columns.size).astype(np.float64)


def block_covariances(planes: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Covariances `(component, component, block)` of blocks of wavelet coefficients, and sizes `(block,)`."""
    blocks = [(block @ block.T / block.shape[1], block.shape[1]) for block in _blocks(planes)]
    covariances = np.ascontiguousarray(np.moveaxis(np.array([c for c, _ in blocks]), 0, 2))
    return covariances, np.array([size for _, size in blocks], np.float64)


def block_variances(planes: NDArray[np.float32]) -> NDArray[np.float64]:
    """The diagonals `(component, block)` of `block_covariances`, without the rest."""
    return np.stack([np.square(block).mean(axis=1) for block in _blocks(planes)], axis=1)


def cheapest_rotation(
    covariances: NDArray[np.float64], weights: NDArray[np.float64], level: float, *, sweeps: int = 4
) -> NDArray[np.float64]:
    """The orthogonal matrix `(component, new component)` that brings J down.

    `covariances` and `weights` are those of `block_covariances`, `level` is the distortion per coefficient.
    The covariances are turned in place, to those of the new components.
    """
    rotation = np.eye(covariances.shape[0])
    if level > 0:
        _turn_pairs(covariances, weights, level, rotation, np.cos(ANGLES), np.sin(ANGLES), sweeps)
    return rotation


@njit(nogil=True, cache=True)
def _turn_pairs(
    covariances: NDArray[np.float64],
    weights: NDArray[np.float64],
    level: float,
    rotation: NDArray[np.float64],
    cosines: NDArray[np.float64],
    sines: NDArray[np.float64],
    sweeps: int,
) -> None:
    count, blocks = covariances.shape[0], covariances.shape[2]
    for _ in range(sweeps):
        turned = False
        for i in range(count):
            for j in range(i + 1, count):
                best, where = 0.0, -1
                for b in range(blocks):
                    first, second = covariances[i, i, b], covariances[j, j, b]
                    best += weights[b] * np.log((1 + first / level) * (1 + second / level))
                best *= 1 - 1e-12
                for angle in range(cosines.size):
                    c, s = cosines[angle], sines[angle]
                    cost = 0.0
                    for b in range(blocks):
                        first, second = covariances[i, i, b], covariances[j, j, b]
                        cross = 2 * c * s * covariances[i, j, b]
                        one = max(c * c * first + s * s * second + cross, 0.0)
                        two = max(s * s * first + c * c * second - cross, 0.0)
                        cost += weights[b] * np.log((1 + one / level) * (1 + two / level))
                    if cost < best:
                        best, where = cost, angle
                if where >= 0:
                    turned = True
                    c, s = cosines[where], sines[where]
                    _turn(covariances, i, j, c, s)
                    for k in range(count):
                        a, b_ = rotation[k, i], rotation[k, j]
                        rotation[k, i], rotation[k, j] = c * a + s * b_, c * b_ - s * a
        if not turned:
            break


@njit(nogil=True, cache=True)
def _turn(covariances: NDArray[np.float64], i: int, j: int, c: float, s: float) -> None:
    """Rotate the plane of components i and j in every covariance, on both sides."""
    count, blocks = covariances.shape[0], covariances.shape[2]
    for k in range(count):
        for b in range(blocks):
            one, two = covariances[i, k, b], covariances[j, k, b]
            covariances[i, k, b], covariances[j, k, b] = c * one + s * two, c * two - s * one
    for k in range(count):
        for b in range(blocks):
            one, two = covariances[k, i, b], covariances[k, j, b]
            covariances[k, i, b], covariances[k, j, b] = c * one + s * two, c * two - s * one
