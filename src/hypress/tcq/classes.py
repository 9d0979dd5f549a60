"""Expected magnitudes as classes: quarters of an octave, and a shift where magnitudes are large.

An expectation is an integer, in sixteenths of the lattice step. `octaves` counts it in quarters of an octave. From
`SHIFTED` on the low bits of an index are nearly noise; so many are sent as they are that what is left is expected
between 6 and 12, and one range of classes serves all scales.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

UNIT = 16
"""Expectations are given in sixteenths of the lattice step."""
SHIFTED = 26
"""Quarter octaves from which on low bits are sent as they are: an expectation of 12 lattice steps."""
CLASSES = SHIFTED
INDICES = 18
"""Index magnitudes, after the shift, that are coded by questions of their own; from the last on, by Exp-Golomb code."""
QUESTIONS = 2 * CLASSES * INDICES
"""Contexts: whether an index is above u, by quantiser, class and u."""


MOST_EXPECTED = (1 << 31) - 1


@njit(nogil=True, cache=True, inline="always")
def octaves(expected: Any) -> Any:
    """Quarter octaves of an expectation; those below four count themselves."""
    if expected < 4:
        return expected
    halvings = 0
    if expected >> 16:
        halvings = 16
    if expected >> (halvings + 8):
        halvings += 8
    if expected >> (halvings + 4):
        halvings += 4
    if expected >> (halvings + 2):
        halvings += 2
    if expected >> (halvings + 1):
        halvings += 1
    halvings -= 2  # what is left is 4 … 7
    return 4 * halvings + (expected >> halvings)


@njit(nogil=True, cache=True, inline="always")
def class_of(expected: Any) -> tuple[Any, Any]:
    """Class of an expectation, at most `MOST_EXPECTED`; and how many low bits are sent as they are."""
    count = octaves(np.int64(expected))
    if count < SHIFTED:
        return count, np.int64(0)
    shift = (count - SHIFTED + 4) >> 2
    return count - 4 * shift, shift
