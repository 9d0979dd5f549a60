"""Bits in arrays of 64-bit words, most significant first: the whole state of a reader or writer is a position.

A writer's words start as zeros and reach one word past the last bit. A reader's end in `SLACK` words of zeros, so
that a group of code words may be read before its caller asks whether it lay within the data.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

Int: TypeAlias = Any  # in a kernel: an int64, which to a type checker is no int

SLACK = 16


def words_of(data: bytes | memoryview) -> NDArray[np.uint64]:
    """The bytes as words to read from."""
    padded = np.zeros(8 * (len(data) // 8 + 1 + SLACK), np.uint8)
    padded[: len(data)] = np.frombuffer(data, np.uint8)
    return padded.view(">u8").astype(np.uint64)


def bytes_of(words: NDArray[np.uint64], size: int) -> bytes:
    """The first `size` bytes of what was written."""
    return words[: size // 8 + 1].astype(">u8").tobytes()[:size]


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def put(value: Int, count: Int, words: Any, at: Int) -> Int:
    """Write the `count` ≤ 63 low bits of `value`, which has no others; returns the new position."""
    if count == 0:
        return at
    index, room = np.uintp(at >> 6), 64 - (at & 63)
    bits = np.uint64(value)
    if count <= room:
        words[index] |= bits << np.uint64(room - count)
    else:
        words[index] |= bits >> np.uint64(count - room)
        words[index + np.uintp(1)] = bits << np.uint64(64 - count + room)
    return at + count


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def window(words: Any, at: Int) -> Int:
    """The 64 bits from `at` on."""
    index, skipped = np.uintp(at >> 6), np.uint64(at & 63)
    following = words[index + np.uintp(1)] >> np.uint64(1)
    return (words[index] << skipped) | (following >> (np.uint64(63) - skipped))


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def peek(count: Int, words: Any, at: Int) -> Int:
    """The next bits, 1 … 63 of them, as a number."""
    return np.int64(window(words, at) >> np.uint64(64 - count))
