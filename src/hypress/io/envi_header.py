"""The text of an ENVI header: `key = value` lines, with lists in braces over many lines.

Keys are compared without case; lines that start with `;` are comments. Values are only ever text and numbers:
nothing is evaluated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hypress.errors import ReadError, SceneError
from hypress.io.facts import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LARGEST = 64 * 1024 * 1024
"""Bytes that a header may have."""

TYPES = {1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2", 13: "u4", 14: "i8", 15: "u8"}
COMPLEX = {6: "complex64", 9: "complex128"}
INTERLEAVES = {"bsq": (0, 1, 2), "bil": (1, 0, 2), "bip": (1, 2, 0)}
"""Axes of `(band, y, x)` as they lie in the file, slowest first."""

LAYOUT = (
    "samples",
    "lines",
    "bands",
    "data type",
    "interleave",
    "header offset",
    "byte order",
    "file compression",
)
"""The keys that say where samples lie: a header that states one twice differently is refused."""


@dataclass(frozen=True)
class Layout:
    """Where the samples lie in the data file."""

    shape: tuple[int, int, int]
    """`(band, y, x)`."""
    dtype: np.dtype[np.generic]
    """In native byte order."""
    interleave: str
    offset: int
    big_endian: bool

    @property
    def size(self) -> int:
        """Bytes that the data file must have."""
        bands, lines, samples = self.shape
        return self.offset + bands * lines * samples * self.dtype.itemsize


def is_header(path: Path) -> bool:
    """Whether a file starts as an ENVI header does."""
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError:
        return False
    return start.removeprefix(b"\xef\xbb\xbf").lstrip()[:4] == b"ENVI"


def read(path: Path) -> dict[str, str]:
    """The keys of a header, in lower case, with their values as text without the braces.

    Raises ReadError where the text is no header, or a brace is not closed.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise ReadError(f"{path}: an ENVI header of {path.stat().st_size} bytes; at most {LARGEST} are read")
        raw = path.read_bytes()
    except OSError as error:
        raise ReadError(f"{path}: {error.strerror or error}") from error
    return parse(raw, path)


def parse(raw: bytes, path: Path | str = "header") -> dict[str, str]:
    """As `read`, from the header's bytes."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    lines = iter(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    first = next((line.strip() for line in lines if line.strip()), "")
    if first != "ENVI":
        raise ReadError(f"{path}: no ENVI header: its first line is {first[:40]!r}, not 'ENVI'")
    found: dict[str, str] = {}
    for line in lines:
        if not line.strip() or line.lstrip().startswith(";") or "=" not in line:
            continue
        key, _, value = line.partition("=")
        key = " ".join(key.lower().split())
        value = value.strip()
        if value.startswith("{"):
            value = _braced(value, lines, key, path)
        if key in found and found[key] != value:
            if key in LAYOUT:
                raise ReadError(f"{path}: {key!r} is stated twice, as {found[key]!r} and as {value!r}")
            say(path, f"{key!r} is stated twice, differently: the last is used")
        found[key] = value
    return found


def _braced(value: str, lines: Iterable[str], key: str, path: Path | str) -> str:
    parts = [value]
    depth = value.count("{") - value.count("}")
    for line in lines if depth > 0 else ():
        if line.lstrip().startswith(";"):
            continue
        parts.append(line)
        depth += line.count("{") - line.count("}")
        if depth <= 0:
            break
    if depth > 0:
        raise ReadError(f"{path}: the brace that opens after {key!r} is never closed: the header is truncated")
    text = "\n".join(parts).strip()
    return text[1 : text.rindex("}")].strip()


def layout(keys: Mapping[str, str], path: Path | str) -> Layout:
    """Where the samples lie.

    Raises ReadError naming the key that is missing or makes no sense, and SceneError for complex samples.
    """
    if _integer(keys, "file compression", path, default=0):
        raise ReadError(f"{path}: its data file is gzip-compressed (file compression = 1): gunzip it and state 0")
    shape = (
        _integer(keys, "bands", path, least=1),
        _integer(keys, "lines", path, least=1),
        _integer(keys, "samples", path, least=1),
    )
    code = _integer(keys, "data type", path)
    if code in COMPLEX:
        raise SceneError(
            f"{path}: complex samples ({COMPLEX[code]}) are not supported: give magnitude and phase as two scenes"
        )
    if code not in TYPES:
        raise ReadError(f"{path}: 'data type' is {code}; ENVI's real types are {', '.join(map(str, TYPES))}")
    dtype = np.dtype(TYPES[code])
    interleave = _text(keys, "interleave", path).lower()
    if interleave not in INTERLEAVES:
        raise ReadError(f"{path}: 'interleave' is {interleave!r}; it can be bsq, bil or bip")
    if "byte order" not in keys and dtype.itemsize > 1:
        say(path, "its byte order is not stated: read as 0, little endian")
    order = _integer(keys, "byte order", path, default=0)
    if order not in (0, 1):
        raise ReadError(f"{path}: 'byte order' is {order}; it can be 0 (little endian) or 1 (big endian)")
    return Layout(shape, dtype, interleave, _integer(keys, "header offset", path, default=0), order == 1)


def _text(keys: Mapping[str, str], key: str, path: Path | str) -> str:
    if not keys.get(key):
        raise ReadError(f"{path}: the header does not state {key!r}")
    return keys[key]


def _integer(keys: Mapping[str, str], key: str, path: Path | str, *, default: int | None = None, least: int = 0) -> int:
    if default is not None and not keys.get(key):
        return default
    text = _text(keys, key, path)
    if not re.fullmatch(r"\+?[0-9]{1,18}", text) or int(text) < least:
        raise ReadError(f"{path}: {key!r} is {text[:40]!r}, not a whole number of at least {least}")
    return int(text)


def numbers(keys: Mapping[str, str], key: str, path: Path | str) -> list[str] | None:
    """A list of numbers, as their text, or None if the key is absent. Raises ReadError."""
    if key not in keys:
        return None
    items = entries(keys[key])
    for item in items:
        number(item, key, path)
    return items


def number(text: str, key: str, path: Path | str) -> float:
    """One number. Raises ReadError."""
    try:
        return float(text)
    except ValueError:
        raise ReadError(f"{path}: {key!r} holds {text[:40]!r}, which is no number") from None


def entries(value: str) -> list[str]:
    """The entries of a list, stripped; a comma at the end adds none."""
    items = [" ".join(item.split()) for item in value.split(",")]
    return items[:-1] if items and not items[-1] else items


def braces(text: str) -> str:
    """Text that can stand between braces."""
    return "{" + text.replace("{", "(").replace("}", ")") + "}"


def render(keys: Mapping[str, str | list[str]]) -> bytes:
    """A header's bytes; lists become braces, several entries to a line."""
    lines = ["ENVI"]
    for key, value in keys.items():
        if isinstance(value, str):
            lines.append(f"{key} = {value}")
            continue
        rows = [", ".join(value[i : i + 8]) for i in range(0, len(value), 8)]
        lines.append(f"{key} = {{\n " + ",\n ".join(rows) + "}")
    return ("\n".join(lines) + "\n").encode("utf-8")
