"""A grey image to a JPEG stream, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.errors import CodestreamError
from hypress.t81 import markers, scan
from hypress.t81.huffman import Table
from hypress.t81.markers import Image
from hypress.transforms import dct
from hypress.transforms.dct import zigzag

ROUNDING = 0.42
"""What is added to a coefficient in steps before it is cut: an encoder is free to, and small ones are dear."""


def flat_table(step: float, bits: int) -> NDArray[np.int64]:
    """A quantisation table `(8, 8)` of about `step` everywhere, which is best for squared errors.

    Its entries are whole; those of high frequencies are rounded up first, so that steps between can be had.
    """
    ranks = np.zeros(64)
    ranks[zigzag(8)] = np.arange(64) / 64
    entries = np.floor(step + ranks).astype(np.int64)
    return np.clip(entries, 1, 255 if bits == 8 else 65535).reshape(8, 8)


def coefficients(samples: NDArray[Any], bits: int) -> NDArray[np.float64]:
    """Cosine transform of an image `(y, x)` of `bits`, shifted to be centred: `(block row, block column, 8, 8)`."""
    return np.asarray(dct.forward(samples[None] - float(1 << (bits - 1)), 8)[0])


def encode(transformed: NDArray[np.float64], shape: tuple[int, ...], table: NDArray[np.int64], bits: int) -> bytes:
    """The JPEG stream of an image of `shape (y, x)`, from its `coefficients`."""
    levels = np.copysign(np.floor(np.abs(transformed) / table + ROUNDING), transformed).astype(np.int32)
    blocks = np.ascontiguousarray(levels.reshape(-1, 64)[:, zigzag(8)])
    dc_counts, ac_counts = np.zeros(256, np.int64), np.zeros(256, np.int64)
    scan.count(blocks, dc_counts, ac_counts)
    dc, ac = Table.best(dc_counts), Table.best(ac_counts)
    room = blocks.size + 1024
    while True:
        out = np.empty(room, np.uint8)
        room = scan.write(blocks, *dc.codes(), *ac.codes(), out)
        if room <= out.size:
            break
    head = markers.write(Image(shape[0], shape[1], bits, table, dc, ac))
    return head + out[:room].tobytes() + bytes([0xFF, markers.EOI])


def decode(data: bytes, start: int, rows: int, columns: int) -> tuple[NDArray[np.int64], int]:
    """The image `(y, x)` of the stream at `start`, which must be `rows × columns`, and where the stream ends.

    The inverse transform is in integers, the same on every machine. Raises CodestreamError.
    """
    image, at = markers.read(data, start)
    if (image.rows, image.columns) != (rows, columns):
        raise CodestreamError(
            f"JPEG: an image of {image.rows} × {image.columns} samples where {rows} × {columns} belong"
        )
    high, wide = -(-rows // 8), -(-columns // 8)
    blocks = np.zeros((high * wide, 64), np.int32)
    source = np.frombuffer(data, np.uint8)
    state, end = scan.read(source, at, *image.dc.lookup(), *image.ac.lookup(), blocks)
    if state != scan.SOUND or data[end : end + 2] != bytes([0xFF, markers.EOI]):
        raise CodestreamError("JPEG: the scan was cut" if state == scan.CUT else "JPEG: the scan is damaged")
    levels = np.zeros((high * wide, 64), np.int64)
    levels[:, zigzag(8)] = blocks
    scaled = levels.reshape(1, high, wide, 8, 8) * image.quantisers
    samples = dct.inverse_exact(scaled, (rows, columns))[0] + (1 << (image.bits - 1))
    return np.clip(samples, 0, (1 << image.bits) - 1), end + 2
