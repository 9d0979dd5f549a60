"""The three entropy coders to be read: clause 5.4.3, in plain Python, with bits as text.

The kernels of `sample_adaptive`, `hybrid` and `block_adaptive` do what is said here, some hundred times faster.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.ccsds123.low_entropy import codes
from hypress.ccsds123.parameters import BlockAdaptive, Hybrid, Parameters, Rows, SampleAdaptive

Place = tuple[int, int]  # band z, pixel t


def encode(indices: NDArray[Any], p: Parameters) -> str:
    """The body's bits, fill bits left out, for mapped quantiser indices `(band, y, x)`."""
    coder = {SampleAdaptive: _encode_sample_adaptive, Hybrid: _encode_hybrid, BlockAdaptive: _encode_blocks}
    return coder[type(p.coder)](indices.reshape(p.bands, -1), p)


def decode(bits: str, p: Parameters) -> tuple[NDArray[np.int64], Rows, Rows]:
    """Indices `(band, y, x)`, and where they are updated the absolute and the relative limits of each period."""
    coder = {SampleAdaptive: _decode_sample_adaptive, Hybrid: _decode_hybrid, BlockAdaptive: _decode_blocks}
    return coder[type(p.coder)](bits, p)


def sequence(p: Parameters) -> Iterator[Place | int]:
    """What goes into the coder, in order (5.4.2): places, and at the head of a period its number."""
    bands, rows, columns = p.shape
    if p.depth is None:
        yield from ((z, t) for z in range(bands) for t in range(rows * columns))
        return
    for y in range(rows):
        if p.period is not None and y % (1 << p.period) == 0:
            yield y >> p.period
        for first in range(0, bands, p.depth):
            for x in range(columns):
                yield from ((z, y * columns + x) for z in range(first, min(first + p.depth, bands)))


def _binary(value: int, width: int) -> str:
    return format(value, f"0{width}b") if width else ""


class _Limits:
    """Error limits on their way through a coder: those of a period are its absolute, then its relative ones."""

    def __init__(self, p: Parameters) -> None:
        self.kinds = [limits for limits in (p.absolute, p.relative) if limits is not None]
        self.counts = [p.bands if limits.dependent else 1 for limits in self.kinds]
        self.widths = [kind.bits for kind, count in zip(self.kinds, self.counts, strict=True) for _ in range(count)]
        self.read: list[list[tuple[int, ...]]] = [[] for _ in self.kinds]
        self.both = p.absolute is not None, p.relative is not None

    def of(self, period: int) -> list[int]:
        """A period's values."""
        return [value for kind in self.kinds for value in kind.values[period]]

    def take(self, values: Iterator[int]) -> None:
        """The next period's values."""
        for rows, count in zip(self.read, self.counts, strict=True):
            rows.append(tuple(next(values) for _ in range(count)))

    def result(self) -> tuple[Rows, Rows]:
        """Absolute and relative limits."""
        rows = iter(map(tuple, self.read))
        absolute, relative = (tuple(next(rows)) if there else () for there in self.both)
        return absolute, relative


# --- sample-adaptive (5.4.3.2) -------------------------------------------------------------------


class _Statistics:
    """Accumulator Σ and counter Γ of one band (equations 57–61), and the code index k from them."""

    def __init__(self, p: Parameters, coder: SampleAdaptive, band: int) -> None:
        self.p, self.limit = p, 1 << coder.rescaling
        k = p.of_bands(coder.accumulator)[band]
        k = k if k <= 30 - p.bits else 2 * k + p.bits - 30
        self.count = 1 << coder.initial_count
        self.sum = (3 * (1 << (k + 6)) - 49) * self.count >> 7

    def k(self) -> int:
        """Equation 62."""
        bound = self.sum + (49 * self.count >> 7)
        return max([k for k in range(1, self.p.bits - 1) if self.count << k <= bound], default=0)

    def learn(self, delta: int) -> None:
        """Equations 60 and 61."""
        self.sum, self.count = self.sum + delta, self.count + 1
        if self.count == self.limit:
            self.sum, self.count = (self.sum + 1) >> 1, self.count >> 1


def _encode_sample_adaptive(indices: NDArray[Any], p: Parameters) -> str:
    coder = p.coder
    assert isinstance(coder, SampleAdaptive)
    statistics = [_Statistics(p, coder, z) for z in range(p.bands)]
    limits = _Limits(p)
    out: list[str] = []
    for place in sequence(p):
        if isinstance(place, int):
            out += map(_binary, limits.of(place), limits.widths)
            continue
        z, t = place
        delta = int(indices[z, t])
        if t == 0:
            out.append(_binary(delta, p.bits))
            continue
        k = statistics[z].k()
        if delta >> k < coder.unary_limit:
            out.append("0" * (delta >> k) + "1" + _binary(delta % (1 << k), k))
        else:
            out.append("0" * coder.unary_limit + _binary(delta, p.bits))
        statistics[z].learn(delta)
    return "".join(out)


