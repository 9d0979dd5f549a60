"""What the bit-plane coder knows about a sample's neighbours (ISO/IEC 15444-1, D.3).

A code-block is scanned in *stripes* of four rows, column by column. Each column of a stripe has one word:

    bits  0–17   significance of the 6 × 3 samples around and in the column, row by row from the row above
    bits 18–21   signs of the column's four samples, once they are significant
    bits 22–25   visited: coded by the significance propagation pass of this bit-plane
    bits 26–29   refined: magnitude refinement has been there before

so that sample j finds its 3 × 3 neighbourhood in bits 3j … 3j + 8, itself in the middle. Words lie in
rows of width + 2, one row for each stripe and one above and below: what is outside a code-block is
insignificant. A context is then one look-up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.entropy.mq import Int

AROUND = 0x3FFFF  # the 18 significance bits
COLUMN = 0x2490  # those of the column's own four samples
SIGN, VISITED, REFINED = 18, 22, 26  # first bit of each group of four
VISITED_MASK = 0xF << VISITED

# Contexts are numbered as in Table D.1 and on: 0–8 significance, then these.
CONTEXT_SIGN = 9  # to 13
CONTEXT_REFINE = 14  # to 16
CONTEXT_RUN = 17
CONTEXT_UNIFORM = 18


def _significance_context(bits: int, band: int) -> int:
    """Table D.1 for a 3 × 3 neighbourhood; band 0 = LL, 1 = HL, 2 = LH, 3 = HH."""
    horizontal = (bits >> 3 & 1) + (bits >> 5 & 1)
    vertical = (bits >> 1 & 1) + (bits >> 7 & 1)
    diagonal = (bits & 1) + (bits >> 2 & 1) + (bits >> 6 & 1) + (bits >> 8 & 1)
    if band == 3:
        straight = min(horizontal + vertical, 2)
        if diagonal >= 3:
            return 8
        if diagonal == 2:
            return 6 + min(straight, 1)
        return 3 + straight if diagonal == 1 else straight
    if band == 1:  # the band of horizontal high frequencies: edges run upright
        horizontal, vertical = vertical, horizontal
    if horizontal == 2:
        return 8
    if horizontal == 1:
        return 7 if vertical else 5 + min(diagonal, 1)
    return 2 + vertical if vertical else min(diagonal, 2)


def _sign_context(bits: int) -> int:
    """Tables D.2 and D.3: the context, and in bit 7 whether the sign is flipped before coding.

    Bits 0–3 of the argument: the neighbours N, W, E, S are significant; bits 4–7: they are negative.
    """
    north, west, east, south = ((bits >> i & 1) * (1 - 2 * (bits >> i + 4 & 1)) for i in range(4))
    horizontal, vertical = max(-1, min(1, west + east)), max(-1, min(1, north + south))
    flip = horizontal < 0 or (horizontal == 0 and vertical < 0)
    if flip:
        horizontal, vertical = -horizontal, -vertical
    return CONTEXT_SIGN + 3 * horizontal + vertical + flip * 0x80


SIGNIFICANCE = np.array([[_significance_context(n, b) for n in range(512)] for b in range(4)], np.uint8)
SIGN_LOOKUP: NDArray[np.uint8] = np.array([_sign_context(n) for n in range(256)], np.uint8)


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def sign_context(word: Int, j: Int, flags: Any, at: Int, stride: Int) -> Int:
    """Context and flip (bit 7) of the sign of sample j in the column `at`, whose word is `word`."""
    around = word >> (3 * j)
    signs = word >> SIGN
    north = (signs >> (j - 1)) if j > 0 else (np.int64(flags[np.uintp(at - stride)]) >> (SIGN + 3))
    south = (signs >> (j + 1)) if j < 3 else (np.int64(flags[np.uintp(at + stride)]) >> SIGN)
    west = np.int64(flags[np.uintp(at - 1)]) >> (SIGN + j)
    east = np.int64(flags[np.uintp(at + 1)]) >> (SIGN + j)
    known = ((around >> 1) & 1) | ((around >> 2) & 2) | ((around >> 3) & 4) | ((around >> 4) & 8)
    negative = (north & 1) | ((west & 1) << 1) | ((east & 1) << 2) | ((south & 1) << 3)
    return np.int64(SIGN_LOOKUP[np.uintp(known | negative << 4)])


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def tell_neighbours(j: Int, flags: Any, at: Int, stride: Int) -> None:
    """Tell the words around that sample j of the column `at` became significant; its own is the caller's."""
    flags[np.uintp(at - 1)] |= np.uint32(1 << (3 * j + 5))
    flags[np.uintp(at + 1)] |= np.uint32(1 << (3 * j + 3))
    if j == 0:
        flags[np.uintp(at - stride - 1)] |= np.uint32(1 << 17)
        flags[np.uintp(at - stride)] |= np.uint32(1 << 16)
        flags[np.uintp(at - stride + 1)] |= np.uint32(1 << 15)
    elif j == 3:
        flags[np.uintp(at + stride - 1)] |= np.uint32(1 << 2)
        flags[np.uintp(at + stride)] |= np.uint32(1 << 1)
        flags[np.uintp(at + stride + 1)] |= np.uint32(1)


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def refinement_context(word: Int, j: Int) -> Int:
    """Table D.4."""
    if (word >> (REFINED + j)) & 1:
        return CONTEXT_REFINE + 2
    return CONTEXT_REFINE + (1 if (word >> (3 * j)) & 0x1EF else 0)
