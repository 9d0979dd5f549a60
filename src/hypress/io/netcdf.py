"""NetCDF-4 and other HDF5 files: any variable of three axes, by the CF conventions.

Written files follow CF: `xarray.open_dataset(path, engine="h5netcdf")` and GDAL read them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hypress.errors import SceneError, WriteError
from hypress.io import hdf5
from hypress.io.facts import BAND_FACTS, Facts, fitting, plain, say, scaled, spectral, strings
from hypress.io.lazy import open_lazy
from hypress.io.strips import strips
from hypress.scene import check_samples

if TYPE_CHECKING:
    import xarray as xr

    from hypress.scene import Affine

_AXES = {
    "band": {"band", "bands", "wavelength", "wavelengths", "channel", "channels", "wl", "lambda", "spectral",
             "z"},
    "y": {"y", "lat", "latitude", "row", "rows", "line", "lines", "downtrack", "along_track", "northing"},
    "x": {"x", "lon", "longitude", "col", "cols", "column", "columns", "sample", "samples", "crosstrack",
          "across_track", "easting"},
}  # fmt: skip
_NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable."


def open_scene(path: Path, variable: str | None = None) -> xr.DataArray:
    """A variable of three axes as a lazy scene. Raises ReadError, and SceneError naming what there is."""
    with hdf5.reading(path) as file:
        dataset = choose(file, path, variable)
        order = _order(dataset, path)
        source = hdf5.cube(path, dataset, order)
        check_samples(source.shape, source.dtype)
        facts = _facts(file, dataset, source, path)
    scene: xr.DataArray = open_lazy(source, facts, name=dataset_name(source.dataset))
    return scene


def dataset_name(dataset: str) -> str:
    """The last part of a dataset's path."""
    return dataset.rpartition("/")[2]


def choose(file: Any, path: Path, variable: str | None) -> Any:
    """The dataset that is asked for, or the only one of three axes. Raises SceneError."""
    found = hdf5.datasets(file)
    names = ", ".join(f"{d.name.lstrip('/')} {d.shape}" for d in found) or "none"
    if variable is not None:
        asked = [d for d in found if variable.strip("/") in (d.name.strip("/"), dataset_name(d.name))]
        if len(asked) != 1:
            raise SceneError(f"{path}: no variable {variable!r} of three axes; there are: {names}")
        return asked[0]
    if not found:
        raise SceneError(f"{path}: it has no variable of three axes (band, y, x)")
    if len(found) > 1:
        raise SceneError(f"{path}: several variables of three axes, give one as variable=…: {names}")
    return found[0]


def _dims(dataset: Any) -> list[str]:
    """Names of a dataset's axes, as its dimension scales have them."""
    names = []
    for dim in dataset.dims:
        scale = dim[0].name if len(dim) else dim.label
        names.append(dataset_name(str(scale)))
    return names


def _order(dataset: Any, path: Path) -> tuple[int, int, int]:
    """Which of `(band, y, x)` each axis of the dataset is, by its dimensions' names."""
    order = []
    for name in _dims(dataset):
        order += [i for i, known in enumerate(_AXES.values()) if name.lower() in known]
    if sorted(order) == [0, 1, 2]:
        return (order[0], order[1], order[2])
    say(path, f"the axes of {dataset.name} {dataset.shape} have no names that tell: taken as (band, y, x)")
    return (0, 1, 2)


