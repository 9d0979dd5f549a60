"""Tag trees: a grid of small numbers, told as far as the reader needs them (ISO/IEC 15444-1, B.10.2).

The parent of up to 2 × 2 nodes holds their least number. To tell whether a leaf is below a threshold, the
nodes from the root down to it say, bit by bit, how far they rise above their parent: 0 for "one more", 1
for "this much". What was said is never said again, so both sides keep, for every node, the bound reached
so far and whether the number is known.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.entropy.mq import Int
from hypress.jpeg2000 import bits

MAX_DEPTH = 20  # of a tree: grids are at most 32768 / 4 nodes wide

put_bit, get_bit = bits.put_bit, bits.get_bit


def parents(columns: int, rows: int) -> NDArray[np.int64]:
    """The parent of every node, leaves first, row by row; the root, last, is its own."""
    found, base = [], 0
    while columns * rows > 1:
        y, x = np.divmod(np.arange(columns * rows), columns)
        base += columns * rows
        columns, rows = (columns + 1) // 2, (rows + 1) // 2
        found.append(base + (y // 2) * columns + x // 2)
    if columns * rows:
        found.append(np.array([base]))
    return np.concatenate(found).astype(np.int64) if found else np.empty(0, np.int64)


@njit(nogil=True, cache=True, error_model="numpy")
def settle(values: Any, parents: Any) -> None:
    """Give every inner node the least of its children; all but the leaves start at their highest."""
    for node in range(len(values) - 1):
        up = parents[node]
        values[up] = min(values[up], values[node])


@njit(nogil=True, cache=True, error_model="numpy")
def encode(
    leaf: Int, threshold: Int, values: Any, bounds: Any, known: Any, parents: Any,
    path: Any, state: Any, out: Any,
) -> None:  # fmt: skip
    """Tell whether the leaf's value is below `threshold`; `path` is scratch, `state` the bit writer's."""
    depth = _climb(leaf, parents, path)
    low = 0
    for i in range(depth - 1, -1, -1):
        node = path[i]
        low = max(low, bounds[node])
        while low < threshold:
            if low >= values[node]:
                if not known[node]:
                    put_bit(1, state, out)
                    known[node] = 1
                break
            put_bit(0, state, out)
            low += 1
        bounds[node] = low


@njit(nogil=True, cache=True, error_model="numpy")
def decode(leaf: Int, threshold: Int, bounds: Any, known: Any, parents: Any, path: Any, state: Any, data: Any) -> bool:
    """Learn whether the leaf's value is below `threshold`; if so, `bounds[leaf]` is the value."""
    depth = _climb(leaf, parents, path)
    low = 0
    for i in range(depth - 1, -1, -1):
        node = path[i]
        low = max(low, bounds[node])
        while low < threshold and not known[node]:
            if get_bit(state, data):
                known[node] = 1
            else:
                low += 1
        bounds[node] = low
    return bool(low < threshold)


@njit(nogil=True, cache=True, error_model="numpy")
def _climb(leaf: Int, parents: Any, path: Any) -> Int:
    """Write the nodes from the leaf to the root into `path`; returns how many."""
    path[0] = leaf
    depth = 1
    while parents[path[depth - 1]] != path[depth - 1]:
        path[depth] = parents[path[depth - 1]]
        depth += 1
    return depth
