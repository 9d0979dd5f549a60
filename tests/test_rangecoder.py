"""The range coder and what is built on it: kernels equal their references, round trips, any input decodes."""

import random

import numpy as np
import pytest
from numba import njit

from hypress.entropy import integers, rangecoder
from hypress.entropy.integers import decode_array, encode_array
from hypress.entropy.rangecoder import Context, Decoder, Encoder, as_array, contexts
from hypress.entropy.residuals import decode_residuals, encode_residuals
from hypress.errors import CodestreamError

RAW = 3
"""In the tests, bits of this many are written raw where the context is negative."""


@njit
def kernel_encode(symbols, where, states, out, limit):
    state = np.array([0, 0xFFFFFFFF, 0, 0, -1])
    for i in range(symbols.size):
        if where[i] < 0:
            rangecoder.encode_raw(state, out, symbols[i], 3)
        else:
            rangecoder.encode_bit(state, out, states, where[i], symbols[i], limit)
    return rangecoder.finish_encoder(state, out)


@njit
def kernel_decode(data, where, states, limit):
    state = rangecoder.start_decoder(data)
    symbols = np.zeros(where.size, np.int64)
    for i in range(where.size):
        if where[i] < 0:
            symbols[i] = rangecoder.decode_raw(state, data, 3)
        else:
            symbols[i] = rangecoder.decode_bit(state, data, states, where[i], limit)
    return symbols


def reference_encode(symbols, where, limit):
    encoder, states = Encoder(), [Context() for _ in range(8)]
    for symbol, context in zip(symbols, where, strict=True):
        if context < 0:
            encoder.raw(symbol, RAW)
        else:
            encoder.bit(symbol, states[context], limit)
    return encoder.finish()


def reference_decode(data, where, limit):
    decoder, states = Decoder(data), [Context() for _ in range(8)]
    return [decoder.raw(RAW) if c < 0 else decoder.bit(states[c], limit) for c in where]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10, 100, 2500])
@pytest.mark.parametrize("limit", [1, 60, rangecoder.SLOWEST])
@pytest.mark.parametrize("skew", [0.0, 0.02, 0.5, 1.0])
def test_kernel_is_the_reference(count, limit, skew):
    rng = np.random.default_rng(count + limit)
    where = rng.integers(-1, 8, count)
    symbols = np.where(where < 0, rng.integers(0, 8, count), rng.random(count) < skew).astype(np.int64)
    out = np.zeros(2 * count + 16, np.uint8)
    size = kernel_encode(symbols, where, contexts(8), out, limit)
    data = out[:size].tobytes()
    assert data == reference_encode(symbols.tolist(), where.tolist(), limit)
    assert kernel_decode(as_array(data), where, contexts(8), limit).tolist() == symbols.tolist()
    assert reference_decode(data, where.tolist(), limit) == symbols.tolist()


def test_carries_run_through_the_stream():
    # Raw ones keep the interval at its top, so carries wait as long as they can.
    for tail in range(8):
        symbols = np.array([7] * 300 + [tail])
        where = np.full(301, -1)
        out = np.zeros(700, np.uint8)
        size = kernel_encode(symbols, where, contexts(8), out, 60)
        assert out[:size].tobytes() == reference_encode(symbols.tolist(), where.tolist(), 60)
        assert kernel_decode(out[:size], where, contexts(8), 60).tolist() == symbols.tolist()


def test_any_bytes_decode_alike():
    rng = random.Random(1)
    where = np.array([rng.randrange(-1, 8) for _ in range(500)])
    for length in [0, 1, 3, 5, 50, 400]:
        data = rng.randbytes(length)
        found = kernel_decode(as_array(data), where, contexts(8), 60).tolist()
        assert found == reference_decode(data, where.tolist(), 60)


def test_a_full_buffer_is_not_overrun():
    symbols, where = np.full(100, 5), np.full(100, -1)
    out = np.full(20, 77, np.uint8)
    assert kernel_encode(symbols, where, contexts(8), out[:10], 60) > 10
    assert (out[10:] == 77).all()


# --- integers: the reference of the kernel's model -------------------------------------------------------


def quarters(value):
    if value < 1:
        return 0
    length = value.bit_length()
    return 4 * (length - 1) + ((value << 2 >> (length - 1)) & 3)


