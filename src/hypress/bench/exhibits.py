"""What is kept of a scene to be looked at: a false-colour crop, the error there, and the spectra of a few pixels.

One `.npz` a scene (original) and one a row (decoded), beside the rows; arrays only, no pickle.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hypress.bench.scenes import Scene
from hypress.bench.tasks import extremes, spectra_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 64
"""Pixels of the crop."""
PIXELS = 4
COLOURS_NM = (850.0, 650.0, 550.0)
"""What is shown as red, green and blue: near infrared, red, green, so that plants are red."""
COLOURS_SHARE = (0.45, 0.25, 0.12)
"""Of the bands, where no wavelength is known."""


@dataclass(frozen=True, eq=False)
class Exhibit:
    """The choice of what to show of a scene."""

    scene: Scene
    bands: tuple[int, ...]
    window: tuple[slice, slice]
    pixels: list[tuple[int, int]]
    """`(y, x)`: the three most extreme spectra, and the one nearest to the mean."""

    @classmethod
    def of(cls, scene: Scene) -> Exhibit:
        """Chosen from the original alone."""
        bands, rows, columns = scene.samples.shape
        nm = scene.wavelength_nm
        if nm is None:
            shown = tuple(int(share * (bands - 1)) for share in COLOURS_SHARE)
        else:
            shown = tuple(int(np.abs(nm - wanted).argmin()) for wanted in COLOURS_NM)
        top, left = max(0, (rows - SIDE) // 2), max(0, (columns - SIDE) // 2)
        spectra = spectra_of(scene.samples)
        typical = int(((spectra - spectra.mean(axis=0)) ** 2).sum(axis=1).argmin())
        chosen = [typical, *extremes(spectra, PIXELS - 1)]
        return cls(
            scene,
            shown,
            (slice(top, min(top + SIDE, rows)), slice(left, min(left + SIDE, columns))),
            [(p // columns, p % columns) for p in chosen],
        )

    def write(self, folder: Path, key: str, decoded: NDArray[Any]) -> None:
        """Put what a row decoded to in `folder`, and the original where it is not there yet."""
        folder.mkdir(parents=True, exist_ok=True)
        original = folder / f"scene-{self.scene.digest}.npz"
        if not original.exists():
            nm = self.scene.wavelength_nm
            self._save(original, self.scene.samples, wavelength_nm=np.zeros(0) if nm is None else nm)
        error = decoded[:, *self.window].astype(np.float64) - self.scene.samples[:, *self.window]
        self._save(folder / f"{key}.npz", decoded, error=np.sqrt(np.mean(error**2, axis=0)).astype(np.float32))

    def _save(self, path: Path, samples: NDArray[Any], **more: NDArray[Any]) -> None:
        partial = path.with_suffix(".part.npz")
        arrays: dict[str, Any] = {
            "crop": samples[list(self.bands)][:, *self.window],
            "spectra": np.array([samples[:, y, x] for y, x in self.pixels]),
            "pixels": np.array(self.pixels),
            "bands": np.array(self.bands),
            **more,
        }
        np.savez_compressed(partial, **arrays)
        partial.replace(path)


def read_exhibit(folder: Path, name: str) -> dict[str, NDArray[Any]] | None:
    """What was kept under a row's key or `scene-DIGEST`, or None."""
    path = folder / f"{name}.npz"
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as kept:
        return {key: kept[key] for key in kept.files}
