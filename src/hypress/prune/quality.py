"""What a file of weights is worth: its size, its network's costs, and what its codec makes of scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress import codec as codecs
from hypress.codec import Spec
from hypress.errors import SceneError
from hypress.levels import integer_type
from hypress.metrics import bpppc, compare
from hypress.neural import pretrained
from hypress.prune import counts, networks
from hypress.train.hyspecnet import BANDS, KEPT
from hypress.train.scenes import TrainingScene

MOST = 16
"""Scenes that are measured on."""


@dataclass(frozen=True)
class Quality:
    """Of one file of weights; decibels, degrees and the rest are means over scenes, at the codec's default knob."""

    stage: str
    bytes: int
    parameters: int
    nonzero: int
    macs_per_sample: float
    bpppc: float
    psnr_db: float
    ssim: float
    sam_deg: float

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def quality(stage: str, path: Path, scenes: Sequence[NDArray[Any]]) -> Quality:
    """Measure a file of weights on scenes `(band, y, x)` of integers."""
    weights = pretrained.read(path)
    counted = counts.counts(networks.load(weights, fit=False))
    rate, psnr, ssim, sam = through(weights.card.codec, path, scenes)
    return Quality(
        stage=stage,
        bytes=path.stat().st_size,
        parameters=counted.parameters,
        nonzero=counted.nonzero,
        macs_per_sample=counted.macs_per_sample,
        bpppc=rate,
        psnr_db=psnr,
        ssim=ssim,
        sam_deg=sam,
    )


def through(name: str, path: Path, scenes: Sequence[NDArray[Any]]) -> tuple[float, float, float, float]:
    """Bits a sample, PSNR, SSIM and spectral angle of a codec with these weights, by the engine in use."""
    codec = codecs.make(name, {"weights": str(path)})
    rows = []
    for samples in scenes:
        dtype, bits = integer_type(int(samples.min()), int(samples.max()))
        whole = np.asarray(samples, dtype)
        spec = Spec((whole.shape[0], whole.shape[1], whole.shape[2]), dtype.name, bits)
        streams = codec.encode(whole, spec)
        found = compare(whole, codec.decode(streams, spec))
        rows.append((bpppc(sum(map(len, streams.values())), whole.shape), found.psnr_db, found.ssim, found.sam_deg))
    rate, psnr, ssim, sam = np.mean(np.array(rows, np.float64), axis=0).tolist()
    return rate, psnr, ssim, sam


def shown(scenes: Sequence[TrainingScene], bands: int | None) -> list[NDArray[Any]]:
    """What of scenes is measured on: all bands, or of EnMAP those that the weights take. Raises SceneError."""
    found = []
    for scene in [scenes[i] for i in range(min(len(scenes), MOST))]:
        samples = scene.whole[KEPT] if scene.bands == BANDS and bands == len(KEPT) else scene.whole
        if bands is not None and len(samples) != bands:
            raise SceneError(f"{scene.name} has {scene.bands} bands; the weights take {bands}")
        found.append(np.rint(np.nan_to_num(samples)).astype(np.int64) if samples.dtype.kind == "f" else samples)
    return found
