"""Weighted least squares, renewed as samples come: the weights w of regressors u solve

    (S + R) (w - w₀) = s - S w₀,      S = Σ g u uᵀ,  s = Σ g u x,

where g is the gain of a sample, w₀ what is thought beforehand and R, a diagonal, how firmly. Older samples count less:
instead of letting all sums shrink at each sample, gains grow, and R with them.

Every sum is one sequence of IEEE 754 operations, vectorised over independent elements only and compiled without leave
to reorder or contract, so every machine finds the same weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

TOGETHER = 8
"""Samples learnt from at a time, and rows eliminated at a time; rows are as long as a multiple of it."""
HUGE = 1e60
"""When gains have grown beyond this, all is divided by them."""


@njit(nogil=True, cache=True, error_model="numpy")
def learn(sums: Any, inputs: Any, gains: Any, first: int, size: int) -> None:
    """Add `TOGETHER` samples to the rows of `sums` from `first`, a multiple of that, to `size`.

    Row i of `sums` holds S's row i from the diagonal on, sᵢ in column `size`, and left of the diagonal what does not
    matter. `inputs (sample, column)` are the regressors, the value in column `size`, zeros after it.
    """
    width = (size // TOGETHER + 1) * TOGETHER
    for lo in range(first, size, TOGETHER):
        a, b, c, d = inputs[0, lo:width], inputs[1, lo:width], inputs[2, lo:width], inputs[3, lo:width]
        e, f, g, h = inputs[4, lo:width], inputs[5, lo:width], inputs[6, lo:width], inputs[7, lo:width]
        for i in range(min(TOGETHER, size - lo)):
            row = sums[lo + i, lo:width]
            ai, bi, ci, di = gains[0] * a[i], gains[1] * b[i], gains[2] * c[i], gains[3] * d[i]
            ei, fi, gi, hi = gains[4] * e[i], gains[5] * f[i], gains[6] * g[i], gains[7] * h[i]
            for j in range(width - lo):
                row[j] += ((ai * a[j] + bi * b[j]) + (ci * c[j] + di * d[j])) + (
                    (ei * e[j] + fi * f[j]) + (gi * g[j] + hi * h[j])
                )


@njit(nogil=True, cache=True, error_model="numpy")
def solve(sums: Any, size: int, ridge: Any, scale: float, start: Any, system: Any, weights: Any) -> None:
    """Set `weights` by elimination; `start` is w₀, `scale * ridge` the diagonal of R, and `system` room to work in."""
    width = (size // TOGETHER + 1) * TOGETHER
    system[:size, :width] = sums[:size, :width]
    for k in range(size):
        known = start[k]
        if known != 0.0:
            for i in range(k):
                system[i, size] -= sums[i, k] * known
            for i in range(k, size):
                system[i, size] -= sums[k, i] * known
    for k in range(size):
        system[k, k] += scale * ridge[k]
    factors = np.empty(TOGETHER)
    for lo in range(0, size, TOGETHER):
        end = min(lo + TOGETHER, size)
        block = system[lo:end, lo:width]
        for k in range(lo, end):
            factors[k - lo] = -1.0 / system[k, k]
            pivot = block[k - lo]
            for i in range(k + 1 - lo, end - lo):
                factor, row = factors[k - lo] * pivot[i], block[i]
                for j in range(width - lo):
                    row[j] += factor * pivot[j]
        if end < size:
            learn(system, system[lo:end], factors, end, size)
    for i in range(size - 1, -1, -1):
        value = system[i, size]
        for j in range(i + 1, size):
            value -= system[i, j] * weights[j]
        weights[i] = value / system[i, i]
    for i in range(size):
        weights[i] += start[i]


@njit(nogil=True, cache=True, error_model="numpy")
def weigh(inputs: Any, weights: Any, k: int, row: int, size: int) -> float:
    """The sum of `inputs[k, row]`, weighted by `weights[k]`, in four parts that are added last."""
    a = b = c = d = 0.0
    i = 0
    while i + 4 <= size:
        a += inputs[k, row, i] * weights[k, i]
        b += inputs[k, row, i + 1] * weights[k, i + 1]
        c += inputs[k, row, i + 2] * weights[k, i + 2]
        d += inputs[k, row, i + 3] * weights[k, i + 3]
        i += 4
    while i < size:
        a += inputs[k, row, i] * weights[k, i]
        i += 1
    return (a + b) + (c + d)


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def within(value: float, low: int, high: int) -> float:
    """`value` clipped; `low` if it is no number."""
    return min(value, float(high)) if value > low else float(low)
