"""MATLAB's `.mat`: versions 5 and 7 (a compressed variable is read whole, others lazily) and 7.3 (lazily).

A `.mat` file does not say which axis is which. Ours have a variable `axes` that does; for others the
community's `(rows, columns, bands)` is assumed, and that is said. Two-dimensional `(bands, pixels)`
variables are read where scalars `nRow` and `nCol` beside them give the image's size, as in the public
unmixing scenes; pixels run down the columns. Structs, cells and objects are never looked into.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hypress.errors import ReadError, SceneError
from hypress.io import hdf5, mat5
from hypress.io.facts import BAND_FACTS, Facts, fitting, number, say, strings
from hypress.io.lazy import open_lazy
from hypress.io.raw import RawCube
from hypress.scene import as_samples, check_samples

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

OURS = "y, x, band"
"""What the variable `axes` says in files that we write."""
BESIDE = ("axes", "wavelength_nm", "fwhm_nm", "good_band", "nodata", "crs_wkt", "transform", "units",
          "scale_factor", "add_offset", *BAND_FACTS)  # fmt: skip
"""The variables that we write beside the samples."""

Shape = tuple[int, ...]


def open_scene(path: Path, variable: str | None = None) -> xr.DataArray:
    """A numeric variable as a scene, lazy unless it is compressed. Raises ReadError, SceneError."""
    with path.open("rb") as file:
        lead = file.read(520)
    if lead[:8] == b"\x89HDF\r\n\x1a\n" or lead[512:520] == b"\x89HDF\r\n\x1a\n":
        return _open_hdf5(path, variable)
    return _open_v5(path, variable)


def _choose(path: Path, sizes: Mapping[str, Shape], variable: str | None, pixels: int | None) -> str:
    """The variable that holds the scene. Raises SceneError, naming what there is."""
    listed = ", ".join(f"{name} {shape}" for name, shape in sizes.items() if np.prod(shape, dtype=object) > 1) or "none"
    if variable is not None:
        if variable not in sizes:
            raise SceneError(f"{path}: no numeric variable {variable!r}; there are: {listed}")
        return variable
    found = [name for name, shape in sizes.items() if len(shape) == 3]
    if not found and pixels is not None:
        found = [name for name, shape in sizes.items() if len(shape) == 2 and shape[1] == pixels > 1]
    if len(found) > 1:
        raise SceneError(f"{path}: several variables could be the scene, give one as variable=…: {listed}")
    if not found:
        raise SceneError(
            f"{path}: no variable with three axes (rows, columns, bands), nor one (bands, pixels) with "
            f"scalars nRow and nCol whose product is its number of pixels; there are: {listed}"
        )
    return found[0]


def _not_told(path: Path, name: str, shape: Shape) -> None:
    say(path, f"it does not say which axis of {name} {shape} is which: taken as (rows, columns, bands)")


# --- version 5 -------------------------------------------------------------------------------------


def _open_v5(path: Path, variable: str | None) -> xr.DataArray:
    found = mat5.variables(path)
    sizes = {name: item.shape for name, item in found.items() if item.is_number and name not in BESIDE}
    extra = {key: _value(found[key], path) for key in {*BESIDE, "nRow", "nCol"} & found.keys()}
    rows, cols = _scalar(extra, "nRow"), _scalar(extra, "nCol")
    name = _choose(path, sizes, variable, rows * cols if rows and cols else None)
    item = found[name]
    if len(item.shape) == 2 and rows and cols and item.shape[1] == rows * cols:
        shape, order = (item.shape[0], rows, cols), (2, 1, 0)
    else:
        check_samples(item.shape, item.dtype)
        shape, order = (item.shape[2], item.shape[0], item.shape[1]), (0, 2, 1)
        if extra.get("axes") != OURS:
            _not_told(path, name, item.shape)
    native = item.dtype.newbyteorder("=")
    check_samples(shape, native)
    said = _facts(extra, native, path)
    scene: xr.DataArray
    if item.packed:
        stored = item.numbers(path).reshape([shape[axis] for axis in reversed(order)], order="F")
        samples = stored.transpose([list(reversed(order)).index(axis) for axis in range(3)])
        return said.dress(np.ascontiguousarray(samples), name)
    source = RawCube(str(path), shape, native, item.start + item.skip, order, not item.dtype.isnative)
    scene = open_lazy(source, said, name)
    return scene


def _value(item: mat5.Variable, path: Path) -> Any:
    return item.numbers(path) if item.is_number else item.text(path)


def _scalar(extra: Mapping[str, Any], key: str) -> int | None:
    value = np.asarray(extra.get(key, 0))
    return int(value.reshape(-1)[0]) if value.size == 1 and value.dtype.kind in "iuf" and value > 0 else None


def _text(value: Any) -> str | None:
    """A text variable: text already, or characters' codes, as HDF5 stores it."""
    if value is None or isinstance(value, str):
        return value
    array = np.asarray(value)
    return "".join(map(chr, array.reshape(-1).tolist())) if array.dtype.kind == "u" else None


