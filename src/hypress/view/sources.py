"""Samples of any scene at any spacing, for looking at.

Looking takes every n-th sample rather than means: each pixel on the screen is then a pixel of the scene, errors do not
average out, and nodata stays nodata.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hypress.errors import HypressError, ReadError
from hypress.store import is_remote
from hypress.view.cache import Cache
from hypress.view.workers import Workers


@dataclass
class Memory:
    """What the sources of one process share: threads, and bounded room."""

    workers: Workers = field(default_factory=Workers)
    blocks: Cache = field(default_factory=lambda: Cache(160 << 20))
    """Whole decoded blocks, all bands."""
    planes: Cache = field(default_factory=lambda: Cache(64 << 20))
    """Single bands at the spacing in which they were shown."""


@dataclass
class Part:
    """Samples `(band, y, x)` at the asked places; `known` `(y, x)` says where they mean something."""

    samples: NDArray[Any]
    known: NDArray[np.bool_]
    exact: bool = True
    """False where some are missing yet, or stand for a coarser spacing."""
    problems: tuple[str, ...] = ()
    """What cannot be decoded, in sentences."""
    overview: bool = False
    """Whether the store's coarse copy stands for some of them."""


class Source(ABC):
    """Samples of one scene, in its own rows and columns."""

    def __init__(self, path: str, scene: xr.DataArray) -> None:
        self.path = path
        self.scene = scene
        self.shape: tuple[int, int, int] = scene.shape  # type: ignore[assignment]
        self.dtype = scene.dtype

    @abstractmethod
    def read(
        self, bands: Sequence[int], rows: range, columns: range, *, until: float | None = None, glance: bool = False
    ) -> Part:
        """The samples at these places, which lie in the scene; rows and columns have the same step.

        `until`, of the monotonic clock, bounds the wait: what is not decoded by then is not `known`. None waits for
        everything. With `glance` they need only be good to look at. Raises ReadError where nothing can be read at all.
        """

    def check_there(self) -> None:
        """Raise ReadError where the file is gone since it was opened."""
        if not is_remote(self.path) and not os.path.exists(self.path):
            raise ReadError(f"{self.path} has vanished since it was opened")


class PlainSource(Source):
    """A scene that xarray reads window by window, as fast as its file allows."""

    def __init__(self, path: str, scene: xr.DataArray, memory: Memory) -> None:
        super().__init__(path, scene)
        self._memory = memory

    def read(
        self, bands: Sequence[int], rows: range, columns: range, *, until: float | None = None, glance: bool = False
    ) -> Part:
        """As `Source.read`; a window is read at once, as it is."""
        key = (id(self), tuple(bands), rows, columns)
        samples = self._memory.planes.get(key)
        if samples is None:
            self.check_there()
            try:
                window = (_index(bands), _slice(rows), _slice(columns))
                samples = np.ascontiguousarray(self.scene.variable[window].to_numpy())
            except HypressError:
                raise
            except (OSError, KeyError, ValueError) as error:
                self.check_there()
                raise ReadError(f"{self.path} cannot be read: {error}") from error
            self._memory.planes.put(key, samples)
        return Part(samples, np.ones((len(rows), len(columns)), bool))


def _index(bands: Sequence[int]) -> slice | list[int]:
    """Bands as a slice where they follow one another, which every format reads at once."""
    listed = list(bands)
    return slice(listed[0], listed[-1] + 1) if listed == list(range(listed[0], listed[-1] + 1)) else listed


def _slice(places: range) -> slice:
    return slice(places.start, places.stop, places.step)
