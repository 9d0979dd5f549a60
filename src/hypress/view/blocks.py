"""A store of codestreams as a source: decoded block by block, what is seen first, and remembered within bounds.

whole blocks, the last few ──┐
planes of the bands shown ───┼──► Part: samples, where they are known, whether at the spacing asked for
overview, all bands, coarse ─┤         missing blocks ──► workers: a glimpse where that will do, else decode
the store's own overview ────┘         which serves where colours are wanted: far out, and until blocks are there
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hypress.errors import CodestreamError, HypressError, ReadError
from hypress.progress import Task
from hypress.restore import decode
from hypress.store import Chunks, is_store
from hypress.tiles import Tile
from hypress.view.coarse import Overview
from hypress.view.glimpse import glimpse
from hypress.view.sources import Memory, Part, PlainSource, Source

OVERVIEW_BYTES = 96 << 20
"""The coarse picture of all bands takes at most so much memory, which chooses its spacing."""
WIDE = 4
"""From this spacing on, of the request and of the overview, low resolutions are worth their blur."""
NEAR = 2
"""Up to this spacing whole blocks are remembered; a wider look would only push out what is near."""
MANY, BRIEF = 16, 0.06
"""Where the store's own overview can stand in, more tiles than these are not waited for, fewer for these seconds."""
GLIMPSED, DECODED = 1, 2
"""How a tile of the overview is known."""
TURN = 2.0
"""Seconds after which a wish is repeated, lest the workers forget it."""


def open_source(path: str, scene: xr.DataArray, memory: Memory) -> Source:
    """The source for a scene at `path`: block by block where it is a store of codestreams."""
    if is_store(path):
        try:
            chunks = Chunks.of(path, scene)
            if chunks.grid.shape == scene.shape and any(chunks.head(tile) for tile in chunks.grid):
                return StoreSource(path, scene, chunks, memory)
        except HypressError:
            pass  # a Zarr store of another codec, or a damaged first tile: xarray reads what can be read
    return PlainSource(path, scene, memory)


@dataclass(frozen=True)
class _Look:
    """One request: which samples, and whether a glimpse of a block will do."""

    bands: Sequence[int]
    rows: range
    columns: range
    glance: bool
    spacing: int
    """Of the overview."""

    @property
    def step(self) -> int:
        return self.rows.step

    @property
    def phase(self) -> tuple[bool, int, int, int]:
        """What planes have in common that can stand for one another."""
        return self.glance, self.step, self.rows.start % self.step, self.columns.start % self.step

    @property
    def in_overview(self) -> bool:
        """Whether the overview has just these places."""
        return self.step % self.spacing == self.rows.start % self.spacing == self.columns.start % self.spacing == 0

    @property
    def far(self) -> bool:
        """Whether low resolutions will do."""
        return self.glance and min(self.step, self.spacing) >= WIDE

    @property
    def fills_overview(self) -> bool:
        """Whether decoding for it tells the overview all that it needs."""
        return self.in_overview and (self.far or not self.glance)

    @property
    def enough(self) -> int:
        """How the overview must know a tile to stand for it."""
        return GLIMPSED if self.glance else DECODED

    def of(self, tile: Tile) -> list[int]:
        """Which of the bands, by their number in the request, the tile has."""
        return [i for i, band in enumerate(self.bands) if tile.window[0].start <= band < tile.window[0].stop]

    def key(self, tile: Tile) -> Any:
        """What the workers know the work for this tile by: several requests may need the same."""
        if self.fills_overview:
            return tile.index, self.enough
        return tile.index, *self.phase, None if self.step <= NEAR and not self.glance else tuple(self.bands)


