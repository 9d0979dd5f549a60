"""Tier 2: packets (ISO/IEC 15444-1, Annex B.9–B.12).

A packet holds one resolution of one component: a header that says, for each code-block, whether it is
there (a tag tree), how many of its bit-planes are empty (another), its number of coding passes and the
length of its segment; then the segments. With one layer and one precinct to a resolution the progression
is: every resolution, lowest first; in it every component.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from hypress.entropy.mq import Int
from hypress.jpeg2000 import bits, tagtree
from hypress.jpeg2000.tier1 import MAX_PLANES

LBLOCK = 3  # every block's first length indicator (B.10.7.1)

put_bit, put_bits, get_bit, get_bits = bits.put_bit, bits.put_bits, bits.get_bit, bits.get_bits

SOUND, CUT, BROKEN = range(3)  # what `read_packets` found


@njit(nogil=True, cache=True, error_model="numpy")
def bit_length(value: Int) -> Int:
    """Bits of a number ≥ 0; 0 has none."""
    count = 0
    while value >> count:
        count += 1
    return count


@njit(nogil=True, cache=True, error_model="numpy")
def _put_passes(passes: Int, state: Any, out: Any) -> None:
    """Table B.4."""
    if passes == 1:
        put_bit(0, state, out)
    elif passes == 2:
        put_bits(0b10, 2, state, out)
    elif passes <= 5:
        put_bits(0b1100 | (passes - 3), 4, state, out)
    elif passes <= 36:
        put_bits(0b1111 << 5 | (passes - 6), 9, state, out)
    else:
        put_bits(0b111111111 << 7 | (passes - 37), 16, state, out)


@njit(nogil=True, cache=True, error_model="numpy")
def _get_passes(state: Any, data: Any) -> Int:
    if not get_bit(state, data):
        return 1
    if not get_bit(state, data):
        return 2
    more = get_bits(2, state, data)
    if more < 3:
        return 3 + more
    more = get_bits(5, state, data)
    if more < 31:
        return 6 + more
    return 37 + get_bits(7, state, data)


@njit(nogil=True, cache=True, error_model="numpy")
def write_packets(
    resolutions: Any, grids: Any, parents: Any, zero_planes: Any,
    passes: Any, lengths: Any, starts: Any, tails: Any, body: Any, out: Any, write: bool,
) -> Int:  # fmt: skip
    """Write all packets, or with `write` off only count their bytes.

    Args:
        resolutions: first and last-plus-one subband of each resolution.
        grids: of `Layout`.
        parents: of `Layout`.
        zero_planes: empty bit-planes above each block, `(component, block)`; as are the next four.
        passes: coding passes kept, 0 for none.
        lengths: bytes of the segments.
        starts: where they start in `body`.
        tails: their last bytes, as `tier1` gives them, which replace those in `body`.
        body: all segments, uncut.
        out: where the packets go.
        write: whether they go anywhere.

    Returns:
        The number of bytes of all packets.
    """
    blocks_most = 1
    for r in range(len(resolutions)):
        count = 0
        for band in range(resolutions[r, 0], resolutions[r, 1]):
            count += grids[band, 0] * grids[band, 1]
        blocks_most = max(blocks_most, count)
    header = np.empty(64 * blocks_most + 256, np.uint8)  # a block needs no more than 300 bits
    nodes = len(parents)
    absent, empty = np.empty(nodes, np.int64), np.empty(nodes, np.int64)
    bounds, known = np.empty((2, nodes), np.int64), np.empty((2, nodes), np.uint8)
    path = np.empty(tagtree.MAX_DEPTH, np.int64)
    state = np.zeros(4, np.int64)
    total = 0
    for r in range(len(resolutions)):
        for comp in range(len(passes)):
            state[:] = 0
            state[bits.LEFT] = 8
            any_there = False
            for band in range(resolutions[r, 0], resolutions[r, 1]):
                first = grids[band, 2]
                for b in range(first, first + grids[band, 0] * grids[band, 1]):
                    any_there = any_there or passes[comp, b] > 0
            put_bit(1 if any_there else 0, state, header)
            if any_there:
                for band in range(resolutions[r, 0], resolutions[r, 1]):
                    count, first, root = grids[band, 0] * grids[band, 1], grids[band, 2], grids[band, 3]
                    if count == 0:
                        continue
                    last = grids[band + 1, 3] if band + 1 < len(grids) else nodes
                    tree = parents[root:last]
                    absent[root:last] = 1
                    empty[root:last] = 1 << 20
                    for b in range(count):
                        if passes[comp, first + b]:
                            absent[root + b] = 0
                            empty[root + b] = zero_planes[comp, first + b]
                    tagtree.settle(absent[root:last], tree)
                    tagtree.settle(empty[root:last], tree)
                    bounds[:, root:last] = 0
                    known[:, root:last] = 0
                    for b in range(count):
                        tagtree.encode(
                            b, 1, absent[root:last], bounds[0, root:last], known[0, root:last], tree,
                            path, state, header,
                        )  # fmt: skip
                        kept = passes[comp, first + b]
                        if kept == 0:
                            continue
                        tagtree.encode(
                            b, empty[root + b] + 1, empty[root:last], bounds[1, root:last],
                            known[1, root:last], tree, path, state, header,
                        )  # fmt: skip
                        _put_passes(kept, state, header)
                        free = bit_length(kept) - 1  # bits of a length that come for nothing
                        needed = max(bit_length(lengths[comp, first + b]) - free, LBLOCK)
                        for _ in range(needed - LBLOCK):
                            put_bit(1, state, header)
                        put_bit(0, state, header)
                        put_bits(lengths[comp, first + b], needed + free, state, header)
            bits.finish_bits(state, header)
            size = state[bits.POSITION]
            if write:
                out[total : total + size] = header[:size]
            total += size
            if not any_there:
                continue
            for band in range(resolutions[r, 0], resolutions[r, 1]):
                first = grids[band, 2]
                for b in range(first, first + grids[band, 0] * grids[band, 1]):
                    if passes[comp, b] == 0:
                        continue
                    size = lengths[comp, b]
                    if write:
                        start, ended = starts[comp, b], np.int64(tails[comp, b])
                        kept = size - (ended >> 24)
                        out[total : total + kept] = body[start : start + kept]
                        for i in range(ended >> 24):
                            out[total + kept + i] = (ended >> (8 * i)) & 0xFF
                    total += size
    return total


@njit(nogil=True, cache=True, error_model="numpy")
def read_packets(
    data: Any, start: Int, end: Int, resolutions: Any, grids: Any, parents: Any, planes_most: Any,
    planes: Any, passes: Any, lengths: Any, starts: Any,
) -> Int:  # fmt: skip
    """Find the segments in `data[start:end]`; nothing read is believed before it is checked.

    `planes_most` is the number of bit-planes of each subband (M_b of Equation E-2). Fills `planes`,
    `passes`, `lengths` and `starts`, all `(component, block)`. Returns SOUND, CUT or BROKEN.
    """
    nodes = len(parents)
    bounds, known = np.empty((2, nodes), np.int64), np.empty((2, nodes), np.uint8)
    path = np.empty(tagtree.MAX_DEPTH, np.int64)
    state = np.zeros(4, np.int64)
    passes[:] = 0
    pos = start
    for r in range(len(resolutions)):
        for comp in range(len(passes)):
            if pos >= end:
                return CUT
            state[:] = 0
            state[bits.POSITION], state[bits.END] = pos, end
            there = get_bit(state, data)
            for band in range(resolutions[r, 0], resolutions[r, 1]):
                count, first, root = grids[band, 0] * grids[band, 1], grids[band, 2], grids[band, 3]
                if not there or count == 0:
                    continue
                last = grids[band + 1, 3] if band + 1 < len(grids) else nodes
                tree, most = parents[root:last], planes_most[band]
                bounds[:, root:last] = 0
                known[:, root:last] = 0
                for b in range(count):
                    if not tagtree.decode(b, 1, bounds[0, root:last], known[0, root:last], tree, path, state, data):
                        continue
                    if not tagtree.decode(b, most, bounds[1, root:last], known[1, root:last], tree, path, state, data):
                        return BROKEN  # no plane is left
                    left = most - bounds[1, root + b]
                    coded = _get_passes(state, data)
                    if left > MAX_PLANES or coded > 3 * left - 2:
                        return BROKEN
                    wide = LBLOCK + bit_length(coded) - 1
                    while get_bit(state, data):
                        wide += 1
                        if wide > 40 or state[bits.BYTE] < 0:
                            return BROKEN
                    size = get_bits(wide, state, data)
                    if state[bits.BYTE] < 0:
                        return CUT
                    if size > end - start:
                        return BROKEN
                    planes[comp, first + b] = left
                    passes[comp, first + b] = coded
                    lengths[comp, first + b] = size
            if state[bits.BYTE] < 0:
                return CUT
            pos = state[bits.POSITION]
            if state[bits.BYTE] == 0xFF:
                pos += 1  # the stuffed bit that closes the header
            if not there:
                continue
            for band in range(resolutions[r, 0], resolutions[r, 1]):
                first = grids[band, 2]
                for b in range(first, first + grids[band, 0] * grids[band, 1]):
                    if passes[comp, b]:
                        if lengths[comp, b] > end - pos:
                            return CUT
                        starts[comp, b] = pos
                        pos += lengths[comp, b]
    return SOUND if pos == end else BROKEN
