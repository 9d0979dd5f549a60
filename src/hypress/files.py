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

from hypress import scene as scenes
from hypress import store
from hypress.codestream import Header, inspect
from hypress.errors import InputNotFoundError, ReadError
from hypress.restore import decode

BARE_ENDING = ".hyp"


def open_scene(path: str | os.PathLike[str], *, variable: str | None = None) -> xr.DataArray:
    """A scene, lazy: of a store, of a `.hyp` file, or of any format in `docs/formats.md`.

    `variable` names the array where a file holds several. Raises InputNotFoundError, ReadError, SceneError.
    """
    where = os.fspath(path)
    if store.is_store(where):
        return store.open_store(where, variable=variable)
    if where.endswith(BARE_ENDING):
        return open_bare(where)
    from hypress.io import open_scene as open_foreign

    return open_foreign(where, variable=variable)


def open_bare(path: str | os.PathLike[str], *, max_bytes: int | None = None) -> xr.DataArray:
    """The scene of one bare codestream. It holds samples and nodata; wavelengths and place need a store.

    Nothing but the header is decoded until samples are asked for; then all are, once.
    Raises InputNotFoundError, ReadError, CodestreamError.
    """
    data = read_bare(path)
    header = inspect(data)
    scene = scenes.make(indexing.LazilyIndexedArray(_Bare(data, header, max_bytes)), nodata=header.nodata)
    scene.encoding["preferred_chunks"] = dict(zip(scenes.DIMS, header.shape, strict=True))
    return scene


def read_bare(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a codestream file. Raises InputNotFoundError, ReadError."""
    try:
        return Path(path).read_bytes()
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