def _facts(file: Any, dataset: Any, source: hdf5.H5Cube, path: Path) -> Facts:
    said = Facts(units=hdf5.text(dataset, "units"))
    fill = hdf5.attribute(dataset, "_FillValue")
    if fill is None:
        fill = hdf5.attribute(dataset, "missing_value")
    said.nodata = fitting(fill if isinstance(fill, int | float) else None, source.dtype, path)
    for key in ("scale_factor", "add_offset"):
        if (value := hdf5.real(dataset, key)) is not None:
            setattr(said, key, float(value))
    columns = _columns(file, dataset, source)
    bands = source.shape[0]
    wavelength = columns.get("wavelength", columns.get("wavelengths"))
    unit = None if wavelength is None else hdf5.text(wavelength, "units")
    values = {key: None if key not in columns else columns[key][...].tolist() for key in ("fwhm", *BAND_FACTS)}
    if unit is None and "fwhm" in columns:
        unit = hdf5.text(columns["fwhm"], "units")
    spectral(said, path, bands, unit, None if wavelength is None else wavelength[...].tolist(), values.pop("fwhm"))
    good = columns.get("good_band", columns.get("good_wavelengths"))
    if good is not None:
        said.good_band = good[...] != 0
    for key, column in values.items():
        if column is not None:
            texts = [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in column]
            said.band[key] = strings(texts) if key == "band_name" else np.array(texts, dtype=np.float64)
    scaled(said, values["band_scale_factor"], values["band_add_offset"])
    _georeference(said, dataset, source.order, path)
    spoken = {
        "units",
        "_FillValue",
        "missing_value",
        "scale_factor",
        "add_offset",
        "grid_mapping",
        "coordinates",
    }
    for key in dataset.attrs:
        if key not in spoken and key.isidentifier() and not key.startswith(("_", "DIMENSION", "REFERENCE", "CLASS")):
            known = plain(hdf5.attribute(dataset, key))
            if known is not None and key != "NAME":
                said.attrs[key] = known
    return said


def _columns(file: Any, dataset: Any, source: hdf5.H5Cube) -> dict[str, Any]:
    """Datasets along the band axis, by name: beside the variable, then in `sensor_band_parameters`."""
    found: dict[str, Any] = {}
    for group in (dataset.parent, file.get("sensor_band_parameters")):
        for name, item in group.items() if group is not None else ():
            if getattr(item, "shape", None) == (source.shape[0],) and name not in found:
                found[name] = item
    return found


def _georeference(said: Facts, dataset: Any, order: tuple[int, int, int], path: Path) -> None:
    name = hdf5.text(dataset, "grid_mapping")
    mapping = dataset.parent.get(name) if name else None
    numbers: list[str] = []
    if mapping is not None:
        said.crs_wkt = hdf5.text(mapping, "crs_wkt") or hdf5.text(mapping, "spatial_ref")
        numbers = (hdf5.text(mapping, "GeoTransform") or "").split()
    try:
        affine = tuple(float(number) for number in numbers)
    except ValueError:
        affine = ()
    said.transform = affine if len(affine) == 6 else _from_centres(dataset, order, path)  # type: ignore[assignment]


def _from_centres(dataset: Any, order: tuple[int, int, int], path: Path) -> Affine | None:
    """The transform that evenly spaced coordinates of the pixel centres describe, or None."""
    edges = []
    for axis in (order.index(2), order.index(1)):
        scale = dataset.dims[axis][0] if len(dataset.dims[axis]) else None
        if scale is None or scale.size < 2 or str(hdf5.attribute(scale, "NAME")).startswith(_NO_VARIABLE):
            return None
        centres = np.asarray(scale[...], dtype=np.float64)
        step = (centres[-1] - centres[0]) / (centres.size - 1)
        if not np.isfinite(step) or step == 0 or np.abs(np.diff(centres) - step).max() > 1e-3 * abs(step):
            say(path, f"the coordinates {scale.name} are not evenly spaced, so there is no transform")
            return None
        edges.append((float(centres[0] - step / 2), float(step)))
    (x0, dx), (y0, dy) = edges
    return (x0, dx, 0.0, y0, 0.0, dy)


# --- writing ---------------------------------------------------------------------------------------


