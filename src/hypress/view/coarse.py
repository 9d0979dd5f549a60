"""The overview inside a store of a large scene: bands of it, decoded when first asked for.

It is coded by `pca_jpeg2000` whatever the store is coded by, so that three bands of it take a few tenths of a second.
It is good to look at, not to measure.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.errors import CodestreamError, HypressError
from hypress.restore import decode
from hypress.store import Chunks
from hypress.tiles import Tile
from hypress.view.glimpse import glimpse
from hypress.view.sources import Memory

THREADS = 2


class Overview:
    """Every `spacing`-th row and column of a scene."""

    def __init__(self, chunks: Chunks, dtype: np.dtype[Any], memory: Memory) -> None:
        self.spacing = chunks.spacing
        self._chunks, self._dtype, self._memory = chunks, dtype, memory
        self._lock = threading.Lock()
        self._damaged = False

    def read(self, bands: Sequence[int], rows: range, columns: range) -> NDArray[Any] | None:
        """Samples `(band, y, x)` nearest to these places of the scene; None where the overview cannot be decoded."""
        planes = self._planes(bands)
        if planes is None:
            return None
        _, high, wide = self._chunks.grid.shape
        at = np.ix_(self._nearest(rows, high), self._nearest(columns, wide))
        return np.stack([plane[at] for plane in planes])

    def _nearest(self, places: range, size: int) -> NDArray[np.int64]:
        return np.minimum((np.asarray(places, np.int64) + self.spacing // 2) // self.spacing, size - 1)

    def _planes(self, bands: Sequence[int]) -> list[NDArray[Any]] | None:
        """Whole bands of the overview, remembered; whoever asks for the same meanwhile waits."""
        with self._lock:
            found = {band: self._memory.planes.get((id(self), band)) for band in bands}
            missing = [band for band, plane in found.items() if plane is None]
            if missing and not self._damaged:
                try:
                    decoded = self._decoded(missing)
                except (HypressError, OSError):
                    self._damaged = True  # the tiles will do
                    return None
                for band, plane in zip(missing, decoded, strict=True):
                    found[band] = plane
                    self._memory.planes.put((id(self), band), plane)
        planes = [plane for plane in map(found.get, bands) if plane is not None]
        return planes if len(planes) == len(bands) else None

    def _decoded(self, bands: Sequence[int]) -> list[NDArray[Any]]:
        grid = self._chunks.grid
        planes = [np.zeros(grid.shape[1:], self._dtype) for _ in bands]

        def work(tile: Tile) -> None:
            inside = range(tile.window[0].start, tile.window[0].stop)
            samples = self._tile(tile, [band - inside.start for band in bands if band in inside])
            wanted = [plane for plane, band in zip(planes, bands, strict=True) if band in inside]
            for plane, kept in zip(wanted, samples, strict=True):
                plane[tile.window[1:]] = kept

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(work, grid))
        return planes

    def _tile(self, tile: Tile, bands: Sequence[int]) -> NDArray[Any]:
        """Some of a tile's bands. Raises CodestreamError."""
        data = self._chunks.read(tile) or b""
        room = tile.samples * self._dtype.itemsize
        seen = glimpse(data, 0, bands, max_bytes=room)
        samples = decode(data, max_bytes=room)[bands] if seen is None else seen[0]
        if samples.dtype != self._dtype or samples.shape[1:] != tile.shape[1:]:
            raise CodestreamError(f"the overview holds {samples.dtype} {samples.shape} instead of {self._dtype}")
        return samples
