"""The hybrid entropy coder's kernels (clause 5.4.3.3): the encoder writes forwards, the decoder reads backwards.

A low-entropy code is a tree. Encoding, a code's active prefix is an inner node, and a symbol leads to a child: another
inner node or a leaf, whose word is written. Decoding, a word read is a leaf; the symbols come last to first, on the
way from the leaf back to the root.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from hypress.ccsds123 import words as bits
from hypress.ccsds123.lanes import Lanes
from hypress.ccsds123.limits import Limits
from hypress.ccsds123.low_entropy import codes
from hypress.ccsds123.parameters import Hybrid, Parameters
from hypress.entropy.mq import Int
from hypress.errors import CodestreamError

put, before, count_after = bits.put, bits.before, bits.count_after
leading_zeros: Any = bits.leading_zeros
trailing_zeros: Any = bits.trailing_zeros
ONE, SIXTY_FOUR = bits.ONE, bits.SIXTY_FOUR

CODES = len(codes())
LONGEST = max(len(word) for code in codes() for word in (*code.words.values(), *code.flushes.values()))
LOOK = 10
"""Bits by which a word is looked up at once; of longer words the rest is walked."""


class Trees(NamedTuple):
    """All codes as arrays. Nodes, inner and leaves, are numbered through all codes; the first sixteen are the roots."""

    limits: Any
    """L_i."""
    children: Any
    """[node, symbol] → node."""
    parents: Any
    """node → the node it hangs on; a root's is itself."""
    symbols: Any
    """node → the symbol that leads to it."""
    inner: Any
    """node → whether it is an active prefix."""
    following: Any
    """node → the active prefix once it is reached: itself, or the root after a leaf."""
    written: Any
    """node → length of the word that is written then: 0 for an inner node."""
    lengths: Any
    """node → length of its word: the output word of a leaf, the flush word of an inner node."""
    words: Any
    """node → the word."""
    owners: Any
    """node → code."""
    lookup: Any
    """[code, last bits] → leaf, or ~branch where the word is longer."""
    branches: Any
    """[branch, next bit backwards] → leaf, ~branch, or `NOTHING`."""


NOTHING = -(1 << 30)


@cache
def trees() -> Trees:
    """The codes of annex B."""
    nodes: dict[tuple[int, tuple[int, ...]], int] = {(i, ()): i for i in range(CODES)}
    for i, code in enumerate(codes()):
        for word in (*code.flushes, *code.words):
            nodes.setdefault((i, word), len(nodes))
    count, most = len(nodes), max(code.limit for code in codes()) + 2
    children, lookup = np.zeros((count, most), np.int64), np.full((CODES, 1 << LOOK), NOTHING, np.int64)
    parents, symbols, inner, owners, lengths, words = (np.zeros(count, np.int64) for _ in range(6))
    branches: list[list[int]] = []
    for (i, word), node in nodes.items():
        code = codes()[i]
        owners[node], inner[node] = i, word in code.flushes
        text = code.flushes[word] if inner[node] else code.words[word]
        lengths[node], words[node] = len(text), int(text, 2)
        parents[node] = node
        if word:
            parents[node], symbols[node] = nodes[i, word[:-1]], word[-1]
            children[parents[node], word[-1]] = node
        if not inner[node]:
            _enter(lookup[i], branches, text, node)
    following, written = np.where(inner, np.arange(count), owners), np.where(inner, 0, lengths)
    return Trees(
        np.array([code.limit for code in codes()]), children.reshape(-1), parents, symbols, inner,
        following, written.astype(np.uint64), lengths.astype(np.uint64), words.astype(np.uint64), owners, lookup,
        np.array(branches, np.int64),
    )  # fmt: skip


