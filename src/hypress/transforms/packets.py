"""Wavelet packets across bands: which halves of a spectrum are split again is chosen for the scene.

A tree says, from the root on, of each run of bands whether it is split: into a low half, first, and a high half. The
usual *dyadic* transform splits low halves only. R. R. Coifman and M. V. Wickerhauser, "Entropy-based algorithms for
best basis selection" (IEEE Trans. Information Theory 38, 1992): of all trees the one of least cost is found from the
leaves up, if the cost of a run is a sum over its coefficients: here, of the bits that they take at a quantiser step.

    bands ──┬─ low ──┬─ low …        a tree in preorder: 1 1 0 0 1 0 0  for  ((·, ·), (·, ·))
            └─ high ─┴─ …
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.errors import CodestreamError
from hypress.transforms import dwt3d
from hypress.transforms.dwt3d import Levels

Tree = tuple[bool, ...]
"""Of each run of bands in preorder, whether it is split."""
DEEPEST = 10
SAMPLED = 2048
"""Pixels on which costs are measured."""


def dyadic(bands: int, levels: int) -> Tree:
    """The tree that splits low halves only, up to `levels` times."""
    if levels == 0 or bands == 1:
        return (False,)
    return (True, *dyadic((bands + 1) // 2, levels - 1), False)


def best(cube: NDArray[Any], levels: int, step: float) -> Tree:
    """The tree of least cost for a cube `(band, y, x)`, with up to `levels` splits, at a quantiser step."""
    pixels = cube.reshape(len(cube), -1)
    some = np.ascontiguousarray(pixels[:, :: max(1, pixels.shape[1] // SAMPLED)], np.float32)
    return _cheapest(some, levels, step)[1]


def _cheapest(run: NDArray[np.float32], levels: int, step: float) -> tuple[float, Tree]:
    whole = float(np.log2(1 + np.square(run / step, dtype=np.float64)).sum())
    if levels == 0 or len(run) == 1:
        return whole, (False,)
    split = dwt3d.forward(run[:, :, None].copy(), Levels(1, 0), reversible=False)[:, :, 0]
    split *= norms(len(run), (True, False, False))[:, None].astype(np.float32)
    middle = (len(run) + 1) // 2
    low = _cheapest(np.ascontiguousarray(split[:middle]), levels - 1, step)
    high = _cheapest(np.ascontiguousarray(split[middle:]), levels - 1, step)
    parts = low[0] + high[0]
    return (parts, (True, *low[1], *high[1])) if parts < whole else (whole, (False,))


def runs(bands: int, tree: Tree) -> list[tuple[int, int]]:
    """Where the unsplit runs of bands begin and end. Raises CodestreamError for what is no tree of so many bands."""
    middles = {start + (stop - start + 1) // 2 for start, stop in _splits(bands, tree)}
    return list(itertools.pairwise(sorted(middles | {0, bands})))


def forward(cube: NDArray[Any], tree: Tree, *, reversible: bool) -> NDArray[Any]:
    """Transform a cube `(band, y, x)` across bands, in place; dtypes are those of `dwt3d.forward`."""
    for start, stop in _splits(len(cube), tree):
        dwt3d.forward(cube[start:stop], Levels(1, 0), reversible=reversible)
    return cube


def inverse(cube: NDArray[Any], tree: Tree, *, reversible: bool) -> NDArray[Any]:
    """Undo `forward`, in place."""
    for start, stop in reversed(list(_splits(len(cube), tree))):
        dwt3d.inverse(cube[start:stop], Levels(1, 0), reversible=reversible)
    return cube


def norms(bands: int, tree: Tree) -> NDArray[np.float64]:
    """L2 norm of the 9/7 synthesis function of each coefficient `(band,)`, the same along each run."""
    impulses = np.eye(bands)[:, :, None]
    inverse(impulses, tree, reversible=False)
    each = np.sqrt(np.square(impulses[:, :, 0]).sum(axis=0))
    for start, stop in runs(bands, tree):
        each[start:stop] = each[start:stop].mean()
    return np.asarray(each)


def _splits(bands: int, tree: Tree) -> Iterator[tuple[int, int]]:
    """The runs that are split, in preorder."""
    told = iter(tree)

    def walk(start: int, stop: int, depth: int) -> Iterator[tuple[int, int]]:
        split = next(told, None)
        if split is None or (split and (stop - start == 1 or depth == DEEPEST)):
            raise CodestreamError(f"a tree of wavelet packets does not fit {bands} bands")
        if split:
            yield start, stop
            middle = start + (stop - start + 1) // 2
            yield from walk(start, middle, depth + 1)
            yield from walk(middle, stop, depth + 1)

    yield from walk(0, bands, 0)
    if next(told, None) is not None:
        raise CodestreamError(f"a tree of wavelet packets does not fit {bands} bands")
