"""Where the subbands and code-blocks of a component lie (ISO/IEC 15444-1, Annex B.5–B.7).

All components of a stream have one size, and there is one tile and one precinct to a resolution, so one
layout serves them all. Blocks are numbered in the order in which packets name them: by resolution, then by
subband (HL, LH, HH), then row by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hypress.jpeg2000.tagtree import parents
from hypress.transforms.dwt import low_size

MAX_SIZE = 32768  # the default precinct, and so the widest image with one of them
LL, HL, LH, HH = range(4)


@dataclass(frozen=True)
class Subband:
    """One subband: its split level, orientation, place in the nested plane and grid of code-blocks."""

    level: int
    orientation: int
    y0: int
    x0: int
    height: int
    width: int
    rows: int  # of code-blocks
    columns: int

    @property
    def gain(self) -> int:
        """The log2 of the nominal gain (Table E.1)."""
        return (0, 1, 1, 2)[self.orientation]


@dataclass(frozen=True)
class Layout:
    """The layout of one component and the same as flat tables for the kernels.

    Attributes:
        bands: subbands in the order of the quantisation markers.
        blocks: for each code-block y, x, height, width, orientation and subband.
        grids: for each subband its columns and rows of code-blocks, the first of its blocks, and the first
            of its tag-tree nodes.
        parents: tag-tree parents of all subbands, each subband's numbered from 0.
    """

    shape: tuple[int, int]
    levels: int
    bands: tuple[Subband, ...]
    blocks: NDArray[np.int64]
    grids: NDArray[np.int64]
    parents: NDArray[np.int64]

    @property
    def places(self) -> NDArray[np.int64]:
        """A row y, x, height, width for each subband."""
        return np.array([(b.y0, b.x0, b.height, b.width) for b in self.bands], np.int64)

    @property
    def resolutions(self) -> list[tuple[int, int]]:
        """First subband and the one after the last of every resolution, lowest first."""
        return [(0, 1), *((3 * r - 2, 3 * r + 1) for r in range(1, self.levels + 1))]


def band_count(levels: int) -> int:
    """Subbands of an image that is split `levels` times."""
    return 3 * levels + 1


@lru_cache(maxsize=16)
def layout(height: int, width: int, levels: int, block_height: int, block_width: int) -> Layout:
    """The layout of a `height` × `width` component."""
    bands = [_subband(height, width, levels, LL, block_height, block_width)]
    for level in range(levels, 0, -1):
        bands += [_subband(height, width, level, o, block_height, block_width) for o in (HL, LH, HH)]
    blocks, grids, trees = [], [], []
    nodes = count = 0
    for index, band in enumerate(bands):
        grids.append((band.columns, band.rows, count, nodes))
        trees.append(parents(band.columns, band.rows))
        nodes += len(trees[-1])
        count += band.columns * band.rows
        y, x = np.divmod(np.arange(band.columns * band.rows), max(band.columns, 1))
        y, x = y * block_height, x * block_width
        rows = np.empty((len(y), 6), np.int64)
        rows[:, 0], rows[:, 1] = band.y0 + y, band.x0 + x
        rows[:, 2] = np.minimum(block_height, band.height - y)
        rows[:, 3] = np.minimum(block_width, band.width - x)
        rows[:, 4], rows[:, 5] = band.orientation, index
        blocks.append(rows)
    tables = np.concatenate(blocks), np.array(grids, np.int64), np.concatenate(trees)
    for table in tables:
        table.flags.writeable = False
    return Layout((height, width), levels, tuple(bands), *tables)


def _subband(height: int, width: int, level: int, orientation: int, block_height: int, block_width: int) -> Subband:
    low_y, low_x = low_size(height, level), low_size(width, level)
    y0 = x0 = 0
    if level and orientation in (LH, HH):
        y0, low_y = low_y, low_size(height, level - 1) - low_y
    if level and orientation in (HL, HH):
        x0, low_x = low_x, low_size(width, level - 1) - low_x
    rows, columns = -(-low_y // block_height), -(-low_x // block_width)
    if rows == 0 or columns == 0:
        rows = columns = 0
    return Subband(level, orientation, y0, x0, low_y, low_x, rows, columns)
