"""Adaptive coder for quantised block transforms: planes of blocks whose coefficients fade towards high frequencies.

Of each block first the length of its run in zigzag order, up to the last coefficient that is not zero; then each
coefficient of the run, by `integers`. What magnitude to expect is learnt from what is known alike on both sides: the
same coefficient in the blocks west and north and in the plane before, its lower neighbours within the block, and the
mean of that coefficient in the plane so far. (Compare the end-of-block code of ITU-T T.81, and the neighbourhoods of
CABAC residual coding; J. Sole et al., IEEE TCSVT 22, 2012.)

Encoder and decoder are one function: it differs only where an integer goes out or comes in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.entropy.integers import UNIT, decode_integer, encode_integer, model
from hypress.entropy.rangecoder import as_array, finish_encoder, start_decoder, start_encoder
from hypress.transforms.dct import zigzag

LIMIT, RUN_LIMIT = 250, 60
"""Contexts average over this many coefficients, and runs."""
LARGEST = 1 << 20
"""Coefficients are below this in magnitude, whatever is decoded."""
BLOCKS, WITHIN, BEFORE, LATELY = 3, 3, 1, 8
"""Weights, in sixteenths, of what is expected: from the blocks beside, within the block, the plane before, the mean."""


def encode_blocks(values: NDArray[Any]) -> bytes:
    """Code coefficients `(plane, block row, block column, y, x)`, integers below 2²⁰ in magnitude."""
    planes, high, wide, size, _ = values.shape
    flat = np.ascontiguousarray(values, np.int32).reshape(planes, high, wide, size * size)
    room = 4 * flat.size + 64
    while True:
        buffer = np.empty(room, np.uint8)
        room = _code(flat, zigzag(size), size, True, buffer, model(), model(), start_encoder())
        if room <= buffer.size:
            return buffer[:room].tobytes()


def decode_blocks(data: bytes, shape: tuple[int, int, int, int, int]) -> NDArray[np.int32]:
    """The coefficients `(plane, block row, block column, y, x)` that were coded; of other bytes, any."""
    planes, high, wide, size, _ = shape
    flat = np.zeros((planes, high, wide, size * size), np.int32)
    source = as_array(data)
    _code(flat, zigzag(size), size, False, source, model(), model(), start_decoder(source))
    return flat.reshape(shape)


def integers_reference(values: NDArray[Any]) -> Iterator[tuple[bool, int, int]]:
    """What is coded, and in which order: whether it is a run's length, the integer, the magnitude expected of it.

    The readable twin of the kernel, for coefficients `(plane, block row, block column, y, x)`.
    """
    planes, high, wide, size, _ = values.shape
    whole = np.pad(np.abs(values.astype(np.int64)), ((1, 0), (1, 0), (1, 0), (1, 0), (1, 0)))  # zeros before all
    lately, typical = np.zeros((size, size), np.int64), 0
    lengths = np.zeros((high, wide), np.int64)
    for p, y, x in np.ndindex(planes, high, wide):
        flat = values[p, y, x].ravel()[zigzag(size)]
        length = int(np.flatnonzero(flat)[-1]) + 1 if flat.any() else 0
        west = lengths[y, x - 1] if x else typical >> 8
        north = lengths[y - 1, x] if y else typical >> 8
        yield True, length, int(6 * UNIT * (west + north) + (typical >> 2)) >> 4
        lengths[y, x] = length
        typical += ((length << 8) - typical) >> 4
        for i, at in enumerate(zigzag(size).tolist()):
            v, u = divmod(at, size)
            here = (p + 1, y + 1, x + 1, v + 1, u + 1)
            if i < length:
                beside = whole[p + 1, y + 1, x, v + 1, u + 1] + whole[p + 1, y, x + 1, v + 1, u + 1]
                block = whole[p + 1, y + 1, x + 1]
                within = block[v + 1, u] + block[v, u + 1] + block[v, u]
                weighted = BLOCKS * beside + WITHIN * within + BEFORE * whole[p, y + 1, x + 1, v + 1, u + 1]
                yield False, int(values[p, y, x, v, u]), int(UNIT * weighted + LATELY * (lately[v, u] >> 4)) >> 4
            lately[v, u] += ((whole[here] << 8) - lately[v, u]) >> 4


@njit(nogil=True, cache=True, error_model="numpy")
def _code(values: Any, order: Any, size: int, encode: bool, buffer: Any, runs: Any, levels: Any, state: Any) -> int:
    planes, high, wide, count = values.shape
    lengths: Any = np.zeros((high, wide), np.int64)
    lately: Any = np.zeros(count, np.int64)  # running mean of magnitudes, in sixteenths of sixteenths
    typical: Any = np.int64(0)  # running mean of run lengths, in the same unit
    for p in range(planes):
        for y in range(high):
            for x in range(wide):
                block = values[p, y, x]
                west = lengths[y, x - 1] if x else typical >> 8
                north = lengths[y - 1, x] if y else typical >> 8
                expected = (6 * UNIT * (west + north) + (typical >> 2)) >> 4
                length = 0
                if encode:
                    for i in range(count - 1, -1, -1):
                        if block[order[i]]:
                            length = i + 1
                            break
                    encode_integer(state, buffer, runs, length, expected, 0, RUN_LIMIT)
                else:
                    length = min(abs(decode_integer(state, buffer, runs, expected, 0, RUN_LIMIT)), count)
                lengths[y, x] = length
                typical += ((np.int64(length) << 8) - typical) >> 4
                for i in range(length):
                    at = order[i]
                    v, u = at // size, at % size
                    around = 0
                    if x:
                        around += abs(values[p, y, x - 1, at])
                    if y:
                        around += abs(values[p, y - 1, x, at])
                    inside = 0
                    if u:
                        inside += abs(block[at - 1])
                    if v:
                        inside += abs(block[at - size])
                    if u and v:
                        inside += abs(block[at - size - 1])
                    before = abs(values[p - 1, y, x, at]) if p else 0
                    weighted = UNIT * (BLOCKS * around + WITHIN * inside + BEFORE * before)
                    expected = (weighted + LATELY * (lately[at] >> 4)) >> 4
                    if encode:
                        encode_integer(state, buffer, levels, block[at], expected, 0, LIMIT)
                    else:
                        value = decode_integer(state, buffer, levels, expected, 0, LIMIT)
                        block[at] = min(max(value, -LARGEST), LARGEST)
                    lately[at] += ((np.int64(abs(block[at])) << 8) - lately[at]) >> 4
                for i in range(length, count):
                    lately[order[i]] += -lately[order[i]] >> 4
    return finish_encoder(state, buffer) if encode else 0
