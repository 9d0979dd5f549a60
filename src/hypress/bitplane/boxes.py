"""The sets of 3-D SPECK: boxes of coefficients, cut ever smaller, as trees whose leaves are coefficients.

The roots are the lowest subband and the rest, SPECK's set I, which is cut into the subbands of the next octave
and what then remains. A box is halved across bands until it is one band thick, and from then on quartered.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit

from hypress.bitplane.forest import Forest
from hypress.transforms.dwt3d import Levels, Subband, subbands


@lru_cache(maxsize=4)
def box_trees(shape: tuple[int, int, int], levels: Levels) -> Forest:
    """The sets of 3-D SPECK over a transformed cube `(band, y, x)`.

    Nodes that are sets have no place. Every node has at least two children or none, but for sets I.
    """
    levels = levels.useful(shape)
    octaves: dict[int, list[list[int]]] = {}
    for band in subbands(shape, levels, reversible=True):
        octaves.setdefault(_octave(band, levels), []).append([end for s in band.where for end in (s.start, s.stop)])
    tops = [box for octave in sorted(octaves) for box in octaves[octave]]
    counts = [len(octaves[octave]) for octave in sorted(octaves)]
    first, places = _breadth_first(np.array(tops), np.array(counts), shape, math.prod(shape))
    return Forest(first, places, shape)


def _octave(band: Subband, levels: Levels) -> int:
    """0 for the lowest subband, more the finer the finer of its two splits is."""
    z_high, y_high, x_high = band.high
    across, within = levels.spectral + 1 - band.spectral, levels.spatial + 1 - band.spatial
    return max(across if z_high else 0, within if y_high or x_high else 0)


@njit(nogil=True, cache=True)
def _breadth_first(tops: Any, counts: Any, shape: tuple[int, int, int], coefficients: int) -> tuple[Any, Any]:
    """`Forest` of the boxes `tops`, the first `counts[0]` of which are roots, the next the children of I, and so on."""
    _, rows, columns = shape
    most = coefficients + len(counts)  # sets: every box has two children at least, and every octave but one its I
    first, places = np.empty(coefficients + most + 1, np.int32), np.empty(coefficients + most, np.int32)
    boxes = np.empty((most, 6), np.int32)  # of the nodes that are sets, in their order
    sets, nodes, opened, octave, top = 0, 0, 0, 0, 0
    rest = -1  # the set that is I, of which there is but one at a time
    n = -1
    while n < nodes:
        if n >= 0:
            first[n] = nodes
        if n < 0 or (places[n] < 0 and opened == rest):  # the roots, or the children of I
            opened += n >= 0
            for _ in range(counts[octave]):
                z0, z1, y0, y1, x0, x1 = tops[top]
                sets += _append(z0, z1, y0, y1, x0, x1, rows, columns, boxes, sets, places, nodes)
                nodes += 1
                top += 1
            octave += 1
            rest = -1
            if octave < len(counts):
                rest = sets
                places[nodes] = -1
                sets += 1
                nodes += 1
        elif places[n] < 0:
            z0, z1, y0, y1, x0, x1 = boxes[opened]
            opened += 1
            z, y, x = z1, y1, x1
            if z1 - z0 > 1:
                z = (z0 + z1 + 1) // 2
            else:
                y, x = (y0 + y1 + 1) // 2, (x0 + x1 + 1) // 2
            for part in range(8):
                a0, a1 = (z, z1) if part & 4 else (z0, z)
                b0, b1 = (y, y1) if part & 2 else (y0, y)
                c0, c1 = (x, x1) if part & 1 else (x0, x)
                if a0 < a1 and b0 < b1 and c0 < c1:
                    sets += _append(a0, a1, b0, b1, c0, c1, rows, columns, boxes, sets, places, nodes)
                    nodes += 1
        n += 1
    first[nodes] = nodes
    return first[: nodes + 1].copy(), places[:nodes].copy()


@njit(nogil=True, cache=True, inline="always")
def _append(
    z0: int, z1: int, y0: int, y1: int, x0: int, x1: int,
    rows: int, columns: int, boxes: Any, sets: int, places: Any, nodes: int,
) -> bool:  # fmt: skip
    """Make a box the last node, which is a leaf if it is one coefficient; whether it is a set."""
    if (z1 - z0) * (y1 - y0) * (x1 - x0) == 1:
        places[nodes] = (z0 * rows + y0) * columns + x0
        return False
    places[nodes] = -1
    box = boxes[sets]
    box[0], box[1], box[2], box[3], box[4], box[5] = z0, z1, y0, y1, x0, x1
    return True
