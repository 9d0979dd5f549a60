"""The bytes of one encoded array: magic, version, header, named streams, checksums. Knows no codec.

`docs/format.md` describes the layout byte by byte. A codestream decodes alone, like a `.j2k`; on disk it is a
`.hyp` file, and in a store it is one chunk.
"""

from __future__ import annotations

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
    streams = {}
    for stream in header.streams:
        piece = view[start : start + stream.size]
        if zlib.crc32(piece) != stream.crc32:
            raise CodestreamError(f"stream {stream.name!r} is damaged: its checksum does not fit")
        streams[stream.name] = bytes(piece)
        start += stream.size
    return header, streams


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
