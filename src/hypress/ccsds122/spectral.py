"""Reversible transforms across bands in front of CCSDS 122.0-B-2, of the kinds that CCSDS 122.1-B-1 names.

Both work on integers by lifting, so that what they do is undone exactly. Only the kinds are those of 122.1: signalling
and arithmetic here are this package's own.

- The integer wavelet transform: 5/3 (ISO/IEC 15444-1, Annex F) along the band axis, `LEVELS` times.
- The pairwise orthogonal transform (I. Blanes and J. Serra-Sagristà, "Pairwise orthogonal transform for spectral
  image coding", IEEE TGRS 49, 2011): means are taken off; pairs of neighbouring bands are turned onto their principal
  axis; the first of each pair goes on to the next round, until one is left. Rotations are three shears each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.ccsds122.bits import Int
from hypress.entropy.integers import decode_array, encode_array
from hypress.errors import CodestreamError
from hypress.transforms.dwt import merge_reference, split_reference

LEVELS = 5
FRACTION = 14
"""Bits after the point of a shear's weight, the tangent of half an angle: at most 1 in magnitude."""
MOST_MEAN = 1 << 31


# --- integer wavelet transform ------------------------------------------------------------------------


def iwt(samples: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bands `(band, y, x)` to components, lowest frequencies first."""
    low, highs = samples, []
    for _ in range(LEVELS):
        low, high = split_reference(low, reversible=True)
        highs.append(high)
    return np.concatenate([low, *reversed(highs)])


def inverse_iwt(components: NDArray[np.int64]) -> NDArray[np.int64]:
    """Undo `iwt`."""
    sizes = [len(components)]
    for _ in range(LEVELS):
        sizes.append((sizes[-1] + 1) // 2)
    low = components[: sizes[-1]]
    for size in reversed(sizes[:-1]):
        low = merge_reference(low, components[len(low) : size], reversible=True)
    return low


def iwt_importance(bands: int) -> NDArray[np.float64]:
    """By how much a squared error in each component shows in the bands."""
    unit = 1 << 20
    responses = inverse_iwt(unit * np.eye(bands, dtype=np.int64)) / unit
    importance: NDArray[np.float64] = np.sum(responses**2, axis=0)
    return importance


# --- pairwise orthogonal transform --------------------------------------------------------------------


def pot(samples: NDArray[np.int64]) -> tuple[NDArray[np.int64], bytes]:
    """Bands `(band, y, x)` to components in their places, and what undoing it needs: means and shears."""
    bands = len(samples)
    means = np.floor(samples.reshape(bands, -1).mean(axis=1) + 0.5).astype(np.int64)
    components = (samples - means[:, None, None]).reshape(bands, -1)
    tangents = np.zeros(bands, np.int64)
    for first, second in _pairs(bands):
        tangent = _tangent(*_moments(components[first], components[second]))
        _turn(components[first], components[second], tangent, _sine(tangent))
        tangents[second] = tangent
    return components.reshape(samples.shape), encode_array(np.stack([means, tangents]))


def inverse_pot(components: NDArray[np.int64], side: bytes) -> NDArray[np.int64]:
    """Undo `pot`, in place. Raises CodestreamError on means and shears that it cannot have written."""
    bands = len(components)
    means, tangents = decode_array(side, (2, bands))
    if abs(tangents).max() > 1 << FRACTION or abs(means).max() > MOST_MEAN:
        raise CodestreamError("ccsds122: the means or rotations across bands are damaged")
    flat = components.reshape(bands, -1)
    for first, second in reversed(list(_pairs(bands))):
        tangent = int(tangents[second])
        _turn_back(flat[first], flat[second], tangent, _sine(tangent))
    flat += means[:, None]
    return flat.reshape(components.shape)


def _pairs(bands: int) -> Iterator[tuple[int, int]]:
    """Which bands are turned, in order; the principal component takes the place of the first."""
    apart = 1
    while apart < bands:
        for first in range(0, bands - apart, 2 * apart):
            yield first, first + apart
        apart *= 2


def _tangent(xx: float, yy: float, xy: float) -> int:
    """Tangent of half the angle, −π/2 … π/2, of the principal axis of two components with these moments."""
    return round(float(np.tan(np.arctan2(2 * xy, xx - yy) / 4)) * (1 << FRACTION))


def _sine(tangent: int) -> int:
    """Sine of the angle, from the tangent of its half, in integers: 2t / (1 + t²)."""
    below = (1 << 2 * FRACTION) + tangent * tangent
    return (2 * (tangent << 2 * FRACTION + 1) + below) // (2 * below)


@njit(nogil=True, cache=True, error_model="numpy")
def _moments(x: Any, y: Any) -> tuple[float, float, float]:
    xx = yy = xy = 0.0
    for i in range(len(x)):
        u, v = float(x[i]), float(y[i])
        xx += u * u
        yy += v * v
        xy += u * v
    return xx, yy, xy


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def _weighted(weight: Int, value: Int) -> Int:
    return (weight * value + (1 << (FRACTION - 1))) >> FRACTION


@njit(nogil=True, cache=True, error_model="numpy")
def _turn(x: Any, y: Any, tangent: Int, sine: Int) -> None:
    """Turn (x, y) by an angle, in place: three shears."""
    for i in range(len(x)):
        a, b = x[i], y[i]
        a += _weighted(tangent, b)
        b -= _weighted(sine, a)
        x[i], y[i] = a + _weighted(tangent, b), b


@njit(nogil=True, cache=True, error_model="numpy")
def _turn_back(x: Any, y: Any, tangent: Int, sine: Int) -> None:
    """Undo `_turn`, exactly."""
    for i in range(len(x)):
        a, b = x[i], y[i]
        a -= _weighted(tangent, b)
        b += _weighted(sine, a)
        x[i], y[i] = a - _weighted(tangent, b), b
