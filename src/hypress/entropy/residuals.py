"""Lossless and near-lossless coder for what a spectral predictor left: an image of residuals in many bands.

Residuals of a good predictor look like noise, but not quite: neighbours in the image and the same pixel in
the bands before still tell a little. So each residual is predicted once more, by a linear filter over four
causal neighbours and the last eight bands, whose weights follow the data (normalised LMS, after B. Widrow and
M. Hoff, 1960; compare the sign-LMS of CCSDS 123.0). The error is quantised to multiples of `2 n + 1`, the
loop being closed around the quantiser, and coded by `integers`, its likely magnitude taken from errors
nearby, in the image and in the band before, and in part from a longer past.

Encoder and decoder are one function: it differs in a single place, where an integer goes out or comes in. All
arithmetic is in integers of at most 64 bits.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.entropy.integers import decode_integer, encode_integer, model
from hypress.entropy.rangecoder import as_array, finish_encoder, start_decoder, start_encoder

BANDS_BACK = 8
TAPS = 4 + BANDS_BACK
"""Inputs of the filter: west, north, north-west, north-east, and the bands before."""
POINT = 16
"""Bits after the point of a weight."""
SLOWNESS = 64
"""A step of the weights takes back one part in this many of an error."""
HEAVIEST = 8 << POINT
BOUND = 1 << 18
"""Residuals are below this in magnitude, whatever is decoded."""
LIMIT = 250
"""Contexts average over this many."""


@njit(nogil=True, cache=True)
def _code(
    values: NDArray[np.int32], n: int, encode: bool, buffer: NDArray[np.uint8], model: NDArray[np.int64],
    state: NDArray[np.int64],
) -> int:  # fmt: skip
    """Code `values (band, y, x)` into `buffer`, or out of it; `values` become those that the decoder has."""
    bands, rows, columns = values.shape
    weights = np.zeros(TAPS, np.int64)
    inputs = np.zeros(TAPS, np.int64)
    # Magnitudes of coded errors: two bands, a column of zeros on either side, a row of zeros above.
    errors = np.zeros((2, rows + 1, columns + 2), np.int32)
    width = 2 * n + 1
    lately = np.int64(0)  # running mean of these magnitudes, times 2048
    for b in range(bands):
        here, before = errors[b & 1], errors[1 - (b & 1)]
        for y in range(rows):
            for x in range(columns):
                inputs[0] = values[b, y, x - 1] if x else 0
                inputs[1] = values[b, y - 1, x] if y else 0
                inputs[2] = values[b, y - 1, x - 1] if x and y else 0
                inputs[3] = values[b, y - 1, x + 1] if y and x + 1 < columns else 0
                for k in range(BANDS_BACK):
                    inputs[4 + k] = values[b - 1 - k, y, x] if b > k else 0
                total, power = np.int64(1 << (POINT - 1)), np.int64(1)
                for k in range(TAPS):
                    total += weights[k] * inputs[k]
                    power += inputs[k] * inputs[k]
                prediction = total >> POINT

                around = 2 * (here[y + 1, x] + here[y, x + 1]) + here[y, x] + here[y, x + 2]
                if b:
                    around += 2 * before[y + 1, x + 1] + before[y + 1, x] + before[y + 1, x + 2]
                else:
                    around = around * 5 // 3
                expected = (39 * np.int64(around) + 5 * (lately >> 4)) >> 6
                if encode:
                    error = values[b, y, x] - prediction
                    quotient = (abs(error) + n) // width
                    if error < 0:
                        quotient = -quotient
                    encode_integer(state, buffer, model, quotient, int(expected), 0, LIMIT)
                else:
                    quotient = decode_integer(state, buffer, model, int(expected), 0, LIMIT)
                value = min(max(prediction + quotient * width, -BOUND), BOUND)
                values[b, y, x] = value
                here[y + 1, x + 1] = min(abs(quotient), BOUND)
                lately += ((min(abs(quotient), BOUND) << 11) - lately) >> 6

                step = (((value - prediction) << 24) // SLOWNESS) // power
                for k in range(TAPS):
                    moved = weights[k] + ((step * inputs[k]) >> (24 - POINT))
                    weights[k] = min(max(moved, -HEAVIEST), HEAVIEST)
    return finish_encoder(state, buffer) if encode else 0


def encode_residuals(values: NDArray[np.int32], max_error: int) -> tuple[bytes, NDArray[np.int32]]:
    """Code residuals `(band, y, x)`, int32 below 2**17 in magnitude.

    Returns the bytes, and the residuals as they will be decoded, each off by at most `max_error`.
    """
    size = 3 * values.size + 64
    while True:
        decoded = np.array(values, np.int32, order="C")
        buffer = np.empty(size, np.uint8)
        size = _code(decoded, max_error, True, buffer, model(), start_encoder())
        if size <= buffer.size:
            return buffer[:size].tobytes(), decoded


def decode_residuals(data: bytes, shape: tuple[int, int, int], max_error: int) -> NDArray[np.int32]:
    """The residuals `(band, y, x)` that `encode_residuals` returned; on other bytes, any residuals."""
    values = np.zeros(shape, np.int32)
    _code(values, max_error, False, as_array(data), model(), start_decoder(as_array(data)))
    return values
