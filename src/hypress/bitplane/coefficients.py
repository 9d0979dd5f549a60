"""Samples to integer wavelet coefficients that are worth the same wherever they are, and back.

Bit-plane coders hold a bit of one coefficient to be worth as much as the same bit of any other, which is so where
the transform is orthonormal. Coefficients are therefore scaled by the norms of their subbands: of the 9/7 by the
norms themselves, to quarters of a sample, towards zero; of the 5/3, whose integers must come back, by the powers
of two next to them (Z. Xiong, X. Wu, S. Cheng and J. Hua, "Lossy-to-lossless compression of medical volumetric
data using three-dimensional integer wavelet transforms", IEEE TMI 22, 2003). Below that power, its *floor*, a
coefficient has no bits.

A coefficient whose bits are known down to plane p lies in an interval of 2^p, and is rebuilt a little below its
middle, where small magnitudes are more likely than large ones.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.bitplane.forest import NEVER, Forest
from hypress.transforms import dwt3d
from hypress.transforms.dwt3d import Levels, Subband, subbands

MAX_PLANES = 31
"""Magnitudes are below 2^31."""
FRACTION = 2
"""Bits after the point of a coefficient of the 9/7: the rounding of samples to integers is coarser."""
MIDDLE = 29
"""Where in its interval a magnitude is rebuilt, in 64ths: the best for the training scenes, if by little."""


def analyse(samples: NDArray[Any], bits: int, levels: Levels, *, reversible: bool) -> NDArray[np.int32]:
    """Scaled coefficients of samples `(band, y, x)` of at most `bits` bits, laid out as by `dwt3d`."""
    if reversible:
        cube = dwt3d.forward(samples.astype(np.int32), levels, reversible=True)
        for band, shift in _shifts(samples.shape, bits, levels):
            cube[band.where] <<= shift
        return cube
    real = dwt3d.forward(samples.astype(np.float32), levels, reversible=False)
    for band, factor in _factors(samples.shape, bits, levels):
        real[band.where] *= factor
    return real.astype(np.int32)


def synthesise(
    magnitudes: NDArray[np.int32],
    negative: NDArray[np.uint8],
    known: NDArray[np.uint8],
    floors: NDArray[np.uint8],
    forest: Forest,
    shape: tuple[int, int, int],
    bits: int,
    levels: Levels,
    *,
    reversible: bool,
) -> NDArray[Any]:
    """Samples `shape`, int32 when `reversible`, else float32, from what is known of the nodes of a forest."""
    cube: NDArray[Any] = np.empty(shape, np.int32 if reversible else np.float32)
    if reversible:
        _rebuild_53(magnitudes, negative, known, floors, forest.places, cube.reshape(-1))
    else:
        _rebuild_97(magnitudes, negative, known, forest.places, cube.reshape(-1))
        for band, factor in _factors(shape, bits, levels):
            cube[band.where] *= 1 / factor
    return dwt3d.inverse(cube, levels, reversible=reversible)


def floors_of(
    forest: Forest, shape: tuple[int, int, int], bits: int, levels: Levels, *, reversible: bool
) -> NDArray[np.uint8]:
    """Of each node the plane below which its coefficient has no bits; NEVER where it has no coefficient."""
    cube = np.zeros(shape, np.uint8)
    if reversible:
        for band, shift in _shifts(shape, bits, levels):
            cube[band.where] = shift
    return np.where(forest.places >= 0, cube.reshape(-1)[forest.places], np.uint8(NEVER))


def _shifts(shape: tuple[int, ...], bits: int, levels: Levels) -> list[tuple[Subband, int]]:
    """By how much the coefficients of each subband of the 5/3 are shifted up, as far as 31 bits have room.

    A line's low coefficients are at most 1.72 times its largest sample, its high ones 2.86 times.
    """
    bands = subbands(shape, levels, reversible=True)
    least = min(band.norm for band in bands)
    shifts = []
    for band in bands:
        room = MAX_PLANES - bits - math.ceil(2.4 + 0.74 * sum(band.high))
        # In short lines there are norms of exactly √2: any machine is to round them alike, down.
        shifts.append((band, min(round(math.log2(band.norm / least) - 1e-6), room)))
    return shifts


def _factors(shape: tuple[int, ...], bits: int, levels: Levels) -> list[tuple[Subband, float]]:
    """By what the coefficients of each subband of the 9/7 are multiplied.

    That is its norm, and as much of `FRACTION` as 31 bits have room for: a low coefficient is at most 2.7 times the
    largest sample, and those that are larger have far smaller norms.
    """
    bands = subbands(shape, levels, reversible=False)
    room = math.floor(MAX_PLANES - bits - math.log2(2.7 * max(band.norm for band in bands)))
    return [(band, band.norm * 2.0 ** min(FRACTION, room)) for band in bands]


@njit(nogil=True, cache=True)
def gather(cube: Any, places: Any, magnitudes: Any, negative: Any) -> None:
    """Magnitudes and signs of the nodes at `places` of a flattened cube; zeros where a node has none."""
    for n in range(places.size):
        value = cube[places[n]] if places[n] >= 0 else np.int32(0)
        negative[n] = value < 0
        magnitudes[n] = abs(value)


@njit(nogil=True, cache=True)
def _rebuild_53(magnitudes: Any, negative: Any, known: Any, floors: Any, places: Any, cube: Any) -> None:
    """By integer arithmetic; exact where a coefficient is known down to its floor."""
    for n in range(places.size):
        if places[n] < 0:
            continue
        value = 0
        if known[n] != NEVER:
            told, floor = np.int64(known[n]), np.int64(floors[n])
            value = (magnitudes[n] + ((((1 << told) - (1 << floor)) * MIDDLE) >> 6)) >> floor
        cube[places[n]] = -value if negative[n] else value


@njit(nogil=True, cache=True)
def _rebuild_97(magnitudes: Any, negative: Any, known: Any, places: Any, cube: Any) -> None:
    for n in range(places.size):
        if places[n] < 0:
            continue
        value = 0.0
        if known[n] != NEVER:
            value = magnitudes[n] + (1 << np.int64(known[n])) * (MIDDLE / 64)
        cube[places[n]] = -value if negative[n] else value
