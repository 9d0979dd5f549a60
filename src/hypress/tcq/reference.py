"""The coder of a subband to be read: which questions are asked of its indices, in which contexts.

`band.encode` codes what is said here, bit for bit. Weights and limits are its own; nothing else is shared.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hypress.tcq.classes import CLASSES, INDICES, MOST_EXPECTED, SHIFTED, UNIT
from hypress.tcq.expectations import (
    ACTIVITY,
    CORNER,
    FIRST_MEAN,
    FURTHER,
    HUNDREDTH,
    LAST,
    LATELY,
    LEAST_MEAN,
    MEAN,
    MEMORY,
    MOST_ACTIVE,
    SIBLING,
    SIDE,
    WINDOW,
)
from hypress.tcq.trellis import NEXT


def octaves_reference(expected: int) -> int:
    """Quarter octaves: 4 log₂, linear between powers of two, counted so that 4 … 7 count themselves."""
    halvings = max(expected.bit_length() - 3, 0)
    return 4 * halvings + (expected >> halvings)


def questions_reference(
    indices: NDArray[np.int32], siblings: NDArray[np.int32]
) -> Iterator[tuple[int | None, int, int]]:
    """Context, value and number of bits of all that is said of indices `(component, y, x)`; no context: plain bits."""
    components, rows, columns = indices.shape
    active = np.zeros((rows, columns), np.int64)
    elsewhere = np.full((rows, columns), (ACTIVITY + LAST) * MEAN, np.int64)
    mean = FIRST_MEAN
    for c in range(components):
        state, seen = 0, 2
        lattice = np.zeros((rows, columns), np.int64)
        start = mean // MEAN
        for y, x in np.ndindex(rows, columns):
            expected = _expected(lattice, y, x, start, elsewhere, mean, siblings[c, y, x] if len(siblings) else None)
            quarter = octaves_reference(expected)
            shift = 0 if quarter < SHIFTED else (quarter - SHIFTED + 4) // 4
            first = ((state & 1) * CLASSES + quarter - 4 * shift) * INDICES
            index = int(indices[c, y, x])
            magnitude, high = abs(index), abs(index) >> shift
            for above in range(min(high + 1, INDICES)):
                yield first + above, int(high > above), 1
            if high >= INDICES:
                beyond = high - INDICES + 1
                length = beyond.bit_length() - 1
                yield None, (1 << (length + 1)) - 2, length + 1
                yield None, beyond, length
            yield None, magnitude, shift
            if magnitude:
                yield None, int(index < 0), 1
                lattice[y, x] = 2 * magnitude - (state & 1)
            mean += ((int(lattice[y, x]) << 8) - mean) * (65536 // seen) >> 16
            seen = min(seen + 1, WINDOW)
            state = int(NEXT[state, magnitude & 1])
        mean = max(int(lattice.sum()) * MEAN // lattice.size, LEAST_MEAN)
        now = np.minimum(lattice * ((1 << 40) // mean) >> 24, MOST_ACTIVE)
        active += (now - active) * (65536 // min(c + 1, MEMORY)) >> 16
        around = np.pad(active, 1, "edge")
        beside = around[1:-1, :-2] + around[1:-1, 2:] + around[:-2, 1:-1] + around[2:, 1:-1]
        elsewhere = LAST * now + ACTIVITY * ((12 * active + beside) >> 4)


def _expected(
    lattice: NDArray[np.int64], y: int, x: int, start: int, elsewhere: NDArray[np.int64], mean: int, sibling: int | None
) -> int:
    """Expected magnitude of a coefficient, in sixteenths of the lattice step."""
    columns = lattice.shape[1]

    def at(up: int, right: int) -> int:
        """A magnitude; west of the image that of the first above, east of it the last, north of it the mean."""
        if y < up:
            return start
        if x + right < 0:
            return int(lattice[y - 1, 0]) if up == 0 and y else start if y <= up else int(lattice[y - up - 1, 0])
        return int(lattice[y - up, min(x + right, columns - 1)])

    near = SIDE * (at(0, -1) + at(1, 0)) + CORNER * (at(1, -1) + at(1, 1)) + FURTHER * (at(0, -2) + at(2, 0))
    lately = mean >> 4
    expected = UNIT * near + (int(elsewhere[y, x]) * lately >> 8)
    if sibling is None:
        expected += (SIBLING + LATELY) * lately
    else:
        expected += UNIT * SIBLING * int(sibling) + LATELY * lately
    return min(expected * HUNDREDTH >> 16, MOST_EXPECTED)
