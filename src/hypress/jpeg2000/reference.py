"""Tier 1 to be read: one code-block through the MQ coder, in plain Python (ISO/IEC 15444-1, Annexes C and D).

The kernels of `tier1`, `tier1_decode` and `entropy.mq` do what is said here, byte for byte, some hundred
times faster. Nothing is shared with them, not even a table.

A code-block is told bit-plane by bit-plane, the most significant first: of every sample one bit, and its
sign right after its first 1. Before that 1 a sample is *insignificant*. The bits of a plane are told in
three passes, those that say most for their cost first, so that a segment may be cut after any pass:

    significance propagation   insignificant samples with significant neighbours: likely to become so
    magnitude refinement       samples that were significant before this plane: about even odds
    cleanup                    all others: most likely 0, so four of them in a column share one decision

The first plane has a cleanup pass only. Each decision is coded in one of 19 contexts, which depend on
nothing but what has been told: so `Block`, which is just that, serves the encoder and the decoder alike.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Place: TypeAlias = tuple[int, int]  # y, x

LL, HL, LH, HH = range(4)

# --- the MQ coder (Annex C) -------------------------------------------------------------------------------
# The interval is A wide and begins at C. Its lower part is Qe wide; the larger part stands for the more
# probable symbol (MPS), the other for the less probable one (LPS). While A is below 0x8000 both registers
# are doubled; CT counts the doublings until a byte is due. BP is the place of the byte written or read last.

# Table C.2, column by column.
QE = (
    0x5601, 0x3401, 0x1801, 0x0AC1, 0x0521, 0x0221, 0x5601, 0x5401, 0x4801, 0x3801, 0x3001, 0x2401,
    0x1C01, 0x1601, 0x5601, 0x5401, 0x5101, 0x4801, 0x3801, 0x3401, 0x3001, 0x2801, 0x2401, 0x2201,
    0x1C01, 0x1801, 0x1601, 0x1401, 0x1201, 0x1101, 0x0AC1, 0x09C1, 0x08A1, 0x0521, 0x0441, 0x02A1,
    0x0221, 0x0141, 0x0111, 0x0085, 0x0049, 0x0025, 0x0015, 0x0009, 0x0005, 0x0001, 0x5601,
)  # fmt: skip
NMPS = (
    1, 2, 3, 4, 5, 38, 7, 8, 9, 10, 11, 12, 13, 29, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
    25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 45, 46,
)  # fmt: skip
NLPS = (
    1, 6, 9, 12, 29, 33, 6, 14, 14, 14, 17, 18, 20, 21, 14, 14, 15, 16, 17, 18, 19, 19, 20, 21,
    22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 46,
)  # fmt: skip
SWITCH = (0, 6, 14)  # the states in which an LPS makes the symbols change their parts

RUN, UNIFORM = 17, 18  # contexts; 0–8 are for significance, 9–13 for signs, 14–16 for refinement


class _Contexts:
    """State I and more probable symbol MPS of every context; they learn when the interval is doubled (C.2.5)."""

    def __init__(self) -> None:
        self.I, self.MPS = [0] * 19, [0] * 19
        self.I[0], self.I[RUN], self.I[UNIFORM] = 4, 3, 46  # Table D.7

    def learn(self, bit: int, cx: int) -> None:
        state = self.I[cx]
        self.I[cx] = NMPS[state] if bit == self.MPS[cx] else NLPS[state]
        if bit != self.MPS[cx] and state in SWITCH:
            self.MPS[cx] = bit


class MQEncoder:
    """From decisions to bytes (C.2). The first byte of `data` stands before the segment."""

    def __init__(self) -> None:
        self.contexts = _Contexts()
        self.A, self.C, self.CT = 0x8000, 0, 12
        self.data, self.BP = bytearray(1), 0

    def encode(self, bit: int, cx: int) -> None:
        """ENCODE, CODEMPS and CODELPS (C.2.2–C.2.4), RENORME (C.2.6)."""
        qe, mps = QE[self.contexts.I[cx]], self.contexts.MPS[cx]
        self.A -= qe
        upper = (bit == mps) == (qe <= self.A)
        if upper:
            self.C += qe
        else:
            self.A = qe
        if self.A < 0x8000:
            self.contexts.learn(bit, cx)
        while self.A < 0x8000:
            self.A, self.C, self.CT = self.A << 1, self.C << 1, self.CT - 1
            if self.CT == 0:
                self.byte_out()

    def byte_out(self) -> None:
        """BYTEOUT (C.2.7). After 0xFF a byte has seven bits, with room for a carry above them."""
        if self.data[self.BP] != 0xFF and self.C >= 0x8000000:
            self.data[self.BP] += 1  # the carry
            self.C &= 0x7FFFFFF
        self.CT = 7 if self.data[self.BP] == 0xFF else 8
        self.data.append(self.C >> (27 - self.CT))
        self.BP += 1
        self.C &= (1 << (27 - self.CT)) - 1

    def segment(self) -> bytes:
        """The segment if it ends here; coding may go on. In place of FLUSH (C.2.9), which takes more bytes.

        A decoder reads ones past the end, so the last byte may be written as soon as some number in the
        interval is all ones below it. The greatest such number is taken.
        """
        last = copy.deepcopy(self)
        last.C, width = self.C << self.CT, self.A << self.CT  # bit 27 is the lowest of the last byte
        while (number := ((last.C + width) >> 27 << 27) - 1) < last.C:
            last.byte_out()
            last.C, width = last.C << last.CT, width << last.CT
        last.data[last.BP] += number >> 27
        return bytes(last.data[1:]).removesuffix(b"\xff")  # which would say nothing but ones


class MQDecoder:
    """From bytes to decisions (C.3)."""

    def __init__(self, data: bytes) -> None:
        """INITDEC (C.3.5)."""
        self.contexts = _Contexts()
        self.data, self.BP = data + b"\xff\xff", 0  # which is never passed
        self.A, self.C, self.CT = 0x8000, self.data[0] << 16, 0
        self.byte_in()
        self.C, self.CT = self.C << 7, self.CT - 7

    def byte_in(self) -> None:
        """BYTEIN (C.3.4): after 0xFF seven bits and a carry or, where that would be a marker, ones for ever."""
        if self.data[self.BP] == 0xFF and self.data[self.BP + 1] > 0x8F:
            self.C, self.CT = self.C + 0xFF00, 8
        else:
            self.CT = 7 if self.data[self.BP] == 0xFF else 8
            self.BP += 1
            self.C += self.data[self.BP] << (16 - self.CT)

    def decode(self, cx: int) -> int:
        """DECODE, MPS_EXCHANGE and LPS_EXCHANGE (C.3.2), RENORMD (C.3.3). C counts from where the interval begins."""
        qe, mps = QE[self.contexts.I[cx]], self.contexts.MPS[cx]
        self.A -= qe
        upper = qe <= self.C >> 16
        bit = mps if upper == (qe <= self.A) else 1 - mps
        if upper:
            self.C -= qe << 16
        else:
            self.A = qe
        if self.A < 0x8000:
            self.contexts.learn(bit, cx)
        while self.A < 0x8000:
            if self.CT == 0:
                self.byte_in()
            self.A, self.C, self.CT = self.A << 1, self.C << 1, self.CT - 1
        return bit


# --- contexts and passes (Annex D) ------------------------------------------------------------------------

# Table D.1: neighbours (beside, upright, diagonal) that contexts 8 to 0 need; the first that has them is it.
LL_LH = ((2, 0, 0), (1, 1, 0), (1, 0, 1), (1, 0, 0), (0, 2, 0), (0, 1, 0), (0, 0, 2), (0, 0, 1), (0, 0, 0))
HH_ONLY = ((3, 0), (2, 1), (2, 0), (1, 2), (1, 1), (1, 0), (0, 2), (0, 1), (0, 0))  # (diagonal, straight)
# Table D.3: from the signs beside, and those above and below, to the context and whether the sign is flipped.
SIGNS = {
    (1, 1): (13, 0), (1, 0): (12, 0), (1, -1): (11, 0), (0, 1): (10, 0), (0, 0): (9, 0),
    (0, -1): (10, 1), (-1, 1): (11, 1), (-1, 0): (12, 1), (-1, -1): (13, 1),
}  # fmt: skip


class Block:
    """What has been told of a code-block, and the passes that tell more.

    `code(bit, cx)` codes one decision and returns it. To an encoder the bit is that of `truth`; a decoder,
    whose `truth` is all zero, does not look at it and returns what it reads.
    """

    def __init__(self, truth: NDArray[Any], orientation: int, code: Callable[[int, int], int]) -> None:
        self.truth: list[list[int]] = truth.tolist()
        self.height, self.width = truth.shape
        self.orientation, self.code = orientation, code
        self.sign: dict[Place, int] = {}  # 1 or -1 for each significant sample
        self.magnitude: dict[Place, int] = {}  # of these samples, as far as it is known …
        self.known: dict[Place, int] = {}  # … which is down to this plane
        self.refined: set[Place] = set()  # samples that have been refined at least once
        self.done: set[Place] = set()  # samples that have had their turn in this plane
        self.plane = 0

    def passes(self, planes: int) -> Iterator[None]:
        """Go through all passes; comes back after each."""
        for self.plane in reversed(range(planes)):
            self.done.clear()
            if self.plane < planes - 1:
                self.significance_propagation()
                yield
                self.magnitude_refinement()
                yield
            self.cleanup()
            yield

    def scan(self) -> Iterator[Place]:
        """Stripes of four rows, each column by column (Figure D.1)."""
        for top in range(0, self.height, 4):
            for x in range(self.width):
                for y in range(top, min(top + 4, self.height)):
                    yield y, x

    def significance_propagation(self) -> None:
        """D.3.1."""
        for place in self.scan():
            if place not in self.sign and (cx := self.significance_context(place)) > 0:
                self.tell(place, self.code(self.bit(place), cx))

    def magnitude_refinement(self) -> None:
        """D.3.3."""
        for place in self.scan():
            if place in self.sign and place not in self.done:
                cx = 16 if place in self.refined else 15 if self.significance_context(place) > 0 else 14  # Table D.4
                self.tell(place, self.code(self.bit(place), cx))
                self.refined.add(place)

    def cleanup(self) -> None:
        """D.3.4."""
        for y, x in self.scan():
            if y % 4 == 0 and self.runs(y, x):
                first = next((i for i in range(4) if self.bit((y + i, x))), 4)
                if self.code(int(first < 4), RUN):
                    first = 2 * self.code(first >> 1, UNIFORM) + self.code(first & 1, UNIFORM)
                    self.tell((y + first, x), 1)
                self.done.update((y + i, x) for i in range(first))  # the zeros before it, or all four
            if (y, x) not in self.done:
                self.tell((y, x), self.code(self.bit((y, x)), self.significance_context((y, x))))

    def runs(self, y: int, x: int) -> bool:
        """Whether four samples from here down are all still to come, and with no significant neighbour."""
        column = [(y + i, x) for i in range(4)]
        return y + 4 <= self.height and not any(p in self.done or self.significance_context(p) for p in column)

    def bit(self, place: Place) -> int:
        """The true bit of a sample in this plane."""
        return abs(self.truth[place[0]][place[1]]) >> self.plane & 1

    def tell(self, place: Place, bit: int) -> None:
        """Take down a sample's bit, and code its sign if that makes it significant."""
        self.done.add(place)
        if bit and place not in self.sign:
            self.magnitude[place] = 0
            self.sign[place] = self.code_sign(place)
        if place in self.sign:
            self.magnitude[place] |= bit << self.plane
            self.known[place] = self.plane

    def code_sign(self, place: Place) -> int:
        """D.3.2, with the sums of Table D.2."""
        (y, x), sign = place, self.sign
        beside = sign.get((y, x - 1), 0) + sign.get((y, x + 1), 0)
        upright = sign.get((y - 1, x), 0) + sign.get((y + 1, x), 0)
        cx, flip = SIGNS[max(-1, min(beside, 1)), max(-1, min(upright, 1))]
        return -1 if self.code((self.truth[y][x] < 0) ^ flip, cx) ^ flip else 1

    def significance_context(self, place: Place) -> int:
        """Table D.1, from how many neighbours are significant; what lies outside the block is not."""
        (y, x), sign = place, self.sign
        beside = ((y, x - 1) in sign) + ((y, x + 1) in sign)
        upright = ((y - 1, x) in sign) + ((y + 1, x) in sign)
        diagonal = sum((y + i, x + j) in sign for i in (-1, 1) for j in (-1, 1))
        if self.orientation == HH:
            return next(8 - i for i, (d, s) in enumerate(HH_ONLY) if diagonal >= d and beside + upright >= s)
        if self.orientation == HL:  # high-pass along the rows: its edges are upright
            beside, upright = upright, beside
        return next(8 - i for i, (b, u, d) in enumerate(LL_LH) if beside >= b and upright >= u and diagonal >= d)

    def rebuilt(self) -> NDArray[np.int64]:
        """The samples, doubled, each in the middle of what is known of it: ± (2 · magnitude + 2^plane)."""
        samples = np.zeros((self.height, self.width), np.int64)
        for place, sign in self.sign.items():
            samples[place] = sign * (2 * self.magnitude[place] + (1 << self.known[place]))
        return samples


def encode(samples: NDArray[Any], orientation: int) -> list[tuple[bytes, NDArray[np.int64]]]:
    """Code a block of integers; for each of its 3 × planes - 2 passes the segment cut there and what it gives."""
    mq = MQEncoder()

    def code(bit: int, cx: int) -> int:
        mq.encode(bit, cx)
        return bit

    block = Block(samples, orientation, code)
    planes = int(abs(samples).max()).bit_length()
    return [(mq.segment(), block.rebuilt()) for _ in block.passes(planes)]


def decode(segment: bytes, shape: tuple[int, int], orientation: int, planes: int, passes: int) -> NDArray[np.int64]:
    """The samples, doubled as `Block.rebuilt` says, after so many passes of a segment."""
    mq = MQDecoder(segment)
    block = Block(np.zeros(shape, np.int64), orientation, lambda _, cx: mq.decode(cx))
    for _ in zip(range(passes), block.passes(planes), strict=False):
        pass
    return block.rebuilt()
