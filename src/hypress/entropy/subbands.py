"""Context coder for quantised wavelet coefficients of a cube: each is expected to be as large as what is around it.

Subbands are coded one after the other, coarse ones first, plane by plane. Of each plane it is first said which blocks
of `BLOCK × BLOCK` coefficients hold anything but zeros, knowing the same of blocks west, north, in the plane before and
in the next coarser subband. Then each coefficient of such a block is coded by `integers`, whose expectation is a
weighted sum of magnitudes known to both sides: west, north and diagonal neighbours; the plane before, around the same
place; the parent, which is the coefficient of the next coarser subband in this place; and the mean so far. (Compare
X. Wu, "Context quantization with Fisher discriminant for adaptive embedded wavelet image coding", DCC 1999, and ESCOT:
J. Xu, Z. Xiong, S. Li and Y.-Q. Zhang, "Three-dimensional embedded subband coding with optimized truncation", ACHA 10,
2001.)

Encoder and decoder are one function: it differs only where a bit or an integer goes out or comes in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.entropy.integers import UNIT, decode_integer, encode_integer, model
from hypress.entropy.rangecoder import (
    as_array,
    contexts,
    decode_bit,
    encode_bit,
    finish_encoder,
    start_decoder,
    start_encoder,
)

BLOCK = 8
LIMIT, BLOCK_LIMIT = 250, 60
"""Contexts average over this many coefficients, and blocks."""
LARGEST = 1 << 30
"""Coefficients are below this in magnitude, whatever is decoded."""
BESIDE, BEFORE, PARENT, LATELY = 4, 3, 2, 8
"""Weights, in 64ths, of what is expected: from neighbours, the plane before, the parent, the mean."""
BLOCK_CONTEXTS = 36

Boxes = NDArray[np.int64]
"""Of each subband `(subband, 10)`: start and stop of its planes, rows and columns, and of the rows and columns of the
next coarser subband, or -1 where there is none. That one has at least half as many of both."""


def encode_subbands(cube: NDArray[np.int32], boxes: Boxes) -> bytes:
    """Code the subbands `boxes` of coefficients `(band, y, x)`, integers below 2³⁰ in magnitude."""
    room = cube.size + 1024
    while True:
        buffer = np.empty(room, np.uint8)
        room = _code(cube, boxes, True, buffer, contexts(BLOCK_CONTEXTS), model(), start_encoder())
        if room <= buffer.size:
            return buffer[:room].tobytes()


def decode_subbands(data: bytes, shape: tuple[int, int, int], boxes: Boxes) -> NDArray[np.int32]:
    """The coefficients `(band, y, x)` that were coded; of other bytes, any."""
    cube, source = np.zeros(shape, np.int32), as_array(data)
    _code(cube, boxes, False, source, contexts(BLOCK_CONTEXTS), model(), start_decoder(source))
    return cube


def events_reference(cube: NDArray[np.int32], boxes: Boxes) -> Iterator[tuple[bool, int, int]]:
    """What is coded, and in which order: whether it is a block's bit, its value, its context or expected magnitude.

    The readable twin of the kernel, for coefficients `(band, y, x)`.
    """
    for z0, z1, y0, y1, x0, x1, v0, v1, u0, u1 in boxes.tolist():
        band = np.pad(np.abs(cube[z0:z1, y0:y1, x0:x1].astype(np.int64)), 1)  # a zero on every side
        parents = np.abs(cube[z0:z1, v0:v1, u0:u1].astype(np.int64)) if v0 >= 0 else None
        blocks = np.zeros((z1 - z0 + 1, -(-(y1 - y0) // BLOCK) + 1, -(-(x1 - x0) // BLOCK) + 1), np.int64)
        lately = 0
        for z in range(1, z1 - z0 + 1):
            for j, i in np.ndindex(blocks.shape[1] - 1, blocks.shape[2] - 1):
                inside = cube[z0 + z - 1, y0:y1, x0:x1][BLOCK * j : BLOCK * (j + 1), BLOCK * i : BLOCK * (i + 1)]
                half = BLOCK // 2
                context: Any = 18
                if parents is not None:
                    context = 9 * parents[z - 1, half * j : half * (j + 1), half * i : half * (i + 1)].any()
                context += blocks[z, j + 1, i] + blocks[z, j, i + 1]
                context += 3 * (blocks[z - 1, j + 1, i + 1] if z > 1 else 2)
                blocks[z, j + 1, i + 1] = inside.any()
                yield True, int(inside.any()), int(context)
            for y, x in np.ndindex(y1 - y0, x1 - x0):
                if not blocks[z, y // BLOCK + 1, x // BLOCK + 1]:
                    continue
                here, last = band[z, y : y + 3, x : x + 3], band[z - 1, y : y + 3, x : x + 3]
                beside = 2 * here[1, 0] + 2 * here[0, 1] + here[0, 0] + here[0, 2]
                before = 2 * last[1, 1] + last[1, 0] + last[1, 2] + last[0, 1] + last[2, 1]
                parent = parents[z - 1, y // 2, x // 2] if parents is not None else 0
                weighted = BESIDE * beside + BEFORE * before + PARENT * parent
                yield False, int(cube[z0 + z - 1, y0 + y, x0 + x]), int(UNIT * weighted + LATELY * (lately >> 4)) >> 6
                lately += ((int(here[1, 1]) << 8) - lately) >> 6


@njit(nogil=True, cache=True, error_model="numpy")
def _code(cube: Any, boxes: Any, encode: bool, buffer: Any, flags: Any, levels: Any, state: Any) -> int:
    for s in range(len(boxes)):
        z0, z1, y0, y1, x0, x1, v0, v1, u0, u1 = boxes[s]
        high, wide = -(-(y1 - y0) // BLOCK), -(-(x1 - x0) // BLOCK)
        told = np.zeros((2, high + 1, wide + 1), np.uint8)  # of this plane and of the one before: blocks with anything
        lately: Any = np.int64(0)  # running mean of magnitudes, in 256ths
        for z in range(z0, z1):
            here, last = told[z & 1], told[1 - (z & 1)]
            for j in range(high):
                for i in range(wide):
                    context = 18 if v0 < 0 else 9 * _any(cube[z, :v1, :u1], v0 + 4 * j, u0 + 4 * i, BLOCK // 2)
                    context += here[j + 1, i] + here[j, i + 1] + 3 * (last[j + 1, i + 1] if z > z0 else 2)
                    if encode:
                        bit = _any(cube[z, :y1, :x1], y0 + BLOCK * j, x0 + BLOCK * i, BLOCK)
                        encode_bit(state, buffer, flags, context, bit, BLOCK_LIMIT)
                    else:
                        bit = decode_bit(state, buffer, flags, context, BLOCK_LIMIT)
                    here[j + 1, i + 1] = bit
            for y in range(y0, y1):
                for x in range(x0, x1):
                    if not here[(y - y0) // BLOCK + 1, (x - x0) // BLOCK + 1]:
                        continue
                    beside: Any = np.int64(0)
                    if x > x0:
                        beside += 2 * abs(cube[z, y, x - 1])
                    if y > y0:
                        beside += 2 * abs(cube[z, y - 1, x])
                        if x > x0:
                            beside += abs(cube[z, y - 1, x - 1])
                        if x + 1 < x1:
                            beside += abs(cube[z, y - 1, x + 1])
                    before: Any = np.int64(0)
                    if z > z0:
                        before += 2 * abs(cube[z - 1, y, x])
                        if x > x0:
                            before += abs(cube[z - 1, y, x - 1])
                        if x + 1 < x1:
                            before += abs(cube[z - 1, y, x + 1])
                        if y > y0:
                            before += abs(cube[z - 1, y - 1, x])
                        if y + 1 < y1:
                            before += abs(cube[z - 1, y + 1, x])
                    parent = abs(cube[z, v0 + (y - y0) // 2, u0 + (x - x0) // 2]) if v0 >= 0 else 0
                    weighted = BESIDE * beside + BEFORE * before + PARENT * parent
                    expected = (UNIT * weighted + LATELY * (lately >> 4)) >> 6
                    if encode:
                        encode_integer(state, buffer, levels, cube[z, y, x], expected, 0, LIMIT)
                    else:
                        value = decode_integer(state, buffer, levels, expected, 0, LIMIT)
                        cube[z, y, x] = min(max(value, -LARGEST), LARGEST)
                    lately += ((np.int64(abs(cube[z, y, x])) << 8) - lately) >> 6
    return finish_encoder(state, buffer) if encode else 0


@njit(nogil=True, cache=True, error_model="numpy")
def _any(plane: Any, y0: int, x0: int, size: int) -> int:
    """1 if a square of a plane, as far as it lies within, holds anything but zeros."""
    for y in range(y0, min(y0 + size, plane.shape[0])):
        for x in range(x0, min(x0 + size, plane.shape[1])):
            if plane[y, x]:
                return 1
    return 0
