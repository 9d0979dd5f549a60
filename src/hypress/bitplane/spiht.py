"""SPIHT over any forest of coefficients: bit-planes from the top, sets before coefficients.

A. Said and W. A. Pearlman, "A new, fast, and efficient image codec based on set partitioning in hierarchical
trees" (IEEE TCSVT 6, 1996), with the trees of three dimensions given by `forest`. Each plane p has two passes:

- *sorting*: of every insignificant coefficient (list LIP), and of every set of descendants not yet broken up
  (list LIS: all of them, D, or all but the children, L), whether it reaches 2^p, and where a coefficient does,
  its sign;
- *refinement*: bit p of the coefficients that were significant before (list LSP).

Two things the paper leaves are taken: what follows from what was said is not said (some child of a significant
set is significant, or something below the children is), and nothing is said of planes in which a coefficient
cannot have bits because its subband was shifted up. With the arithmetic coder, decisions have contexts: how many
siblings are significant, whether the parent is, how many siblings are still to come and whether they have children.

The kernel is encoder and decoder at once, see `coder`: a decoder starts with zero magnitudes and finds them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from hypress.bitplane.coder import code
from hypress.bitplane.forest import NEVER, parents_of

CONTEXTS = 95
AGAIN, SET, CHILD, DEEPER, SIGN, REFINEMENT = 0, 8, 24, 88, 92, 93  # where the contexts of each kind begin
_COUNT, _SELF = 3, 4  # of a family: how many children are significant, up to three; whether the parent is


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
    """
    first = forest.first
    nodes, roots = magnitudes.size, first[0]
    parents = parents_of(first)
    families = np.zeros(nodes + 1, np.uint8)
    below, below_floors = _descendants(first, floors, magnitudes)
    highest_floor = floors.max()
    lip, lsp = np.empty(nodes, np.int32), np.empty(nodes, np.int32)
    lis = np.empty(2 * nodes + 1, np.int64)  # 2 n for all descendants of n, 2 n + 1 for all but its children
    in_lip, in_lsp, in_lis = roots, 0, 0
    for n in range(roots):
        lip[n] = n
        if first[n + 1] > first[n]:
            lis[in_lis] = 2 * n
            in_lis += 1

    for plane in range(planes - 1, -1, -1):
        floored = plane < highest_floor
        before = in_lsp

        left = 0
        for i in range(in_lip):
            n = lip[i]
            if floored and plane < floors[n]:
                continue
            context = AGAIN + families[parents[n]]
            bit = code(state, data, contexts, context, (magnitudes[n] >> plane) & 1)
            if bit < 0:
                return False
            if bit == 0:
                lip[left] = n
                left += 1
            else:
                if not _found(n, plane, magnitudes, negative, known, state, data, contexts):
                    return False
                _tell_family(n, parents, families)
                lsp[in_lsp] = n
                in_lsp += 1
        in_lip = left

        left, i = 0, 0
        while i < in_lis:
            entry = lis[i]
            i += 1
            n = entry >> 1
            begin, end = first[n], first[n + 1]
            opened = False
            if entry & 1 == 0:
                if floored and plane < below_floors[n]:
                    continue
                has_more = first[end] > first[begin]
                context = SET + (families[parents[n]] & _COUNT) + (families[n] & _SELF) + 8 * has_more
                bit = code(state, data, contexts, context, (below[n] >> plane) & 1)
                if bit < 0:
                    return False
                if bit == 0:
                    lis[left] = entry
                    left += 1
                    continue
                count = 0
                for k in range(begin, end):
                    if floored and plane < floors[k]:
                        continue
                    bit = 1
                    if count or has_more or k + 1 < end:
                        context = CHILD + families[n] + 8 * min(end - k - 1, 3) + 32 * (first[k + 1] > first[k])
                        bit = code(state, data, contexts, context, (magnitudes[k] >> plane) & 1)
                        if bit < 0:
                            return False
                    if bit == 0:
                        lip[in_lip] = k
                        in_lip += 1
                    else:
                        if not _found(k, plane, magnitudes, negative, known, state, data, contexts):
                            return False
                        _tell_family(k, parents, families)
                        lsp[in_lsp] = k
                        in_lsp += 1
                        count += 1
                if has_more and count:
                    lis[in_lis] = entry + 1
                    in_lis += 1
                opened = has_more and count == 0
            else:
                deeper, floor = 0, NEVER
                for k in range(begin, end):
                    deeper |= below[k]
                    floor = min(floor, below_floors[k])
                if plane < floor:
                    continue
                context = DEEPER + (families[n] & _COUNT)
                bit = code(state, data, contexts, context, (deeper >> plane) & 1)
                if bit < 0:
                    return False
                if bit == 0:
                    lis[left] = entry
                    left += 1
                opened = bit == 1
            if opened:
                for k in range(begin, end):
                    if first[k + 1] > first[k]:
                        lis[in_lis] = 2 * k
                        in_lis += 1
        in_lis = left

        for i in range(before):
            n = lsp[i]
            if floored and plane < floors[n]:
                continue
            context = REFINEMENT + (magnitudes[n] >> (plane + 1) == 1)
            bit = code(state, data, contexts, context, (magnitudes[n] >> plane) & 1)
            if bit < 0:
                return False
            magnitudes[n] |= bit << plane
            known[n] = plane
    return True


@njit(nogil=True, cache=True)
def _descendants(first: Any, floors: Any, magnitudes: Any) -> tuple[Any, Any]:
    """Of each node, the bits that any descendant has, and the lowest plane in which one may have a bit."""
    nodes = magnitudes.size
    below, below_floors = np.zeros(nodes, np.int32), np.full(nodes, NEVER, np.uint8)
    for n in range(nodes - 1, -1, -1):
        for k in range(first[n], first[n + 1]):
            below[n] |= magnitudes[k] | below[k]
            below_floors[n] = min(below_floors[n], floors[k], below_floors[k])
    return below, below_floors


@njit(nogil=True, cache=True)
def _found(
    n: int, plane: int, magnitudes: Any, negative: Any, known: Any, state: Any, data: Any, contexts: Any
) -> bool:
    """Code the sign of a coefficient that is significant from this plane on; whether the bytes lasted."""
    sign = code(state, data, contexts, SIGN, negative[n])
    if sign < 0:
        return False
    negative[n] = sign
    magnitudes[n] |= 1 << plane
    known[n] = plane
    return True


@njit(nogil=True, cache=True)
def _tell_family(n: int, parents: Any, families: Any) -> None:
    """Count a coefficient that became significant."""
    families[n] |= _SELF
    if families[parents[n]] & _COUNT < _COUNT:
        families[parents[n]] += 1
