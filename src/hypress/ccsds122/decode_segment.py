"""The coded data of a segment, read back as far as it goes: the counterpart of `encode_segment`.

What was read is left in the arrays given, and how far that is in a `progress` array, so that a segment that was cut
anywhere decodes to what is there. Blocks are read whole: of the last, incomplete one a stage is dropped.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from hypress.ccsds122 import bits as _bits
from hypress.ccsds122 import codes, differences
from hypress.ccsds122.bits import Int
from hypress.ccsds122.differences import COMPLETE, ENDED, GAGGLE, ILLEGAL
from hypress.ccsds122.encode_segment import DESCENDANTS

peek, window = _bits.peek, _bits.window
decode_differences = differences.decode

STATUS, AT, DC_BLOCKS, DC_PLANE, DC_REFINED, AC_PLANE, AC_REFINED, PROGRESS = range(8)
"""Of `progress`: how it ended, and the position; blocks with a DC coefficient, the lowest plane of which anything is
known, in how many blocks; the lowest plane of AC coefficients, and the blocks that have stage 4 of it."""

_READING, _SPREAD4, _SPREAD8, _ONES = codes.READING, codes.SPREAD4, codes.SPREAD8, codes.ONES
_CHILDREN, _GRANDCHILDREN, _TRAN_D = codes.READ_CHILDREN, codes.READ_GRANDCHILDREN, codes.READ_TRAN_D
_ILLEGAL_WORD = codes.ILLEGAL_WORD


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def _word(reading: Int, mask: Int, options: Any, gaggle: Int, words: Any, at: Int) -> tuple[Int, Int]:
    """An entry of `READING` for the word of the coefficients in a mask of four, and the position after it."""
    length = np.int64(_ONES[np.uintp(mask)])
    ahead = window(words, at)
    option = np.int64(options[np.uintp(gaggle + length)])
    if option < 0:
        size = 1 if length == 2 else 2
        option = np.int64(ahead >> np.uint64(64 - size))
        options[np.uintp(gaggle + length)] = option
        ahead <<= np.uint64(size)
        at += size
    entry = np.int64(_READING[np.uintp(reading | option << 12 | mask << 8 | np.int64(ahead >> np.uint64(56)))])
    return entry, at + ((entry >> 4) & 15)


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def _types(
    reading: Int, mask: Int, shift: Int, options: Any, gaggle: Int, words: Any, at: Int, bits: Int, signs: Int
) -> tuple[Int, Int, Int, Int]:
    """A word and the signs of those it selects, put where they belong; the entry, the position, all bits and signs."""
    entry, at = _word(reading, mask, options, gaggle, words, at)
    count = (entry >> 8) & 7
    if count:
        new = entry & 15
        sign = np.int64(_SPREAD4[np.uintp(new << 4 | peek(count, words, at))])
        bits |= new << shift
        signs |= sign << shift
    return entry, at + count, bits, signs


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def _stage2(
    before: Int, coded: Int, opened: Int, options: Any, gaggle: Int, words: Any, at: Int
) -> tuple[Int, Int, Int, Int, Int]:
    """Children of a block: new bits, their signs, what is open now, the position, and a mark of illegal words.

    `opened` has bit 4 >> i where D_i was of type 1 before, and 8 where B was.
    """
    bits = signs = faults = np.int64(0)
    if coded & DESCENDANTS == 0:
        return bits, signs, opened, at, faults
    if opened & 8 == 0:
        at += 1
        if peek(1, words, at - 1) == 0:
            return bits, signs, opened, at, faults
        opened |= 8
    if opened & 7 != 7:
        mask = np.int64(0)
        for i in range(3):
            if opened & (4 >> i) == 0 and coded & (15 << (56 - 4 * i) | 0xFFFF << (32 - 16 * i)):
                mask |= 4 >> i
        if mask:
            entry, at = _word(_TRAN_D, mask, options, gaggle, words, at)
            opened |= entry & 7
            faults |= entry
    unselected = coded & ~before
    for i in range(3):
        shift = 56 - 4 * i
        mask = (unselected >> shift) & 15
        if mask and opened & (4 >> i):
            entry, at, bits, signs = _types(_CHILDREN, mask, shift, options, gaggle, words, at, bits, signs)
            faults |= entry
    return bits, signs, opened, at, faults


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def _stage3(
    before: Int, coded: Int, opened: Int, options: Any, gaggle: Int, words: Any, at: Int
) -> tuple[Int, Int, Int, Int]:
    """Grandchildren of a block: new bits, their signs, the position, and a mark of illegal words."""
    bits = signs = faults = np.int64(0)
    if opened & 8 == 0 or coded & 0xFFFF_FFFF_FFFF == 0:
        return bits, signs, at, faults
    mask = selected = np.int64(0)
    for i in range(3):
        grandchildren = 0xFFFF << (32 - 16 * i)
        if coded & grandchildren:
            if before & grandchildren:
                selected |= 4 >> i
            elif opened & (4 >> i):
                mask |= 4 >> i
    if mask:
        entry, at = _word(_GRANDCHILDREN, mask, options, gaggle, words, at)
        selected |= entry & 7
        faults |= entry
    groups = np.int64(0)
    for i in range(3):
        groups <<= 4
        if selected & (4 >> i):
            old = np.int64(0)
            for j in range(4):
                if before & (15 << (44 - 16 * i - 4 * j)):
                    old |= 8 >> j
            if old != 15:
                entry, at = _word(_GRANDCHILDREN, 15 ^ old, options, gaggle, words, at)
                old |= entry & 15
                faults |= entry
            groups |= old
    unselected = coded & ~before
    for n in range(12):
        shift = 44 - 4 * n
        mask = (unselected >> shift) & 15
        if mask and (groups << n) & 0x800:
            entry, at, bits, signs = _types(_GRANDCHILDREN, mask, shift, options, gaggle, words, at, bits, signs)
            faults |= entry
    return bits, signs, at, faults


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def _refinement(mask: Int, words: Any, at: Int) -> tuple[Int, Int]:
    """Bits for the places that the mask selects, and the position."""
    ahead = window(words, at)
    bits, count = np.int64(0), np.int64(0)
    for shift in range(56, -8, -8):
        eight = (mask >> shift) & 0xFF
        if eight:
            ones = np.int64(_ONES[np.uintp(eight)])
            value = np.int64((ahead << np.uint64(count)) >> np.uint64(64 - ones))
            bits |= np.int64(_SPREAD8[np.uintp(eight << 8 | value)]) << shift
            count += ones
    return bits, at + count


@njit(nogil=True, cache=True, error_model="numpy")
def decode_dc(n: Int, q: Int, lowest: Int, words: Any, at: Int, end: Int, dc: Any, progress: Any) -> None:
    """What `encode_dc` wrote; coefficients have zeros where nothing is known."""
    progress[STATUS], progress[DC_PLANE], progress[DC_REFINED] = COMPLETE, q, len(dc)
    if n == 1:
        known = min(len(dc), end - at)
        for m in range(known):
            dc[m] = -peek(1, words, at + m)
        at += known
        if known < len(dc):
            progress[STATUS] = ENDED
    else:
        status, at, known = decode_differences(n, -(1 << (n - 1)), (1 << (n - 1)) - 1, words, at, end, dc)
        progress[STATUS] = status
    for m in range(known):
        dc[m] <<= q
    progress[AT], progress[DC_BLOCKS] = at, known
    if progress[STATUS] != COMPLETE:
        progress[DC_REFINED] = known
        return
    for plane in range(q - 1, lowest - 1, -1):
        if not decode_dc_plane(plane, words, end, dc, progress):
            return


@njit(nogil=True, cache=True, error_model="numpy")
def decode_dc_plane(plane: Int, words: Any, end: Int, dc: Any, progress: Any) -> bool:
    """One plane of DC coefficients; whether all of it is there."""
    at = progress[AT]
    known = min(len(dc), end - at)
    for m in range(known):
        dc[m] |= peek(1, words, at + m) << plane
    progress[AT], progress[DC_PLANE], progress[DC_REFINED] = at + known, plane, known
    if known < len(dc):
        progress[STATUS] = ENDED
    return known == len(dc)


@njit(nogil=True, cache=True, error_model="numpy")
def decode_depths(ac_depth: Int, words: Any, end: Int, depths: Any, progress: Any) -> None:
    """What `encode_depths` wrote; a depth above BitDepthAC is illegal."""
    at = progress[AT]
    if ac_depth == 1:
        known, status = min(len(depths), end - at), COMPLETE
        for m in range(known):
            depths[m] = peek(1, words, at + m)
        at += known
        if known < len(depths):
            status = ENDED
    else:
        n = 0
        while ac_depth >> n > 0:
            n += 1
        status, at, known = decode_differences(n, 0, (1 << n) - 1, words, at, end, depths)
    for m in range(known):
        if depths[m] > ac_depth and status == COMPLETE:
            status = ILLEGAL
    progress[AT], progress[STATUS] = at, status


@njit(nogil=True, cache=True, error_model="numpy")
def decode_planes(
    depths: Any, coded: Any, dc_top: Int, dc_low: Int, last_plane: Int, last_stage: Int,
    words: Any, end: Int, dc: Any, planes: Any, signs: Any, progress: Any,
) -> None:  # fmt: skip
    """What `encode_planes` wrote, into `planes` `(plane, block)`, `signs` and `dc`, all zeros so far."""
    count = len(signs)
    gaggles = (count + GAGGLE - 1) // GAGGLE
    selected, opened = np.zeros(count, np.int64), np.zeros(count, np.int64)
    options = np.zeros(8 * gaggles, np.int64)
    for plane in range(len(planes) - 1, last_plane - 1, -1):
        if dc_low <= plane < dc_top and not decode_dc_plane(plane, words, end, dc, progress):
            return
        progress[AC_PLANE], progress[AC_REFINED] = plane, 0
        for g in range(0, len(options), 8):
            options[g + 2], options[g + 3], options[g + 4] = -1, -1, -1
        mask, here = np.int64(coded[plane]), planes[plane]
        stages = last_stage if plane == last_plane else 4
        at = np.int64(progress[AT])
        for stage in range(1, min(stages, 3) + 1):
            for m in range(count):
                if depths[m] <= plane:
                    continue
                before, now, gaggle = np.int64(selected[m]), np.int64(opened[m]), m // GAGGLE * 8
                start = at
                bits = sign = faults = np.int64(0)
                if stage == 1:
                    parents = ((mask & ~before) >> 60) & 7
                    if parents:
                        faults, at, bits, sign = _types(_CHILDREN, parents, 60, options, gaggle, words, at, bits, sign)
                elif stage == 2:
                    bits, sign, now, at, faults = _stage2(before, mask, now, options, gaggle, words, at)
                    opened[m] = now
                else:
                    bits, sign, at, faults = _stage3(before, mask, now, options, gaggle, words, at)
                if at > end or faults & _ILLEGAL_WORD:
                    progress[AT], progress[STATUS] = start, ENDED if at + 8 > end else ILLEGAL
                    return
                here[m] |= bits
                signs[m] |= sign
        if stages == 4:
            for m in range(count):
                if depths[m] <= plane:
                    continue
                bits, after = _refinement(selected[m] & mask, words, at)
                if after > end:
                    progress[AT], progress[STATUS], progress[AC_REFINED] = at, ENDED, m
                    return
                at = after
                selected[m] |= here[m]
                here[m] |= bits
            progress[AC_REFINED] = count
        progress[AT] = at
