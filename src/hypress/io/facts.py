"""What a file says of a scene besides its samples: gathered on reading, laid out for writing.

Every reader fills a `Facts` and dresses its lazy samples with it; every writer starts from `Facts.of(scene)`.
So a property that is kept by two formats has one name, one unit and one place where it is checked.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hypress import scene as scenes
from hypress.errors import ReadError, ScenePropertyWarning

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import xarray as xr
    from numpy.typing import NDArray

    from hypress.scene import Affine

BAND_FACTS = ("band_name", "band_scale_factor", "band_add_offset", "wavelength_as_stated", "fwhm_as_stated")
"""Coordinates along `band` beyond those of `hypress.scene`; being coordinates, they follow `isel(band=…)`."""

CF = ("_FillValue", "units", "scale_factor", "add_offset")

_NANOMETRES = {
    "nanometers": "1", "nanometer": "1", "nanometres": "1", "nanometre": "1", "nm": "1",
    "micrometers": "1e3", "micrometer": "1e3", "micrometres": "1e3", "micrometre": "1e3",
    "microns": "1e3", "micron": "1e3", "um": "1e3", "µm": "1e3", "μm": "1e3",
    "angstroms": "0.1", "angstrom": "0.1", "ångström": "0.1", "å": "0.1",
    "millimeters": "1e6", "millimetres": "1e6", "mm": "1e6",
    "centimeters": "1e7", "centimetres": "1e7", "cm": "1e7",
    "meters": "1e9", "metres": "1e9", "m": "1e9",
}  # fmt: skip


@dataclass
class Facts:
    """What is known of a scene; whatever was not stated is None, or absent from a mapping."""

    wavelength_nm: NDArray[np.float64] | None = None
    fwhm_nm: NDArray[np.float64] | None = None
    good_band: NDArray[np.bool_] | None = None
    nodata: int | float | None = None
    crs_wkt: str | None = None
    transform: Affine | None = None
    units: str | None = None
    scale_factor: float | None = None
    add_offset: float | None = None
    band: dict[str, NDArray[Any]] = field(default_factory=dict)
    """Further columns along `band`, named as in BAND_FACTS."""
    attrs: dict[str, Any] = field(default_factory=dict)
    """Everything else: text and numbers."""

    def dress(self, samples: Any, name: str = "scene") -> xr.DataArray:
        """The samples `(band, y, x)` as a scene with these facts. Raises SceneError where lengths differ."""
        stated = {k: getattr(self, k) for k in ("units", "scale_factor", "add_offset")}
        scene = scenes.make(
            samples,
            wavelength_nm=self.wavelength_nm,
            fwhm_nm=self.fwhm_nm,
            good_band=self.good_band,
            nodata=self.nodata,
            crs_wkt=self.crs_wkt,
            transform=self.transform,
            attrs=self.attrs | {k: v for k, v in stated.items() if v is not None},
            name=name,
        )
        return scene.assign_coords({key: ("band", column) for key, column in self.band.items()})

    @classmethod
    def of(cls, scene: xr.DataArray) -> Facts:
        """What a scene says of itself."""
        facts = cls(nodata=scenes.nodata(scene), crs_wkt=scenes.crs_wkt(scene), transform=scenes.transform(scene))
        for key, name, dtype in (
            ("wavelength", "wavelength_nm", np.float64),
            ("fwhm", "fwhm_nm", np.float64),
            ("good_band", "good_band", np.bool_),
        ):
            if (column := _column(scene, key)) is not None:
                setattr(facts, name, column.astype(dtype))
        for key in BAND_FACTS:
            if (column := _column(scene, key)) is not None:
                facts.band[key] = column
        if (units := scene.attrs.get("units")) is not None:
            facts.units = str(units)
        for key in ("scale_factor", "add_offset"):
            if (value := scene.attrs.get(key)) is not None:
                setattr(facts, key, float(np.asarray(value).item()))
        for key, value in scene.attrs.items():
            if key not in CF and (known := plain(value)) is not None:
                facts.attrs[str(key)] = known
        return facts


def _column(scene: xr.DataArray, key: str) -> NDArray[Any] | None:
    column = scene.coords.get(key)
    return np.asarray(column.values) if column is not None and column.dims == ("band",) else None


def plain(value: Any) -> str | int | float | None:
    """Text or a number that any format can hold, or None."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.ndarray) and value.size == 1:
        return plain(value.reshape(()).item())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return int(value)
    return value if isinstance(value, str | int | float) else None


