"""HySpecNet-11k: EnMAP patches of 128 × 128 pixels, with official splits.

After M. H. P. Fuchs and B. Demir, "HySpecNet-11k: a large-scale hyperspectral dataset for benchmarking learning-based
hyperspectral image compression methods" (IGARSS 2023):

    ROOT/splits/easy/train.csv, val.csv, test.csv      one patch a line: TILE/PATCH/PATCH-DATA.npy
    ROOT/patches/TILE/PATCH/PATCH-DATA.npy             float32 (202, 128, 128) in [0, 1]
    ROOT/patches/TILE/PATCH/PATCH-SPECTRAL_IMAGE.TIF   int16 (224, 128, 128), where the former was not made yet

Bands 127 to 141 and 161 to 167, counted from one, are left out: water vapour. Reflectance is cut to 0 … 10000 and
divided by 10000.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import overload

import numpy as np

from hypress.errors import InputNotFoundError, ReadError
from hypress.train.scenes import TrainingScene

BANDS = 224
REMOVED = [*range(127, 142), *range(161, 168)]
"""Counted from one."""
KEPT = [band - 1 for band in range(1, BANDS + 1) if band not in REMOVED]
FULL = 10000
"""Reflectance of one, in samples."""
HELD = 64
"""Patches that are kept in memory."""


def is_hyspecnet(folder: Path) -> bool:
    """Whether a folder has the layout of the data set."""
    return (folder / "splits").is_dir() and (folder / "patches").is_dir()


class Patches(Sequence[TrainingScene]):
    """The patches of one split, read when asked for."""

    def __init__(self, root: Path, split: str = "easy", part: str = "train") -> None:
        """`split` is easy or hard, `part` train, val or test. Raises InputNotFoundError."""
        listed = root / "splits" / split / f"{part}.csv"
        if not listed.is_file():
            there = ", ".join(sorted(p.name for p in (root / "splits").glob("*"))) or "none"
            raise InputNotFoundError(f"HySpecNet-11k has no {listed}; its splits here are: {there}")
        with listed.open(newline="") as file:
            self.names = [row[0].strip() for row in csv.reader(file) if row and row[0].strip()]
        self.root = root
        self._read = lru_cache(maxsize=HELD)(self._read_one)

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> TrainingScene: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[TrainingScene]: ...
    def __getitem__(self, index: int | slice) -> TrainingScene | Sequence[TrainingScene]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return self._read(self.names[index])

    def _read_one(self, name: str) -> TrainingScene:
        path = self.root / "patches" / name
        if path.is_file():
            try:
                samples = np.load(path, allow_pickle=False)
            except (ValueError, OSError) as error:
                raise ReadError(f"{path} is no array: {error}") from None
            if samples.ndim != 3 or len(samples) != len(KEPT):
                raise ReadError(f"{path} has the shape {samples.shape}; a patch has {len(KEPT)} bands")
            samples = np.rint(samples.astype(np.float32) * FULL).astype(np.int16)
        else:
            samples = _from_image(path.with_name(path.name.replace("-DATA.npy", "-SPECTRAL_IMAGE.TIF")))
        return TrainingScene.of(name, np.clip(samples, 0, FULL))


def _from_image(path: Path) -> np.ndarray:
    import rasterio

    try:
        with rasterio.open(path) as file:
            samples = file.read()
    except rasterio.RasterioIOError as error:
        raise ReadError(f"{path} cannot be read: {error}") from None
    if len(samples) != BANDS:
        raise ReadError(f"{path} has {len(samples)} bands; EnMAP has {BANDS}")
    return np.asarray(samples[KEPT])
