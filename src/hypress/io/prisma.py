"""PRISMA products (ASI's imaging spectrometer), level 1 and 2, as HDF-EOS5.

Two detectors, VNIR and SWIR, each a cube `(y, band, x)` whose wavelengths descend; some of their bands are
flagged as not delivered. The scene has the delivered bands of both, in ascending order of wavelength; where
the detectors overlap, the bands of both are there, side by side. Scale and offset differ by detector, so
they are coordinates along `band`. Level 2D is georeferenced; the swaths of the other levels are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hypress.errors import ReadError, SceneError
from hypress.io import hdf5
from hypress.io.facts import Facts, say, scaled, strings
from hypress.io.lazy import Source, open_lazy

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from hypress.scene import Affine

SWATHS = "HDFEOS/SWATHS"
DETECTORS = ("Vnir", "Swir")
PIXEL_M = 30.0
_ATTRIBUTES = {
    "Product_ID": "product_id",
    "Product_StartTime": "acquisition_time",
    "Processing_Level": "product_level",
}


@dataclass(frozen=True)
class PrismaCube(Source):
    """Bands of two detectors as one cube."""

    bands: tuple[tuple[str, int], ...]
    """For each band of the scene, its dataset and its index there."""
    blocks: tuple[int, int] | None
    """Rows and columns of the datasets' chunks."""

    def read(self, bands: slice, rows: slice, cols: slice) -> NDArray[Any]:
        """The window as `(band, y, x)`."""
        picked = self.bands[bands]
        heights = [len(range(*part.indices(size))) for part, size in ((rows, self.shape[1]), (cols, self.shape[2]))]
        window = np.empty((len(picked), *heights), self.dtype)
        with hdf5.reading(self.path) as file:
            for dataset in {name for name, _ in picked}:
                here = [place for place, (name, _) in enumerate(picked) if name == dataset]
                indices = np.array([picked[place][1] for place in here])
                low, high = int(indices.min()), int(indices.max())
                samples = file[dataset][rows, low : high + 1, cols]
                window[here] = samples[:, indices - low, :].transpose(1, 0, 2)
        return window

    def chunks(self) -> dict[str, int] | None:
        """The datasets' chunks, all bands at once."""
        return None if self.blocks is None else {"band": self.shape[0], "y": self.blocks[0], "x": self.blocks[1]}


def belongs(file: Any) -> bool:
    """Whether an open HDF5 file is a PRISMA product."""
    swaths = file.get(SWATHS)
    return swaths is not None and any(name.startswith("PRS_") for name in swaths)


def open_scene(path: Path, variable: str | None = None) -> xr.DataArray:
    """The hyperspectral cube as a lazy scene. Raises ReadError, SceneError."""
    with hdf5.reading(path) as file:
        if variable is not None:
            raise SceneError(f"{path}: a PRISMA product is opened whole: there is no variable {variable!r} to choose")
        cubes = {detector: _cube(file, detector) for detector in DETECTORS}
        if not any(cubes.values()):
            raise SceneError(f"{path}: no VNIR_Cube or SWIR_Cube with three axes under {SWATHS}")
        columns = [_bands(file, detector, cube, path) for detector, cube in cubes.items() if cube is not None]
        bands = sorted(row for rows in columns for row in rows)
        if not bands:
            raise SceneError(f"{path}: all its bands are flagged as not delivered")
        first = next(cube for cube in cubes.values() if cube is not None)
        if len({(c.shape[0], c.shape[2], c.dtype) for c in cubes.values() if c is not None}) > 1:
            raise ReadError(f"{path}: VNIR_Cube and SWIR_Cube differ in rows, columns or sample type")
        source = PrismaCube(
            path=str(path),
            shape=(len(bands), first.shape[0], first.shape[2]),
            dtype=first.dtype.newbyteorder("="),
            bands=tuple((cubes[band.detector].name, band.index) for band in bands),
            blocks=None if first.chunks is None else (int(first.chunks[0]), int(first.chunks[2])),
        )
        facts = _facts(file, bands, source, path)
    scene: xr.DataArray = open_lazy(source, facts)
    return scene


@dataclass(frozen=True, order=True)
class _Band:
    wavelength_nm: float
    detector: str
    index: int
    fwhm_nm: float


