"""Is a store or codestream whole, and is it what the original was?"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from hypress import scene as scenes
from hypress import store
from hypress.codestream import inspect
from hypress.errors import CodestreamError, LimitError, ReadError, SceneError, UnknownCodecError
from hypress.files import BARE_ENDING, open_scene, read_bare
from hypress.metrics import Tally
from hypress.progress import Task
from hypress.restore import decode
from hypress.tiles import Grid, Tile


@dataclass
class Verdict:
    """What `verify` found. `problems` names each damaged or missing tile, those of an overview too, which `tiles` does
    not count; the rest is measured where asked for."""

    path: str
    tiles: int
    problems: list[str] = field(default_factory=list)
    tally: Tally | None = None

    @property
    def ok(self) -> bool:
        """Whether every tile is there and decodes."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        plain: dict[str, Any] = {
            "path": self.path,
            "ok": self.ok,
            "tiles": self.tiles,
            "problems": self.problems,
        }
        if self.tally is not None:
            figures = {
                "psnr_db": self.tally.psnr_db(),
                "psnr_peak": self.tally.peak,
                "max_error": self.tally.max_error,
                "sam_deg": self.tally.sam_deg,
            }
            plain |= {k: v if math.isfinite(v) else None for k, v in figures.items()}
        return plain


def verify(
    path: str | os.PathLike[str],
    original: str | os.PathLike[str] | None = None,
    *,
    workers: int | None = None,
) -> Verdict:
    """Decode every tile, and those of an overview, checking every checksum; with `original`, measure every tile too.

    Damage is reported, not raised. Raises InputNotFoundError and SceneError where there is nothing to verify, and as
    `open_scene` for the original.
    """
    where = os.fspath(path).rstrip("/")
    overview: store.Chunks | None = None
    against = None if original is None else open_scene(original)
    if where.endswith(BARE_ENDING):
        data = read_bare(where)
        try:
            header = inspect(data)
        except CodestreamError as error:
            return Verdict(where, 1, [str(error)])
        source: store.Chunks | bytes = data
        grid, dtype, nodata = Grid(header.shape, header.shape), np.dtype(header.dtype), header.nodata
    elif store.is_store(where):
        try:
            source, scene = store.Chunks.of(where), store.open_store(where)
        except ReadError as error:
            return Verdict(where, 0, [str(error)])
        overview = source.overview(scene.dtype)
        grid, dtype, nodata = source.grid, scene.dtype, scenes.nodata(scene)
    else:
        raise SceneError(f"{where} is no store (.zarr, .zarr.zip) and no codestream (.hyp): there is nothing to verify")
    if against is not None and against.shape != grid.shape:
        raise SceneError(f"{where} has shape {grid.shape}, but the original has {against.shape}")

    verdict = Verdict(where, len(grid), tally=None if against is None else Tally.empty(grid.shape[0]))
    task = Task("verifying", math.prod(grid.shape), "samples")

    def check(tile: Tile) -> tuple[Tile, str | None, Tally | None]:
        return tile, *_check(source, tile, dtype, against, nodata)

    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        for tile, problem, tally in pool.map(check, grid):
            if problem is not None:
                verdict.problems.append(f"tile {tile.index}: {problem}")
            elif tally is not None and verdict.tally is not None:
                whole = tally if tile.shape[0] == grid.shape[0] else tally.placed(tile.window[0].start, grid.shape[0])
                verdict.tally += whole
            task.advance(tile.samples)
    if overview is not None:
        for tile in overview.grid:
            problem, _ = _check(overview, tile, dtype, None, nodata)
            if problem is not None:
                verdict.problems.append(f"overview, tile {tile.index}: {problem}")
    return verdict


def _check(
    source: store.Chunks | bytes,
    tile: Tile,
    dtype: np.dtype[Any],
    against: xr.DataArray | None,
    nodata: float | None,
) -> tuple[str | None, Tally | None]:
    try:
        data = source if isinstance(source, bytes) else source.read(tile)
        if data is None:
            return "it is missing", None
        decoded = decode(data, max_bytes=tile.samples * dtype.itemsize)
    except (CodestreamError, LimitError, UnknownCodecError, ReadError) as error:
        return str(error), None
    too_large = any(have > room for have, room in zip(decoded.shape, tile.shape, strict=True))
    if too_large or decoded.dtype != dtype:
        return f"it holds {decoded.dtype} {decoded.shape} instead of {dtype} {tile.shape}", None
    if against is None:
        return None, None
    samples = against.variable[tile.window].to_numpy()
    if decoded.shape != tile.shape:  # written through Zarr: what is left out is the fill value
        whole = np.full(tile.shape, 0 if nodata is None else nodata, dtype)
        whole[tuple(slice(n) for n in decoded.shape)] = decoded
        decoded = whole
    valid = None if nodata is None else samples != nodata
    return None, Tally.of(samples, decoded, valid)
