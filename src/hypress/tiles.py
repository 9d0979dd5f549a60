"""How a scene is cut into tiles: full spectra, near-square, near-equal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from hypress.errors import ConfigurationError

TILE_SAMPLES = 1 << 23
"""A tile is at most about this many samples: large enough to learn its statistics, small enough for memory."""

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Tile:
    """One tile of the grid: its place among the tiles, and the samples that it covers."""

    index: tuple[int, int, int]
    window: tuple[slice, slice, slice]

    @property
    def key(self) -> str:
        """Its chunk key in a Zarr v3 array."""
        return "c/" + "/".join(str(i) for i in self.index)

    @property
    def shape(self) -> Shape:
        """Samples `(band, y, x)`."""
        bands, rows, columns = (s.stop - s.start for s in self.window)
        return bands, rows, columns

    @property
    def samples(self) -> int:
        """Number of samples."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Grid:
    """A scene of `shape` cut into tiles of `tile`, both `(band, y, x)`; those at the far edges may be smaller."""

    shape: Shape
    tile: Shape

    @classmethod
    def of(cls, shape: Shape, tile: tuple[int, ...] | None = None) -> Grid:
        """The grid for a wanted tile size `(y, x)` or `(band, y, x)`, or for the default. Raises ConfigurationError."""
        if tile is None:
            return cls(shape, _even(shape))
        if len(tile) not in (2, 3) or any(t < 1 for t in tile):
            raise ConfigurationError(f"a tile is rows,columns or bands,rows,columns, all at least 1, not {tile}")
        bands, rows, columns = tile if len(tile) == 3 else (shape[0], *tile)
        return cls(shape, (min(bands, shape[0]), min(rows, shape[1]), min(columns, shape[2])))

    @property
    def counts(self) -> Shape:
        """Tiles along each dimension."""
        bands, rows, columns = (-(-n // t) for n, t in zip(self.shape, self.tile, strict=True))
        return bands, rows, columns

    def __len__(self) -> int:
        return math.prod(self.counts)

    def __iter__(self) -> Iterator[Tile]:
        bands, rows, columns = self.counts
        for b in range(bands):
            for y in range(rows):
                for x in range(columns):
                    yield Tile((b, y, x), self._window((b, y, x)))

    def _window(self, index: Shape) -> tuple[slice, slice, slice]:
        b, y, x = (slice(i * t, min((i + 1) * t, n)) for i, t, n in zip(index, self.tile, self.shape, strict=True))
        return b, y, x


def _even(shape: Shape) -> Shape:
    """All bands, and rows and columns divided nearly evenly, so that no sliver is left at an edge."""
    bands, rows, columns = shape
    area = max(1, TILE_SAMPLES // bands)
    high = min(rows, max(1, math.isqrt(area)))
    high = -(-rows // -(-rows // high))
    wide = min(columns, max(1, area // high))
    wide = -(-columns // -(-columns // wide))
    return bands, high, wide