def reference_integer(encoder, states, value, expected, sign, limit):
    def put(index, bit):
        encoder.bit(bit, states[index], limit)

    def question(level):
        distance = min(max(4 * (level + 4) - octave + 20, 0), 39)
        return min(octave, 24) * 80 + distance

    magnitude, octave = abs(value), quarters(expected)
    length = magnitude.bit_length()
    level = max(octave // 4 - 4, 0)
    put(question(level), int(length > level))
    if length > level:
        for step in range(level + 1, integers.WIDEST):
            put(question(step), int(length > step))
            if length <= step:
                break
    else:
        for step in range(level, 0, -1):
            put(question(step) + 40, int(length < step))
            if length >= step:
                break
    near = 25 * 80 + 4 * min(max(4 * length - octave + 32, 0), 63)
    if length > 1:
        first = magnitude >> (length - 2) & 1
        put(near, first)
    if length > 2:
        put(near + 1 + first, magnitude >> (length - 3) & 1)
    if length > 3:
        encoder.raw(magnitude, length - 3)
    if magnitude:
        put(25 * 80 + 256 + sign, int(value < 0))


def reference_array(values):
    encoder, states = Encoder(), [Context() for _ in range(integers.CONTEXTS)]
    scales = [0] * values.shape[1]
    for row in values.tolist():

        def predicted(column, chosen, row=row):
            if chosen == 0 or column == 0:
                return 0
            if column == 1:
                return row[0]
            one, two = integers.PREDICTORS[chosen].tolist()
            return (one * row[column - 1] + two * row[column - 2] + 8) >> 4

        def cost(chosen, row=row):
            return sum(quarters(1 + 4 * abs(v - predicted(c, chosen))) for c, v in enumerate(row))

        chosen = min(range(8), key=cost)
        encoder.raw(chosen, 3)
        mean, one, two = scales[0], 0, 0
        for column, value in enumerate(row):
            error = value - predicted(column, chosen)
            expected = (7 * mean + 16 * (4 * abs(one) + 2 * abs(two)) + 3 * scales[column]) >> 4
            signs = 3 * ((one > 0) + 2 * (one < 0)) + (two > 0) + 2 * (two < 0)
            reference_integer(encoder, states, error, expected, signs, 60)
            if column > 0:
                mean += (16 * abs(error) - mean) >> 3
                scales[column] += (16 * abs(error) - scales[column]) >> 1
            two, one = one, error
    return encoder.finish()


def arrays():
    rng = np.random.default_rng(3)
    yield np.zeros((3, 20), np.int64)
    yield np.full((1, 1), -(2**37))
    yield np.array([[2**37, -(2**37)] * 10])
    yield rng.integers(-(2**37), 2**37, (4, 9))
    yield np.rint(np.cumsum(rng.normal(0, 40, (6, 120)), axis=1) / 2.0 ** np.arange(6)[:, None]).astype(np.int64)
    yield np.rint(rng.laplace(0, 3, (5, 64))).astype(np.int64)
    yield rng.integers(-1, 2, (2, 300))


@pytest.mark.parametrize("values", list(arrays()), ids=lambda values: str(values.shape))
def test_arrays_of_integers(values):
    data = encode_array(values)
    assert data == reference_array(values)
    assert np.array_equal(decode_array(data, values.shape), values)


def test_empty_arrays_take_no_bytes():
    assert encode_array(np.zeros((0, 5), np.int64)) == b""
    assert decode_array(b"", (0, 5)).shape == (0, 5)
    with pytest.raises(ValueError, match="38 bits"):
        encode_array(np.array([[2**38]]))


def test_smooth_rows_are_cheap():
    smooth = np.rint(3000 * np.sin(np.arange(200) / 20)).astype(np.int64)[None]
    noise = np.random.default_rng(0).permutation(smooth[0])[None]
    assert 2 * len(encode_array(smooth)) < len(encode_array(noise))


def test_damaged_arrays_decode_or_say_so():
    rng = random.Random(5)
    for _ in range(200):
        try:
            found = decode_array(rng.randbytes(rng.randrange(60)), (4, 30))
        except CodestreamError:
            continue
        assert np.abs(found).max() < 2**40


# --- residuals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("max_error", [0, 1, 7, 32767])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 6, 5), (12, 1, 9), (11, 8, 7)])
def test_residuals_keep_the_promise(shape, max_error):
    rng = np.random.default_rng(1)
    extremes = rng.choice(np.array([-65535, 65535, 0], np.int32), shape)
    for values in [extremes, rng.normal(0, 20, shape).astype(np.int32), np.zeros(shape, np.int32)]:
        before = values.copy()
        data, kept = encode_residuals(values, max_error)
        assert np.array_equal(values, before)
        assert np.abs(kept - values).max() <= max_error
        assert np.array_equal(decode_residuals(data, shape, max_error), kept)


def test_residuals_of_noise_cost_its_entropy():
    values = np.rint(np.random.default_rng(2).normal(0, 10, (8, 64, 64))).astype(np.int32)
    entropy = np.log2(10 * np.sqrt(2 * np.pi * np.e))
    data, _ = encode_residuals(values, 0)
    assert 8 * len(data) / values.size < entropy + 0.06


def test_any_bytes_are_some_residuals():
    rng = random.Random(6)
    for n in [0, 5, 32767]:
        found = decode_residuals(rng.randbytes(300), (5, 9, 9), n)
        assert np.abs(found).max() <= 1 << 18


def test_integers_that_defy_every_expectation():
    """Lone giants among zeros cost more than their own bits; the buffer must grow to hold them."""
    values = np.zeros((6, 50), np.int64)
    values[::2, ::7] = 2**38 - 1
    values[1::2, ::5] = 1 - 2**38
    assert np.array_equal(decode_array(encode_array(values), values.shape), values)
    residuals = (values[:, None] >> 21).astype(np.int32)
    data, _ = encode_residuals(residuals, 0)
    assert np.array_equal(decode_residuals(data, residuals.shape, 0), residuals)
