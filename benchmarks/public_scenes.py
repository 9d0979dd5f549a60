"""The public scenes as `hypress bench` takes them: `load.py` of the folder of scenes, and what else is known of them.

    hypress bench benchmarks/public_scenes.py -o bench

The folder is `../shared/data`, or `HYPRESS_SCENES` where that is set. Some files hold the known targets of anomaly
detection.
"""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.io

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path(os.environ.get("HYPRESS_SCENES", ROOT.parent / "shared" / "data"))


def cubes(folder: Path) -> dict[str, Callable[[], np.ndarray]]:
    """Scene name to a function that loads its samples `(band, y, x)`."""
    spec = importlib.util.spec_from_file_location("load", folder / "load.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CUBES


CUBES = cubes(FOLDER) if FOLDER.exists() else {}
TEST_SCENES = [
    "indian_pines", "jasper_ridge", "pavia_centre_crop", "samson", "san_diego_I", "salinas_a_224", "hydice_urban_crop",
    "enmap_potsdam_B", "abu_beach-1", "paris_hyperion",
]  # fmt: skip


def _map(path: str) -> np.ndarray:
    return scipy.io.loadmat(FOLDER / path)["map"] > 0


def _wavelength() -> np.ndarray:
    import hypress

    return hypress.open_scene(ROOT / "scenes" / "jasper_ridge.hdr").coords["wavelength"].to_numpy()


ANOMALIES = {
    "san_diego_I": lambda: _map("san_diego/san_diego_I.mat"),
    "hydice_urban_crop": lambda: _map("hydice_urban_crop/HYDICE_urban.mat"),
    "abu_beach-1": lambda: _map("abu/abu-beach-1.mat"),
}
WAVELENGTHS = {"jasper_ridge": _wavelength}
