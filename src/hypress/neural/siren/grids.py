"""Feature grids of many resolutions: a value at any pixel is read out by wavelets. Quantised, entropy coded.

Each component has grids of halving resolution; what a network is told at a pixel is the sum of their entries nearby,
weighted by the 9/7 wavelets of `transforms.dwt`. So each entry matters in one place and at one scale, and there are
as many entries as pixels. (Overlapping grids read out by cubic interpolation were measured at 3 dB less.)

Entries are quantised with one step, measured in the samples, and coded by `entropy.integers`: an entry's likely
magnitude is a weighted sum of magnitudes that are coded already.

        this grid           components before        half the resolution     other directions
       NW  N  NE  NN               N
    WW  W  ●                    W  ●  E   ●                  ●                      ●
                                   S

The entries of the coarsest grid are predicted from W, N and NW, and only what is left is coded. The weights are
fixed: fitted to four scenes they differed so little that none need be stored.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.entropy.integers import decode_integer, encode_integer, model
from hypress.entropy.rangecoder import as_array, finish_encoder, start_decoder
from hypress.errors import CodestreamError
from hypress.transforms import dwt

MOST_LEVELS = 12
ROUNDING = 0.36
"""Added to a magnitude before its fraction is cut: below one half, as small entries cost more than they are worth."""
RETURN = 0.09
"""Added to the magnitude of what is not zero when it is read: what was cut comes back half-way."""
LARGEST = 1 << 26
"""Bound of an entry: what is beyond came from damaged bytes."""

_FARTHEST = 1 << 29
"""Bound of what is coded: the difference of an entry and its prediction."""
_LIMIT = 255
_SHIFT = 3
_BASE = 24
_NEAR, _DIAGONAL, _FAR, _BEFORE, _AROUND, _TWO_BEFORE, _PARENT, _SIBLING = 36, 15, 13, 13, 2, 8, 18, 23
"""Weights of magnitudes, in 256ths; `_BASE` is the sum where all are zero."""


class Grid(NamedTuple):
    """One grid of a component: where it lies in the nested layout of `transforms.dwt`, and its relatives."""

    level: int
    """Halvings of the resolution."""
    kind: int
    """0: the coarsest; 1: details along x; 2: along y; 3: along both."""
    y: int
    x: int
    height: int
    width: int
    parent: int
    """Number of the grid of the same kind at half the resolution, −1 if there is none …"""
    sibling: int
    other_sibling: int
    """… and of the same level's that come before."""


def grids(shape: tuple[int, ...], levels: int) -> list[Grid]:
    """The grids of a component `(y, x)`, coarsest first."""
    rows, columns = shape[-2:]
    y, x = dwt.low_size(rows, levels), dwt.low_size(columns, levels)
    found = [Grid(levels, 0, 0, 0, y, x, -1, -1, -1)]
    for level in range(levels, 0, -1):
        y, x = dwt.low_size(rows, level), dwt.low_size(columns, level)
        height, width = dwt.low_size(rows, level - 1) - y, dwt.low_size(columns, level - 1) - x
        n = len(found)
        up = (n - 3, n - 2, n - 1) if level < levels else (-1, -1, -1)
        found += [
            Grid(level, 1, 0, x, y, width, up[0], -1, -1),
            Grid(level, 2, y, 0, height, x, up[1], n, -1),
            Grid(level, 3, y, x, height, width, up[2], n, n + 1),
        ]
    return found


def suitable_levels(shape: tuple[int, ...]) -> int:
    """Halvings that suit a tile `(…, y, x)`: the coarsest grid keeps about eight entries along the shorter side."""
    return int(np.clip(np.log2(min(shape[-2:]) / 6), 0, 5))


# --- quantiser --------------------------------------------------------------------------------------


def analyse(components: NDArray[np.float32], levels: int) -> NDArray[np.float64]:
    """Entries of the grids of components `(component, y, x)`, in the nested layout, in units of the samples."""
    planes = components.astype(np.float64)
    for plane in planes:
        dwt.forward(plane, levels, reversible=False)
    return planes * _norms(planes.shape, levels)


