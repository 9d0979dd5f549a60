"""The predictor's kernels for quantisation (clause 4.8), sample representatives (4.9) and mapping (4.11), lane by lane.

`total` is where the sample s′ that a decoder has is left; `doubled` is s̃, `p` the setup of `predictor`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from hypress.entropy.mq import Int


@njit(nogil=True, cache=True)
def map_lossless(numbers: Any, at: Int, doubled: Any, total: Any, p: Any) -> None:
    """δ (equations 55 and 56) where m = 0; the sample goes to `total`."""
    whole = numbers.dtype.type
    sign = 8 * numbers.itemsize - 1
    for z in range(total.size):
        sample = numbers[np.uintp(at + z)]
        predicted = whole(doubled[np.uintp(z)] >> 1)
        difference = whole(sample - predicted)
        below, above = whole(predicted - p.low), whole(p.high - predicted)
        theta = below if below < above else above
        magnitude = -difference if difference < 0 else difference
        toward = -difference if doubled[np.uintp(z)] & 1 else difference
        index = whole((toward << 1) ^ whole(toward >> sign))
        numbers[np.uintp(at + z)] = magnitude + theta if magnitude > theta else index
        total[np.uintp(z)] = sample


@njit(nogil=True, cache=True)
def unmap_lossless(numbers: Any, at: Int, doubled: Any, total: Any, p: Any) -> None:
    """The sample of δ where m = 0, also to `total`."""
    whole = numbers.dtype.type
    low, high = whole(p.low), whole(p.high)
    for z in range(total.size):
        index = numbers[np.uintp(at + z)]
        predicted = whole(doubled[np.uintp(z)] >> 1)
        below, above = whole(predicted - low), whole(high - predicted)
        theta = below if below < above else above
        toward = whole(whole(index >> 1) ^ -whole(index & 1))
        difference = -toward if doubled[np.uintp(z)] & 1 else toward
        far = whole(index - theta)
        far = far if above > below else -far
        sample = whole(predicted + (far if index > 2 * theta else difference))
        sample = low if sample < low else sample
        sample = high if sample > high else sample
        numbers[np.uintp(at + z)] = sample
        total[np.uintp(z)] = sample


@njit(nogil=True, cache=True)
def take_limits(absolute: Any, relative: Any, limits: Any, k: Int, p: Any) -> None:
    """a_z and r_z of the lanes that begin a period."""
    for z in range(k % p.columns, min(p.lanes, k + 1), p.columns):  # x = 0
        y = (k - z) // p.columns
        if k - z < p.pixels and (y == 0 or (y & ((1 << p.period) - 1)) == 0):
            absolute[z] = limits[0, y >> p.period, z]
            relative[z] = limits[1, y >> p.period, z]


@njit(nogil=True, cache=True)
def maximum_errors(widest: Any, doubled: Any, absolute: Any, relative: Any, p: Any) -> None:
    """m_z(t) (equations 43–45)."""
    for z in range(widest.size):
        widest[z] = absolute[z]
    if p.relative:
        for z in range(widest.size):
            predicted = np.int64(doubled[z]) >> 1
            limit = (relative[z] * (-predicted if predicted < 0 else predicted)) >> p.bits
            widest[z] = limit if limit < widest[z] else widest[z]


# Quotients of integers below 2^34 by steps below 2^17, rounded down, are exact by way of a double: the next integer
# is at least 2^-17 away, and rounding moves them by 2^-19 at most.


@njit(nogil=True, cache=True, error_model="numpy")
def map_quantised(numbers: Any, at: Int, doubled: Any, widest: Any, q: Any, total: Any, p: Any) -> None:
    """δ (equations 41, 55 and 56); s′ (equation 48) goes to `total`."""
    for z in range(total.size):
        m = widest[np.uintp(z)]
        step = 2 * m + 1
        inverse = np.float64(step)
        predicted = np.int64(doubled[np.uintp(z)]) >> 1
        difference = np.int64(numbers[np.uintp(at + z)]) - predicted
        below, above = predicted - p.low, p.high - predicted
        theta = np.int64(np.float64((below if below < above else above) + m) / inverse)
        magnitude = np.int64(np.float64((-difference if difference < 0 else difference) + m) / inverse)
        signed = -magnitude if difference < 0 else magnitude
        toward = -signed if doubled[np.uintp(z)] & 1 else signed
        index = (toward << 1) ^ (toward >> 63)
        numbers[np.uintp(at + z)] = magnitude + theta if magnitude > theta else index
        rebuilt = predicted + signed * step
        rebuilt = p.low if rebuilt < p.low else rebuilt
        total[np.uintp(z)] = p.high if rebuilt > p.high else rebuilt
        q[np.uintp(z)] = signed


@njit(nogil=True, cache=True, error_model="numpy")
def unmap_quantised(numbers: Any, at: Int, doubled: Any, widest: Any, q: Any, total: Any, p: Any) -> None:
    """s′ of δ, also to `total`."""
    for z in range(total.size):
        m = widest[np.uintp(z)]
        step = 2 * m + 1
        inverse = np.float64(step)
        index = np.int64(numbers[np.uintp(at + z)])
        predicted = np.int64(doubled[np.uintp(z)]) >> 1
        below = np.int64(np.float64(predicted - p.low + m) / inverse)
        above = np.int64(np.float64(p.high - predicted + m) / inverse)
        theta = below if below < above else above
        toward = (index >> 1) ^ -(index & 1)
        signed = -toward if doubled[np.uintp(z)] & 1 else toward
        far = index - theta
        far = far if above > below else -far
        signed = far if index > 2 * theta else signed
        rebuilt = predicted + signed * step
        rebuilt = p.low if rebuilt < p.low else rebuilt
        rebuilt = p.high if rebuilt > p.high else rebuilt
        numbers[np.uintp(at + z)] = rebuilt
        total[np.uintp(z)] = rebuilt
        q[np.uintp(z)] = signed


@njit(nogil=True, cache=True)
def represent(seen: Any, now: Int, total: Any, high: Any, widest: Any, q: Any, damping: Any, p: Any) -> None:
    """s″ (equations 46 and 47)."""
    theta, omega = p.representative, p.resolution
    for z in range(total.size):
        phi, psi = damping[0, z], damping[1, z]
        sign = np.int64(q[z] > 0) - np.int64(q[z] < 0)
        centre = (np.int64(total[z]) << omega) - ((sign * widest[z] * psi) << (omega - theta))
        value = 4 * ((1 << theta) - phi) * centre + phi * (np.int64(high[z]) - (1 << (omega + 1)))
        seen[np.uintp(now + z)] = ((value >> (omega + theta + 1)) + 1) >> 1
