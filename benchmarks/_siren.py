"""The tables of `docs/codecs/siren.md`."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

import hypress
from _beside import measured
from hypress.codec import find
from hypress.metrics import bpppc, psnr
from hypress.neural import pretrained

Scenes = Mapping[str, Callable[[], Any]]

PUBLISHED = [
    ("jasper_ridge", 5, 20, 15_000, "32.54 at 0.10, 32.51 at 0.06 with 16 bits"),
    ("indian_pines", 5, 60, 10_000, "39.10 at 0.2, 38.99 at 0.1 with 16 bits"),
]
"""Scene, layers, width and steps, and what the paper prints (Rezasoltani and Qureshi, IEEE TGRS, 2024, table III)."""
UPON_A_BASE = [
    ("jasper_ridge", "30.87 (LNCS), 36.67 at 0.0085 (ICPRAM)"),
    ("indian_pines", "33.36 (LNCS), 36.64 at 0.0042 (ICPRAM)"),
]
"""Scene, and what the papers of 2025 print of it without their base network."""


def published(scenes: Scenes) -> Iterator[str]:
    """The published networks at 32, 16 and 8 bits. Takes half an hour of one core."""
    yield "| scene | layers × width | 32 bits | 16 bits | 8 bits | published |"
    yield "|---|---|---|---|---|---|"
    for name, layers, width, steps, printed in PUBLISHED:
        samples, cells = scenes[name](), []
        for bits in (32, 16, 8):  # of one fit, which is remembered
            size = {"layers": layers, "width": width, "weight_bits": bits}
            codec = find("siren")(features=False, steps=steps, seconds=1e6, **size)
            cells.append(measured(samples, hypress.encode(samples, codec)))
        yield f"| {name} | {layers} × {width} | {' | '.join(cells)} | {printed} |"


def upon_a_base(scenes: Scenes) -> Iterator[str]:
    """What 32 numbers and the base that ships make of a scene; what they took, and what the base would add."""
    yield "| scene | 32 bits | 16 bits | 8 bits | seconds | with the base's bytes | mean spectrum | published |"
    yield "|---|---|---|---|---|---|---|---|"
    base = pretrained.find("siren", "siren").path.stat().st_size
    for name, printed in UPON_A_BASE:
        samples, cells, files, seconds = scenes[name](), [], [], []
        for bits in (32, 16, 8):  # of one fit, which is remembered
            started = time.perf_counter()
            files.append(hypress.encode(samples, find("siren")(base="siren", weight_bits=bits, seconds=1e6)))
            seconds.append(f"{time.perf_counter() - started:.1f}")
            cells.append(measured(samples, files[-1]))
        charged = f"{bpppc(len(files[0]) + base, samples.shape):.3f}"
        mean = np.broadcast_to(np.rint(samples.mean((1, 2), keepdims=True)), samples.shape).astype(samples.dtype)
        spectrum = f"{psnr(samples, mean):.2f} dB"
        yield f"| {name} | {' | '.join([*cells, seconds[0], charged, spectrum, printed])} |"


TABLES = {"published": published, "base": upon_a_base}
