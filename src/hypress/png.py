"""Pictures as PNG (ISO/IEC 15948), written by what Python has: 8 bits, RGB or RGBA, one text comment at most.

Every row is filtered against the one above it. By default speed matters more than size: a tile of a picture is small
and lives for seconds.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_UP = 2
"""Filter type: each byte less the one above it (9.2)."""
_COLOUR_TYPE = {3: 2, 4: 6}


def encode(picture: NDArray[np.uint8], *, about: str | None = None, level: int = 1) -> bytes:
    """A picture `(y, x, 3)` of red, green and blue, or `(y, x, 4)` with opacity, as a PNG file.

    `about` becomes its description; `level` is that of deflate. Raises ValueError for any other array.
    """
    rows, columns, channels = picture.shape
    if channels not in (3, 4) or picture.dtype != np.uint8 or not rows or not columns:
        raise ValueError(
            f"a picture is uint8 (y, x, 3 or 4) with a pixel at least, not {picture.dtype} {picture.shape}"
        )
    lines = np.empty((rows, 1 + channels * columns), np.uint8)
    lines[:, 0] = _UP
    flat = np.ascontiguousarray(picture).reshape(rows, channels * columns)
    lines[0, 1:] = flat[0]
    np.subtract(flat[1:], flat[:-1], out=lines[1:, 1:])  # modulo 256, as the filter is defined
    header = struct.pack(">IIBBBBB", columns, rows, 8, _COLOUR_TYPE[channels], 0, 0, 0)
    text = b"" if about is None else _chunk(b"iTXt", b"Description\0\0\0\0\0" + about.encode())
    data: Any = lines.data
    return b"".join(
        [_SIGNATURE, _chunk(b"IHDR", header), text, _chunk(b"IDAT", zlib.compress(data, level)), _chunk(b"IEND", b"")]
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
