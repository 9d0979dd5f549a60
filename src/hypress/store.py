"""A scene on disk: a Zarr v3 array whose chunks are codestreams, with the coordinates beside it.

    scene.zarr/                 a directory, the same packed as scene.zarr.zip, or any fsspec URL
      zarr.json                 group: consolidated metadata; written last, so that an unfinished store does not open
      scene/zarr.json           the array `(band, y, x)`: sample type, tile grid, codec "hypress", attributes
      scene/c/0/0/0 …           tiles, each a codestream
      wavelength/ fwhm/ good_band/ y/ x/ spatial_ref/
      overview/                 group, in stores of large scenes: a coarse copy to look at, see `jobs.overview`
        scene/zarr.json  scene/c/0/0/0 …

We write no container and no index of our own: Zarr, fsspec and xarray are those.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import msgspec
import numpy as np
import xarray as xr

from hypress import scene as scenes
from hypress.codestream import MAX_HEADER, Header, measure
from hypress.errors import (
    CodestreamError,
    GoalError,
    InputNotFoundError,
    OutputExistsError,
    ReadError,
    SceneError,
    WriteError,
)
from hypress.goal import Psnr, Rate
from hypress.tiles import Grid, Tile
from hypress.whole import write_whole

ARRAY = "scene"
OVERVIEW = "overview"
COARSE_DIMS = ("band", "overview_y", "overview_x")
"""An overview's dimensions: xarray wants those of one name to have one size throughout a store."""
JOB = "hypress-job.json"
ROOT = "zarr.json"
DIRECTORY_ENDING, ZIP_ENDING = ".zarr", ".zarr.zip"


def is_store(path: str | os.PathLike[str]) -> bool:
    """Whether a path names a store, by its ending."""
    return str(path).rstrip("/").endswith((DIRECTORY_ENDING, ZIP_ENDING))


def is_remote(path: str | os.PathLike[str]) -> bool:
    """Whether a path is an fsspec URL of something else than the local file system."""
    protocol = str(path).partition("://")[0] if "://" in str(path) else "file"
    return protocol not in ("file", "local")


# --- reading -------------------------------------------------------------------------------------


def open_store(
    path: str | os.PathLike[str], *, variable: str | None = None, goal: Rate | Psnr | None = None
) -> xr.DataArray:
    """The scene in a store, lazy: a tile is decoded when samples of it are asked for.

    Any Zarr group with one array of three dimensions will do; where it has several, name the `variable`. With a
    `goal`, no more of each tile is read than that needs, where its codec is embedded.
    Raises InputNotFoundError, ReadError, SceneError.
    """
    dataset = open_store_dataset(path)
    if goal is not None:
        if isinstance(goal, Psnr) and goal.peak is None:
            goal = msgspec.structs.replace(goal, peak=_peak_of(dataset, path))
        dataset = open_store_dataset(path, goal=goal)
    candidates = {str(k): v.shape for k, v in dataset.data_vars.items() if v.ndim == 3}
    if variable is None:
        variable = ARRAY if ARRAY in candidates else next(iter(candidates), None) if len(candidates) == 1 else None
    if variable is None or variable not in candidates:
        raise SceneError(
            f"{path}: name the variable that is the scene; there are {candidates or 'none of 3 dimensions'}"
        )
    scene = dataset[variable]
    if scene.dims != scenes.DIMS:
        scene = scene.rename(dict(zip(scene.dims, scenes.DIMS, strict=True)))
    scene.encoding = {k: v for k, v in scene.encoding.items() if k in ("grid_mapping", "preferred_chunks")}
    return scene


def open_store_dataset(
    path: str | os.PathLike[str], *, mask_and_scale: bool = False, goal: Rate | Psnr | None = None
) -> xr.Dataset:
    """A store as xarray opens it, lazily. Raises InputNotFoundError, ReadError."""
    where = str(path).rstrip("/")
    try:
        if not (Path(where).exists() if where.endswith(ZIP_ENDING) and not is_remote(where) else _exists(where)):
            raise InputNotFoundError(f"{where} does not exist")
        target = _target(where)
        if goal is not None:
            from hypress.zarr_prefix import PrefixStore

            target = PrefixStore(target, goal)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Failed to open Zarr store with consolidated metadata")
            return xr.open_zarr(target, chunks=None, mask_and_scale=mask_and_scale, decode_coords="all")
    except InputNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        unfinished = " (it is unfinished: its root metadata is missing)" if _lacks_root(where) else ""
        raise ReadError(f"{where} is no readable Zarr store{unfinished}: {error}") from error


