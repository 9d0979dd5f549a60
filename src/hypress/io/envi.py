"""ENVI: a flat binary file and a text header beside it.

Kept: wavelengths, FWHM, bad-band list, nodata, map info and CRS, gains and offsets, band names, description,
and every other key whose value is one line of text.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hypress.errors import InputNotFoundError, OutputExistsError, ReadError, WriteError
from hypress.io import envi_header as headers
from hypress.io import envi_map
from hypress.io.facts import Facts, fitting, number, say, scaled, spectral, strings, text_attrs
from hypress.io.lazy import open_lazy
from hypress.io.raw import RawCube
from hypress.io.strips import strips

if TYPE_CHECKING:
    import xarray as xr

DATA_ENDINGS = (".img", ".dat", ".bsq", ".bil", ".bip", ".raw")

_PLAIN = str.maketrans("{},\n", "();" + " ")
"""What an entry of a list cannot hold, and what stands for it."""

_SPOKEN_FOR = frozenset(
    (*headers.LAYOUT, "file type", "wavelength", "wavelength units", "fwhm", "bbl", "data ignore value",
     "map info", "coordinate system string", envi_map.EXACT, "reflectance scale factor", "data gain values",
     "data offset values", "data units", "band names", "description")
)  # fmt: skip


def open_scene(path: Path, variable: str | None = None) -> xr.DataArray:
    """The scene of a header or of its data file, lazily.

    Raises ReadError when either is missing its other half, is ambiguous, or is not what the header says.
    """
    header, data = pair(path)
    keys = headers.read(header)
    layout = headers.layout(keys, header)
    have = data.stat().st_size
    if have < layout.size:
        raise ReadError(f"{data}: {have} bytes, but {header.name} describes {layout.size}: the file is truncated")
    source = RawCube(
        path=str(data),
        shape=layout.shape,
        dtype=layout.dtype,
        offset=layout.offset,
        order=headers.INTERLEAVES[layout.interleave],
        swapped=layout.big_endian != (sys.byteorder == "big"),
    )
    scene: xr.DataArray = open_lazy(source, facts(keys, layout, header))
    return scene


# --- which file belongs to which -------------------------------------------------------------------


def pair(path: Path) -> tuple[Path, Path]:
    """The header and the data file, given either. Raises ReadError, InputNotFoundError."""
    if path.suffix.lower() == ".hdr":
        return path, _data_of(path)
    header = header_of(path)
    if header is None:
        raise InputNotFoundError(f"{path}: there is no header {path.name}.hdr or {path.stem}.hdr beside it")
    return header, path


def header_of(data: Path) -> Path | None:
    """The header beside a data file: `foo.img.hdr`, else `foo.hdr`; None if there is none."""
    names = [data.name + end for end in (".hdr", ".HDR")]
    if data.suffix:
        names += [data.stem + end for end in (".hdr", ".HDR")]
    found = [data.with_name(name) for name in names]
    return next((header for header in found if header.is_file()), None)


def data_candidates(header: Path) -> list[Path]:
    """The files that a header may describe, by the usual naming."""
    exact = header.with_suffix("")
    if exact.is_file():
        if exact.suffix.lower() in DATA_ENDINGS:
            return [exact]
        found = [exact]
    else:
        found = []
    for ending in (*DATA_ENDINGS, *(e.upper() for e in DATA_ENDINGS)):
        data = exact.with_name(exact.name + ending)
        own = data.with_name(data.name + ".hdr")
        if data.is_file() and not own.is_file() and not any(data.samefile(other) for other in found):
            found.append(data)
    return found


def _data_of(header: Path) -> Path:
    found = data_candidates(header)
    stem = header.with_suffix("").name
    if not found:
        wanted = ", ".join([stem, *(stem + ending for ending in DATA_ENDINGS)])
        raise InputNotFoundError(f"{header}: none of its data files is there: {wanted}")
    if len(found) > 1:
        names = ", ".join(data.name for data in found)
        raise ReadError(f"{header}: ambiguous: it may describe {names}; give the data file itself")
    return found[0]


# --- what a header says ----------------------------------------------------------------------------


def facts(keys: dict[str, str], layout: headers.Layout, path: Path) -> Facts:
    """What a header says of the scene besides its layout. Raises ReadError."""
    bands = layout.shape[0]
    said = Facts(crs_wkt=envi_map.crs_wkt(keys, path), transform=envi_map.transform(keys, path))
    lists = {key: headers.numbers(keys, key, path) for key in ("wavelength", "fwhm", "bbl")}
    spectral(said, path, bands, keys.get("wavelength units"), lists["wavelength"], lists["fwhm"])
    if (good := lists["bbl"]) is not None:
        said.good_band = np.array([float(v) != 0 for v in _per_band(good, "bbl", bands, path)])
    if text := keys.get("data ignore value"):
        headers.number(text, "data ignore value", path)
        said.nodata = fitting(number(text), layout.dtype, path)
    _scaling(said, keys, bands, path)
    if names := keys.get("band names"):
        said.band["band_name"] = strings(_per_band(headers.entries(names), "band names", bands, path))
    if units := keys.get("data units"):
        said.units = units
    if description := keys.get("description"):
        said.attrs["description"] = description
    for key, value in keys.items():
        per_band = value.count(",") + 1 == bands > 1
        if key not in _SPOKEN_FOR and value and "\n" not in value and not per_band:
            said.attrs[key.replace(" ", "_")] = value
    return said


def _per_band(items: list[str], key: str, bands: int, path: Path) -> list[str]:
    if len(items) != bands:
        raise ReadError(f"{path}: {len(items)} {key} for {bands} bands")
    return items


def _scaling(said: Facts, keys: dict[str, str], bands: int, path: Path) -> None:
    columns: list[list[float] | None] = []
    for key in ("data gain values", "data offset values"):
        items = headers.numbers(keys, key, path)
        columns.append(None if items is None else [float(v) for v in _per_band(items, key, bands, path)])
    scaled(said, *columns)
    if not (text := keys.get("reflectance scale factor")):
        return
    divisor = headers.number(text, "reflectance scale factor", path)
    if columns[0] is not None or not (np.isfinite(divisor) and divisor > 0):
        said.attrs["reflectance_scale_factor"] = divisor
        say(path, f"its reflectance scale factor {text} is kept as an attribute, not as the scale")
    else:
        said.scale_factor = 1.0 / divisor


# --- writing ---------------------------------------------------------------------------------------


def write_scene(scene: xr.DataArray, target: Path, staging: Path) -> list[Path]:
    """Write data and header into `staging`; returns them in the order in which they must appear."""
    code = next((c for c, t in headers.TYPES.items() if np.dtype(t) == scene.dtype.newbyteorder("=")), None)
    if code is None:
        kinds = ", ".join(np.dtype(t).name for t in headers.TYPES.values())
        raise WriteError(f"{target}: ENVI cannot hold {scene.dtype} samples, only {kinds}")
    header, data = targets(target)
    interleave = data.suffix.lower()[1:] if data.suffix.lower() in (".bil", ".bip") else "bsq"
    order = headers.INTERLEAVES[interleave]
    bands, lines, samples = scene.shape
    with open(staging / data.name, "wb", buffering=0) as file:
        file.truncate(scene.size * scene.dtype.itemsize)
        for rows, strip in strips(scene, "y"):
            part = np.ascontiguousarray(strip.transpose(order).astype(strip.dtype.newbyteorder("<"), copy=False))
            if interleave == "bsq":
                for band in range(bands):
                    _put(file, (band * lines + rows.start) * samples * part.itemsize, part[band])
            else:
                _put(file, rows.start * bands * samples * part.itemsize, part)
    keys = header_keys(scene, code, interleave)
    (staging / header.name).write_bytes(headers.render(keys))
    return [data, header]


def targets(target: Path) -> tuple[Path, Path]:
    """The header and the data file that a target's name means."""
    if target.suffix.lower() == ".hdr":
        stem = target.with_suffix("")
        return target, stem if stem.suffix.lower() in DATA_ENDINGS else stem.with_name(stem.name + ".img")
    return target.with_suffix(".hdr"), target


