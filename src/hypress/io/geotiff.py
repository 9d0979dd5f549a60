"""GeoTIFF through GDAL.

Kept: CRS, transform, nodata, scale, offset and units by GDAL's own means; wavelength, FWHM and the bad-band
list as the tags of each band (`wavelength`, `wavelength_units`, `fwhm`, `bbl`) that GDAL and the EnMAP-Box
use, so that they stay right when another program takes some of the bands out.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hypress.errors import ReadError, SceneError, WriteError
from hypress.io.facts import Facts, fitting, number, say, scaled, spectral, strings, text_attrs
from hypress.io.lazy import Source, open_lazy
from hypress.io.strips import strips
from hypress.scene import check_samples

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

HELD = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64")
TILE = 128
CACHE_MB = 128
"""What GDAL may keep of blocks not yet written; by itself it would take a twentieth of the memory."""

_IDENTITY = (0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
_EXACT_WKT = "hypress_crs_wkt"
_EXACT_NODATA = "hypress_nodata"
_opening = threading.Lock()


def _opened(path: str, mode: str = "r", **profile: Any) -> Any:
    """GDAL's dataset. One thread opens at a time, since silencing a warning is not thread-safe."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    with _opening, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path, mode, driver="GTiff", **profile)


@contextmanager
def _reading(path: str) -> Iterator[Any]:
    from rasterio.errors import RasterioError

    try:
        with _opened(path) as dataset:
            yield dataset
    except RasterioError as error:
        raise ReadError(f"{path}: {error}") from error


@dataclass(frozen=True)
class TiffCube(Source):
    """All bands of a GeoTIFF."""

    block: tuple[int, int]
    """Rows and columns of the file's own blocks."""

    def read(self, bands: slice, rows: slice, cols: slice) -> NDArray[Any]:
        """The window as `(band, y, x)`."""
        from rasterio.windows import Window

        picked = range(*bands.indices(self.shape[0]))
        window = Window(cols.start, rows.start, cols.stop - cols.start, rows.stop - rows.start)
        with _reading(self.path) as dataset:
            samples: NDArray[Any] = dataset.read([band + 1 for band in picked], window=window)
        return samples[:, :: rows.step or 1, :: cols.step or 1]

    def chunks(self) -> dict[str, int] | None:
        """The file's blocks, where they are more than single lines."""
        rows, cols = self.block
        return {"band": self.shape[0], "y": rows, "x": cols} if rows > 1 else None


def open_scene(path: Path, variable: str | None = None) -> xr.DataArray:
    """The bands of a GeoTIFF as a lazy scene. Raises ReadError, SceneError."""
    source, facts = open_facts(path)
    scene: xr.DataArray = open_lazy(source, facts)
    return scene


def open_facts(path: Path) -> tuple[TiffCube, Facts]:
    """The samples of a GeoTIFF, and what it says of them."""
    with _reading(str(path)) as dataset:
        shape = (dataset.count, dataset.height, dataset.width)
        if len(kinds := set(dataset.dtypes)) != 1:
            raise SceneError(f"{path}: its bands have several sample types: {', '.join(sorted(kinds))}")
        try:
            dtype = np.dtype(dataset.dtypes[0])
        except TypeError:
            dtype = np.dtype(np.complex64)  # GDAL's complex integers, which numpy does not have
        check_samples(shape, dtype)
        source = TiffCube(str(path), shape, dtype, tuple(dataset.block_shapes[0]))
        facts = _facts(dataset, dtype, path)
    return source, facts


def _facts(dataset: Any, dtype: np.dtype[Any], path: Path) -> Facts:
    said = Facts()
    tags = dataset.tags()
    if dataset.crs:
        said.crs_wkt = _wkt(dataset.crs, tags.get(_EXACT_WKT))
    if (affine := dataset.transform.to_gdal()) != _IDENTITY:
        said.transform = affine
    if len(values := {str(value) for value in dataset.nodatavals}) > 1:
        say(path, f"its bands have several nodata values ({', '.join(sorted(values))}): the first is used")
    said.nodata = fitting(dataset.nodatavals[0], dtype, path)
    if _EXACT_NODATA in tags:
        said.nodata = fitting(number(tags[_EXACT_NODATA]), dtype, path)
    if len(units := set(dataset.units)) == 1 and (unit := units.pop()):
        said.units = unit
    if any(s != 1.0 for s in dataset.scales) or any(o != 0.0 for o in dataset.offsets):
        scaled(said, dataset.scales, dataset.offsets if any(dataset.offsets) else None)
        said.scale_factor = None if said.scale_factor == 1.0 else said.scale_factor
    _band_facts(dataset, said, path)
    for key, value in tags.items():
        if key not in (
            _EXACT_WKT,
            _EXACT_NODATA,
            "AREA_OR_POINT",
            "wavelength",
            "fwhm",
            "bbl",
            "wavelength_units",
        ):
            said.attrs[key] = value
    return said


def _wkt(crs: Any, exact: str | None) -> str:
    """The CRS as text: as our own tag states it, if that still is the file's CRS."""
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    try:
        if exact is not None and CRS.from_wkt(exact) == crs:
            return exact
    except CRSError:
        pass
    return str(crs.to_wkt())


def _band_facts(dataset: Any, said: Facts, path: Path) -> None:
    tags = [dataset.tags(band) for band in dataset.indexes]
    _spectral_tags(dataset, tags, said, path)
    good = _column(tags, "bbl")
    if good is not None:
        said.good_band = np.array([float(value) != 0 for value in good])
    for key in ("wavelength_as_stated", "fwhm_as_stated"):
        if (column := _column(tags, key)) is not None:
            said.band[key] = np.array([float(value) for value in column])
    if all(dataset.descriptions):
        said.band["band_name"] = strings(dataset.descriptions)


