"""How a generated scene is cut into blocks, each from its own part of the cube, with borders that fit exactly.

A network of `blocks` doublings makes 2^blocks × 2^blocks pixels of a cell of the cube, and looks a few cells around it.
So a block of the scene needs a window of the cube a little larger than its own cells; generated from that window, its
pixels are those of the whole scene generated at once. Fitting and decoding go block by block: their memory is that of
one block, whatever the scene.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

HEAD = 2
"""Convolutions after the last doubling."""

Range = tuple[int, int]


@dataclass(frozen=True)
class Axis:
    """One axis of a block, at each resolution from the cube's (first) to the scene's (last)."""

    needed: tuple[Range, ...]
    """What must be known at each resolution."""
    kept: Range
    """What is kept of the pixels that are generated."""

    @classmethod
    def of(cls, kept: Range, size: int, blocks: int, radius: int) -> Axis:
        """For the pixels `kept` of `size`, where convolutions at full resolution look `radius` pixels around."""
        cells = cells_of(size, blocks)
        low, high = max(kept[0] - radius, 0), min(kept[1] + radius, cells << blocks)
        needed = [(low, high)]
        for level in range(blocks - 1, -1, -1):
            # Pixel p of a doubled map mixes cells ⌊(p − 1) / 2⌋ and the next; and a convolution looks one further.
            low, high = max((low - 1 >> 1) - 1, 0), min((high >> 1) + 2, cells << level)
            needed.append((low, high))
        return cls(tuple(reversed(needed)), kept)

    def crops(self) -> list[slice]:
        """What is cut out of each doubled map to get the next resolution's."""
        pairs = zip(self.needed[:-1], self.needed[1:], strict=True)
        return [slice(fine[0] - 2 * coarse[0], fine[1] - 2 * coarse[0]) for coarse, fine in pairs]

    @property
    def window(self) -> slice:
        """Of the cube."""
        return slice(*self.needed[0])

    @property
    def inner(self) -> slice:
        """What is kept, within what is known at full resolution."""
        return slice(self.kept[0] - self.needed[-1][0], self.kept[1] - self.needed[-1][0])

    @property
    def pixels(self) -> slice:
        """What is kept, within the scene."""
        return slice(*self.kept)


@dataclass(frozen=True)
class Block:
    """Some rows and columns of a scene."""

    y: Axis
    x: Axis

    @property
    def pixels(self) -> tuple[slice, slice]:
        """Its pixels within the scene."""
        return self.y.pixels, self.x.pixels


def cells_of(size: int, blocks: int) -> int:
    """Cells of the cube along an axis of so many pixels."""
    return -(-size >> blocks)


def cut(rows: int, columns: int, blocks: int, edge: int, radius: int = HEAD) -> Iterator[Block]:
    """All blocks of a scene, row by row, their edges about `edge` pixels; a scene not much larger is one block."""
    for y in _ranges(rows, blocks, edge):
        for x in _ranges(columns, blocks, edge):
            yield Block(Axis.of(y, rows, blocks, radius), Axis.of(x, columns, blocks, radius))


def _ranges(size: int, blocks: int, edge: int) -> Iterator[Range]:
    """Nearly even parts, each of whole cells."""
    cells = cells_of(size, blocks)
    parts = max(1, min(round(size / edge), cells))
    for part in range(parts):
        low, high = cells * part // parts << blocks, cells * (part + 1) // parts << blocks
        yield low, min(high, size)
