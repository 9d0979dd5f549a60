"""An axis on which the codes of a band lie as far apart as they are often met: codes never used take no room.

Samples calibrated by a gain above 1 and rounded leave gaps: some integers never occur. Other gains, or sums of a few
frames, make codes unequal. All of that is learnt while coding. For each code of a band are counted

- how often it was met, and how often the distributions of the samples so far said that it would be;
- both also by phase: the place of the code within a period, which the encoder finds and sends.

The width of a code on the axis is the ratio of what was met to what was expected, the phase's ratio being what is
expected of a code of which little is known. A distribution over this axis gives gaps no probability.
"""

from __future__ import annotations

from typing import Any

from numba import njit

PHASES = 64
"""Kinds of code within a period."""
DOUBT = 1.5
"""A code's own ratio counts for as much as its phase's when it was expected this often."""
PHASE_DOUBT = 4.0
NARROWEST, WIDEST = 0.02, 32.0
NARROW, WIDE = 1.5, 3.75
"""How far to either side of its prediction a sample is expected, in scales of its distribution."""
JUDGING = 0.999
"""What is kept of the advantages so far, whose sum decides whether the axis is used, at each sample."""


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def phase_of(code: int, frequency: int) -> int:
    """Phase of a code, for a frequency in 2⁻¹⁶ periods a code."""
    return ((code * frequency) & 0xFFFF) * PHASES >> 16


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def until_renewal(seen: int, codes: int) -> int:
    """How many samples more are seen, after so many, before boundaries are set anew: that takes time for each code."""
    return max(64, seen // 8, codes // 32)


@njit(nogil=True, cache=True, error_model="numpy")
def renew_axis(
    axis: Any, met: Any, edges: Any, codes: int, frequency: int, met_phase: Any, expected_phase: Any
) -> None:
    """Set the boundaries `axis (codes + 1)` from what was met and expected."""
    expected_phase[:] = PHASE_DOUBT
    met_phase[:] = PHASE_DOUBT
    if frequency:
        expected = 0.0
        for code in range(codes):
            expected += edges[code]
            phase = phase_of(code, frequency)
            expected_phase[phase] += max(expected, 0.0)
            met_phase[phase] += met[code]
        for phase in range(PHASES):
            met_phase[phase] /= expected_phase[phase]
    expected, usual, place = 0.0, 1.0, 0.0
    for code in range(codes):
        expected += edges[code]
        if frequency:
            usual = met_phase[phase_of(code, frequency)]
        width = usual * (met[code] + DOUBT) / (max(expected, 0.0) * usual + DOUBT)
        place += min(max(width, NARROWEST), WIDEST)
        axis[code + 1] = place


@njit(nogil=True, cache=True, error_model="numpy")
def expect(edges: Any, codes: int, centre: float, spread: float, turn: int) -> None:
    """Expect a sample, spread evenly to either side of `centre`; the first code is from 0 to 1.

    It is spread narrowly in odd turns and widely in even ones, which over many is a bell. `edges` holds the differences
    of what is expected; a place within a code is shared by its ends.
    """
    half = (NARROW if turn & 1 else WIDE) * spread + 0.5
    start = min(max(centre - half, 0.0), codes - 1.0)
    end = min(max(centre + half, start + 1.0), float(codes))
    height = 1.0 / (end - start)
    i, k = int(start), int(end)
    edges[i] += height * (1.0 - (start - i))
    edges[i + 1] += height * (start - i)
    edges[k] -= height * (1.0 - (end - k))
    edges[min(k + 1, codes)] -= height * (end - k)


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def on_axis(axis: Any, codes: int, place: float) -> float:
    """Where a fractional code, from 0 to codes - 1, is on the axis: its whole number's middle is a code's middle."""
    i = int(place + 0.5)
    return axis[i] + (place + 0.5 - i) * (axis[i + 1] - axis[i])


@njit(nogil=True, cache=True, error_model="numpy")
def advantage(axis: Any, codes: int, code: int, centre: float, half: float) -> float:
    """How much likelier the axis makes `code`: about half the logarithm of its width over the mean width around."""
    low, high = max(centre - half, 0.0), min(centre + half, codes - 1.0)
    if high - low < 0.5:
        return 0.0
    mean = (on_axis(axis, codes, high) - on_axis(axis, codes, low)) / (high - low)
    width = axis[code + 1] - axis[code]
    return (width - mean) / (width + mean)