def quantise(entries: NDArray[np.float64], step: float) -> NDArray[np.int32]:
    """What is stored of the entries."""
    scaled = np.floor(np.abs(entries) / step + ROUNDING)
    return (np.sign(entries) * np.minimum(scaled, LARGEST)).astype(np.int32)


def read_out(stored: NDArray[np.int32], levels: int, step: float) -> NDArray[np.float64]:
    """Components `(component, y, x)` from what is stored."""
    planes = stored + RETURN * np.sign(stored)
    planes *= step / _norms(planes.shape, levels)
    for plane in planes:
        dwt.inverse(plane, levels, reversible=False)
    return planes


def _norms(shape: tuple[int, ...], levels: int) -> NDArray[np.float64]:
    """How an error of one in each entry shows in the component, `(y, x)`."""
    size = (shape[-2], shape[-1])
    found = np.empty(size)
    for g in grids(shape, levels):
        norm = dwt.subband_norm(size, g.level, g.kind >= 2, g.kind % 2 == 1, reversible=False)
        found[g.y : g.y + g.height, g.x : g.x + g.width] = norm
    return found


# --- entropy coder ------------------------------------------------------------------------------------


@njit(nogil=True, cache=True)
def _add(sums: Any, row: Any, weight: int, shift: int) -> None:
    """Add the magnitudes of `row`, so many entries further on, times `weight`; 0 outside."""
    for x in range(max(-shift, 0), min(sums.size, row.size - shift)):
        sums[x] += weight * abs(np.int64(row[x + shift]))


@njit(nogil=True, cache=True)
def _row(stored: Any, table: Any, k: int, grid: int, y: int) -> Any:
    """Row `y` of a grid of component `k`; empty where there is none."""
    if grid < 0 or y < 0 or y >= table[grid, 4]:
        return stored[0, 0, :0]
    left = table[grid, 3]
    return stored[k, table[grid, 2] + y, left : left + table[grid, 5]]


@njit(nogil=True, cache=True)
def _sum_before(stored: Any, table: Any, k: int, grid: int, y: int, sums: Any) -> None:
    """Weighted sums of magnitudes near each entry of a row, of all that is known before the row."""
    sums[:] = _BASE
    north = _row(stored, table, k, grid, y - 1)
    _add(sums, north, _NEAR, 0)
    _add(sums, north, _DIAGONAL, -1)
    _add(sums, north, _DIAGONAL, 1)
    _add(sums, _row(stored, table, k, grid, y - 2), _FAR, 0)
    if k > 0:
        before = _row(stored, table, k - 1, grid, y)
        _add(sums, before, _BEFORE, 0)
        _add(sums, before, _AROUND, -1)
        _add(sums, before, _AROUND, 1)
        _add(sums, _row(stored, table, k - 1, grid, y - 1), _AROUND, 0)
        _add(sums, _row(stored, table, k - 1, grid, y + 1), _AROUND, 0)
    if k > 1:
        _add(sums, _row(stored, table, k - 2, grid, y), _TWO_BEFORE, 0)
    _add(sums, _row(stored, table, k, table[grid, 7], y), _SIBLING, 0)
    _add(sums, _row(stored, table, k, table[grid, 8], y), _SIBLING, 0)
    parent = _row(stored, table, k, table[grid, 6], y >> 1)
    for x in range(min(sums.size, 2 * parent.size)):
        sums[x] += _PARENT * abs(np.int64(parent[x >> 1]))


@njit(nogil=True, cache=True, inline="always")
def _sign(value: int) -> Any:
    return 0 if value == 0 else (1 if value > 0 else 2)


@njit(nogil=True, cache=True)
def _context(before: int, north: int, west: int, beyond: int) -> Any:
    """Likely magnitude of an entry, of the sum before its row and the two entries west; and signs north and west."""
    return (before + _NEAR * abs(west) + _FAR * abs(beyond)) >> _SHIFT, 3 * _sign(west) + _sign(north)


