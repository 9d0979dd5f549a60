"""Scenes to train on: a folder of any files that hypress reads, held as integers with each band's statistics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.errors import InputNotFoundError, ReadError, SceneError

LEAST_DEVIATION = 0.5
"""Bands that vary less are not trained on."""


@dataclass(frozen=True)
class TrainingScene:
    """Samples `(band, y, x)` of the bands that vary."""

    name: str
    samples: NDArray[Any]
    means: NDArray[np.float32]
    deviations: NDArray[np.float32]
    correlations: NDArray[np.float32]
    """`(band, band)`."""
    whole: NDArray[Any]
    """Samples of all bands."""

    @property
    def bands(self) -> int:
        """Number of all bands."""
        return len(self.whole)

    @property
    def range(self) -> tuple[float, float]:
        """The least and the largest sample."""
        return float(self.samples.min()), float(self.samples.max())

    @classmethod
    def of(cls, name: str, samples: NDArray[Any]) -> TrainingScene:
        """From all bands. Raises SceneError where none varies."""
        flat = samples.reshape(len(samples), -1).astype(np.float32)
        flat = np.where(np.isfinite(flat), flat, np.nanmean(np.where(np.isfinite(flat), flat, np.nan)))
        means, deviations = flat.mean(1), flat.std(1)
        kept = deviations >= LEAST_DEVIATION
        if not kept.any():
            raise SceneError(f"{name} has no band that varies: there is nothing to learn from")
        centred = (flat[kept] - means[kept, None]) / deviations[kept, None]
        correlations = (centred @ centred.T) / centred.shape[1]
        return cls(name, samples[kept], means[kept], deviations[kept], correlations, samples)


def read_folder(folder: Path) -> list[TrainingScene]:
    """All scenes below a folder, in the order of their paths; what is no scene is passed over.

    Raises InputNotFoundError, and SceneError where nothing there is a scene.
    """
    import hypress

    if not folder.exists():
        raise InputNotFoundError(f"there is no folder {folder} to train on")
    found = []
    for path in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
        try:
            if path.is_file():
                samples = hypress.open_scene(path).values
                found.append(TrainingScene.of(path.stem, samples))
        except (ReadError, SceneError):
            continue
    if not found:
        raise SceneError(f"{folder} holds no scene that can be read; `hypress info FILE` says why for each")
    return found


def held_out(scenes: Iterable[TrainingScene], names: Iterable[str]) -> tuple[list[TrainingScene], list[TrainingScene]]:
    """Scenes to learn from, and those to validate on, which are named."""
    chosen = set(names)
    scenes = list(scenes)
    return [s for s in scenes if s.name not in chosen], [s for s in scenes if s.name in chosen]


def chances(scenes: Sequence[TrainingScene]) -> NDArray[np.float64] | None:
    """How often each scene is drawn: as the root of its size; None, alike, for those that are read when asked for."""
    if not isinstance(scenes, list):
        return None
    roots = np.sqrt([float(s.samples.size) for s in scenes])
    return np.asarray(roots / roots.sum(), np.float64)


def crop(samples: NDArray[Any], patch: int, random: np.random.Generator) -> NDArray[Any]:
    """A square of the bands, mirrored beyond the edge of a small scene, turned at random."""
    short = [(0, max(patch - n, 0)) for n in samples.shape[1:]]
    if any(after for _, after in short):
        samples = np.pad(samples, [(0, 0), *short], mode="symmetric")
    y, x = (int(random.integers(0, n - patch + 1)) for n in samples.shape[1:])
    crop = samples[:, y : y + patch, x : x + patch].astype(np.float32)
    if random.random() < 0.5:
        crop = crop[:, ::-1]
    return np.rot90(crop, int(random.integers(4)), (1, 2))
