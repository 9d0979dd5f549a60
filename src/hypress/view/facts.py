"""What a layer's file is: codec, goal and what was achieved, bytes by stream and by tile; and histograms."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np

from hypress import scene as scenes
from hypress.codestream import measure
from hypress.errors import CodestreamError
from hypress.files import BARE_ENDING, read_bare
from hypress.jobs.describe import describe, overview_bytes
from hypress.jobs.report import stream_sizes
from hypress.metrics import bpppc, ratio
from hypress.store import OVERVIEW, size_on_disk
from hypress.view.blocks import StoreSource
from hypress.view.layer import Layer
from hypress.view.render import valid

BINS = 96


def facts(layer: Layer) -> dict[str, Any]:
    """JSON values: those of `hypress info`, and for a store of codestreams its `tile_map`. Raises as `open_scene`."""
    layer.source.check_there()
    if isinstance(layer.source, StoreSource):
        told = describe_store(layer, layer.source)
    else:
        told = describe(layer.path, variable=layer.variable)
        if layer.path.endswith(BARE_ENDING):
            size = measure(read_bare(layer.path))[1]
            told["tile_map"] = {"rows": 1, "columns": 1, "bytes": [size], "codecs": [told["codec"]]}
    return told | layer.about


def describe_store(layer: Layer, source: StoreSource) -> dict[str, Any]:
    """As `describe` says of a store, from one pass over its tiles' headers, with the bytes of each tile."""
    streams, codecs = Counter[str](), Counter[str]()
    _, rows, columns = source.chunks.grid.counts
    sizes, by_place = np.zeros((rows, columns), np.int64), np.full((rows, columns), "", object)
    configurations: set[str] = set()
    for tile in source.chunks.grid:
        place = tile.index[1:]
        try:
            head = source.chunks.head(tile)
        except CodestreamError:
            head, by_place[place] = None, "damaged"
        if head is None:
            by_place[place] = by_place[place] or "missing"
            codecs.update([by_place[place]])
            continue
        by_place[place] = by_place[place] or head[0].codec
        codecs.update([head[0].codec])
        configurations.add(json.dumps(head[0].configuration))
        streams.update(stream_sizes(*head))
        sizes[place] += head[1]
    if small := overview_bytes(source.chunks, layer.scene):
        streams[OVERVIEW] = small
    total = size_on_disk(layer.path)
    streams["metadata"] = total - sum(streams.values())
    scene = layer.scene
    attrs = {
        str(k): v.item() if isinstance(v, np.generic) else v
        for k, v in scene.attrs.items()
        if str(k).startswith("compression")
    }
    if isinstance(attrs.get("compression_configuration"), str):
        attrs["compression_configuration"] = json.loads(attrs["compression_configuration"])
    elif len(configurations) == 1:
        attrs["compression_configuration"] = json.loads(configurations.pop())
    return {
        "path": layer.path,
        "shape": list(scene.shape),
        "dtype": scene.dtype.name,
        "nodata": scenes.nodata(scene),
        **attrs,
        "tile": list(source.chunks.grid.tile),
        "tiles": dict(codecs),
        "streams": dict(streams),
        "bytes": total,
        "bpppc": bpppc(total, scene.shape),
        "ratio": ratio(total, scene.shape, scene.dtype),
        "tile_map": {
            "rows": rows,
            "columns": columns,
            "bytes": sizes.reshape(-1).tolist(),
            "codecs": by_place.reshape(-1).tolist(),
        },
    }


def histogram(layer: Layer, band: int, *, until: float | None = None) -> dict[str, Any]:
    """Counts of a band's valid samples in even bins between the smallest and the largest, of an even sample."""
    part = layer.sample([band], until=until)
    values = part.samples[0][valid(part, scenes.nodata(layer.scene))[0]]
    if not values.size:
        return {"band": band, "low": None, "high": None, "counts": [], "samples": 0, "exact": part.exact}
    low, high = float(values.min()), float(values.max())
    span = high - low
    bins = BINS if values.dtype.kind == "f" or span >= BINS else max(1, int(span) + 1)
    edges = (low, high + (1 if values.dtype.kind != "f" else 0) or low + 1)
    counts, _ = np.histogram(values.astype(np.float64), bins=bins, range=(edges[0], max(edges[1], edges[0] + 1e-9)))
    return {
        "band": band,
        "low": low,
        "high": high,
        "counts": counts.tolist(),
        "samples": int(values.size),
        "exact": part.exact,
    }
