"""Tables of rounded normal distributions, computed in integers, so that they are the same on every machine.

Scale i has the standard deviation 0.11 exp(i / 8), i from 0 to 63, after J. Ballé et al., "Variational image
compression with a scale hyperprior" (ICLR 2018). The normal distribution function is summed in fixed point, to more
places than the 16 bits of a frequency need.
"""

from __future__ import annotations

import itertools
from functools import cache

from hypress.entropy.tables import Tables, quantised_frequencies

SCALES = 64
LEAST, PER_E = (11, 100), 8
"""The least standard deviation, 11/100, and how many scales lie between one and e times it."""
TAIL = 4.25
"""Integers beyond this many standard deviations are escapes."""
_POINT = 80
_ONE = 1 << _POINT


@cache
def gaussian_tables() -> Tables:
    """One table for each scale, of mean zero."""
    frequencies, first = [], []
    for index in range(SCALES):
        deviation = _deviation(index)
        reach = max(1, int(TAIL * deviation / _ONE + 0.5))
        # Masses of 0, 1, … reach from the distribution at half-integers, in units of 2^-80.
        edges = [_normal(((2 * k + 1) << (2 * _POINT - 1)) // deviation) for k in range(reach + 1)]
        masses = [2 * edges[0] - _ONE] + [b - a for a, b in itertools.pairwise(edges)]
        tail = max(2 * (_ONE - edges[-1]), _ONE >> 30)
        row = masses[:0:-1] + masses + [tail]
        frequencies.append(quantised_frequencies(row))
        first.append(-reach)
    return Tables.of(frequencies, first)


def _deviation(index: int) -> int:
    """0.11 exp(index / 8), times 2^80."""
    term = total = _ONE
    n = 0
    while term:
        n += 1
        term = term * index // (PER_E * n)
        total += term
    return total * LEAST[0] // LEAST[1]


def _normal(x: int) -> int:
    """Φ(x) for x ≥ 0, both times 2^80: 1/2 + φ(x) (x + x³/3 + x⁵/15 + …), G. Marsaglia (2004)."""
    square = x * x >> _POINT
    term = total = x
    n = 1
    while term:
        n += 2
        term = (term * square >> _POINT) // n
        total += term
    # exp(−x²/2) as 1 / exp(x²/2).
    power = term = _ONE
    n = 0
    while term:
        n += 1
        term = (term * square >> _POINT) // (2 * n)
        power += term
    return _ONE // 2 + (total * _INVERSE_ROOT // power)


_INVERSE_ROOT = 0x662114CF50D942343F2C
"""1 / √(2π), times 2^80."""
