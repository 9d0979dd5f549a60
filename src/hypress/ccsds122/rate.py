"""Bytes shared out among segments by what they are worth: one slope of squared error for the whole scene.

Each segment is coded to its end once, and could be cut anywhere. What every stage of every bit-plane takes off the
squared error follows from the coefficients, for a decoder that rebuilds each in the middle of its interval; where its
bytes end the coder has noted. The lower convex hull of those points is a ladder of steps of falling worth, and the
steps of all segments are taken in the order of their worth until the budget is spent, the last one in part.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.ccsds122.bits import Int
from hypress.ccsds122.encoder import Coded, blocks_of, code_segment, quantisation
from hypress.ccsds122.header import Known
from hypress.ccsds122.layout import bit_shifts
from hypress.ccsds122.parameters import WHOLE, Image, Options


@dataclass(frozen=True)
class Priced:
    """A segment coded to its end, and its ladder."""

    coded: Coded
    steps: list[tuple[float, int]]
    """Worth, squared error a byte, and the bytes of data that the step goes up to; worth falls."""


def price(samples: NDArray[Any], image: Image, options: Options, known: Known, importance: float) -> Iterable[Priced]:
    """The segments of pixels `(y, x)` without limits; `importance` times its squared error is what a pixel costs.

    Headers leave out what is `known`, but state the limits. Raises ConfigurationError as `encode`.
    """
    for block, header, held, limits in blocks_of(samples, image, options, WHOLE, replace(known, limits=None)):
        coded = code_segment(block, replace(header, limits=limits), image, held, limits)
        gains = np.zeros(coded.ends.shape)
        dc_depth, ac_depth, shift = coded.header.dc_depth, coded.header.ac_depth, image.shifts[-1]
        lowest = min(quantisation(dc_depth, ac_depth, shift)[0], max(ac_depth, shift))
        _gains(block, bit_shifts(image.shifts), lowest, gains)
        yield Priced(coded, _ladder(coded.ends, gains, importance))


def share(segments: Sequence[Priced], budget: int) -> bytes:
    """The segments, together of at most `budget` bytes; or the least that there can be, where that is more."""
    taken = [_least(segment.coded) for segment in segments]
    left = budget - sum(taken)
    if sum(segment.coded.size for segment in segments) <= budget:
        return b"".join(segment.coded.write() for segment in segments)
    steps = [(-worth, i, up_to) for i, segment in enumerate(segments) for worth, up_to in segment.steps]
    for _, i, up_to in sorted(steps):
        coded = segments[i].coded
        aim = min(coded.header.size + up_to, coded.size)
        step = min(aim - taken[i], left)
        if step > 0:
            taken[i] += step
            left -= step
        if left <= 0:
            break
    return b"".join(_cut(segment.coded, size) for segment, size in zip(segments, taken, strict=True))


def _least(coded: Coded) -> int:
    """Bytes of a segment at the least: one of data (4.2.3.2.1), and whole words."""
    return -(-(coded.header.size + 1) // coded.word_bytes) * coded.word_bytes


def _cut(coded: Coded, size: int) -> bytes:
    size -= size % coded.word_bytes
    limits = replace(coded.limits, byte_limit=size)
    return replace(coded, header=replace(coded.header, limits=limits), limits=limits).write()


def _ladder(ends: NDArray[np.int64], gains: NDArray[np.float64], importance: float) -> list[tuple[float, int]]:
    """The hull of squared error against bytes, from no data on."""
    hull = [(0, 0.0)]
    gained = 0.0
    for end, gain in zip(ends[::-1].reshape(-1), gains[::-1].reshape(-1), strict=True):
        gained += float(gain)
        if end < 0 or gained <= hull[-1][1]:
            continue
        point = (-(-int(end) // 8), gained)
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) <= _slope(hull[-1], point):
            hull.pop()
        hull.append(point)
    return [(importance * _slope(a, b), b[0]) for a, b in pairwise(hull)]


def _slope(a: tuple[int, float], b: tuple[int, float]) -> float:
    return (b[1] - a[1]) / (b[0] - a[0]) if b[0] > a[0] else math.inf


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def _error(value: Int, known: Int, shift: Int) -> float:
    """Squared error of a coefficient known down to a bit-plane."""
    left = value - ((value >> known) << known) - ((1 << known) - (1 << shift)) / 2
    return left * left


@njit(nogil=True, cache=True, error_model="numpy")
def _gains(block: Any, shifts: Any, dc_plane: Int, gains: Any) -> None:
    """What each stage, `(plane, stage)`, takes off the squared error; the last row is for DC coefficients and depths.

    `dc_plane` is the lowest plane of DC coefficients that comes with those.
    """
    depth = len(gains) - 1
    for m in range(len(block)):
        dc, shift = np.int64(block[m, 0]), np.int64(shifts[0])
        before = _error(dc, dc_plane, shift)
        gains[depth, 4] += float(dc) * float(dc) - before
        for plane in range(min(dc_plane, depth) - 1, shift - 1, -1):
            after = _error(dc, plane, shift)
            gains[plane, 0] += before - after
            before = after
        for i in range(1, 64):
            value, shift = abs(np.int64(block[m, i])), np.int64(shifts[i])
            if value == 0:
                continue
            plane = 0
            while value >> (plane + 1) > 0:
                plane += 1
            before = _error(value, plane, shift)
            gains[plane, 1 if i < 4 else 2 if i < 16 else 3] += float(value) * float(value) - before
            for lower in range(plane - 1, shift - 1, -1):
                after = _error(value, lower, shift)
                gains[lower, 4] += before - after
                before = after
