"""The segments around a scan (T.81, B.2): what they say, written and read."""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hypress.errors import CodestreamError
from hypress.t81.huffman import Table
from hypress.transforms.dct import zigzag

SOI, EOI, SOS, DQT, DHT, APP0 = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xE0
BASELINE, EXTENDED = 0xC0, 0xC1
FRAMES = {BASELINE, EXTENDED}
MOST_LINES = 65535


class Image(NamedTuple):
    """What the segments before a scan say of its one component."""

    rows: int
    columns: int
    bits: int
    quantisers: NDArray[np.int64]
    """`(8, 8)`."""
    dc: Table
    ac: Table


def write(image: Image) -> bytes:
    """All segments up to the scan's data. An image of 8 bits has the JFIF segment too."""
    parts = [bytes([0xFF, SOI])]
    if image.bits == 8:
        parts.append(_segment(APP0, b"JFIF\0\1\1\0\0\1\0\1\0\0"))
    entries = image.quantisers.reshape(-1)[zigzag(8)].tolist()
    wide = image.bits == 12
    parts.append(_segment(DQT, bytes([wide << 4]) + struct.pack(">64H" if wide else ">64B", *entries)))
    frame = struct.pack(">BHHB3B", image.bits, image.rows, image.columns, 1, 1, 0x11, 0)
    parts.append(_segment(EXTENDED if wide else BASELINE, frame))
    for kind, table in ((0, image.dc), (1, image.ac)):
        parts.append(_segment(DHT, bytes([kind << 4, *table.counts, *table.symbols])))
    parts.append(_segment(SOS, bytes([1, 1, 0, 0, 63, 0])))
    return b"".join(parts)


def read(data: bytes, start: int) -> tuple[Image, int]:
    """The image whose stream begins at `start`, and where its scan's data begin. Raises CodestreamError."""
    if data[start : start + 2] != bytes([0xFF, SOI]):
        raise CodestreamError("JPEG: an image does not begin with its marker")
    at, frame, quantisers = start + 2, None, dict[int, NDArray[np.int64]]()
    tables: dict[int, Table] = {}
    while True:
        while data[at : at + 2] == b"\xff\xff":
            at += 1
        if len(data) < at + 4 or data[at] != 0xFF:
            raise CodestreamError("JPEG: a marker is missing or the image was cut")
        kind, size = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        body = data[at + 4 : at + 2 + size]
        if size < 2 or len(body) != size - 2:
            raise CodestreamError("JPEG: a segment was cut")
        at += 2 + size
        if kind in FRAMES:
            frame = _frame(body)
        elif kind == DQT:
            _quantisers(body, quantisers)
        elif kind == DHT:
            _tables(body, tables)
        elif kind == SOS:
            if len(body) != 6 or body[0] != 1 or frame is None:
                raise CodestreamError("JPEG: only scans of one component are read")
            rows, columns, bits, which = frame
            try:
                image = Image(rows, columns, bits, quantisers[which], tables[body[2] >> 4], tables[16 + (body[2] & 15)])
            except KeyError:
                raise CodestreamError("JPEG: a table is missing") from None
            return image, at
        elif 0xC2 <= kind <= 0xCF or kind in (0xDC, 0xDD, EOI):
            raise CodestreamError(f"JPEG: only sequential Huffman images without restarts are read, not FF{kind:02X}")


def _segment(kind: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, kind, len(body) + 2) + body


def _frame(body: bytes) -> tuple[int, int, int, int]:
    if len(body) != 9 or body[5] != 1:
        raise CodestreamError("JPEG: only images of one component are read")
    bits, rows, columns = struct.unpack_from(">BHH", body)
    if bits not in (8, 12) or rows == 0 or columns == 0:
        raise CodestreamError(f"JPEG: an image of {rows} × {columns} samples of {bits} bits is not read")
    return rows, columns, bits, body[8]


def _quantisers(body: bytes, found: dict[int, NDArray[np.int64]]) -> None:
    at = 0
    while at < len(body):
        wide, which = body[at] >> 4, body[at] & 15
        entries = body[at + 1 : at + 65 + 64 * bool(wide)]
        if wide > 1 or len(entries) != 64 + 64 * wide:
            raise CodestreamError("JPEG: a quantisation table is damaged")
        table = np.zeros(64, np.int64)
        table[zigzag(8)] = np.frombuffer(entries, ">u2" if wide else "u1")
        found[which] = table.reshape(8, 8)
        at += 1 + len(entries)


def _tables(body: bytes, found: dict[int, Table]) -> None:
    at = 0
    while at < len(body):
        counts = tuple(body[at + 1 : at + 17])
        symbols = tuple(body[at + 17 : at + 17 + sum(counts)])
        if len(counts) != 16 or len(symbols) != sum(counts) or sum(counts) > 256:
            raise CodestreamError("JPEG: a Huffman table is damaged")
        found[body[at]] = Table(counts, symbols)
        at += 17 + len(symbols)
