"""Binary arithmetic coding of an integer whose likely place and spread are known as fractions.

The integer lies in one of the cells between boundaries; a logistic distribution about `centre` with scale `spread`
says how likely each. The cell is found by decisions "at or above this boundary?": first at the quantiles of the
distribution, as a tree, then, outside of them, ever further out, and last by halving. Each probability starts
from the distribution and is corrected by logistic regression on the contexts, learnt as coding goes.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.rls.tables import DEPTH, FAR, FINE, PARTS, TAIL

LEAVES = 1 << DEPTH
HALVING = LEAVES + 2 * TAIL
"""Node of the decisions by halving; before it are those of the tree, from 1 on, and of the tails."""
NODES = HALVING + 1
LEAST = 24
"""A probability is at least this, of 65536."""
STEEPENING = 0.002
REMEMBERED = 256


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def squash(table: Any, t: float) -> float:
    """1 / (1 + exp(-t)), from its table."""
    place = (min(max(t, -float(FAR)), float(FAR)) + FAR) * FINE
    i = int(place)
    return table[i] + (place - i) * (table[i + 1] - table[i])


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def stretch(table: Any, p: float) -> float:
    """ln(p / (1 - p)), from its table."""
    place = min(max(p, 0.0), 1.0) * PARTS
    i = int(place)
    return table[i] + (place - i) * (table[i + 1] - table[i])


@njit(nogil=True, cache=True, error_model="numpy")
def code_bit(state: Any, data: Any, chance: int, bit: int, encode: bool) -> int:
    """Code a bit whose probability of a one is `chance` of 65536; state [low, high, code, position]."""
    low, high = state[0], state[1]
    middle = low + ((high - low) >> 16) * chance + ((((high - low) & 0xFFFF) * chance) >> 16)
    if not encode:
        bit = 1 if state[2] <= middle else 0
    if bit:
        high = middle
    else:
        low = middle + 1
    while (low ^ high) & 0xFF000000 == 0:
        if encode:
            if state[3] < data.size:
                data[state[3]] = high >> 24
        else:
            state[2] = (state[2] << 8) & 0xFFFFFFFF | (np.int64(data[state[3]]) if state[3] < data.size else 0)
        state[3] += 1
        low = (low << 8) & 0xFFFFFFFF
        high = (high << 8) & 0xFFFFFFFF | 255
    state[0], state[1] = low, high
    return bit


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def boundary_at(place: float, axis: Any, gaps: bool, offset: float, step: float, low: int, high: int) -> int:
    """The first boundary in `low … high` that is not below `place`."""
    if gaps:
        while low < high:
            middle = (low + high) >> 1
            if axis[middle] < place:
                low = middle + 1
            else:
                high = middle
        return low
    return int(min(max(np.ceil((place - offset) / step), float(low)), float(high)))


@njit(nogil=True, cache=True, error_model="numpy")
def code_integer(
    state: Any, data: Any, value: int, encode: bool, low: int, high: int, centre: float, spread: float,
    axis: Any, gaps: bool, offset: float, step: float, cells: Any, memory: Any, steep: Any,
    logistic: Any, logit: Any, cuts: Any, rates: Any,
) -> int:  # fmt: skip
    """Code `value`, one of `low ... high`. `cells` says where in `memory` each context's nodes begin."""
    high += 1
    at_low, at_high = 0.0, 1.0
    inverse = 1.0 / spread
    node, level, side, tail = 1, 0, 0, 0
    while high - low > 1:
        if level < DEPTH:
            kind, cut = node, cuts[node]
        elif tail < TAIL and (side == LEAVES - 1 or side == 0):
            kind, cut = LEAVES + tail, -cuts[LEAVES + tail]
            if side:
                kind, cut = kind + TAIL, -cut
        else:
            kind, cut = HALVING, 0.0
        at = (low + high) >> 1
        if kind < HALVING:
            at = boundary_at(centre + spread * cut, axis, gaps, offset, step, low, high)
        if at <= low:
            bit = 1
        elif at >= high:
            bit = 0
        else:
            place = axis[at] if gaps else offset + step * at
            below = squash(logistic, (place - centre) * inverse)
            whole = at_high - at_low
            known = stretch(logit, (at_high - below) / whole if whole > 1e-12 else 0.5)
            t = steep[kind] * known
            for c in range(cells.size):
                t += memory[cells[c] + 2 * kind]
            chance = squash(logistic, t)
            bit = code_bit(
                state, data, min(max(int(chance * 65536.0), LEAST), 65536 - LEAST), 1 if value >= at else 0, encode
            )
            error = bit - chance
            steep[kind] += STEEPENING * error * known
            for c in range(cells.size):
                i = cells[c] + 2 * kind
                n = memory[i + 1]
                memory[i] += rates[int(n)] * error
                memory[i + 1] = min(n + 1.0, rates.size - 1.0)
            if bit:
                low, at_low = at, below
            else:
                high, at_high = at, below
        if level < DEPTH:
            node = 2 * node + bit
            level += 1
            side = node - LEAVES
        elif kind < HALVING:
            tail = tail + 1 if bit == (1 if side else 0) else TAIL
    return low


@njit(nogil=True, cache=True)
def finish(coder: Any, data: Any) -> int:
    """End the stream, with what zeros after it decode alike; its size."""
    if coder[3] < data.size:
        data[coder[3]] = coder[1] >> 24
    return int(coder[3]) + 1


@njit(nogil=True, cache=True)
def start(data: Any) -> Any:
    """State of a decoder at the beginning of `data`; of an encoder, if that is empty."""
    coder = np.array([0, 0xFFFFFFFF, 0, min(4, data.size)], np.int64)
    for i in range(4):
        coder[2] = coder[2] << 8 | (np.int64(data[i]) if i < data.size else 0)
    return coder


@cache
def rates() -> NDArray[np.float64]:
    """How far a correction moves by an error, by how often its context was met before."""
    return np.maximum(0.5 / (np.arange(REMEMBERED) + 3.0), 0.002)
