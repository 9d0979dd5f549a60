"""Integers by tables of their probabilities, which are data: what trained codecs code their latents with.

A table gives the frequencies, of 65536, of consecutive integers and of one symbol more, the escape, which says that
the integer lies outside; how far outside follows as an Exp-Golomb code of plain bits. Tables are integers that
every machine has alike, and the choice among them is the caller's, in integers too; so nothing here depends on floating
point. The coder is the range coder of `rangecoder`, whose states and carries it shares.

    table t:   symbols first[t], first[t] + 1, …;  cumulative[start[t] : start[t + 1]] from 0 to 65536, escape last

`encode_reference` and `decode_reference` are the readable twins, built on plain fractions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.entropy.integers import bit_length
from hypress.entropy.rangecoder import (
    TOP,
    Decoder,
    Encoder,
    _refill,
    _shift,
    as_array,
    decode_raw,
    encode_raw,
    finish_encoder,
    start_decoder,
    start_encoder,
)
from hypress.errors import CodestreamError

TOTAL_BITS = 16
TOTAL = 1 << TOTAL_BITS
FARTHEST = 1 << 30
"""Integers are below this in magnitude."""


@dataclass(frozen=True)
class Tables:
    """Several tables, one behind the other."""

    cumulative: NDArray[np.int64]
    start: NDArray[np.int64]
    """Of each table in `cumulative`, and its end."""
    first: NDArray[np.int64]
    """The integer that each table begins with."""

    @classmethod
    def of(cls, frequencies: Iterable[Sequence[int]], first: Sequence[int]) -> Tables:
        """From the frequencies of each table, the escape's last. Raises ValueError unless each adds up to 65536."""
        runs = [np.concatenate([[0], np.cumsum(np.asarray(f, np.int64))]) for f in frequencies]
        tables = cls(
            np.concatenate(runs).astype(np.int64),
            np.cumsum([0, *map(len, runs)]).astype(np.int64),
            np.asarray(first, np.int64),
        )
        tables.check()
        return tables

    def check(self) -> None:
        """Raises ValueError where a coder would stumble: every frequency is at least one, and 65536 in all."""
        if len(self.first) != len(self.start) - 1 or self.start[0] != 0 or self.start[-1] != len(self.cumulative):
            raise ValueError("tables of probabilities do not fit together")
        for low, high in zip(self.start[:-1], self.start[1:], strict=True):
            run = self.cumulative[low:high]
            if high - low < 2 or run[0] != 0 or run[-1] != TOTAL or (np.diff(run) < 1).any():
                raise ValueError("a table of probabilities does not add up to 65536")

    def bits(self, values: NDArray[np.int64], chosen: NDArray[np.int64]) -> float:
        """What coding `values` by the tables `chosen` costs."""
        symbols = self.start[1:][chosen] - self.start[:-1][chosen] - 2  # the escape's number
        place = values - self.first[chosen]
        outside = (place < 0) | (place >= symbols)
        at = self.start[:-1][chosen] + np.where(outside, symbols, place)
        cost = TOTAL_BITS * values.size - float(np.log2(self.cumulative[at + 1] - self.cumulative[at]).sum())
        beyond = np.where(place < 0, -1 - place, place - symbols)[outside] + 1
        return cost + float((2 * np.floor(np.log2(beyond)) + 2).sum())


