"""SPECK over any forest of sets: bit-planes from the top, a set that is significant is cut until what is in it shows.

X. Tang and W. A. Pearlman, "Three-dimensional wavelet-based compression of hyperspectral images" (in "Hyperspectral
data compression", Springer 2006): 3-D SPECK. Sets are given by `boxes`. Each plane p has two passes:

- *sorting*: of every set not yet cut (list LIS), small ones first, whether it reaches 2^p. A significant one is
  cut, and its parts are treated likewise at once; a coefficient tells its sign;
- *refinement*: bit p of the coefficients that were significant before (list LSP).

The last part is known to be significant if no other is. Nothing is said of planes in which a set cannot have bits
because its subband was shifted up. With the arithmetic coder, decisions have contexts: how often the set can be
cut, how many siblings are significant and how many are still to come; for a coefficient also its neighbours.

The kernel is encoder and decoder at once, see `coder`: a decoder starts with zero magnitudes and finds them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from hypress.bitplane.coder import code
from hypress.bitplane.forest import parents_of
from hypress.bitplane.neighbours import NEAR, near, none_significant

CONTEXTS = 1283
PART, SIGN, REFINEMENT = 256, 1280, 1281  # where the contexts of each kind begin; those of sets tried again are first
_DEEPEST = 64  # no set can be cut more often in a row


@njit(nogil=True, cache=True)
def run(
    forest: Any,
    floors: Any,
    planes: int,
    magnitudes: Any,
    negative: Any,
    known: Any,
    state: Any,
    data: Any,
    contexts: Any,
) -> bool:
    """Code or decode planes `planes - 1` … 0, until the bytes are spent; whether they lasted.

    Nodes of the `forest` have `magnitudes` int32, signs `negative` uint8, `floors` uint8, the plane
    below which they have no bits, and `known` uint8, the plane down to which they were told: NEVER at first.
    Where a node is a set, its magnitude is 0, its floor is NEVER, and nothing is told of it.
    """
    first, places = forest.first, forest.places
    _, rows, columns = forest.shape
    nodes, roots = magnitudes.size, first[0]
    parents = parents_of(first)
    families = np.zeros(nodes + 1, np.uint8)  # how many parts of each set are significant, up to three
    marks = none_significant(forest.shape)
    within, lowest, cuts = _members(first, floors, magnitudes)
    lis, sorted_lis, lsp = np.empty(nodes, np.int32), np.empty(nodes, np.int32), np.empty(nodes, np.int32)
    in_lis, in_lsp = roots, 0
    for n in range(roots):
        lis[n] = n
    # Sets being cut, one within the other: each its node, its next part, its parts found significant.
    opened, part, count = np.empty(_DEEPEST, np.int64), np.empty(_DEEPEST, np.int64), np.empty(_DEEPEST, np.int64)

    for plane in range(planes - 1, -1, -1):
        before = in_lsp
        _smallest_first(lis, in_lis, cuts, sorted_lis)
        tried, in_lis = in_lis, 0
        for i in range(tried):
            n = sorted_lis[i]
            if plane < lowest[n]:
                continue
            context = 4 * min(cuts[n], 15) + families[parents[n]]
            context = NEAR * context + near(marks, places[n], rows, columns)
            bit = code(state, data, contexts, context, (within[n] >> plane) & 1)
            if bit < 0:
                return False
            if bit == 0:
                lis[in_lis] = n
                in_lis += 1
                continue
            families[parents[n]] = min(families[parents[n]] + 1, 3)
            depth = 0
            while n >= 0:  # a significant set, or coefficient
                if first[n] == first[n + 1]:
                    sign = code(state, data, contexts, SIGN, negative[n])
                    if sign < 0:
                        return False
                    negative[n] = sign
                    magnitudes[n] |= 1 << plane
                    known[n] = plane
                    marks[places[n] + rows * columns] = 1
                    lsp[in_lsp] = n
                    in_lsp += 1
                else:
                    opened[depth], part[depth], count[depth] = n, first[n], 0
                    depth += 1
                n = -1
                while n < 0 and depth > 0:  # the next part that is significant
                    top = depth - 1
                    k, end = part[top], first[opened[top] + 1]
                    if k == end:
                        families[opened[top]] = min(count[top], 3)
                        depth -= 1
                        continue
                    part[top] += 1
                    if plane < lowest[k]:
                        continue
                    bit = 1
                    if count[top] or k + 1 < end:
                        context = 16 * min(cuts[k], 15) + 4 * min(count[top], 3) + min(end - k - 1, 3)
                        context = PART + NEAR * context + near(marks, places[k], rows, columns)
                        bit = code(state, data, contexts, context, (within[k] >> plane) & 1)
                        if bit < 0:
                            return False
                    if bit:
                        count[top] += 1
                        n = k
                    else:
                        lis[in_lis] = k
                        in_lis += 1

        for i in range(before):
            n = lsp[i]
            if plane < floors[n]:
                continue
            context = REFINEMENT + (magnitudes[n] >> (plane + 1) == 1)
            bit = code(state, data, contexts, context, (magnitudes[n] >> plane) & 1)
            if bit < 0:
                return False
            magnitudes[n] |= bit << plane
            known[n] = plane
    return True


@njit(nogil=True, cache=True)
def _members(first: Any, floors: Any, magnitudes: Any) -> tuple[Any, Any, Any]:
    """Of each node, the bits that any member has, the lowest plane in which one may, and how often it can be cut."""
    within, lowest, cuts = magnitudes.copy(), floors.copy(), np.zeros(magnitudes.size, np.uint8)
    for n in range(magnitudes.size - 1, -1, -1):
        for k in range(first[n], first[n + 1]):
            within[n] |= within[k]
            lowest[n] = min(lowest[n], lowest[k])
            cuts[n] = max(cuts[n], cuts[k] + 1)
    return within, lowest, cuts


@njit(nogil=True, cache=True)
def _smallest_first(lis: Any, count: int, cuts: Any, out: Any) -> None:
    """Sort `count` sets by how often they can be cut, equal ones as they came."""
    place = np.zeros(257, np.int64)
    for i in range(count):
        place[cuts[lis[i]] + 1] += 1
    for height in range(1, 257):
        place[height] += place[height - 1]
    for i in range(count):
        height = cuts[lis[i]]
        out[place[height]] = lis[i]
        place[height] += 1