class StoreSource(Source):
    """A store whose chunks are codestreams."""

    def __init__(self, path: str, scene: xr.DataArray, chunks: Chunks, memory: Memory) -> None:
        super().__init__(path, scene)
        self.chunks = chunks
        self._memory = memory
        small = chunks.overview(scene.dtype)
        self.stored = None if small is None else Overview(small, scene.dtype, memory)
        """The coarse copy that the store brings along."""
        self._tiles = {tile.index: tile for tile in chunks.grid}
        bands, rows, columns = self.shape
        spacing = math.sqrt(bands * rows * columns * self.dtype.itemsize / OVERVIEW_BYTES)
        self.spacing = 1 << max(0, math.ceil(math.log2(spacing))) if spacing > 1 else 1
        self._overview = np.zeros((bands, -(-rows // self.spacing), -(-columns // self.spacing)), self.dtype)
        self._seen = np.zeros(chunks.grid.counts, np.uint8)

    @property
    def share_seen(self) -> float:
        """How much of the scene is in the overview so far, from 0 to 1."""
        return float(np.count_nonzero(self._seen) / self._seen.size)

    def read(
        self, bands: Sequence[int], rows: range, columns: range, *, until: float | None = None, glance: bool = False
    ) -> Part:
        """As `Source.read`."""
        look = _Look(bands, rows, columns, glance, self.spacing)
        if glance and self.stored is not None and look.step >= self.stored.spacing:
            self.check_there()
            if (seen := self.stored.read(bands, rows, columns)) is not None:
                return Part(seen, np.ones(seen.shape[1:], bool), overview=True)
        samples = np.zeros((len(bands), len(rows), len(columns)), self.dtype)
        part = Part(samples, np.ones(samples.shape[1:], bool))
        missing = self._fill(part, look, self._touched(look))
        if until is not None and glance and self.stored is not None:
            until = min(until, time.monotonic() + (BRIEF if len(missing) <= MANY else 0.0))
        task = Task("decoding", len(missing), "tiles") if missing else None
        while task and missing:
            problems = self._work_on(missing, look, min(until or math.inf, time.monotonic() + TURN))
            part.problems += problems
            late = until is not None and time.monotonic() >= until
            before, missing = len(missing), self._fill(part, look, missing)
            if len(missing) == before and not problems and not late:  # too large, or too many, to be remembered
                tile = missing.pop()
                self._put(part, look, tile, self._open(tile, look))
            task.advance(before - len(missing))
            if late or len(problems) >= len(missing):
                break
        if missing:
            part.exact = False
            self._fill_coarsely(part, look, missing)
        part.problems = tuple(dict.fromkeys(part.problems))
        return part

    def _touched(self, look: _Look) -> list[Tile]:
        deep, high, wide = self.chunks.grid.tile
        return [
            self._tiles[b, y, x]
            for b in sorted({band // deep for band in look.bands})
            for y in sorted({row // high for row in look.rows})
            for x in sorted({column // wide for column in look.columns})
        ]

    # --- decoding --------------------------------------------------------------------------------

    def _work_on(self, tiles: Sequence[Tile], look: _Look, until: float) -> tuple[str, ...]:
        """Have the workers decode these tiles, wait, and return what went wrong."""
        workers = self._memory.workers
        keys = [(id(self), *look.key(tile)) for tile in tiles]
        for i in _scattered(len(tiles)):
            workers.wish(keys[i], self._work(tiles[i], look), quick=look.far and look.in_overview)
        workers.wait(keys, until)
        failures = [(tile, workers.failure(key)) for tile, key in zip(tiles, keys, strict=True)]
        return tuple(_said(tile, error) for tile, error in failures if error is not None)

    def _work(self, tile: Tile, look: _Look) -> Callable[[], None]:
        def work() -> None:
            if not (look.in_overview and self._seen[tile.index] >= look.enough):
                self._open(tile, look)

        return work

    def _open(self, tile: Tile, look: _Look) -> list[NDArray[Any]]:
        """Decode a tile, remember of it what the next requests may need, and return its planes for this one."""
        shown, factor = self._shown(tile, look)
        rows, columns = tile.window[1:]
        at = np.ix_(
            _nearest(range(_first(look.rows, rows), rows.stop, look.step), rows, factor, shown.shape[1]),
            _nearest(range(_first(look.columns, columns), columns.stop, look.step), columns, factor, shown.shape[2]),
        )
        planes = [plane[at] for plane in shown]
        if not look.fills_overview:
            for i, plane in zip(look.of(tile), planes, strict=True):
                self._memory.planes.put((id(self), tile.index, look.bands[i], *look.phase), plane)
        return planes

    def _shown(self, tile: Tile, look: _Look) -> tuple[NDArray[Any], int]:
        """The bands of the request that the tile has, every `factor`-th sample of them, and that factor."""
        inside = [look.bands[i] - tile.window[0].start for i in look.of(tile)]
        whole = self._memory.blocks.get((id(self), tile.index))
        if whole is None:
            self.check_there()
            data = self.chunks.read(tile)
            if data is None:
                self.check_there()
                raise ReadError("it is missing in the store")
            room = tile.samples * self.dtype.itemsize
            if look.glance:
                halvings = min(look.step, self.spacing).bit_length() - 1 if look.far else 0
                seen = glimpse(data, halvings, None if look.far else inside, max_bytes=room)
                if seen is not None and seen[0].dtype == self.dtype:
                    samples, factor = seen[0], 1 << seen[1]
                    if not look.far:
                        return samples, factor
                    self._keep_overview(tile, samples, factor, GLIMPSED)
                    return samples[inside], factor
            whole = self._whole(tile, decode(data, max_bytes=room))
            self._keep_overview(tile, whole, 1, DECODED)
            if look.step <= NEAR:
                self._memory.blocks.put((id(self), tile.index), whole)
        return whole[inside], 1

    def _whole(self, tile: Tile, samples: NDArray[Any]) -> NDArray[Any]:
        """Decoded samples, checked. What was written through Zarr lacks what is only the fill value."""
        if samples.dtype != self.dtype or any(h > r for h, r in zip(samples.shape, tile.shape, strict=True)):
            raise CodestreamError(f"it holds {samples.dtype} {samples.shape} instead of {self.dtype} {tile.shape}")
        if samples.shape == tile.shape:
            return samples
        whole = np.full(tile.shape, self.scene.attrs.get("_FillValue", 0), self.dtype)
        whole[tuple(slice(n) for n in samples.shape)] = samples
        return whole

    def _keep_overview(self, tile: Tile, samples: NDArray[Any], factor: int, how: int) -> None:
        """Samples of a tile, every `factor`-th of them, into the overview, unless it knows better."""
        if self._seen[tile.index] >= how:
            return
        n = self.spacing
        bands, rows, columns = tile.window
        y, x = (range(-(-s.start // n) * n, s.stop, n) for s in (rows, columns))
        into = self._overview[bands, y.start // n : y.start // n + len(y), x.start // n : x.start // n + len(x)]
        at = np.ix_(_nearest(y, rows, factor, samples.shape[1]), _nearest(x, columns, factor, samples.shape[2]))
        for plane, kept in zip(samples, into, strict=True):
            kept[...] = plane[at]
        self._seen[tile.index] = how

    # --- filling ---------------------------------------------------------------------------------

    def _fill(self, part: Part, look: _Look, tiles: Iterable[Tile]) -> list[Tile]:
        """Put what is remembered of these tiles into place; returns those that are not."""
        n = self.spacing
        missing = []
        for tile in tiles:
            y, x = _inside(look.rows, tile.window[1]), _inside(look.columns, tile.window[2])
            wanted = look.of(tile)
            rows, columns = look.rows[y], look.columns[x]
            whole = self._memory.blocks.get((id(self), tile.index))
            if look.in_overview and self._seen[tile.index] >= look.enough:
                inner = _slice(rows, 0, n), _slice(columns, 0, n)
                for i in wanted:
                    part.samples[i, y, x] = self._overview[look.bands[i]][inner]
                continue
            if whole is not None:
                inner = _slice(rows, tile.window[1].start), _slice(columns, tile.window[2].start)
                for i in wanted:
                    part.samples[i, y, x] = whole[look.bands[i] - tile.window[0].start][inner]
                continue
            keys = [(id(self), tile.index, look.bands[i], *look.phase) for i in wanted]
            planes = [self._memory.planes.get(key) for key in keys]
            if any(plane is None for plane in planes):
                missing.append(tile)
                continue
            self._put(part, look, tile, [plane for plane in planes if plane is not None])
        return missing

    @staticmethod
    def _put(part: Part, look: _Look, tile: Tile, planes: Iterable[NDArray[Any]]) -> None:
        """Put planes of a tile, at the request's spacing and phase, into place."""
        y, x = _inside(look.rows, tile.window[1]), _inside(look.columns, tile.window[2])
        top, left = (
            (places.start - _first(places, window)) // look.step
            for places, window in zip((look.rows[y], look.columns[x]), tile.window[1:], strict=True)
        )
        for i, plane in zip(look.of(tile), planes, strict=True):
            part.samples[i, y, x] = plane[top : top + y.stop - y.start, left : left + x.stop - x.start]

    def _fill_coarsely(self, part: Part, look: _Look, tiles: Iterable[Tile]) -> None:
        """Tiles that are not decoded at this spacing: from an overview that has them, the finer one, else unknown."""
        n = self.spacing
        stored = self.stored if look.glance else None
        for tile in tiles:
            y, x = _inside(look.rows, tile.window[1]), _inside(look.columns, tile.window[2])
            damaged = self._memory.workers.failure((id(self), *look.key(tile))) is not None
            better = stored is not None and not damaged and (stored.spacing < n or not self._seen[tile.index])
            wanted = look.of(tile)
            if stored is not None and better:
                seen = stored.read([look.bands[i] for i in wanted], look.rows[y], look.columns[x])
                if seen is not None:
                    part.samples[wanted, y, x] = seen
                    part.overview = True
                    continue
            if not self._seen[tile.index]:
                part.known[y, x] = False
                continue
            rows, columns = (
                np.minimum(np.asarray(places) // n, size - 1)
                for places, size in zip((look.rows[y], look.columns[x]), self._overview.shape[1:], strict=True)
            )
            for i in wanted:
                part.samples[i, y, x] = self._overview[look.bands[i]][np.ix_(rows, columns)]


# --- places ----------------------------------------------------------------------------------------


def _inside(places: range, window: slice) -> slice:
    """Which of the places, by their number, lie in the window."""
    low = max(0, -(-(window.start - places.start) // places.step))
    high = min(len(places), -(-(window.stop - places.start) // places.step))
    return slice(low, max(low, high))


def _first(places: range, window: slice) -> int:
    """The first place in the window of all that have the places' phase, also before their start."""
    return window.start + (places.start - window.start) % places.step


def _slice(places: range, origin: int, spacing: int = 1) -> slice:
    """The places in an array that begins at `origin` and has every `spacing`-th."""
    start = (places.start - origin) // spacing
    step = places.step // spacing
    return slice(start, start + (len(places) - 1) * step + 1, step)


def _nearest(places: range, window: slice, factor: int, size: int) -> NDArray[np.int64]:
    """The places in an array of every `factor`-th sample from the window's start on."""
    at = (np.asarray(places, np.int64) - window.start + factor // 2) // factor
    return np.minimum(at, size - 1)


def _scattered(count: int) -> list[int]:
    """Numbers below `count` in an order in which the first few, and the last, already tell of the whole."""
    return sorted(range(count), key=lambda i: (i * 0.6180339887498949) % 1.0)


def _said(tile: Tile, error: Exception) -> str:
    return f"tile {tile.index}: {error}" if "vanished" not in str(error) else str(error)