def say(path: Path | str, message: str) -> None:
    """Warn of what a file does not say, or cannot hold."""
    warnings.warn(f"{Path(path).name}: {message}", ScenePropertyWarning, stacklevel=2)


def strings(values: Iterable[str]) -> NDArray[Any]:
    """Text along an axis, as the variable-length strings that every store can hold."""
    return np.array([str(v) for v in values], dtype=object)


# --- numbers -------------------------------------------------------------------------------------


def nanometres(values: Iterable[Any], unit: str | None) -> NDArray[np.float64] | None:
    """Values of a length unit in nm, correctly rounded, or None where the unit is no known length.

    Values are numbers or their text: `0.41824` µm becomes 418.24 and not 418.23999999999995.
    """
    factor = _NANOMETRES.get((unit or "").strip().lower())
    if factor is None:
        return None
    if factor == "1":
        return np.array([float(v) for v in values], dtype=np.float64)
    scale = Decimal(factor)
    try:
        return np.array([float(Decimal(str(v).strip()) * scale) for v in values], dtype=np.float64)
    except InvalidOperation:
        return np.array([float(v) * float(scale) for v in values], dtype=np.float64)


def spectral(
    facts: Facts,
    path: Path | str,
    bands: int,
    unit: str | None,
    wavelength: Sequence[Any] | None,
    fwhm: Sequence[Any] | None,
) -> None:
    """Set wavelength and FWHM from stated numbers (or their text) and their stated unit.

    Numbers whose unit is not stated, or is no length, are kept as `…_as_stated`, and that is said. Raises
    ReadError when there are not as many as bands, or when a wavelength is not finite.
    """
    homeless = []
    for key, values in (("wavelength", wavelength), ("fwhm", fwhm)):
        if values is None:
            continue
        if len(values) != bands:
            raise ReadError(f"{path}: {len(values)} {key} values for {bands} bands")
        column = nanometres(values, unit)
        if column is None:
            homeless.append(key)
            facts.band[f"{key}_as_stated"] = np.array([float(v) for v in values], dtype=np.float64)
        elif key == "wavelength" and not np.isfinite(column).all():
            raise ReadError(f"{path}: the wavelength of band {int(np.argmin(np.isfinite(column)))} is not finite")
        else:
            setattr(facts, f"{key}_nm", column)
    if homeless:
        kept = " and ".join(f"{key}_as_stated" for key in homeless)
        stated = f"is stated as {unit!r}, which is no length" if unit else "is not stated"
        say(path, f"the unit of its wavelengths {stated}: they are kept as coordinate {kept}, not in nm")


def scaled(facts: Facts, scale: Sequence[float] | None, offset: Sequence[float] | None) -> None:
    """Set scale and offset given per band: one number where all bands agree, else coordinates."""
    for key, values, neutral in (("scale_factor", scale, 1.0), ("add_offset", offset, 0.0)):
        if values is None:
            continue
        column = np.asarray(values, dtype=np.float64)
        if (column == column[0]).all():
            setattr(facts, key, float(column[0]))
        elif not (column == neutral).all():
            facts.band[f"band_{key}"] = column


def fitting(value: float | None, dtype: np.dtype[Any], path: Path | str) -> int | float | None:
    """A stated nodata value as a sample of this type; None, and said, when no sample can have it."""
    if value is None or dtype.kind == "f":
        return value
    if math.isfinite(value) and value == int(value) and np.iinfo(dtype).min <= int(value) <= np.iinfo(dtype).max:
        return int(value)
    say(path, f"its nodata value {value} is no {dtype} sample, so no sample is nodata: ignored")
    return None


def number(text: str) -> int | float:
    """A number from its text, an integer where it is one. Raises ValueError."""
    try:
        return int(text)
    except ValueError:
        return float(text)


def text_attrs(attrs: Mapping[str, Any]) -> dict[str, str]:
    """Attributes as text, numbers at full precision."""
    return {key: value if isinstance(value, str) else repr(value) for key, value in attrs.items()}
