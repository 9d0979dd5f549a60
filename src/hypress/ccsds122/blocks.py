"""Blocks of 64 coefficients, out of a wavelet pyramid and back, and their bit-planes (CCSDS 122.0-B-2, 4.1)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from hypress.ccsds122.bits import Int


@njit(nogil=True, cache=True, error_model="numpy")
def take(pyramid: Any, start: Any, step: Any, shifts: Any, across: Int, first: Int, blocks: Any) -> None:
    """Blocks `(block, 64)`, weighted, from number `first` on; a row of LL3 has `across` of them."""
    columns = across * 8
    for m in range(len(blocks)):
        r, c = (first + m) // across, (first + m) % across
        at = r * columns + c
        for i in range(64):
            blocks[m, i] = np.int64(pyramid[np.uintp(start[i] + at * step[i])]) << shifts[i]


@njit(nogil=True, cache=True, error_model="numpy")
def give(blocks: Any, start: Any, step: Any, across: Int, first: Int, pyramid: Any) -> None:
    """The blocks `(block, 64)` back to where `take` has them from."""
    columns = across * 8
    for m in range(len(blocks)):
        r, c = (first + m) // across, (first + m) % across
        at = r * columns + c
        for i in range(64):
            pyramid[np.uintp(start[i] + at * step[i])] = blocks[m, i]


@njit(nogil=True, cache=True, error_model="numpy")
def bit_length(value: Int) -> Int:
    """Bits of a number ≥ 0."""
    length = 0
    while value >> length > 0:
        length += 1
    return length


@njit(nogil=True, cache=True, error_model="numpy")
def measure(blocks: Any, depths: Any) -> tuple[Int, Int]:
    """BitDepthDC and BitDepthAC (equations 12 to 14); `depths` gets BitDepthAC_Block of each block."""
    dc_ones, most = np.int64(0), 0
    for m in range(len(blocks)):
        dc = np.int64(blocks[m, 0])
        dc_ones |= dc if dc >= 0 else ~dc
        ones = np.int64(0)
        for i in range(1, 64):
            ones |= abs(np.int64(blocks[m, i]))
        depths[m] = bit_length(ones)
        most = max(most, depths[m])
    return 1 + bit_length(dc_ones), most


@njit(nogil=True, cache=True, error_model="numpy")
def slice_planes(blocks: Any, depths: Any, planes: Any, signs: Any) -> None:
    """Magnitudes of the AC coefficients as `planes` `(plane, block)` of words, and their signs; see `layout`."""
    magnitudes = np.empty(64, np.int64)
    for m in range(len(blocks)):
        negative = np.int64(0)
        for i in range(1, 64):
            value = np.int64(blocks[m, i])
            magnitudes[i] = abs(value)
            negative |= np.int64(value < 0) << (63 - i)
        signs[m] = negative
        for plane in range(depths[m]):
            word = np.int64(0)
            for i in range(1, 64):
                word |= ((magnitudes[i] >> plane) & 1) << (63 - i)
            planes[plane, m] = word


@njit(nogil=True, cache=True, error_model="numpy")
def join_planes(planes: Any, signs: Any, depths: Any, lowest: Int, refined: Int, shifts: Any, middle: Any) -> None:
    """AC coefficients from the planes down to `lowest`, the middle of the interval in which each may lie.

    Blocks before number `refined` have all of plane `lowest`; in the others, coefficients that were selected in a
    higher plane lack their bit of it. A coefficient whose `BitShift` is s is a multiple of 2^s; it comes back divided
    by that, in `middle` `(block, 64)`: exact where nothing is left open; to the integer below where that is an integer
    array.
    """
    magnitudes = np.empty(64, np.int64)
    for m in range(len(signs)):
        for i in range(64):
            magnitudes[i] = 0
        for plane in range(lowest, depths[m]):
            word = np.int64(planes[plane, m])
            for i in range(1, 64):
                magnitudes[i] |= ((word >> (63 - i)) & 1) << plane
        for i in range(1, 64):
            magnitude = magnitudes[i]
            known = lowest if m < refined or magnitude >> lowest == 1 else lowest + 1
            left = max(known - shifts[i], 0)
            value = (magnitude >> shifts[i]) + ((1 << left) - 1) / 2 if magnitude else 0.0
            if (signs[m] >> (63 - i)) & 1:
                value = -value
            middle[m, i] = value
