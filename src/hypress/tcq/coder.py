"""Context coder for the indices of one component in one subband.

The class of what is expected (see `expectations`) and the quantiser in force choose the contexts in which it is asked
whether the index is above 0, above 1, and so on; sign and low bits are sent as they are. (For contexts by the state of
the trellis compare H. Schwarz et al., "Hybrid video coding with trellis-coded quantization", DCC 2019.)

An encoder knows all magnitudes, and so all classes, before it begins; a decoder finds them line by line. So there are
two kernels; what they share is what is expected, the contexts and their adaptation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.entropy.rangecoder import MASK32, TOP, _shift, adapt, contexts
from hypress.tcq.classes import CLASSES, INDICES, PLACE, QUESTIONS
from hypress.tcq.expectations import MEAN, WINDOW, expected_class, lines, mean_with
from hypress.tcq.trellis import LARGEST, NEXT

LIMIT = 250
"""Contexts average over this many questions."""
TRUST = 12
"""How many questions the contexts are taken to have seen at the start."""
LONGEST = 24
"""Bits of an Exp-Golomb prefix, at most."""
_LOG = (-np.log2((np.arange(4096) + 0.5) / 4096)).astype(np.float32)
"""Bits of an event, by its probability of 4096."""


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


@njit(nogil=True, cache=True)
def costs_of(states: NDArray[np.int64]) -> NDArray[np.float32]:
    """Bits of an index `(quantiser, class, index)`, with its sign, in contexts as they have become."""
    costs = np.empty((2, CLASSES, INDICES), np.float32)
    for quantiser in range(2):
        for scale in range(CLASSES):
            first, on = (quantiser * CLASSES + scale) * INDICES, np.float32(0)
            for index in range(INDICES):
                zero = states[first + index, 0]
                costs[quantiser, scale, index] = on + _LOG[zero >> 4]
                if index == 0:
                    on += np.float32(1)
                on += _LOG[(65535 - zero) >> 4]
    return costs


@njit(nogil=True, cache=True)
def encode_plane(
    indices: NDArray[np.int32],
    classes: NDArray[np.int32],
    buffer: NDArray[np.uint8],
    states: NDArray[np.int64],
    coder: NDArray[np.int64],
) -> None:
    """Code `indices (y, x)`, whose `classes (y, x)` are those of `expect`, into `buffer`."""
    low, width = coder[0], coder[1]  # at hand: in an array they would be written to memory bit by bit
    trellis = np.int64(0)
    for y in range(indices.shape[0]):
        for x in range(indices.shape[1]):
            shift, scale = classes[y, x] >> PLACE, classes[y, x] & 255
            index = np.int64(indices[y, x])
            magnitude = abs(index)
            high = magnitude >> shift
            at = ((trellis & 1) * CLASSES + scale) * INDICES
            for above in range(min(high + 1, INDICES)):
                bound = (width >> 16) * states[at + above, 0]
                more = high > above
                if more:
                    low, width = low + bound, width - bound
                else:
                    width = bound
                adapt(states, at + above, more, LIMIT)
                while width < TOP:
                    width <<= 8
                    coder[0] = low
                    _shift(coder, buffer)
                    low = coder[0]
            # As they are, 50 bits at most: the Exp-Golomb code of what is above all questions, low bits, and sign.
            plain, count = magnitude & ((1 << shift) - 1), shift
            if high >= INDICES:
                beyond, length = high - INDICES + 1, 0
                while beyond >> (length + 1):
                    length += 1
                ones = (1 << (length + 1)) - 2
                plain |= (ones << length | (beyond - (1 << length))) << shift
                count += 2 * length + 1
            if magnitude:
                plain, count = plain << 1 | (index < 0), count + 1
            for place in range(count - 1, -1, -1):
                width >>= 1
                if (plain >> place) & 1:
                    low += width
                while width < TOP:
                    width <<= 8
                    coder[0] = low
                    _shift(coder, buffer)
                    low = coder[0]
            trellis = NEXT[trellis, magnitude & 1]
    coder[0], coder[1] = low, width


@njit(nogil=True, cache=True)
def decode_plane(
    lattice: NDArray[np.int32],
    elsewhere: NDArray[np.int64],
    siblings: NDArray[np.int32],
    mean: Any,
    around: NDArray[np.int64],
    data: NDArray[np.uint8],
    states: NDArray[np.int64],
    coder: NDArray[np.int64],
    signed: NDArray[np.int32],
) -> None:
    """Magnitudes `lattice (y, x)` in lattice steps, and the same with their signs, out of `data`."""
    rows, columns = lattice.shape
    seen: Any = np.int64(2)
    trellis = np.int64(0)
    code, width, position = coder[0], coder[1], coder[2]
    around[:2] = mean // MEAN
    for y in range(rows):
        here, above, higher = lines(around, y)
        for x in range(columns):
            sibling = np.int64(siblings[y, x]) if siblings.size else np.int64(-1)
            kind = expected_class(here, above, higher, x, elsewhere[y, x], sibling, mean)
            shift, at = kind >> PLACE, ((trellis & 1) * CLASSES + (kind & 255)) * INDICES
            high, more = np.int64(0), True
            while more and high < INDICES:
                bound = (width >> 16) * states[at + high, 0]
                more = code >= bound
                if more:
                    code, width = code - bound, width - bound
                else:
                    width = bound
                adapt(states, at + high, more, LIMIT)
                code, width, position = _refilled(code, width, position, data)
                high += more
            if high == INDICES:
                length, more = 0, True
                while more and length < LONGEST:
                    bit, code, width, position = _raw(code, width, position, data, 1)
                    more = bit == 1
                    length += more
                bits, code, width, position = _raw(code, width, position, data, length)
                high += (np.int64(1) << length | bits) - 1
            magnitude: Any = high
            if shift:
                bits, code, width, position = _raw(code, width, position, data, shift)
                magnitude = high << shift | bits
            magnitude = min(magnitude, LARGEST)
            reached = np.int64(0)
            if magnitude:
                reached = 2 * magnitude - (trellis & 1)
                bit, code, width, position = _raw(code, width, position, data, 1)
                signed[y, x] = -reached if bit else reached
            else:
                signed[y, x] = 0
            lattice[y, x] = reached
            here[x + 2] = reached
            mean = mean_with(mean, reached, seen)
            seen = min(seen + 1, WINDOW)
            trellis = NEXT[trellis, magnitude & 1]
        here[columns + 2] = here[columns + 1]
    coder[0], coder[1], coder[2] = code, width, position


@njit(nogil=True, cache=True, inline="always")
def _refilled(code: Any, width: Any, position: Any, data: Any) -> tuple[Any, Any, Any]:
    while width < TOP:
        width <<= 8
        byte = np.int64(data[position]) if position < data.size else np.int64(0)
        code = ((code << 8) | byte) & MASK32
        position += 1
    return code, width, position


@njit(nogil=True, cache=True, inline="always")
def _raw(code: Any, width: Any, position: Any, data: Any, bits: Any) -> tuple[Any, Any, Any, Any]:
    """The next `bits` bits that are sent as they are."""
    value = np.int64(0)
    for _ in range(bits):
        width >>= 1
        bit = np.int64(code >= width)
        code -= bit * width
        value = value << 1 | bit
        code, width, position = _refilled(code, width, position, data)
    return value, code, width, position


@njit(nogil=True, cache=True)
def bits_of(indices: NDArray[np.int32], classes: NDArray[np.int32], costs: NDArray[np.float32]) -> float:
    """About what indices `(y, x)` of these classes cost."""
    total, trellis = 0.0, np.int64(0)
    for y in range(indices.shape[0]):
        for x in range(indices.shape[1]):
            magnitude, quantiser = abs(np.int64(indices[y, x])), trellis & 1
            shift, scale = classes[y, x] >> PLACE, classes[y, x] & 255
            high = magnitude >> shift
            total += costs[quantiser, scale, min(high, INDICES - 1)] + shift
            if high >= INDICES:
                steep = costs[quantiser, scale, INDICES - 1] - costs[quantiser, scale, INDICES - 2]
                total += (high - INDICES + 1) * steep
            trellis = NEXT[trellis, magnitude & 1]
    return total
