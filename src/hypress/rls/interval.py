"""Arithmetic coding of an integer at once, by the interval of its cell under a distribution that learns its shape.

The integer lies in one of the cells between boundaries. A logistic distribution about `centre` with scale `spread`
gives each boundary a share u from 0 to 1, and the shape, a line through `PIECES` learnt points, makes of that the
share that was met. What lies between the shares of a cell's ends is the cell's interval (G. N. N. Martin, "Range
encoding", 1979). It is several times as quick as the many decisions of `coder`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from hypress.rls.coder import squash, stretch

PIECES = 32
"""Of a shape, equally wide."""
SLOT = 2 * PIECES + 3
"""A shape's numbers: the learnt points, how often each piece was met, how often any, when the points are renewed."""
DOUBT = 1.5
"""How often each piece is taken to have been met beforehand."""
REMEMBERED = 2048.0
"""All counts are halved at this many."""
WHOLE = 1 << 30
"""Shares are multiples of one part in this many."""
TOP, BYTE = 1 << 56, 1 << 48
"""The interval coder's `low` is below the first, and its width from the second to the first."""


@njit(nogil=True, cache=True, error_model="numpy")
def new_shapes(count: int) -> Any:
    """So many shapes, each the logistic distribution's own."""
    shapes = np.zeros(count * SLOT)
    for first in range(0, count * SLOT, SLOT):
        for i in range(PIECES + 1):
            shapes[first + i] = i / PIECES
        shapes[first + PIECES + 1 : first + 2 * PIECES + 1] = DOUBT
        shapes[first + SLOT - 1] = 8.0
    return shapes


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def bend(shapes: Any, first: int, u: float) -> float:
    """The share that the shape at `first` makes of u."""
    i = min(int(u * PIECES), PIECES - 1)
    left = shapes[first + i]
    return left + (u * PIECES - i) * (shapes[first + i + 1] - left)


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def unbend(shapes: Any, first: int, share: float) -> float:
    """About the u that the shape makes `share` of."""
    i = min(int(share * PIECES), PIECES - 1)
    while shapes[first + i] > share:
        i -= 1
    while i < PIECES - 1 and shapes[first + i + 1] <= share:
        i += 1
    left, right = shapes[first + i], shapes[first + i + 1]
    return (i + (share - left) / (right - left)) / PIECES


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def see(shapes: Any, first: int, low: float, high: float) -> None:
    """Let the shape learn that a cell from u = `low` to `high` was met; which part of it, is as likely as thought."""
    met = first + PIECES + 1
    if high <= low:
        return
    if high - low < 1.0 / PIECES:
        shapes[met + int((low + high) * (0.5 * PIECES))] += 1.0
    else:
        i, k = int(low * PIECES), min(int(high * PIECES), PIECES - 1)
        start, end = bend(shapes, first, low), bend(shapes, first, high)
        part = 1.0 / (end - start)
        for j in range(i, k + 1):
            left, right = max(shapes[first + j], start), min(shapes[first + j + 1], end)
            shapes[met + j] += part * (right - left)
    seen = shapes[met + PIECES] + 1.0
    shapes[met + PIECES] = seen
    if seen >= shapes[first + SLOT - 1]:
        whole = 0.0
        for j in range(PIECES):
            whole += shapes[met + j]
        part, total = 1.0 / whole, 0.0
        for j in range(PIECES - 1):
            total += shapes[met + j]
            shapes[first + j + 1] = total * part
        if whole > REMEMBERED:
            for j in range(PIECES):
                shapes[met + j] *= 0.5
        shapes[first + SLOT - 1] = seen + min(max(seen * 0.25, 8.0), 64.0)


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def share_of(k: int, low: int, high: int, u: float, shapes: Any, first: int) -> int:
    """Where boundary k of `low … high`, at u, divides the whole; no cell is empty, whatever is rounded."""
    if k <= low:
        return 0
    if k >= high:
        return WHOLE
    return int(bend(shapes, first, u) * (WHOLE - 2 * (high - low))) + 2 * (k - low)


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def place_of(
    k: int, axis: Any, gaps: bool, offset: float, step: float, centre: float, inverse: float, logistic: Any
) -> float:
    """u of boundary k."""
    place = axis[k] if gaps else offset + step * k
    return squash(logistic, (place - centre) * inverse)


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def cell_at(place: float, near: int, low: int, high: int, axis: Any, gaps: bool, offset: float, step: float) -> int:
    """The cell in `low … high - 1` that `place` is in, probably not far from cell `near`."""
    if not gaps:
        inverse = 1.0 / step
        return int(min(max(np.floor((place - offset) * inverse), float(low)), float(high - 1)))
    cell, hop = min(max(near + int(place - axis[near]), low), high - 1), 1
    while axis[cell] > place and cell > low:
        cell = max(cell - hop, low)
        hop *= 2
    beyond, hop = cell + 1, 1
    while beyond < high and axis[beyond] <= place:
        cell, beyond = beyond, min(beyond + hop, high)
        hop *= 2
    while beyond - cell > 1:
        middle = (cell + beyond) >> 1
        if axis[middle] <= place:
            cell = middle
        else:
            beyond = middle
    return cell


