"""Trellis-coded quantisation: eight states choose between two quantisers, and a path through them what is sent.

M. W. Marcellin and T. R. Fischer, "Trellis coded quantization of memoryless and Gauss-Markov sources" (IEEE Trans.
Communications 38, 1990), in the entropy-coded form with a union of codebooks that JPEG 2000 Part 2 (ISO/IEC 15444-2,
Annex C) and Versatile Video Coding (H. Schwarz et al., "Hybrid video coding with trellis-coded quantization", DCC 2019)
use. In units of the lattice step Δ, an index k stands for

    quantiser 0     …, −4, −2, 0, 2, 4, …        2 k
    quantiser 1     …, −3, −1, 0, 1, 3, …        2 k − sgn k

The state says which of the two is in force (its lowest bit), and the parity of k leads to the next state. So each
quantiser has steps of 2 Δ, and the price of coarse steps is paid, but over a path all multiples of Δ are within
reach: up to 1.1 dB less error with eight states than a uniform quantiser at the same rate. The trellis is that of
G. Ungerboeck's code of eight states for amplitude modulation ("Channel coding with multilevel/phase signals", IEEE
Trans. Information Theory 28, 1982, Table I): parity checks 13 and 04 in octal.

The encoder walks it with the Viterbi algorithm towards the least squared error + λ · bits, where what an index costs is
read from a table by the magnitude that the coder will expect there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.tcq.classes import INDICES, PLACE

STATES = 8
_MEMORY = 3
_CHECKS = (0o13, 0o04)
LARGEST = 1 << 24
"""Indices are below this in magnitude."""
LEAST = 0.2
"""Lattice steps below which only the index 0 is tried."""
ROUNDING = 0.46
"""What is added to coefficients that are quantised plainly, in steps of an index, before they are cut."""
_FAR = 1e30


def _transitions() -> NDArray[np.int64]:
    """Next state `(state, parity of the index)` of the systematic feedback encoder."""
    table = np.zeros((STATES, 2), np.int64)
    for state in range(STATES):
        coded = state & 1
        for free in range(2):
            after = state >> 1
            for power in range(1, _MEMORY + 1):
                flips = (_CHECKS[0] >> power & coded) ^ (_CHECKS[1] >> power & free)
                after ^= (flips & 1) << (power - 1)
            table[state, free] = after
    return table


NEXT = _transitions()
BEFORE = np.array(
    [
        [
            (state, 2 * (state & 1) + parity)
            for state in range(STATES)
            for parity in range(2)
            if NEXT[state, parity] == after
        ]
        for after in range(STATES)
    ]
)
"""The two ways to a state `(state, way, 2)`: from which state, and with which quantiser and parity, 2 q + p."""


# --- reference ----------------------------------------------------------------------------------------------------


def reconstruct_reference(indices: list[int]) -> list[int]:
    """The multiples of Δ that a path of indices stands for."""
    state, found = 0, []
    for k in indices:
        sign = (k > 0) - (k < 0)
        found.append(2 * k - sign * (state & 1))
        state = int(NEXT[state, k & 1])
    return found


def quantise_reference(values: list[float], costs: list[Any], weight: float) -> list[int]:
    """The path of least squared error + `weight` · cost, by dynamic programming over all states.

    `costs[i][q][k]` is what index magnitude k costs at place i in quantiser q; 0 and the two about a value are tried.
    """
    paths: dict[int, tuple[float, list[int]]] = {0: (0.0, [])}
    for value, cost in zip(values, costs, strict=True):
        longer: dict[int, tuple[float, list[int]]] = {}
        for state, (spent, path) in sorted(paths.items()):
            quantiser = state & 1
            near = int((abs(value) + quantiser) / 2)
            for k in sorted({0, near, near + 1} if abs(value) > LEAST else {0}):
                error = abs(value) - (2 * k - quantiser if k else 0)
                total = spent + error * error + weight * cost[quantiser][k]
                after = int(NEXT[state, k & 1])
                if after not in longer or total < longer[after][0]:
                    longer[after] = (total, [*path, k if value >= 0 else -k])
        paths = longer
    return min(paths.values(), key=lambda path: path[0])[1]


# --- kernels --------------------------------------------------------------------------------------------------------


@njit(nogil=True, cache=True)
def quantise(
    values: NDArray[np.float32],
    classes: NDArray[np.int32],
    costs: NDArray[np.float32],
    inverse: float,
    weight: float,
    indices: NDArray[np.int32],
    lattice: NDArray[np.int32],
) -> float:
    """Find `indices (y, x)` of `values (y, x)`, one component of one subband, and their magnitudes in lattice steps.

    `inverse` is that of the lattice step, `classes` are of what is expected (see `expectations`), `costs (quantiser,
    class, index)` the bits of an index, and `weight` is λ, in squared lattice steps per bit. Returns the squared error
    in squared lattice steps.
    """
    rows, columns = values.shape
    came = np.empty(rows * columns, np.uint8)  # the better way to each state, one bit each
    tried = np.empty((rows * columns, 4), np.int32)  # the best index of each quantiser and parity
    spent, best = np.full((2, STATES), _FAR), np.zeros(4)
    spent[0, 0] = 0.0
    i = 0
    for y in range(rows):
        spent[i & 1] -= spent[i & 1].min()
        for x in range(columns):
            # No views of arrays within this loop: numba would count references to them at each coefficient.
            magnitude = min(abs(np.float64(values[y, x])) * inverse, float(LARGEST))
            shift, scale = classes[y, x] >> PLACE, classes[y, x] & 255
            for q in range(2):
                best[2 * q] = magnitude * magnitude + weight * (costs[q, scale, 0] + shift)
                best[2 * q + 1] = _FAR
                tried[i, 2 * q] = tried[i, 2 * q + 1] = 0
                if magnitude > LEAST:
                    near = int((magnitude + q) * 0.5)
                    for parity in range(2):
                        k = near | 1 if parity else (near + 1) & -2
                        high = k >> shift
                        rate = costs[q, scale, min(high, INDICES - 1)] + shift
                        if high >= INDICES:
                            steep = costs[q, scale, INDICES - 1] - costs[q, scale, INDICES - 2]
                            rate += (high - INDICES + 1) * steep
                        error = magnitude - (2 * k - q)
                        total = error * error + weight * rate
                        if k and total < best[2 * q + parity]:
                            best[2 * q + parity] = total
                            tried[i, 2 * q + parity] = k
            ways = 0
            for after in range(STATES):
                one = spent[i & 1, BEFORE[after, 0, 0]] + best[BEFORE[after, 0, 1]]
                two = spent[i & 1, BEFORE[after, 1, 0]] + best[BEFORE[after, 1, 1]]
                ways |= (two < one) << after
                spent[~i & 1, after] = min(one, two)
            came[i] = ways
            i += 1
    state, squares = np.int64(np.argmin(spent[i & 1])), 0.0
    for y in range(rows - 1, -1, -1):
        for x in range(columns - 1, -1, -1):
            i -= 1
            branch = (came[i] >> state) & 1
            k = tried[i, BEFORE[state, branch, 1]]
            state = BEFORE[state, branch, 0]
            reached = 2 * k - (state & 1) if k else 0
            lattice[y, x] = reached
            indices[y, x] = k if values[y, x] >= 0 else -k
            error = abs(np.float64(values[y, x])) * inverse - reached
            squares += error * error
    return squares


@njit(nogil=True, cache=True, inline="always")
def _plain(value: Any, inverse: Any) -> Any:
    """Magnitude in lattice steps of a plainly quantised coefficient: quantiser 0 alone."""
    return 2 * int(min(abs(value) * (0.5 * inverse) + ROUNDING, float(LARGEST // 2)))


@njit(nogil=True, cache=True)
def plain(values: NDArray[np.float32], inverse: float) -> NDArray[np.int32]:
    """Magnitudes of `values (component, y, x)` quantised without a trellis, in lattice steps of 1 / `inverse`."""
    out = np.empty(values.shape, np.int32)
    for c in range(values.shape[0]):
        for y in range(values.shape[1]):
            for x in range(values.shape[2]):
                out[c, y, x] = _plain(values[c, y, x], inverse)
    return out


@njit(nogil=True, cache=True)
def plain_error(values: NDArray[np.float32], inverse: float) -> float:
    """Their squared error, in squared lattice steps."""
    squares = 0.0
    for c in range(values.shape[0]):
        for y in range(values.shape[1]):
            for x in range(values.shape[2]):
                error = abs(values[c, y, x]) * inverse - _plain(values[c, y, x], inverse)
                squares += error * error
    return squares
