"""What a scene is: an `xarray.DataArray` with dims `(band, y, x)`, and no class of our own.

======================  ==========================================================================
coordinate `wavelength` along `band`, float64, nm
coordinate `fwhm`       along `band`, float64, nm
coordinate `good_band`  along `band`, bool; False marks a band that its supplier calls bad
coordinate `spatial_ref` CRS and affine transform, in rioxarray's convention (`scene.rio.crs` works)
coordinates `y`, `x`    pixel centres, where the transform has no rotation
attribute `_FillValue`  the sample that means "no data"
attributes `units`, `scale_factor`, `add_offset`  CF: physical = sample · scale_factor + add_offset
======================  ==========================================================================

Samples are kept as the sensor stored them: nothing is scaled, masked or cast on reading. What a file
does not say is absent here, never guessed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from hypress.errors import SceneError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

DIMS = ("band", "y", "x")
BAND_COORDINATES = ("wavelength", "fwhm", "good_band")

Affine = tuple[float, float, float, float, float, float]
"""GDAL's six numbers: x = t0 + col·t1 + row·t2, y = t3 + col·t4 + row·t5, at pixel corners."""


def make(
    samples: Any,
    *,
    wavelength_nm: ArrayLike | None = None,
    fwhm_nm: ArrayLike | None = None,
    good_band: ArrayLike | None = None,
    nodata: float | None = None,
    crs_wkt: str | None = None,
    transform: Affine | None = None,
    attrs: Mapping[str, Any] | None = None,
    name: str = "scene",
) -> xr.DataArray:
    """Dress samples `(band, y, x)` as a scene.

    `samples` is a numpy array, a Dask array or an xarray lazy array. Whatever is None is left out.
    Raises SceneError when the shape or a coordinate's length does not fit.
    """
    scene = xr.DataArray(xr.Variable(DIMS, samples), name=name, attrs=dict(attrs or {}))
    for key, values, dtype in (
        ("wavelength", wavelength_nm, np.float64),
        ("fwhm", fwhm_nm, np.float64),
        ("good_band", good_band, np.bool_),
    ):
        if values is None:
            continue
        column = np.asarray(values).astype(dtype)
        if column.shape != (scene.sizes["band"],):
            raise SceneError(f"{key} has shape {column.shape}, but the scene has {scene.sizes['band']} bands")
        unit = {} if key == "good_band" else {"units": "nm"}
        scene = scene.assign_coords({key: ("band", column, unit)})
    if nodata is not None:
        scene.attrs["_FillValue"] = np.dtype(scene.dtype).type(nodata)
    if crs_wkt is not None or transform is not None:
        scene = _georeference(scene, crs_wkt, transform)
    return scene


def _georeference(scene: xr.DataArray, crs_wkt: str | None, transform: Affine | None) -> xr.DataArray:
    attrs: dict[str, Any] = {}
    if crs_wkt is not None:
        attrs |= {"crs_wkt": crs_wkt, "spatial_ref": crs_wkt}
    if transform is not None:
        attrs["GeoTransform"] = " ".join(repr(float(t)) for t in transform)
        x0, dx, rot_x, y0, rot_y, dy = transform
        if rot_x == rot_y == 0.0:
            scene = scene.assign_coords(
                y=("y", y0 + (np.arange(scene.sizes["y"]) + 0.5) * dy),
                x=("x", x0 + (np.arange(scene.sizes["x"]) + 0.5) * dx),
            )
    scene = scene.assign_coords(spatial_ref=xr.Variable((), 0, attrs))
    scene.encoding["grid_mapping"] = "spatial_ref"
    return scene


def crs_wkt(scene: xr.DataArray) -> str | None:
    """The coordinate reference system as WKT, or None."""
    reference = scene.coords.get("spatial_ref")
    if reference is None:
        return None
    return reference.attrs.get("crs_wkt") or reference.attrs.get("spatial_ref") or None


def transform(scene: xr.DataArray) -> Affine | None:
    """GDAL's six-number affine transform, or None.

    Where `y` and `x` coordinates say otherwise, as after `scene.isel(x=slice(10, 20))`, they are right.
    """
    reference = scene.coords.get("spatial_ref")
    text = None if reference is None else reference.attrs.get("GeoTransform")
    if text is None:
        return None
    values = tuple(float(t) for t in str(text).split())
    if len(values) != 6:
        return None
    x0, dx, rot_x, y0, rot_y, dy = values
    if rot_x == rot_y == 0.0:
        x0, dx = _edge(scene, "x", x0, dx)
        y0, dy = _edge(scene, "y", y0, dy)
    return (x0, dx, rot_x, y0, rot_y, dy)


