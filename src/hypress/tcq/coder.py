"""Context coder for the indices of a subband in many components: each is expected as large as what is around it.

Components come one after the other, by falling energy, each line by line. What is expected of a coefficient is a
weighted mean of magnitudes that encoder and decoder both know, in units of the lattice step:

    34 %   neighbours of the same component: west, north, their diagonals and what lies one further
    52 %   the same place in earlier components: how far each was above its own mean there, on average
     6 %   the same place in the other orientations of this resolution, where they were coded before
     8 %   the mean of this component so far

Where something is, all components tell; so the second part weighs most. The weights are those of a regression over the
training scenes, which they fit all alike. A class of expectations (see `classes`) and the quantiser in force choose the
contexts in which it is asked whether the index is above 0, above 1, and so on; sign and low bits are sent as they are.
(Compare X. Wu, "Context quantization with Fisher discriminant for adaptive embedded wavelet image coding", DCC 1999,
and H. Schwarz et al., DCC 2019, for contexts by the state of the trellis.)

Encoder and decoder are one function: it differs only where a bit goes out or comes in. It also serves to look only, at
what would be expected.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.entropy.rangecoder import TOP, _shift, adapt, contexts, decode_bit, decode_raw
from hypress.tcq.classes import CLASSES, INDICES, MOST_EXPECTED, QUESTIONS, UNIT, class_of
from hypress.tcq.trellis import LARGEST, NEXT

SIDE, CORNER, FURTHER = 10, 3, 4
"""Weights, of 100, of each of the two neighbours beside, at the corners and one further."""
ACTIVITY, LAST = 48, 4
"""Weights of all earlier components, and of the last one."""
SIBLING, LATELY = 6, 8
"""Weights of the other orientations, and of the mean so far; the latter takes over where there are no others."""
HUNDREDTH = 655
"""Of 65536."""
MEMORY = 12
"""Components over which the activity is averaged."""
MEAN = 256
"""The unit of means and activities."""
LEAST_MEAN, MOST_ACTIVE = 8, 64 * MEAN
WINDOW = 32
"""Coefficients over which the mean so far is taken."""
LIMIT = 250
"""Contexts average over this many questions."""
TRUST = 12
"""How many questions the contexts are taken to have seen at the start."""
LONGEST = 24
"""Bits of an Exp-Golomb prefix, at most."""
LOOK, ENCODE, DECODE = 0, 1, 2


def first_contexts() -> NDArray[np.int64]:
    """Contexts before the first index: a geometric law whose mean is the class's expectation."""
    states = contexts(2, CLASSES, INDICES)
    for scale in range(CLASSES):
        expected = scale if scale < 4 else (4 + scale % 4) << (scale // 4 - 1)
        for quantiser in range(2):
            for above in range(INDICES):
                # An index takes 2 lattice steps; the first one 1.6 and 1.0 from either quantiser's zero.
                wide = 32 if above else (26, 16)[quantiser]
                lattice = 18 * expected + 24
                states[quantiser, scale, above, 0] = 65536 * wide // (wide + lattice // 16)
    states[..., 0] = np.clip(states[..., 0], 1 << 10, 63 << 10)
    states[..., 1] = TRUST
    return states.reshape(QUESTIONS, 2)


def costs_of(states: NDArray[np.int64]) -> NDArray[np.float32]:
    """Bits of an index `(quantiser, class, index)`, without its sign, in contexts as they have become."""
    zero = states[:, 0].reshape(2, CLASSES, INDICES) / 65536
    on, end = -np.log2(1 - zero), -np.log2(zero)
    return np.asarray(np.cumsum(on, axis=2) - on + end, np.float32)


@njit(nogil=True, cache=True)
def code_band(
    indices: NDArray[np.int32],
    siblings: NDArray[np.int32],
    mode: int,
    buffer: NDArray[np.uint8],
    states: NDArray[np.int64],
    coder: NDArray[np.int64],
    lattice: NDArray[np.int32],
    expectations: NDArray[np.int32],
) -> None:
    """Code `indices (component, y, x)` of one subband into `buffer`, or out of it, or only look at them.

    `siblings` are magnitudes in the same place of other orientations, of the same shape or without components where
    none are known. `lattice` receives the magnitudes in lattice steps, `expectations` what was expected,
    where it has components.
    """
    components, rows, columns = indices.shape
    active = np.zeros((rows, columns), np.int64)
    elsewhere = np.full((rows, columns), (ACTIVITY + LAST) * MEAN, np.int64)
    around = np.zeros((rows + 2, columns + 3), np.int64)  # magnitudes, two lines above and two columns before
    mean: Any = np.int64(2 * MEAN)
    low, width = coder[0], coder[1]  # the encoder's, at hand: an array would be written to memory bit by bit
    for c in range(components):
        trellis, seen, total = np.int64(0), np.int64(2), np.int64(0)
        around[:2] = mean // MEAN
        for y in range(rows):
            here, above, higher = around[y + 2], around[y + 1], around[y]
            here[0] = here[1] = above[2]
            for x in range(columns):
                near = SIDE * (here[x + 1] + above[x + 2]) + CORNER * (above[x + 1] + above[x + 3])
                near += FURTHER * (here[x] + higher[x + 2])
                lately = mean >> 4
                expected = UNIT * near + ((elsewhere[y, x] * lately) >> 8)
                if siblings.shape[0]:
                    expected += UNIT * SIBLING * siblings[c, y, x] + LATELY * lately
                else:
                    expected += (SIBLING + LATELY) * lately
                expected = min((expected * HUNDREDTH) >> 16, MOST_EXPECTED)
                if expectations.shape[0]:
                    expectations[c, y, x] = expected
                scale, shift = class_of(expected)
                first = ((trellis & 1) * CLASSES + scale) * INDICES
                index: Any = np.int64(indices[c, y, x])
                if mode == ENCODE:
                    low, width = _encode(low, width, coder, buffer, states, first, index, shift)
                elif mode == DECODE:
                    index = _decode(coder, buffer, states, first, shift)
                    indices[c, y, x] = index
                magnitude = abs(index)
                if magnitude:
                    reached = 2 * magnitude - (trellis & 1)
                    total += reached
                else:
                    reached = np.int64(0)
                lattice[c, y, x] = reached
                here[x + 2] = reached
                mean += ((reached << 8) - mean) // seen
                if seen < WINDOW:
                    seen += 1
                trellis = NEXT[trellis, magnitude & 1]
            here[columns + 2] = here[columns + 1]
        mean = max(total * MEAN // (rows * columns), LEAST_MEAN)
        _learn(lattice[c], mean, min(c + 1, MEMORY), active, elsewhere)
    if mode == ENCODE:
        coder[0], coder[1] = low, width


@njit(nogil=True, cache=True)
def _learn(lattice: Any, mean: Any, memory: int, active: Any, elsewhere: Any) -> None:
    """Take a finished component into the activity, and say what is expected of the next."""
    rows, columns = lattice.shape
    for y in range(rows):
        for x in range(columns):
            now = min((np.int64(lattice[y, x]) << 16) // mean, MOST_ACTIVE)
            active[y, x] += (now - active[y, x]) // memory
            elsewhere[y, x] = LAST * now
    for y in range(rows):
        north, south = max(y - 1, 0), min(y + 1, rows - 1)
        for x in range(columns):
            beside = active[y, max(x - 1, 0)] + active[y, min(x + 1, columns - 1)] + active[north, x] + active[south, x]
            elsewhere[y, x] += ACTIVITY * ((12 * active[y, x] + beside) >> 4)


@njit(nogil=True, cache=True, inline="always")
def _encode(
    low: Any, width: Any, coder: Any, out: Any, states: Any, first: Any, index: Any, shift: Any
) -> tuple[Any, Any]:
    magnitude = abs(index)
    high = magnitude >> shift
    above, more = 0, 1
    while more and above < INDICES:
        more = 1 if high > above else 0
        bound = (width >> 16) * states[first + above, 0]
        if more:
            low, width = low + bound, width - bound
        else:
            width = bound
        adapt(states, first + above, more, LIMIT)
        while width < TOP:
            width <<= 8
            coder[0] = low
            _shift(coder, out)
            low = coder[0]
        above += 1
    if high >= INDICES:
        beyond = high - INDICES + 1
        length = 0
        while beyond >> (length + 1):
            length += 1
        low, width = _plain(low, width, coder, out, (1 << (length + 1)) - 2, length + 1)
        low, width = _plain(low, width, coder, out, beyond, length)
    low, width = _plain(low, width, coder, out, magnitude, shift)
    if magnitude:
        low, width = _plain(low, width, coder, out, 1 if index < 0 else 0, 1)
    return low, width


@njit(nogil=True, cache=True, inline="always")
def _plain(low: Any, width: Any, coder: Any, out: Any, value: Any, bits: Any) -> tuple[Any, Any]:
    """The low bits of a value, each at a cost of one bit."""
    for place in range(bits - 1, -1, -1):
        width >>= 1
        if (value >> place) & 1:
            low += width
        while width < TOP:
            width <<= 8
            coder[0] = low
            _shift(coder, out)
            low = coder[0]
    return low, width


@njit(nogil=True, cache=True)
def _decode(coder: Any, data: Any, states: Any, first: Any, shift: Any) -> Any:
    high = np.int64(0)
    while high < INDICES and decode_bit(coder, data, states, first + high, LIMIT):
        high += 1
    if high == INDICES:
        length = 0
        while length < LONGEST and decode_raw(coder, data, 1):
            length += 1
        high += (np.int64(1) << length | decode_raw(coder, data, length)) - 1
    magnitude = min(high << shift | decode_raw(coder, data, shift), LARGEST)
    if magnitude and decode_raw(coder, data, 1):
        return -magnitude
    return magnitude


@njit(nogil=True, cache=True)
def bits_of(indices: NDArray[np.int32], expectations: NDArray[np.int32], costs: NDArray[np.float32]) -> float:
    """About what indices `(component, y, x)` cost where these magnitudes are expected."""
    total = 0.0
    for c in range(indices.shape[0]):
        trellis = np.int64(0)
        for y in range(indices.shape[1]):
            for x in range(indices.shape[2]):
                magnitude = abs(np.int64(indices[c, y, x]))
                scale, shift = class_of(expectations[c, y, x])
                cost = costs[trellis & 1, scale]
                high = magnitude >> shift
                total += cost[min(high, INDICES - 1)] + shift
                if high >= INDICES:
                    total += (high - INDICES + 1) * (cost[INDICES - 1] - cost[INDICES - 2])
                if magnitude:
                    total += 1.0
                trellis = NEXT[trellis, magnitude & 1]
    return total
