"""CCSDS 123.0-B-2: headers field by field, vectors, illegal parameters, cut and damaged streams."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from ccsds123_parameters import draw, given, image
from hypress import ccsds123
from hypress.ccsds123 import Parameters, header, reference, reference_coders
from hypress.ccsds123.parameters import BlockAdaptive, ErrorLimits, Hybrid, SampleAdaptive, Table
from hypress.codec import Spec
from hypress.codecs.ccsds123 import Ccsds123
from hypress.errors import CodestreamError, ConfigurationError, HypressError, LimitError

VECTORS = Path(__file__).parent / "golden" / "ccsds123" / "vectors.json"
PLAIN = Parameters((4, 3, 5), 12, False, 4, SampleAdaptive(18, 6, 1, 3))


def bits_of(p):
    data = header.write(p)
    return f"{int.from_bytes(data, 'big'):0{8 * len(data)}b}"


# --- headers ----------------------------------------------------------------------------------------------


def test_header_fields_are_where_the_standard_has_them():
    """Tables 5-3 to 5-14, written out."""
    p = Parameters(
        (3, 0x1234, 0xFEDC), 17, True, 2, SampleAdaptive(32, 11, 8, (1, 2, 3)), prediction_bands=2, full=False,
        local_sum=2, register=64, resolution=19, interval=2048, initial=-6, final=9, weight_bits=5,
        weights=((), (-1,), (15, -16)), exponent_offsets=((), (-6,), (5, 0)), absolute=ErrorLimits(16, ((65535,),)),
        relative=ErrorLimits(3, ((1, 7, 0),), dependent=True), representative=4, damping=9, offset=(1, 15, 8),
        word_size=8, user_data=0xA5, tables=(
            Table("signed", 10, "1d", (-2, 1, 0), 2, user_data=3),
            Table("float", 2, "0d", ((1, 130, 5),), 3, 8, 127),
        ),
    )  # fmt: skip
    p.check()
    essential = "10100101" + "1111111011011100" + "0001001000110100" + f"{3:016b}" + "10100010"
    essential += f"{2:016b}" + "0000000011000010"
    tables = "010010100010001100010100100" + "00000"
    tables += "10000010000000000001100001111111110000010101" + "00000000"[:3]
    tables += "0" * (-len(tables) % 8)
    primary = "0100101110000000111101110000111111100101"
    weights = "1111101111100000" + "1010010100000000"
    limits = "00000000" + "00000000" + "1" * 16 + "01000011001111000" + "0" * 7
    representative = "00000100" + "00001001" + "01100000" + "0001111110000000"
    coder = "0000011100011111" + "000100100011" + "0000"
    assert bits_of(p) == essential + tables + primary + weights + limits + representative + coder
    assert header.read(header.write(p), header.Given()) == (p, len(header.write(p)))


def test_the_other_coders_headers():
    head = len(bits_of(PLAIN)) - 16
    hybrid = dataclasses.replace(PLAIN, coder=Hybrid(8, 4, 1, (0,) * 4))
    assert bits_of(hybrid)[head:] == "0100000000100000"
    assert bits_of(hybrid)[85:87] == "01"
    blocks = dataclasses.replace(PLAIN, bits=4, coder=BlockAdaptive(64, 4096, restricted=True))
    assert bits_of(blocks)[head:] == "0111000000000000"
    assert bits_of(blocks)[85:87] == "10"
    assert bits_of(dataclasses.replace(PLAIN, depth=None))[63:80] == "1" + "0" * 16
    updated = dataclasses.replace(PLAIN, period=1, relative=ErrorLimits(4, ((3,), (9,))))
    assert bits_of(updated)[head:-16] == "01000001" + "00000100"


@pytest.mark.parametrize("bit", [57, 80, 81, 87, 90, 91, 96])
def test_reserved_bits_are_zero(bit):
    data = bytearray(header.write(PLAIN))
    data[bit // 8] ^= 128 >> bit % 8
    with pytest.raises(CodestreamError, match="reserve"):
        ccsds123.read_header(bytes(data))


def test_every_cut_of_a_header_is_noticed():
    for seed in range(20):
        p = draw(np.random.default_rng(seed))
        data = header.write(p)
        for size in range(len(data)):
            with pytest.raises(CodestreamError):
                ccsds123.read_header(data[:size])


def test_tables_that_are_left_out_are_asked_for():
    p = dataclasses.replace(
        PLAIN, representative=2, damping=(1, 2, 3, 0), omitted=frozenset({"damping", "weight_initialization"}),
        weights=tuple((1,) * (3 + min(z, 3)) for z in range(4)), weight_bits=4,
    )  # fmt: skip
    data = header.write(p)
    assert len(data) == len(header.write(dataclasses.replace(p, omitted=frozenset()))) - 9 - 1
    with pytest.raises(CodestreamError, match="weight_initialization out"):
        ccsds123.read_header(data)
    with pytest.raises(CodestreamError, match="damping out"):
        ccsds123.read_header(data, header.Given(weight_initialization=p.weights))
    with pytest.raises(CodestreamError, match="illegal"):
        ccsds123.read_header(data, header.Given(weight_initialization=p.weights, damping=(1, 2)))
    assert ccsds123.read_header(data, header.Given(weight_initialization=p.weights, damping=p.damping))[0] == p


# --- vectors ----------------------------------------------------------------------------------------------


def vector_image(shape, bits, signed):
    """Samples from integer arithmetic alone: waves, an edge, a quiet band, and bits of a linear congruence."""
    z, y, x = np.mgrid[: shape[0], : shape[1], : shape[2]].astype(np.int64)
    noise = ((y * 1103515245 + x * 12345 + z * 362437 + (x + z) * y * 69069) >> 5) % 97
    level = (y * y + 3 * x * (shape[2] - x) + 40 * z) % 1000 + 400 * (x > y) + noise * (z % 4 != 3)
    return (level << bits) // 1500 - (1 << bits >> 1) * signed


def vectors():
    for told in json.loads(VECTORS.read_text()):
        yield pytest.param(told, id=told["name"])


@pytest.mark.parametrize("told", list(vectors()))
def test_vectors(told):
    """Streams that the reference wrote."""
    stream, codec = bytes.fromhex(told["stream"]), Ccsds123.configured(told["fields"])
    samples = vector_image(told["shape"], codec.dynamic_range, np.dtype(told["dtype"]).kind == "i")
    samples = samples.astype(told["dtype"])
    spec = Spec(samples.shape, told["dtype"], codec.dynamic_range)
    assert codec.to_standard(samples, spec) == stream
    decoded = codec.from_standard(stream)
    assert decoded.dtype == samples.dtype
    if codec.max_error() is not None:
        assert abs(decoded.astype(np.int64) - samples).max() <= codec.max_error()
    assert codec.max_error() == 0 or (decoded != samples).any()


def test_the_reference_still_writes_the_vectors():
    for told in json.loads(VECTORS.read_text())[::4]:
        codec = Ccsds123.configured(told["fields"])
        samples = vector_image(told["shape"], codec.dynamic_range, np.dtype(told["dtype"]).kind == "i")
        p = codec.parameters(samples, Spec(samples.shape, told["dtype"], codec.dynamic_range))
        body = reference_coders.encode(reference.map_samples(samples, p)[0], p)
        written = f"{int.from_bytes(bytes.fromhex(told['stream']), 'big'):0{4 * len(told['stream'])}b}"
        assert written[8 * len(header.write(p)) :].startswith(body)


# --- illegal parameters -----------------------------------------------------------------------------------

STATISTICS = SampleAdaptive(18, 6, 1, 3)
LIMIT = ErrorLimits(4, ((3,),))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"bits": 1}, "dynamic_range"), ({"bits": 33}, "dynamic_range"),
        ({"shape": (4, 0, 5)}, "rows"), ({"shape": (65537, 1, 5)}, "bands"),
        ({"depth": 5}, "interleaving_depth"), ({"depth": 0}, "interleaving_depth"),
        ({"prediction_bands": 16}, "prediction_bands"), ({"prediction_bands": -1}, "prediction_bands"),
        ({"local_sum": 4}, "local_sum"), ({"shape": (4, 3, 1)}, "reduced"),
        ({"shape": (4, 3, 1), "full": False}, "column-oriented"),
        ({"resolution": 3}, "weight_resolution"), ({"resolution": 20}, "weight_resolution"),
        ({"register": 31}, "register_size"), ({"register": 65}, "register_size"),
        ({"resolution": 19, "bits": 12, "register": 32}, "register_size"),
        ({"interval": 48}, "weight_update_interval"), ({"interval": 8}, "weight_update_interval"),
        ({"initial": -7}, "weight_update_initial"), ({"initial": 4}, "weight_update_initial"),
        ({"final": 10}, "weight_update_final"),
        ({"weights": ((1,) * 3,) * 4, "weight_bits": 4}, "has 4 values"),
        ({"weights": ((1,) * 3,) * 3, "weight_bits": 4}, "a row for each"),
        ({"weights": tuple((8,) * (3 + z) for z in range(4)), "weight_bits": 4}, "-8 … 7"),
        ({"weights": tuple((1,) * (3 + z) for z in range(4)), "weight_bits": 2}, "weight_initialization_bits"),
        ({"weights": tuple((1,) * (3 + z) for z in range(4)), "weight_bits": 17}, "weight_initialization_bits"),
        ({"exponent_offsets": tuple((6,) * (1 + z) for z in range(4))}, "weight_exponent_offsets"),
        ({"absolute": ErrorLimits(12, ((3,),))}, "bits of absolute"),
        ({"absolute": ErrorLimits(2, ((4,),))}, "absolute_error_limit"),
        ({"relative": ErrorLimits(2, ((1, 2),))}, "one value"),
        ({"relative": ErrorLimits(0, ((0,),))}, "bits of relative"),
        ({"period": 1}, "error limits"), ({"period": 10, "absolute": LIMIT}, "update_period_exponent"),
        ({"period": 1, "absolute": LIMIT}, "2 periods"),
        ({"period": 2, "absolute": LIMIT, "depth": None}, "BI"),
        ({"representative": 5}, "representative_resolution"), ({"damping": 1}, "damping"),
        ({"representative": 2, "damping": 4}, "damping"), ({"representative": 2, "damping": (1, 1)}, "damping"),
        ({"representative": 2, "offset": 1}, "offset"),
        ({"word_size": 9}, "output_word_size"), ({"user_data": 256}, "user_data"),
        ({"coder": dataclasses.replace(STATISTICS, unary_limit=7)}, "unary_length_limit"),
        ({"coder": dataclasses.replace(STATISTICS, unary_limit=33)}, "unary_length_limit"),
        ({"coder": dataclasses.replace(STATISTICS, rescaling=3)}, "rescaling_counter_size"),
        ({"coder": dataclasses.replace(STATISTICS, initial_count=6)}, "rescaling_counter_size"),
        ({"coder": dataclasses.replace(STATISTICS, initial_count=9)}, "initial_count_exponent"),
        ({"coder": dataclasses.replace(STATISTICS, accumulator=11)}, "accumulator_initialization"),
        ({"coder": dataclasses.replace(STATISTICS, accumulator=(1, 2, 3))}, "accumulator_initialization"),
        ({"coder": Hybrid(18, 6, 1, (0,) * 3)}, "initial accumulators"),
        ({"coder": Hybrid(18, 6, 1, (1 << 13,) * 4)}, "initial accumulator"),
        ({"coder": Hybrid(18, 6, 1)}, "initial accumulators"),
        ({"coder": BlockAdaptive(24, 1)}, "block_size"), ({"coder": BlockAdaptive(8, 0)}, "reference_interval"),
        ({"coder": BlockAdaptive(8, 4097)}, "reference_interval"),
        ({"coder": BlockAdaptive(8, 1, restricted=True)}, "restricted"),
        ({"tables": (Table("unsigned", 0, "0d", (1,), 4),) * 16}, "15"),
        ({"tables": (Table("unsigned", 5, "0d", (1,), 4),)}, "reserved"),
        ({"tables": (Table("unsigned", 0, "1d", (1,), 4),)}, "4 values"),
        ({"tables": (Table("signed", 0, "0d", (8,), 4),)}, "fit"),
        ({"tables": (Table("unsigned", 0, "0d", ((1, 2, 3),), 4),)}, "fit"),
        ({"tables": (Table("complex", 0, "0d", (1,), 4),)}, "type"),
        ({"tables": (Table("float", 0, "0d", ((0, 4, 1),), 4, 2, 1),)}, "triples"),
        ({"tables": (Table("float", 0, "0d", (1,), 4, 2, 1),)}, "triples"),
        ({"tables": (Table("float", 0, "0d", ((0, 1, 1),), 24, 2, 1),)}, "float table's bits"),
        ({"tables": (Table("float", 0, "0d", ((0, 1, 1),), 4, 1, 1),)}, "exponent_bits"),
    ],
)  # fmt: skip
def test_what_the_standard_forbids_is_refused(fields, said):
    p = dataclasses.replace(PLAIN, **fields)
    with pytest.raises(ConfigurationError, match=said):
        ccsds123.encode(np.zeros(p.shape, np.int64), p)


def test_samples_that_do_not_fit_are_refused():
    for samples in (np.full(PLAIN.shape, 4096), np.full(PLAIN.shape, -1), np.zeros((4, 3, 6), int)):
        with pytest.raises(ConfigurationError):
            ccsds123.encode(samples, PLAIN)


# --- cut and damaged streams ------------------------------------------------------------------------------


def streams(count):
    """Random parameters, samples and streams, some with thousands of samples of few bits."""
    for seed in range(count):
        rng = np.random.default_rng(500 + seed)
        p = draw(rng)
        samples = image(rng, p)
        yield rng, p, samples, ccsds123.encode(samples, p)


def decode(data, p):
    read, start = ccsds123.read_header(data, given(p))
    ccsds123.check_size(read, len(data) - start)
    return ccsds123.decode(data, read, start, np.int64)


def test_a_stream_cut_anywhere_is_an_error():
    for rng, p, _, stream in streams(60):
        whole = len(stream) - p.word_size  # before that the last word is cut, which may hold fill bits only
        for size in {0, 1, 20, max(0, whole), *rng.integers(0, whole + 1, 8).tolist()}:
            with pytest.raises(CodestreamError):
                decode(stream[:size], p)


def test_what_follows_a_stream_is_an_error():
    for rng, p, _, stream in streams(40):
        more = rng.integers(1, 256, p.word_size, np.uint8).tobytes()
        with pytest.raises(CodestreamError):
            decode(stream + bytes(p.word_size), p)
        if not isinstance(p.coder, Hybrid):  # which is read from its end
            with pytest.raises(CodestreamError):
                decode(stream + more, p)


def test_damage_is_an_error_or_gives_samples_in_range():
    outcomes = {"error": 0, "samples": 0}
    for rng, p, _, stream in streams(60):
        for _ in range(25):
            data = bytearray(stream)
            for at in rng.integers(0, len(data), rng.integers(1, 4)):
                data[at] = int(rng.integers(0, 256))
            try:
                decoded = decode(bytes(data), p)
                read, _ = ccsds123.read_header(bytes(data), given(p))
                assert decoded.shape == read.shape
                assert read.low <= decoded.min() <= decoded.max() <= read.high
                outcomes["samples"] += 1
            except HypressError:
                outcomes["error"] += 1
    assert min(outcomes.values()) > 100


def test_bytes_that_are_no_stream_at_all():
    rng = np.random.default_rng(4)
    for size in (0, 5, 20, 23, 200, 3000):
        for data in (bytes(size), b"\xff" * size, rng.bytes(size)):
            with pytest.raises(HypressError):
                Ccsds123().from_standard(data)


def test_a_header_may_not_ask_for_more_than_its_stream_can_hold():
    largest = Parameters(
        (65536, 65536, 65536), 16, False, 65536, Hybrid(18, 6, 1, None), period=0,
        absolute=ErrorLimits(8, (), dependent=True), relative=ErrorLimits(8, (), dependent=True),
    )  # fmt: skip
    for coder in (largest.coder, STATISTICS, BlockAdaptive(64, 4096)):
        p = dataclasses.replace(largest, coder=coder)
        with pytest.raises(CodestreamError, match="more samples"):
            Ccsds123().from_standard(header.write(p) + bytes(1000) + b"\1")
    large = dataclasses.replace(PLAIN, shape=(1, 65536, 65536), depth=None)
    of_limits = dataclasses.replace(largest, shape=(65536, 4096, 1), full=False, local_sum=2)
    for p in (large, of_limits):
        read, _ = ccsds123.read_header(header.write(p))
        with pytest.raises(LimitError, match="limit"):
            ccsds123.check_size(read, 1 << 30)


def test_the_emptiest_streams_of_each_coder_are_let_through():
    """Constant images are coded in the fewest bits that there are."""
    for coder in (Hybrid(8, 4, 1, (0,)), BlockAdaptive(64, 4096), SampleAdaptive(8, 4, 1, 0)):
        p = Parameters((1, 300, 1000), 2, False, None, coder)
        samples = np.zeros(p.shape, np.uint8)
        stream = ccsds123.encode(samples, p)
        np.testing.assert_array_equal(Ccsds123().from_standard(stream), samples)
        assert len(stream) < samples.size // 7
