"""The MATLAB 5 file format, as much of it as numbers and text need.

A file is a list of elements, each a variable, most often compressed with zlib on its own. Structs, cells
and objects are stepped over. Every size is checked against the bytes that are there before anything is made
of it.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hypress.errors import ReadError

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_CHAR, _NUMBERS = 4, range(6, 16)
_COMPLEX, _LOGICAL = 0x0800, 0x0200
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXT = {2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_PREFIX = 4096
"""A variable's own header, with its name and sizes, lies within so many bytes."""


@dataclass(frozen=True)
class Variable:
    """Where a variable's data lie."""

    name: str
    shape: tuple[int, ...]
    kind: int
    """The number of MATLAB's class: 4 is text, 6 to 15 are numbers."""
    complex: bool
    stored: int
    """The number of the data's type, which for small whole numbers is narrower than the class."""
    big_endian: bool
    start: int
    """Where the element's bytes begin in the file."""
    size: int
    """How many there are."""
    skip: int
    """Bytes of the element before its data."""
    nbytes: int
    """Bytes of the data."""
    packed: bool
    """The element is compressed."""

    @property
    def is_number(self) -> bool:
        """Whether these are numbers, real or complex, and no truth values."""
        return self.kind in _NUMBERS

    @property
    def dtype(self) -> np.dtype[Any]:
        """The numbers' type as stored."""
        if self.complex:
            return np.dtype(np.complex128)
        return np.dtype(_STORED[self.stored]).newbyteorder(">" if self.big_endian else "<")

    def raw(self, path: Path) -> bytes:
        """The data's bytes. Raises ReadError."""
        with path.open("rb") as file:
            if not self.packed:
                file.seek(self.start + self.skip)
                data = file.read(self.nbytes)
            else:
                file.seek(self.start)
                data = _inflate(file.read(self.size), self.skip + self.nbytes, path)[self.skip :]
        if len(data) != self.nbytes:
            raise ReadError(f"{path}: the variable {self.name} is truncated: {len(data)} of {self.nbytes} bytes")
        return data

    def numbers(self, path: Path) -> NDArray[Any]:
        """The array, in native byte order. Raises ReadError."""
        flat = np.frombuffer(self.raw(path), self.dtype)
        return flat.astype(self.dtype.newbyteorder("=")).reshape(self.shape, order="F")

    def text(self, path: Path) -> str:
        """The text of a character array. Raises ReadError."""
        order = "be" if self.big_endian else "le"
        encoding = _TEXT.get(self.stored, "latin-1")
        return self.raw(path).decode(f"{encoding}-{order}" if encoding in ("utf-16", "utf-32") else encoding, "replace")


def variables(path: Path) -> dict[str, Variable]:
    """The numeric and text variables of a file, by name. Raises ReadError."""
    found: dict[str, Variable] = {}
    with path.open("rb") as file:
        lead = file.read(HEADER)
        if len(lead) < HEADER or lead[126:128] not in (b"IM", b"MI"):
            raise ReadError(f"{path}: no MATLAB 5 or 7 file; save it with -v7")
        big = lead[126:128] == b"MI"
        end = path.stat().st_size
        at = HEADER
        while at + 8 <= end:
            file.seek(at)
            kind, size = struct.unpack(">II" if big else "<II", file.read(8))
            at += 8
            if kind not in (_MATRIX, _COMPRESSED) or size > end - at:
                raise ReadError(f"{path}: damaged or truncated: an element of {size} bytes at byte {at}")
            lead = file.read(min(size, _PREFIX))
            packed = kind == _COMPRESSED
            prefix = _inflate(lead, _PREFIX, path) if packed else lead
            if (variable := _variable(prefix, big, at, size, packed, path)) is not None:
                found[variable.name] = variable
            at += size if packed else size + -size % 8
    return found


def _inflate(data: bytes, size: int, path: Path) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, size)
    except zlib.error as error:
        raise ReadError(f"{path}: a compressed variable is damaged: {error}") from error


def _variable(prefix: bytes, big: bool, at: int, size: int, packed: bool, path: Path) -> Variable | None:
    """The variable whose element begins so, or None if it is neither numbers nor text."""
    order = ">" if big else "<"
    place = 0
    room = size
    try:
        if packed:
            kind, room = struct.unpack_from(order + "II", prefix)
            place = 8
            if kind != _MATRIX:
                return None
        _, _, flags, _ = struct.unpack_from(order + "IIII", prefix, place)
        kind = flags & 0xFF
        if kind not in (_CHAR, *_NUMBERS) or flags & _LOGICAL:
            return None
        sizes, following = _part(prefix, place + 16, order)
        shape = struct.unpack(f"{order}{len(sizes) // 4}i", sizes)
        name, following = _part(prefix, following, order)
        stored, nbytes, data = _tag(prefix, following, order)
    except struct.error:
        raise ReadError(f"{path}: damaged or truncated: a variable at byte {at} has no sizes") from None
    known = _TEXT if kind == _CHAR else _STORED
    count = int(np.prod(shape, dtype=object))
    is_complex = bool(flags & _COMPLEX)
    fits = data + nbytes <= room + (8 if packed else 0) and all(length >= 0 for length in shape)
    if kind != _CHAR and not is_complex and stored in _STORED:
        fits = fits and nbytes == count * np.dtype(_STORED[stored]).itemsize
    if stored not in known or not fits or len(shape) < 2:
        raise ReadError(f"{path}: damaged: a variable of shape {shape} with {nbytes} bytes")
    text = name.decode("latin-1")
    return Variable(text, shape, kind, is_complex, stored, big, at, size, data, nbytes, packed)


def _tag(data: bytes, at: int, order: str) -> tuple[int, int, int]:
    """A part's type, its bytes, and where they begin; up to four bytes are kept within the tag."""
    (word,) = struct.unpack_from(order + "I", data, at)
    if word >> 16:
        return word & 0xFFFF, word >> 16, at + 4
    _, size = struct.unpack_from(order + "II", data, at)
    return word, size, at + 8


def _part(data: bytes, at: int, order: str) -> tuple[bytes, int]:
    """A part's bytes, and where the next part begins."""
    _, size, begin = _tag(data, at, order)
    if begin + size > len(data):
        raise struct.error
    end = at + 8 if begin == at + 4 else begin + size + -size % 8
    return data[begin : begin + size], end
