"""Initial weights that suit an image: custom weight initialisation (4.6.3.3), the encoder's own business.

The standard's weights start from a guess and are learnt on the way. In reduced mode the prediction is linear in the
central local differences d of the preceding bands, so the best weights of a band solve a small least-squares problem,
whose matrix is made of the bands' products ⟨d_z, d_z−i⟩, i ≤ P. A sample of the rows is enough. The products are
integers and the solution takes nothing but single IEEE operations, so the weights are the same anywhere.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.ccsds123.parameters import Rows
from hypress.entropy.mq import Int

ENOUGH = 1 << 12
"""Pixels that are looked at, about."""
RIDGE = 1e-7
"""Of the energies: keeps the weights of bands that are alike within bounds."""


class Fit(NamedTuple):
    """Initial weights, and how much they leave."""

    weights: Rows
    """Λ_z of each band."""
    remainder: float
    """Mean over bands of log₂ of the error's energy: two of it are a bit per sample."""


def fit(
    samples: NDArray[Any], prediction_bands: int, resolution: int, weight_bits: int, max_error: int, columns: bool
) -> Fit:
    """Weights for reduced mode and integers `(band, y, x)` of two rows and three columns at least.

    `columns`: for column-oriented local sums instead of neighbour-oriented ones. What a quantiser with that maximum
    error adds to the differences is allowed for.
    """
    bands, rows, width = samples.shape
    chosen = np.arange(1, rows, max(1, (rows - 1) * width // ENOUGH))
    pixels = chosen.size * (width - 2)
    differences = np.empty((bands, pixels), np.int32)
    bits = 8 * samples.dtype.itemsize + 2
    shift = max(0, bits - 31, -((61 - pixels.bit_length() - 2 * bits) // 2))  # so that the products fit into 61 bits
    _differences(samples, chosen, columns, shift, differences)
    products = np.zeros((bands, prediction_bands + 1))
    _multiply(differences, products)
    # The noise of 4s − σ, in energies: 16 for the sample, and 4 or 16 for the sum.
    uniform = ((2 * max_error + 1) ** 2 - 1) / 12
    noise = (32 if columns else 20) * uniform * pixels / 4.0**shift
    solutions, remainders = np.zeros((bands, prediction_bands)), np.zeros(bands)
    _solve(products, noise, solutions, remainders)
    unit = 1 << (resolution + 3 - weight_bits)
    half = 1 << (weight_bits - 1)
    levels = np.rint((solutions * (1 << resolution) - ((unit + 1) // 2 - 1)) / unit)
    coded = np.clip(levels, -half, half - 1).astype(np.int64).tolist()
    weights = tuple(tuple(row[: min(z, prediction_bands)]) for z, row in enumerate(coded))
    return Fit(weights, float(np.mean(np.log2(remainders))))


@njit(nogil=True, cache=True)
def _differences(samples: Any, chosen: Any, columns: bool, shift: Int, differences: Any) -> None:
    """d inside the image (equations 20, 22 and 24), on the chosen rows."""
    bands, _, width = samples.shape
    for z in range(bands):
        for r in range(chosen.size):
            here, above = samples[z, chosen[r]], samples[z, chosen[r] - 1]
            at = r * (width - 2)
            if columns:
                for x in range(1, width - 1):
                    differences[z, np.uintp(at + x - 1)] = 4 * (np.int64(here[x]) - np.int64(above[x])) >> shift
            else:
                for x in range(1, width - 1):
                    total = np.int64(here[x - 1]) + np.int64(above[x - 1])
                    total += np.int64(above[x]) + np.int64(above[x + 1])
                    differences[z, np.uintp(at + x - 1)] = (4 * np.int64(here[x]) - total) >> shift


@njit(nogil=True, cache=True)
def _multiply(differences: Any, products: Any) -> None:
    """⟨d_z, d_z−i⟩."""
    for z in range(products.shape[0]):
        for i in range(min(z + 1, products.shape[1])):
            here, before = differences[z], differences[z - i]
            total = np.int64(0)
            for t in range(here.size):
                total += np.int64(here[t]) * np.int64(before[t])
            products[z, i] = total


@njit(nogil=True, cache=True, error_model="numpy")
def _solve(products: Any, noise: float, solutions: Any, remainders: Any) -> None:
    """For each band the normal equations, by Cholesky's factors."""
    bands, most = solutions.shape
    matrix, right = np.zeros((most, most)), np.zeros(most)
    for z in range(bands):
        count = min(z, most)
        ridge = 1.0 + noise
        for i in range(count):
            ridge += RIDGE / count * products[z - 1 - i, 0]
        for i in range(count):
            for j in range(i + 1):  # band z − 1 − i comes before band z − 1 − j
                matrix[i, j] = products[z - 1 - j, i - j]
            matrix[i, i] += ridge
            right[i] = products[z, i + 1]
        remainders[z] = max(products[z, 0] + noise, 1.0)
        for i in range(count):
            for j in range(i + 1):
                total = matrix[i, j]
                for k in range(j):
                    total -= matrix[i, k] * matrix[j, k]
                matrix[i, j] = np.sqrt(max(total, ridge)) if i == j else total / matrix[j, j]
            total = right[i]
            for k in range(i):
                total -= matrix[i, k] * right[k]
            right[i] = total / matrix[i, i]
            remainders[z] = max(remainders[z] - right[i] * right[i], 1.0)
        for i in range(count - 1, -1, -1):
            total = right[i]
            for k in range(i + 1, count):
                total -= matrix[k, i] * right[k]
            right[i] = total / matrix[i, i]
            solutions[z, i] = right[i]
