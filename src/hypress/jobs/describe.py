"""What a scene, store or codestream holds, without decoding its samples."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import xarray as xr

from hypress import scene as scenes
from hypress import store
from hypress.codestream import measure
from hypress.files import BARE_ENDING, open_scene, read_bare
from hypress.jobs.report import stream_sizes
from hypress.metrics import bpppc, ratio


def describe(path: str | os.PathLike[str], *, variable: str | None = None) -> dict[str, Any]:
    """JSON values; None where the file does not say. Raises as `open_scene`."""
    where = os.fspath(path)
    scene = open_scene(where, variable=variable)
    told: dict[str, Any] = {"path": where, **_scene(scene)}
    if where.endswith(BARE_ENDING):
        told |= _codestream(where)
    elif store.is_store(where):
        told |= _store(where, scene)
    elif Path(where).is_file():
        told["file_bytes"] = Path(where).stat().st_size
    return told


def _scene(scene: xr.DataArray) -> dict[str, Any]:
    told: dict[str, Any] = {
        "shape": list(scene.shape),
        "dtype": scene.dtype.name,
        "samples": int(scene.size),
        "wavelength_nm": None,
        "fwhm_nm": None,
        "bad_bands": None,
        "nodata": scenes.nodata(scene),
        "crs": _crs_name(scenes.crs_wkt(scene)),
        "transform": scenes.transform(scene),
    }
    for name in ("wavelength", "fwhm"):
        if name in scene.coords:
            values = scene.coords[name].to_numpy()
            told[f"{name}_nm"] = {"from": float(values.min()), "to": float(values.max())}
    if "good_band" in scene.coords:
        told["bad_bands"] = int((~scene.coords["good_band"].to_numpy().astype(bool)).sum())
    for name in ("units", "scale_factor", "add_offset"):
        told[name] = store.as_bare(scene.attrs.get(name))
    if told["transform"] is not None:
        names = ("x0", "dx", "rotation_x", "y0", "rotation_y", "dy")
        told["transform"] = dict(zip(names, told["transform"], strict=True))
    return told


def _crs_name(wkt: str | None) -> str | None:
    """The name of the outermost system in WKT."""
    return None if wkt is None else wkt.partition('"')[2].partition('"')[0] or wkt


def _codestream(path: str) -> dict[str, Any]:
    header, size = measure(read_bare(path))
    return {
        "codec": header.codec,
        "bitstream": header.bitstream,
        "configuration": header.configuration,
        "levels": None if header.levels is None else msgspec.to_builtins(header.levels),
        "streams": stream_sizes(header, size),
        "bytes": size,
        "bpppc": bpppc(size, header.shape),
        "ratio": ratio(size, header.shape, np.dtype(header.dtype)),
    }


def _store(path: str, scene: xr.DataArray) -> dict[str, Any]:
    chunks = store.Chunks.of(path)
    streams, codecs = Counter[str](), Counter[str]()
    for tile in chunks.grid:
        head = chunks.head(tile)
        codecs.update(["missing" if head is None else head[0].codec])
        if head is not None:
            streams.update(stream_sizes(*head))
    if small := overview_bytes(chunks, scene):
        streams[store.OVERVIEW] = small
    total = store.size_on_disk(path)
    streams["metadata"] = total - sum(streams.values())
    attrs = {k: store.as_bare(v) for k, v in scene.attrs.items() if k.startswith("compression")}
    if "compression_configuration" in attrs:
        attrs["compression_configuration"] = json.loads(attrs["compression_configuration"])
    return {
        **attrs,
        "tile": list(chunks.grid.tile),
        "tiles": dict(codecs),
        "streams": dict(streams),
        "bytes": total,
        "bpppc": bpppc(total, scene.shape),
        "ratio": ratio(total, scene.shape, scene.dtype),
    }


def overview_bytes(chunks: store.Chunks, scene: xr.DataArray) -> int:
    """Bytes of the codestreams of a store's overview; 0 where it has none."""
    overview = chunks.overview(scene.dtype)
    heads = [] if overview is None else [overview.head(tile) for tile in overview.grid]
    return sum(head[1] for head in heads if head is not None)
