"""One subband of all components: looked at, encoded and decoded.

A component is quantised and coded before the next one is touched: its trellis takes for true what the contexts have
become and what is known of earlier components and other orientations. Only its own magnitudes, which the trellis is
about to choose, have to be guessed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.tcq.coder import bits_of, costs_of, decode_plane, encode_plane
from hypress.tcq.expectations import FIRST_MEAN, MEMORY, beside, expect, learn, nothing_before
from hypress.tcq.trellis import quantise

STALE = 2048
"""Coefficients after which the trellis reads the costs of indices from the contexts again."""
ELASTICITY = 0.15
"""How bits answer to λ: they fall about as its power of this."""
SOFTEST, HARDEST = -0.7, 0.9
"""Bounds of what ln λ departs by."""
DOUBT = 0.1
"""Share of a budget after which what was spent says as much of the rest as what was planned."""


@njit(nogil=True, cache=True)
def look(
    lattice: NDArray[np.int32], siblings: NDArray[np.int32], costs: NDArray[np.float32], bits: NDArray[np.float64]
) -> None:
    """About how many `bits (component,)` magnitudes `lattice (component, y, x)` in lattice steps would cost."""
    components, rows, columns = lattice.shape
    active, elsewhere, around = nothing_before(rows, columns)
    indices, classes = np.empty((rows, columns), np.int32), np.empty((rows, columns), np.int32)
    mean: Any = np.int64(FIRST_MEAN)
    for c in range(components):
        known = beside(siblings, c)
        expect(lattice[c], elsewhere, known, mean, around, classes)
        for y in range(rows):
            for x in range(columns):
                indices[y, x] = (lattice[c, y, x] + 1) >> 1
        bits[c] = bits_of(indices, classes, costs)
        mean = learn(lattice[c], min(c + 1, MEMORY), active, elsewhere)


@njit(nogil=True, cache=True)
def spent(coder: NDArray[np.int64]) -> float:
    """Bits that a range coder has put out, and those that it holds."""
    return 8.0 * (coder[4] + coder[3]) + 40 - math.log2(coder[1])


@njit(nogil=True, cache=True)
def encode(
    values: NDArray[np.float32],
    lattice: NDArray[np.int32],
    siblings: NDArray[np.int32],
    inverse: float,
    weight: float,
    planned: NDArray[np.float64],
    goal: float,
    buffer: NDArray[np.uint8],
    states: NDArray[np.int64],
    coder: NDArray[np.int64],
    bits: NDArray[np.float64],
) -> tuple[float, float]:
    """Quantise `values (component, y, x)` of one subband and code them into `buffer`.

    `lattice` has guesses of the magnitudes in lattice steps, and receives what they become. `siblings` are magnitudes
    in the same place of other orientations, of the same shape or without components where none are known. `inverse`
    is that of the lattice step. Where the lane is to take `goal` bits, `planned (component,)` of them by the end of
    each component, λ departs from `weight` as it has to. `bits (component,)` receives what the lane has taken by then.
    Returns the squared error in squared lattice steps, and the sum over bits of ln λ's departure.
    """
    components, rows, columns = values.shape
    active, elsewhere, around = nothing_before(rows, columns)
    indices, classes = np.empty((rows, columns), np.int32), np.empty((rows, columns), np.int32)
    mean: Any = np.int64(FIRST_MEAN)
    costs, age, squares, departed = costs_of(states), 0, 0.0, 0.0
    for c in range(components):
        if age > STALE:
            costs, age = costs_of(states), 0
        known = beside(siblings, c)
        expect(lattice[c], elsewhere, known, mean, around, classes)
        departure, so_far = 0.0, spent(coder)
        if goal > 0:
            before = planned[c - 1] if c else planned[-1]
            trust = (so_far + DOUBT * goal) / (before + DOUBT * goal)
            wanted = max(goal - so_far, 1.0) / max(trust * (goal - before), 1.0)
            departure = min(max(-math.log(wanted) / ELASTICITY, SOFTEST), HARDEST)
        squares += quantise(values[c], classes, costs, inverse, weight * math.exp(departure), indices, lattice[c])
        expect(lattice[c], elsewhere, known, mean, around, classes)
        encode_plane(indices, classes, buffer, states, coder)
        mean = learn(lattice[c], min(c + 1, MEMORY), active, elsewhere)
        bits[c] = spent(coder)
        departed += (bits[c] - so_far) * departure
        age += rows * columns
    return squares, departed


@njit(nogil=True, cache=True)
def decode(
    lattice: NDArray[np.int32],
    signed: NDArray[np.int32],
    siblings: NDArray[np.int32],
    data: NDArray[np.uint8],
    states: NDArray[np.int64],
    coder: NDArray[np.int64],
) -> None:
    """Magnitudes `lattice (component, y, x)` and the same `signed`, in lattice steps, out of `data`."""
    components, rows, columns = lattice.shape
    active, elsewhere, around = nothing_before(rows, columns)
    mean: Any = np.int64(FIRST_MEAN)
    for c in range(components):
        known = beside(siblings, c)
        decode_plane(lattice[c], elsewhere, known, mean, around, data, states, coder, signed[c])
        mean = learn(lattice[c], min(c + 1, MEMORY), active, elsewhere)
