"""The block-adaptive entropy coder's kernels (clause 5.4.3.4): the adaptive coder of CCSDS 121.0, no preprocessor.

Blocks of J numbers are coded by whichever option is shortest: all zeros, counted over several blocks; pairs (second
extension); the k low bits split off and the rest in unary; or as they are. Of equally short ones the encoder takes no
compression, then second extension, then the smallest k: the standard leaves it free.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.ccsds123 import words as bits
from hypress.ccsds123.lanes import Lanes
from hypress.ccsds123.limits import Limits
from hypress.ccsds123.parameters import BlockAdaptive, Parameters
from hypress.ccsds123.reference_coders import ZERO_BLOCK_SEGMENT, identifier_bits
from hypress.entropy.mq import Int
from hypress.errors import CodestreamError

put, after = bits.put, bits.after
leading_zeros: Any = bits.leading_zeros
ONE, SIXTY_THREE, SIXTY_FOUR = bits.ONE, bits.SIXTY_THREE, bits.SIXTY_FOUR
ROS = 4  # zeros before the 1 that say: zero blocks to the end of the segment


def encode(lanes: Lanes, p: Parameters) -> bytes:
    """The body, filled up to a byte."""
    coder, limits = p.coder, Limits(p)
    assert isinstance(coder, BlockAdaptive)
    values = _sequence(lanes, limits, coder)
    _gather(lanes.numbers, lanes.base, lanes.width, lanes.pixels, *limits.order, limits.values, limits.widths, values)
    identifier = identifier_bits(p, coder.restricted)
    # No option is longer than no compression but zero blocks, of which one takes identifier, 0 and 1.
    longest = values.size * p.bits + values.size // coder.block * (identifier + 2)
    words = np.empty(longest // 64 + 3, np.uint64)
    position = _encode(values, coder.block, coder.interval, identifier, p.bits, words)
    return bits.to_bytes(words, int(position))


def decode(body: bytes, lanes: Lanes, p: Parameters) -> Limits:
    """Indices go to `lanes`; the error limits of the body are returned. Raises CodestreamError."""
    coder, limits = p.coder, Limits(p)
    assert isinstance(coder, BlockAdaptive)
    values = _sequence(lanes, limits, coder)
    end = 64 * bits.PADDING + 8 * len(body)
    identifier = identifier_bits(p, coder.restricted)
    position = int(_decode(values, coder.block, coder.interval, identifier, p.bits, bits.to_words(body), end))
    if position > end or (values >> p.bits).any():
        raise CodestreamError("the CCSDS 123 body is cut short or damaged")
    if end - position >= 8 * p.word_size:
        raise CodestreamError("the CCSDS 123 body goes on after its last sample")
    _scatter(lanes.numbers, lanes.base, lanes.width, lanes.pixels, *limits.order, limits.values, limits.widths, values)
    for limit, width in zip(limits.values.max(axis=0), limits.widths, strict=True):
        if limit >> width:
            raise CodestreamError("the CCSDS 123 body has error limits that do not fit into their bits")
    return limits


def _sequence(lanes: Lanes, limits: Limits, coder: BlockAdaptive) -> NDArray[np.int64]:
    """Room for the coder's input: limits and indices in coded order, and zeros up to a whole block."""
    count = lanes.bands * lanes.pixels + limits.widths.size * len(limits.values)
    return np.zeros(-(-count // coder.block) * coder.block, np.int64)


@njit(nogil=True, cache=True)
def _gather(
    numbers: Any, base: Any, width: Int, pixels: Int, chunk: Int, depth: Int, period: Int, limits: Any, widths: Any,
    values: Any,
) -> None:  # fmt: skip
    """Into coded order (5.4.2)."""
    at = 0
    for start in range(0, pixels, chunk):
        if period > 0 and start // chunk % period == 0:
            for i in range(widths.size):
                values[at] = limits[start // chunk // period, i]
                at += 1
        for first in range(0, base.size, depth):
            for t in range(start, start + chunk):
                for z in range(first, min(first + depth, base.size)):
                    values[at] = numbers[base[z] + t * width]
                    at += 1


@njit(nogil=True, cache=True)
def _scatter(
    numbers: Any, base: Any, width: Int, pixels: Int, chunk: Int, depth: Int, period: Int, limits: Any, widths: Any,
    values: Any,
) -> None:  # fmt: skip
    """Out of coded order."""
    at = 0
    for start in range(0, pixels, chunk):
        if period > 0 and start // chunk % period == 0:
            for i in range(widths.size):
                limits[start // chunk // period, i] = values[at]
                at += 1
        for first in range(0, base.size, depth):
            for t in range(start, start + chunk):
                for z in range(first, min(first + depth, base.size)):
                    numbers[base[z] + t * width] = values[at]
                    at += 1


@njit(nogil=True, cache=True)
def _segment_end(block: Int, blocks: Int, interval: Int) -> Int:
    """The block before which a run of zero blocks that reaches `block` must end."""
    start = block - block % interval
    segment = start + ((block - start) // ZERO_BLOCK_SEGMENT + 1) * ZERO_BLOCK_SEGMENT
    return min(segment, start + interval, blocks)


@njit(nogil=True, cache=True)
def _unary(zeros: Any, words: Any, word: Any, position: Any) -> tuple[Any, Any]:
    """So many zeros, then a 1."""
    while zeros >= SIXTY_FOUR:
        word, position = put(np.uint64(0), SIXTY_FOUR, words, word, position)
        zeros -= SIXTY_FOUR
    return put(ONE, zeros + ONE, words, word, position)


@njit(nogil=True, cache=True)
def _encode(values: Any, size: Int, interval: Int, identifier: Int, dynamic_range: Int, words: Any) -> Any:
    word, position = np.uint64(0), np.uint64(0)
    width, escape = np.uint64(identifier), np.uint64(dynamic_range)
    blocks, block = values.size // size, 0
    while block < blocks:
        at = block * size
        end, run = _segment_end(block, blocks, interval), 0
        while block + run < end and not values[at + run * size : at + (run + 1) * size].any():
            run += 1
        if run > 0:
            word, position = put(np.uint64(0), width + ONE, words, word, position)
            zeros = ROS if block + run == end and run > ROS else run - 1 if run <= ROS else run
            word, position = _unary(np.uint64(zeros), words, word, position)
            block += run
            continue
        shortest, option = size * dynamic_range, (1 << identifier) - 1
        pairs = 1 + size // 2
        for i in range(at, at + size, 2):
            total = values[i] + values[i + 1]
            pairs = pairs + (total * (total + 1) >> 1) + values[i + 1] if total < 1 << 20 else 1 << 40
            pairs = min(pairs, 1 << 40)
        if pairs < shortest:
            shortest, option = pairs, 0
        for low in range((1 << identifier) - 2):
            split = size * (low + 1)
            for i in range(at, at + size):
                split += values[i] >> low
            if split < shortest:
                shortest, option = split, low + 1
        word, position = put(np.uint64(option), width, words, word, position)
        if option == (1 << identifier) - 1:
            for i in range(at, at + size):
                word, position = put(np.uint64(values[i]), escape, words, word, position)
        elif option == 0:
            word, position = put(ONE, ONE, words, word, position)
            for i in range(at, at + size, 2):
                total = values[i] + values[i + 1]
                word, position = _unary(np.uint64((total * (total + 1) >> 1) + values[i + 1]), words, word, position)
        else:
            k = np.uint64(option - 1)
            for i in range(at, at + size):
                word, position = _unary(np.uint64(values[i]) >> k, words, word, position)
            if option > 1:
                for i in range(at, at + size):
                    word, position = put(np.uint64(values[i]) & ((ONE << k) - ONE), k, words, word, position)
        block += 1
    words[position >> np.uint64(6)] = word
    return position


@njit(nogil=True, cache=True)
def _zeros(words: Any, position: Any, stop: Any) -> tuple[Any, Any]:
    """Zeros up to the next 1, and the position after it; no further than `stop`."""
    start = position
    while position < stop:
        zeros = leading_zeros(after(words, position))
        position += zeros
        if zeros < SIXTY_FOUR:
            return position - start, position + ONE
    return np.uint64(0), stop + ONE


@njit(nogil=True, cache=True)
def _decode(values: Any, size: Int, interval: Int, identifier: Int, dynamic_range: Int, words: Any, end: Int) -> Any:
    """The position after the last block; beyond `end` where that is too early."""
    position, stop = np.uint64(64 * bits.PADDING), np.uint64(end)
    width, escape = np.uint64(identifier), np.uint64(dynamic_range)
    blocks, block = values.size // size, np.int64(0)
    while block < blocks:
        if position >= stop:
            return stop + ONE
        at, option = block * size, np.int64(after(words, position) >> (SIXTY_FOUR - width))
        position += width
        if option == (1 << identifier) - 1:
            if position + np.uint64(size) * escape > stop:
                return stop + ONE
            for i in range(at, at + size):
                values[i] = np.int64(after(words, position) >> (SIXTY_FOUR - escape))
                position += escape
        elif option > 0:
            k = np.uint64(option - 1)
            for i in range(at, at + size):
                zeros, position = _zeros(words, position, stop)
                values[i] = np.int64(zeros << k)
            if position + np.uint64(size) * k > stop:
                return stop + ONE
            for i in range(at, at + size):
                values[i] |= np.int64((after(words, position) >> ONE) >> (SIXTY_THREE - k))
                position += k
        else:
            pairs = position < stop and after(words, position) >> SIXTY_THREE == ONE
            position += ONE
            if pairs:
                for i in range(at, at + size, 2):
                    zeros, position = _zeros(words, position, stop)
                    gamma = np.int64(zeros)
                    total = np.int64((np.sqrt(8.0 * gamma + 1.0) - 1.0) / 2.0)
                    total -= total * (total + 1) >> 1 > gamma
                    total += (total + 1) * (total + 2) >> 1 <= gamma
                    second = gamma - (total * (total + 1) >> 1)
                    values[i], values[i + 1] = total - second, second
            else:
                zeros, position = _zeros(words, position, stop)
                last = _segment_end(block, blocks, interval)
                run = last - block if zeros == ROS else np.int64(zeros) + (1 if zeros < ROS else 0)
                if block + run > last:
                    return stop + ONE
                block += run - 1  # their values are zero already
        block += 1
    return position
