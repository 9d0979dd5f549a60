"""A scene in, a much smaller store out, with the promise kept and the quality measured.

    scene ─► grid of tiles ─► workers: read, encode, decode, compare, put ─► tallies ─► provenance ─► store
                                       └─► every n-th sample ─► overview, of large scenes ────────────┘

Tiles are independent. Each meets the goal by itself, so the scene meets it too, nothing needs a second pass, and
memory is bounded by the tiles in work, not by the scene.
"""

from __future__ import annotations

import json
import os
import time
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import xarray as xr

from hypress import scene as scenes
from hypress import store
from hypress.codec import Codec, of_standard
from hypress.codestream import MAX_DECODED, inspect
from hypress.errors import (
    CodestreamError,
    ConfigurationError,
    GoalError,
    LimitError,
    OutputExistsError,
    SceneError,
    ScenePropertyWarning,
    WriteError,
)
from hypress.files import BARE_ENDING, open_scene
from hypress.goal import Goal, Lossless, MaxError, Psnr, Rate, goal_to_dict
from hypress.jobs.overview import MOST, SHARE, Overview, thinned
from hypress.jobs.report import Report, earlier, provenance, report, stream_sizes
from hypress.jobs.survey import peak
from hypress.jobs.workers import bounded, executor
from hypress.levels import Integers
from hypress.metrics import Tally, bpppc
from hypress.progress import Task
from hypress.restore import MASK, decode
from hypress.tile import Encoded, encode_tile, resolve
from hypress.tiles import Grid, Tile
from hypress.version import __version__
from hypress.whole import write_whole


def compress(
    source: str | os.PathLike[str] | xr.DataArray | np.ndarray[Any, Any],
    output: str | os.PathLike[str],
    codec: Codec | str | None = None,
    goal: Goal | None = None,
    *,
    variable: str | None = None,
    tile: tuple[int, ...] | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    overwrite: bool = False,
    resume: bool = False,
) -> Report:
    """Compress a scene into a store (`.zarr`, `.zarr.zip`, an fsspec URL) or one stream of its samples.

    Such a stream is a codestream (`.hyp`), or a standard's own with nothing of ours around it (`.ccsds123`, …).

    `source` is a path that `open_scene` reads, a scene, or a bare array `(band, y, x)`. `codec` and `goal` are as in
    `encode`. `tile` is `(y, x)` or `(band, y, x)` samples. `workers` threads (default: one a core), or the Dask
    cluster at address `scheduler`. `resume` goes on with an interrupted job. Raises SceneError, ReadError,
    GoalError, OutputExistsError, WriteError and those of the codec; the output is then not there.
    """
    started = time.monotonic()
    path = str(output).rstrip("/")
    standard = of_standard(path)
    chosen, goal = resolve(codec if codec is not None else standard, goal)
    if standard is not None and chosen.name != standard:
        raise ConfigurationError(f"{path}: a file of that ending is written by {standard}, not by {chosen.name}")
    scene = _as_scene(source, variable)
    if path.endswith(BARE_ENDING) or standard is not None:
        return _compress_bare(scene, Path(path), chosen, goal, overwrite, started)
    if not store.is_store(path):
        raise ConfigurationError(f"{path}: an output ends in .zarr, .zarr.zip, .hyp or a standard's own ending")
    grid = Grid.of(scene.shape, tile)  # type: ignore[arg-type]
    writer = store.Writer(path)
    job = {
        "hypress": __version__,
        "source": str(source) if isinstance(source, str | os.PathLike) else "array",
        "shape": list(scene.shape),
        "dtype": scene.dtype.str,
        "tile": list(grid.tile),
        "codec": chosen.name,
        "configuration": chosen.configuration(),
        "goal": goal_to_dict(goal) if goal is not None else None,
    }
    writer.begin(job, overwrite=overwrite, resume=resume)
    try:
        overview = Overview.of(scene.shape, scene.dtype, chosen)  # type: ignore[arg-type]
        spacing = None if overview is None else overview.spacing
        aim = _for_tiles(goal, scene, grid, path, overview)
        totals = _Totals(len(scene))
        nodata = scenes.nodata(scene)
        pieces = ((scene.variable[t.window], len(scene), t, writer, chosen, aim, nodata, spacing) for t in grid)
        with executor(workers, scheduler) as (pool, at_once):
            task = Task("compressing", scene.size, "samples")
            for place, done in zip(grid, bounded(pool, at_once, _work, pieces), strict=True):
                totals.add(done)
                if overview is not None and done.coarse is not None:
                    overview.put(place, done.coarse)
                task.advance(done.samples, f"{totals.bpppc:.3f} bpppc")
        if not totals.tally.count.any():
            raise SceneError("the scene has no valid sample: all are nodata or NaN")
        coarse, small = _overview(overview, totals.bytes, nodata)
        configuration = totals.configuration or {}
        rate = bpppc(totals.bytes + sum(map(len, small.values())), scene.shape)
        attrs = provenance(scene, chosen.name, configuration, goal, totals.tally, rate)
        size = writer.finish(small | store.metadata(scene, grid, attrs, coarse))
    except KeyboardInterrupt:
        raise
    except BaseException:
        writer.abandon()
        raise
    shown = {store.OVERVIEW: sum(map(len, small.values()))} if small else {}
    streams = totals.streams | shown | {"metadata": size - totals.bytes - sum(shown.values())}
    return report(path, chosen.name, configuration, goal, scene, len(grid), size, streams, totals.tally, started)


