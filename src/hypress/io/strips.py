"""A scene as strips that fit in memory, cut where its chunks are, so that each chunk is decoded once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hypress.progress import Task

if TYPE_CHECKING:
    from collections.abc import Iterator

    import xarray as xr
    from numpy.typing import NDArray

AT_ONCE = 64 * 1024 * 1024
"""Bytes of a strip."""
CHUNK_ROW = 256 * 1024 * 1024
"""Bytes of a strip where one row of chunks needs more than AT_ONCE; larger rows are read in parts."""


def strips(scene: xr.DataArray, axis: str) -> Iterator[tuple[slice, NDArray[Any]]]:
    """The samples `(band, y, x)` in native byte order, strip by strip along `y` or `x`, in order."""
    task = Task("writing", scene.size, "samples")
    for part in cuts(scene, axis):
        samples = np.asarray(scene.isel({axis: part}).to_numpy())
        task.advance(samples.size)
        yield part, samples.astype(samples.dtype.newbyteorder("="), copy=False)


def cuts(scene: xr.DataArray, axis: str) -> Iterator[slice]:
    """Where strips begin and end."""
    size = scene.sizes[axis]
    line = scene.nbytes // size
    start = 0
    edges = _edges(scene, axis)
    for index, stop in enumerate(edges):
        if index + 1 < len(edges) and (edges[index + 1] - start) * line <= AT_ONCE:
            continue
        limit = CHUNK_ROW if (stop - start) * line <= CHUNK_ROW else AT_ONCE
        step = max(1, limit // line)
        for first in range(start, stop, step):
            yield slice(first, min(first + step, stop))
        start = stop


def _edges(scene: xr.DataArray, axis: str) -> list[int]:
    """Ends of the chunks along an axis, or of single lines where there are none."""
    size = scene.sizes[axis]
    heights = scene.chunksizes.get(axis) or scene.encoding.get("preferred_chunks", {}).get(axis) or 1
    if isinstance(heights, int):
        return [*range(heights, size, heights), size]
    edges = [int(edge) for edge in np.cumsum(heights) if edge < size]
    return [*edges, size]
