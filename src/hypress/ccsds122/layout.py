"""Where the 64 coefficients of a block lie, in the image and in a 64-bit word (CCSDS 122.0-B-2, 4.1).

The order is that in which stage 4 codes them, so that a bit-plane of a block is one word whose bits, from the most
significant on, are coded in turn:

    bit   63   62…60      59…56 55…52 51…48   47…32 31…16 15…0
          DC   p0 p1 p2   C0    C1    C2      G0    G1    G2       each G: H0 H1 H2 H3, four bits each

The DC coefficient is coded apart; its bit is always zero, and a word is a positive int64.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SUBBANDS = ("HH1", "HL1", "LH1", "HH2", "HL2", "LH2", "HH3", "HL3", "LH3", "LL3")
"""In the order in which segment header part 4 lists their weights."""
STANDARD_WEIGHTS = (0, 1, 1, 1, 2, 2, 2, 3, 3, 3)
"""Table 3-4 as exponents of two, in that order: `BitShift` of each subband."""

FIRST_GRANDCHILD = 16
"""Coefficient number of the first of family 0; those of a family are 16."""


def _subband_of_coefficient() -> list[str]:
    family = ("HL", "LH", "HH")
    return (
        ["LL3"]
        + [f"{name}3" for name in family]
        + [f"{name}2" for name in family for _ in range(4)]
        + [f"{name}1" for name in family for _ in range(16)]
    )


SUBBAND_OF = tuple(SUBBANDS.index(name) for name in _subband_of_coefficient())
"""Coefficient number to the index of its subband (tables 4-1 and 4-2)."""


@lru_cache(maxsize=64)
def bit_shifts(weights: tuple[int, ...]) -> NDArray[np.int64]:
    """`BitShift` of each of the 64 coefficients."""
    return np.array(weights, np.int64)[list(SUBBAND_OF)]


@lru_cache(maxsize=64)
def coded_masks(weights: tuple[int, ...]) -> NDArray[np.int64]:
    """For each bit-plane 0 … 31, the AC coefficients that may have a bit there: all others are of type −1 (4.5.2)."""
    shifts, bits = bit_shifts(weights), np.int64(1) << np.arange(63, -1, -1)
    return np.array([bits[1:][shifts[1:] <= plane].sum() for plane in range(32)], np.int64)


@lru_cache(maxsize=64)
def places(height: int, width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the coefficients of block (r, c) are in a pyramid `(height, width)`, flattened.

    Number i is at `start[i] + (r * width + c) * step[i]` (table 4-1; subbands as in figure 3-2).
    """
    start, step = np.empty(64, np.int64), np.empty(64, np.int64)
    within = {"1": (4, _grandchildren()), "2": (2, [(0, 0), (0, 1), (1, 0), (1, 1)]), "3": (1, [(0, 0)])}
    taken: dict[int, int] = {}
    for number, subband in enumerate(SUBBAND_OF):
        kind, level = SUBBANDS[subband][:2], SUBBANDS[subband][2]
        scale, order = within[level]
        y, x = order[taken.setdefault(subband, 0)]
        taken[subband] += 1
        top = height >> int(level) if kind in ("LH", "HH") else 0
        left = width >> int(level) if kind in ("HL", "HH") else 0
        start[number] = (top + y) * width + left + x
        step[number] = scale
    return start, step


def _grandchildren() -> list[tuple[int, int]]:
    quarter = [(0, 0), (0, 1), (1, 0), (1, 1)]
    return [(2 * y + v, 2 * x + u) for y, x in quarter for v, u in quarter]
