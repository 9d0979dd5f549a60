"""The encoder's choice for a band: evenly spaced codes, or an axis learnt by code, or by code and phase.

Which frequency is tried on a stand-in for the real prediction, the band before plus the gradient west: what one axis
gains over the other depends on the codes and little on how well they are predicted.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.rls.axis import PHASES, advantage, expect, renew_axis

SLOWEST = 0.1
"""Periods a code; what is slower is the histogram's own shape."""
CANDIDATES = 2
CLEAR = 6.0
"""A period shows if it is stronger than chance, the square root of the pixels, by this factor."""
MISSED = 1.5
"""Gaps show if codes are missing between the quartiles more often than chance would leave out, by this factor and …"""
FEW = 3
"""… this many."""


def choose_axis(band: NDArray[Any], before: NDArray[Any] | None) -> int:
    """The mode of `band (y, x)`, integers, after the band before: 0, 1, or 1 + a frequency in 2⁻¹⁶ periods a code."""
    codes = np.subtract(band, band.min(), dtype=np.int64)
    met = np.bincount(codes.reshape(-1))
    if len(met) < 4:
        return 0
    found = _frequencies(met)
    lower, upper = np.searchsorted(np.cumsum(met), [codes.size / 4, 3 * codes.size / 4])
    usual = np.convolve(met, np.ones(9) / 9, "same")[lower : upper + 1]
    missing = np.count_nonzero(met[lower : upper + 1] == 0) - FEW > MISSED * np.exp(-usual).sum()
    if not found:
        return 1 if missing else 0
    guess = np.empty(codes.shape)
    guess[:, 1:], guess[:, 0] = codes[:, :-1], codes.mean()
    if before is not None:
        step = np.diff(before.astype(np.float64), axis=1)
        guess[:, 1:] += step
    guess = np.clip(guess, 0, len(met) - 1)
    frequencies = np.array([0, *found])
    return 1 + int(frequencies[np.argmax(_gains(codes, guess, len(met), frequencies))])


def _frequencies(met: NDArray[np.int64]) -> list[int]:
    """The strongest frequencies of a histogram, in 2⁻¹⁶ periods a code, that are no chance."""
    size = max(1 << (4 * len(met) - 1).bit_length(), 256)
    size = min(size, 1 << 16)
    strength = np.abs(np.fft.rfft(met[:size], size))
    strength[: int(SLOWEST * size)] = 0
    clear = np.flatnonzero(strength > CLEAR * math.sqrt(met.sum()))
    strongest = clear[np.argsort(-strength[clear], kind="stable")[:CANDIDATES]]
    return [int(i) * ((1 << 16) // size) for i in strongest]


@njit(nogil=True, cache=True, error_model="numpy")
def _gains(band: Any, guess: Any, codes: int, frequencies: Any) -> Any:
    """What an axis learnt from every second row would gain on the other rows, in sum, for each frequency."""
    axis, met, edges = np.zeros(codes + 1), np.zeros(codes), np.zeros(codes + 1)
    met_phase, expected_phase, gains = np.zeros(PHASES), np.zeros(PHASES), np.zeros(frequencies.size)
    rows, columns = band.shape
    mean = 0.0
    for y in range(rows):
        for x in range(columns):
            mean += abs(band[y, x] - guess[y, x])
    spread = max(0.5 * mean / band.size, 0.5)
    for y in range(0, rows, 2):
        for x in range(columns):
            met[band[y, x]] += 1.0
            expect(edges, codes, guess[y, x] + 0.5, spread, x)
    for k in range(frequencies.size):
        renew_axis(axis, met, edges, codes, frequencies[k], met_phase, expected_phase)
        for y in range(1, rows, 2):
            for x in range(columns):
                gains[k] += advantage(axis, codes, band[y, x], guess[y, x], 2.0 * spread)
    return gains
