"""Spectral partition: which bands belong together, and which band tells most about another.

After S. Mijares i Verdú et al.: adjacent bands are alike in intervals, seen as squares along the diagonal of the
matrix of correlations. Here the intervals are those that minimise

    Σ over intervals  [ price + Σ over their bands (1 − |correlation| with the interval's most typical band) ]

by dynamic programming over all partitions into intervals.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

PRICE = 2.0
"""Of an interval: as much as two bands that have nothing in common with the others."""
AVIRIS = (40, 96, 155, 165, 224)
"""Where the five intervals of AVIRIS's 224 bands end, as published for it."""
WITHIN = 64
"""A band is told about by bands no further away."""


def correlations(samples: NDArray[Any]) -> NDArray[np.float64]:
    """Correlations `(band, band)` of integers `(band, y, x)`; 0 with a constant band."""
    flat = samples.reshape(len(samples), -1)
    products, sums = np.zeros((len(flat), len(flat))), np.zeros(len(flat))
    step = max(1, (1 << 22) // max(len(flat), 1))
    for start in range(0, flat.shape[1], step):
        part = flat[:, start : start + step].astype(np.float64)
        products += part @ part.T
        sums += part.sum(1)
    covariance = products - np.outer(sums, sums) / flat.shape[1]
    deviations = np.sqrt(np.maximum(np.diag(covariance), 0))
    scale = np.where(deviations > 1e-9 * np.sqrt(np.maximum(np.diag(products), 1)), deviations, np.inf)
    return np.clip(covariance / np.outer(scale, scale), -1, 1)


def intervals(correlation: NDArray[np.float64], price: float = PRICE) -> list[int]:
    """Where each interval of the best partition ends: the number of its last band, counted from one."""
    ends = _best_ends(np.abs(correlation), price)
    found, end = [], len(correlation)
    while end > 0:
        found.append(end)
        end = int(ends[end])
    return found[::-1]


@njit(nogil=True, cache=True)
def _best_ends(likeness: NDArray[np.float64], price: float) -> NDArray[np.int64]:
    """For each number of bands, where its last interval begins."""
    count = len(likeness)
    best, begin = np.full(count + 1, np.inf), np.zeros(count + 1, np.int64)
    best[0] = 0.0
    for first in range(count):
        sums = np.zeros(count)  # of the likeness of each band with those of the interval
        for last in range(first, count):
            for band in range(first, last + 1):
                sums[band] += likeness[band, last] if band != last else 0.0
            for band in range(first, last + 1):
                sums[last] += likeness[band, last]
            cost = best[first] + price + (last - first + 1) - sums[first : last + 1].max()
            if cost < best[last + 1]:
                best[last + 1], begin[last + 1] = cost, first
    return begin


def references(correlation: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """For each band the `count` bands before it that are most like it, best first; −1 where there are none."""
    found = np.full((len(correlation), count), -1, np.int64)
    for band in range(1, len(correlation)):
        low = max(0, band - WITHIN)
        likeness = np.abs(correlation[band, low:band])
        # Ties go to the nearest band.
        order = np.argsort(-likeness[::-1], kind="stable")[:count]
        best = band - 1 - order
        best = best[np.abs(correlation[band, best]) > 0]
        found[band, : len(best)] = best
    return found