def _target(where: str) -> Any:
    """A path or URL as Zarr's own kind of store, to read."""
    from zarr.storage import FsspecStore, LocalStore, ZipStore

    if is_remote(where):
        return FsspecStore.from_url(where, read_only=True)
    if where.endswith(ZIP_ENDING):
        return ZipStore(where, mode="r")
    return LocalStore(fsspec.core.url_to_fs(where)[1], read_only=True)


def _peak_of(dataset: xr.Dataset, path: Any) -> float:
    """The peak that the store's PSNR refers to."""
    for variable in dataset.data_vars.values():
        if "compression_psnr_peak" in variable.attrs:
            return float(variable.attrs["compression_psnr_peak"])
    raise GoalError(f"{path} does not say the peak of its samples: give one (--peak)")


@dataclass(frozen=True)
class Coarse:
    """What a store says of its overview: how it is tiled, and that it has every `spacing`-th row and column."""

    grid: Grid
    spacing: int


@dataclass(frozen=True)
class Chunks:
    """The codestreams of a store, by tile: for those who want bytes rather than samples."""

    path: str
    grid: Grid
    array: str = ARRAY
    """The array's key."""
    spacing: int = 1
    """An overview's: it has every so-many-th row and column of the scene."""

    @classmethod
    def of(cls, path: str | os.PathLike[str], scene: xr.DataArray | None = None) -> Chunks:
        """The chunks of the store at `path`, whose `scene` may be open already. Raises as `open_store`."""
        scene = open_store(path) if scene is None else scene
        chunks = scene.encoding.get("preferred_chunks", {})
        tile = tuple(chunks.get(d, n) for d, n in scene.sizes.items())
        return cls(str(path).rstrip("/"), Grid.of(scene.shape, tile))  # type: ignore[arg-type]

    def overview(self, dtype: np.dtype[Any]) -> Chunks | None:
        """Those of the overview of these, the scene's own; None where there is none, or none that fits the scene."""
        import zarr

        key = f"{OVERVIEW}/{ARRAY}"
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, AttributeError):
            array = zarr.open_array(_target(self.path), path=key, mode="r")
            spacing = array.attrs.get("spacing")
            if not isinstance(spacing, int) or spacing < 2 or array.dtype != dtype or min(array.chunks) < 1:
                return None
            bands, rows, columns = self.grid.shape
            if array.shape == (bands, -(-rows // spacing), -(-columns // spacing)):
                return Chunks(self.path, Grid.of(array.shape, array.chunks), key, spacing)
        return None

    def read(self, tile: Tile, first: int | None = None) -> bytes | None:
        """One codestream, or its `first` bytes; None where the store lacks it. Raises ReadError."""
        fs, root = _filesystem(self.path)
        try:
            key = f"{self.array}/{tile.key}"
            return bytes(fs.cat_file(f"{root}/{key}" if root else key, end=first))
        except (FileNotFoundError, KeyError):
            return None
        except (OSError, zipfile.BadZipFile) as error:
            raise ReadError(f"{self.path}: tile {tile.index} cannot be read: {error}") from error

    def head(self, tile: Tile) -> tuple[Header, int] | None:
        """One codestream's header and its size in bytes, read without the rest. Raises CodestreamError."""
        data = self.read(tile, 1 << 12)
        if data is None:
            return None
        try:
            return measure(data)
        except CodestreamError:  # a longer header than most, or damage
            return measure(self.read(tile, 2 * MAX_HEADER) or b"")


def size_on_disk(path: str | os.PathLike[str]) -> int:
    """Bytes of a file, or of all files of a store."""
    if is_remote(path):
        fs, root = fsspec.core.url_to_fs(str(path))
        return int(fs.du(root))
    local = Path(path)
    if local.is_dir():
        return sum(f.stat().st_size for f in local.rglob("*") if f.is_file())
    return local.stat().st_size


def _exists(path: str) -> bool:
    fs, root = fsspec.core.url_to_fs(path)
    return bool(fs.exists(root))


def _lacks_root(path: str) -> bool:
    with contextlib.suppress(OSError, ValueError, KeyError, zipfile.BadZipFile):
        fs, root = _filesystem(path)
        return not fs.exists(f"{root}/{ROOT}" if root else ROOT)
    return False


def _filesystem(path: str) -> tuple[Any, str]:
    if path.endswith(ZIP_ENDING):
        from fsspec.implementations.zip import ZipFileSystem

        return ZipFileSystem(path), ""
    fs, root = fsspec.core.url_to_fs(path)
    return fs, root


# --- writing -------------------------------------------------------------------------------------


def metadata(
    scene: xr.DataArray, grid: Grid, attrs: Mapping[str, Any], coarse: Coarse | None = None
) -> dict[str, bytes]:
    """All of a store but its tiles and those of its overview: key to bytes, the root's metadata last."""
    import dask.array
    import zarr
    from zarr.storage import MemoryStore

    from hypress.zarr_codec import HypressCodec

    nodata = scenes.nodata(scene)
    template = scene.copy(data=dask.array.zeros(scene.shape, chunks=scene.shape, dtype=scene.dtype))
    kept = {k: v for k, v in scene.attrs.items() if k != "_FillValue" and not str(k).startswith("compression")}
    template.attrs = kept | dict(attrs)
    fill = scene.dtype.type(0 if nodata is None else nodata)
    encoding: dict[str, Any] = {
        "serializer": HypressCodec(),
        "compressors": (),
        "filters": (),
        "chunks": grid.tile,
        "fill_value": fill,
        "_FillValue": None if nodata is None else fill,  # None: xarray would say NaN of floats by itself
    }
    template.encoding = {}
    georeference = {"grid_mapping": "spatial_ref"} if "spatial_ref" in scene.coords else {}
    for coordinate in template.coords.values():
        coordinate.encoding = {}
    entries: dict[str, Any] = {}
    store = MemoryStore(entries)
    with zarr.config.set({"json_indent": None}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part")
        template.to_dataset(name=ARRAY).to_zarr(
            store, compute=False, zarr_format=3, consolidated=True, encoding={ARRAY: encoding | georeference}
        )
        if coarse is not None:
            small = dask.array.zeros(coarse.grid.shape, chunks=coarse.grid.shape, dtype=scene.dtype)
            overview = xr.DataArray(small, dims=COARSE_DIMS, attrs={"spacing": coarse.spacing})
            overview.to_dataset(name=ARRAY).to_zarr(
                store,
                group=OVERVIEW,
                compute=False,
                zarr_format=3,
                consolidated=False,
                encoding={ARRAY: encoding | {"chunks": coarse.grid.tile}},
            )
            zarr.consolidate_metadata(store, zarr_format=3)
    return {key: entries[key].to_bytes() for key in sorted(entries, key=lambda key: (key == ROOT, key))}


@dataclass(frozen=True)
class Writer:
    """A store under construction. Until `finish`, nothing that opens stands at `path`.

    A local store grows in `path + ".part"` and is renamed when whole; a remote one lacks its root metadata until
    the end. Picklable: workers elsewhere put their tiles themselves.
    """

    path: str

    @property
    def work(self) -> str:
        """Where the tiles are put."""
        return self.path if is_remote(self.path) else self.path + ".part"

    def begin(self, job: Mapping[str, Any], *, overwrite: bool, resume: bool) -> None:
        """Make ready, keeping the tiles of an interrupted `job` if `resume`. Raises OutputExistsError, WriteError."""
        if is_remote(self.path) and self.path.endswith(ZIP_ENDING):
            raise WriteError(f"a {ZIP_ENDING} is packed on a local disk; write {self.path} as a {DIRECTORY_ENDING} URL")
        fs, work = fsspec.core.url_to_fs(self.work)
        if _exists(self.path) and not (is_remote(self.path) and resume and not fs.exists(f"{work}/{ROOT}")):
            if not overwrite:
                raise OutputExistsError(f"{self.path} exists; choose another name or allow overwriting (--overwrite)")
            if is_remote(self.path):
                fs.rm(work, recursive=True)
        with _writing(self.path):
            if fs.exists(f"{work}/{JOB}"):
                if resume:
                    self._match(json.loads(fs.cat_file(f"{work}/{JOB}")), job)
                    return
                fs.rm(work, recursive=True)
            elif not is_remote(self.path) and fs.exists(work):
                raise OutputExistsError(f"{self.work} is in the way and is no unfinished store: move it")
            self.put(JOB, json.dumps(job).encode())

    def _match(self, found: Mapping[str, Any], job: Mapping[str, Any]) -> None:
        if found != json.loads(json.dumps(job)):
            differ = ", ".join(k for k in sorted({*found, *job}) if found.get(k) != json.loads(json.dumps(job)).get(k))
            raise OutputExistsError(
                f"{self.work} was begun with another {differ}; run it as then, or without --resume to start afresh"
            )

    def put(self, key: str, data: bytes) -> None:
        """Store `data` under `key`, whole or not at all. Raises WriteError."""
        fs, root = fsspec.core.url_to_fs(self.work)
        with _writing(self.path):
            if is_remote(self.path):
                fs.pipe_file(f"{root}/{key}", data)
                return
            target = Path(root) / key
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, data)

    def get(self, key: str) -> bytes | None:
        """What an interrupted job had put under `key`."""
        fs, root = fsspec.core.url_to_fs(self.work)
        try:
            return bytes(fs.cat_file(f"{root}/{key}"))
        except (FileNotFoundError, KeyError):
            return None

    def finish(self, entries: Mapping[str, bytes]) -> int:
        """Add the metadata, put the store in its place, and return its size in bytes. Raises WriteError."""
        for key, data in entries.items():
            self.put(key, data)
        fs, root = fsspec.core.url_to_fs(self.work)
        with _writing(self.path):
            fs.rm(f"{root}/{JOB}")
            if not is_remote(self.path):
                self._put_in_place(Path(root), Path(self.path))
        return size_on_disk(self.path)

    def _put_in_place(self, work: Path, path: Path) -> None:
        if self.path.endswith(ZIP_ENDING):
            packed = path.with_name(path.name + ".packing")
            try:
                _pack(work, packed)
                os.replace(packed, path)
            finally:
                packed.unlink(missing_ok=True)
            shutil.rmtree(work)
            return
        if path.exists():
            retired = path.with_name(path.name + ".replaced")
            path.rename(retired)
            work.rename(path)
            shutil.rmtree(retired) if retired.is_dir() else retired.unlink()
        else:
            work.rename(path)

    def abandon(self) -> None:
        """Remove what was written."""
        with contextlib.suppress(OSError):
            fs, root = fsspec.core.url_to_fs(self.work)
            if fs.exists(root):
                fs.rm(root, recursive=True)


ZIP_ENTRY_BYTES = 2 * 46 + 30
"""What a zip file adds to an entry at least, besides its name twice."""


def _pack(folder: Path, target: Path) -> None:
    """A folder as a zip file: tiles as they are, metadata deflated, the same bytes for the same content."""
    with zipfile.ZipFile(target, "w") as packed:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED if path.name == ROOT else zipfile.ZIP_STORED
            with (
                path.open("rb") as source,
                packed.open(entry, "w", force_zip64=path.stat().st_size > 1 << 31) as out,
            ):
                shutil.copyfileobj(source, out, 1 << 20)


@contextlib.contextmanager
def _writing(path: str) -> Iterator[None]:
    try:
        yield
    except (WriteError, OutputExistsError):
        raise
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error.strerror or error}") from error


def as_bare(value: Any) -> Any:
    """A numpy scalar as a Python number, for JSON."""
    return value.item() if isinstance(value, np.generic) else value
