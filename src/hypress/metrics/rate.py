"""Rates, counted from real bytes against the samples as the sensor stored them."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from hypress.errors import ConfigurationError, SceneError


def bpppc(nbytes: int, shape: Sequence[int]) -> float:
    """Bits per pixel per component: 8·nbytes / samples, for a scene of `shape` (band, y, x).

    Raises `SceneError` where the shape holds no sample, `ConfigurationError` for a negative size.
    """
    if nbytes < 0:
        raise ConfigurationError(f"nbytes is {nbytes}; a size in bytes is not negative")
    return 8 * nbytes / _samples(shape)


def ratio(nbytes: int, shape: Sequence[int], dtype: DTypeLike) -> float:
    """Bytes of the samples as stored in `dtype`, over the bytes of the compressed scene.

    `dtype` is that of the original file: a scene stored as uint16 counts 16 bits a sample, not the 32 of a
    float copy. Raises `SceneError` where the shape holds no sample, `ConfigurationError` unless nbytes > 0.
    """
    if nbytes <= 0:
        raise ConfigurationError(f"nbytes is {nbytes}; a compressed scene has at least one byte")
    return _samples(shape) * np.dtype(dtype).itemsize / nbytes


def _samples(shape: Sequence[int]) -> int:
    samples = math.prod(int(n) for n in shape)
    if samples < 1:
        raise SceneError(f"shape {tuple(shape)} holds no sample")
    return samples
