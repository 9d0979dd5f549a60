"""The bytes of one encoded array: magic, version, header, named streams, checksums. Knows no codec.

`docs/format.md` describes the layout byte by byte. A codestream decodes alone, like a `.j2k`; on disk it is a
`.hyp` file, and in a store it is one chunk.
"""

from __future__ import annotations

import itertools
import math
import struct
import zlib
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from hypress.errors import CodestreamError, LimitError, VersionError
from hypress.levels import Levels

MAGIC = b"\x89HYP\r\n\x1a\n"
"""As PNG's: the high bit, both line ends and Ctrl-Z each betray a transfer that took the file for text."""
VERSION = 1
MAX_HEADER = 1 << 20
MAX_DECODED = 4 << 30
"""Bytes of samples that a codestream may ask for, unless the caller allows more."""

_FIXED = struct.Struct("<8sBI")
_CRC = struct.Struct("<I")

_Positive = Annotated[int, Meta(ge=1)]
_Unsigned = Annotated[int, Meta(ge=0)]


class Stream(msgspec.Struct, frozen=True, array_like=True):
    """One named stream: where the bytes went."""

    name: str
    size: _Unsigned
    crc32: _Unsigned


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """A place up to which an embedded stream may be read, and what is decoded from there."""

    size: _Unsigned
    crc32: _Unsigned
    """Of the stream up to here."""
    error_cdb: int | None
    """Mean squared error there, measured, as 1000·log₁₀ rounded up: hundredths of a decibel. None: no error."""


class Embedded(msgspec.Struct, frozen=True, array_like=True):
    """What the header says of a last stream each prefix of which decodes."""

    peak: float
    """The largest valid sample, in sample units."""
    marks: tuple[Mark, ...]
    """By growing size."""


