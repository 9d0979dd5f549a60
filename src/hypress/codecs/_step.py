"""One quantiser step for a whole scene: the dead zone, and the step that fits a budget of bytes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

ROUNDING = 0.42
"""What is added to a coefficient in steps before it is cut: less than a half, for small ones are dear."""
SPENT, AIM = 0.996, 0.998
"""Shares of a budget: good enough, and aimed at."""
TRIALS = 12
FINEST, COARSEST = 2.0**-4, 2.0**24
"""Steps between which is searched."""


def quantise(
    coefficients: NDArray[np.floating], step: float, axes: tuple[int, ...], alone: float, nearly_alone: float
) -> NDArray[np.int32]:
    """Coefficients in steps, zero where one is worth less than it costs.

    That is a one below `alone` steps that has no neighbour along `axes`, or below `nearly_alone` that has a single one.
    """
    magnitude = np.abs(coefficients) / step
    levels = np.floor(magnitude + ROUNDING)
    beside = np.zeros_like(levels)
    for axis in axes:
        one, other = [slice(None)] * levels.ndim, [slice(None)] * levels.ndim
        one[axis], other[axis] = slice(1, None), slice(None, -1)
        beside[tuple(one)] += levels[tuple(other)]
        beside[tuple(other)] += levels[tuple(one)]
    least = np.where(beside == 0, alone, np.where(beside == 1, nearly_alone, 0.0))
    levels[(levels == 1) & (magnitude < least)] = 0
    return np.asarray(np.copysign(np.minimum(levels, 2.0**20 - 1), coefficients), np.int32)


def finest_within(budget: int, start: float, code: Callable[[float], tuple[int, T]]) -> T:
    """What `code(step)` makes with the finest step found whose bytes are at most `budget`; the coarsest if none are.

    `code` returns bytes and a result; bytes are taken to fall about as 1/step. Secants on logarithmic scales, from
    `start`, kept inside the bracket.
    """
    low, high = math.log(FINEST), math.log(COARSEST)
    at, slope = min(max(math.log(start), low), high), -0.7
    before: tuple[float, float] | None = None
    best: T | None = None
    fits = 0
    for _ in range(TRIALS):
        size, result = code(math.exp(at))
        over = math.log(max(size, 1) / max(budget, 1))
        if over <= 0:
            if best is None or size > fits:
                best, fits = result, size
            high = at
            if size >= SPENT * budget or at <= math.log(FINEST):
                break
        else:
            low = at
            if at >= math.log(COARSEST):
                best = result if best is None else best
                break
        if before is not None and before[0] != at and (over - before[1]) * (at - before[0]) < 0:
            slope = (over - before[1]) / (at - before[0])
        before = (at, over)
        wanted = at + (math.log(AIM) - over) / slope
        at = wanted if low < wanted < high else (low + high) / 2 if high - low < 8 else at + math.copysign(3, over)
        at = min(max(at, low), high)
    return code(COARSEST)[1] if best is None else best
