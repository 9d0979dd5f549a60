"""Real files parsed by docs/format.md alone: struct, zlib and a MessagePack reader of ours, none of the package."""

import struct
import zlib

import numpy as np
import pytest

import hypress
from hypress.testing import gallery


def msgpack(data, at=0):
    """One MessagePack value at `at`, and where it ends: the types that a header may hold."""
    tag = data[at]
    at += 1
    if tag <= 0x7F:
        return tag, at
    if tag >= 0xE0:
        return tag - 256, at
    if tag == 0xC0:
        return None, at
    if tag in (0xC2, 0xC3):
        return tag == 0xC3, at
    numbers = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q"}
    numbers |= {0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
    if tag in numbers:
        size = struct.calcsize(numbers[tag])
        return struct.unpack_from(numbers[tag], data, at)[0], at + size
    lengths = {0xD9: ">B", 0xDA: ">H", 0xDC: ">H", 0xDE: ">H"}
    if tag in lengths:
        count = struct.unpack_from(lengths[tag], data, at)[0]
        at += struct.calcsize(lengths[tag])
    else:
        count = tag & (0x1F if 0xA0 <= tag <= 0xBF else 0x0F)
    if 0xA0 <= tag <= 0xBF or tag in (0xD9, 0xDA):
        return data[at : at + count].decode(), at + count
    if 0x90 <= tag <= 0x9F or tag == 0xDC:
        items = []
        for _ in range(count):
            item, at = msgpack(data, at)
            items.append(item)
        return items, at
    assert 0x80 <= tag <= 0x8F or tag == 0xDE, hex(tag)
    mapping = {}
    for _ in range(count):
        key, at = msgpack(data, at)
        mapping[key], at = msgpack(data, at)
    return mapping, at


def parse(data):
    assert data[:8] == bytes.fromhex("89 48 59 50 0D 0A 1A 0A")
    assert data[8] == 1
    (size,) = struct.unpack_from("<I", data, 9)
    header, end = msgpack(data, 13)
    assert end == 13 + size
    assert struct.unpack_from("<I", data, end)[0] == zlib.crc32(data[:end])
    at = end + 4
    streams = {}
    for name, length, checksum in header.get("streams", []):
        streams[name] = data[at : at + length]
        assert zlib.crc32(streams[name]) == checksum
        at += length
    assert at == len(data), "nothing after the last stream"
    return header, streams


KEYS = {"codec", "bitstream", "configuration", "shape", "dtype", "levels", "nodata", "checksum", "streams"}


@pytest.mark.parametrize("case", gallery(), ids=str)
def test_a_file_is_as_the_page_says(case):
    data = hypress.encode(case.samples, "jpeg2000", nodata=case.nodata)
    header, streams = parse(data)
    assert set(header) <= KEYS
    assert header["codec"] == "jpeg2000"
    assert header["shape"] == list(case.samples.shape)
    assert header["dtype"] == case.samples.dtype.name
    assert header["levels"]["low"] <= header["levels"]["high"]
    little = hypress.decode(data).astype(case.samples.dtype.newbyteorder("<"))
    assert header["checksum"] == zlib.crc32(little.tobytes())
    if case.nodata is not None:
        assert header["nodata"] == case.nodata
    assert ("mask" in streams) == bool(case.special.any())


def test_the_mask_is_as_the_page_says():
    case = next(c for c in gallery() if c.name == "nan_and_nodata")
    _, streams = parse(hypress.encode(case.samples, "jpeg2000", nodata=case.nodata))
    raw = zlib.decompress(streams["mask"])
    size = (case.samples.size + 7) // 8
    kinds = {
        1: case.samples == case.nodata,
        2: np.isnan(case.samples),
        3: case.samples == np.inf,
        4: case.samples == -np.inf,
    }
    found = {}
    for at in range(0, len(raw), 1 + size):
        bits = np.unpackbits(np.frombuffer(raw[at + 1 : at + 1 + size], np.uint8))[: case.samples.size]
        plane = bits.reshape(case.samples.shape)
        for band in range(1, len(plane)):
            plane[band] ^= plane[band - 1]
        found[raw[at]] = plane.astype(bool)
    for kind, expected in kinds.items():
        assert np.array_equal(found.get(kind, np.zeros_like(expected)), expected), kind


@pytest.mark.parametrize(
    ("kind", "name"), [("integers", "signed"), ("fractions", "float_decimals"), ("halves", "float32")]
)
def test_levels_are_as_the_page_says(kind, name):
    case = next(c for c in gallery() if c.name == name)
    header, _ = parse(hypress.encode(case.samples, "jpeg2000"))
    levels = header["levels"]
    assert levels["map"] == kind
    if kind == "fractions":
        k = np.rint(case.samples.astype(float) * levels["divisor"])
        assert levels["low"] == k.min()
        assert np.array_equal((k / levels["divisor"]).astype(np.float32), case.samples)


def test_uniform_levels_are_as_the_page_says():
    case = next(c for c in gallery() if c.name == "float32")
    header, _ = parse(hypress.encode(case.samples, "jpeg2000", hypress.MaxError(dn=0.5)))
    levels = header["levels"]
    assert levels["map"] == "uniform"
    decoded = hypress.decode(hypress.encode(case.samples, "jpeg2000", hypress.MaxError(dn=0.5)))
    k = np.rint((decoded.astype(float) - levels["offset"]) / levels["step"])
    assert np.array_equal((levels["offset"] + levels["step"] * k).astype(np.float32), decoded)
    assert k.max() <= levels["high"]
