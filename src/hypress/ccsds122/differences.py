"""Quantised DC coefficients and AC bit depths: differences in gaggles of 16 (CCSDS 122.0-B-2, 4.3.2 and 4.4).

A gaggle is an option, the first sample as it is if it begins the segment, and its mapped differences: as plain
numbers, or for a parameter k all the unary quotients by 2^k and then all the remainders.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from hypress.ccsds122 import bits as _bits
from hypress.ccsds122.bits import Int

put, peek, window = _bits.put, _bits.peek, _bits.window

GAGGLE = 16
COMPLETE, ENDED, ILLEGAL = 0, 1, 2
"""How decoding ends: with all there is to code, with the last bit that is there, or with a code that cannot be."""


@njit(nogil=True, cache=True, error_model="numpy")
def id_bits(n: Int) -> Int:
    """Length of a code option identifier for samples of n ≥ 2 bits (table 4-9)."""
    return 1 if n == 2 else 2 if n <= 4 else 3 if n <= 8 else 4


@njit(nogil=True, cache=True, error_model="numpy")
def _map(difference: Int, theta: Int) -> Int:
    """Equation 19."""
    if 0 <= difference <= theta:
        return 2 * difference
    if -theta <= difference < 0:
        return -2 * difference - 1
    return theta + abs(difference)


@njit(nogil=True, cache=True, error_model="numpy")
def _unmap(mapped: Int, previous: Int, low: Int, high: Int) -> Int:
    """The sample; outside `low … high` where no sample has that difference."""
    down, up = previous - low, high - previous
    theta = min(down, up)
    if mapped <= 2 * theta:
        return previous - (mapped + 1) // 2 if mapped & 1 else previous + mapped // 2
    return previous + (mapped - theta) if down == theta else previous - (mapped - theta)


@njit(nogil=True, cache=True, error_model="numpy")
def _best(mapped: Any, count: Int, n: Int) -> Int:
    """The parameter that costs least, the smallest of several; −1: uncoded, which also wins a tie (4.3.2.13)."""
    best, least = -1, n * count
    for k in range(n - 1):  # from n − 1 on no parameter beats the uncoded option
        cost = count * (k + 1)
        for i in range(count):
            cost += mapped[i] >> k
        if cost < least:
            best, least = k, cost
    return best


@njit(nogil=True, cache=True, error_model="numpy")
def _heuristic(mapped: Any, count: Int, n: Int) -> Int:
    """Table 4-10; −1: uncoded."""
    total = 0
    for i in range(count):
        total += mapped[i]
    if 64 * total >= 23 * count << n:
        return -1
    if 207 * count > 128 * total:
        return 0
    k = 0
    while k < n - 2 and count << (k + 8) <= 128 * total + 49 * count:
        k += 1
    return k


@njit(nogil=True, cache=True, error_model="numpy")
def encode(samples: Any, n: Int, low: Int, high: Int, optimal: bool, words: Any, at: Int) -> Int:
    """Write samples of n ≥ 2 bits, each in `low … high`; returns the new position."""
    mapped = np.empty(GAGGLE, np.int64)
    identifier = id_bits(n)
    for start in range(0, len(samples), GAGGLE):
        count = 0
        for m in range(max(start, 1), min(start + GAGGLE, len(samples))):
            previous = samples[m - 1]
            mapped[count] = _map(samples[m] - previous, min(previous - low, high - previous))
            count += 1
        k = _best(mapped, count, n) if optimal else _heuristic(mapped, count, n)
        at = put(k & ((1 << identifier) - 1), identifier, words, at)
        if start == 0:
            at = put(samples[0] & ((1 << n) - 1), n, words, at)
        if k < 0:
            for i in range(count):
                at = put(mapped[i], n, words, at)
            continue
        for i in range(count):
            zeros = mapped[i] >> k
            while zeros > 32:
                at, zeros = put(0, 32, words, at), zeros - 32
            at = put(1, zeros + 1, words, at)
        for i in range(count):
            at = put(mapped[i] & ((1 << k) - 1), k, words, at)
    return at


@njit(nogil=True, cache=True, error_model="numpy")
def decode(n: Int, low: Int, high: Int, words: Any, at: Int, end: Int, samples: Any) -> tuple[Int, Int, Int]:
    """Read samples of n ≥ 2 bits; returns how it ended, the position, and how many samples are known."""
    mapped = np.empty(GAGGLE, np.int64)
    identifier = id_bits(n)
    uncoded = (1 << identifier) - 1
    most = 0 if n == 2 else 2 if n <= 4 else 6 if n <= 8 else 8
    for start in range(0, len(samples), GAGGLE):
        k = peek(identifier, words, at)
        at += identifier
        if start == 0:
            samples[0] = peek(n, words, at)
            if low < 0 and samples[0] > high:
                samples[0] -= 1 << n
            at += n
            if at > end:
                return ENDED, at, 0
        first = max(start, 1)
        count = min(start + GAGGLE, len(samples)) - first
        if k == uncoded:
            for i in range(count):
                mapped[i] = peek(n, words, at)
                at += n
                if at > end:
                    return _restore(mapped, i, first, low, high, samples, ENDED, at)
            status, at, known = _restore(mapped, count, first, low, high, samples, COMPLETE, at)
            if status != COMPLETE:
                return status, at, known
            continue
        if k > most:
            return (ENDED if at > end else ILLEGAL), at, first
        for i in range(count):
            zeros = 0
            while peek(1, words, at) == 0:
                zeros += 1
                at += 1
                if at >= end:
                    return ENDED, at, first
                if zeros > 1 << n:
                    return ILLEGAL, at, first
            at += 1
            mapped[i] = zeros << k
        for i in range(count):
            if k > 0:
                mapped[i] |= peek(k, words, at)
                at += k
            if at > end:
                return _restore(mapped, i, first, low, high, samples, ENDED, at)
        status, at, known = _restore(mapped, count, first, low, high, samples, COMPLETE, at)
        if status != COMPLETE:
            return status, at, known
    return (COMPLETE if at <= end else ENDED), at, len(samples)


@njit(nogil=True, cache=True, error_model="numpy")
def _restore(
    mapped: Any, count: Int, first: Int, low: Int, high: Int, samples: Any, status: Int, at: Int
) -> tuple[Int, Int, Int]:
    """The samples from number `first` on; returns as `decode`."""
    for i in range(count):
        samples[first + i] = _unmap(mapped[i], samples[first + i - 1], low, high)
        if not low <= samples[first + i] <= high:
            return ILLEGAL, at, first + i
    return status, at, first + count
