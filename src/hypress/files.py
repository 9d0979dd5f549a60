"""Which reader for which path: stores, bare codestreams, and every format of `hypress.io`."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from hypress import prefix, store
from hypress import scene as scenes
from hypress.codec import Codec, find, of_standard
from hypress.codestream import Header, inspect
from hypress.errors import GoalError, InputNotFoundError, ReadError
from hypress.goal import Psnr, Rate
from hypress.restore import decode

BARE_ENDING = ".hyp"


def open_scene(
    path: str | os.PathLike[str],
    *,
    variable: str | None = None,
    goal: Rate | Psnr | None = None,
    codec: Codec | None = None,
) -> xr.DataArray:
    """A scene, lazy: of a store, of a `.hyp` file, of a standard's own stream, or of any format in `docs/formats.md`.

    `variable` names the array where a file holds several. With a `goal`, no more of each embedded codestream is read
    than that needs. `codec` tells what the header of a standard's stream leaves out. Raises InputNotFoundError,
    ReadError, SceneError, CodestreamError, and GoalError for a goal that the file cannot meet.
    """
    where = os.fspath(path)
    if store.is_store(where):
        return store.open_store(where, variable=variable, goal=goal)
    if where.endswith(BARE_ENDING):
        return open_bare(where, goal=goal)
    if goal is not None:
        raise GoalError(f"{where}: only stores and {BARE_ENDING} files of embedded codecs can be read in part")
    if (standard := of_standard(where)) is not None:
        return open_standard(where, codec if codec is not None else find(standard)())
    from hypress.io import open_scene as open_foreign

    return open_foreign(where, variable=variable)


def open_bare(
    path: str | os.PathLike[str], *, max_bytes: int | None = None, goal: Rate | Psnr | None = None
) -> xr.DataArray:
    """The scene of one bare codestream. It holds samples and nodata; wavelengths and place need a store.

    Nothing but the header is decoded until samples are asked for; then all are, once.
    With a `goal`, no more of an embedded codestream is read than that needs.
    Raises InputNotFoundError, ReadError, CodestreamError, GoalError.
    """
    if goal is None:
        data = read_bare(path)
    else:
        count = prefix.needed(read_bare(path, prefix.HEAD_BYTES), goal)
        data = prefix.cut(read_bare(path, count), goal)
    header = inspect(data)
    scene = scenes.make(indexing.LazilyIndexedArray(_Bare(data, header, max_bytes)), nodata=header.nodata)
    scene.encoding["preferred_chunks"] = dict(zip(scenes.DIMS, header.shape, strict=True))
    return scene


def open_standard(path: str | os.PathLike[str], codec: Codec) -> xr.DataArray:
    """The scene of a standard's own stream, such as `.ccsds123`; read whole. It holds samples and nothing else.

    Raises InputNotFoundError, ReadError, CodestreamError, LimitError.
    """
    return scenes.make(codec.from_standard(read_bare(path)))


def read_bare(path: str | os.PathLike[str], count: int | None = None) -> bytes:
    """The bytes of a codestream file, or its first `count`. Raises InputNotFoundError, ReadError."""
    try:
        with Path(path).open("rb") as file:
            return file.read(-1 if count is None else count)
    except FileNotFoundError:
        raise InputNotFoundError(f"{os.fspath(path)} does not exist") from None
    except OSError as error:
        raise ReadError(f"{os.fspath(path)} cannot be read: {error.strerror or error}") from error


class _Bare(BackendArray):
    """A codestream as a lazy array; decoded when first touched, and kept."""

    def __init__(self, data: bytes, header: Header, max_bytes: int | None) -> None:
        self.shape = header.shape
        self.dtype = np.dtype(header.dtype)
        self._data, self._max_bytes = data, max_bytes
        self._decoded: np.ndarray[Any, Any] | None = None
        self._lock = threading.Lock()

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER_1VECTOR, self._part)

    def _part(self, key: tuple[Any, ...]) -> np.ndarray[Any, Any]:
        with self._lock:
            if self._decoded is None:
                self._decoded = decode(self._data, max_bytes=self._max_bytes)
        return self._decoded[key]

    def __getstate__(self) -> dict[str, Any]:
        return {"data": self._data, "max_bytes": self._max_bytes}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["data"], inspect(state["data"]), state["max_bytes"])  # type: ignore[misc]
