"""The coded data of a segment: DC coefficients, AC bit depths, bit-planes (CCSDS 122.0-B-2, 4.3 to 4.5).

A block's bit-plane is one word of 63 bits (`layout`), and so are the sets of the standard: at plane b, coefficients of
type −1 are those outside `coded[b]`, of type 2 those within it that are in `selected`, of type 1 those whose bit is
set for the first time. Each plane is gone through twice: the words of a gaggle are turned into tokens and what they
cost under each code option is summed up; then the tokens become code words, stage by stage.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from hypress.ccsds122 import bits as _bits
from hypress.ccsds122 import codes, differences
from hypress.ccsds122.bits import Int

put = _bits.put
encode_differences = differences.encode
GAGGLE = differences.GAGGLE

DESCENDANTS = 0x0FFF_FFFF_FFFF_FFFF
"""The set B of a block."""
TOKENS = (1, 5, 16)
"""Words of a block, at most, in stages 1, 2 and 3."""

_BITS_OF, _CODE, _LENGTH, _LENGTHS = codes.BITS_OF, codes.CODE, codes.LENGTH, codes.LENGTHS
_GATHER4, _GATHER8, _ONES = codes.GATHER4, codes.GATHER8, codes.ONES
_CHILDREN, _GRANDCHILDREN, _TRAN_D = codes.CHILDREN_NUMBER, codes.GRANDCHILDREN_NUMBER, codes.TRAN_D_NUMBER
_ONE_BIT = codes.ONE_BIT


def most_bits(blocks: int, ac_depth: int) -> int:
    """Bits of a segment's data, at most: no option costs more than the uncoded one."""
    words_and_refinements = 63 + 1 + 3 + 3 + 12 + 1  # with tranB, tranD, tranG, tranH and the bit of stage 0
    return blocks * (2 * 40 + 63 + words_and_refinements * ac_depth) + (blocks // GAGGLE + 1) * 5 * (ac_depth + 2)


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def _token(numbers: Any, mask: Int, plane: Int, signs: Int, shift: Int) -> Int:
    """The word of those of four coefficients that the mask selects: its number, and its sign bits and how many."""
    four = (plane >> shift) & mask
    number = np.int64(numbers[np.uintp(mask << 4 | four)])
    sign_bits = np.int64(_GATHER4[np.uintp(four << 4 | ((signs >> shift) & 15))])
    return number << 8 | np.int64(_ONES[np.uintp(four)]) << 4 | sign_bits


@njit(nogil=True, cache=True, error_model="numpy")
def _descend(
    plane: Int, before: Int, signs: Int, coded: Int, tokens2: Any, at2: Int, tokens3: Any, at3: Int
) -> tuple[Int, Int]:
    """Append a block's words of stages 2 and 3 (4.5.3.1.8) to the tokens of each; returns where those end."""
    if coded & DESCENDANTS == 0:
        return at2, at3
    now, unselected = before | plane, coded & ~before
    if before & DESCENDANTS == 0:
        tran_b = np.int64(plane & DESCENDANTS != 0)
        tokens2[at2] = (_ONE_BIT + tran_b) << 8
        at2 += 1
        if tran_b == 0:
            return at2, at3
    mask_d = word_d = mask_g = word_g = 0
    for i in range(3):
        grandchildren = 0xFFFF << (32 - 16 * i)
        family = 15 << (56 - 4 * i) | grandchildren
        this = 4 >> i
        if before & family == 0 and coded & family != 0:
            mask_d |= this
            if now & family:
                word_d |= this
        if now & family and before & grandchildren == 0 and coded & grandchildren != 0:
            mask_g |= this
            if now & grandchildren:
                word_g |= this
    if mask_d:
        tokens2[at2] = np.int64(_TRAN_D[np.uintp(mask_d << 4 | word_d)]) << 8
        at2 += 1
    if mask_g:
        tokens3[at3] = np.int64(_GRANDCHILDREN[np.uintp(mask_g << 4 | word_g)]) << 8
        at3 += 1
    for i in range(3):
        shift = 56 - 4 * i
        mask = (unselected >> shift) & 15
        if mask and now & (15 << shift | 0xFFFF << (32 - 16 * i)):
            tokens2[at2] = _token(_CHILDREN, mask, plane, signs, shift)
            at2 += 1
    for i in range(3):
        grandchildren = 0xFFFF << (32 - 16 * i)
        if now & grandchildren and coded & grandchildren:
            mask = word = 0
            for j in range(4):
                group = 15 << (44 - 16 * i - 4 * j)
                if before & group == 0:
                    mask |= 8 >> j
                    if now & group:
                        word |= 8 >> j
            if mask:
                tokens3[at3] = np.int64(_GRANDCHILDREN[np.uintp(mask << 4 | word)]) << 8
                at3 += 1
    if unselected & 0xFFFF_FFFF_FFFF:
        for shift in range(44, -4, -4):
            mask = (unselected >> shift) & 15
            if mask and (now >> shift) & 15:
                tokens3[at3] = _token(_GRANDCHILDREN, mask, plane, signs, shift)
                at3 += 1
    return at2, at3


@njit(nogil=True, cache=True, error_model="numpy")
def _choose(tokens: Any, start: Int, end: Int, costs: Any) -> None:
    """Add what the tokens cost to `costs`, by the bits of a word."""
    for t in range(start, end):
        number = np.int64(tokens[t]) >> 8
        costs[np.uintp(_BITS_OF[np.uintp(number)])] += _LENGTHS[np.uintp(number)]


@njit(nogil=True, cache=True, error_model="numpy")
def _options(costs: Any, options: Any) -> None:
    """The cheapest option for words of two, three and four bits; the uncoded one, then the smallest, wins a tie."""
    for bits in range(2, 5):
        best = 1 if bits == 2 else 3
        for option in range(4):
            if (costs[bits] >> (16 * option)) & 0xFFFF < (costs[bits] >> (16 * best)) & 0xFFFF:
                best = option
        options[bits] = best


@njit(nogil=True, cache=True, error_model="numpy")
def _emit(tokens: Any, start: Int, end: Int, options: Any, words: Any, at: Int) -> Int:
    """Write a gaggle's tokens of one stage; an option goes before the first word of its length (4.5.3.3.6)."""
    for t in range(start, end):
        token = np.int64(tokens[t])
        number, count, value = token >> 8, (token >> 4) & 15, token & 15
        bits = np.uintp(_BITS_OF[np.uintp(number)])
        option = np.int64(options[bits])
        index = np.uintp(4 * number + (option & 3))
        value |= np.int64(_CODE[index]) << count
        count += np.int64(_LENGTH[index])
        if option < 4:
            value |= option << count
            count += 1 if bits == 2 else 2
            options[bits] = option + 4
        at = put(value, count, words, at)
    return at


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def _refine(plane: Int, mask: Int, words: Any, at: Int) -> Int:
    """Write the bits of the plane that the mask selects."""
    value, count = np.int64(0), np.int64(0)
    for shift in range(56, -8, -8):
        eight = (mask >> shift) & 0xFF
        if eight:
            ones = np.int64(_ONES[np.uintp(eight)])
            value = value << ones | np.int64(_GATHER8[np.uintp(eight << 8 | ((plane >> shift) & 0xFF))])
            count += ones
    return put(value, count, words, at)


@njit(nogil=True, cache=True, error_model="numpy")
def encode_dc(dc: Any, n: Int, q: Int, lowest: Int, optimal: bool, words: Any, at: Int) -> Int:
    """Quantised DC coefficients of n bits (4.3.2), then their planes q − 1 … `lowest` (4.3.3); the new position."""
    if n == 1:
        for m in range(len(dc)):
            at = put((dc[m] >> q) & 1, 1, words, at)
    else:
        at = encode_differences(dc >> q, n, -(1 << (n - 1)), (1 << (n - 1)) - 1, optimal, words, at)
    for plane in range(q - 1, lowest - 1, -1):
        for m in range(len(dc)):
            at = put((dc[m] >> plane) & 1, 1, words, at)
    return at


@njit(nogil=True, cache=True, error_model="numpy")
def encode_depths(depths: Any, ac_depth: Int, optimal: bool, words: Any, at: Int) -> Int:
    """BitDepthAC_Block of each block (4.4); returns the new position."""
    if ac_depth == 1:
        for m in range(len(depths)):
            at = put(depths[m], 1, words, at)
        return at
    n = 0
    while ac_depth >> n > 0:
        n += 1
    return encode_differences(depths, n, 0, (1 << n) - 1, optimal, words, at)


@njit(nogil=True, cache=True, error_model="numpy")
def encode_planes(
    planes: Any, signs: Any, depths: Any, coded: Any, dc: Any, dc_top: Int, dc_low: Int,
    last_plane: Int, last_stage: Int, limit: Int, words: Any, at: Int, ends: Any,
) -> Int:  # fmt: skip
    """Bit-planes `(plane, block)` from the highest down to the last stage of the last plane (4.5); the new position.

    DC planes `dc_low` … `dc_top` − 1 go into stage 0. Where a stage ends at or beyond bit `limit`, nothing follows.
    `ends` `(plane, stage)` gets the position at which each stage ended.
    """
    count = len(signs)
    gaggles = (count + GAGGLE - 1) // GAGGLE
    selected = np.zeros(count, np.int64)
    tokens1, tokens2, tokens3 = np.empty(count, np.int16), np.empty(5 * count, np.int16), np.empty(16 * count, np.int16)
    until = np.zeros((gaggles + 1, 3), np.int64)
    options = np.zeros((gaggles, 5), np.int64)
    costs = np.zeros(5, np.int64)
    for plane in range(len(planes) - 1, last_plane - 1, -1):
        if dc_low <= plane < dc_top:
            for m in range(count):
                at = put((dc[m] >> plane) & 1, 1, words, at)
        ends[plane, 0] = at
        mask = np.int64(coded[plane])
        at1 = at2 = at3 = 0
        for g in range(gaggles):
            start1, start2, start3 = at1, at2, at3
            for m in range(g * GAGGLE, min(g * GAGGLE + GAGGLE, count)):
                if depths[m] <= plane:
                    continue
                word, before = np.int64(planes[plane, m]), np.int64(selected[m])
                parents = ((mask & ~before) >> 60) & 7
                if parents:
                    tokens1[at1] = _token(_CHILDREN, parents, word, signs[m], 60)
                    at1 += 1
                at2, at3 = _descend(word & ~before, before, signs[m], mask, tokens2, at2, tokens3, at3)
            costs[:] = 0
            _choose(tokens1, start1, at1, costs)
            _choose(tokens2, start2, at2, costs)
            _choose(tokens3, start3, at3, costs)
            options[g, 0] = 4  # words of one bit have no options to announce
            _options(costs, options[g])
            until[g + 1] = at1, at2, at3
        stages = last_stage if plane == last_plane else 4
        for stage in range(1, min(stages, 3) + 1):
            tokens = tokens1 if stage == 1 else tokens2 if stage == 2 else tokens3
            for g in range(gaggles):
                at = _emit(tokens, until[g, stage - 1], until[g + 1, stage - 1], options[g], words, at)
            ends[plane, stage] = at
        if stages == 4:
            for m in range(count):
                if depths[m] > plane:
                    at = _refine(planes[plane, m], selected[m] & mask, words, at)
                    selected[m] |= planes[plane, m]
        ends[plane, 4] = at
        if at >= limit:
            break
    return at
