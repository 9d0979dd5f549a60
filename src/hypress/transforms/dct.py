"""The discrete cosine transform of square blocks (N. Ahmed, T. Natarajan and K. R. Rao, IEEE Trans. Computers, 1974).

DCT-II and its inverse, orthonormal: a coefficient's error is a sample's error. Images are cut into blocks of
`size × size`; where a side is no multiple of that, the last row or column is repeated, and cropped again.

The inverse exists in integers too, for loops in which encoder and decoder must agree to the bit: the matrix is rounded
to `POINT` bits, so that all sums are integers below 2⁵³, which float64 holds exactly in whatever order they are added.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

POINT = 13
"""Bits after the point of the integer transform's matrix."""
LARGEST = 1 << 20
"""Bound of a coefficient that the integer transform takes: what is beyond came from damaged bytes, and is clipped."""


@cache
def matrix(size: int) -> NDArray[np.float64]:
    """The orthonormal DCT-II, `(frequency, sample)`."""
    k, n = np.mgrid[:size, :size]
    cosines = np.cos(np.pi * (2 * n + 1) * k / (2 * size)) * np.sqrt(2 / size)
    cosines[0] = np.sqrt(1 / size)
    cosines.flags.writeable = False
    return cosines


@cache
def zigzag(size: int) -> NDArray[np.int64]:
    """Flat indices of a block from the lowest frequencies to the highest, along the diagonals to and fro."""
    y, x = np.mgrid[:size, :size]
    along = np.where((x + y) % 2 == 0, x, y)
    order = np.lexsort((along.ravel(), (x + y).ravel()))
    order.flags.writeable = False
    return order


def forward(images: NDArray[Any], size: int) -> NDArray[np.float64]:
    """Coefficients `(image, block row, block column, frequency y, frequency x)` of images `(image, y, x)`."""
    count, rows, columns = images.shape
    padded = np.pad(images, ((0, 0), (0, -rows % size), (0, -columns % size)), "edge").astype(np.float64)
    blocks = padded.reshape(count, padded.shape[1] // size, size, padded.shape[2] // size, size).swapaxes(2, 3)
    cosines = matrix(size)
    return np.asarray(cosines @ blocks @ cosines.T)


def inverse(coefficients: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Images `(image, y, x)` of `shape (y, x)` from what `forward` returned."""
    cosines = matrix(coefficients.shape[-1])
    return _joined(cosines.T @ coefficients.astype(np.float64) @ cosines, shape)


def inverse_exact(coefficients: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.int64]:
    """As `inverse`, of integer coefficients to integer samples, the same on every machine."""
    cosines = np.rint(matrix(coefficients.shape[-1]) * (1 << POINT))
    bounded = np.clip(coefficients, -LARGEST, LARGEST).astype(np.float64)
    samples = np.floor((cosines.T @ bounded @ cosines) * 0.5 ** (2 * POINT) + 0.5)
    return _joined(samples, shape).astype(np.int64)


def _joined(blocks: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    count, high, wide, size, _ = blocks.shape
    return blocks.swapaxes(2, 3).reshape(count, high * size, wide * size)[:, : shape[0], : shape[1]]
