"""A small coarse copy of a large scene, kept in its store, so that a picture of any store is there at once.

    tile ─► every n-th row and column ─► gathered ─► a few codestreams by pca_jpeg2000 ─► store: overview/scene

What codec the store has does not matter: neither one that is slow nor one whose streams cannot be decoded in part
keeps the viewer waiting. The copy is of the original's samples, without means, so that nodata stays nodata. It counts
in the store's bytes, of which it takes at most a hundredth.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.codec import Codec, find
from hypress.errors import HypressError
from hypress.progress import Task
from hypress.store import ARRAY, OVERVIEW, Coarse
from hypress.tile import HEADER_BYTES, encode_tile
from hypress.tiles import Grid, Shape, Tile

LARGE = 1 << 27
"""Samples from which on a scene gets one: sixteen tiles, which take seconds to decode."""
SIDE = 1024
"""Rows and columns that it has at most: a screen's."""
FINEST = 8
"""Its spacing at least: so it has a 64th of the samples at most, and takes a few hundredths of the time."""
ROOM = 1 << 26
"""Bytes that its samples take in memory at most, while they are gathered."""
SHARE = 0.01
"""Of the bytes of a store's tiles, what it takes at most …"""
MOST = 1 << 19
"""… and bytes at most, so that bands of it are decoded in tenths of a second."""
LEAST_BITS = 8
"""A pixel's bits, all bands together, below which fewer pixels show more."""
PLAIN = {"sweeps": 0, "refits": 0, "levels": 5}
"""What the coder leaves untried: for half a decibel less in half the time."""


@dataclass
class Overview:
    """The coarse copy of a scene that is being compressed."""

    samples: NDArray[Any]
    """`(band, y, x)`: every `spacing`-th row and column of the scene, from the first on."""
    spacing: int

    @classmethod
    def of(cls, shape: Shape, dtype: np.dtype[Any], codec: Codec) -> Overview | None:
        """An empty one for a scene of this shape; None where it is small, or nobody without a secret may see it."""
        if math.prod(shape) < LARGE or getattr(codec, "keyed", False):
            return None
        spacing = spacing_for(shape, dtype.itemsize)
        return cls(np.zeros(_thin(shape, spacing), dtype), spacing)

    def put(self, tile: Tile, piece: NDArray[Any]) -> None:
        """Add what `thinned` made of a tile."""
        bands, rows, columns = tile.window
        y, x = -(-rows.start // self.spacing), -(-columns.start // self.spacing)
        self.samples[bands, y : y + piece.shape[1], x : x + piece.shape[2]] = piece

    def coded(self, budget: int, nodata: Any) -> tuple[Coarse, dict[str, bytes]] | None:
        """Its grid and its codestreams by key, of `budget` bytes at most; None where that is too little for any."""
        while 8 * budget < LEAST_BITS * math.prod(self.samples.shape[1:]) and max(self.samples.shape[1:]) > 1:
            self.samples, self.spacing = self.samples[:, ::2, ::2].copy(), 2 * self.spacing
        grid = Grid.of(self.samples.shape)  # type: ignore[arg-type]
        room = 8 * (budget - HEADER_BYTES * len(grid)) / self.samples.size
        if room < 0.001:
            return None
        codec = find("pca_jpeg2000").configured({"rate_bpppc": min(room, 16.0)} | PLAIN)
        try:
            streams = dict(self._streams(grid, codec, nodata))
        except HypressError:  # it is worth no scene
            return None
        return (Coarse(grid, self.spacing), streams) if sum(map(len, streams.values())) <= budget else None

    def _streams(self, grid: Grid, codec: Codec, nodata: Any) -> Iterator[tuple[str, bytes]]:
        task = Task("adding the overview", self.samples.size, "samples")
        for tile in grid:
            samples = np.ascontiguousarray(self.samples[tile.window])
            yield f"{OVERVIEW}/{ARRAY}/{tile.key}", encode_tile(samples, codec, None, nodata=nodata).data
            task.advance(tile.samples)


def spacing_for(shape: Shape, itemsize: int) -> int:
    """The spacing for a scene of this shape: a power of two, as those at which the explorer looks."""
    spacing = FINEST
    while max(_thin(shape, spacing)[1:]) > SIDE or math.prod(_thin(shape, spacing)) * itemsize > ROOM:
        spacing *= 2
    return spacing


def thinned(samples: NDArray[Any], tile: Tile, spacing: int) -> NDArray[Any]:
    """Of a tile's samples `(band, y, x)`, those in every `spacing`-th row and column of the scene."""
    _, rows, columns = tile.window
    return samples[:, -rows.start % spacing :: spacing, -columns.start % spacing :: spacing].copy()


def _thin(shape: Shape, spacing: int) -> Shape:
    return shape[0], -(-shape[1] // spacing), -(-shape[2] // spacing)
