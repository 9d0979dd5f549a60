"""Components as lists of subbands, each of norm one, in the lanes in which they are coded.

A lane is coded by itself: two of them occupy two processors, both ways. One lane has the finest horizontal and diagonal
details, which are half of all coefficients, the other the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.once import once
from hypress.tcq.halves import LARGE, T, halves, side_by_side
from hypress.transforms import dwt3d
from hypress.transforms.dwt3d import Levels, Subband

TWO_LANES = LARGE
"""Coefficients from which on there are two lanes: each of them learns by itself."""


@dataclass(frozen=True)
class Layout:
    """Where the subbands of components are."""

    shape: tuple[int, int, int]
    """`(component, y, x)`."""
    levels: int
    """Wavelet splits."""

    @once
    def bands(self) -> list[Subband]:
        """The subbands, lowest frequencies first."""
        return dwt3d.subbands((1, *self.shape[1:]), Levels(0, self.levels), reversible=False)

    @once
    def lanes(self) -> list[list[int]]:
        """The numbers of the subbands that each lane codes, in order."""
        every = range(len(self.bands))
        if np.prod(self.shape) < TWO_LANES:
            return [list(every)]
        fine = [i for i in every if self.bands[i].spatial == 1 and self.bands[i].high[2]]
        return [fine, [i for i in every if i not in fine]]

    def split(self, components: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Coefficients `(component, y, x)` of each subband, scaled so that an error of 1 is an error of 1."""
        planes = self._by_halves(dwt3d.forward, components.copy())
        return [planes[:, b.where[1], b.where[2]] * np.float32(b.norm) for b in self.bands]

    def join(self, lattice: Sequence[NDArray[np.int32]], step: float) -> NDArray[np.float64]:
        """Components `(component, y, x)` from the multiples of `step` in each subband."""
        planes = np.empty(self.shape)
        for band, values in zip(self.bands, lattice, strict=True):
            np.multiply(values, step / band.norm, out=planes[:, band.where[1], band.where[2]])
        return self._by_halves(dwt3d.inverse, planes)

    def _by_halves(self, transform: Callable[..., Any], planes: NDArray[Any]) -> NDArray[Any]:
        """All planes transformed in place, two threads taking half of them each."""
        parts = [planes[half] for half in halves(len(planes), planes.size)]
        side_by_side(lambda half: transform(half, Levels(0, self.levels), reversible=False), parts)
        return planes

    def siblings(self, lane: Sequence[int], place: int, known: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
        """Mean magnitudes of the other orientations that come before `lane[place]`; no components if there are none."""
        band = self.bands[lane[place]]
        same = [i for i in lane[:place] if self.bands[i].spatial == band.spatial]
        if not same:
            return np.zeros((0, 1, 1), np.int32)
        total = sum(_fitted(known[i], band.shape[1:]) for i in same)
        return np.ascontiguousarray(total // len(same), np.int32)

    def each_lane(self, work: Callable[[int], T]) -> list[T]:
        """`work(lane)` of all lanes, side by side."""
        return side_by_side(work, range(len(self.lanes)))


def _fitted(magnitudes: NDArray[np.int32], shape: tuple[int, ...]) -> Any:
    """Cut, or continued by its last line, to a shape that differs by one line at most."""
    rows, columns = (max(0, n - m) for n, m in zip(shape, magnitudes.shape[1:], strict=True))
    if rows or columns:
        magnitudes = np.pad(magnitudes, ((0, 0), (0, rows), (0, columns)), "edge")
    return magnitudes[:, : shape[0], : shape[1]]
