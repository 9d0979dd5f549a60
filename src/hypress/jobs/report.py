"""What a compression achieved: for people, for machines, and for the attributes of the store."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import xarray as xr

from hypress.codestream import Header
from hypress.goal import Goal, Psnr, goal_to_dict
from hypress.metrics import Tally, bpppc, ratio
from hypress.version import __version__

PREFIX = "compression"
"""Of the attributes that say what a scene went through."""


@dataclass(frozen=True)
class Report:
    """What was achieved. Every figure is measured: bytes on disk, and the decoded samples against the original."""

    output: str
    codec: str
    configuration: dict[str, Any]
    """The codec's fields, as far as all tiles agree: a goal may have turned the knob for each."""
    goal: dict[str, Any] | None
    shape: tuple[int, int, int]
    dtype: str
    tiles: int
    bytes: int
    """All bytes of the output, metadata included."""
    streams: dict[str, int]
    """Where they went: the codec's streams, `mask`, `header` (of codestreams), `metadata` (of the store)."""
    bpppc: float
    """8 · bytes / samples as stored by the sensor."""
    ratio: float
    psnr_db: float
    psnr_peak: float
    max_error: float
    mean_error: float
    snr_db: float
    sam_deg: float
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """JSON values; an infinite figure (a perfect one) becomes None."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in plain.items()}


def report(
    path: str,
    codec: str,
    configuration: Mapping[str, Any],
    goal: Goal | None,
    scene: xr.DataArray,
    tiles: int,
    size: int,
    streams: Mapping[str, int],
    tally: Tally,
    started: float,
) -> Report:
    """The report of a job that began at `started`, by `time.monotonic`."""
    return Report(
        output=path,
        codec=codec,
        configuration=dict(configuration),
        goal=None if goal is None else goal_to_dict(goal),
        shape=scene.shape,  # type: ignore[arg-type]
        dtype=scene.dtype.name,
        tiles=tiles,
        bytes=size,
        streams=dict(streams),
        bpppc=bpppc(size, scene.shape),
        ratio=ratio(size, scene.shape, scene.dtype),
        psnr_db=tally.psnr_db(_named_peak(goal)),
        psnr_peak=peak_of(goal, tally),
        max_error=tally.max_error,
        mean_error=tally.mean_error,
        snr_db=tally.snr_db,
        sam_deg=tally.sam_deg,
        seconds=round(time.monotonic() - started, 3),
    )


def peak_of(goal: Goal | None, tally: Tally) -> float:
    """The peak that a PSNR refers to: the goal's where it names one, else the scene's."""
    named = _named_peak(goal)
    return tally.peak if named is None else named


def _named_peak(goal: Goal | None) -> float | None:
    return goal.peak if isinstance(goal, Psnr) else None


def provenance(
    scene: xr.DataArray, codec: str, configuration: Mapping[str, Any], goal: Goal | None, tally: Tally, rate: float
) -> dict[str, Any]:
    """Attributes that tell a decoded scene from the original: what was done, and what it cost, as measured.

    A scene that says that it was compressed before keeps saying so, under `compression_before`; once lossy is lossy.
    """
    before = earlier(scene)
    lossy = tally.max_error > 0 or before.get(PREFIX) == "lossy"
    figures = {
        "max_error": tally.max_error,
        "psnr_db": tally.psnr_db(_named_peak(goal)),
        "psnr_peak": peak_of(goal, tally),
        "mean_spectral_angle_deg": tally.sam_deg,
        "bits_per_sample": rate,
    }
    return {
        PREFIX: "lossy" if lossy else "lossless",
        f"{PREFIX}_codec": codec,
        f"{PREFIX}_configuration": json.dumps(configuration),
        f"{PREFIX}_goal": "as configured" if goal is None else str(goal),
        f"{PREFIX}_software": f"hypress {__version__}",
        **{f"{PREFIX}_{k}": float(v) for k, v in figures.items() if math.isfinite(v)},
        **({f"{PREFIX}_before": json.dumps(before)} if before else {}),
    }


def earlier(scene: xr.DataArray) -> dict[str, str]:
    """What a scene says that it went through before."""
    return {k: str(v) for k, v in scene.attrs.items() if str(k).startswith(PREFIX)}


def stream_sizes(header: Header, size: int) -> dict[str, int]:
    """Bytes of each stream of a codestream of `size` bytes, and of what is not in streams."""
    sizes = header.sizes()
    return sizes | {"header": size - sum(sizes.values())}
