"""The bytes of segment headers (CCSDS 122.0-B-2, 4.2).

Part 1 begins every segment; the optional parts 2, 3 and 4 hold from the segment that states them on.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypress.ccsds122.parameters import MOST_BLOCKS, MOST_COLUMNS, NO_LIMIT, Image, Limits, Options
from hypress.errors import CodestreamError, ConfigurationError

_WORD_BYTES = {0b000: 1, 0b010: 2, 0b100: 3, 0b110: 4, 0b001: 5, 0b011: 6, 0b101: 7, 0b111: 8}
_WORD_CODES = {size: code for code, size in _WORD_BYTES.items()}


@dataclass(frozen=True)
class Header:
    """A segment's header; an optional part that is None is not there."""

    first: bool
    last: bool
    count: int
    """SegmentCount, modulo 256."""
    dc_depth: int = 1
    """BitDepthDC, 1 … 32."""
    ac_depth: int = 0
    """BitDepthAC, 0 … 31."""
    pad_rows: int = 0
    limits: Limits | None = None
    options: Options | None = None
    image: Image | None = None

    @property
    def size(self) -> int:
        """Bytes."""
        return (
            3
            + self.last
            + (5 if self.limits is not None else 0)
            + (3 if self.options is not None else 0)
            + (8 if self.image is not None else 0)
        )

    def pack(self) -> bytes:
        """The bytes."""
        part1 = _join(
            (self.first, 1), (self.last, 1), (self.count % 256, 8), (self.dc_depth % 32, 5), (self.ac_depth, 5)
        )
        flags = _join((self.limits is not None, 1), (self.options is not None, 1), (self.image is not None, 1))
        data = (part1 << 4 | flags).to_bytes(3, "big")
        if self.last:
            data += bytes([self.pad_rows << 5])
        if (limits := self.limits) is not None:
            stop = _join((limits.dc_stop, 1), (limits.plane_stop, 5), (limits.stage_stop - 1, 2), (limits.fill, 1))
            data += (limits.byte_limit % NO_LIMIT << 13 | stop << 4).to_bytes(5, "big")
        if (options := self.options) is not None:
            chosen = _join((options.optimal_dc, 1), (options.optimal_ac, 1), (0, 2))
            data += (options.blocks % MOST_BLOCKS << 4 | chosen).to_bytes(3, "big")
        if self.image is not None:
            data += _pack_image(self.image)
        return data


@dataclass(frozen=True)
class Known:
    """What header parts said before, or what a reader knows where a stream leaves them out."""

    image: Image | None = None
    options: Options | None = None
    limits: Limits | None = None

    def after(self, header: Header) -> Known:
        """With what a segment's header says."""
        return Known(header.image or self.image, header.options or self.options, header.limits or self.limits)


NOTHING = Known()


def parse(data: bytes | memoryview, at: int) -> Header:
    """The header at byte `at`. Raises CodestreamError where it is cut short or says what it may not."""
    begin, flags = at, _take(data, at, 3)
    first, last = bool(flags >> 23), bool(flags >> 22 & 1)
    at += 3
    reserved = flags >> 3 & 1
    pad_rows = 0
    if last:
        field = _take(data, at, 1)
        pad_rows, reserved = field >> 5, reserved | field & 31
        at += 1
    limits: Limits | None = None
    options: Options | None = None
    image: Image | None = None
    try:
        if flags & 4:
            field = _take(data, at, 5)
            at += 5
            reserved |= field & 15
            limits = Limits(
                (field >> 13) or NO_LIMIT,
                bool(field >> 12 & 1),
                field >> 7 & 31,
                (field >> 5 & 3) + 1,
                bool(field >> 4 & 1),
            )
        if flags & 2:
            field = _take(data, at, 3)
            at += 3
            reserved |= field & 3
            options = Options((field >> 4) or MOST_BLOCKS, bool(field >> 3 & 1), bool(field >> 2 & 1))
        if flags & 1:
            image = _parse_image(_take(data, at, 8))
    except ConfigurationError as error:
        raise CodestreamError(f"ccsds122: the segment header at byte {begin} is illegal: {error}") from None
    if reserved:
        raise CodestreamError(f"ccsds122: reserved bits of the segment header at byte {begin} are not zero")
    return Header(
        first,
        last,
        count=flags >> 14 & 255,
        dc_depth=(flags >> 9 & 31) or 32,
        ac_depth=flags >> 4 & 31,
        pad_rows=pad_rows,
        limits=limits,
        options=options,
        image=image,
    )


def _pack_image(image: Image) -> bytes:
    weights = image.weights or (0,) * 10
    field = _join(
        (image.dwt == "integer", 1),
        (0, 1),
        (image.bits > 16, 1),
        (image.signed, 1),
        (image.bits % 16, 4),
        (image.width % MOST_COLUMNS, 20),
        (image.transposed, 1),
        (_WORD_CODES[image.word_bytes], 3),
        (image.weights is not None, 1),
        *((weight, 2) for weight in weights),
        (0, 11),
    )
    return field.to_bytes(8, "big")


def _parse_image(field: int) -> Image:
    if field >> 62 & 1 or field & 0x7FF:
        raise ConfigurationError("reserved bits of part 4 are not zero")
    extended, low = field >> 61 & 1, field >> 56 & 15
    custom = field >> 31 & 1
    return Image(
        width=(field >> 36 & (MOST_COLUMNS - 1)) or MOST_COLUMNS,
        bits=16 * extended + (low or 16),  # the depth modulo 16, and whether it is above 16
        signed=bool(field >> 60 & 1),
        dwt="integer" if field >> 63 else "float",
        transposed=bool(field >> 35 & 1),
        word_bytes=_WORD_BYTES[field >> 32 & 7],
        weights=tuple(field >> shift & 3 for shift in range(29, 10, -2)) if custom else None,
    )


def _join(*fields: tuple[int, int]) -> int:
    """Values of these widths, one after the other."""
    joined = 0
    for value, width in fields:
        joined = joined << width | value
    return joined


def _take(data: bytes | memoryview, at: int, size: int) -> int:
    if at + size > len(data):
        raise CodestreamError(f"ccsds122: the stream ends within the segment header at byte {at}")
    return int.from_bytes(data[at : at + size], "big")
