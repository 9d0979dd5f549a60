"""Bits of packet headers, most significant first, a zero bit after each byte 0xFF (ISO/IEC 15444-1, B.10.1).

The state is a small int64 array: position of the next byte, the byte in the making or in hand, the bits of
it still free or unread, and for a reader the end of the data.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from hypress.entropy.mq import Int

POSITION, BYTE, LEFT, END = range(4)


@njit(nogil=True, cache=True, error_model="numpy")
def put_bit(bit: Int, state: Any, out: Any) -> None:
    """Write one bit; the caller has made sure that `out` is long enough."""
    if state[LEFT] == 0:
        out[state[POSITION]] = state[BYTE]
        state[POSITION] += 1
        state[LEFT] = 7 if state[BYTE] == 0xFF else 8
        state[BYTE] = 0
    state[LEFT] -= 1
    state[BYTE] |= bit << state[LEFT]


@njit(nogil=True, cache=True, error_model="numpy")
def put_bits(value: Int, count: Int, state: Any, out: Any) -> None:
    """Write the `count` low bits of `value`."""
    for i in range(count - 1, -1, -1):
        put_bit((value >> i) & 1, state, out)


@njit(nogil=True, cache=True, error_model="numpy")
def finish_bits(state: Any, out: Any) -> None:
    """Write the last byte; a header never ends in 0xFF."""
    out[state[POSITION]] = state[BYTE]
    state[POSITION] += 1
    if state[BYTE] == 0xFF:
        out[state[POSITION]] = 0
        state[POSITION] += 1
    state[BYTE], state[LEFT] = 0, 8


@njit(nogil=True, cache=True, error_model="numpy")
def get_bit(state: Any, data: Any) -> Int:
    """Read one bit. Past the end it is a one, which ends every loop that waits for one, and BYTE is -1."""
    if state[LEFT] == 0:
        if state[POSITION] >= state[END]:
            state[BYTE] = -1
            return 1
        state[LEFT] = 7 if state[BYTE] == 0xFF else 8
        state[BYTE] = np.int64(data[state[POSITION]])
        state[POSITION] += 1
    state[LEFT] -= 1
    return (state[BYTE] >> state[LEFT]) & 1


@njit(nogil=True, cache=True, error_model="numpy")
def get_bits(count: Int, state: Any, data: Any) -> Int:
    """Read `count` bits, at most 62."""
    value = 0
    for _ in range(count):
        value = 2 * value + get_bit(state, data)
    return value
