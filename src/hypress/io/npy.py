"""NumPy's `.npy`: the samples `(band, y, x)` and nothing else."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hypress.errors import ReadError, SceneError
from hypress.io.facts import CF, Facts, say
from hypress.io.lazy import open_lazy
from hypress.io.raw import RawCube
from hypress.io.strips import strips
from hypress.scene import check_samples

if TYPE_CHECKING:
    import xarray as xr

LARGEST_HEADER = 10_000
"""Bytes that a header may have; a scene's has some hundred."""


def open_scene(path: Path, variable: str | None = None) -> xr.DataArray:
    """The array as a lazy scene; pickled objects are never read. Raises ReadError, SceneError."""
    shape, fortran, dtype, offset = _header(path)
    if dtype.hasobject:
        raise SceneError(f"{path}: an array of Python objects, which are never unpickled: save it as numbers")
    check_samples(shape, dtype)
    need, have = offset + int(np.prod(shape, dtype=object)) * dtype.itemsize, path.stat().st_size
    if have < need:
        raise ReadError(f"{path}: {have} bytes, but its header describes {need}: the file is truncated")
    source = RawCube(
        path=str(path),
        shape=(shape[0], shape[1], shape[2]),
        dtype=dtype.newbyteorder("="),
        offset=offset,
        order=(2, 1, 0) if fortran else (0, 1, 2),
        swapped=not dtype.isnative,
    )
    scene: xr.DataArray = open_lazy(source, Facts())
    return scene


def _header(path: Path) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, whether in Fortran order, sample type, and where the samples begin. Raises ReadError."""
    with path.open("rb") as file:
        lead = file.read(12)
        major = lead[6] if len(lead) == 12 and lead[:6] == b"\x93NUMPY" else 0
        if major not in (1, 2, 3):
            raise ReadError(f"{path}: no .npy file of version 1 to 3")
        begin = 10 if major == 1 else 12
        size = int.from_bytes(lead[8:begin], "little")
        if size > LARGEST_HEADER:
            raise ReadError(f"{path}: an .npy header of {size} bytes; at most {LARGEST_HEADER} are read")
        file.seek(begin)
        text = file.read(size).decode("utf-8" if major == 3 else "latin-1", "replace")
    try:
        # Python 2 wrote (3L, 4L); a literal is data only, nothing is run.
        fields = ast.literal_eval(re.sub(r"(\d)L\b", r"\1", text).strip())
        shape, fortran = fields["shape"], fields["fortran_order"]
        dtype = np.lib.format.descr_to_dtype(fields["descr"])
        if not (isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)):
            raise ValueError(f"its shape is {shape}")
        if type(fortran) is not bool:
            raise ValueError(f"fortran_order is {fortran}")
    except (ValueError, SyntaxError, TypeError, KeyError, RecursionError, MemoryError) as error:
        raise ReadError(f"{path}: a damaged .npy header: {error}") from error
    return shape, fortran, dtype, begin + size


def write_scene(scene: xr.DataArray, target: Path, staging: Path) -> list[Path]:
    """Write one file into `staging`; coordinates and attributes cannot be kept, and that is said."""
    lost = sorted({*map(str, scene.coords), *(key for key in CF if key in scene.attrs)})
    if lost:
        say(target, f"an .npy file holds samples only: {', '.join(lost)} are not kept")
    bands, rows, cols = scene.shape
    dtype = scene.dtype.newbyteorder("=")
    with open(staging / target.name, "wb") as file:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": scene.shape}
        np.lib.format.write_array_header_1_0(file, header)
        start = file.tell()
        file.truncate(start + scene.nbytes)
        for part, strip in strips(scene, "y"):
            for band in range(bands):
                file.seek(start + (band * rows + part.start) * cols * dtype.itemsize)
                file.write(np.ascontiguousarray(strip[band]).tobytes())
    return [target]