@njit(nogil=True, cache=True)
def _encode(stored: Any, table: Any, models: Any, out: Any) -> Any:
    state = np.array([0, 0xFFFFFFFF, 0, 0, -1], np.int64)
    for grid in range(table.shape[0]):
        sums = np.empty(table[grid, 5], np.int64)
        for k in range(stored.shape[0]):
            for y in range(table[grid, 4]):
                _sum_before(stored, table, k, grid, y, sums)
                row, north = _row(stored, table, k, grid, y), _row(stored, table, k, grid, y - 1)
                west: Any = np.int64(0)
                beyond: Any = np.int64(0)  # WW
                for x in range(sums.size):
                    expected, sign = _context(sums[x], north[x] if north.size else 0, west, beyond)
                    west, beyond = np.int64(row[x]), west
                    encode_integer(state, out, models[table[grid, 1]], west, expected, sign, _LIMIT)
    return finish_encoder(state, out)


@njit(nogil=True, cache=True)
def _decode(data: Any, table: Any, models: Any, stored: Any) -> bool:
    state = start_decoder(data)
    for grid in range(table.shape[0]):
        sums = np.empty(table[grid, 5], np.int64)
        for k in range(stored.shape[0]):
            for y in range(table[grid, 4]):
                _sum_before(stored, table, k, grid, y, sums)
                row, north = _row(stored, table, k, grid, y), _row(stored, table, k, grid, y - 1)
                west: Any = np.int64(0)
                beyond: Any = np.int64(0)  # WW
                for x in range(sums.size):
                    expected, sign = _context(sums[x], north[x] if north.size else 0, west, beyond)
                    west, beyond = decode_integer(state, data, models[table[grid, 1]], expected, sign, _LIMIT), west
                    if abs(west) > _FARTHEST:
                        return False
                    row[x] = west
    return True


@njit(nogil=True, cache=True, inline="always")
def _coarse_guess(plane: Any, y: int, x: int) -> Any:
    """Prediction of an entry of the coarsest grid."""
    if x == 0:
        return np.int64(plane[y - 1, 0]) if y > 0 else np.int64(0)
    west = np.int64(plane[y, x - 1])
    if y == 0:
        return west
    return (3 * (west + plane[y - 1, x]) - 2 * np.int64(plane[y - 1, x - 1]) + 2) >> 2


@njit(nogil=True, cache=True)
def _subtract_guesses(stored: Any, height: int, width: int) -> None:
    for k in range(stored.shape[0]):
        for y in range(height - 1, -1, -1):
            for x in range(width - 1, -1, -1):
                stored[k, y, x] -= _coarse_guess(stored[k], y, x)


@njit(nogil=True, cache=True)
def _add_guesses(stored: Any, height: int, width: int) -> None:
    for k in range(stored.shape[0]):
        for y in range(height):
            for x in range(width):
                value = stored[k, y, x] + _coarse_guess(stored[k], y, x)
                stored[k, y, x] = min(max(value, -LARGEST), LARGEST)


def _table(shape: tuple[int, ...], levels: int) -> NDArray[np.int64]:
    return np.array(grids(shape, levels), np.int64)


def _models() -> NDArray[np.int64]:
    """Contexts for each kind of grid."""
    return np.stack([model() for _ in range(4)])


def encode_grids(stored: NDArray[np.int32], levels: int) -> bytes:
    """Code what is stored `(component, y, x)`, at most `LARGEST` in magnitude. The shape is not stored."""
    table = _table(stored.shape, levels)
    values = stored.copy()
    _subtract_guesses(values, table[0, 4], table[0, 5])
    out = np.empty(values.size + 1024, np.uint8)
    size = _encode(values, table, _models(), out)
    if size > out.size:
        out = np.empty(size, np.uint8)
        size = _encode(values, table, _models(), out)
    return out[:size].tobytes()


def decode_grids(data: bytes, shape: tuple[int, int, int], levels: int) -> NDArray[np.int32]:
    """What `encode_grids` coded. Raises CodestreamError on bytes that it cannot have written, where that shows."""
    table = _table(shape, levels)
    stored = np.zeros(shape, np.int32)
    if not _decode(as_array(data), table, _models(), stored):
        raise CodestreamError("the feature grids are damaged")
    _add_guesses(stored, table[0, 4], table[0, 5])
    return stored
