"""Adaptive coder for arrays of signed integers whose scale is learned on the way.

One integer `v` is coded in three parts by the range coder of `rangecoder`, knowing `expected`, an estimate of
its magnitude (times `UNIT`) that encoder and decoder form alike from what went before:

1. the class of |v|, its bit length: starting from the class that `expected` suggests, one adaptive bit says
   whether the class is above it, then one bit per step up, or down. The contexts depend on the distance of
   class and expectation in quarters of an octave, so all scales share one set and learn together; only
   expectations below four, where integers are coarse, have sets of their own;
2. the bits below the leading one: the first two adaptive, the rest as they are;
3. the sign of what is not zero, adaptive, in a context that the caller names.

This is the Exp-Golomb code with its parameter and its shape learned (compare the escape codes of CABAC;
Marpe, Schwarz and Wiegand, 2003). `encode_array` applies it to short smooth rows: each row is predicted from
its last two values by the best of eight fixed weightings, and `expected` is the
mean magnitude of the row's last residuals. Integers are below 2**38 in magnitude.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.entropy.rangecoder import (
    as_array,
    contexts,
    decode_bit,
    decode_raw,
    encode_bit,
    encode_raw,
    finish_encoder,
    start_decoder,
)
from hypress.errors import CodestreamError

UNIT = 16
"""`expected` is given in sixteenths."""
WIDEST = 41
"""Largest class: magnitudes stay below 2**41."""
_FINE = 24
"""Expectations below this (in quarters of an octave of sixteenths) have contexts of their own."""
_SPAN = 40
"""Distances of class and expectation, in quarters of an octave, that are told apart: the clip."""
_SETS = _FINE + 1
_MANTISSA = _SETS * 2 * _SPAN
_SIGN = _MANTISSA + 4 * 64
SIGNS = 9
"""Sign contexts: the caller names one of 0..8."""
CONTEXTS = _SIGN + SIGNS
"""Number of contexts of one model."""


def model() -> NDArray[np.int64]:
    """Fresh contexts for `encode_integer` and `decode_integer`."""
    return contexts(CONTEXTS)


@njit(nogil=True, cache=True)
def bit_length(value: int) -> int:
    """Position of the leading one of `value` in 0..2**62, counted from one; 0 for 0."""
    length = 0
    for step in (32, 16, 8, 4, 2, 1):
        if value >> step:
            length += step
            value >>= step
    return length + value


@njit(nogil=True, cache=True)
def quarter_octaves(value: int) -> int:
    """`4 log2(value)`, interpolated linearly between powers of two, rounded down; 0 below one."""
    if value < 1:
        return 0
    length = bit_length(value)
    return 4 * (length - 1) + ((value << 2 >> (length - 1)) & 3)


@njit(nogil=True, cache=True)
def _context(octave: int, level: int) -> int:
    """Context of the question whether the class is above `level`, at expectation `octave`."""
    distance = min(max(4 * (level + 4) - octave + _SPAN // 2, 0), _SPAN - 1)
    return min(octave, _FINE) * 2 * _SPAN + distance


@njit(nogil=True, cache=True)
def encode_integer(
    state: NDArray[np.int64],
    out: NDArray[np.uint8],
    model: NDArray[np.int64],
    value: int,
    expected: int,
    sign: int,
    limit: int,
) -> None:
    """Code `value` knowing `expected`, its likely magnitude in sixteenths, in sign context `sign`."""
    magnitude = abs(value)
    length = bit_length(magnitude)
    octave = quarter_octaves(expected)
    first = max(octave // 4 - 4, 0)
    if length > first:
        encode_bit(state, out, model, _context(octave, first), 1, limit)
        level = first + 1
        while level < WIDEST:
            above = 1 if length > level else 0
            encode_bit(state, out, model, _context(octave, level), above, limit)
            if not above:
                break
            level += 1
    else:
        encode_bit(state, out, model, _context(octave, first), 0, limit)
        level = first
        while level > 0:
            below = 1 if length < level else 0
            encode_bit(state, out, model, _context(octave, level) + _SPAN, below, limit)
            if not below:
                break
            level -= 1
    if length > 1:
        near = _MANTISSA + 4 * min(max(4 * length - octave + 32, 0), 63)
        bit = (magnitude >> (length - 2)) & 1
        encode_bit(state, out, model, near, bit, limit)
        if length > 2:
            encode_bit(state, out, model, near + 1 + bit, (magnitude >> (length - 3)) & 1, limit)
            if length > 3:
                encode_raw(state, out, magnitude, length - 3)
    if magnitude:
        encode_bit(state, out, model, _SIGN + sign, 1 if value < 0 else 0, limit)


@njit(nogil=True, cache=True)
def decode_integer(
    state: NDArray[np.int64],
    data: NDArray[np.uint8],
    model: NDArray[np.int64],
    expected: int,
    sign: int,
    limit: int,
) -> int:
    """The integer that `encode_integer` coded with the same arguments; always below 2**41 in magnitude."""
    octave = quarter_octaves(expected)
    length = max(octave // 4 - 4, 0)
    if decode_bit(state, data, model, _context(octave, length), limit):
        length += 1
        while length < WIDEST and decode_bit(state, data, model, _context(octave, length), limit):
            length += 1
    else:
        while length > 0 and decode_bit(state, data, model, _context(octave, length) + _SPAN, limit):
            length -= 1
    magnitude = min(length, 1)
    if length > 1:
        near = _MANTISSA + 4 * min(max(4 * length - octave + 32, 0), 63)
        magnitude = 2 + decode_bit(state, data, model, near, limit)
        if length > 2:
            magnitude = 2 * magnitude + decode_bit(state, data, model, near + magnitude - 1, limit)
            if length > 3:
                magnitude = (magnitude << (length - 3)) | decode_raw(state, data, length - 3)
    if magnitude and decode_bit(state, data, model, _SIGN + sign, limit):
        return -magnitude
    return magnitude


# --- rows -------------------------------------------------------------------------------------------

_LIMIT = 60
"""Rows are short and alike: contexts average over this many."""
_CEILING = 1 << 40
PREDICTORS = np.array([(0, 0), (16, 0), (32, -16), (24, -8), (12, 0), (28, -12), (8, 8), (8, 0)], np.int64)
"""Weights, in sixteenths, of the last value and the one before: what a row may choose from."""


@njit(nogil=True, cache=True)
def _predict(row: NDArray[np.int64], column: int, chosen: int) -> int:
    """Prediction from the two values before; from one or none at the start of a row."""
    if chosen == 0 or column == 0:
        return 0
    if column == 1:
        return int(row[0])
    return int((PREDICTORS[chosen, 0] * row[column - 1] + PREDICTORS[chosen, 1] * row[column - 2] + 8) >> 4)


@njit(nogil=True, cache=True)
def _best_predictor(row: NDArray[np.int64]) -> int:
    """The predictor with the least sum of logarithms of residuals."""
    best, chosen = np.int64(1) << 60, 0
    for candidate in range(PREDICTORS.shape[0]):
        cost = np.int64(0)
        for column in range(row.size):
            cost += quarter_octaves(1 + 4 * abs(row[column] - _predict(row, column, candidate)))
        if cost < best:
            best, chosen = cost, candidate
    return chosen


@njit(nogil=True, cache=True)
def _signum(value: int) -> int:
    return 0 if value == 0 else (1 if value > 0 else 2)


@njit(nogil=True, cache=True)
def _learn(mean: int, value: int, slowness: int) -> int:
    """Running mean of magnitudes, in sixteenths."""
    return mean + ((UNIT * abs(value) - mean) >> slowness)


@njit(nogil=True, cache=True)
def _expected(mean: int, one: int, two: int, scale: int) -> int:
    """Likely magnitude, from the row so far, its last two residuals, and earlier rows in this place."""
    return (7 * mean + UNIT * (4 * abs(one) + 2 * abs(two)) + 3 * scale) >> 4


@njit(nogil=True, cache=True)
def _encode_rows(values: NDArray[np.int64], model: NDArray[np.int64], out: NDArray[np.uint8]) -> int:
    state = np.array([0, 0xFFFFFFFF, 0, 0, -1], np.int64)
    scales = np.zeros(values.shape[1], np.int64)
    for r in range(values.shape[0]):
        row = values[r]
        chosen = _best_predictor(row)
        encode_raw(state, out, chosen, 3)
        mean, one, two = scales[0], 0, 0
        for column in range(row.size):
            value = row[column] - _predict(row, column, chosen)
            expected = _expected(mean, one, two, scales[column])
            encode_integer(state, out, model, value, expected, 3 * _signum(one) + _signum(two), _LIMIT)
            if column > 0:
                mean = _learn(mean, value, 3)
                scales[column] = _learn(scales[column], value, 1)
            two, one = one, value
    return finish_encoder(state, out)


@njit(nogil=True, cache=True)
def _decode_rows(data: NDArray[np.uint8], model: NDArray[np.int64], values: NDArray[np.int64]) -> bool:
    state = start_decoder(data)
    scales = np.zeros(values.shape[1], np.int64)
    for r in range(values.shape[0]):
        row = values[r]
        chosen = decode_raw(state, data, 3)
        mean, one, two = scales[0], 0, 0
        for column in range(row.size):
            expected = _expected(mean, one, two, scales[column])
            value = decode_integer(state, data, model, expected, 3 * _signum(one) + _signum(two), _LIMIT)
            row[column] = value + _predict(row, column, chosen)
            if abs(row[column]) >= _CEILING:
                return False
            if column > 0:
                mean = _learn(mean, value, 3)
                scales[column] = _learn(scales[column], value, 1)
            two, one = one, value
    return True


def encode_array(values: NDArray[np.int64]) -> bytes:
    """Code `values (rows, columns)`, int64 below 2**38 in magnitude. The shape is not stored.

    Raises ValueError on larger ones.
    """
    values = np.ascontiguousarray(values, np.int64)
    if values.size == 0:
        return b""
    if int(np.abs(values).max()) >= _CEILING // 4:
        raise ValueError("integers of more than 38 bits cannot be coded")
    out = np.empty(8 * values.size + values.shape[0] + 16, np.uint8)
    size = _encode_rows(values, model(), out)
    if size > out.size:
        out = np.empty(size, np.uint8)
        size = _encode_rows(values, model(), out)
    return out[:size].tobytes()


def decode_array(data: bytes, shape: tuple[int, int]) -> NDArray[np.int64]:
    """The array `(rows, columns)`, int64, of `encode_array`.

    Raises CodestreamError on bytes that it cannot have written, where that shows.
    """
    values = np.zeros(shape, np.int64)
    if values.size and not _decode_rows(as_array(data), model(), values):
        raise CodestreamError("an array of integers is damaged")
    return values