def write_scene(scene: xr.DataArray, target: Path, staging: Path) -> list[Path]:
    """Write one NetCDF-4 file into `staging`. Raises WriteError."""
    import h5py

    said = Facts.of(scene)
    name = str(scene.name) if scene.name and str(scene.name).isidentifier() else "scene"
    name = "scene" if name in ("band", "y", "x", "spatial_ref", *BAND_FACTS) else name
    try:
        with h5py.File(staging / target.name, "w", track_order=True) as file:
            file.attrs["Conventions"] = "CF-1.11"
            scales = _scales(file, scene)
            main = file.create_dataset(name, shape=scene.shape, dtype=scene.dtype.newbyteorder("="))
            for axis, scale in enumerate(scales):
                main.dims[axis].attach_scale(scale)
            _describe(file, main, said, scales[0])
            for part, strip in strips(scene, "y"):
                main[:, part, :] = strip
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        raise WriteError(f"{target}: {error}") from error
    return [target]


def _scales(file: Any, scene: xr.DataArray) -> list[Any]:
    """A dimension scale for each axis: the pixel centres, or one without values."""
    scales: list[Any] = []
    for dim, size in zip(("band", "y", "x"), scene.shape, strict=True):
        column = scene.indexes.get(dim)  # not coords, which make one up where there is none
        if column is not None and column.dtype.kind in "iuf":
            scale = file.create_dataset(dim, data=column.values)
            scale.make_scale(dim)
        else:
            scale = file.create_dataset(dim, shape=(size,), dtype=">f4")
            scale.make_scale(f"{_NO_VARIABLE}{size:10d}")
        scale.attrs["_Netcdf4Dimid"] = np.int32(len(scales))
        scales.append(scale)
    if {"y", "x"} <= scene.coords.keys():
        for scale, meaning in (
            (scales[1], "projection_y_coordinate"),
            (scales[2], "projection_x_coordinate"),
        ):
            scale.attrs["standard_name"] = meaning
    return scales


def _describe(file: Any, main: Any, said: Facts, band: Any) -> None:
    import h5py

    columns: dict[str, tuple[Any, str | None]] = {
        "wavelength": (said.wavelength_nm, "nm"),
        "fwhm": (said.fwhm_nm, "nm"),
        "good_band": (None if said.good_band is None else said.good_band.astype(np.int8), None),
    }
    columns |= {key: (column, None) for key, column in said.band.items()}
    kept = [key for key, (column, _) in columns.items() if column is not None]
    for key in kept:
        column, unit = columns[key]
        kind = h5py.string_dtype() if column.dtype.kind in "OUT" else column.dtype
        item = file.create_dataset(key, data=column.astype(object) if kind != column.dtype else column, dtype=kind)
        item.dims[0].attach_scale(band)
        if unit is not None:
            item.attrs["units"] = unit
        if key == "good_band":
            item.attrs["dtype"] = "bool"
    if said.crs_wkt is not None or said.transform is not None:
        mapping = file.create_dataset("spatial_ref", data=np.int32(0))
        main.attrs["grid_mapping"] = "spatial_ref"
        if said.crs_wkt is not None:
            mapping.attrs["crs_wkt"] = mapping.attrs["spatial_ref"] = said.crs_wkt
            _grid_mapping_name(mapping, said.crs_wkt)
        if said.transform is not None:
            mapping.attrs["GeoTransform"] = " ".join(repr(value) for value in said.transform)
    if kept:
        main.attrs["coordinates"] = " ".join(kept)
    if said.nodata is not None:
        main.attrs["_FillValue"] = np.array([said.nodata], dtype=main.dtype)
    for key in ("units", "scale_factor", "add_offset"):
        if (value := getattr(said, key)) is not None:
            main.attrs[key] = value
    for key, value in said.attrs.items():
        if key not in main.attrs and "/" not in key:
            main.attrs[key] = value


def _grid_mapping_name(mapping: Any, wkt: str) -> None:
    """CF asks for the name of the projection; those that it has a name for and we meet."""
    for token, name in (
        ("Transverse_Mercator", "transverse_mercator"),
        ("Transverse Mercator", "transverse_mercator"),
    ):
        if token in wkt:
            mapping.attrs["grid_mapping_name"] = name
            return
    if wkt.startswith(("GEOGCS", "GEOGCRS")):
        mapping.attrs["grid_mapping_name"] = "latitude_longitude"
