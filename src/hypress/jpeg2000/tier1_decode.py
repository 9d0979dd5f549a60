"""Tier 1, decoder: the mirror of `tier1` (ISO/IEC 15444-1, Annex D).

Magnitudes are kept doubled, so that the middle of an interval is an integer down to the last plane: a
sample known down to plane p holds 2m + 2^p. A reversible stream halves that and rounds down, which gives
the exact m when all planes are there; an irreversible one multiplies by half the quantiser step.

Nothing here trusts the segment: it ends in ones without end, the number of passes was bounded by the
caller, and every index depends on the block's size alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from hypress.entropy import mq
from hypress.entropy.mq import Int
from hypress.jpeg2000 import contexts as cx

decode_bit = mq.decode
sign_context, tell_neighbours, refinement_context = cx.sign_context, cx.tell_neighbours, cx.refinement_context


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def _decode_sign(
    word: Int, j: Int, flags: Any, at: Int, stride: Int, contexts: Any,
    a: Int, c: Int, ct: Int, pos: Int, data: Any,
) -> tuple[Int, Int, Int, Int, Int]:  # fmt: skip
    looked = sign_context(word, j, flags, at, stride)
    bit, a, c, ct, pos = decode_bit(looked & 0x7F, contexts, a, c, ct, pos, data)
    return bit ^ (looked >> 7), a, c, ct, pos


@njit(nogil=True, cache=True, error_model="numpy")
def _significance_pass(
    mag: Any, flags: Any, width: Int, height: Int, plane: Int, lookup: Any, contexts: Any,
    a: Int, c: Int, ct: Int, pos: Int, data: Any,
) -> tuple[Int, Int, Int, Int]:  # fmt: skip
    stride = width + 2
    for top in range(0, height, 4):
        rows = min(4, height - top)
        for x in range(width):
            at = (top // 4 + 1) * stride + x + 1
            word = np.int64(flags[np.uintp(at)])
            if word & cx.AROUND == 0:
                continue
            base = top * width + 4 * x
            for j in range(4):
                if j >= rows:
                    break
                around = (word >> (3 * j)) & 0x1FF
                if around == 0 or around & 0x10:
                    continue
                word |= 1 << (cx.VISITED + j)
                context = np.int64(lookup[np.uintp(around)])
                bit, a, c, ct, pos = decode_bit(context, contexts, a, c, ct, pos, data)
                if bit:
                    negative, a, c, ct, pos = _decode_sign(word, j, flags, at, stride, contexts, a, c, ct, pos, data)
                    word |= (1 << (3 * j + 4)) | (negative << (cx.SIGN + j))
                    tell_neighbours(j, flags, at, stride)
                    mag[np.uintp(base + j)] = 3 << plane
            flags[np.uintp(at)] = word
    return a, c, ct, pos


@njit(nogil=True, cache=True, error_model="numpy")
def _refinement_pass(
    mag: Any, flags: Any, width: Int, height: Int, plane: Int, contexts: Any,
    a: Int, c: Int, ct: Int, pos: Int, data: Any,
) -> tuple[Int, Int, Int, Int]:  # fmt: skip
    stride = width + 2
    for top in range(0, height, 4):
        rows = min(4, height - top)
        for x in range(width):
            at = (top // 4 + 1) * stride + x + 1
            word = np.int64(flags[np.uintp(at)])
            if word & cx.COLUMN == 0:
                continue
            base = top * width + 4 * x
            for j in range(4):
                if j >= rows:
                    break
                if (word >> (3 * j + 4)) & 1 == 0 or (word >> (cx.VISITED + j)) & 1:
                    continue
                context = refinement_context(word, j)
                bit, a, c, ct, pos = decode_bit(context, contexts, a, c, ct, pos, data)
                word |= 1 << (cx.REFINED + j)
                mag[np.uintp(base + j)] += (2 * bit - 1) << plane
            flags[np.uintp(at)] = word
    return a, c, ct, pos


@njit(nogil=True, cache=True, error_model="numpy")
def _cleanup_pass(
    mag: Any, flags: Any, width: Int, height: Int, plane: Int, lookup: Any, contexts: Any,
    a: Int, c: Int, ct: Int, pos: Int, data: Any,
) -> tuple[Int, Int, Int, Int]:  # fmt: skip
    stride = width + 2
    for top in range(0, height, 4):
        rows = min(4, height - top)
        for x in range(width):
            at = (top // 4 + 1) * stride + x + 1
            word = np.int64(flags[np.uintp(at)])
            base = top * width + 4 * x
            first = 0
            run = np.int64(0)
            if rows == 4 and word & cx.AROUND == 0:
                run, a, c, ct, pos = decode_bit(cx.CONTEXT_RUN, contexts, a, c, ct, pos, data)
                if run == 0:
                    continue
                for _ in range(2):
                    bit, a, c, ct, pos = decode_bit(cx.CONTEXT_UNIFORM, contexts, a, c, ct, pos, data)
                    first = 2 * first + bit
            for j in range(first, rows):
                if run:  # the sample that ended the run: its bit is known
                    run = np.int64(0)
                    bit = np.int64(1)
                else:
                    if (word >> (3 * j + 4)) & 1 or (word >> (cx.VISITED + j)) & 1:
                        continue
                    context = np.int64(lookup[np.uintp((word >> (3 * j)) & 0x1FF)])
                    bit, a, c, ct, pos = decode_bit(context, contexts, a, c, ct, pos, data)
                if bit:
                    negative, a, c, ct, pos = _decode_sign(word, j, flags, at, stride, contexts, a, c, ct, pos, data)
                    word |= (1 << (3 * j + 4)) | (negative << (cx.SIGN + j))
                    tell_neighbours(j, flags, at, stride)
                    mag[np.uintp(base + j)] = 3 << plane
            flags[np.uintp(at)] = word & ~cx.VISITED_MASK
    return a, c, ct, pos


@njit(nogil=True, cache=True, error_model="numpy")
def decode_block(
    segment: Any, height: Int, width: Int, planes: Int, passes: Int, lookup: Any,
    flags: Any, contexts: Any, mag: Any,
) -> None:  # fmt: skip
    """Decode at most 3 × `planes` - 2 `passes` of a segment that ends in two bytes 0xFF into `mag`."""
    flags[: (width + 2) * ((height + 3) // 4 + 2)] = 0
    mag[: 4 * width * ((height + 3) // 4)] = 0
    mq.reset(contexts)
    a, c, ct, pos = mq.start(segment)
    for k in range(2, passes + 2):  # numbered as if the first plane had all three
        plane = planes - 1 - k // 3
        if k % 3 == 0:
            a, c, ct, pos = _significance_pass(
                mag, flags, width, height, plane, lookup, contexts, a, c, ct, pos, segment
            )
        elif k % 3 == 1:
            a, c, ct, pos = _refinement_pass(mag, flags, width, height, plane, contexts, a, c, ct, pos, segment)
        else:
            a, c, ct, pos = _cleanup_pass(mag, flags, width, height, plane, lookup, contexts, a, c, ct, pos, segment)


@njit(nogil=True, cache=True, error_model="numpy")
def decode_plane(data: Any, blocks: Any, offsets: Any, lengths: Any, planes: Any, passes: Any, plane: Any) -> None:
    """Decode the blocks of one component into `plane` `(y, x)`, int32, as doubled signed magnitudes.

    `blocks` is the table of `layout`; for each block the segment is `data[offset:offset + length]`. The
    caller has checked that segments lie in `data`, that planes are at most 30 and passes fit them.
    """
    most, longest = 1, 0
    for b in range(len(blocks)):
        most = max(most, blocks[b, 2] * blocks[b, 3])
        longest = max(longest, lengths[b])
    mag = np.empty(4 * most + 64, np.uint32)
    flags = np.empty(4 * most + 4096, np.uint32)
    contexts = np.empty(mq.CONTEXTS, np.uint32)
    segment = np.empty(longest + 2, np.uint8)
    for b in range(len(blocks)):
        y0, x0, height, width = blocks[b, 0], blocks[b, 1], blocks[b, 2], blocks[b, 3]
        if passes[b] == 0:
            for y in range(height):
                for x in range(width):
                    plane[y0 + y, x0 + x] = 0
            continue
        size = lengths[b]
        for i in range(size):
            segment[i] = data[offsets[b] + i]
        segment[size] = segment[size + 1] = 0xFF
        decode_block(
            segment[: size + 2], height, width, planes[b], passes[b], cx.SIGNIFICANCE[blocks[b, 4]],
            flags, contexts, mag,
        )  # fmt: skip
        for y in range(height):
            base = (y // 4) * 4 * width + (y & 3)
            row = (y // 4 + 1) * (width + 2) + 1
            for x in range(width):
                value = np.int64(mag[base + 4 * x])
                negative = (np.int64(flags[row + x]) >> (cx.SIGN + (y & 3))) & 1
                plane[y0 + y, x0 + x] = -value if negative else value