def _decode_sample_adaptive(bits: str, p: Parameters) -> tuple[NDArray[np.int64], Rows, Rows]:
    coder, at = p.coder, 0
    assert isinstance(coder, SampleAdaptive)

    def take(width: int) -> int:
        nonlocal at
        at += width
        return int(bits[at - width : at] or "0", 2)

    statistics = [_Statistics(p, coder, z) for z in range(p.bands)]
    limits, indices = _Limits(p), np.zeros((p.bands, p.pixels), np.int64)
    for place in sequence(p):
        if isinstance(place, int):
            limits.take(map(take, limits.widths))
            continue
        z, t = place
        if t == 0:
            indices[z, 0] = take(p.bits)
            continue
        k, zeros = statistics[z].k(), 0
        while zeros < coder.unary_limit and not take(1):
            zeros += 1
        indices[z, t] = delta = (zeros << k) + take(k) if zeros < coder.unary_limit else take(p.bits)
        statistics[z].learn(delta)
    return indices.reshape(p.shape), *limits.result()


# --- hybrid (5.4.3.3) ----------------------------------------------------------------------------


def _code_of(total: int, count: int, p: Parameters) -> tuple[bool, int]:
    """Whether an index is high-entropy, and its k (equation 66), or the index of its low-entropy code."""
    if total << 14 >= codes()[0].threshold * count:
        bound = total + (49 * count >> 5)
        return True, max(k for k in range(1, max(p.bits - 2, 2) + 1) if count << (k + 2) <= bound)
    return False, max(i for i, code in enumerate(codes()) if total << 14 < count * code.threshold)


def _reversed_golomb(j: int, k: int, p: Parameters, unary_limit: int) -> str:
    """R'_k(j) (5.4.3.3.3.2)."""
    if j >> k < unary_limit:
        return _binary(j % (1 << k), k) + "1" + "0" * (j >> k)
    return _binary(j, p.bits) + "0" * unary_limit


def _encode_hybrid(indices: NDArray[Any], p: Parameters) -> str:
    coder = p.coder
    assert isinstance(coder, Hybrid)
    assert coder.accumulator is not None
    totals, counts = list(coder.accumulator), [1 << coder.initial_count] * p.bands
    prefixes: list[tuple[int, ...]] = [()] * len(codes())
    limits = _Limits(p)
    out: list[str] = []
    for place in sequence(p):
        if isinstance(place, int):
            out += map(_binary, limits.of(place), limits.widths)
            continue
        z, t = place
        delta = int(indices[z, t])
        if t == 0:
            out.append(_binary(delta, p.bits))
            continue
        totals[z], counts[z] = totals[z] + 4 * delta, counts[z] + 1
        if counts[z] == 1 << coder.rescaling:
            out.append(_binary(totals[z] % 2, 1))  # the low bit of Σ(t−1): 4δ does not change it
            totals[z], counts[z] = (totals[z] + 1) >> 1, counts[z] >> 1
        high, index = _code_of(totals[z], counts[z], p)
        if high:
            out.append(_reversed_golomb(delta, index, p, coder.unary_limit))
            continue
        code = codes()[index]
        if delta > code.limit:
            out.append(_reversed_golomb(delta - code.limit - 1, 0, p, coder.unary_limit))
        prefix = (*prefixes[index], min(delta, code.limit + 1))
        if prefix in code.words:
            out.append(code.words[prefix])
            prefix = ()
        prefixes[index] = prefix
    out += [code.flushes[prefix] for code, prefix in zip(codes(), prefixes, strict=True)]
    out += [_binary(total, 2 + p.bits + coder.rescaling) for total in totals]
    return "".join(out) + "1"


def _decode_hybrid(bits: str, p: Parameters) -> tuple[NDArray[np.int64], Rows, Rows]:
    """From the end to the beginning."""
    coder, at = p.coder, bits.rindex("1")
    assert isinstance(coder, Hybrid)

    def take(width: int) -> int:
        nonlocal at
        at -= width
        return int(bits[at : at + width] or "0", 2)

    def word_of(words: dict[tuple[int, ...], str]) -> tuple[int, ...]:
        nonlocal at
        found = next(word for word, coded in words.items() if bits.endswith(coded, 0, at))
        at -= len(words[found])
        return found

    def golomb(k: int) -> int:
        zeros = 0
        while zeros < coder.unary_limit and not take(1):
            zeros += 1
        return (zeros << k) + take(k) if zeros < coder.unary_limit else take(p.bits)

    totals = [take(2 + p.bits + coder.rescaling) for _ in range(p.bands)][::-1]
    waiting = [list(word_of(code.flushes)) for code in reversed(codes())][::-1]
    places = list(sequence(p))
    limits, indices = _Limits(p), np.zeros((p.bands, p.pixels), np.int64)
    for place in reversed(places):
        if isinstance(place, int):
            limits.take(reversed([take(width) for width in reversed(limits.widths)]))
            continue
        z, t = place
        if t == 0:
            indices[z, 0] = take(p.bits)
            continue
        high, index = _code_of(totals[z], _count(t, coder), p)
        if high:
            delta = golomb(index)
        else:
            if not waiting[index]:
                waiting[index] = list(word_of(codes()[index].words))
            delta = waiting[index].pop()
            if delta > codes()[index].limit:
                delta += golomb(0)
        indices[z, t] = delta
        if _count(t - 1, coder) == (1 << coder.rescaling) - 1:
            # Σ(t) = ⌊(Σ(t−1) + 4δ + 1)/2⌋, and the low bit of Σ(t−1) has been told.
            totals[z] = 2 * totals[z] - take(1)
        totals[z] -= 4 * delta
    for rows in limits.read:
        rows.reverse()
    return indices.reshape(p.shape), *limits.result()