# --- one bare codestream ---------------------------------------------------------------------------


def _compress_bare(
    scene: xr.DataArray, path: Path, codec: Codec, goal: Goal | None, overwrite: bool, started: float
) -> Report:
    if path.exists() and not overwrite:
        raise OutputExistsError(f"{path} exists; choose another name or allow overwriting (--overwrite)")
    if scene.nbytes > MAX_DECODED:
        raise SceneError(
            f"{path.name} would be one tile of {scene.nbytes} bytes, above the {MAX_DECODED} that are decoded at once;"
            f" write a store ({store.DIRECTORY_ENDING} or {store.ZIP_ENDING}), which is cut into tiles"
        )
    if not path.parent.is_dir():
        raise WriteError(f"{path} cannot be written: {path.parent} is no directory")
    standard = not path.name.endswith(BARE_ENDING)
    if standard and isinstance(goal, MaxError) and (promised := codec.with_max_error(int(goal.dn))) is not None:
        goal = goal if promised.max_error() else Lossless()  # coarser levels are ours, not the standard's
    nodata = scenes.nodata(scene)
    lost = [name for name in (*scenes.BAND_COORDINATES, "spatial_ref") if name in scene.coords]
    if standard and nodata is not None:
        lost.append(f"the meaning of {nodata:g} as nodata")
    if lost:
        message = f"{path.name}: a {path.suffix} holds samples only: {', '.join(lost)} are not kept; a store keeps them"
        warnings.warn(message, ScenePropertyWarning, stacklevel=3)
    task = Task("compressing", scene.size, "samples")
    samples = scene.to_numpy()
    encoded = encode_tile(samples, codec, goal, nodata=None if standard else nodata)
    if not encoded.tally.count.any():
        raise SceneError("the scene has no valid sample: all are nodata or NaN")
    data, tally = _standard(encoded, codec, samples) if standard else (encoded.data, encoded.tally)
    try:
        write_whole(path, data)
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error.strerror or error}") from error
    task.advance(scene.size)
    header, size = inspect(encoded.data), len(data)
    streams = {"standard": size} if standard else stream_sizes(header, size)
    return report(str(path), codec.name, header.configuration, goal, scene, 1, size, streams, tally, started)


def _standard(encoded: Encoded, codec: Codec, samples: np.ndarray[Any, Any]) -> tuple[bytes, Tally]:
    """The standard's own stream in the configuration of a codestream, and how far what it decodes to is from `samples`.

    Raises SceneError where it cannot hold them as they are.
    """
    header = inspect(encoded.data)
    levels = header.levels
    if levels is None or levels != Integers(levels.low, levels.high) or MASK in header.sizes():
        raise SceneError(
            f"a bare {codec.name} stream holds integers as they are: not floats, NaN or integers wider than"
            f" {codec.max_bits} bits; a store keeps them"
        )
    spec = levels.spec(header.shape, samples.dtype)
    configured = codec.configured(header.configuration)
    data = configured.to_standard(levels.forward(samples), spec)
    return data, Tally.of(samples, configured.from_standard(data))


# --- tiles -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Done:
    samples: int
    size: int
    streams: dict[str, int]
    configuration: dict[str, Any] | None
    tally: Tally
    coarse: np.ndarray[Any, Any] | None
    """What the overview has of it."""

    @classmethod
    def of(cls, encoded: Encoded, samples: int, tally: Tally, coarse: np.ndarray[Any, Any] | None) -> _Done:
        header, size = inspect(encoded.data), len(encoded.data)
        configuration = None if header.levels is None else header.configuration
        return cls(samples, size, stream_sizes(header, size), configuration, tally, coarse)


