"""The sample-adaptive entropy coder's kernels (clause 5.4.3.2).

Both walk the samples in coded order: chunks of pixels, in them groups of `depth` bands, in them pixel after pixel
(5.4.2). Band-sequential order is one chunk of the whole image with bands by themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from hypress.ccsds123 import words as bits
from hypress.ccsds123.lanes import Lanes
from hypress.ccsds123.limits import Limits
from hypress.ccsds123.parameters import Parameters, SampleAdaptive
from hypress.entropy.mq import Int
from hypress.errors import CodestreamError

put, after, count_after = bits.put, bits.after, bits.count_after
leading_zeros: Any = bits.leading_zeros
ONE, SIXTY_THREE = bits.ONE, bits.SIXTY_THREE


def encode(lanes: Lanes, p: Parameters) -> bytes:
    """The body, filled up to a byte."""
    coder = p.coder
    assert isinstance(coder, SampleAdaptive)
    limits = Limits(p)
    longest = coder.unary_limit + p.bits
    words = np.empty((lanes.bands * lanes.pixels * longest + limits.bits) // 64 + 2, np.uint64)
    position = _encode(
        lanes.numbers, lanes.base, lanes.width, lanes.pixels, *limits.order, limits.values, limits.widths,
        _initial_sums(p, coder), p.bits, coder.unary_limit, coder.initial_count, coder.rescaling, words,
    )  # fmt: skip
    return bits.to_bytes(words, int(position))


def decode(body: bytes, lanes: Lanes, p: Parameters) -> Limits:
    """Indices go to `lanes`; the error limits of the body are returned. Raises CodestreamError."""
    coder = p.coder
    assert isinstance(coder, SampleAdaptive)
    limits = Limits(p)
    end = 64 * bits.PADDING + 8 * len(body)
    position, seen = _decode(
        lanes.numbers, lanes.base, lanes.width, lanes.pixels, *limits.order, limits.values, limits.widths,
        _initial_sums(p, coder), p.bits, coder.unary_limit, coder.initial_count, coder.rescaling, bits.to_words(body),
        end,
    )  # fmt: skip
    if position > end or seen >> p.bits:
        raise CodestreamError("the CCSDS 123 body is cut short or damaged")
    if end - position >= 8 * p.word_size:
        raise CodestreamError("the CCSDS 123 body goes on after its last sample")
    return limits


def _initial_sums(p: Parameters, coder: SampleAdaptive) -> Any:
    """Σ_z(1) (equations 58 and 59)."""
    k = np.array(p.of_bands(coder.accumulator), np.int64)
    k = np.where(k <= 30 - p.bits, k, 2 * k + p.bits - 30)
    return (3 * (1 << (k + 6)) - 49) * (1 << coder.initial_count) >> 7


@njit(nogil=True, cache=True, forceinline=True)
def _code_index(bound: Int, count: Int, magnitude: Int, most: Int) -> Any:
    """The largest k with Γ · 2^k ≤ bound, at least 0 and at most `most`; `magnitude` is the bit length of Γ."""
    k = np.int64(64) - np.int64(leading_zeros(np.uint64(bound))) - magnitude
    k = k if k > 0 else 0
    k -= (count << k) > bound
    k = k if k > 0 else 0
    return np.uint64(k if k < most else most)


@njit(nogil=True, cache=True, error_model="numpy")
def _encode(
    numbers: Any, base: Any, width: Int, pixels: Int, chunk: Int, depth: Int, period: Int, limits: Any, widths: Any,
    sums: Any, dynamic_range: Int, unary_limit: Int, initial: Int, rescaling: Int, words: Any,
) -> Any:  # fmt: skip
    word, position = np.uint64(0), np.uint64(0)
    longest, escape = np.uint64(unary_limit), np.uint64(dynamic_range)
    bands, top = base.size, (1 << rescaling) - 1
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
                count = count_after(t - 1, initial, rescaling)
                bias, full = 49 * count >> 7, count == top
                magnitude = 64 - np.int64(leading_zeros(np.uint64(count)))
                for z in range(first, last):
                    delta = np.int64(numbers[np.uintp(base[np.uintp(z)] + t * width)])
                    total = sums[np.uintp(z)]
                    k = _code_index(total + bias, count, magnitude, dynamic_range - 2)
                    index = np.uint64(delta)
                    zeros = index >> k
                    if zeros < longest:
                        code = (ONE << k) | (index & ((ONE << k) - ONE))
                        word, position = put(code, zeros + ONE + k, words, word, position)
                    else:
                        word, position = put(index, longest + escape, words, word, position)
                    total += delta
                    sums[np.uintp(z)] = (total + 1) >> 1 if full else total
    words[position >> np.uint64(6)] = word
    return position


@njit(nogil=True, cache=True, error_model="numpy")
def _decode(
    numbers: Any, base: Any, width: Int, pixels: Int, chunk: Int, depth: Int, period: Int, limits: Any, widths: Any,
    sums: Any, dynamic_range: Int, unary_limit: Int, initial: Int, rescaling: Int, words: Any, end: Int,
) -> Any:  # fmt: skip
    position, stop = np.uint64(64 * bits.PADDING), np.uint64(end)
    longest, escape, seen = np.uint64(unary_limit), np.uint64(dynamic_range), np.int64(0)
    bands, top = base.size, (1 << rescaling) - 1
    for start in range(0, pixels, chunk):
        if period > 0 and start // chunk % period == 0:
            for i in range(widths.size):
                if position >= stop:
                    return np.int64(end + 1), seen
                limits[start // chunk // period, i] = after(words, position) >> np.uint64(64 - widths[i])
                position += np.uint64(widths[i])
        for first in range(0, bands, depth):
            last = min(first + depth, bands)
            for t in range(start, start + chunk):
                if t == 0:
                    for z in range(first, last):
                        if position >= stop:
                            return np.int64(end + 1), seen
                        numbers[base[z]] = after(words, position) >> (bits.SIXTY_FOUR - escape)
                        position += escape
                    continue
                count = count_after(t - 1, initial, rescaling)
                bias, full = 49 * count >> 7, count == top
                magnitude = 64 - np.int64(leading_zeros(np.uint64(count)))
                for z in range(first, last):
                    if position >= stop:
                        return np.int64(end + 1), seen
                    total = sums[np.uintp(z)]
                    k = _code_index(total + bias, count, magnitude, dynamic_range - 2)
                    window = after(words, position)
                    zeros = leading_zeros(window)
                    if zeros < longest:
                        rest = (window << zeros) << ONE
                        delta = np.int64((zeros << k) | ((rest >> ONE) >> (SIXTY_THREE - k)))
                        position += zeros + ONE + k
                    else:
                        delta = np.int64((window << longest) >> (bits.SIXTY_FOUR - escape))
                        position += longest + escape
                    seen |= delta
                    numbers[np.uintp(base[np.uintp(z)] + t * width)] = delta
                    total += delta
                    sums[np.uintp(z)] = (total + 1) >> 1 if full else total
    return np.int64(position), seen
