"""Adaptive binary range coder: bits with learned probabilities to bytes, and back.

The carry-propagating coder of LZMA (I. Pavlov, 7-zip; after G. N. N. Martin, "Range encoding", 1979) with
another estimator. Each context holds the probability of a zero in 16 bits and a count of what it has seen;
it moves towards each new bit by `1 / (count + 1.5)`, which is the Krichevsky-Trofimov estimate, until the
count reaches a limit from which on it forgets exponentially. So a context is useful from its third bit on,
which matters where a whole stream is a kilobyte.

State of a coder, an `int64` vector (numba has no cheap mutable scalars):

    encoder   [low, range, cache, pending, position]     low < 2**33, range in 2**24..2**32
    decoder   [code, range, position]

Every quantity is an integer below 2**49, so any machine computes the same bytes. A decoder reads zeros past
the end of its input: damaged bytes give wrong symbols, never an access out of bounds. The encoder stops
silently to store, but goes on counting, when its buffer is full; callers compare position with size.

`Encoder` and `Decoder` are the readable reference; `encode_bit` and `decode_bit` are the kernels that the
coders of this package are built on. The tests hold one against the other, byte for byte.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

TOP = 1 << 24
MASK32 = (1 << 32) - 1
HALF = 1 << 15
SLOWEST = 255
"""The largest limit on a context's count."""
RATES = np.array([round(65536 / (n + 1.5)) for n in range(SLOWEST + 1)], np.int64)
"""How far a context moves towards a new bit, of 65536, by what it has counted."""
LEAST, MOST = 64, 65536 - 64
"""Bounds of a probability, of 65536: no bit costs more than ten bits."""


def contexts(*shape: int) -> NDArray[np.int64]:
    """Fresh contexts: `shape + (2,)`, int64, probability of a zero (of 65536) and count."""
    states = np.zeros((*shape, 2), np.int64)
    states[..., 0] = HALF
    return states


def start_encoder() -> NDArray[np.int64]:
    """State of an encoder that has written nothing."""
    return np.array([0, MASK32, 0, 0, -1], np.int64)


@njit(nogil=True, cache=True, inline="always")
def adapt(contexts: NDArray[np.int64], index: int, bit: int, limit: int) -> None:
    """Move context `index` of `contexts (n, 2)` towards `bit`."""
    chance, count = contexts[index, 0], contexts[index, 1]
    if bit:
        chance -= (chance * RATES[count]) >> 16
    else:
        chance += ((65536 - chance) * RATES[count]) >> 16
    contexts[index, 0] = min(max(chance, LEAST), MOST)
    if count < limit:
        contexts[index, 1] = count + 1


