"""Samples on disk as a lazy array: xarray asks for a window, a source reads that window and no more."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from xarray.backends import BackendArray
from xarray.core import indexing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hypress.io.facts import Facts

RUNS = 64
"""A list of indices is read as at most so many slices; beyond, as the one slice that spans it."""


@dataclass(frozen=True)
class Source(ABC):
    """Where samples lie on disk. Small, immutable and picklable: it opens its file anew for each read,
    so threads and processes may share it."""

    path: str
    shape: tuple[int, int, int]
    """`(band, y, x)`."""
    dtype: np.dtype[Any]
    """Sample type in native byte order."""

    @abstractmethod
    def read(self, bands: slice, rows: slice, cols: slice) -> NDArray[Any]:
        """The window as `(band, y, x)`. Slices have bounds within the shape and positive steps.

        Raises ReadError when the file cannot give these samples.
        """

    def chunks(self) -> dict[str, int] | None:
        """The blocks in which the file is best read, or None if it does not matter."""
        return None


class LazyArray(BackendArray):
    """xarray's view of a source."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.shape = source.shape
        self.dtype = source.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> NDArray[Any]:
        axes = [_axis(index, size) for index, size in zip(key, self.shape, strict=True)]
        counts = [sum(_length(part) for part in parts) for parts, _ in axes]
        if 0 in counts:
            window = np.empty(counts, self.dtype)
        elif all(len(parts) == 1 for parts, _ in axes):
            window = self.source.read(*(parts[0] for parts, _ in axes))
        else:
            window = np.empty(counts, self.dtype)
            for corner in product(*(_placed(parts) for parts, _ in axes)):
                window[tuple(into for into, _ in corner)] = self.source.read(*(part for _, part in corner))
        for axis, (_, pick) in reversed(list(enumerate(axes))):
            if pick is not None:
                window = window.take(pick, axis=axis)
        return window


def _axis(index: Any, size: int) -> tuple[list[slice], Any]:
    """One axis' index as slices to read, and what to pick of them (None: all, an int: drop the axis)."""
    if isinstance(index, slice):
        start, stop, step = index.indices(size)
        return [slice(start, max(start, stop), step)], None
    if np.ndim(index) == 0:
        at = int(index) % size
        return [slice(at, at + 1, 1)], 0
    listed = np.asarray(index)
    unique, pick = np.unique(np.where(listed < 0, listed + size, listed), return_inverse=True)
    if unique.size == 0:
        return [slice(0, 0, 1)], None
    runs = np.split(unique, np.flatnonzero(np.diff(unique) != 1) + 1)
    if len(runs) <= RUNS:
        return [slice(int(run[0]), int(run[-1]) + 1, 1) for run in runs], pick
    return [slice(int(unique[0]), int(unique[-1]) + 1, 1)], (unique - unique[0])[pick]


def _length(part: slice) -> int:
    return len(range(part.start, part.stop, part.step))


def _placed(parts: list[slice]) -> list[tuple[slice, slice]]:
    """Each slice with where its samples go."""
    stops = np.cumsum([_length(part) for part in parts]).tolist()
    return [(slice(stop - _length(part), stop), part) for stop, part in zip(stops, parts, strict=True)]


def lazy(source: Source) -> Any:
    """The samples of a source as an array that xarray reads when asked, and copies when written to."""
    array: Any = indexing.LazilyIndexedArray(LazyArray(source))
    return indexing.CopyOnWriteArray(array)


def open_lazy(source: Source, facts: Facts, name: str = "scene") -> Any:
    """A source as a lazy scene with these facts."""
    scene = facts.dress(lazy(source), name)
    scene.encoding["source"] = source.path
    if (chunks := source.chunks()) is not None:
        scene.encoding["preferred_chunks"] = chunks
    return scene
