"""What is expected of a coefficient: a weighted mean of magnitudes that encoder and decoder both know.

Components of a subband come one after the other, by falling energy, each line by line. In units of the lattice step:

    34 %   neighbours of the same component: west, north, their diagonals and what lies one further
    52 %   the same place in earlier components: how far each was above its own mean there, on average
     6 %   the same place in the other orientations of this resolution, where they were coded before
     8 %   the mean of this component so far

Where something is, all components tell; so the second part weighs most. The weights are those of a regression over the
training scenes, which they fit all alike. (Compare X. Wu, "Context quantization with Fisher discriminant for adaptive
embedded wavelet image coding", DCC 1999.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.tcq.classes import MOST_EXPECTED, UNIT, class_of

SIDE, CORNER, FURTHER = 10, 3, 4
"""Weights, of 100, of each of the two neighbours beside, at the corners and one further."""
ACTIVITY, LAST = 48, 4
"""Weights of all earlier components, and of the last one."""
SIBLING, LATELY = 6, 8
"""Weights of the other orientations, and of the mean so far; the latter takes over where there are no others."""
HUNDREDTH = 655
"""Of 65536."""
MEMORY = 12
"""Components over which the activity is averaged."""
MEAN = 256
"""The unit of means and activities."""
LEAST_MEAN, MOST_ACTIVE = 8, 64 * MEAN
WINDOW = 32
"""Coefficients over which the mean so far is taken."""
SHARES = np.array([0, *(65536 // n for n in range(1, WINDOW + 1))])
"""One by n, of 65536."""
FIRST_MEAN = 2 * MEAN
"""What the mean of the first component is taken to be at its start."""


@njit(nogil=True, cache=True)
def nothing_before(rows: int, columns: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Before the first component: its activity, what is expected from elsewhere, and room for the lines around.

    The last is `(y + 2, x + 3)`: two lines above and two columns before, and one after.
    """
    elsewhere = np.full((rows, columns), (ACTIVITY + LAST) * MEAN)
    return np.zeros((rows, columns), np.int64), elsewhere, np.zeros((rows + 2, columns + 3), np.int64)


@njit(nogil=True, cache=True, inline="always")
def expected_class(here: Any, above: Any, higher: Any, x: Any, elsewhere: Any, sibling: Any, mean: Any) -> Any:
    """Class of the magnitude expected in column `x`, as `class_of` says it.

    `here`, `above` and `higher` are lines of `around`; `sibling` is negative where no other orientation is known.
    """
    near = SIDE * (here[x + 1] + above[x + 2]) + CORNER * (above[x + 1] + above[x + 3])
    near += FURTHER * (here[x] + higher[x + 2])
    lately = mean >> 4
    expected = UNIT * near + ((elsewhere * lately) >> 8)
    if sibling >= 0:
        expected += UNIT * SIBLING * sibling + LATELY * lately
    else:
        expected += (SIBLING + LATELY) * lately
    return class_of(min((expected * HUNDREDTH) >> 16, MOST_EXPECTED))


@njit(nogil=True, cache=True, inline="always")
def lines(around: Any, y: Any) -> tuple[Any, Any, Any]:
    """Line `y` and the two above it, of `around`; west of it lies what is first above."""
    here, above, higher = around[y + 2], around[y + 1], around[y]
    here[0] = here[1] = above[2]
    return here, above, higher


@njit(nogil=True, cache=True, inline="always")
def mean_with(mean: Any, reached: Any, seen: Any) -> Any:
    """The mean so far, of which there are `seen` magnitudes now, with the one that was `reached`."""
    return mean + ((((reached << 8) - mean) * SHARES[seen]) >> 16)


@njit(nogil=True, cache=True)
def beside(siblings: NDArray[np.int32], component: int) -> Any:
    """The magnitudes `(y, x)` of other orientations in a component; nothing where none are known."""
    return siblings[component] if siblings.shape[0] else siblings[:, 0]


@njit(nogil=True, cache=True)
def expect(
    lattice: NDArray[np.int32],
    elsewhere: NDArray[np.int64],
    siblings: NDArray[np.int32],
    mean: Any,
    around: NDArray[np.int64],
    classes: NDArray[np.int32],
) -> None:
    """Classes `(y, x)` of what is expected in a component whose magnitudes `lattice (y, x)` are all known."""
    rows, columns = lattice.shape
    seen: Any = np.int64(2)
    around[:2] = mean // MEAN
    for y in range(rows):
        here, above, higher = lines(around, y)
        for x in range(columns):
            sibling = np.int64(siblings[y, x]) if siblings.size else np.int64(-1)
            classes[y, x] = expected_class(here, above, higher, x, elsewhere[y, x], sibling, mean)
            reached = np.int64(lattice[y, x])
            here[x + 2] = reached
            mean = mean_with(mean, reached, seen)
            seen = min(seen + 1, WINDOW)
        here[columns + 2] = here[columns + 1]


@njit(nogil=True, cache=True)
def learn(lattice: NDArray[np.int32], memory: int, active: NDArray[np.int64], elsewhere: NDArray[np.int64]) -> Any:
    """Take a finished component into the activity, say what is expected of the next, and return the mean."""
    rows, columns = lattice.shape
    total = np.int64(0)
    for y in range(rows):
        for x in range(columns):
            total += lattice[y, x]
    mean = max(total * MEAN // (rows * columns), LEAST_MEAN)
    by_mean, share = (np.int64(1) << 40) // mean, SHARES[memory]
    for y in range(rows):
        for x in range(columns):
            now = min((np.int64(lattice[y, x]) * by_mean) >> 24, MOST_ACTIVE)
            active[y, x] += ((now - active[y, x]) * share) >> 16
            elsewhere[y, x] = LAST * now
    for y in range(rows):
        north, south = active[max(y - 1, 0)], active[min(y + 1, rows - 1)]
        for x in range(columns):
            beside = active[y, max(x - 1, 0)] + active[y, min(x + 1, columns - 1)] + north[x] + south[x]
            elsewhere[y, x] += ACTIVITY * ((12 * active[y, x] + beside) >> 4)
    return mean
