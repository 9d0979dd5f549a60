"""Tables of the logistic function, worked out in decimal arithmetic: no machine's own `exp` is asked.

Python's `decimal` rounds `exp` and `ln` correctly, and the last step to a double is correctly rounded too, so these
tables are the same everywhere.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from functools import cache

import numpy as np
from numpy.typing import NDArray

FINE = 32
"""Steps of the logistic function per unit."""
FAR = 30
"""It is tabled from minus to plus this; beyond, it is as there."""
PARTS = 4096
"""Steps of its inverse from 0 to 1."""
DEPTH = 5
"""Decisions of the tree of quantiles; it has 2**DEPTH - 1 nodes."""
TAIL = 15
"""Decisions outwards of it, on either side."""


@cache
def logistic() -> NDArray[np.float64]:
    """1 / (1 + exp(-t)) for t = -FAR … FAR in steps of 1 / FINE, and one more for interpolation."""
    with localcontext(prec=40):
        return np.array([float(1 / (1 + (-Decimal(i) / FINE).exp())) for i in range(-FAR * FINE, FAR * FINE + 2)])


@cache
def logit() -> NDArray[np.float64]:
    """ln(p / (1 - p)) for p = 0 … 1 in steps of 1 / PARTS, the ends as half a step inside; and one more."""
    with localcontext(prec=40):
        parts = [min(max(Decimal(i), Decimal("0.5")), PARTS - Decimal("0.5")) for i in range(PARTS + 2)]
        return np.array([float((p / (PARTS - p)).ln()) for p in parts])


@cache
def thresholds() -> NDArray[np.float64]:
    """Where each node cuts, in scales from the centre: from 1 on the tree as a heap, from `2**DEPTH` on the tail."""
    cuts = np.zeros(2**DEPTH + TAIL)
    with localcontext(prec=40):
        for level in range(DEPTH):
            for k in range(2**level):
                p = Decimal(2 * k + 1) / (2 << level)
                cuts[2**level + k] = float((p / (1 - p)).ln())
        outermost = Decimal(2**DEPTH - 1).ln()
        for k in range(TAIL):
            cuts[2**DEPTH + k] = float(outermost + Decimal(7) / 10 * (2**k))
    return cuts
