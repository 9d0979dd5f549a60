"""CCSDS 122: whole images, headers, limits, cut and damaged streams."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hypress.ccsds122 import Image, Known, Limits, Options, decode, encode, reference
from hypress.ccsds122.decoder import Stream, segments_of
from hypress.ccsds122.header import Header, parse
from hypress.ccsds122.parameters import WHOLE
from hypress.errors import CodestreamError, ConfigurationError, HypressError, LimitError

VECTORS = Path(__file__).parent / "golden" / "ccsds122" / "vectors.json"


def scene(rows, columns, bits, signed=False, noise=0.02, seed=0):
    y, x = np.mgrid[:rows, :columns]
    rng = np.random.default_rng(seed)
    level = 0.5 + 0.2 * np.sin(y / 7 + x / 19) + 0.2 * np.cos(x / 5) + rng.normal(0, noise, (rows, columns))
    pixels = np.clip(np.rint(level * (1 << bits)), 0, (1 << bits) - 1).astype(np.int64)
    return pixels - (1 << (bits - 1)) if signed else pixels


def psnr(pixels, decoded, bits):
    return 10 * np.log10(4.0**bits / np.mean((decoded - pixels) ** 2.0))


# --- headers ----------------------------------------------------------------------------------------------

ODD_WEIGHTS = (0, 1, 2, 3, 3, 2, 1, 0, 0, 3)
HEADERS = [
    Header(True, False, 0, 32, 31),
    Header(False, True, 255, 1, 0, pad_rows=7),
    Header(True, True, 0, 16, 14, 3, Limits(), Options(), Image(17, 1)),
    Header(True, True, 0, 9, 9, 0, Limits(600, True, 31, 1, True), Options(16, False, True), Image(1 << 20, 16, True)),
    Header(
        True, False, 0, 9, 9, 0, None, Options(361, True, False), Image(145, 25, weights=(0, 1, 2, 3, 3, 2, 1, 0, 0, 3))
    ),
    Header(True, False, 0, 9, 9, 0, Limits(80), None, Image(1000, 28, True, "float", True, 8)),
    *(Header(True, False, 0, 9, 9, 0, None, None, Image(64, 17, word_bytes=size)) for size in range(1, 9)),
]


@pytest.mark.parametrize("header", HEADERS, ids=lambda h: h.pack().hex())
def test_headers_come_back(header):
    data = header.pack()
    assert len(data) == header.size
    assert parse(b"xy" + data, 2) == header
    for size in range(len(data)):
        with pytest.raises(CodestreamError, match="ends within"):
            parse(data[:size], 0)


def test_header_fields_are_where_the_standard_has_them():
    limits, options = Limits(0x1234567, False, 5, 3, True), Options(0xABCDE, False, True)
    weights = (3, 0, 0, 0, 0, 0, 0, 0, 0, 1)
    image = Image(0x54321, 21, True, "integer", True, 4, weights)
    bits = f"{int.from_bytes(Header(True, True, 2, 11, 7, 6, limits, options, image).pack(), 'big'):0160b}"
    assert bits[:24] == "110000001001011001110111"
    assert bits[24:32] == "11000000"
    assert bits[32:72] == f"{0x1234567:027b}0001011010000"
    assert bits[72:96] == f"{0xABCDE:020b}0100"
    assert bits[96:] == f"10110101{0x54321:020b}1110111000000000000000001" + "0" * 11


@pytest.mark.parametrize("bit", [20, 27, 31, 69, 71, 95, 97, 159])
def test_reserved_bits_are_zero(bit):
    data = bytearray(Header(True, True, 0, 9, 9, 0, Limits(), Options(), Image(64, 8)).pack())
    data[bit // 8] ^= 128 >> bit % 8
    with pytest.raises(CodestreamError, match="reserved"):
        parse(bytes(data), 0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Image(16, 8), lambda: Image(64, 26), lambda: Image(64, 28, False, "float"), lambda: Image(64, 0),
        lambda: Image(64, 8, weights=(0,) * 9), lambda: Image(64, 8, weights=(4,) * 10),
        lambda: Image(64, 8, word_bytes=9),
        lambda: Limits(plane_stop=32), lambda: Limits(stage_stop=0), lambda: Limits(byte_limit=(1 << 27) + 1),
        lambda: Options(0), lambda: Options((1 << 20) + 1),
    ],
)  # fmt: skip
def test_what_the_standard_does_not_have_is_refused(make):
    with pytest.raises(ConfigurationError):
        make()


# --- vectors ----------------------------------------------------------------------------------------------


def vector_image(rows, columns, image):
    """Pixels from integer arithmetic alone: waves, an edge, and the bits of a linear congruence."""
    y, x = np.mgrid[:rows, :columns].astype(np.int64)
    low, high = image.range
    noise = ((y * 1103515245 + x * 12345 + y * x * 69069) >> 5) % 97
    level = (y * y + 3 * x * (columns - x)) % 1000 + 400 * (x > y) + noise
    return low + level * (high - low) // 1500


def vectors():
    for case in json.loads(VECTORS.read_text()):
        image = Image(**case["image"] | {"weights": tuple(case["image"]["weights"] or ()) or None})
        yield pytest.param(
            case["rows"], case["columns"], image, Options(**case["options"]), Limits(**case["limits"]), case["stream"],
            id=case["name"],
        )  # fmt: skip


@pytest.mark.parametrize(("rows", "columns", "image", "options", "limits", "stream"), list(vectors()))
def test_vectors(rows, columns, image, options, limits, stream):
    """Streams that the reference wrote."""
    pixels, stream = vector_image(rows, columns, image), bytes.fromhex(stream)
    assert encode(pixels, image, options, limits) == stream
    decoded = decode(stream)
    assert decoded.complete
    assert decoded.size == len(stream)
    assert decoded.image == image
    if image.dwt == "integer" and limits == WHOLE:
        np.testing.assert_array_equal(decoded.samples, pixels)
    else:
        assert psnr(pixels, decoded.samples, image.bits) > (12 if limits.dc_stop else 24)


def test_the_reference_still_writes_a_vector():
    rows, columns, image, options, limits, stream = next(iter(vectors())).values
    pixels = vector_image(rows, columns, image)
    assert reference.encode_image(pixels, image, options, limits) == bytes.fromhex(stream)


# --- images -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(17, 17), (17, 200), (145, 18), (64, 64), (33, 71)])
@pytest.mark.parametrize(("bits", "signed"), [(1, False), (8, False), (8, True), (16, True), (25, False), (25, True)])
def test_lossless(shape, bits, signed):
    pixels = scene(*shape, bits, signed)
    for options in (Options(), Options(16), Options(29, False, False)):
        stream = encode(pixels, Image(shape[1], bits, signed), options)
        decoded = decode(stream)
        np.testing.assert_array_equal(decoded.samples, pixels)
        assert decoded.complete


@pytest.mark.parametrize(("bits", "signed"), [(25, False), (25, True)])
def test_the_widest_pixels_at_their_extremes(bits, signed):
    image = Image(40, bits, signed)
    low, high = image.range
    rng = np.random.default_rng(3)
    for pixels in (rng.choice([low, high], (32, 40)), np.where(np.indices((32, 40)).sum(0) % 2, low, high)):
        np.testing.assert_array_equal(decode(encode(pixels, image)).samples, pixels)


@pytest.mark.parametrize(("bits", "signed"), [(8, False), (16, True), (27, False), (28, True)])
def test_float_is_nearly_lossless(bits, signed):
    pixels = scene(60, 50, bits, signed)
    decoded = decode(encode(pixels, Image(50, bits, signed, "float")))
    assert abs(decoded.samples - pixels).max() <= 2


def test_transposed_images_come_back_upright():
    pixels = scene(40, 90, 12)
    stream = encode(pixels, Image(40, 12, transposed=True))
    assert parse(stream, 0).image.width == 40
    np.testing.assert_array_equal(decode(stream).samples, pixels)


@pytest.mark.parametrize("word_bytes", [2, 3, 5, 8])
def test_segments_are_whole_words(word_bytes):
    pixels = scene(70, 64, 10)
    stream = Stream(encode(pixels, Image(64, 10, word_bytes=word_bytes), Options(16)))
    assert all(segment.size % word_bytes == 0 for segment in segments_of(stream))
    np.testing.assert_array_equal(decode(stream).samples, pixels)


def test_limits_bound_every_segment_and_fill_reaches_them():
    pixels = scene(100, 100, 14)
    image, options = Image(100, 14), Options(32)
    quality = []
    for limit in (24, 60, 200, 600, 6000):
        cut = [s.size for s in segments_of(Stream(encode(pixels, image, options, Limits(limit))))]
        filled = encode(pixels, image, options, Limits(limit, fill=True))
        assert max(cut) <= limit
        assert {s.size for s in segments_of(Stream(filled))} == {limit}
        quality.append(psnr(pixels, decode(filled).samples, 14) if limit < 6000 else np.inf)
    assert quality == sorted(quality)
    np.testing.assert_array_equal(decode(filled).samples, pixels)


def test_limits_may_differ_from_segment_to_segment():
    pixels = scene(64, 64, 12)
    limits = [Limits(300), Limits(100), Limits(100), Limits(plane_stop=4)]
    stream = encode(pixels, Image(64, 12), Options(16), limits)
    stated = [(s.header.limits, s.known.limits) for s in segments_of(Stream(stream))]
    assert stated == [(limits[0], limits[0]), (limits[1], limits[1]), (None, limits[1]), (limits[3], limits[3])]
    assert decode(stream).complete


def test_parts_that_are_known_are_left_out():
    pixels = scene(64, 64, 12)
    image, options, limits = Image(64, 12), Options(32), Limits(plane_stop=2)
    known = Known(image, options, limits)
    whole = encode(pixels, image, options, limits)
    bare = encode(pixels, image, options, limits, known)
    assert len(bare) == len(whole) - 5 - 3 - 8
    np.testing.assert_array_equal(decode(bare, known).samples, decode(whole).samples)
    with pytest.raises(CodestreamError, match="part 4"):
        decode(bare)


def test_images_follow_one_another():
    first, second = scene(30, 40, 8), scene(50, 40, 8, seed=1)
    data = encode(first, Image(40, 8), Options(16)) + encode(second, Image(40, 8), Options(16))
    here = decode(data)
    there = decode(data, here.known, at=here.size)
    np.testing.assert_array_equal(here.samples, first)
    np.testing.assert_array_equal(there.samples, second)
    assert here.size + there.size == len(data)


@pytest.mark.parametrize(
    ("pixels", "image", "options", "limits"),
    [
        (scene(16, 40, 8), Image(40, 8), Options(), WHOLE),
        (scene(40, 40, 8), Image(41, 8), Options(), WHOLE),
        (scene(40, 40, 9), Image(40, 8), Options(), WHOLE),
        (scene(40, 40, 8), Image(40, 8), Options(15), WHOLE),
        (scene(40, 40, 8), Image(40, 8), Options(), Limits(19)),
        (scene(40, 40, 8), Image(40, 8, word_bytes=4), Options(), Limits(102)),
    ],
)
def test_what_cannot_be_coded_is_refused(pixels, image, options, limits):
    with pytest.raises(ConfigurationError):
        encode(pixels, image, options, limits)


# --- cut and damaged streams ------------------------------------------------------------------------------


@pytest.mark.parametrize("dwt", ["integer", "float"])
def test_a_stream_cut_anywhere_decodes_to_what_is_there(dwt):
    pixels = scene(64, 80, 12)
    image = Image(80, 12, dwt=dwt)
    stream = encode(pixels, image, Options(40))
    heads = parse(stream, 0).size
    quality = []
    for size in range(heads, len(stream), 97):
        with pytest.raises(CodestreamError):
            decode(stream[:size])
        decoded = decode(stream[:size], partial=True, rows=64)
        assert not decoded.complete
        assert decoded.samples.shape == (64, 80)
        quality.append(psnr(pixels, decoded.samples, 12))
    assert quality[-1] > 30 > 15 > quality[0]
    assert (np.diff(quality) > -0.5).mean() > 0.9
    unknown = decode(stream[: len(stream) // 3], partial=True)  # in the first segment: 40 blocks, four rows of them
    assert unknown.samples.shape == (32, 80)
    assert decode(stream, partial=True).complete


def test_damage_is_an_error_or_flagged():
    pixels = scene(40, 48, 10)
    rng = np.random.default_rng(8)
    for image in (Image(48, 10), Image(48, 10, dwt="float", word_bytes=4)):
        stream = encode(pixels, image, Options(16))
        outcomes = set()
        for _ in range(300):
            data = bytearray(stream)
            for at in rng.integers(0, len(data), 2):
                data[at] = int(rng.integers(0, 256))
            damaged = bytes(data[: int(rng.integers(1, len(data) + 1))])
            for partial in (False, True):
                try:
                    decoded = decode(damaged, partial=partial, rows=40, max_pixels=1 << 16)
                    outcomes.add((partial, decoded.complete))
                except HypressError:
                    outcomes.add((partial, None))
        assert {(True, False), (False, None)} <= outcomes
        assert (False, False) not in outcomes


def test_an_image_larger_than_allowed_is_refused_before_it_is_decoded():
    header = Header(True, True, 0, 9, 9, 0, Limits(), Options(), Image(1 << 20, 8))
    with pytest.raises(LimitError, match="raise the limit"):
        decode(header.pack() + bytes(100), max_pixels=1 << 22)
    with pytest.raises(LimitError):
        decode(encode(scene(40, 40, 8), Image(40, 8)), max_pixels=1000)
    cut = replace(header, last=False, options=Options(16)).pack() + bytes(10)
    with pytest.raises(LimitError):
        decode(cut, partial=True, rows=1 << 20)


def test_segments_out_of_order_are_refused():
    pixels = scene(64, 64, 8)
    image = Image(64, 8)
    stream = encode(pixels, image, Options(32))
    first, second = (s.size for s in segments_of(Stream(stream)))
    for wrong in (stream[first:], stream[:first] * 2 + stream[first:], stream[:first] + stream[first:] * 1 + b"", b""):
        if wrong != stream:
            with pytest.raises(CodestreamError):
                decode(wrong, Known(image, Options(32)))
    assert first + second == len(stream)
