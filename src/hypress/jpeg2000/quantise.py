"""The dead-zone quantiser of the irreversible path (ISO/IEC 15444-1, Annex E)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

FRACTION = 6  # bits below the step that the encoder carries, to know its errors exactly
_LIMIT = 30  # bits of a magnitude


def signalled_step(step: float) -> tuple[int, int]:
    """Round a step to 2^e (1 + m / 2048) (Equation E-3); returns e and m."""
    fraction, exponent = math.frexp(step)
    mantissa = round((2 * fraction - 1) * 2048)
    return (exponent, 0) if mantissa == 2048 else (exponent - 1, mantissa)


@njit(nogil=True, cache=True, error_model="numpy")
def quantise(plane: Any, bands: Any, steps: Any, fractions: Any, out: Any) -> bool:
    """Quantise the subbands of a component into integers that count 2^-fraction of a step.

    `bands` has a row y, x, height, width for each subband. `fractions` receives the bits carried below the
    step: fewer than `FRACTION` where magnitudes are great. Returns whether all magnitudes fit 30 bits.
    """
    for b in range(len(bands)):
        y0, x0, height, width = bands[b, 0], bands[b, 1], bands[b, 2], bands[b, 3]
        greatest = 0.0
        for y in range(y0, y0 + height):
            for x in range(x0, x0 + width):
                greatest = max(greatest, abs(plane[y, x]))
        fraction = FRACTION
        while fraction >= 0 and greatest * 2.0**fraction >= steps[b] * (2.0**_LIMIT - 1):
            fraction -= 1
        if fraction < 0:
            return False
        fractions[b] = fraction
        scale = 2.0**fraction / steps[b]
        for y in range(y0, y0 + height):
            for x in range(x0, x0 + width):
                out[y, x] = np.int32(plane[y, x] * scale)  # towards zero: the dead zone
    return True


@njit(nogil=True, cache=True, error_model="numpy")
def dequantise(doubled: Any, bands: Any, steps: Any, out: Any) -> None:
    """Turn what tier 1 decoded, doubled magnitudes with their signs, into coefficients (Equation E-6)."""
    for b in range(len(bands)):
        y0, x0, height, width = bands[b, 0], bands[b, 1], bands[b, 2], bands[b, 3]
        half = steps[b] / 2
        for y in range(y0, y0 + height):
            for x in range(x0, x0 + width):
                out[y, x] = doubled[y, x] * half


@njit(nogil=True, cache=True, error_model="numpy")
def halve(doubled: Any) -> None:
    """The reversible counterpart of `dequantise`, in place: halve magnitudes, rounding down."""
    height, width = doubled.shape
    for y in range(height):
        for x in range(width):
            value = doubled[y, x]
            doubled[y, x] = -(-value >> 1) if value < 0 else value >> 1