@njit(nogil=True, cache=True, error_model="numpy")
def encode_cell(
    state: Any, data: Any, value: int, low: int, high: int, centre: float, spread: float, inverse: float,
    axis: Any, gaps: bool, offset: float, step: float, shapes: Any, first: int, logistic: Any,
) -> None:  # fmt: skip
    """Code `value`, one of `low … high`, by the shape at `first`; state [low, width, code, position]."""
    high += 1
    if high - low > 1:
        left = place_of(value, axis, gaps, offset, step, centre, inverse, logistic)
        right = place_of(value + 1, axis, gaps, offset, step, centre, inverse, logistic)
        start = share_of(value, low, high, left, shapes, first)
        end = share_of(value + 1, low, high, right, shapes, first)
        part = state[1] >> 30
        narrow(state, data, part * start, part * (end - start))
        see(shapes, first, 0.0 if value == low else left, 1.0 if value == high - 1 else right)


@njit(nogil=True, cache=True, error_model="numpy")
def decode_cell(
    state: Any, data: Any, near: int, low: int, high: int, centre: float, spread: float, inverse: float,
    axis: Any, gaps: bool, offset: float, step: float, shapes: Any, first: int, logistic: Any, logit: Any,
) -> int:  # fmt: skip
    """The integer in `low … high` that `encode_cell` coded."""
    high += 1
    if high - low == 1:
        return low
    part = state[1] >> 30
    target = min(state[2], part * WHOLE - 1)
    guess = centre + spread * stretch(logit, unbend(shapes, first, target / (part * WHOLE)))
    value = cell_at(guess, near, low, high, axis, gaps, offset, step)
    left = place_of(value, axis, gaps, offset, step, centre, inverse, logistic)
    start = share_of(value, low, high, left, shapes, first)
    hop = 1
    while part * start > target:  # to the left, ever faster
        value = max(value - hop, low)
        hop *= 2
        left = place_of(value, axis, gaps, offset, step, centre, inverse, logistic)
        start = share_of(value, low, high, left, shapes, first)
    beyond = value + 1
    right = place_of(beyond, axis, gaps, offset, step, centre, inverse, logistic)
    end = share_of(beyond, low, high, right, shapes, first)
    hop = 1
    while part * end <= target:
        value, start, left = beyond, end, right
        beyond = min(beyond + hop, high)
        hop *= 2
        right = place_of(beyond, axis, gaps, offset, step, centre, inverse, logistic)
        end = share_of(beyond, low, high, right, shapes, first)
    while beyond - value > 1:
        middle = (value + beyond) >> 1
        u = place_of(middle, axis, gaps, offset, step, centre, inverse, logistic)
        share = share_of(middle, low, high, u, shapes, first)
        if part * share <= target:
            value, start, left = middle, share, u
        else:
            beyond, end, right = middle, share, u
    state[2] = target - part * start
    state[1] = part * (end - start)
    while state[1] < BYTE:
        state[1] <<= 8
        state[2] = state[2] << 8 | (np.int64(data[state[3]]) if state[3] < data.size else 0)
        state[3] += 1
    see(shapes, first, 0.0 if value == low else left, 1.0 if value == high - 1 else right)
    return value


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def narrow(state: Any, data: Any, start: int, width: int) -> None:
    """Go on with the part of the interval from `start`, so wide; bytes that are certain go out."""
    low = state[0] + start
    if low >= TOP:
        low -= TOP
        i = state[3] - 1
        while i < data.size and data[i] == 255:
            data[i] = 0
            i -= 1
        if i < data.size:
            data[i] += 1
    while width < BYTE:
        if state[3] < data.size:
            data[state[3]] = low >> 48
        state[3] += 1
        low = (low & (BYTE - 1)) << 8
        width <<= 8
    state[0], state[1] = low, width


@njit(nogil=True, cache=True)
def finish(state: Any, data: Any) -> int:
    """End the stream, with what zeros after it decode alike; its size."""
    value = state[0]
    for zeros in range(55, -1, -1):
        value = ((state[0] + (1 << zeros) - 1) >> zeros) << zeros
        if value < state[0] + state[1]:
            break
    narrow(state, data, value - state[0], 1)
    return int(state[3])


@njit(nogil=True, cache=True)
def start(data: Any) -> Any:
    """State of a decoder at the beginning of `data`; of an encoder, if that is empty."""
    state = np.array([0, TOP, 0, 0 if data.size == 0 else 7], np.int64)
    for i in range(7):
        state[2] = state[2] << 8 | (np.int64(data[i]) if i < data.size else 0)
    return state