def _spectral_tags(dataset: Any, tags: list[dict[str, str]], said: Facts, path: Path) -> None:
    wavelength, fwhm = _column(tags, "wavelength"), _column(tags, "fwhm")
    units = {t.get("wavelength_units") for t in tags if "wavelength" in t or "fwhm" in t}
    unit = units.pop() if len(units) == 1 else None
    if wavelength is None and fwhm is None:
        imagery = [dataset.tags(band, ns="IMAGERY") for band in dataset.indexes]
        wavelength, fwhm = _column(imagery, "CENTRAL_WAVELENGTH_UM"), _column(imagery, "FWHM_UM")
        unit = "um"
    try:
        spectral(said, path, dataset.count, unit, wavelength, fwhm)
    except ValueError as error:
        raise ReadError(f"{path}: a wavelength tag holds no number: {error}") from error


def _column(tags: list[dict[str, str]], key: str) -> list[str] | None:
    """A tag that every band has."""
    return [t[key] for t in tags] if all(key in t for t in tags) else None


# --- writing ---------------------------------------------------------------------------------------


def write_scene(scene: xr.DataArray, target: Path, staging: Path) -> list[Path]:
    """Write one uncompressed GeoTIFF into `staging`, a BigTIFF from 4 GB on. Raises WriteError."""
    from rasterio import Env
    from rasterio.errors import RasterioError
    from rasterio.windows import Window

    dtype = scene.dtype.newbyteorder("=").name
    if dtype not in HELD:
        raise WriteError(f"{target}: GeoTIFF cannot hold {dtype} samples, only {', '.join(HELD)}")
    said = Facts.of(scene)
    bands, rows, cols = scene.shape
    if bands > 65535:
        raise WriteError(f"{target}: GeoTIFF holds at most 65535 bands, not {bands}")
    profile: dict[str, Any] = {
        "count": bands, "height": rows, "width": cols, "dtype": dtype,
        "interleave": "band", "photometric": "MINISBLACK", "alpha": "NO", "bigtiff": "IF_NEEDED",
    }  # fmt: skip
    if min(rows, cols) >= 2 * TILE:
        profile |= {"tiled": True, "blockxsize": TILE, "blockysize": TILE}
    file = staging / target.name
    try:
        with Env(GDAL_CACHEMAX=CACHE_MB), _opened(str(file), "w", **profile) as dataset:
            _describe(dataset, said, target)
            for part, strip in strips(scene, "y"):
                dataset.write(strip, window=Window(0, part.start, cols, part.stop - part.start))
    except (RasterioError, ValueError) as error:
        raise WriteError(f"{target}: {error}") from error
    if file.stat().st_size < scene.nbytes:
        raise WriteError(
            f"{target}: only {file.stat().st_size} of {scene.nbytes} bytes were written: is the disk full?"
        )
    return [target]


def _describe(dataset: Any, said: Facts, target: Path) -> None:
    from rasterio.crs import CRS
    from rasterio.errors import CRSError
    from rasterio.transform import Affine

    if said.nodata is not None:
        if float(said.nodata) == said.nodata or said.nodata != said.nodata:
            dataset.nodata = said.nodata
        else:
            dataset.update_tags(**{_EXACT_NODATA: repr(said.nodata)})
            say(target, f"GeoTIFF cannot hold the nodata value {said.nodata}: it is kept in a tag of our own")
    if said.transform is not None:
        dataset.transform = Affine.from_gdal(*said.transform)
    if said.crs_wkt is not None:
        try:
            dataset.crs = CRS.from_wkt(said.crs_wkt)
            dataset.update_tags(**{_EXACT_WKT: said.crs_wkt})
        except CRSError:
            say(target, "its CRS is no WKT that PROJ understands: left out")
    for ours, gdals, neutral in (("scale_factor", "scales", 1.0), ("add_offset", "offsets", 0.0)):
        column = said.band.get(f"band_{ours}")
        value = getattr(said, ours)
        if column is not None or value not in (None, neutral):
            setattr(dataset, gdals, [value] * dataset.count if column is None else [float(v) for v in column])
    if said.units:
        dataset.units = [said.units] * dataset.count
    dataset.update_tags(**{k: v for k, v in text_attrs(said.attrs).items() if k != "AREA_OR_POINT"})
    for index in range(dataset.count):
        _describe_band(dataset, said, index)


def _describe_band(dataset: Any, said: Facts, index: int) -> None:
    tags: dict[str, str] = {}
    imagery: dict[str, str] = {}
    for key, gdals, column in (
        ("wavelength", "CENTRAL_WAVELENGTH_UM", said.wavelength_nm),
        ("fwhm", "FWHM_UM", said.fwhm_nm),
    ):
        if column is not None:
            value = float(column[index])
            tags |= {key: repr(value), "wavelength_units": "Nanometers"}
            imagery[gdals] = repr(value / 1000)
        if (stated := said.band.get(f"{key}_as_stated")) is not None:
            tags[f"{key}_as_stated"] = repr(float(stated[index]))
    if said.good_band is not None:
        tags["bbl"] = str(int(said.good_band[index]))
    if tags:
        dataset.update_tags(index + 1, **tags)
    if imagery:
        dataset.update_tags(index + 1, ns="IMAGERY", **imagery)
    if (names := said.band.get("band_name")) is not None:
        dataset.set_band_description(index + 1, str(names[index]))
