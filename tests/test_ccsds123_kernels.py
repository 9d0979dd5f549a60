"""CCSDS 123.0-B-2: the kernels equal the readable reference, bit for bit, for whatever the standard allows."""

import dataclasses

import numpy as np
import pytest

from ccsds123_parameters import draw, given, image
from hypress import ccsds123
from hypress.ccsds123 import header, lanes, reference, reference_coders
from hypress.ccsds123.low_entropy import codes
from hypress.ccsds123.parameters import BlockAdaptive, ErrorLimits, Hybrid, Parameters, SampleAdaptive
from hypress.ccsds123.predictor import lane_type, map_lanes, unmap_lanes

CODERS = [
    SampleAdaptive(8, 4, 1, 0),
    SampleAdaptive(18, 11, 8, 3),
    Hybrid(8, 4, 1, None),
    Hybrid(18, 6, 1, None),
    Hybrid(32, 11, 8, None),
    BlockAdaptive(8, 3),
    BlockAdaptive(64, 4096),
]


def stream_of(indices, p):
    """The compressed image as the reference writes it."""
    body = reference_coders.encode(indices, p)
    body += "0" * (-len(body) % 8)
    stream = header.write(p) + bytes(int(body[i : i + 8], 2) for i in range(0, len(body), 8))
    return stream + bytes(-len(stream) % p.word_size)


def agree(samples, p):
    """Kernels and reference, both ways. Returns what a decoder has."""
    p.check()
    indices, rebuilt = reference.map_samples(samples, p)
    stream = stream_of(indices, p)
    assert ccsds123.encode(samples, p) == stream
    read, size = ccsds123.read_header(stream, given(p))
    np.testing.assert_array_equal(ccsds123.decode(stream, read, size, np.int64), rebuilt)
    body = "".join(f"{byte:08b}" for byte in stream[size:])
    decoded, absolute, relative = reference_coders.decode(body, read)
    np.testing.assert_array_equal(decoded, indices)
    if p.period is not None:
        assert absolute == (p.absolute.values if p.absolute else ())
        assert relative == (p.relative.values if p.relative else ())
    return rebuilt


def largest_errors(samples, rebuilt, p):
    """Whether absolute limits are kept, in each band and period."""
    errors = abs(rebuilt - samples)
    for y in range(p.shape[1]):
        period = 0 if p.period is None else y >> p.period
        for z in range(p.bands):
            assert errors[z, y].max() <= p.absolute.of(z, period)


@pytest.mark.parametrize("seed", range(120))
def test_random_parameters(seed):
    rng = np.random.default_rng(seed)
    p = draw(rng)
    samples = image(rng, p)
    rebuilt = agree(samples, p)
    if p.lossless:
        np.testing.assert_array_equal(rebuilt, samples)
    if p.absolute is not None:
        largest_errors(samples, rebuilt, p)
    np.testing.assert_array_equal(reference.unmap(reference.map_samples(samples, p)[0], p), rebuilt)


@pytest.mark.parametrize("seed", range(1000, 1040))
def test_headers_come_back(seed):
    """Omitted tables are those that there are; what is not in a header is what the reader is given."""
    rng = np.random.default_rng(seed)
    p = draw(rng)
    there = {
        "weight_initialization": p.weights,
        "weight_exponent_offsets": p.exponent_offsets,
        "damping": p.damping,
        "offset": p.offset,
        "accumulator_initialization": getattr(p.coder, "accumulator", None)
        if isinstance(p.coder, SampleAdaptive)
        else 0,
    }
    names = [name for name, table in there.items() if isinstance(table, tuple) and rng.random() < 0.5]
    p = dataclasses.replace(p, omitted=frozenset(names))
    data = header.write(p)
    read, size = header.read(data + b"rest", given(p))
    assert size == len(data)
    wanted = p
    if isinstance(p.coder, Hybrid):
        wanted = dataclasses.replace(wanted, coder=dataclasses.replace(p.coder, accumulator=None))
    if p.period is not None:
        to_come = {
            name: dataclasses.replace(limits, values=())
            for name, limits in (("absolute", p.absolute), ("relative", p.relative))
            if limits is not None
        }
        wanted = dataclasses.replace(wanted, **to_come)
    assert read == wanted


def smooth(rng, p, noise):
    """Waves with noise, within the range of the parameters."""
    bands, rows, columns = p.shape
    z, y, x = np.ogrid[:bands, :rows, :columns]
    level = 0.5 + 0.2 * np.sin(y / 7 + z / 3) + 0.2 * np.cos(x / 5 - z / 9)
    samples = p.low + level * (p.high - p.low) + rng.normal(0, noise, p.shape)
    return np.clip(np.rint(samples), p.low, p.high).astype(np.int64)


@pytest.mark.parametrize("coder", CODERS, ids=lambda coder: f"{type(coder).__name__}-{dataclasses.astuple(coder)[0]}")
@pytest.mark.parametrize("noise", [0.1, 3.0, 300.0])
def test_longer_images(noise, coder):
    """Enough pixels for counters to be rescaled and exponents to reach their end."""
    if isinstance(coder, Hybrid):
        coder = dataclasses.replace(coder, accumulator=(1,) * 2)
    p = Parameters((2, 41, 50), 12, False, 2, coder, prediction_bands=2, interval=16, register=32, final=4)
    samples = smooth(np.random.default_rng(1), p, noise)
    samples[1, 20:] = samples[1, 20, 0]  # zero blocks, and the lowest codes
    np.testing.assert_array_equal(agree(samples, p), samples)


