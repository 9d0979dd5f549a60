"""EMIT L1B radiance and L2A reflectance (NASA's imaging spectrometer on the space station), as NetCDF-4.

The scene is the raw swath `(downtrack, crosstrack, bands)`. The file's `geotransform` and `spatial_ref`
belong to the orthorectified grid that its look-up table `location/glt_x`, `glt_y` leads to, not to the
swath: they are not attached, and neither are coordinates.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypress.errors import ReadError, SceneError
from hypress.io import hdf5
from hypress.io.facts import Facts, fitting, spectral
from hypress.io.lazy import open_lazy

if TYPE_CHECKING:
    import xarray as xr

VARIABLES = ("radiance", "reflectance")
BANDS = "sensor_band_parameters"
_ATTRIBUTES = (
    "title",
    "platform",
    "instrument",
    "time_coverage_start",
    "time_coverage_end",
    "product_version",
)


def belongs(file: Any) -> bool:
    """Whether an open HDF5 file is an EMIT product."""
    return f"{BANDS}/wavelengths" in file and any(getattr(file.get(v), "ndim", 0) == 3 for v in VARIABLES)


def open_scene(path: Path, variable: str | None = None) -> xr.DataArray:
    """The swath as a lazy scene. Raises ReadError, SceneError."""
    with hdf5.reading(path) as file:
        there = [v for v in VARIABLES if getattr(file.get(v), "ndim", 0) == 3]
        name = variable or there[0]
        if name not in there:
            raise SceneError(f"{path}: no variable {variable!r} in this EMIT file; there are: {', '.join(there)}")
        dataset = file[name]
        source = hdf5.cube(path, dataset, (1, 2, 0))
        facts = _facts(file, dataset, source, path)
    scene: xr.DataArray = open_lazy(source, facts, name=name)
    return scene


def _facts(file: Any, dataset: Any, source: hdf5.H5Cube, path: Path) -> Facts:
    group = file[BANDS]
    said = Facts(units=hdf5.text(dataset, "units"))
    fill = hdf5.real(dataset, "_FillValue")
    said.nodata = fitting(fill, source.dtype, path)
    bands = source.shape[0]
    fwhm = group["fwhm"][...].tolist() if "fwhm" in group else None
    unit = hdf5.text(group["wavelengths"], "units")
    spectral(said, path, bands, unit, group["wavelengths"][...].tolist(), fwhm)
    if "good_wavelengths" in group:
        good = group["good_wavelengths"][...]
        if good.shape != (bands,):
            raise ReadError(f"{path}: {good.size} good_wavelengths for {bands} bands")
        said.good_band = good != 0
    said.attrs = {key: value for key in _ATTRIBUTES if (value := hdf5.text(file, key)) is not None}
    return said
