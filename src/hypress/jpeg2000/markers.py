"""The frame of a codestream: its marker segments (ISO/IEC 15444-1, Annex A).

What is written is SOC SIZ COD QCD SOT SOD packets EOC: one tile in one part. What is read is the same
with comments and packet lengths skipped; anything that would need more (several tiles or layers, other
progressions, precincts, regions of interest, component transforms, parts beyond Part 1) is refused by name.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from hypress.errors import CodestreamError
from hypress.jpeg2000.layout import MAX_SIZE, band_count

SOC, SIZ, COD, QCD, SOT, SOD, EOC = 0xFF4F, 0xFF51, 0xFF52, 0xFF5C, 0xFF90, 0xFF93, 0xFFD9
_SKIPPED = {0xFF64: "COM", 0xFF55: "TLM", 0xFF57: "PLM", 0xFF58: "PLT", 0xFF63: "CRG"}
_REFUSED = {
    0xFF50: "CAP", 0xFF53: "COC", 0xFF5D: "QCC", 0xFF5E: "RGN", 0xFF5F: "POC", 0xFF60: "PPM", 0xFF61: "PPT"
}  # fmt: skip

MAX_COMPONENTS = 16384
MAX_BITS = 38
MAX_BITS_REVERSIBLE = 31  # of a stream to be read: samples become int32
MAX_LEVELS = 32


@dataclass(frozen=True)
class Header:
    """All that the marker segments say.

    Attributes:
        shape: `(component, y, x)`.
        bits: precision of every component, its sign included.
        signed: whether samples are signed; unsigned ones are shifted to lie around zero (G.1).
        levels: wavelet splits.
        block: height and width of code-blocks.
        reversible: 5/3 without quantisation, or 9/7 with it.
        guard: guard bits G (Equation E-2).
        steps: exponent and mantissa of each subband (Equation E-3), mantissas 0 when reversible.
    """

    shape: tuple[int, int, int]
    bits: int
    signed: bool
    levels: int
    block: tuple[int, int]
    reversible: bool
    guard: int
    steps: tuple[tuple[int, int], ...]

    @property
    def shift(self) -> int:
        """What the DC level shift takes off every sample (G.1.1)."""
        return 0 if self.signed else 1 << (self.bits - 1)

    @property
    def planes(self) -> list[int]:
        """M_b of each subband (Equation E-2)."""
        return [self.guard + exponent - 1 for exponent, _ in self.steps]

    @property
    def step_sizes(self) -> list[float]:
        """Δ_b of each subband (Equation E-3); 1 when reversible."""
        if self.reversible:
            return [1.0] * len(self.steps)
        gains = [0, *([1, 1, 2] * self.levels)]
        return [
            2.0 ** (self.bits + gain - exponent) * (1 + mantissa / 2048)
            for gain, (exponent, mantissa) in zip(gains, self.steps, strict=True)
        ]


def write_main(header: Header) -> bytes:
    """SOC, SIZ, COD and QCD."""
    count, height, width = header.shape
    siz = struct.pack(">H8IH", 0, width, height, 0, 0, width, height, 0, 0, count)
    siz += bytes((header.bits - 1 | header.signed << 7, 1, 1)) * count
    block = (header.block[1].bit_length() - 3, header.block[0].bit_length() - 3)
    cod = struct.pack(">BBHBBBBBB", 0, 0, 1, 0, header.levels, *block, 0, int(header.reversible))
    if header.reversible:
        qcd = bytes((header.guard << 5, *(exponent << 3 for exponent, _ in header.steps)))
    else:
        qcd = bytes((header.guard << 5 | 2,))
        qcd += b"".join(struct.pack(">H", exponent << 11 | mantissa) for exponent, mantissa in header.steps)
    segments = ((SIZ, siz), (COD, cod), (QCD, qcd))
    return struct.pack(">H", SOC) + b"".join(struct.pack(">HH", code, len(body) + 2) + body for code, body in segments)


TILE_HEADER_BYTES = 14  # SOT and SOD


def write_tile_header(packets: int) -> bytes:
    """SOT and SOD of the only tile-part; a length beyond 32 bits goes unsaid."""
    length = packets + TILE_HEADER_BYTES
    return struct.pack(">HHHIBBH", SOT, 10, 0, length if length < 1 << 32 else 0, 0, 1, SOD)


def write_end() -> bytes:
    """EOC."""
    return struct.pack(">H", EOC)


# --- reading ----------------------------------------------------------------------------------------------


class _Bytes:
    """A cursor that raises instead of reading past the end."""

    def __init__(self, data: memoryview, name: str) -> None:
        self.data, self.name, self.at = data, name, 0

    def take(self, form: str) -> tuple[int, ...]:
        size = struct.calcsize(form)
        if size > len(self.data) - self.at:
            raise CodestreamError(f"JPEG 2000: the stream ends inside {self.name}")
        self.at += size
        return struct.unpack_from(form, self.data, self.at - size)

    def one(self, form: str) -> int:
        return self.take(form)[0]

    def segment(self, name: str) -> _Bytes:
        size = self.one(">H")
        if size < 2 or size - 2 > len(self.data) - self.at:
            raise CodestreamError(f"JPEG 2000: the {name} segment has the impossible length {size}")
        self.at += size - 2
        return _Bytes(self.data[self.at - size + 2 : self.at], name)

    def close(self) -> None:
        if self.at != len(self.data):
            raise CodestreamError(f"JPEG 2000: the {self.name} segment is longer than what it says")


def read(data: bytes, shape: tuple[int, int, int]) -> tuple[Header, int, int]:
    """Read the frame of a codestream that should describe an array of `shape`.

    Returns:
        The header, and where the packets start and end in `data`.

    Raises:
        CodestreamError: it does not, or it is damaged, or it needs what is not there.
    """
    cursor = _Bytes(memoryview(data), "the main header")
    if len(data) < 2 or cursor.one(">H") != SOC:
        raise CodestreamError("JPEG 2000: this is no codestream: it does not start with SOC")
    if cursor.one(">H") != SIZ:
        raise CodestreamError("JPEG 2000: SIZ does not follow SOC")
    bits, signed = _read_siz(cursor.segment("SIZ"), shape)
    coding: tuple[int, tuple[int, int], bool] | None = None
    quantisation: tuple[int, int, bytes] | None = None
    while (marker := cursor.one(">H")) != SOT:
        if marker == COD and coding is None:
            coding = _read_cod(cursor.segment("COD"))
        elif marker == QCD and quantisation is None:
            quantisation = _read_qcd(cursor.segment("QCD"))
        else:
            _skip(marker, cursor)
    if coding is None or quantisation is None:
        raise CodestreamError("JPEG 2000: the main header lacks COD or QCD")
    levels, block, reversible = coding
    steps = _steps(quantisation, levels, reversible)
    header = Header(shape, bits, signed, levels, block, reversible, quantisation[1], steps)
    if reversible and bits > MAX_BITS_REVERSIBLE:
        raise CodestreamError(f"JPEG 2000: {bits} bits do not fit the integers of the reversible transform")
    if min(header.planes) < 0 or max(header.planes) > 37:
        raise CodestreamError("JPEG 2000: QCD gives a subband an impossible number of bit-planes")
    return header, *_read_tile_header(cursor, len(data))


def _skip(marker: int, cursor: _Bytes) -> None:
    if marker in _SKIPPED:
        cursor.segment(_SKIPPED[marker])
    elif marker in _REFUSED:
        raise CodestreamError(f"JPEG 2000: the marker {_REFUSED[marker]} is not supported")
    else:
        raise CodestreamError(f"JPEG 2000: the marker 0x{marker:04X} has no place here")


def _read_siz(segment: _Bytes, shape: tuple[int, int, int]) -> tuple[int, bool]:
    capabilities, width, height, x0, y0, tile_x, tile_y, tile_x0, tile_y0, count = segment.take(">H8IH")
    if (count, height, width) != shape:
        raise CodestreamError(f"JPEG 2000: the stream holds an array of {(count, height, width)}, not of {shape}")
    if capabilities & 0xC000:
        raise CodestreamError("JPEG 2000: the stream needs parts of the standard beyond Part 1")
    if x0 or y0 or tile_x0 or tile_y0 or tile_x < width or tile_y < height:
        raise CodestreamError("JPEG 2000: several tiles, or an image off the origin, are not supported")
    if max(width, height) > MAX_SIZE or count > MAX_COMPONENTS or min(shape) < 1:
        raise CodestreamError(f"JPEG 2000: an array of {shape} is beyond what is supported")
    first = segment.take(">3B")
    for _ in range(count - 1):
        if segment.take(">3B") != first:
            raise CodestreamError("JPEG 2000: components of different kinds are not supported")
    segment.close()
    bits = (first[0] & 0x7F) + 1
    if first[1:] != (1, 1) or bits > MAX_BITS:
        raise CodestreamError("JPEG 2000: subsampled components, or more than 38 bits, are not supported")
    return bits, first[0] >= 0x80


def _read_cod(segment: _Bytes) -> tuple[int, tuple[int, int], bool]:
    style, progression, layers, transform, levels, block_x, block_y, block_style, wavelet = segment.take(">BBHBBBBBB")
    if style or progression > 1 or layers != 1 or transform or block_style:
        raise CodestreamError(
            "JPEG 2000: only one layer in LRCP or RLCP order, without precincts, component transform or "
            "special code-block styles, is supported"
        )
    segment.close()
    if levels > MAX_LEVELS or block_x > 8 or block_y > 8 or block_x + block_y > 8 or wavelet > 1:
        raise CodestreamError("JPEG 2000: COD holds values out of their range")
    return levels, (4 << block_y, 4 << block_x), wavelet == 1


def _read_qcd(segment: _Bytes) -> tuple[int, int, bytes]:
    style = segment.one(">B")
    return style & 0x1F, style >> 5, bytes(segment.data[1:])


def _steps(quantisation: tuple[int, int, bytes], levels: int, reversible: bool) -> tuple[tuple[int, int], ...]:
    """Table A.28: no quantisation (0), derived from the LL band (1) or one by one (2)."""
    style, _, values = quantisation
    bands = band_count(levels)
    sizes = {0: bands, 1: 2, 2: 2 * bands}
    if style not in sizes or len(values) != sizes[style] or reversible != (style == 0):
        raise CodestreamError("JPEG 2000: QCD does not fit the transform")
    if style == 0:
        return tuple((value >> 3, 0) for value in values)
    words = struct.unpack(f">{len(values) // 2}H", values)
    if style == 1:  # Equation E-5
        drops = [0, *(level for level in range(levels) for _ in range(3))]
        words = tuple(words[0] - (drop << 11) for drop in drops)
        if min(words) < 0:
            raise CodestreamError("JPEG 2000: QCD holds an exponent out of its range")
    return tuple((word >> 11, word & 0x7FF) for word in words)


def _read_tile_header(cursor: _Bytes, total: int) -> tuple[int, int]:
    start = cursor.at - 2
    size, tile, length, part, parts = cursor.take(">HHIBB")
    if size != 10 or tile or part or parts > 1:
        raise CodestreamError("JPEG 2000: several tiles or tile-parts are not supported")
    end = start + length if length else total - 2
    cursor.name = "the tile header"
    while (marker := cursor.one(">H")) != SOD:
        if marker in (COD, QCD):
            raise CodestreamError("JPEG 2000: COD or QCD in a tile header is not supported")
        _skip(marker, cursor)
    if not cursor.at <= end <= total - 2:
        raise CodestreamError("JPEG 2000: the stream is cut, or its tile has an impossible length")
    if struct.unpack_from(">H", cursor.data, end)[0] != EOC or end + 2 != total:
        raise CodestreamError("JPEG 2000: the stream does not end with EOC where its tile does")
    return cursor.at, end