@pytest.mark.parametrize("bits", [2, 3, 8, 14, 15, 16, 19, 25, 31, 32])
@pytest.mark.parametrize("signed", [False, True])
def test_extremes(bits, signed):
    """Registers overflow, weights are clipped; narrow lanes where they are allowed."""
    rng = np.random.default_rng(bits)
    for resolution, register in ((4, 32), (29 - bits, 32), (13, 64), (19, bits + 21)):
        if not 4 <= resolution <= 19 or register < max(32, bits + resolution + 2):
            continue
        p = Parameters(
            (18, 6, 7), bits, signed, None, SampleAdaptive(8, 4, 1, 0), prediction_bands=15, register=register,
            resolution=resolution, initial=-6, final=9, interval=16,
        )  # fmt: skip
        samples = rng.choice([p.low, p.high], p.shape)
        np.testing.assert_array_equal(agree(samples, p), samples)


def test_both_widths_of_lanes_are_used():
    p = Parameters((2, 3, 4), 14, False, None, SampleAdaptive(8, 4, 1, 0), register=32)
    assert lane_type(p) is np.int32
    assert lane_type(dataclasses.replace(p, register=33)) is np.int64
    assert lane_type(dataclasses.replace(p, bits=15, resolution=15)) is np.int64
    assert lane_type(dataclasses.replace(p, bits=10, resolution=17, initial=-6)) is np.int32
    steep = dataclasses.replace(p, bits=10, resolution=17, initial=-6, exponent_offsets=((-6,), (-6, -6)))
    assert lane_type(steep) is np.int64


@pytest.mark.parametrize("seed", range(12))
def test_slabs_change_nothing(seed, monkeypatch):
    """Images of many bands are predicted in pieces; so is a smaller one here."""
    rng = np.random.default_rng(seed)
    p = draw(rng)
    while p.bands < 35 or p.prediction_bands > 12:  # of which a slab must have as many
        p = draw(rng)
    samples = image(rng, p)
    whole = ccsds123.encode(samples, p)
    monkeypatch.setattr(lanes, "MOST", 16)
    monkeypatch.setattr(lanes, "LEAST", 16)
    assert lanes.Lanes(p.bands, p.pixels, np.int64).slabs > 2
    assert ccsds123.encode(samples, p) == whole
    read, size = ccsds123.read_header(whole, given(p))
    np.testing.assert_array_equal(ccsds123.decode(whole, read, size, np.int64), reference.map_samples(samples, p)[1])


@pytest.mark.parametrize("shape", [(65536, 1, 1), (1, 65536, 1), (1, 1, 65536), (3, 1, 65536), (300, 40, 3)])
@pytest.mark.parametrize("coder", CODERS[1::2], ids=lambda coder: type(coder).__name__)
def test_the_largest_sides(shape, coder):
    if isinstance(coder, Hybrid):
        coder = dataclasses.replace(coder, accumulator=(0,) * shape[0])
    full = shape[2] > 1
    p = Parameters(shape, 5, True, shape[0], coder, full=full, local_sum=0 if full else 2, prediction_bands=1)
    samples = np.random.default_rng(2).integers(-4, 4, shape)
    stream = ccsds123.encode(samples, p)
    read, size = ccsds123.read_header(stream)
    assert read.shape == shape
    np.testing.assert_array_equal(ccsds123.decode(stream, read, size, np.int8), samples)


def test_any_index_is_decoded_to_a_sample():
    """Also those that no encoder writes: a damaged stream may hold them."""
    rng = np.random.default_rng(7)
    for limit in (None, ErrorLimits(3, ((5,),))):
        for register, bits in ((32, 10), (64, 10), (64, 32)):
            p = Parameters(
                (5, 7, 8), bits, True, None, SampleAdaptive(8, 4, 1, 0), register=register, absolute=limit,
                local_sum=1, prediction_bands=4,
            )  # fmt: skip
            numbers = lanes.Lanes(p.bands, p.pixels, lane_type(p))
            numbers.load(rng.integers(0, 1 << bits, p.shape))
            unmap_lanes(numbers, p)
            samples = np.empty(p.shape, np.int64)
            numbers.unload(samples)
            assert p.low <= samples.min() <= samples.max() <= p.high


def test_mapping_is_one_to_one_wherever_the_prediction_is():
    """All samples of a range have different indices, from 0 to its size (equation 55), lossless and not."""
    for limit in (0, 1, 3):
        for first in range(16):
            found = set()
            for second in range(16):
                p = Parameters((1, 1, 2), 4, False, None, SampleAdaptive(8, 4, 1, 0), prediction_bands=0,
                               absolute=ErrorLimits(2, ((limit,),)))  # fmt: skip
                samples = np.array([[[first, second]]])
                numbers = lanes.Lanes(1, 2, lane_type(p))
                numbers.load(samples)
                map_lanes(numbers, p)
                indices = np.empty(p.shape, np.int64)
                numbers.unload(indices)
                found.add(int(indices[0, 0, 1]))
                assert abs(int(reference.unmap(indices, p)[0, 0, 1]) - second) <= limit
            assert found == set(range(len(found)))
            assert len(found) <= 16 // (2 * limit + 1) + 2


@pytest.mark.parametrize("code", codes(), ids=range(16))
def test_low_entropy_codes_are_codes(code):
    """Input words cover all sequences, and output words can be told apart from their ends (annex B)."""
    symbols = code.limit + 2
    assert sum(float(symbols) ** -len(word) for word in code.words) == pytest.approx(1)
    assert set(code.flushes) == {word[:i] for word in code.words for i in range(len(word))}
    for words in (code.words, code.flushes):
        outputs = list(words.values())
        assert len(set(outputs)) == len(outputs)
        assert not any(a != b and a.endswith(b) for a in outputs for b in outputs)
        assert sum(2.0 ** -len(output) for output in outputs) <= 1
