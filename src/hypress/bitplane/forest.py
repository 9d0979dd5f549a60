"""Trees over the coefficients of a transformed cube, in an order in which the children of a node are neighbours.

Nodes are numbered breadth first: all roots, then the children of the first root, those of the second, and so on.
So the children of node n are `first[n] … first[n + 1] − 1`, one array says all of the shape, every parent comes
before its children, and a coder that walks down the trees walks forward in memory. It needs to know nothing of
bands, rows and columns, which may be of any number.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.transforms.dwt3d import Levels, Subband, subbands


class Forest(NamedTuple):
    """Trees whose nodes are numbered breadth first."""

    first: NDArray[np.int32]
    """`(nodes + 1,)`: the first child of each node, if it has any; so `first[0]` is the number of roots."""
    places: NDArray[np.int32]
    """Of each node, the place of its coefficient in the flattened cube; -1 where it has none, being but a set."""
    shape: tuple[int, int, int]
    """Of the cube `(band, y, x)`."""

    @property
    def nodes(self) -> int:
        """How many there are."""
        return len(self.places)


# --- spatial orientation trees ---------------------------------------------------------------------------------


@lru_cache(maxsize=4)
def orientation_trees(shape: tuple[int, int, int], levels: Levels) -> Forest:
    """The asymmetric trees of 3-D SPIHT over a transformed cube `(band, y, x)`.

    Within a plane the children of a coefficient are the up to four at its place in the next finer subband of its
    orientation, and those of a low-low coefficient are the three at its place in the coarsest details. Across
    bands only low-low coefficients have children: those at its place in the next finer subband (Christophe,
    Mailhes and Duhamel 2008, Fig. 3). Where halving sizes does not come out even, the last coefficient of a line
    adopts what remains, and where a subband is empty, the low-low subband takes its children.
    """
    _, rows, columns = shape
    known = {_name(band): band for band in subbands(shape, levels, reversible=True)}
    parents = np.empty(shape, np.int32)
    for band in known.values():
        above = _parent(band, known)
        if above is None:
            parents[band.where] = -1
            continue
        gaps = (above.spectral - band.spectral, above.spatial - band.spatial, above.spatial - band.spatial)
        z, y, x = (
            to.start + np.minimum(np.arange(of.stop - of.start) >> gap, to.stop - to.start - 1)
            for of, to, gap in zip(band.where, above.where, gaps, strict=True)
        )
        parents[band.where] = (z[:, None, None] * rows + y[:, None]) * columns + x
    return Forest(*_breadth_first(parents.reshape(-1)), shape)


_Name = tuple[int, int, tuple[bool, bool, bool]]


def _name(band: Subband) -> _Name:
    return band.spectral, band.spatial, band.high


def _parent(band: Subband, known: dict[_Name, Subband]) -> Subband | None:
    """The next coarser subband of the same kind: within the plane, for a low-low one across bands."""
    z_high, y_high, x_high = band.high
    deepest = max(b.spatial for b in known.values())
    if y_high or x_high:
        for spatial in range(band.spatial + 1, deepest + 1):
            if found := known.get((band.spectral, spatial, band.high)):
                return found
        return known[band.spectral, deepest, (z_high, False, False)]
    if z_high:
        coarsest = max(b.spectral for b in known.values())
        for spectral in range(band.spectral + 1, coarsest + 1):
            if found := known.get((spectral, deepest, band.high)):
                return found
        return known[coarsest, deepest, (False, False, False)]
    return None


@njit(nogil=True, cache=True)
def _breadth_first(parents: Any) -> tuple[Any, Any]:
    """`Forest` of nodes that each know their parent; roots have -1. Siblings keep their order."""
    nodes = parents.size
    ends = np.zeros(nodes + 2, np.int32)  # of node n's children among all, at n + 2; shifted while they are filled in
    for n in range(nodes):
        ends[parents[n] + 2] += 1
    roots = ends[1]
    ends[1] = 0
    for n in range(2, nodes + 2):
        ends[n] += ends[n - 1]
    children = np.empty(nodes - roots, np.int32)
    places = np.empty(nodes, np.int32)
    count = 0
    for n in range(nodes):
        if parents[n] < 0:
            places[count] = n
            count += 1
        else:
            children[ends[parents[n] + 1]] = n
            ends[parents[n] + 1] += 1
    first = np.empty(nodes + 1, np.int32)
    for n in range(nodes):
        first[n] = count
        for k in range(ends[places[n]], ends[places[n] + 1]):
            places[count] = children[k]
            count += 1
    first[nodes] = count
    return first, places


# --- what coders do with a forest ------------------------------------------------------------------------------

NEVER = 255
"""The plane of a node of which nothing but zeros was told."""


@njit(nogil=True, cache=True)
def parents_of(first: Any) -> Any:
    """The parent of each node; of the roots, which are siblings, the one after the last, which is not there."""
    nodes = first.size - 1
    parents = np.full(nodes, nodes, np.int32)
    for n in range(nodes):
        for k in range(first[n], first[n + 1]):
            parents[k] = n
    return parents
