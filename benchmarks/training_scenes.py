"""Writes the public training scenes into a folder, for `hypress train`.

    python benchmarks/training_scenes.py ../shared/data training/
    hypress train bandwise --data training/any --out bandwise.safetensors
    hypress train sscnet --data training/enmap --out sscnet.safetensors

`enmap` holds those of EnMAP with all 224 bands, as that sensor's own networks see them.
"""

import argparse
from pathlib import Path

import numpy as np
import rasterio

from public_scenes import cubes

TRAINING_SCENES = [
    "abu_airport-1", "abu_airport-2", "abu_urban-1", "abu_urban-2", "abu_urban-3", "abu_urban-5", "abu_beach-2",
    "enmap_potsdam_A", "spechomo_hyspex", "spechomo_aviris", "moffett", "salton_sea",
]  # fmt: skip
"""Those that `INDEX.md` there gives for training; the test scenes are never read here."""


ENMAP_TILES = [(64, 0), (96, 0), (128, 0), (64, 32), (96, 32), (128, 32), (160, 64), (192, 64), (160, 160), (192, 160)]
"""Column and row of the tiles for training."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    for part in ("any", "enmap"):
        (given.out / part).mkdir(parents=True, exist_ok=True)
    scenes = cubes(given.folder)
    for name in TRAINING_SCENES:
        np.save(given.out / "any" / f"{name}.npy", scenes[name]())
    for column, row in ENMAP_TILES:
        tile = f"enmap_potsdam_tile_{column}_{row}.tif"
        with rasterio.open(given.folder / "enmap_potsdam" / "tiles" / tile) as file:
            np.save(given.out / "enmap" / f"{tile[:-4]}.npy", file.read().astype(np.int16))


if __name__ == "__main__":
    main()