def quantised_frequencies(weights: Sequence[int]) -> list[int]:
    """Frequencies of 65536, each at least one, in proportion to these integers: by the largest remainders."""
    total, spare = sum(weights), TOTAL - len(weights)
    whole = [1 + w * spare // total for w in weights]
    order = sorted(range(len(weights)), key=lambda i: -(weights[i] * spare % total))
    for i in order[: TOTAL - sum(whole)]:
        whole[i] += 1
    return whole


# --- kernels ----------------------------------------------------------------------------------------


@njit(nogil=True, cache=True)
def _encode(
    values: NDArray[np.int64], chosen: NDArray[np.int64], cumulative: NDArray[np.int64], start: NDArray[np.int64],
    first: NDArray[np.int64], out: NDArray[np.uint8], state: NDArray[np.int64],
) -> int:  # fmt: skip
    for i in range(values.size):
        table = chosen[i]
        base = start[table]
        escape = start[table + 1] - base - 2
        place = values[i] - first[table]
        inside = 0 <= place < escape
        at = base + (place if inside else escape)
        step = state[1] >> TOTAL_BITS
        state[0] += step * cumulative[at]
        state[1] = step * (cumulative[at + 1] - cumulative[at])
        while state[1] < TOP:
            state[1] <<= 8
            _shift(state, out)
        if not inside:
            # One bit says on which side, then how far: as many ones as it has bits below the first, a zero, those bits.
            encode_raw(state, out, 1 if place < 0 else 0, 1)
            beyond = -place if place < 0 else place - escape + 1
            length = bit_length(beyond) - 1
            for _ in range(length):
                encode_raw(state, out, 1, 1)
            encode_raw(state, out, 0, 1)
            encode_raw(state, out, beyond, length)
    return finish_encoder(state, out)


@njit(nogil=True, cache=True)
def decode_symbol(
    state: NDArray[np.int64], data: NDArray[np.uint8], table: int, cumulative: NDArray[np.int64],
    start: NDArray[np.int64], first: NDArray[np.int64],
) -> int:  # fmt: skip
    """The next integer, by table `table`; past `FARTHEST` for bytes that no encoder wrote."""
    base, end = start[table], start[table + 1] - 1
    step = state[1] >> TOTAL_BITS
    wanted = min(state[0] // step, TOTAL - 1)
    low, high = base, end
    while high - low > 1:
        middle = (low + high) >> 1
        if cumulative[middle] <= wanted:
            low = middle
        else:
            high = middle
    state[0] -= step * cumulative[low]
    state[1] = step * (cumulative[low + 1] - cumulative[low])
    _refill(state, data)
    if low < end - 1:
        return int(first[table] + low - base)
    below = decode_raw(state, data, 1)
    length = 0
    while length < 31 and decode_raw(state, data, 1):
        length += 1
    beyond = (np.int64(1) << length) | decode_raw(state, data, length)
    return int(first[table] - beyond if below else first[table] + end - 1 - base + beyond - 1)


@njit(nogil=True, cache=True)
def _decode(
    data: NDArray[np.uint8], chosen: NDArray[np.int64], cumulative: NDArray[np.int64], start: NDArray[np.int64],
    first: NDArray[np.int64], values: NDArray[np.int64], state: NDArray[np.int64],
) -> bool:  # fmt: skip
    for i in range(chosen.size):
        values[i] = decode_symbol(state, data, chosen[i], cumulative, start, first)
        if abs(values[i]) > FARTHEST:
            return False
    return True


class TableEncoder:
    """Codes runs of integers one after the other into one stream."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self._runs: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []

    def add(self, values: NDArray[np.int64], chosen: NDArray[np.int64]) -> None:
        """Integers and the tables that they are coded by, of one shape. Raises ValueError on those of 30 bits."""
        if values.size and int(np.abs(values).max()) >= FARTHEST >> 1:
            raise ValueError("latents of 30 bits or more cannot be coded")
        self._runs.append((values.ravel().astype(np.int64), chosen.ravel().astype(np.int64)))

    def finish(self) -> bytes:
        """The stream."""
        if not self._runs:
            return b""
        values, chosen = (np.concatenate(part) for part in zip(*self._runs, strict=True))
        t = self.tables
        out = np.empty(2 * values.size + 64, np.uint8)
        size = _encode(values, chosen, t.cumulative, t.start, t.first, out, start_encoder())
        if size > out.size:
            out = np.empty(size, np.uint8)
            size = _encode(values, chosen, t.cumulative, t.start, t.first, out, start_encoder())
        return out[:size].tobytes()


class TableDecoder:
    """Reads what a `TableEncoder` wrote, run by run: the tables of a run may depend on the runs before."""

    def __init__(self, data: bytes, tables: Tables) -> None:
        self.tables, self._data = tables, as_array(data)
        self._state = start_decoder(self._data)

    def read(self, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        """The next integers, in the shape of `chosen`. Raises CodestreamError on bytes that no encoder wrote."""
        values, t = np.zeros(chosen.size, np.int64), self.tables
        flat = np.ascontiguousarray(chosen, np.int64).ravel()
        if not _decode(self._data, flat, t.cumulative, t.start, t.first, values, self._state):
            raise CodestreamError("coded latents are damaged")
        return values.reshape(chosen.shape)


# --- the reference ----------------------------------------------------------------------------------


def encode_reference(values: Sequence[int], chosen: Sequence[int], tables: Tables) -> bytes:
    """What `TableEncoder` writes, in plain Python."""
    coder = Encoder()
    for value, table in zip(values, chosen, strict=True):
        run = tables.cumulative[tables.start[table] : tables.start[table + 1]].tolist()
        escape, place = len(run) - 2, value - int(tables.first[table])
        symbol = place if 0 <= place < escape else escape
        step = coder.range >> TOTAL_BITS
        coder._narrow(step * run[symbol], step * (run[symbol + 1] - run[symbol]))
        if symbol == escape:
            coder.raw(int(place < 0), 1)
            beyond = -place if place < 0 else place - escape + 1
            length = beyond.bit_length() - 1
            coder.raw((1 << length) - 1 << 1, length + 1)
            coder.raw(beyond, length)
    return coder.finish() if len(values) else b""


def decode_reference(data: bytes, chosen: Sequence[int], tables: Tables) -> list[int]:
    """What `TableDecoder` reads, in plain Python."""
    coder, values = Decoder(data), []
    for table in chosen:
        run = tables.cumulative[tables.start[table] : tables.start[table + 1]].tolist()
        step = coder.range >> TOTAL_BITS
        wanted = min(coder.code // step, TOTAL - 1)
        symbol = max(i for i in range(len(run) - 1) if run[i] <= wanted)
        coder._narrow(step * run[symbol], step * (run[symbol + 1] - run[symbol]))
        first = int(tables.first[table])
        if symbol < len(run) - 2:
            values.append(first + symbol)
            continue
        below, length = coder.raw(1), 0
        while coder.raw(1):
            length += 1
        beyond = 1 << length | coder.raw(length)
        values.append(first - beyond if below else first + len(run) - 2 + beyond - 1)
    return values
