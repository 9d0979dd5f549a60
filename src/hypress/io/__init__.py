"""Files in and out: `open_scene` and `write_scene`, one module per format, each imported when it is used."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypress.errors import (
    HypressError,
    InputNotFoundError,
    OutputExistsError,
    ReadError,
    SceneError,
    WriteError,
)
from hypress.scene import check

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["FORMATS", "READERS", "WRITERS", "Format", "is_scene_file", "open_scene", "write_scene"]


@dataclass(frozen=True)
class Format:
    """A file format: its name, the endings that it reads and writes, and its modules."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    module: str
    writer: str | None = None
    """The module that writes, where it is not the one that reads."""


FORMATS = (
    Format("ENVI", (".hdr", ".img", ".dat", ".bsq", ".bil", ".bip", ".raw"),
           (".hdr", ".img", ".bsq", ".bil", ".bip"), "hypress.io.envi"),
    Format("GeoTIFF", (".tif", ".tiff"), (".tif", ".tiff"), "hypress.io.geotiff"),
    Format("EnMAP", (".xml",), (), "hypress.io.enmap"),
    Format("NetCDF-4 and HDF5, EMIT, PRISMA", (".nc", ".nc4", ".h5", ".hdf5", ".he5"), (".nc",),
           "hypress.io.netcdf"),
    Format("MATLAB", (".mat",), (".mat",), "hypress.io.matlab", "hypress.io.matlab_write"),
    Format("NumPy", (".npy",), (".npy",), "hypress.io.npy"),
)  # fmt: skip

READERS = {ending: form.name for form in FORMATS for ending in form.reads}
"""Endings that `open_scene` knows, and their formats. A file without ending is read by its content."""

WRITERS = {ending: form.name for form in FORMATS for ending in form.writes}
"""Endings that `write_scene` knows, and their formats."""

_ONE_SCENE = ("envi", "geotiff", "enmap", "npy")
_HDF5 = b"\x89HDF\r\n\x1a\n"


def open_scene(path: str | os.PathLike[str], *, variable: str | None = None) -> xr.DataArray:
    """Open a file as a lazy scene `(band, y, x)`: only headers are read until samples are asked for.

    `variable` names one of several in a NetCDF, HDF5 or MATLAB file. MATLAB files of version 5 can only be
    read whole. What a file does not say is absent from the scene, with a ScenePropertyWarning where it
    matters. Raises InputNotFoundError, ReadError when the file is not what it claims to be, and SceneError
    when it is no scene.
    """
    file = Path(path)
    if not os.path.lexists(file):
        raise InputNotFoundError(f"{file}: no such file")
    try:
        module = importlib.import_module(_module_of(file))
        if variable is not None and module.__name__.rpartition(".")[2] in _ONE_SCENE:
            raise SceneError(f"{file}: it holds one scene, so there is no variable {variable!r} to choose")
        scene: xr.DataArray = module.open_scene(file, variable)
    except HypressError:
        raise
    except OSError as error:
        raise ReadError(f"{file}: {error.strerror or error}") from error
    return scene


def _module_of(file: Path) -> str:
    """The module that reads a file, by its content first and its ending second."""
    ending = file.suffix.lower()
    if file.is_dir() or ending == ".xml" or "SPECTRAL_IMAGE" in file.name.upper():
        from hypress.io import enmap

        if enmap.belongs(file):
            return "hypress.io.enmap"
        if file.is_dir():
            raise ReadError(f"{file}: a folder, but not one of an EnMAP product (no *SPECTRAL_IMAGE*.TIF in it)")
    with file.open("rb") as stream:
        lead = stream.read(520)
    if ending == ".mat":
        return "hypress.io.matlab"
    if (found := _by_content(file, lead)) is not None:
        return found
    form = next((form for form in FORMATS if ending in form.reads), None)
    if form is None or form.module == "hypress.io.enmap":
        from hypress.io import envi

        if envi.header_of(file) is not None:
            return "hypress.io.envi"
        raise SceneError(f"{file}: not a format that is read; endings that are: {', '.join(READERS)}")
    if form.module == "hypress.io.envi":
        return form.module
    raise ReadError(f"{file}: the content is no {form.name}, whatever its ending says")


def _by_content(file: Path, lead: bytes) -> str | None:
    if lead.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "hypress.io.geotiff"
    if lead.startswith(b"\x93NUMPY"):
        return "hypress.io.npy"
    if lead.startswith(b"MATLAB "):
        return "hypress.io.matlab"
    if lead.startswith((b"CDF\x01", b"CDF\x02", b"CDF\x05")):
        raise ReadError(f"{file}: NetCDF classic is not read: convert it with `nccopy -k nc4 {file.name} …`")
    if lead.startswith(_HDF5) or lead[512:520] == _HDF5:
        return _hdf5_module(file)
    return None


def _hdf5_module(file: Path) -> str:
    from hypress.io import emit, hdf5, prisma

    with hdf5.reading(file) as opened:
        known = next((module for module in (emit, prisma) if module.belongs(opened)), None)
    return known.__name__ if known is not None else "hypress.io.netcdf"


def is_scene_file(path: str | os.PathLike[str]) -> bool:
    """Whether a file's name says that it is a scene, so that a folder's scenes are listed once each.

    Of an ENVI pair that is the header; of an EnMAP product, the spectral image.
    """
    file = Path(path)
    ending = file.suffix.lower()
    if ending not in READERS or ending == ".xml" or "-QL_" in file.name.upper() or not file.is_file():
        return False
    if READERS[ending] != "ENVI":
        return True
    from hypress.io import envi, envi_header

    return ending == ".hdr" and envi_header.is_header(file) and bool(envi.data_candidates(file))


def write_scene(scene: xr.DataArray, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a scene to a file whose ending says the format; `WRITERS` lists them.

    Samples are streamed, so memory stays small however large the scene. The file appears whole or not at
    all: it is written in a folder beside the target and moved at the end, an ENVI header after its data.
    What the format cannot hold is said by a ScenePropertyWarning. Raises SceneError, OutputExistsError and
    WriteError.
    """
    target = Path(path)
    check(scene)
    form = next((form for form in FORMATS if target.suffix.lower() in form.writes), None)
    if form is None:
        raise WriteError(f"{target}: no format of that ending is written; endings that are: {', '.join(WRITERS)}")
    module = importlib.import_module(form.writer or form.module)
    _check_free(target, module, overwrite)
    try:
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name[:64]}.", suffix=".part", dir=target.parent))
    except OSError as error:
        raise WriteError(f"{target}: {error.strerror or error}") from error
    try:
        files = module.write_scene(scene, target, staging)
        for file in files:
            _flush(staging / file.name)
        if overwrite and len(files) > 1:
            files[-1].unlink(missing_ok=True)  # an old header must not describe new data
        for file in files:
            os.replace(staging / file.name, file)
    except HypressError:
        raise
    except OSError as error:
        raise WriteError(f"{target}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(staging)


def _check_free(target: Path, module: Any, overwrite: bool) -> None:
    outputs = module.targets(target) if hasattr(module, "targets") else (target,)
    for output in outputs:
        if output.is_dir() or (os.path.lexists(output) and not overwrite):
            raise OutputExistsError(
                f"{output} exists" + ("" if output.is_dir() else ": pass overwrite=True to replace it")
            )
    if hasattr(module, "check_neighbours"):
        module.check_neighbours(target)


def _flush(file: Path) -> None:
    """Make sure that the bytes are on disk: only now does a full disk show."""
    descriptor = os.open(file, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