def check_neighbours(target: Path) -> None:
    """Raise OutputExistsError if another file beside the target would be taken for the new header's data."""
    header, data = targets(target)
    others = [d for d in data_candidates(header) if d.name != data.name]
    if others:
        names = ", ".join(str(d) for d in others)
        raise OutputExistsError(f"{header} would also describe {names}: choose another name")


def _put(file: Any, at: int, part: np.ndarray[Any, Any]) -> None:
    flat: Any = np.ascontiguousarray(part).reshape(-1).view(np.uint8)
    rest = memoryview(flat)
    file.seek(at)
    while rest:
        rest = rest[file.write(rest) :]


def header_keys(scene: xr.DataArray, code: int, interleave: str) -> dict[str, str | list[str]]:
    """The header of a scene; numbers at full precision."""
    said = Facts.of(scene)
    bands, lines, samples = scene.shape
    keys: dict[str, str | list[str]] = {}
    if description := said.attrs.pop("description", None):
        keys["description"] = headers.braces(str(description))
    keys |= {
        "samples": str(samples),
        "lines": str(lines),
        "bands": str(bands),
        "header offset": "0",
        "file type": "ENVI Standard",
        "data type": str(code),
        "interleave": interleave,
        "byte order": "0",
    }
    if said.nodata is not None:
        keys["data ignore value"] = repr(said.nodata)
    keys |= envi_map.map_keys(said.crs_wkt, said.transform)
    if said.units:
        keys["data units"] = headers.braces(said.units)
    for key, name in (("data gain values", "scale_factor"), ("data offset values", "add_offset")):
        if (value := getattr(said, name)) is not None:
            keys[key] = [repr(value)] * bands
        elif (column := said.band.get(f"band_{name}")) is not None:
            keys[key] = _reprs(column)
    if (names := said.band.get("band_name")) is not None:
        keys["band names"] = [str(name).translate(_PLAIN) for name in names]
    if said.good_band is not None:
        keys["bbl"] = [str(int(good)) for good in said.good_band]
    keys |= _spectral_keys(said)
    for key, text in text_attrs(said.attrs).items():
        name = key.replace("_", " ").lower()
        if name not in keys and name not in _SPOKEN_FOR and "=" not in name and "\n" not in text + name:
            keys[name] = headers.braces(text) if "," in text else text
    return keys


def _spectral_keys(said: Facts) -> dict[str, str | list[str]]:
    keys: dict[str, str | list[str]] = {}
    columns = {"wavelength": said.wavelength_nm, "fwhm": said.fwhm_nm}
    unit = "Nanometers"
    if said.wavelength_nm is None and said.fwhm_nm is None:
        columns = {key: said.band.get(f"{key}_as_stated") for key in columns}
        unit = "Unknown"
    for key, column in columns.items():
        if column is not None:
            keys["wavelength units"] = unit
            keys[key] = _reprs(column)
    return keys


def _reprs(column: np.ndarray[Any, Any]) -> list[str]:
    return [repr(float(v)) for v in column]
