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
PLACE = 8
"""A class is given with the number of shifted bits above its own eight."""


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


def _small() -> Any:
    least = next(n for n in range(1 << 16) if octaves.py_func(n) >= SHIFTED)
    return np.array([octaves.py_func(n) for n in range(least)])


SMALL = _small()
"""Quarter octaves of expectations below those that shift."""


@njit(nogil=True, cache=True, inline="always")
def class_of(expected: Any) -> Any:
    """Class of an expectation, at most `MOST_EXPECTED`; and, times 256, how many low bits are sent as they are."""
    if expected < SMALL.size:
        return SMALL[expected]
    count = octaves(np.int64(expected))
    shift = (count - SHIFTED + 4) >> 2
    return (count - 4 * shift) | shift << PLACE
