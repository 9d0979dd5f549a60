"""Any bands as the channels of a network, and back: each band in its own deviations, then along a resampled spectrum.

    samples (band, y, x) ─► less its mean, by its deviation ─► resampled ─► (channel, y, x)
                                └─► "bands"

Means are stored in 128ths of the scene's range, deviations as powers of 2^(1/4): about five bits a band. The network is
spared what the bands of a sensor are like, and learns how they vary together.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.codec import Spec
from hypress.entropy.integers import decode_array, encode_array
from hypress.errors import CodestreamError

LEVELS = 128
"""Steps of a mean in the range of the scene."""
PER_OCTAVE = 4
"""Stored deviations to a factor two."""
LEAST_DEVIATION = -2 * PER_OCTAVE
"""The index of a constant band's deviation: a quarter."""
HEAD = struct.Struct(">B")
"""The logarithm of the step of the means."""

Samples = NDArray[Any]
Maps = NDArray[np.float32]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Bands:
    """What the stream "bands" says."""

    step: int
    """Means are in units of 2 to this power."""
    means: Integers
    deviations: Integers
    """i stands for 2^(i / 4)."""

    @classmethod
    def of(cls, samples: Samples) -> Bands:
        """Of samples `(band, y, x)`."""
        flat = samples.reshape(len(samples), -1)
        step = ((int(samples.max()) - int(samples.min())) // LEVELS).bit_length()
        means = np.array([round(float(band.mean(dtype=np.float64)) / (1 << step)) for band in flat], np.int64)
        spread = np.array([band.std(dtype=np.float64) for band in flat])
        floor = 2.0 ** (LEAST_DEVIATION / PER_OCTAVE)
        deviations = np.rint(PER_OCTAVE * np.log2(np.maximum(spread, floor))).astype(np.int64)
        return cls(step, means, deviations)

    def write(self) -> bytes:
        """The stream."""
        return HEAD.pack(self.step) + encode_array(np.stack([self.means, self.deviations]))

    @classmethod
    def read(cls, data: bytes, bands: int) -> Bands:
        """Raises CodestreamError."""
        if not data or data[0] > 64:
            raise CodestreamError("the stream 'bands' is damaged or was cut")
        means, deviations = decode_array(data[HEAD.size :], (2, bands))
        if (np.abs(means) >> 34).any() or (np.abs(deviations) > 64 * PER_OCTAVE).any():
            raise CodestreamError("the stream 'bands' is damaged")
        return cls(data[0], means, deviations)

    def channels(self, samples: Samples, count: int) -> Maps:
        """Samples as `count` channels `(channel, y, x)`, in deviations."""
        means, deviations = self._units()
        centred = (samples - means[:, None, None]) / deviations[:, None, None]
        return resampled(np.asarray(centred, np.float32), resampling(len(samples), count))

    def samples(self, channels: Maps, spec: Spec) -> Samples:
        """The way back."""
        means, deviations = self._units()
        limits, bands = np.iinfo(spec.dtype), spec.shape[0]
        centred = np.nan_to_num(resampled(channels, resampling(len(channels), bands)), nan=0.0)
        found = centred * deviations[:, None, None] + means[:, None, None]
        return np.clip(np.rint(found), limits.min, limits.max).astype(spec.dtype)

    def _units(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        means: NDArray[np.float64] = self.means.astype(np.float64) * float(1 << self.step)
        return means, np.exp2(self.deviations / PER_OCTAVE)


def resampled(maps: Maps, matrix: NDArray[np.float32]) -> Maps:
    """`(after, y, x)` from maps `(before, y, x)` by a matrix `(after, before)`."""
    return np.asarray((matrix @ maps.reshape(len(maps), -1)).reshape(-1, *maps.shape[1:]), np.float32)


@lru_cache(maxsize=64)
def resampling(before: int, after: int) -> NDArray[np.float32]:
    """The matrix `(after, before)` that makes `after` places along a spectrum of `before`.

    To more places it interpolates linearly; to fewer it is the pseudo-inverse of what would lead back. So nothing is
    lost on the way to more places and back, and as little as can be, in the squares, on the way to fewer and back.
    """
    if after < before:
        return np.asarray(np.linalg.pinv(_interpolation(after, before)), np.float32)
    return _interpolation(before, after).astype(np.float32)


def _interpolation(before: int, after: int) -> NDArray[np.float64]:
    """Linear between the middles of equal parts, constant beyond the outermost."""
    place = np.clip((np.arange(after) + 0.5) * before / after - 0.5, 0, before - 1)
    below = np.minimum(place.astype(np.int64), max(before - 2, 0))
    matrix, rows = np.zeros((after, before)), np.arange(after)
    matrix[rows, below] += 1 - (place - below)
    matrix[rows, np.minimum(below + 1, before - 1)] += place - below
    return matrix
