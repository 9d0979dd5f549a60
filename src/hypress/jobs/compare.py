"""Two scenes side by side, of any formats and any size."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from hypress import scene as scenes
from hypress import store
from hypress.errors import SceneError
from hypress.files import open_scene
from hypress.jobs.decompress import written_size
from hypress.jobs.survey import peak as peak_of
from hypress.metrics import SsimTally, Tally, bpppc, ratio, window_for
from hypress.progress import Task
from hypress.tiles import Grid

STRIP_SAMPLES = 1 << 24


@dataclass(frozen=True)
class SceneComparison:
    """How far `decoded` is from `original`; conventions in `docs/metrics.md`."""

    original: str
    decoded: str
    codec: str | None
    """What the decoded scene says it went through, if anything."""
    bytes: int | None
    """Size on disk of the decoded scene's file or store; None for a scene in memory or of another server."""
    bpppc: float | None
    ratio: float | None
    psnr_db: float
    psnr_peak: float
    mean_band_psnr_db: float
    max_error: float
    mean_error: float
    snr_db: float
    sam_deg: float
    max_sam_deg: float
    ssim: float | None
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """JSON values; an infinite figure (a perfect one) becomes None."""
        return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in vars(self).items()}


def compare(
    original: str | os.PathLike[str] | xr.DataArray,
    decoded: str | os.PathLike[str] | xr.DataArray,
    *,
    peak: float | None = None,
    ssim: bool = True,
) -> SceneComparison:
    """Compare two scenes of one shape, strip by strip: memory holds a row of tiles of each.

    `peak` serves PSNR and SSIM; None takes the original's largest valid sample. Samples that are nodata or NaN in
    the original do not count. Raises as `open_scene`, and SceneError where the shapes differ.
    """
    started = time.monotonic()
    first, second = (x if isinstance(x, xr.DataArray) else open_scene(x) for x in (original, decoded))
    if first.shape != second.shape:
        raise SceneError(f"the scenes differ in shape (band, y, x): {first.shape} and {second.shape}")
    scenes.check(first)
    top = peak if peak is not None else peak_of(first, _strips(first, first))
    tally, similarity = _measured(first, second, top, ssim)
    size = None
    if not isinstance(decoded, xr.DataArray):
        path = os.fspath(decoded)
        size = store.size_on_disk(path) if store.is_store(path) else written_size(path)
    return SceneComparison(
        original=_name(original),
        decoded=_name(decoded),
        codec=second.attrs.get("compression_codec"),
        bytes=size,
        bpppc=None if size is None else bpppc(size, first.shape),
        ratio=None if size is None else ratio(size, first.shape, first.dtype),
        psnr_db=tally.psnr_db(top),
        psnr_peak=top,
        mean_band_psnr_db=tally.mean_band_psnr_db(top),
        max_error=tally.max_error,
        mean_error=tally.mean_error,
        snr_db=tally.snr_db,
        sam_deg=tally.sam_deg,
        max_sam_deg=tally.max_sam_deg,
        ssim=None if similarity is None else similarity.ssim,
        seconds=round(time.monotonic() - started, 3),
    )


def _measured(first: xr.DataArray, second: xr.DataArray, top: float, ssim: bool) -> tuple[Tally, SsimTally | None]:
    bands, rows, columns = first.shape
    window = window_for(rows, columns)
    nodata = scenes.nodata(first)
    tally, similarity = Tally.empty(bands), None
    tail: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None = None
    task = Task("comparing", first.size, "samples")
    for tile in _strips(first, second):
        a, b = (s.variable[tile.window].to_numpy() for s in (first, second))
        tally += Tally.of(a, b, None if nodata is None else a != nodata)
        if ssim:
            if tail is not None:  # windows that straddle two strips
                a, b = (np.concatenate(pair, axis=1) for pair in zip(tail, (a, b), strict=True))
            if a.shape[1] >= window:
                valid = None if nodata is None else a != nodata
                part = SsimTally.of(a, b, peak=top, valid=valid, window=window)
                similarity = part if similarity is None else similarity + part
            tail = (
                a[:, a.shape[1] - min(a.shape[1], window - 1) :],
                b[:, b.shape[1] - min(b.shape[1], window - 1) :],
            )
        task.advance(tile.samples)
    return tally, similarity


def _strips(first: xr.DataArray, second: xr.DataArray) -> Grid:
    """Full-width strips: a row of tiles high where a scene is tiled."""
    bands, rows, columns = first.shape
    tiled = [s.encoding.get("preferred_chunks", {}).get("y", 0) for s in (first, second)]
    high = max([h for h in tiled if h < rows], default=0) or max(1, STRIP_SAMPLES // (bands * columns))
    return Grid((bands, rows, columns), (bands, min(rows, high), columns))


def _name(scene: str | os.PathLike[str] | xr.DataArray) -> str:
    return "array" if isinstance(scene, xr.DataArray) else os.fspath(scene)
