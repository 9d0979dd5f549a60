"""The entropy-coded data of a scan with one component (T.81, F.1.2 and F.2.2): blocks in zigzag order ↔ bits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

SOUND, CUT, DAMAGED = range(3)
END_OF_BLOCK, SIXTEEN_ZEROS = 0x00, 0xF0


def symbols_reference(blocks: NDArray[Any]) -> Iterator[tuple[bool, int, int, int]]:
    """Of blocks `(block, 64)`: whether DC, the symbol, the value and size of the bits that follow it.

    The readable twin of the kernels.
    """
    before = 0
    for block in blocks.tolist():
        difference, before = block[0] - before, block[0]
        size = abs(difference).bit_length()
        yield True, size, difference - (difference < 0) & ((1 << size) - 1), size
        run = 0
        for value in block[1:]:
            if value == 0:
                run += 1
                continue
            while run > 15:
                yield False, SIXTEEN_ZEROS, 0, 0
                run -= 16
            size = abs(value).bit_length()
            yield False, run << 4 | size, value - (value < 0) & ((1 << size) - 1), size
            run = 0
        if run:
            yield False, END_OF_BLOCK, 0, 0


@njit(nogil=True, cache=True, error_model="numpy")
def _size(value: int) -> int:
    magnitude, size = abs(value), 0
    while magnitude:
        magnitude >>= 1
        size += 1
    return size


@njit(nogil=True, cache=True, error_model="numpy")
def count(blocks: Any, dc: Any, ac: Any) -> None:
    """Add to `dc` and `ac (256,)` how often each symbol comes."""
    before = 0
    for b in range(len(blocks)):
        dc[_size(blocks[b, 0] - before)] += 1
        before = blocks[b, 0]
        run = 0
        for i in range(1, 64):
            if blocks[b, i] == 0:
                run += 1
                continue
            ac[SIXTEEN_ZEROS] += run >> 4
            ac[(run & 15) << 4 | _size(blocks[b, i])] += 1
            run = 0
        if run:
            ac[END_OF_BLOCK] += 1


@njit(nogil=True, cache=True, error_model="numpy")
def _put(out: Any, state: Any, code: int, size: int) -> None:
    """Append `size` bits of `code`; a byte of ones is followed by zeros (F.1.2.3)."""
    state[0] = state[0] << size | code
    state[1] += size
    while state[1] >= 8:
        state[1] -= 8
        byte = state[0] >> state[1] & 0xFF
        if state[2] < out.size:
            out[state[2]] = byte
        state[2] += 1
        if byte == 0xFF:
            if state[2] < out.size:
                out[state[2]] = 0
            state[2] += 1
    state[0] &= (1 << state[1]) - 1


@njit(nogil=True, cache=True, error_model="numpy")
def write(blocks: Any, dc_codes: Any, dc_sizes: Any, ac_codes: Any, ac_sizes: Any, out: Any) -> int:
    """Write blocks `(block, 64)` to `out`; the number of bytes, of which those that fit are there."""
    state = np.zeros(3, np.int64)  # bits that wait, how many, bytes written
    before = 0
    for b in range(len(blocks)):
        difference = blocks[b, 0] - before
        before = blocks[b, 0]
        size = _size(difference)
        _put(out, state, dc_codes[size], dc_sizes[size])
        _put(out, state, (difference - (difference < 0)) & ((1 << size) - 1), size)
        run = 0
        for i in range(1, 64):
            value = blocks[b, i]
            if value == 0:
                run += 1
                continue
            for _ in range(run >> 4):
                _put(out, state, ac_codes[SIXTEEN_ZEROS], ac_sizes[SIXTEEN_ZEROS])
            size = _size(value)
            symbol = (run & 15) << 4 | size
            _put(out, state, ac_codes[symbol], ac_sizes[symbol])
            _put(out, state, (value - (value < 0)) & ((1 << size) - 1), size)
            run = 0
        if run:
            _put(out, state, ac_codes[END_OF_BLOCK], ac_sizes[END_OF_BLOCK])
    if state[1]:
        _put(out, state, (1 << (8 - state[1])) - 1, 8 - state[1])  # ones to the byte's end
    return int(state[2])


@njit(nogil=True, cache=True, error_model="numpy")
def _fill(data: Any, state: Any) -> None:
    """Have at least 32 bits wait; ones beyond the end of the scan."""
    while state[1] < 32:
        byte: Any = 0xFF
        if state[2] < data.size:
            byte = np.int64(data[state[2]])
            if byte == 0xFF and (state[2] + 1 >= data.size or data[state[2] + 1] != 0):
                state[3] += 1  # a marker, or the end: nothing follows
            else:
                state[2] += 2 if byte == 0xFF else 1
        else:
            state[3] += 1
        state[0] = (state[0] << 8 | byte) & ((1 << 48) - 1)
        state[1] += 8


@njit(nogil=True, cache=True, error_model="numpy")
def _take(state: Any, size: int) -> int:
    """The next bits, as a signed value of that size (figure F.12)."""
    if size == 0:
        return 0
    state[1] -= size
    value = state[0] >> state[1] & ((1 << size) - 1)
    return int(value if value >> (size - 1) else value - (1 << size) + 1)


@njit(nogil=True, cache=True, error_model="numpy")
def read(
    data: Any, start: int, dc_symbols: Any, dc_sizes: Any, ac_symbols: Any, ac_sizes: Any, blocks: Any
) -> tuple[int, int]:
    """Read blocks `(block, 64)` from `data` on; how that went, and where the scan's bytes end."""
    state = np.zeros(4, np.int64)  # bits that wait, how many, position, bytes that were missing
    state[2] = start
    before = 0
    for b in range(len(blocks)):
        _fill(data, state)
        word = state[0] >> (state[1] - 16) & 0xFFFF
        size = dc_symbols[word]
        if dc_sizes[word] == 0 or size > 15:
            return DAMAGED, int(state[2])
        state[1] -= dc_sizes[word]
        _fill(data, state)
        before += _take(state, size)
        if abs(before) > 1 << 16:
            return DAMAGED, int(state[2])
        blocks[b, 0] = before
        i = 1
        while i < 64:
            _fill(data, state)
            word = state[0] >> (state[1] - 16) & 0xFFFF
            if ac_sizes[word] == 0:
                return DAMAGED, int(state[2])
            state[1] -= ac_sizes[word]
            run, size = ac_symbols[word] >> 4, ac_symbols[word] & 15
            if size == 0:
                if run != 15:
                    break
                i += 16
                continue
            i += run
            if i > 63:
                return DAMAGED, int(state[2])
            _fill(data, state)
            blocks[b, i] = _take(state, size)
            i += 1
        if state[3] > 8:  # more than can have been read ahead
            return CUT, int(state[2])
    return SOUND, int(state[2])