class _Totals:
    def __init__(self, bands: int) -> None:
        self.tally, self.streams = Tally.empty(bands), dict[str, int]()
        self.configuration: dict[str, Any] | None = None
        self.bytes = self.samples = 0

    def add(self, done: _Done) -> None:
        if done.configuration is not None:  # what all tiles have in common: a goal may turn a knob for each
            common = done.configuration if self.configuration is None else self.configuration
            self.configuration = {k: v for k, v in common.items() if done.configuration.get(k, ...) == v}
        self.tally += done.tally
        self.bytes += done.size
        self.samples += done.samples
        for name, size in done.streams.items():
            self.streams[name] = self.streams.get(name, 0) + size

    @property
    def bpppc(self) -> float:
        return 8 * self.bytes / self.samples


def _work(
    piece: xr.Variable,
    bands: int,
    tile: Tile,
    writer: store.Writer,
    codec: Codec,
    goal: Goal | None,
    nodata: Any,
    spacing: int | None,
) -> _Done:
    """Code one tile and put it into the store, unless an interrupted job had done so. Runs on a worker."""
    samples = np.ascontiguousarray(piece.to_numpy())
    encoded = _kept(writer, tile, samples, nodata)
    if encoded is None:
        encoded = encode_tile(samples, codec, goal, nodata=nodata)
        writer.put(f"{store.ARRAY}/{tile.key}", encoded.data)
    tally = encoded.tally if len(samples) == bands else encoded.tally.placed(tile.window[0].start, bands)
    return _Done.of(encoded, samples.size, tally, None if spacing is None else thinned(samples, tile, spacing))


def _kept(writer: store.Writer, tile: Tile, samples: np.ndarray[Any, Any], nodata: Any) -> Encoded | None:
    """What an interrupted job left for this tile, measured again; None where it left nothing whole."""
    data = writer.get(f"{store.ARRAY}/{tile.key}")
    if data is None:
        return None
    try:
        decoded = decode(data, max_bytes=samples.nbytes)
    except (CodestreamError, LimitError):
        return None
    if decoded.shape != samples.shape or decoded.dtype != samples.dtype:
        return None
    valid = None if nodata is None else samples != nodata
    return Encoded(data, Tally.of(samples, decoded, valid))


# --- goals of a scene as goals of its tiles ---------------------------------------------------------


def _for_tiles(goal: Goal | None, scene: xr.DataArray, grid: Grid, path: str, overview: Overview | None) -> Goal | None:
    """The goal for each tile: a PSNR's peak is the scene's, and a rate leaves room for metadata and overview."""
    if isinstance(goal, Psnr) and goal.peak is None:
        return msgspec.structs.replace(goal, peak=peak(scene, grid))
    if isinstance(goal, Rate):
        need = bpppc(_overhead(scene, grid, path, overview), scene.shape)
        spare = goal.bpppc - need
        if spare <= 0:
            raise GoalError(f"{goal} is out of reach in a store: its metadata alone takes {need:.3g} bpppc; write .hyp")
        return Rate(bpppc=spare if overview is None else spare * (1 - SHARE))
    return goal


def _overview(overview: Overview | None, tiles: int, nodata: Any) -> tuple[store.Coarse | None, dict[str, bytes]]:
    """The overview's grid and codestreams, in the share that it may take beside so many bytes of tiles."""
    coded = None if overview is None else overview.coded(min(MOST, int(SHARE * tiles)), nodata)
    return coded if coded is not None else (None, {})


def _overhead(scene: xr.DataArray, grid: Grid, path: str, overview: Overview | None) -> int:
    """Bytes of the store besides its codestreams, from above."""
    blank = {f"compression_{n}": "0" * 24 for n in range(10)} | {"compression_configuration": "0" * 120}
    if before := earlier(scene):
        blank["compression_before"] = json.dumps(before)
    coarse = None if overview is None else store.Coarse(Grid.of(overview.samples.shape), 1 << 24)  # type: ignore[arg-type]
    entries = store.metadata(scene, grid, blank, coarse)
    if not path.endswith(store.ZIP_ENDING):
        return sum(map(len, entries.values()))
    small = () if coarse is None else (f"{store.OVERVIEW}/{store.ARRAY}/{tile.key}" for tile in coarse.grid)
    names = [*entries, *(f"{store.ARRAY}/{tile.key}" for tile in grid), *small]
    packed = sum(len(zlib.compress(d)) if k.endswith(store.ROOT) else len(d) for k, d in entries.items())
    return packed + sum(store.ZIP_ENTRY_BYTES + 2 * len(name) for name in names) + 22


# --- helpers ----------------------------------------------------------------------------------------


def _as_scene(source: Any, variable: str | None) -> xr.DataArray:
    if isinstance(source, str | os.PathLike):
        scene = open_scene(source, variable=variable)
    elif isinstance(source, xr.DataArray):
        scene = source
    else:
        scene = scenes.make(scenes.as_samples(source))
    scenes.check(scene)
    return scene