@njit(nogil=True, cache=True)
def _shift(state: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
    """Move the top byte of `low` out, resolving a carry into the bytes that wait for it."""
    low = state[0]
    if low < 0xFF000000 or low > MASK32:
        carry = low >> 32
        position = state[4]
        byte = state[2] + carry
        for _ in range(state[3] + 1):
            if 0 <= position < out.size:
                out[position] = byte & 0xFF
            position += 1
            byte = 0xFF + carry
        state[4] = position
        state[3] = 0
        state[2] = (low >> 24) & 0xFF
    else:
        state[3] += 1
    state[0] = (low & 0x00FFFFFF) << 8


@njit(nogil=True, cache=True)
def encode_bit(
    state: NDArray[np.int64],
    out: NDArray[np.uint8],
    contexts: NDArray[np.int64],
    index: int,
    bit: int,
    limit: int,
) -> None:
    """Code `bit` in context `index` of `contexts (n, 2)`; append to `out`."""
    bound = (state[1] >> 16) * contexts[index, 0]
    if bit:
        state[0] += bound
        state[1] -= bound
    else:
        state[1] = bound
    adapt(contexts, index, bit, limit)
    while state[1] < TOP:
        state[1] <<= 8
        _shift(state, out)


@njit(nogil=True, cache=True)
def encode_raw(state: NDArray[np.int64], out: NDArray[np.uint8], value: int, bits: int) -> None:
    """Code the low `bits` of `value`, most significant first, each at a cost of one bit."""
    for place in range(bits - 1, -1, -1):
        state[1] >>= 1
        if (value >> place) & 1:
            state[0] += state[1]
        while state[1] < TOP:
            state[1] <<= 8
            _shift(state, out)


@njit(nogil=True, cache=True)
def finish_encoder(state: NDArray[np.int64], out: NDArray[np.uint8]) -> int:
    """Flush; the number of bytes of the stream without trailing zeros. `out` holds those that fit."""
    # Of the values in [low, low + range) take the one with most trailing zeros: they need not be stored.
    for zeros in range(32, -1, -1):
        value = ((state[0] + (1 << zeros) - 1) >> zeros) << zeros
        if value < state[0] + state[1]:
            state[0] = value
            break
    for _ in range(5):
        _shift(state, out)
    size = max(int(state[4]), 0)
    if size > out.size:
        return size
    while size > 0 and out[size - 1] == 0:
        size -= 1
    return size


@njit(nogil=True, cache=True)
def start_decoder(data: NDArray[np.uint8]) -> NDArray[np.int64]:
    """State of a decoder at the beginning of `data`."""
    state = np.zeros(3, np.int64)
    state[1] = MASK32
    for _ in range(4):
        state[0] = (state[0] << 8) | (data[state[2]] if state[2] < data.size else 0)
        state[2] += 1
    return state


@njit(nogil=True, cache=True, inline="always")
def _refill(state: NDArray[np.int64], data: NDArray[np.uint8]) -> None:
    while state[1] < TOP:
        state[1] <<= 8
        byte = np.int64(data[state[2]]) if state[2] < data.size else np.int64(0)
        state[0] = ((state[0] << 8) | byte) & MASK32
        state[2] += 1


@njit(nogil=True, cache=True)
def decode_bit(
    state: NDArray[np.int64], data: NDArray[np.uint8], contexts: NDArray[np.int64], index: int, limit: int
) -> int:
    """The next bit, of context `index` of `contexts (n, 2)`."""
    bound = (state[1] >> 16) * contexts[index, 0]
    if state[0] < bound:
        state[1] = bound
        bit = 0
    else:
        state[0] -= bound
        state[1] -= bound
        bit = 1
    adapt(contexts, index, bit, limit)
    _refill(state, data)
    return bit


@njit(nogil=True, cache=True)
def decode_raw(state: NDArray[np.int64], data: NDArray[np.uint8], bits: int) -> int:
    """The next `bits` bits that `encode_raw` wrote."""
    value = 0
    for _ in range(bits):
        state[1] >>= 1
        bit = 0
        if state[0] >= state[1]:
            state[0] -= state[1]
            bit = 1
        value = (value << 1) | bit
        _refill(state, data)
    return value


# --- the reference ----------------------------------------------------------------------------------


class Context:
    """What one kind of bit has been so far."""

    def __init__(self) -> None:
        self.chance, self.count = HALF, 0

    def see(self, bit: int, limit: int) -> None:
        """Learn from `bit`."""
        rate = round(65536 / (self.count + 1.5))
        if bit:
            self.chance -= self.chance * rate >> 16
        else:
            self.chance += (65536 - self.chance) * rate >> 16
        self.chance = min(max(self.chance, LEAST), MOST)
        self.count = min(self.count + 1, limit) if self.count <= limit else self.count


class Encoder:
    """Range encoder with an unbounded `low`: no carries to chase, the plain definition."""

    def __init__(self) -> None:
        self.low, self.range, self.shifts = 0, MASK32, 0

    def bit(self, bit: int, context: Context, limit: int) -> None:
        """Code `bit` in `context`."""
        bound = (self.range >> 16) * context.chance
        self._narrow(bound if bit else 0, self.range - bound if bit else bound)
        context.see(bit, limit)

    def raw(self, value: int, bits: int) -> None:
        """Code the low `bits` of `value` at one bit each."""
        for place in reversed(range(bits)):
            half = self.range >> 1
            self._narrow(half if value >> place & 1 else 0, half)

    def _narrow(self, offset: int, width: int) -> None:
        self.low, self.range = self.low + offset, width
        while self.range < TOP:
            self.low, self.range, self.shifts = self.low << 8, self.range << 8, self.shifts + 1

    def finish(self) -> bytes:
        """The stream: the shortest fraction inside the final interval, without trailing zeros."""
        for zeros in range(32, -1, -1):
            value = -(-self.low >> zeros) << zeros
            if value < self.low + self.range:
                break
        return value.to_bytes(self.shifts + 4, "big").rstrip(b"\0")


class Decoder:
    """Range decoder over `data` followed by zeros."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position, self.range = data, 4, MASK32
        self.code = int.from_bytes(data[:4].ljust(4, b"\0"), "big")

    def bit(self, context: Context, limit: int) -> int:
        """The next bit, of `context`."""
        bound = (self.range >> 16) * context.chance
        bit = int(self.code >= bound)
        self._narrow(bound if bit else 0, self.range - bound if bit else bound)
        context.see(bit, limit)
        return bit

    def raw(self, bits: int) -> int:
        """The next `bits` bits."""
        value = 0
        for _ in range(bits):
            half = self.range >> 1
            bit = int(self.code >= half)
            self._narrow(half if bit else 0, half)
            value = value << 1 | bit
        return value

    def _narrow(self, offset: int, width: int) -> None:
        self.code, self.range = self.code - offset, width
        while self.range < TOP:
            byte = self.data[self.position] if self.position < len(self.data) else 0
            self.code, self.range = (self.code << 8 | byte) & MASK32, self.range << 8
            self.position += 1


def as_array(data: bytes) -> NDArray[np.uint8]:
    """A copy of bytes as the kind of array that the kernels read."""
    return np.frombuffer(data, np.uint8).copy()
