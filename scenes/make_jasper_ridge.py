"""Make `jasper_ridge.hdr` and `.img` from the published `JasperRidge2_R198.mat`; README.md says whence.

python scenes/make_jasper_ridge.py path/to/JasperRidge2_R198.mat
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from hypress.io import open_scene, write_scene
from hypress.io.facts import strings

DESCRIPTION = (
    "Jasper Ridge: 100 x 100 pixels, from pixel (105, 269) on, of an AVIRIS scene of 512 x 614 (NASA/JPL). "
    "From JasperRidge2_R198.mat (F. Zhu 2017, arXiv:1708.05125): 198 of 224 channels, samples unchanged, "
    "their unit not stated. Wavelengths are nominal: 224 channels evenly spaced from 380 to 2500 nm, as the "
    "publisher states, not the calibrated ones of the flight."
)
CHANNELS = np.array([*range(4, 108), *range(113, 154), *range(167, 220)])
"""AVIRIS channels that were kept, counted from 1: without those of water vapour and the dense noise."""


def main(mat: Path, target: Path) -> None:
    """Write the header and its data."""
    scene = open_scene(mat, variable="Y")
    nominal_nm = np.linspace(380.0, 2500.0, 224)
    scene = scene.assign_coords(
        wavelength=("band", np.round(nominal_nm[CHANNELS - 1], 3), {"units": "nm"}),
        band_name=("band", strings(f"channel {channel}" for channel in CHANNELS)),
    )
    scene.attrs = {"description": DESCRIPTION, "sensor_type": "AVIRIS"}
    write_scene(scene, target, overwrite=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).with_name("jasper_ridge.hdr"))
