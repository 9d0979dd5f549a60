"""Writing MATLAB files: the samples as `scene (y, x, band)`, and small variables beside it that say the rest.

MATLAB stores the first axis fastest, so a strip of columns is contiguous within each band: strips run along
`x`. Version 5 is written below 2 GB, its largest variable; version 7.3, which is HDF5, from there on.
"""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hypress.errors import WriteError
from hypress.io.facts import Facts, strings
from hypress.io.matlab import OURS
from hypress.io.strips import strips

if TYPE_CHECKING:
    import xarray as xr

LARGEST_V5 = 2**31 - 2**16
"""Bytes of samples from which version 7.3 is written."""

_CLASSES = {  # sample type: MATLAB's class, version 5's numbers of class and of data type
    "float64": ("double", 6, 9), "float32": ("single", 7, 7),
    "int8": ("int8", 8, 1), "uint8": ("uint8", 9, 2), "int16": ("int16", 10, 3), "uint16": ("uint16", 11, 4),
    "int32": ("int32", 12, 5), "uint32": ("uint32", 13, 6),
    "int64": ("int64", 14, 12), "uint64": ("uint64", 15, 13),
}  # fmt: skip


def write_scene(scene: xr.DataArray, target: Path, staging: Path) -> list[Path]:
    """Write one file into `staging`. Raises WriteError."""
    dtype = scene.dtype.newbyteorder("=").name
    if dtype not in _CLASSES:
        raise WriteError(f"{target}: MATLAB cannot hold {dtype} samples, only {', '.join(_CLASSES)}")
    write = _write_v5 if scene.nbytes < LARGEST_V5 else _write_hdf5
    write(scene, staging / target.name, _beside(Facts.of(scene)))
    return [target]


def _beside(said: Facts) -> dict[str, Any]:
    """The variables that say what the samples do not."""
    beside: dict[str, Any] = {"axes": OURS}
    known = {
        "wavelength_nm": said.wavelength_nm,
        "fwhm_nm": said.fwhm_nm,
        "good_band": None if said.good_band is None else said.good_band.astype(np.uint8),
        "nodata": None if said.nodata is None else repr(said.nodata),
        "crs_wkt": said.crs_wkt,
        "transform": None if said.transform is None else np.array(said.transform),
        "units": said.units,
        "scale_factor": said.scale_factor,
        "add_offset": said.add_offset,
        **said.band,
    }
    if "band_name" in said.band:
        names = (str(name).replace("\n", " ") for name in strings(said.band["band_name"]))
        known["band_name"] = "\n".join(names)
    return beside | {key: value for key, value in known.items() if value is not None}


def _write_v5(scene: xr.DataArray, file: Path, beside: dict[str, Any]) -> None:
    from scipy.io import savemat

    start = BytesIO()
    savemat(start, beside, format="5", oned_as="row")
    _, code, kind = _CLASSES[scene.dtype.newbyteorder("=").name]
    bands, rows, cols = scene.shape
    name = b"scene\0\0\0"
    head = struct.pack("<IIII", 6, 8, code, 0)  # array flags
    head += struct.pack("<IIiiii", 5, 12, rows, cols, bands, 0)  # dimensions, padded to eight bytes
    head += struct.pack("<II", 1, 5) + name
    head += struct.pack("<II", kind, scene.nbytes)
    padding = -scene.nbytes % 8
    with open(file, "wb") as out:
        out.write(start.getvalue())
        out.write(struct.pack("<II", 14, len(head) + scene.nbytes + padding))
        out.write(head)
        base = out.tell()
        out.truncate(base + scene.nbytes + padding)
        for part, strip in strips(scene, "x"):
            for band in range(bands):
                out.seek(base + (band * cols + part.start) * rows * strip.itemsize)
                column_major = strip[band].T.astype(strip.dtype.newbyteorder("<"), copy=False)
                out.write(np.ascontiguousarray(column_major).tobytes())


def _write_hdf5(scene: xr.DataArray, file: Path, beside: dict[str, Any]) -> None:
    import h5py

    with h5py.File(file, "w", userblock_size=512) as out:
        for key, value in beside.items():
            if isinstance(value, str):
                item = out.create_dataset(key, data=np.array([[ord(c)] for c in value], dtype=np.uint16))
                item.attrs["MATLAB_class"] = np.bytes_("char")
                item.attrs["MATLAB_int_decode"] = np.int32(2)
                continue
            array = np.asarray(value).reshape(-1, 1)
            item = out.create_dataset(key, data=array)
            item.attrs["MATLAB_class"] = np.bytes_(_CLASSES[array.dtype.name][0])
        bands, rows, cols = scene.shape
        dtype = scene.dtype.newbyteorder("=")
        samples = out.create_dataset("scene", shape=(bands, cols, rows), dtype=dtype)
        samples.attrs["MATLAB_class"] = np.bytes_(_CLASSES[dtype.name][0])
        for part, strip in strips(scene, "x"):
            samples[:, part, :] = strip.transpose(0, 2, 1)
    text = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, written by hypress HDF5 schema 1.00 ."
    with open(file, "r+b") as out:
        out.write(text.ljust(116) + bytes(8) + struct.pack("<H", 0x0200) + b"IM")
