"""Where to cut each code-block: rate allocation after coding (ISO/IEC 15444-1, Annex J.13.3).

Every block of every component competes for the same bytes. A cut after pass k costs R(k) bytes and saves
D(k) of squared error in the image; only the cuts on the upper convex hull of these points are worth
having. Taking, in every block, all hull cuts at least as steep as one slope λ is optimal for the bytes they
take, so a budget is a search for λ, here among the slopes that occur. What is left after that goes to the
cuts that still fit, best first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from hypress.entropy.mq import Int

STEEPEST = 1e300  # a cut that costs nothing


@njit(nogil=True, cache=True, error_model="numpy")
def hull_slopes(counts: Any, firsts: Any, weights: Any, overheads: Any, lengths: Any, gains: Any, slopes: Any) -> None:
    """Accumulate `gains` over each block's passes, weighted, and find the slopes of its hull.

    Args:
        counts: passes of each block.
        firsts: number of its first pass.
        weights: squared error in the image for a squared error of 1 in a coefficient.
        overheads: bytes that the packet header needs to mention the block at all.
        lengths: of the segment cut at each pass.
        gains: saved by each pass; replaced by the weighted sums.
        slopes: receives the slope at which each pass becomes worth having, 0 if it never is.
    """
    hull = np.empty(256, np.int64)
    for b in range(len(counts)):
        depth, total = 0, 0.0
        for k in range(firsts[b], firsts[b] + counts[b]):
            total += gains[k] * weights[b]
            gains[k] = total
            slopes[k] = 0.0
            while True:
                saved, cost = total, lengths[k] + overheads[b]
                if depth:
                    saved -= gains[hull[depth - 1]]
                    cost -= lengths[hull[depth - 1]] + overheads[b]
                if saved <= 0:
                    break
                slope = saved / cost if cost * STEEPEST > saved else STEEPEST
                if depth and slope >= slopes[hull[depth - 1]]:
                    depth -= 1
                    slopes[hull[depth]] = 0.0
                    continue
                slopes[k] = slope
                hull[depth] = k
                depth += 1
                break


@njit(nogil=True, cache=True, error_model="numpy")
def passes_at(slope: float, counts: Any, firsts: Any, slopes: Any, passes: Any) -> None:
    """For each block the number of passes up to its last hull cut as steep as `slope`."""
    for b in range(len(counts)):
        passes[b] = 0
        for k in range(counts[b]):
            if slopes[firsts[b] + k] >= slope:
                passes[b] = k + 1


@njit(nogil=True, cache=True, error_model="numpy")
def best_step(
    room: Int, counts: Any, firsts: Any, passes: Any, closed: Any, lengths: Any, gains: Any
) -> tuple[Int, Int]:
    """The block and its passes that save most per byte with at most `room` more bytes; -1 if none does."""
    best, block, kept = 0.0, -1, 0
    for b in range(len(counts)):
        if closed[b]:
            continue
        here, saved = 0, 0.0
        if passes[b]:
            here, saved = lengths[firsts[b] + passes[b] - 1], gains[firsts[b] + passes[b] - 1]
        for k in range(passes[b], counts[b]):
            cost = lengths[firsts[b] + k] - here
            if cost > room:
                break
            value = (gains[firsts[b] + k] - saved) / (cost + 0.5)
            if value > best:
                best, block, kept = value, b, k + 1
    return block, kept


@njit(nogil=True, cache=True, error_model="numpy")
def cheapest_step(saving: float, counts: Any, firsts: Any, passes: Any, lengths: Any, gains: Any) -> tuple[Int, Int]:
    """The block and its passes that save `saving` or more in the fewest bytes; -1 if none does."""
    best, block, kept = 1 << 60, -1, 0
    for b in range(len(counts)):
        here, saved = 0, 0.0
        if passes[b]:
            here, saved = lengths[firsts[b] + passes[b] - 1], gains[firsts[b] + passes[b] - 1]
        for k in range(passes[b], counts[b]):
            if gains[firsts[b] + k] - saved >= saving:
                if lengths[firsts[b] + k] - here < best:
                    best, block, kept = lengths[firsts[b] + k] - here, b, k + 1
                break
    return block, kept
