"""Weighted least squares, renewed as samples come: the weights w of regressors u solve

    (S + R) (w - w₀) = s - S w₀,      S = Σ g u uᵀ,  s = Σ g u x,

where g is the gain of a sample, w₀ what is thought beforehand and R, a diagonal, how firmly. Older samples count less:
instead of letting all sums shrink at each sample, gains grow, and R with them.

Every sum is one sequence of IEEE 754 operations, vectorised over independent elements only and compiled without leave
to reorder or contract, so every machine finds the same weights.
"""

from __future__ import annotations

from typing import Any

from numba import njit

HUGE = 1e60
"""When gains have grown beyond this, all is divided by them."""


@njit(nogil=True, cache=True, error_model="numpy")
def learn(sums: Any, inputs: Any, size: int, value: float, gain: float) -> None:
    """Add a sample to the sums: row i of `sums` holds S's row i from the diagonal on, then sᵢ in column `size`."""
    inputs[size] = value
    for i in range(size):
        factor = gain * inputs[i]
        row = sums[i]
        for j in range(i, size + 1):
            row[j] += factor * inputs[j]


@njit(nogil=True, cache=True, error_model="numpy")
def solve(sums: Any, size: int, ridge: Any, scale: float, start: Any, system: Any, weights: Any) -> None:
    """Set `weights` by elimination; `start` is w₀, `scale * ridge` the diagonal of R, and `system` room to work in."""
    for i in range(size):
        for j in range(i, size + 1):
            system[i, j] = sums[i, j]
    for k in range(size):
        known = start[k]
        if known != 0.0:
            for i in range(k):
                system[i, size] -= sums[i, k] * known
            for i in range(k, size):
                system[i, size] -= sums[k, i] * known
    for k in range(size):
        system[k, k] += scale * ridge[k]
    for k in range(size):
        inverse = 1.0 / system[k, k]
        pivot = system[k]
        for i in range(k + 1, size):
            factor = pivot[i] * inverse
            row = system[i]
            for j in range(i, size + 1):
                row[j] -= factor * pivot[j]
    for i in range(size - 1, -1, -1):
        value = system[i, size]
        for j in range(i + 1, size):
            value -= system[i, j] * weights[j]
        weights[i] = value / system[i, i]
    for i in range(size):
        weights[i] += start[i]


@njit(nogil=True, cache=True, error_model="numpy")
def weigh(inputs: Any, weights: Any, size: int) -> float:
    """The weighted sum, in four parts that are added last."""
    a = b = c = d = 0.0
    i = 0
    while i + 4 <= size:
        a += inputs[i] * weights[i]
        b += inputs[i + 1] * weights[i + 1]
        c += inputs[i + 2] * weights[i + 2]
        d += inputs[i + 3] * weights[i + 3]
        i += 4
    while i < size:
        a += inputs[i] * weights[i]
        i += 1
    return (a + b) + (c + d)


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def within(value: float, low: int, high: int) -> float:
    """`value` clipped; `low` if it is no number."""
    return min(value, float(high)) if value > low else float(low)
