"""Huffman tables as T.81 has them: codes of at most 16 bits, given by how many there are of each length."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hypress.errors import CodestreamError

LONGEST = 16


class Table(NamedTuple):
    """One table: BITS and HUFFVAL (T.81, C.1)."""

    counts: tuple[int, ...]
    """Codes of 1 … 16 bits."""
    symbols: tuple[int, ...]
    """By growing length of their codes."""

    @classmethod
    def best(cls, frequencies: NDArray[Any]) -> Table:
        """The table of least cost for symbols `(256,)` that often (T.81, K.2).

        No code is all ones, because a further symbol, which never comes, has that.
        """
        weights = {int(s): int(n) for s, n in enumerate(frequencies) if n} | {256: 1}
        groups = [(n, -s, [s]) for s, n in weights.items()]
        sizes = dict.fromkeys(weights, 0)
        while len(groups) > 1:
            groups.sort(key=lambda group: group[:2])  # of equals the larger symbol first, as K.2 asks
            (n, s, some), (m, _, others) = groups[:2]
            groups[:2] = [(n + m, s, some + others)]
            for symbol in some + others:
                sizes[symbol] += 1
        counts = [0] * 64
        for size in sizes.values():
            counts[size] += 1
        for size in range(63, LONGEST, -1):  # figure K.3: shorten those that are too long
            while counts[size]:
                shorter = size - 2
                while not counts[shorter]:
                    shorter -= 1
                counts[size] -= 2
                counts[size - 1] += 1
                counts[shorter + 1] += 2
                counts[shorter] -= 1
        longest = max(size for size in range(1, LONGEST + 1) if counts[size])
        counts[longest] -= 1  # the symbol that never comes
        ordered = sorted((s for s in weights if s != 256), key=lambda s: (sizes[s], s))
        return cls(tuple(counts[1 : LONGEST + 1]), tuple(ordered))

    def codes(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Code and length of each symbol `(256,)`; length 0 where it has none (T.81, C.2)."""
        codes, lengths = np.zeros(256, np.int64), np.zeros(256, np.int64)
        code, at = 0, 0
        for size, count in enumerate(self.counts, 1):
            for symbol in self.symbols[at : at + count]:
                codes[symbol], lengths[symbol] = code, size
                code += 1
            at, code = at + count, code << 1
        return codes, lengths

    def lookup(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Symbol and length for each word of 16 bits `(65536,)` that a code begins; length 0 where none does."""
        symbols, lengths = np.zeros(1 << LONGEST, np.int64), np.zeros(1 << LONGEST, np.int64)
        code, at = 0, 0
        for size, count in enumerate(self.counts, 1):
            for symbol in self.symbols[at : at + count]:
                first = code << (LONGEST - size)
                last = first + (1 << (LONGEST - size))
                if last > 1 << LONGEST:
                    raise CodestreamError("JPEG: a Huffman table has more codes than there can be")
                symbols[first:last], lengths[first:last] = symbol, size
                code += 1
            at, code = at + count, code << 1
        return symbols, lengths
