"""Bands that a codec leaves out, told as what they have in common with the bands beside them.

Each is a + b · (the nearest band kept before) + c · (the nearest kept after), by least squares over the tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.errors import CodestreamError

Samples = NDArray[Any]


def without(samples: Samples, dropped: Sequence[int]) -> Samples:
    """Samples `(band, y, x)` without some bands."""
    return np.ascontiguousarray(np.delete(samples, dropped, axis=0))


def write_dropped(samples: Samples, dropped: Sequence[int]) -> bytes:
    """a, b and c of each dropped band, float32 big endian."""
    rows = []
    for band, (before, after) in zip(dropped, _beside(len(samples), dropped), strict=True):
        told = np.stack([np.ones(samples[0].size), samples[before].ravel(), samples[after].ravel()], axis=1)
        scale = np.maximum(np.abs(told).max(0), 1)
        found, *_ = np.linalg.lstsq(told / scale, samples[band].ravel().astype(np.float64), rcond=1e-6)
        rows.append(found / scale)
    return np.asarray(rows, ">f4").tobytes()


def read_dropped(data: bytes, count: int) -> NDArray[np.float64]:
    """Coefficients `(count, 3)`. Raises CodestreamError."""
    if len(data) != 12 * count:
        raise CodestreamError(f"the stream 'dropped' has {len(data)} bytes, not {12 * count}")
    found = np.frombuffer(data, ">f4").astype(np.float64).reshape(count, 3)
    if not np.isfinite(found).all():
        raise CodestreamError("the stream 'dropped' is damaged")
    return found


def restored(kept: Samples, dropped: Sequence[int], coefficients: NDArray[np.float64]) -> Samples:
    """All bands, from those kept."""
    bands = len(kept) + len(dropped)
    out = np.empty((bands, *kept.shape[1:]), kept.dtype)
    out[np.setdiff1d(np.arange(bands), dropped)] = kept
    limits = np.iinfo(kept.dtype)
    for band, (before, after), (a, b, c) in zip(dropped, _beside(bands, dropped), coefficients, strict=True):
        out[band] = np.clip(np.rint(a + b * out[before] + c * out[after]), limits.min, limits.max)
    return out


def _beside(bands: int, dropped: Sequence[int]) -> list[tuple[int, int]]:
    """The nearest bands kept before and after each; one of them twice at the end of the spectrum."""
    kept = np.setdiff1d(np.arange(bands), dropped)
    found = []
    for band in dropped:
        before, after = kept[kept < band], kept[kept > band]
        low = int(before[-1] if before.size else after[0])
        found.append((low, int(after[0]) if after.size else low))
    return found
