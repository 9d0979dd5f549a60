"""Bits in 64-bit words, the most significant first: what the coders' kernels write and read.

A writer keeps the word under way and the position in bits as two scalars. Readers look at 64 bits at once, after a
position or, for the hybrid coder, before it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from hypress.entropy.mq import Int

ONE, SIXTY_THREE, SIXTY_FOUR = np.uint64(1), np.uint64(63), np.uint64(64)
_SIX = np.uint64(6)
PADDING = 2
"""Words of zeros before and after the body, so that no window reaches outside."""


def to_words(body: bytes) -> NDArray[np.uint64]:
    """Words of a body, padded; its first bit is at `64 · PADDING`."""
    padded = bytes(8 * PADDING) + body + bytes(8 * PADDING + -len(body) % 8)
    return np.frombuffer(padded, ">u8").astype(np.uint64)


def to_bytes(words: NDArray[np.uint64], bits: int) -> bytes:
    """The first `bits` bits, filled up to a byte."""
    return words[: -(-bits // 64)].astype(">u8").tobytes()[: -(-bits // 8)]


@intrinsic
def leading_zeros(typing_context: Any, x: Any) -> Any:
    """Zeros before the first 1 of a uint64; 64 for zero."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], cgutils.false_bit)

    return types.uint64(types.uint64), generate


@intrinsic
def trailing_zeros(typing_context: Any, x: Any) -> Any:
    """Zeros after the last 1 of a uint64; 64 for zero."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], cgutils.false_bit)

    return types.uint64(types.uint64), generate


@njit(nogil=True, cache=True, forceinline=True)
def put(code: Any, length: Any, words: Any, word: Any, position: Any) -> tuple[Any, Any]:
    """Append the low `length` (0 … 64) bits of `code`, where the others are zero. Returns word and position."""
    aligned = code << ((SIXTY_FOUR - length) & SIXTY_THREE)
    used = position & SIXTY_THREE
    word |= aligned >> used
    words[position >> _SIX] = word
    spilt = (aligned << ONE) << (SIXTY_THREE - used)
    return (spilt if used + length >= SIXTY_FOUR else word), position + length


@njit(nogil=True, cache=True, forceinline=True)
def after(words: Any, position: Any) -> Any:
    """The 64 bits that begin at `position`."""
    at, used = position >> _SIX, position & SIXTY_THREE
    return (words[at] << used) | ((words[at + ONE] >> ONE) >> (SIXTY_THREE - used))


@njit(nogil=True, cache=True, forceinline=True)
def before(words: Any, position: Any) -> Any:
    """The 64 bits that end at `position`."""
    at, used = position >> _SIX, position & SIXTY_THREE
    return (words[at - ONE] << used) | ((words[at] >> ONE) >> (SIXTY_THREE - used))


@njit(nogil=True, cache=True, forceinline=True)
def count_after(steps: Int, initial: Int, rescaling: Int) -> Int:
    """The counter Γ after so many steps (equations 57, 61, 63, 65), which is the same for all bands."""
    first = (1 << rescaling) - (1 << initial)
    half = 1 << (rescaling - 1)
    return (1 << initial) + steps if steps < first else half + (steps - first) % half
