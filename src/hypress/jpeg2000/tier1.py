"""Tier 1, encoder: the bit-planes of one code-block through the MQ coder (ISO/IEC 15444-1, Annex D).

Every bit-plane but the first is coded in three passes: *significance propagation* (insignificant samples
with significant neighbours), *magnitude refinement* (samples that were significant before) and *cleanup*
(all the rest, with a run mode for empty columns). The first plane has a cleanup pass only.

A segment may be cut after any pass. For each the encoder keeps

- the bytes with which the segment ends there, fewer than a prefix of the longer segment would need,
- by how much the pass brings the squared error down, when the decoder rebuilds every magnitude in the
  middle of its interval. Magnitudes may carry `fraction` bits that are never coded but make this exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from hypress.entropy import mq
from hypress.entropy.mq import Int
from hypress.jpeg2000 import contexts as cx

MAX_PLANES = 30  # bit-planes of a code-block, fraction included: magnitudes share 32 bits with a sign
_LOW31 = 0x7FFFFFFF

encode_bit = mq.encode
sign_context, tell_neighbours, refinement_context = cx.sign_context, cx.tell_neighbours, cx.refinement_context


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def _encode_sign(
    negative: Int, word: Int, j: Int, flags: Any, at: Int, stride: Int, contexts: Any,
    a: Int, c: Int, ct: Int, pos: Int, out: Any,
) -> tuple[Int, Int, Int, Int]:  # fmt: skip
    looked = sign_context(word, j, flags, at, stride)
    return encode_bit(negative ^ (looked >> 7), looked & 0x7F, contexts, a, c, ct, pos, out)


@njit(nogil=True, cache=True, error_model="numpy")
def _significance_pass(
    mag: Any, flags: Any, width: Int, height: Int, plane: Int, lookup: Any, contexts: Any,
    a: Int, c: Int, ct: Int, pos: Int, out: Any,
) -> tuple[Int, Int, Int, Int, Int, Int]:  # fmt: skip
    """D.3.1–D.3.2; also returns the sum of the magnitudes that became significant, and how many did."""
    total, count, stride = np.int64(0), 0, width + 2
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
                value = np.int64(mag[np.uintp(base + j)])
                bit = (value >> plane) & 1
                word |= 1 << (cx.VISITED + j)
                context = np.int64(lookup[np.uintp(around)])
                a, c, ct, pos = encode_bit(bit, context, contexts, a, c, ct, pos, out)
                if bit:
                    negative = value >> 31
                    a, c, ct, pos = _encode_sign(negative, word, j, flags, at, stride, contexts, a, c, ct, pos, out)
                    word |= (1 << (3 * j + 4)) | (negative << (cx.SIGN + j))
                    tell_neighbours(j, flags, at, stride)
                    total += value & _LOW31
                    count += 1
            flags[np.uintp(at)] = word
    return a, c, ct, pos, total, count


@njit(nogil=True, cache=True, error_model="numpy")
def _refinement_pass(
    mag: Any, flags: Any, width: Int, height: Int, plane: Int, contexts: Any,
    a: Int, c: Int, ct: Int, pos: Int, out: Any,
) -> tuple[Int, Int, Int, Int, Int, Int]:  # fmt: skip
    """D.3.3; also returns the sum of the distances to the old middles, and how many samples were refined."""
    total, count, stride = np.int64(0), 0, width + 2
    middle = 1 << plane
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
                value = np.int64(mag[np.uintp(base + j)])
                context = refinement_context(word, j)
                a, c, ct, pos = encode_bit((value >> plane) & 1, context, contexts, a, c, ct, pos, out)
                word |= 1 << (cx.REFINED + j)
                total += abs((value & (2 * middle - 1)) - middle)
                count += 1
            flags[np.uintp(at)] = word
    return a, c, ct, pos, total, count


@njit(nogil=True, cache=True, error_model="numpy")
def _cleanup_pass(
    mag: Any, flags: Any, width: Int, height: Int, plane: Int, lookup: Any, contexts: Any,
    a: Int, c: Int, ct: Int, pos: Int, out: Any,
) -> tuple[Int, Int, Int, Int, Int, Int]:  # fmt: skip
    """D.3.4; returns what `_significance_pass` does."""
    total, count, stride = np.int64(0), 0, width + 2
    for top in range(0, height, 4):
        rows = min(4, height - top)
        for x in range(width):
            at = (top // 4 + 1) * stride + x + 1
            word = np.int64(flags[np.uintp(at)])
            base = top * width + 4 * x
            first = 0
            run = False
            if rows == 4 and word & cx.AROUND == 0:
                while first < 4 and (np.int64(mag[np.uintp(base + first)]) >> plane) & 1 == 0:
                    first += 1
                run = first < 4
                a, c, ct, pos = encode_bit(np.int64(run), cx.CONTEXT_RUN, contexts, a, c, ct, pos, out)
                if not run:
                    continue
                for shift in range(1, -1, -1):
                    digit = (first >> shift) & 1
                    a, c, ct, pos = encode_bit(digit, cx.CONTEXT_UNIFORM, contexts, a, c, ct, pos, out)
            for j in range(first, rows):
                value = np.int64(mag[np.uintp(base + j)])
                if run:  # the sample that ended the run: its bit is known
                    run = False
                    bit = np.int64(1)
                else:
                    if (word >> (3 * j + 4)) & 1 or (word >> (cx.VISITED + j)) & 1:
                        continue
                    bit = (value >> plane) & 1
                    context = np.int64(lookup[np.uintp((word >> (3 * j)) & 0x1FF)])
                    a, c, ct, pos = encode_bit(bit, context, contexts, a, c, ct, pos, out)
                if bit:
                    negative = value >> 31
                    a, c, ct, pos = _encode_sign(negative, word, j, flags, at, stride, contexts, a, c, ct, pos, out)
                    word |= (1 << (3 * j + 4)) | (negative << (cx.SIGN + j))
                    tell_neighbours(j, flags, at, stride)
                    total += value & _LOW31
                    count += 1
            flags[np.uintp(at)] = word & ~cx.VISITED_MASK
    return a, c, ct, pos, total, count


@njit(nogil=True, cache=True, error_model="numpy")
def load_block(plane: Any, y0: Int, x0: Int, height: Int, width: Int, mag: Any) -> tuple[Int, float]:
    """Copy a block into scan order as sign and magnitude; returns the OR of magnitudes and their energy."""
    union, energy = np.int64(0), 0.0
    for y in range(height):
        base = (y // 4) * 4 * width + (y & 3)
        for x in range(width):
            value = np.int64(plane[y0 + y, x0 + x])
            union |= abs(value)
            energy += np.float64(value) * np.float64(value)
            mag[base + 4 * x] = np.uint32(-value | 0x80000000) if value < 0 else np.uint32(value)
    return union, energy


@njit(nogil=True, cache=True, error_model="numpy")
def encode_block(
    mag: Any, height: Int, width: Int, planes: Int, fraction: Int, exact: bool, lookup: Any,
    flags: Any, contexts: Any, out: Any, start: Int, lengths: Any, ends: Any, gains: Any, first: Int,
) -> Int:  # fmt: skip
    """Code all passes of a block whose magnitudes have `planes` bits above the `fraction`.

    Bytes go to `out[start + 1:]`; `out[start]` is lost. For pass number k, `lengths[first + k]` receives the
    length of the segment cut there, `ends[first + k]` its last bytes, first byte lowest, with their number
    (0–3) in the top byte, and `gains[first + k]` the squared error saved, in units of the least bit coded
    or carried. `exact`: the last plane leaves no error, as integers have no middle.

    Returns the last position written, or -1 when `out` might not hold the next pass.
    """
    flags[: (width + 2) * ((height + 3) // 4 + 2)] = 0
    mq.reset(contexts)
    a, c, ct, pos = 0x8000, 0, 12, start
    out[start] = 0
    room = 6 * height * width + 64  # no pass codes more than 2.75 bits a sample; no bit takes two bytes
    k = first
    total, count = 0, 0
    for plane in range(planes + fraction - 1, fraction - 1, -1):
        for kind in range(3):
            if kind < 2 and plane == planes + fraction - 1:
                continue
            if pos + room > len(out):
                return -1
            if kind == 1:
                a, c, ct, pos, total, count = _refinement_pass(
                    mag, flags, width, height, plane, contexts, a, c, ct, pos, out
                )
                half = np.float64(1 << plane) / 2  # from the old middle to the new
                gains[k] = half * (2.0 * total - half * count)
            else:
                if kind == 0:
                    a, c, ct, pos, total, count = _significance_pass(
                        mag, flags, width, height, plane, lookup, contexts, a, c, ct, pos, out
                    )
                else:
                    a, c, ct, pos, total, count = _cleanup_pass(
                        mag, flags, width, height, plane, lookup, contexts, a, c, ct, pos, out
                    )
                middle = np.float64(3 << plane) / 2
                gains[k] = middle * (2.0 * total - middle * count)
            if exact and plane == 0:
                gains[k] = total
            tail, size = mq.shortest_end(a, c, ct, np.int64(out[pos]))
            kept = pos - start - 1
            if kept < 0:  # still at the byte that is not there
                kept, tail, size = 0, tail >> 8, size - 1
            lengths[k] = kept + size
            ends[k] = tail | size << 24
            k += 1
    return pos


@njit(nogil=True, cache=True, error_model="numpy")
def encode_plane(
    plane: Any, fractions: Any, exact: bool, blocks: Any, next_block: Int, out: Any, pos: Int,
    lengths: Any, ends: Any, gains: Any, k: Int, starts: Any, firsts: Any, counts: Any, energies: Any,
) -> tuple[Int, Int, Int]:  # fmt: skip
    """Code the blocks of one component from number `next_block` on, until done or out of room.

    `blocks` has a row for each block: y, x, height, width, orientation, subband; `fractions` a number for
    each subband. Fills, for each block, `starts` (first byte in `out`), `firsts` (first pass), `counts`
    (bit-planes) and `energies` (sum of squares). Returns the next block to do, the position in `out` and
    the number of the next pass.
    """
    most = 1
    for b in range(len(blocks)):
        most = max(most, blocks[b, 2] * blocks[b, 3])
    mag = np.empty(4 * most + 64, np.uint32)
    flags = np.empty(4 * most + 4096, np.uint32)
    contexts = np.empty(mq.CONTEXTS, np.uint32)
    for b in range(next_block, len(blocks)):
        y0, x0, height, width, band = blocks[b, 0], blocks[b, 1], blocks[b, 2], blocks[b, 3], blocks[b, 4]
        union, energies[b] = load_block(plane, y0, x0, height, width, mag)
        fraction = fractions[blocks[b, 5]]
        planes = 0
        while union >> (planes + fraction):
            planes += 1
        firsts[b], counts[b], starts[b] = k, planes, pos + 1
        if planes == 0:
            continue
        if k + 3 * planes > len(lengths) or pos >= len(out):
            return b, pos, k
        done = encode_block(
            mag, height, width, planes, fraction, exact, cx.SIGNIFICANCE[band],
            flags, contexts, out, pos, lengths, ends, gains, k,
        )  # fmt: skip
        if done < 0:
            return b, pos, k
        pos = done + 1
        k += 3 * planes - 2
    return len(blocks), pos, k