def _enter(row: Any, branches: list[list[int]], text: str, leaf: int) -> None:
    """A word's leaf into the tables by which it is found from its end."""
    if len(text) <= LOOK:
        row[int(text, 2) :: 1 << len(text)] = leaf
        return
    at: Any = row
    place = int(text[-LOOK:], 2)
    for bit in reversed(text[:-LOOK]):
        if at[place] == NOTHING:
            at[place] = ~len(branches)
            branches.append([NOTHING, NOTHING])
        at, place = branches[~at[place]], int(bit)
    at[place] = leaf


def encode(lanes: Lanes, p: Parameters) -> bytes:
    """The body, filled up to a byte."""
    coder = p.coder
    assert isinstance(coder, Hybrid)
    assert coder.accumulator is not None
    limits = Limits(p)
    longest = 1 + coder.unary_limit + p.bits + LONGEST
    tail = CODES * LONGEST + lanes.bands * (2 + p.bits + coder.rescaling) + 1
    words = np.empty((lanes.bands * lanes.pixels * longest + limits.bits + tail) // 64 + 2, np.uint64)
    position = _encode(
        lanes.numbers, lanes.base, lanes.width, lanes.pixels, *limits.order, limits.values, limits.widths,
        np.array(coder.accumulator, np.int64), p.bits, coder.unary_limit, coder.initial_count, coder.rescaling,
        trees(), _ceilings(coder.rescaling), words,
    )  # fmt: skip
    return bits.to_bytes(words, int(position))


def decode(body: bytes, lanes: Lanes, p: Parameters) -> Limits:
    """Indices go to `lanes`; the error limits of the body are returned. Raises CodestreamError."""
    coder = p.coder
    assert isinstance(coder, Hybrid)
    limits = Limits(p)
    kept = body.rstrip(b"\0")
    if not kept or len(body) - len(kept) >= p.word_size:
        raise CodestreamError("the CCSDS 123 body is cut short: it does not end as the hybrid coder ends")
    last = 8 * len(kept) - (kept[-1] & -kept[-1]).bit_length()  # bits before the 1 that ends it
    rest, seen = _decode(
        lanes.numbers, lanes.base, lanes.width, lanes.pixels, *limits.order, limits.values, limits.widths,
        p.bits, coder.unary_limit, coder.initial_count, coder.rescaling, trees(),
        _ceilings(coder.rescaling), bits.to_words(kept), last,
    )  # fmt: skip
    if rest or seen < 0 or seen >> p.bits:
        raise CodestreamError("the CCSDS 123 body is cut short or damaged")
    return limits


@njit(nogil=True, cache=True, forceinline=True)
def _code_index(total: Int, count: Int, magnitude: Int, most: Int) -> Any:
    """k of a high-entropy index (equation 66); `magnitude` is the bit length of Γ."""
    bound = total + (49 * count >> 5)
    k = np.int64(62) - np.int64(leading_zeros(np.uint64(bound))) - magnitude
    k -= (count << (k + 2)) > bound
    return np.uint64(k if k < most else most)


def _ceilings(rescaling: int) -> Any:
    """[Γ, i] → the least accumulator that is too great for low-entropy code i (5.4.3.3.5.1.4, 5.4.3.3.5.3.1)."""
    thresholds = np.array([code.threshold for code in codes()])
    return (-(-np.arange(1 << rescaling)[:, None] * thresholds >> 14)).astype(np.int32)


@njit(nogil=True, cache=True, forceinline=True)
def _low_code(total: Int, count: Int, ceilings: Any) -> Int:
    """The low-entropy code of an accumulator that is below the first ceiling: the last one."""
    small, code = np.int32(total), -1
    for i in range(CODES):
        code += small < ceilings[np.uintp(count), np.uintp(i)]
    return max(code, 0)


@njit(nogil=True, cache=True, forceinline=True)
def _put_golomb(j: Any, k: Any, longest: Any, escape: Any, words: Any, word: Any, position: Any) -> tuple[Any, Any]:
    """R'_k(j) (5.4.3.3.3.2)."""
    zeros = j >> k
    if zeros < longest:
        return put((((j & ((ONE << k) - ONE)) << ONE) | ONE) << zeros, k + ONE + zeros, words, word, position)
    word, position = put(j, escape, words, word, position)
    return put(np.uint64(0), longest, words, word, position)


@njit(nogil=True, cache=True, error_model="numpy")
def _encode(
    numbers: Any, base: Any, width: Int, pixels: Int, chunk: Int, depth: Int, period: Int, limits: Any, widths: Any,
    sums: Any, dynamic_range: Int, unary_limit: Int, initial: Int, rescaling: Int, trees: Any, ceilings: Any,
    words: Any,
) -> Any:  # fmt: skip
    word, position = np.uint64(0), np.uint64(0)
    longest, escape = np.uint64(unary_limit), np.uint64(dynamic_range)
    bands, top, most = base.size, 1 << rescaling, max(dynamic_range - 2, 2)
    fan = trees.children.size // trees.parents.size
    prefixes = np.arange(CODES)
    for start in range(0, pixels, chunk):
        if period > 0 and start // chunk % period == 0:
            for i in range(widths.size):
                value = np.uint64(limits[start // chunk // period, i])
                word, position = put(value, np.uint64(widths[i]), words, word, position)
        for first in range(0, bands, depth):
            last = min(first + depth, bands)
            for t in range(start, start + chunk):
                if t == 0:
                    for z in range(first, last):
                        word, position = put(np.uint64(numbers[base[z]]), escape, words, word, position)
                    continue
                full = count_after(t - 1, initial, rescaling) == top - 1
                count = count_after(t, initial, rescaling)
                high = np.int64(ceilings[count, 0])
                magnitude = 64 - np.int64(leading_zeros(np.uint64(count)))
                for z in range(first, last):
                    delta = np.int64(numbers[np.uintp(base[np.uintp(z)] + t * width)])
                    total = sums[np.uintp(z)] + 4 * delta
                    if full:
                        word, position = put(np.uint64(total & 1), ONE, words, word, position)
                        total = (total + 1) >> 1
                    sums[np.uintp(z)] = total
                    if total >= high:
                        k = _code_index(total, count, magnitude, most)
                        word, position = _put_golomb(np.uint64(delta), k, longest, escape, words, word, position)
                        continue
                    code = _low_code(total, count, ceilings)
                    limit = trees.limits[code]
                    if delta > limit:
                        rest = np.uint64(delta - limit - 1)
                        word, position = _put_golomb(rest, np.uint64(0), longest, escape, words, word, position)
                    node = np.uintp(trees.children[np.uintp(prefixes[np.uintp(code)] * fan + min(delta, limit + 1))])
                    prefixes[np.uintp(code)] = trees.following[node]
                    length = trees.written[node]
                    output = trees.words[node] & ((ONE << length) - ONE)
                    word, position = put(output, length, words, word, position)
    for code in range(CODES):
        node = prefixes[code]
        word, position = put(trees.words[node], trees.lengths[node], words, word, position)
    for z in range(bands):
        word, position = put(np.uint64(sums[z]), np.uint64(2 + dynamic_range + rescaling), words, word, position)
    word, position = put(ONE, ONE, words, word, position)
    words[position >> np.uint64(6)] = word
    return position


@njit(nogil=True, cache=True, forceinline=True)
def _take_golomb(k: Any, longest: Any, escape: Any, words: Any, position: Any) -> tuple[Any, Any]:
    """j of the R'_k(j) that ends at `position`, and where it begins."""
    window = before(words, position)
    zeros = trailing_zeros(window)
    if zeros < longest:
        rest = (window >> zeros) >> ONE
        return (zeros << k) | (rest & ((ONE << k) - ONE)), position - zeros - ONE - k
    return (window >> longest) & ((ONE << escape) - ONE), position - longest - escape


@njit(nogil=True, cache=True, error_model="numpy")
def _decode(
    numbers: Any, base: Any, width: Int, pixels: Int, chunk: Int, depth: Int, period: Int, limits: Any, widths: Any,
    dynamic_range: Int, unary_limit: Int, initial: Int, rescaling: Int, trees: Any, ceilings: Any,
    words: Any, bits_before: Int,
) -> tuple[Int, Int]:  # fmt: skip
    """Bits that are left over, negative where they were too few, and all indices or'ed together."""
    stop = np.uint64(64 * bits.PADDING)
    position = stop + np.uint64(bits_before)
    longest, escape, seen = np.uint64(unary_limit), np.uint64(dynamic_range), 0
    bands, top, most = base.size, 1 << rescaling, max(dynamic_range - 2, 2)
    sums, prefixes = np.zeros(bands, np.int64), np.zeros(CODES, np.int64)
    if bits_before < bands * (2 + dynamic_range + rescaling):
        return -1, 0
    for z in range(bands - 1, -1, -1):
        length = np.uint64(2 + dynamic_range + rescaling)
        sums[z] = before(words, position) & ((ONE << length) - ONE)
        position -= length
    for code in range(CODES - 1, -1, -1):
        window, found = before(words, position), -1
        for node in range(trees.owners.size):
            fits = window & ((ONE << trees.lengths[node]) - ONE) == trees.words[node]
            if fits and trees.owners[node] == code and trees.inner[node]:
                found = node
        if position <= stop or found < 0:
            return -1, 0
        prefixes[code] = found
        position -= trees.lengths[found]
    low_bits, groups = np.uint64((1 << LOOK) - 1), (bands + depth - 1) // depth
    for start in range((pixels - 1) // chunk * chunk, -1, -chunk):
        for group in range(groups - 1, -1, -1):
            first = group * depth
            last = min(first + depth, bands)
            for t in range(start + chunk - 1, start - 1, -1):
                if t == 0:
                    for z in range(last - 1, first - 1, -1):
                        if position <= stop:
                            return -1, seen
                        numbers[base[z]] = before(words, position) & ((ONE << escape) - ONE)
                        position -= escape
                    continue
                full = count_after(t - 1, initial, rescaling) == top - 1
                count = count_after(t, initial, rescaling)
                high = np.int64(ceilings[count, 0])
                magnitude = 64 - np.int64(leading_zeros(np.uint64(count)))
                for z in range(last - 1, first - 1, -1):
                    if position < stop:
                        return -1, seen
                    total = sums[np.uintp(z)]
                    if total >= high:
                        k = _code_index(total, count, magnitude, most)
                        index, position = _take_golomb(k, longest, escape, words, position)
                        delta = np.int64(index)
                    else:
                        code = _low_code(total, count, ceilings)
                        node = prefixes[code]
                        if node == code:  # the root: a word comes next
                            window = before(words, position)
                            node = trees.lookup[code, window & low_bits]
                            window >>= np.uint64(LOOK)
                            while node < 0:
                                if node == NOTHING:
                                    return -1, seen
                                node = trees.branches[~node, window & ONE]
                                window >>= ONE
                            position -= trees.lengths[node]
                        delta = trees.symbols[node]
                        prefixes[code] = trees.parents[node]
                        if delta > trees.limits[code]:
                            if position < stop:
                                return -1, seen
                            index, position = _take_golomb(np.uint64(0), longest, escape, words, position)
                            delta += np.int64(index)
                    if full:
                        position -= ONE
                        total = 2 * total - np.int64(
                            (words[position >> np.uint64(6)] >> (~position & bits.SIXTY_THREE)) & ONE
                        )
                    total -= 4 * delta
                    seen |= delta | total >> 63
                    sums[np.uintp(z)] = total
                    numbers[np.uintp(base[np.uintp(z)] + t * width)] = delta
        if period > 0 and start // chunk % period == 0:
            for i in range(widths.size - 1, -1, -1):
                if position <= stop:
                    return -1, seen
                length = np.uint64(widths[i])
                limits[start // chunk // period, i] = before(words, position) & ((ONE << length) - ONE)
                position -= length
    return np.int64(position) - np.int64(stop), seen
