"""The evolution of fits, for those who wish to see it: metrics and a quick look at each checkpoint, in a folder.

    with history.record("evolution"):
        hypress.encode(samples, "gnn", hypress.Rate(bpppc=0.1))

`metrics.jsonl` holds one JSON object a checkpoint; its `image` names the PNG that shows the scene as it was then.
Beside loss and PSNR stands the comparison of C. Deng, Y. Cen and L. Zhang (Remote Sensing 12, 3657, 2020, equation
3): the discrete entropies of the original and of the generated scene, both scaled to 0 … 255.

It holds inside the block and for the threads that work for it, see `ambient`; outside nothing is computed.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.ambient import Ambient
from hypress.neural.fitting import Checkpoint
from hypress.png import encode

METRICS = "metrics.jsonl"
STRETCH = (2, 98)
"""Percentiles of the original that are black and white in a quick look."""


class Recorder:
    """Writes checkpoints into a folder, those of several fits one after the other or at once."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._fits, self._lock = 0, threading.Lock()
        (self.folder / METRICS).write_text("", encoding="utf-8")

    def begin(self) -> int:
        """The number of a fit that begins."""
        with self._lock:
            self._fits += 1
            return self._fits

    def checkpoint(self, fit: int, task: str, now: Checkpoint, original: NDArray[Any], found: NDArray[Any]) -> None:
        """Write down one checkpoint; scenes are integers `(band, y, x)`."""
        image = f"{fit:03d}-{task.replace(' ', '-').replace(',', '')}-{now.steps:07d}.png"
        low, high = float(original.min()), float(original.max())
        line = {
            "fit": fit,
            "task": task,
            "steps": now.steps,
            "seconds": round(now.seconds, 3),
            "loss": now.loss if np.isfinite(now.loss) else None,
            "psnr_db": now.psnr_db,
            "entropy_bits": entropy_bits(found, low, high),
            "original_entropy_bits": entropy_bits(original, low, high),
            "image": image,
        }
        (self.folder / image).write_bytes(encode(quick_look(found, original)))
        with self._lock, open(self.folder / METRICS, "a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")


_recorder: Ambient[Recorder] = Ambient("hypress_history")


@contextlib.contextmanager
def record(folder: str | Path) -> Iterator[Recorder]:
    """Write the evolution of all fits inside the block into `folder`, made if need be; old metrics are replaced."""
    recorder = Recorder(folder)
    with _recorder.use(recorder):
        yield recorder


def watcher(task: str, original: NDArray[Any], generate: Callable[[], NDArray[Any]]) -> Callable[[Checkpoint], None]:
    """What a fit calls at each checkpoint. `generate` gives the scene as it is then; called only if someone listens."""
    recorder = _recorder.get()
    if recorder is None:
        return lambda now: None
    fit = recorder.begin()
    return lambda now: recorder.checkpoint(fit, task, now, original, generate())


# --- what is written --------------------------------------------------------------------------------


def entropy_bits(samples: NDArray[Any], low: float, high: float) -> float:
    """Discrete entropy of samples scaled from `low … high` to 0 … 255 and rounded, in bits per sample."""
    counts = np.zeros(256, np.int64)
    for band in samples:  # one at a time: a scene may be large
        scaled = (band.astype(np.float64) - low) * (255 / max(high - low, 1e-300))
        counts += np.bincount(np.clip(np.rint(scaled), 0, 255).astype(np.uint8).ravel(), minlength=256)
    shares = counts[counts > 0] / samples.size
    return float(-np.sum(shares * np.log2(shares))) + 0.0  # of a constant scene 0, not −0


def quick_look(samples: NDArray[Any], original: NDArray[Any]) -> NDArray[np.uint8]:
    """`(y, x, 3)`: bands at 5/6, 1/2 and 1/6 of the spectrum as red, green, blue, stretched as suits the original."""
    chosen = [len(original) * part // 6 for part in (5, 3, 1)]
    low, high = np.percentile(original[chosen], STRETCH, axis=(1, 2))[..., None, None]
    scaled = (samples[chosen] - low) * (255 / np.maximum(high - low, 1e-300))
    return np.moveaxis(np.clip(np.rint(scaled), 0, 255).astype(np.uint8), 0, 2)
