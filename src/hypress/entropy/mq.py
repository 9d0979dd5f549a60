"""The MQ coder: a binary adaptive arithmetic coder (ISO/IEC 15444-1, Annex C).

Each *context* keeps an estimate of its less probable symbol (LPS): one of 47 states, and which symbol is
the more probable one (MPS). A coder splits the interval `A` into an LPS part of width Qe(state) at the
bottom and the MPS part above it. The registers are those of the standard:

    C   code register: `carry | byte | 3 spacer bits | 16 fraction bits` when a byte is due
    A   interval, kept in 0x8000 … 0xFFFF by doubling
    CT  doublings until the next byte

All of it is written as functions on scalars that return the new registers, so that a caller that loops
over symbols keeps them in machine registers: numba inlines `encode` and `decode` wherever they are
called. After a byte 0xFF the next carries only seven bits, so a carry never travels further than the
last byte written, and no marker can appear.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

Int: TypeAlias = Any  # in a kernel: an int64, which to a type checker is no int

CONTEXTS = 19  # as many as the bit-plane coder of JPEG 2000 has

# Table C.2: Qe, the state after an MPS, the state after an LPS, whether an LPS swaps the MPS.
# fmt: off
_STATES = (
    (0x5601, 1, 1, 1), (0x3401, 2, 6, 0), (0x1801, 3, 9, 0), (0x0AC1, 4, 12, 0), (0x0521, 5, 29, 0),
    (0x0221, 38, 33, 0), (0x5601, 7, 6, 1), (0x5401, 8, 14, 0), (0x4801, 9, 14, 0), (0x3801, 10, 14, 0),
    (0x3001, 11, 17, 0), (0x2401, 12, 18, 0), (0x1C01, 13, 20, 0), (0x1601, 29, 21, 0), (0x5601, 15, 14, 1),
    (0x5401, 16, 14, 0), (0x5101, 17, 15, 0), (0x4801, 18, 16, 0), (0x3801, 19, 17, 0), (0x3401, 20, 18, 0),
    (0x3001, 21, 19, 0), (0x2801, 22, 19, 0), (0x2401, 23, 20, 0), (0x2201, 24, 21, 0), (0x1C01, 25, 22, 0),
    (0x1801, 26, 23, 0), (0x1601, 27, 24, 0), (0x1401, 28, 25, 0), (0x1201, 29, 26, 0), (0x1101, 30, 27, 0),
    (0x0AC1, 31, 28, 0), (0x09C1, 32, 29, 0), (0x08A1, 33, 30, 0), (0x0521, 34, 31, 0), (0x0441, 35, 32, 0),
    (0x02A1, 36, 33, 0), (0x0221, 37, 34, 0), (0x0141, 38, 35, 0), (0x0111, 39, 36, 0), (0x0085, 40, 37, 0),
    (0x0049, 41, 38, 0), (0x0025, 42, 39, 0), (0x0015, 43, 40, 0), (0x0009, 44, 41, 0), (0x0005, 45, 42, 0),
    (0x0001, 45, 43, 0), (0x5601, 46, 46, 0),
)
# fmt: on


def _transitions() -> NDArray[np.uint32]:
    """One word for each (state, MPS): Qe in bits 0–14, the MPS in 15, what follows an MPS in 16–23, an LPS in 24–31."""
    words = []
    for qe, after_mps, after_lps, swap in _STATES:
        for mps in (0, 1):
            words.append(qe | mps << 15 | (2 * after_mps + mps) << 16 | (2 * after_lps + (mps ^ swap)) << 24)
    return np.array(words, np.uint32)


TRANSITIONS = _transitions()


@intrinsic
def _doublings(typing_context: Any, a: Any) -> Any:
    """How often a number below 2^16 must be doubled to reach 0x8000: its leading zeros."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        zeros = builder.ctlz(arguments[0], cgutils.true_bit)
        return builder.sub(zeros, context.get_constant(types.int64, 48))

    return types.int64(types.int64), code


doublings: Any = _doublings


@njit(nogil=True, cache=True, error_model="numpy")
def reset(contexts: Any) -> None:
    """Set the 19 contexts to where every code-block starts (Table D.7)."""
    contexts[:] = TRANSITIONS[0]
    contexts[0] = TRANSITIONS[2 * 4]  # no significant neighbour: rarely significant
    contexts[17] = TRANSITIONS[2 * 3]  # run of four: rarely interrupted
    contexts[18] = TRANSITIONS[2 * 46]  # uniform: never adapts


# --- encoder ----------------------------------------------------------------------------------------------
# `out[pos]` is the byte written last; a carry may still raise it. Coding starts at a byte that is not part
# of the segment: `out[pos]` = 0, A = 0x8000, C = 0, CT = 12 (C.2.8).