def _cube(file: Any, detector: str) -> Any:
    for name, swath in file[SWATHS].items():
        cube = swath.get(f"Data Fields/{detector.upper()}_Cube") if name.endswith("_HCO") else None
        if cube is not None and cube.ndim == 3:
            return cube
    return None


def _bands(file: Any, detector: str, cube: Any, path: Path) -> list[_Band]:
    """The bands of a detector that are delivered."""
    columns = []
    for key in (f"List_Cw_{detector}", f"List_Fwhm_{detector}", f"List_Cw_{detector}_Flags"):
        values = file.attrs.get(key)
        if values is None:
            raise ReadError(f"{path}: the attribute {key} is missing")
        values = np.asarray(values, dtype=np.float64).reshape(-1)
        if values.size != cube.shape[1]:
            raise ReadError(f"{path}: {key} has {values.size} values for the {cube.shape[1]} bands of {cube.name}")
        columns.append(values.tolist())
    rows = enumerate(zip(*columns, strict=True))
    return [_Band(cw, detector, index, fwhm) for index, (cw, fwhm, flag) in rows if flag == 1 and cw > 0]


def _facts(file: Any, bands: list[_Band], source: PrismaCube, path: Path) -> Facts:
    said = Facts(
        wavelength_nm=np.array([band.wavelength_nm for band in bands]),
        fwhm_nm=np.array([band.fwhm_nm for band in bands]),
    )
    said.band["band_name"] = strings(f"{band.detector.upper()} {band.index + 1}" for band in bands)
    scales = {detector: _scale(file, detector) for detector in DETECTORS}
    rows = [scales[band.detector] for band in bands]
    if all(row is not None for row in rows):
        known = [row for row in rows if row is not None]
        offsets = [offset for _, offset in known]
        scaled(said, [scale for scale, _ in known], offsets if any(offsets) else None)
    else:
        say(path, "it does not state how samples are scaled")
    said.attrs = {name: value for key, name in _ATTRIBUTES.items() if (value := hdf5.text(file, key)) is not None}
    _georeference(said, file, source, path)
    return said


def _scale(file: Any, detector: str) -> tuple[float, float] | None:
    """Scale and offset: level 2 states the range of 16 bits, level 1 radiance = sample / factor − offset."""
    low, high = hdf5.real(file, f"L2Scale{detector}Min"), hdf5.real(file, f"L2Scale{detector}Max")
    if low is not None and high is not None:
        return (high - low) / 65535, float(low)
    factor, offset = hdf5.real(file, f"ScaleFactor_{detector}"), hdf5.real(file, f"Offset_{detector}")
    if factor:
        return 1 / factor, -float(offset or 0.0)
    return None


def _georeference(said: Facts, file: Any, source: PrismaCube, path: Path) -> None:
    code = hdf5.real(file, "Epsg_Code")
    corner_names = ("ULcorner_easting", "ULcorner_northing", "LRcorner_easting", "LRcorner_northing")
    corners = [hdf5.real(file, f"Product_{corner}") for corner in corner_names]
    if code is None or any(corner is None for corner in corners):
        return
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    try:
        said.crs_wkt = str(CRS.from_epsg(int(code)).to_wkt())
    except CRSError:
        say(path, f"its Epsg_Code {code} does not exist: no CRS")
        return
    left, top, right, bottom = (float(corner) for corner in corners if corner is not None)
    said.transform = _transform(left, top, right, bottom, source.shape)
    if said.transform is None:
        say(
            path,
            f"its corners do not enclose {source.shape[1:]} pixels of {PIXEL_M} m: no transform",
        )


def _transform(left: float, top: float, right: float, bottom: float, shape: tuple[int, int, int]) -> Affine | None:
    """The corners are those of the corner pixels' centres or edges: their distance tells."""
    across, down = (right - left) / PIXEL_M, (top - bottom) / PIXEL_M
    for margin in (1, 0):  # centres span one pixel less
        if abs(across - (shape[2] - margin)) < 0.01 and abs(down - (shape[1] - margin)) < 0.01:
            half = PIXEL_M / 2 * margin
            return (left - half, PIXEL_M, 0.0, top + half, 0.0, -PIXEL_M)
    return None