def _count(t: int, coder: Hybrid) -> int:
    """Γ(t) (equations 63 and 65)."""
    count = 1 << coder.initial_count
    for _ in range(t):
        count += 1
        if count == 1 << coder.rescaling:
            count >>= 1
    return count


# --- block-adaptive (5.4.3.4, CCSDS 121.0) -------------------------------------------------------

ZERO_BLOCK_SEGMENT = 64  # blocks: zero blocks are counted within such segments of a reference interval


def identifier_bits(p: Parameters, restricted: bool) -> int:
    """Length of an option's identifier."""
    if restricted:
        return 1 if p.bits == 2 else 2
    return 3 if p.bits <= 8 else 4 if p.bits <= 16 else 5


def segment_end(block: int, blocks: int, interval: int) -> int:
    """The block before which a run of zero blocks that reaches `block` must end."""
    start = block - block % interval
    within = (block - start) // ZERO_BLOCK_SEGMENT * ZERO_BLOCK_SEGMENT
    return min(start + within + ZERO_BLOCK_SEGMENT, start + interval, blocks)


def _encode_blocks(indices: NDArray[Any], p: Parameters) -> str:
    coder = p.coder
    assert isinstance(coder, BlockAdaptive)
    limits, values = _Limits(p), []
    for place in sequence(p):
        values += limits.of(place) if isinstance(place, int) else [int(indices[place])]
    values += [0] * (-len(values) % coder.block)
    blocks = [values[i : i + coder.block] for i in range(0, len(values), coder.block)]
    width, out, at = identifier_bits(p, coder.restricted), [], 0
    while at < len(blocks):
        if any(blocks[at]):
            out.append(_shortest(blocks[at], width, p))
            at += 1
            continue
        end, run = segment_end(at, len(blocks), coder.interval), 1
        while at + run < end and not any(blocks[at + run]):
            run += 1
        if at + run == end and run >= 5:
            zeros = 4  # ROS: the remainder of the segment
        else:
            zeros = run - 1 if run < 5 else run
        out.append("0" * width + "0" + "0" * zeros + "1")
        at += run
    return "".join(out)


def _shortest(block: list[int], width: int, p: Parameters) -> str:
    """The shortest option: of equal ones no compression, then second extension, then the smallest k."""
    options = ["1" * width + "".join(_binary(value, p.bits) for value in block)]
    pairs = zip(block[::2], block[1::2], strict=True)
    gammas = [(a + b) * (a + b + 1) // 2 + b for a, b in pairs]
    if sum(gammas) < len(options[0]):
        options.append("0" * width + "1" + "".join("0" * gamma + "1" for gamma in gammas))
    for k in range((1 << width) - 2):
        if sum(value >> k for value in block) < len(options[0]):
            unary = "".join("0" * (value >> k) + "1" for value in block)
            rest = "".join(_binary(value % (1 << k), k) for value in block)
            options.append(_binary(k + 1, width) + unary + rest)
    return min(options, key=len)


def _decode_blocks(bits: str, p: Parameters) -> tuple[NDArray[np.int64], Rows, Rows]:
    coder, at = p.coder, 0
    assert isinstance(coder, BlockAdaptive)

    def take(width: int) -> int:
        nonlocal at
        at += width
        return int(bits[at - width : at] or "0", 2)

    def unary() -> int:
        nonlocal at
        start, at = at, bits.index("1", at) + 1
        return at - 1 - start

    places, limits = list(sequence(p)), _Limits(p)
    count = sum(len(limits.widths) if isinstance(place, int) else 1 for place in places)
    values: list[int] = []
    width = identifier_bits(p, coder.restricted)
    blocks = -(-count // coder.block)
    while len(values) < count:
        block, option = len(values) // coder.block, take(width)
        if option == (1 << width) - 1:
            values += [take(p.bits) for _ in range(coder.block)]
        elif option:
            high = [unary() << (option - 1) for _ in range(coder.block)]
            values += [each + take(option - 1) for each in high]
        elif take(1):
            for _ in range(coder.block // 2):
                gamma, total = unary(), 0
                while (total + 1) * (total + 2) // 2 <= gamma:
                    total += 1
                second = gamma - total * (total + 1) // 2
                values += [total - second, second]
        else:
            zeros = unary()
            end = segment_end(block, blocks, coder.interval)
            run = end - block if zeros == 4 else zeros + 1 if zeros < 4 else zeros
            values += [0] * coder.block * run
    source, indices = iter(values), np.zeros((p.bands, p.pixels), np.int64)
    for place in places:
        if isinstance(place, int):
            limits.take(source)
        else:
            indices[place] = next(source)
    return indices.reshape(p.shape), *limits.result()
