"""Profiling: what the networks of files of weights cost, side by side."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hypress.errors import ConfigurationError, MissingExtraError

BANDS = 202
"""Of the tile, where weights take any number."""


@dataclass(frozen=True)
class Profile:
    """Of one file of weights; times are the best of several."""

    weights: str
    codec: str
    engine: str
    device: str
    parameters: int | None
    """None, as for MACs, where torch is not installed to count them."""
    macs_per_sample: float | None
    bytes: int
    """Of the file, or of the graphs that are run."""
    peak_bytes: int | None
    """Memory beyond that of the process before: resident; None where it cannot be told."""
    gpu_bytes: int | None
    """Likewise of a GPU's memory, what tensors hold of it; None where networks are run by the processor."""
    encode_ms: float
    decode_ms: float
    msamples_per_s: float
    """Of a tile there and back, on one thread."""

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def profile(
    weights: Sequence[str | os.PathLike[str]],
    *,
    tile: tuple[int, int] = (128, 128),
    repeats: int = 5,
    engine: str | None = None,
    device: str = "cpu",
) -> list[Profile]:
    """Profile weights, by name or path, on a tile of `(rows, columns)` pixels and all bands.

    Files that go with graphs are run by ONNX Runtime, others by torch, unless `engine` says. Networks alone are timed,
    without the coding of their latents, and in turns; on a GPU (`device`: `auto`, `cpu`, `cuda` or `cuda:1`, for torch
    alone) with the way of maps there and back. Raises ConfigurationError, WeightsError, MissingExtraError.
    """
    try:
        from hypress.jobs import footprint
        from hypress.neural import pretrained
        from hypress.neural.networks import CODECS
    except ImportError as error:
        raise MissingExtraError(
            f"profiling needs: pip install 'hypress[neural]', or 'hypress[edge]' ({error})"
        ) from error
    if not weights:
        raise ConfigurationError("profiling needs weights: give names or paths")
    if min(tile) < 1 or repeats < 1:
        raise ConfigurationError(f"a tile has a pixel and is timed once at least; not {tile}, {repeats} times")
    names = [os.fspath(name) for name in weights]
    found = [pretrained.named(name) for name in names]
    for w in found:
        if w.card.codec not in CODECS:
            raise ConfigurationError(f"{w.path} is for codec {w.card.codec}; profiles are of {', '.join(CODECS)}")
    engines = [engine or ("onnx" if w.card.graphs_of else "torch") for w in found]
    if device != footprint.PROCESSOR:
        device = _device(device, engines)
    tiles = [(w.card.bands or BANDS, *tile) for w in found]
    jobs = [(*job, device) for job in zip(names, engines, tiles, strict=True)]
    peaks = [footprint.peak(*job) for job in jobs]
    times = footprint.interleaved([footprint.Passes(*job) for job in jobs], repeats)
    rows = []
    for w, (name, which, shape, _), peak, (there, back) in zip(found, jobs, peaks, times, strict=True):
        parameters, macs = _counted(w)
        rows.append(
            Profile(
                weights=name,
                codec=w.card.codec,
                engine=which,
                device=device,
                parameters=parameters,
                macs_per_sample=macs,
                bytes=_bytes(w, which),
                peak_bytes=peak.resident,
                gpu_bytes=peak.allocated,
                encode_ms=1e3 * there,
                decode_ms=1e3 * back,
                msamples_per_s=shape[0] * shape[1] * shape[2] / (there + back) / 1e6,
            )
        )
    return rows


def _device(name: str, engines: Sequence[str]) -> str:
    """As torch calls it. Raises ConfigurationError where it is not there, or graphs are to be run on it."""
    try:
        from hypress.train.loop import device_named
    except ImportError as error:
        raise MissingExtraError(f"device {name} needs: pip install 'hypress[neural]' ({error})") from error
    found = str(device_named(name))
    if found != "cpu" and "onnx" in engines:
        raise ConfigurationError("graphs are run by the processor: give device cpu, or weights that torch runs")
    return found


def _counted(weights: Any) -> tuple[int | None, float | None]:
    try:
        from hypress.prune import networks
        from hypress.prune.counts import counts
    except ImportError:
        return None, None
    found = counts(networks.build(weights.card.codec, weights.card.architecture))
    return found.parameters, found.macs_per_sample


def _bytes(weights: Any, engine: str) -> int:
    size: int = weights.path.stat().st_size
    if engine == "torch":
        return size
    from hypress.neural.engine_onnx import graph_of
    from hypress.neural.networks import HIFIC

    parts = ["analysis", "synthesis"]
    if weights.card.codec in ("bandwise", *HIFIC) and weights.card.architecture.get("hyper", 1):
        parts.append("hyper_analysis")
    graphs = sum(graph_of(weights, part, 0).stat().st_size for part in parts)
    return graphs + (size if weights.card.graphs_of else 0)