def _edge(scene: xr.DataArray, axis: str, start: float, step: float) -> tuple[float, float]:
    """First pixel's outer edge and pixel size along an axis: as stated, unless its coordinate says otherwise."""
    if axis not in scene.coords or scene.coords[axis].ndim != 1:
        return start, step
    centres = scene.coords[axis].values
    if centres.dtype.kind not in "iuf" or centres.size == 0 or step == 0.0:
        return start, step
    near = 1e-6 * abs(step)
    if centres.size > 1:
        seen = (float(centres[-1]) - float(centres[0])) / (centres.size - 1)
        if abs(seen - step) * (centres.size - 1) > near:
            return float(centres[0]) - 0.5 * seen, seen
    shift = float(centres[0]) - (start + 0.5 * step)
    if abs(shift) <= near:
        return start, step
    return start + round(shift / step, 6) * step, step


def nodata(scene: xr.DataArray) -> int | float | None:
    """The sample value that means "no data", as a Python number of the scene's own kind, or None."""
    value = scene.attrs.get("_FillValue", scene.encoding.get("_FillValue"))
    if value is None:
        return None
    if scene.dtype.kind in "iu":
        number = float(value)
        return int(value) if math.isfinite(number) and number == int(number) else None
    return float(value)


def check(scene: xr.DataArray) -> None:
    """Raise SceneError unless this is a scene that can be compressed; says what would be."""
    if not isinstance(scene, xr.DataArray):
        raise SceneError(f"a scene is an xarray.DataArray with dims {DIMS}, not {type(scene).__name__}")
    if scene.dims != DIMS:
        raise SceneError(f"a scene has dims {DIMS}, but this array has {scene.dims}")
    check_samples(scene.shape, scene.dtype)


def check_samples(shape: Sequence[int], dtype: np.dtype[Any]) -> None:
    """Raise SceneError unless samples of this shape and dtype are those of a scene."""
    if len(shape) != 3:
        hint = "; an image of one band has shape (1, y, x)" if len(shape) == 2 else ""
        raise SceneError(f"a scene has three dimensions (band, y, x), but this array has shape {tuple(shape)}{hint}")
    if 0 in shape:
        raise SceneError(f"a scene needs at least one sample, but this array has shape {tuple(shape)}")
    if dtype.kind == "c":
        raise SceneError(f"complex samples ({dtype}) are not supported: give magnitude and phase as two scenes")
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise SceneError(f"samples of type {dtype} are not supported: use integers or floats of 8 to 64 bits")


def as_samples(array: ArrayLike) -> NDArray[Any]:
    """A bare array as samples `(band, y, x)` in native byte order. Raises SceneError."""
    samples = np.asarray(array)
    check_samples(samples.shape, samples.dtype)
    return samples.astype(samples.dtype.newbyteorder("="), copy=False)


def crop(
    scene: xr.DataArray,
    *,
    bands: slice | Sequence[int] | None = None,
    rows: slice | None = None,
    columns: slice | None = None,
) -> xr.DataArray:
    """Part of a scene, lazy, its georeference moved along. Indices are counted from 0, stops excluded.

    Raises SceneError where the part lies outside the scene or is empty.
    """
    count, high, wide = scene.shape
    chosen = range(count)[bands] if isinstance(bands, slice) else range(count) if bands is None else list(bands)
    outside = [b for b in chosen if not 0 <= b < count]
    if outside or not len(chosen):
        raise SceneError(f"bands {outside or 'none'} were asked for; the scene has bands 0 to {count - 1}")
    for name, part, size in (("rows", rows, high), ("columns", columns, wide)):
        if part is not None and not 0 <= part.start < part.stop <= size:
            raise SceneError(f"{name} {part.start}:{part.stop} were asked for; the scene has {name} 0:{size}")
    rows, columns = rows or slice(0, high), columns or slice(0, wide)
    index = bands if isinstance(bands, slice) else slice(None) if bands is None else chosen
    cut = scene.isel(band=index, y=rows, x=columns)
    moved = transform(scene)
    if moved is not None:
        x0, dx, rot_x, y0, rot_y, dy = moved
        left, top = columns.start, rows.start
        corner = (x0 + left * dx + top * rot_x, dx, rot_x, y0 + left * rot_y + top * dy, rot_y, dy)
        attrs = scene.coords["spatial_ref"].attrs | {"GeoTransform": " ".join(repr(t) for t in corner)}
        cut = cut.assign_coords(spatial_ref=xr.Variable((), 0, attrs))
        cut.encoding["grid_mapping"] = "spatial_ref"
    return cut
