"""A generative network made into a scene, the same on every machine. No torch.

    window of the cube ─► [3 × 3 · + b, max(0, ·), bilinear × 2] × B ─► [3 × 3 · + b, max(0, ·)] × 2 ─► W · + b ─► block

float32 throughout. Libraries sum in an order of their own, which hangs on the processor and on the number of threads;
here each sum is written out, input by input, row by row of the kernel. What remains are single additions,
multiplications and comparisons, which IEEE 754 fixes to the last bit.

`convolved_reference` and `doubled_reference` are the readable twins of the kernels; they agree bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.neural.gnn.blocks import Block, cut

EDGE = 192
"""Of the blocks that are generated at once, in pixels, about."""

Maps = NDArray[np.float32]
QUARTER, THREE_QUARTERS = np.float32(0.25), np.float32(0.75)


@dataclass(frozen=True)
class Network:
    """Weights, batch normalisation folded into them."""

    cube: Maps
    """`(map, y, x)`."""
    layers: Sequence[tuple[Maps, Maps]]
    """Weights `(out, in, 3, 3)` and biases of the convolutions, those after the last doubling included."""
    output: Maps
    """`(band, in, k, k)`."""
    bias: Maps
    blocks: int

    def generate(self, rows: int, columns: int, edge: int = EDGE) -> Iterator[tuple[Block, Maps]]:
        """Blocks of the scene, and what they hold: `(band, y, x)` in [−1, 1], about. Edges in pixels."""
        radius = len(self.layers) - self.blocks + self.output.shape[-1] // 2
        for block in cut(rows, columns, self.blocks, edge, radius):
            yield block, self._block(block)

    def _block(self, block: Block) -> Maps:
        maps = np.ascontiguousarray(self.cube[:, block.y.window, block.x.window])
        crops = [*zip(block.y.crops(), block.x.crops(), strict=True)]
        for place, (weights, bias) in enumerate(self.layers):
            maps = convolved(maps, weights, bias, True)
            if place < len(crops):
                rows, columns = crops[place]
                maps = np.ascontiguousarray(doubled(maps)[:, rows, columns])
        return convolved(maps, self.output, self.bias, False)[:, block.y.inner, block.x.inner]


@njit(nogil=True, cache=True, error_model="numpy")
def convolved(maps: Any, weights: Any, bias: Any, rectified: bool) -> Any:
    """`maps (in, y, x)` under `weights (out, in, k, k)` and `bias`, zeros around, negative ones cut off or not."""
    inputs, rows, columns = maps.shape
    outputs, _, kernel, _ = weights.shape
    reach = kernel // 2
    found = np.empty((outputs, rows, columns), np.float32)
    for y in range(rows):
        for o in range(outputs):
            line = found[o, y]
            line[:] = bias[o]
            for i in range(inputs):
                for v in range(max(0, reach - y), min(kernel, rows + reach - y)):
                    source = maps[i, y + v - reach]
                    for u in range(kernel):
                        weight, shift = weights[o, i, v, u], u - reach
                        if weight != 0:
                            for x in range(max(0, -shift), min(columns, columns - shift)):
                                line[x] += weight * source[x + shift]
            if rectified:
                for x in range(columns):
                    if not line[x] > 0:
                        line[x] = 0
    return found


def convolved_reference(maps: Maps, weights: Maps, bias: Maps, rectified: bool) -> Maps:
    """As `convolved`."""
    _, rows, columns = maps.shape
    outputs, inputs, kernel, _ = weights.shape
    reach = kernel // 2
    padded = np.pad(maps, ((0, 0), (reach, reach), (reach, reach)))
    found = np.empty((outputs, rows, columns), np.float32)
    found[:] = bias[:, None, None]
    for i in range(inputs):
        for v in range(kernel):
            for u in range(kernel):
                found += weights[:, i, v, u, None, None] * padded[i, v : v + rows, u : u + columns]
    return np.where(found > 0, found, np.float32(0)) if rectified else found


@njit(nogil=True, cache=True, error_model="numpy")
def doubled(maps: Any) -> Any:
    """`maps (map, y, x)` at twice the size: bilinear, samples at the centres of their cells, edges repeated."""
    count, rows, columns = maps.shape
    found = np.empty((count, 2 * rows, 2 * columns), np.float32)
    line = np.empty(columns, np.float32)
    for m in range(count):
        for y in range(2 * rows):
            near = maps[m, y // 2]
            far = maps[m, min(max(y // 2 - 1 + 2 * (y % 2), 0), rows - 1)]
            for x in range(columns):
                line[x] = THREE_QUARTERS * near[x] + QUARTER * far[x]
            for x in range(columns):
                found[m, y, 2 * x] = THREE_QUARTERS * line[x] + QUARTER * line[max(x - 1, 0)]
                found[m, y, 2 * x + 1] = THREE_QUARTERS * line[x] + QUARTER * line[min(x + 1, columns - 1)]
    return found


def doubled_reference(maps: Maps) -> Maps:
    """As `doubled`."""
    for axis in (1, 2):
        edges = [(1, 1) if a == axis else (0, 0) for a in range(3)]
        padded, size = np.pad(maps, edges, mode="edge"), maps.shape[axis]
        before, after = (np.take(padded, range(start, start + size), axis) for start in (0, 2))
        pair = [THREE_QUARTERS * maps + QUARTER * beside for beside in (before, after)]
        stacked = np.stack(pair, axis + 1)
        maps = stacked.reshape([2 * n if a == axis else n for a, n in enumerate(maps.shape)])
    return maps
