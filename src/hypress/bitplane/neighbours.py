"""Significant neighbours of a coefficient, as a context.

Boxes do not tell of the coefficients beyond their walls, yet those that are significant cluster within a subband:
most of all along lines and columns, less across bands. So the two in each of these directions are looked up, and the
four within the plane count double. (Compare the contexts of D. Taubman, "High performance scalable image compression
with EBCOT", IEEE TIP 9, 2000.) At the border of a subband a neighbour may belong to another one, or to another line;
that only makes a context worse.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

NEAR = 4
"""How many contexts there are for each other one."""


@njit(nogil=True, cache=True)
def none_significant(shape: tuple[int, int, int]) -> Any:
    """Marks of all coefficients of a cube `(band, y, x)`, with a plane of zeros before and after."""
    return np.zeros((shape[0] + 2) * shape[1] * shape[2], np.uint8)


@njit(nogil=True, cache=True, inline="always")
def near(marks: Any, place: int, rows: int, columns: int) -> int:
    """The context of the coefficient in a place of the cube; 0 for -1, which is a set's."""
    if place < 0:
        return 0
    at = place + rows * columns
    plane = marks[at - 1] + marks[at + 1] + marks[at - columns] + marks[at + columns]
    return min((2 * plane + marks[at - rows * columns] + marks[at + rows * columns] + 1) >> 1, NEAR - 1)