# --- version 7.3 -----------------------------------------------------------------------------------


def _open_hdf5(path: Path, variable: str | None) -> xr.DataArray:
    import h5py

    with hdf5.reading(path) as file:
        there = {n: d for n, d in file.items() if isinstance(d, h5py.Dataset) and n != "#refs#"}
        numeric = {n: d for n, d in there.items() if d.dtype.kind in "iuf" and n not in BESIDE}
        sizes = {name: tuple(reversed(dataset.shape)) for name, dataset in numeric.items()}
        extra = {name: there[name][...].T for name in {*BESIDE, "nRow", "nCol"} & there.keys()}
        rows, cols = _scalar(extra, "nRow"), _scalar(extra, "nCol")
        pixels = rows * cols if rows and cols else None
        name = _choose(path, sizes, variable, pixels)
        dataset = numeric[name]
        if dataset.ndim == 2 and rows and cols and dataset.shape[0] == pixels:
            samples = hdf5.native(dataset[...]).T.reshape(dataset.shape[1], cols, rows).transpose(0, 2, 1)
            return _facts(extra, samples.dtype, path).dress(as_samples(np.ascontiguousarray(samples)), name)
        check_samples(sizes[name], dataset.dtype)
        if _text(extra.get("axes")) != OURS:
            _not_told(path, name, sizes[name])
        source = hdf5.cube(path, dataset, (0, 2, 1))
    scene: xr.DataArray = open_lazy(source, _facts(extra, source.dtype, path), name)
    return scene


# --- what lies beside the samples ------------------------------------------------------------------


def _facts(extra: Mapping[str, Any], dtype: np.dtype[Any], path: Path) -> Facts:
    """The variables that we write beside the samples; files of others have none of them."""
    said = Facts()
    if "axes" not in extra:
        return said
    try:
        for key in ("wavelength_nm", "fwhm_nm"):
            if key in extra:
                setattr(said, key, np.asarray(extra[key], dtype=np.float64).reshape(-1))
        if "good_band" in extra:
            said.good_band = np.asarray(extra["good_band"]).reshape(-1) != 0
        for key in BAND_FACTS:
            if key in extra:
                said.band[key] = _names(extra[key]) if key == "band_name" else np.asarray(extra[key]).reshape(-1)
        for key in ("scale_factor", "add_offset"):
            if key in extra:
                setattr(said, key, float(np.asarray(extra[key]).reshape(())))
        said.units, said.crs_wkt = _text(extra.get("units")), _text(extra.get("crs_wkt"))
        if (nodata := _text(extra.get("nodata"))) is not None:
            said.nodata = fitting(number(nodata), dtype, path)
        if "transform" in extra:
            a, b, c, d, e, f = np.asarray(extra["transform"], dtype=np.float64).reshape(-1).tolist()
            said.transform = (a, b, c, d, e, f)
    except (TypeError, ValueError) as error:
        raise ReadError(f"{path}: the variables beside the samples are damaged: {error}") from error
    return said


def _names(value: Any) -> NDArray[Any]:
    text = _text(value) or ""
    return strings(text.split("\n"))
