"""Binary decisions to bytes and back, such that every prefix of the bytes is worth all that it says.

`code` is both directions at once: an encoder writes the bit that it is given, a decoder ignores it and returns
the one it read. So an algorithm that talks in decisions is written once and is its own inverse.

Decisions are plain bits, or go through the adaptive coder of `entropy.rangecoder`. A decoder of the latter sees
only the first bytes of a number between 0 and 1. It takes a decision if every continuation of these bytes leads
to the same one, and otherwise says ENDED: it neither guesses nor leaves anything out, wherever the bytes were cut.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.entropy.rangecoder import MASK32, as_array, decode_bit, encode_bit, encode_raw, start_decoder

ENDED = -1
"""What `code` returns once the bytes are spent."""
MEMORY = 250
"""Decisions that a context remembers, about."""
_WRITE_BITS, _READ_BITS, _WRITE, _READ = range(4)
_POSITION, _MODE = 5, 6  # after the words of the range coder


@njit(nogil=True, cache=True)
def code(state: Any, data: Any, contexts: Any, index: int, bit: int) -> int:
    """Write `bit`, or read and return the next one, in context `index` of `contexts (n, 2)`; or ENDED."""
    mode = state[_MODE]
    if mode == _READ:
        beyond = state[2] - data.size
        if beyond > 0:
            bound = (state[1] >> 16) * contexts[index, 0]
            if state[0] < bound <= state[0] + (1 << (8 * min(beyond, 4))) - 1:
                return ENDED
        return decode_bit(state, data, contexts, index, MEMORY)
    if mode == _WRITE:
        if state[3] + state[4] >= data.size:  # more bytes have left the coder than there is room for
            return ENDED
        encode_bit(state, data, contexts, index, bit, MEMORY)
        return bit
    at = state[_POSITION]
    if at >= 8 * data.size:
        return ENDED
    state[_POSITION] = at + 1
    if mode == _READ_BITS:
        return (np.int64(data[at >> 3]) >> (7 - (at & 7))) & 1
    data[at >> 3] |= bit << (7 - (at & 7))
    return bit


def writer(size: int, *, arithmetic: bool) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """State of an encoder, and room for `size` bytes."""
    state = np.zeros(8, np.int64)
    state[:5] = 0, MASK32, 0, 0, -1
    state[_MODE] = _WRITE if arithmetic else _WRITE_BITS
    return state, np.zeros(size, np.uint8)


def written(state: NDArray[np.int64], out: NDArray[np.uint8]) -> bytes:
    """The bytes of an encoder: as many as the decisions take, or as fit."""
    if state[_MODE] == _WRITE_BITS:
        return out[: (state[_POSITION] + 7) >> 3].tobytes()
    # The least number of which 16 bits after the coder's top byte may be anything; zeros push it out.
    state[0], state[1] = (state[0] + 0xFFFF) >> 16 << 16, 1 << 24
    encode_raw(state, out, 0, 40)
    return out[: max(0, state[4] - 2)].tobytes()


def reader(data: bytes, *, arithmetic: bool) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """State of a decoder of `data`, and the data as `code` reads it."""
    state, source = np.zeros(8, np.int64), as_array(data)
    if arithmetic:
        state[:3] = start_decoder(source)
    state[_MODE] = _READ if arithmetic else _READ_BITS
    return state, source
