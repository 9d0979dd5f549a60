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

from hypress.tcq.classes import INDICES, MOST_EXPECTED, class_of

STATES = 8
_MEMORY = 3
_CHECKS = (0o13, 0o04)
LARGEST = 1 << 24
"""Indices are below this in magnitude."""


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

    `costs[i][q][k]` is what index magnitude k costs at place i in quantiser q; magnitudes near the value are tried.
    """
    paths: dict[int, tuple[float, list[int]]] = {0: (0.0, [])}
    for value, cost in zip(values, costs, strict=True):
        longer: dict[int, tuple[float, list[int]]] = {}
        for state, (spent, path) in sorted(paths.items()):
            quantiser = state & 1
            near = int((abs(value) + quantiser) / 2)
            for k in sorted({0, *range(max(near - 1, 0), near + 3)}):
                error = abs(value) - (2 * k - quantiser if k else 0)
                total = spent + error * error + weight * cost[quantiser][k]
                after = int(NEXT[state, k & 1])
                if after not in longer or total < longer[after][0]:
                    longer[after] = (total, [*path, k if value >= 0 else -k])
        paths = longer
    return min(paths.values(), key=lambda path: path[0])[1]


# --- kernels --------------------------------------------------------------------------------------------------------


@njit(nogil=True, cache=True)
def reconstruct(indices: NDArray[np.int32]) -> NDArray[np.int32]:
    """The multiples of Δ that indices `(component, y, x)` stand for; each component is a path of its own."""
    out = np.zeros_like(indices)
    for c in range(indices.shape[0]):
        state = np.int64(0)
        for y in range(indices.shape[1]):
            for x in range(indices.shape[2]):
                k = indices[c, y, x]
                if k > 0:
                    out[c, y, x] = 2 * k - (state & 1)
                elif k < 0:
                    out[c, y, x] = 2 * k + (state & 1)
                state = NEXT[state, k & 1]
    return out


@njit(nogil=True, cache=True)
def quantise(
    values: NDArray[np.float32],
    expectations: NDArray[np.int32],
    costs: NDArray[np.float32],
    step: float,
    weight: float,
    finer: float,
) -> NDArray[np.int32]:
    """Indices `(component, y, x)` of `values`, those of one subband, on the lattice of `step`.

    `expectations` are magnitudes expected there (see `classes`) on a lattice whose step is `finer` times this one,
    `costs (quantiser, class, index)` the bits of an index, and `weight` is λ, in squared lattice steps per bit.
    """
    components, rows, columns = values.shape
    count = rows * columns
    out = np.zeros(values.shape, np.int32)
    came = np.zeros((count, STATES), np.uint8)
    tried = np.zeros((count, 4), np.int32)  # the best index of each quantiser and parity
    spent, longer, best = np.zeros(STATES), np.zeros(STATES), np.zeros(4)
    inverse = 1.0 / step
    for c in range(components):
        spent[:] = 1e300
        spent[0] = 0.0
        i = 0
        for y in range(rows):
            for x in range(columns):
                magnitude = min(abs(values[c, y, x]) * inverse, float(LARGEST))
                scale, shift = class_of(min(expectations[c, y, x] * finer + 0.5, float(MOST_EXPECTED)))
                for quantiser in range(2):
                    cost = costs[quantiser, scale]
                    even, odd = 2 * quantiser, 2 * quantiser + 1
                    best[even] = magnitude * magnitude + weight * (cost[0] + shift)
                    tried[i, even] = 0
                    best[odd] = 1e300
                    near = int((magnitude + quantiser) * 0.5)
                    for k in range(max(near - 1, 1), near + 3):
                        high = k >> shift
                        rate = cost[min(high, INDICES - 1)] + shift
                        if high >= INDICES:
                            rate += (high - INDICES + 1) * (cost[INDICES - 1] - cost[INDICES - 2])
                        error = magnitude - (2 * k - quantiser)
                        total = error * error + weight * (rate + 1)
                        which = even + (k & 1)
                        if total < best[which]:
                            best[which] = total
                            tried[i, which] = k
                for after in range(STATES):
                    one = spent[BEFORE[after, 0, 0]] + best[BEFORE[after, 0, 1]]
                    two = spent[BEFORE[after, 1, 0]] + best[BEFORE[after, 1, 1]]
                    came[i, after] = two < one
                    longer[after] = min(one, two)
                least = longer[0]
                for after in range(1, STATES):
                    least = min(least, longer[after])
                for after in range(STATES):
                    spent[after] = longer[after] - least
                i += 1
        here = np.int64(np.argmin(spent))
        for i in range(count - 1, -1, -1):
            branch = np.int64(came[i, here])
            k = tried[i, BEFORE[here, branch, 1]]
            here = BEFORE[here, branch, 0]
            y, x = i // columns, i % columns
            out[c, y, x] = k if values[c, y, x] >= 0 else -k
    return out
