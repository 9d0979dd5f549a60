"""A scene that is open for looking at, placed in the frame that all layers of a page share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr

from hypress import scene as scenes
from hypress.files import open_scene
from hypress.view.blocks import open_source
from hypress.view.sources import Memory, Part, Source


@dataclass
class Layer:
    """One scene. `origin` is its first row and column in the frame: a compressed window lies where it was cut."""

    name: str
    path: str
    source: Source
    origin: tuple[int, int] = (0, 0)
    variable: str | None = None
    about: dict[str, Any] = field(default_factory=dict)
    """What is known of how it came about, for a trial."""

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        memory: Memory | None = None,
        *,
        name: str | None = None,
        variable: str | None = None,
        origin: tuple[int, int] = (0, 0),
    ) -> Layer:
        """Any scene or store that hypress reads, lazily. Raises as `open_scene`."""
        where = os.fspath(path)
        scene = open_scene(where, variable=variable)
        scenes.check(scene)
        source = open_source(where, scene, memory or Memory())
        return cls(name or os.path.basename(where.rstrip("/")), where, source, origin, variable)

    @property
    def scene(self) -> xr.DataArray:
        """The scene, lazy."""
        return self.source.scene

    @property
    def bands(self) -> int:
        """Number of bands."""
        return self.source.shape[0]

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the frame that it covers."""
        (row, column), (_, rows, columns) = self.origin, self.source.shape
        return slice(row, row + rows), slice(column, column + columns)

    def read(
        self, bands: Sequence[int], rows: range, columns: range, *, until: float | None = None, glance: bool = False
    ) -> Part:
        """Samples at places of the frame, of which those outside of the layer are not known; see `Source.read`."""
        (row, column), (_, high, wide) = self.origin, self.source.shape
        y, inner_rows = _clip(rows, row, high)
        x, inner_columns = _clip(columns, column, wide)
        if len(inner_rows) == len(rows) and len(inner_columns) == len(columns):
            return self.source.read(bands, inner_rows, inner_columns, until=until, glance=glance)
        samples = np.zeros((len(bands), len(rows), len(columns)), self.source.dtype)
        known = np.zeros((len(rows), len(columns)), bool)
        if not len(inner_rows) or not len(inner_columns):
            return Part(samples, known)
        part = self.source.read(bands, inner_rows, inner_columns, until=until, glance=glance)
        samples[:, y, x], known[y, x] = part.samples, part.known
        return replace(part, samples=samples, known=known)

    def sample(self, bands: Sequence[int], *, pixels: int = 1 << 16, until: float | None = None) -> Part:
        """About so many pixels spread evenly over the layer, at a glance, for its statistics."""
        (row, column), (_, high, wide) = self.origin, self.source.shape
        step = 1
        while (high // step) * (wide // step) > pixels:
            step *= 2
        first = -(-row // step) * step, -(-column // step) * step
        rows, columns = range(first[0], row + high, step), range(first[1], column + wide, step)
        return self.read(bands, rows, columns, until=until, glance=True)


def _clip(places: range, start: int, size: int) -> tuple[slice, range]:
    """Which of the places lie in `start … start + size`, and where they lie there."""
    low = max(0, -(-(start - places.start) // places.step))
    high = max(low, min(len(places), -(-(start + size - places.start) // places.step)))
    inside = places[low:high]
    return slice(low, high), range(inside.start - start, inside.stop - start, places.step) if len(inside) else range(0)