class Header(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that is said before the streams."""

    codec: str
    bitstream: _Positive
    configuration: dict[str, Any]
    shape: tuple[_Positive, _Positive, _Positive]
    """Samples `(band, y, x)`."""
    dtype: str
    """Sample type as stored by the sensor, in numpy's name."""
    levels: Levels | None
    """How samples became the codec's integers; None where no sample is valid and the codec coded nothing."""
    nodata: int | float | None = None
    checksum: int | None = None
    """CRC-32 of the decoded samples (band, y, x order, little-endian), for codecs whose decoding is exact."""
    embedded: Embedded | None = None
    """Of the last stream, where it is an embedded one long enough to be worth reading in part."""
    streams: tuple[Stream, ...] = ()

    @property
    def samples(self) -> int:
        """Number of samples."""
        return math.prod(self.shape)

    def sizes(self) -> dict[str, int]:
        """Bytes of each stream."""
        return {s.name: s.size for s in self.streams}


def pack(header: Header, streams: Mapping[str, bytes]) -> bytes:
    """One codestream from a header and its streams, whose sizes and checksums are filled in."""
    described = tuple(Stream(name, len(data), zlib.crc32(data)) for name, data in streams.items())
    body = msgspec.msgpack.encode(msgspec.structs.replace(header, streams=described))
    head = _FIXED.pack(MAGIC, VERSION, len(body)) + body
    return b"".join([head, _CRC.pack(zlib.crc32(head)), *streams.values()])


def inspect(data: bytes | memoryview) -> Header:
    """The header, checked. The streams need not be there. Raises CodestreamError, VersionError."""
    return _header(data)[0]


def measure(data: bytes | memoryview) -> tuple[Header, int]:
    """The header, and the bytes that the whole codestream has. Raises as `inspect`."""
    header, start = _header(data)
    return header, start + sum(s.size for s in header.streams)


def unpack(data: bytes | memoryview, *, max_bytes: int | None = None) -> tuple[Header, dict[str, bytes]]:
    """Header and streams, every checksum verified.

    Raises CodestreamError where a byte was altered, cut or added, VersionError for a newer format, and
    LimitError where the samples would take more than `max_bytes` (default `MAX_DECODED`).
    """
    header, start = _header(data)
    view = memoryview(data)
    end = start + sum(s.size for s in header.streams)
    if end != len(view):
        what = "was cut" if len(view) < end else "has bytes after its end"
        raise CodestreamError(f"the codestream {what}: it says {end} bytes, and there are {len(view)}")
    limit = MAX_DECODED if max_bytes is None else max_bytes
    wanted = header.samples * np.dtype(header.dtype).itemsize
    if wanted > limit:
        raise LimitError(
            f"the codestream asks for {wanted} bytes of samples, above the limit of {limit}; raise it to decode this"
        )
    return header, _verified(view, start, [(s.name, s.size, s.crc32) for s in header.streams])


def _verified(view: memoryview, start: int, pieces: list[tuple[str, int, int]]) -> dict[str, bytes]:
    """The streams of these names, sizes and checksums, one after the other."""
    streams = {}
    for name, size, crc32 in pieces:
        piece = view[start : start + size]
        if len(piece) < size:
            raise CodestreamError(f"the codestream was cut: stream {name!r} has {len(piece)} bytes of {size}")
        if zlib.crc32(piece) != crc32:
            raise CodestreamError(f"stream {name!r} is damaged: its checksum does not fit")
        streams[name] = bytes(piece)
        start += size
    return streams


def span(header: Header, size: int) -> int:
    """Bytes of an embedded stream to read so that its first `size` bytes can be verified: up to a mark, or its end."""
    ends = [m.size for m in header.embedded.marks] if header.embedded is not None else []
    return next((end for end in ends if end >= size), header.streams[-1].size)


def shortened(data: bytes | memoryview, size: int) -> bytes:
    """The codestream with only `size` bytes of its last, embedded stream, where `data` holds `span` of them.

    What is left out of `data` need not be there; all that is there is verified. Raises CodestreamError.
    """
    header, start = _header(data)
    *others, last = header.streams
    read = span(header, size)
    marks = header.embedded.marks if header.embedded is not None else ()
    ends = [*((s.name, s.size, s.crc32) for s in others)]
    ends.append((last.name, read, next((m.crc32 for m in marks if m.size == read), last.crc32)))
    streams = _verified(memoryview(data), start, ends)
    streams[last.name] = streams[last.name][:size]
    embedded = header.embedded
    if embedded is not None:
        kept = tuple(m for m in embedded.marks if m.size <= size)
        embedded = Embedded(embedded.peak, kept)
    whole = size >= last.size
    left = msgspec.structs.replace(header, embedded=embedded, checksum=header.checksum if whole else None)
    return pack(left, streams)


def samples_checksum(samples: np.ndarray[Any, Any]) -> int:
    """CRC-32 of samples in `(band, y, x)` order, little-endian."""
    little = samples.astype(samples.dtype.newbyteorder("<"), copy=False)
    return zlib.crc32(np.ascontiguousarray(little).reshape(-1).view(np.uint8).data)


def _header(data: bytes | memoryview) -> tuple[Header, int]:
    view = memoryview(data)
    if len(view) < _FIXED.size:
        raise CodestreamError(f"this is no hypress codestream: it has only {len(view)} bytes")
    magic, version, size = _FIXED.unpack(view[: _FIXED.size])
    if magic != MAGIC:
        raise CodestreamError("this is no hypress codestream: it does not begin with its magic number")
    if version > VERSION:
        raise VersionError(f"the codestream has format version {version}; this hypress reads up to {VERSION}: upgrade")
    if version < 1 or size > MAX_HEADER:
        raise CodestreamError(f"the codestream's first bytes are damaged (version {version}, header of {size} bytes)")
    end = _FIXED.size + size
    if len(view) < end + _CRC.size:
        raise CodestreamError(f"the codestream was cut inside its header: {len(view)} bytes of {end + _CRC.size}")
    if zlib.crc32(view[:end]) != _CRC.unpack(view[end : end + _CRC.size])[0]:
        raise CodestreamError("the codestream's header is damaged: its checksum does not fit")
    try:
        header = msgspec.msgpack.decode(view[_FIXED.size : end], type=Header)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise CodestreamError(f"the codestream's header cannot be read: {error}") from None
    _check(header)
    return header, end + _CRC.size


def _check(header: Header) -> None:
    try:
        dtype = np.dtype(header.dtype)
    except (TypeError, ValueError, SyntaxError):
        raise CodestreamError(f"the codestream has an unknown sample type {header.dtype!r}") from None
    if dtype.kind not in "iuf" or dtype.itemsize > 8 or dtype.name != header.dtype:
        raise CodestreamError(f"the codestream has an unknown sample type {header.dtype!r}")
    if header.levels is not None and header.levels.low > header.levels.high:
        raise CodestreamError("the codestream's levels are empty: low is above high")
    if len({s.name for s in header.streams}) != len(header.streams):
        raise CodestreamError("the codestream names a stream twice")
    if header.embedded is not None:
        ends = [0, *(m.size for m in header.embedded.marks), header.streams[-1].size + 1 if header.streams else 0]
        if any(here >= beyond for here, beyond in itertools.pairwise(ends)):
            raise CodestreamError("the codestream's marks do not lie within its last stream, one after the other")