@njit(nogil=True, cache=True, error_model="numpy")
def byte_out(c: Int, pos: Int, out: Any) -> tuple[Int, Int, Int]:
    """Move the top byte of C to the output (C.2.7); returns C, CT, pos."""
    if out[np.uintp(pos)] != 0xFF and c >= 0x8000000:
        out[np.uintp(pos)] += 1
        c &= 0x7FFFFFF
    if out[np.uintp(pos)] == 0xFF:
        pos += 1
        out[np.uintp(pos)] = c >> 20
        return c & 0xFFFFF, 7, pos
    pos += 1
    out[np.uintp(pos)] = c >> 19
    return c & 0x7FFFF, 8, pos


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def encode(
    bit: Int, context: Int, contexts: Any, a: Int, c: Int, ct: Int, pos: Int, out: Any
) -> tuple[Int, Int, Int, Int]:
    """Code one bit (C.2.3–C.2.6); returns A, C, CT, pos. At most two bytes are written."""
    word = np.int64(contexts[np.uintp(context)])
    qe = word & 0x7FFF
    a -= qe
    lps = bit ^ ((word >> 15) & 1)
    if (a >> 15) & ~lps:
        return a, c + qe, ct, pos
    # From here on without branches but for bytes: they could not be predicted. `lower` is a mask, all ones
    # for the lower part of the interval: the LPS, unless Qe is the greater part (conditional exchange).
    lower = -lps ^ ((a - qe) >> 63)
    c += qe & ~lower
    a ^= (a ^ qe) & lower
    contexts[np.uintp(context)] = TRANSITIONS[np.uintp((word >> (16 + 8 * lps)) & 0xFF)]
    shift = doublings(a)
    a <<= shift
    while shift >= ct:
        shift -= ct
        c, ct, pos = byte_out(c << ct, pos, out)
    return a, c << shift, ct - shift, pos


@njit(nogil=True, cache=True, error_model="numpy")
def shortest_end(a: Int, c: Int, ct: Int, last: Int) -> tuple[Int, Int]:
    """The fewest bytes that finish a segment here, without disturbing the registers.

    A decoder reads ones past the end of a segment, so any bytes will do that, followed by ones, name a
    number in [C, C + A). `last` is the byte written last. Returns the bytes that replace it and follow
    it, first byte lowest, and how many they are (0 to 3). No segment ends in 0xFF (D.4.1).
    """
    low, high = c << ct, (c + a) << ct
    # `place` is where the bytes so far end. Rounding `high` down there and stepping back by one gives the
    # greatest number in the interval that is all ones from there on; `low` and `high` lose what is coded.
    place, byte, tail, count = 27, last, last, 1
    if ((high >> place) << place) - 1 < low:
        if last != 0xFF and high >> 27:  # a carry
            tail = byte = last + 1
            high -= 0x8000000
            low -= 0x8000000
        while True:
            place -= 7 if byte == 0xFF else 8
            byte = high >> place
            count += 1
            if (byte << place) - 1 >= low:
                tail |= (byte - 1) << (8 * (count - 1))
                break
            tail |= byte << (8 * (count - 1))
            high -= byte << place
            low -= byte << place
    if (tail >> (8 * (count - 1))) & 0xFF == 0xFF:
        count -= 1
    return tail, count


# --- decoder ----------------------------------------------------------------------------------------------
# The segment must be followed by two bytes 0xFF, which read as an endless run of ones (C.3.4); then no
# input whatever can move `pos` past the first of them.


@njit(nogil=True, cache=True, error_model="numpy")
def byte_in(c: Int, pos: Int, data: Any) -> tuple[Int, Int, Int]:
    """Bring the next byte into C (C.3.4); returns C, CT, pos."""
    following = np.int64(data[np.uintp(pos + 1)])
    if data[np.uintp(pos)] == 0xFF:
        if following > 0x8F:
            return c + 0xFF00, 8, pos
        return c + (following << 9), 7, pos + 1
    return c + (following << 8), 8, pos + 1


@njit(nogil=True, cache=True, error_model="numpy")
def start(data: Any) -> tuple[Int, Int, Int, Int]:
    """Registers A, C, CT, pos at the start of the segment `data`, which ends in two bytes 0xFF (C.3.5)."""
    c, ct, pos = byte_in(np.int64(data[0]) << 16, 0, data)
    return 0x8000, c << 7, ct - 7, pos


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def decode(context: Int, contexts: Any, a: Int, c: Int, ct: Int, pos: Int, data: Any) -> tuple[Int, Int, Int, Int, Int]:
    """Decode one bit (C.3.2–C.3.3); returns the bit, A, C, CT, pos."""
    word = np.int64(contexts[np.uintp(context)])
    qe = word & 0x7FFF
    a -= qe
    lower = ((c >> 16) - qe) >> 63  # a mask: all ones in the lower part of the interval
    if (a >> 15) & ~lower:
        return (word >> 15) & 1, a, c - (qe << 16), ct, pos
    lps = lower ^ ((a - qe) >> 63)
    c -= (qe << 16) & ~lower
    a ^= (a ^ qe) & lower
    contexts[np.uintp(context)] = TRANSITIONS[np.uintp((word >> (16 - 8 * lps)) & 0xFF)]
    shift = doublings(a)
    a <<= shift
    while shift > ct:
        shift -= ct
        c, ct, pos = byte_in(c << ct, pos, data)
    return ((word >> 15) ^ lps) & 1, a, c << shift, ct - shift, pos
