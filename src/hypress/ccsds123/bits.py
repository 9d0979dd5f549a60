"""Bits of a header, the most significant first (clause 5.3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.errors import CodestreamError


class BitWriter:
    """Fields of given widths, one after the other."""

    def __init__(self) -> None:
        self._parts: list[NDArray[np.uint8]] = []
        self.size = 0

    def put(self, value: int, width: int) -> None:
        """One field; negative values in two's complement, larger ones modulo 2^width."""
        self.put_all([value], width)

    def put_all(self, values: Iterable[int], width: int) -> None:
        """Fields of one width."""
        wide = np.array(list(values), np.int64)
        bits = (wide[:, None] >> np.arange(width - 1, -1, -1)) & 1
        self._parts.append(bits.astype(np.uint8).reshape(-1))
        self.size += bits.size

    def align(self) -> None:
        """Zeros up to the next byte."""
        self.put(0, -self.size % 8)

    def bytes(self) -> bytes:
        """All of it, padded to a byte."""
        return np.packbits(np.concatenate([np.zeros(0, np.uint8), *self._parts])).tobytes()


class BitReader:
    """As `BitWriter`, back. Raises CodestreamError where the data end too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def take(self, width: int) -> int:
        """One field, unsigned."""
        return int(self.take_all(1, width)[0])

    def flag(self) -> bool:
        """One bit."""
        return bool(self.take(1))

    def take_all(self, count: int, width: int, *, signed: bool = False) -> NDArray[np.int64]:
        """Fields of one width, as int64."""
        start, end = self.position, self.position + count * width
        if end > 8 * len(self._data):
            raise CodestreamError("the CCSDS 123 header is cut short")
        piece = np.frombuffer(self._data[start // 8 : -(-end // 8)], np.uint8)
        bits = np.unpackbits(piece)[start % 8 : start % 8 + count * width].reshape(count, width)
        values: NDArray[Any] = bits @ (1 << np.arange(width - 1, -1, -1, dtype=np.int64))
        self.position = end
        return values - ((values >> (width - 1)) << width) if signed and width else values

    def reserved(self, width: int) -> None:
        """Bits that the standard keeps for later; they say nothing now."""
        if self.take(width):
            raise CodestreamError("the CCSDS 123 header has bits set that the standard reserves")

    def align(self) -> None:
        """Skip to the next byte."""
        self.position += -self.position % 8
