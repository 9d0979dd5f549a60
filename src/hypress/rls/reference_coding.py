"""The other half of `reference`: cells, what is learnt of them, and the two ways to code one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.rls import axis as spaced
from hypress.rls import coder, interval, tables


class Even:
    """Boundaries at equal steps."""

    def __init__(self, offset: float, step: float) -> None:
        self.offset, self.step = offset, step

    def boundary(self, index: int) -> float:
        """Where the cell `index` begins."""
        return self.offset + self.step * index

    def first_from(self, place: float, low: int, high: int) -> int:
        """The first boundary in `low … high` that is not below `place`."""
        return int(min(max(math.ceil((place - self.offset) / self.step), low), high))


class Axis:
    """Boundaries as learnt from the codes met."""

    def __init__(self, codes: int, frequency: int) -> None:
        self.codes, self.frequency = codes, frequency
        self.bounds = [float(i) for i in range(codes + 1)]
        self.met, self.expected = [0.0] * codes, np.zeros(codes + 1)
        self.seen, self.renewal, self.favour = 0, 64, 0.0

    def boundary(self, index: int) -> float:
        """Where the cell `index` begins."""
        return self.bounds[index]

    def first_from(self, place: float, low: int, high: int) -> int:
        """The first boundary in `low … high` that is not below `place`."""
        return next((i for i in range(low, high) if self.bounds[i] >= place), high)

    def place(self, centre: float) -> float:
        """Where a fractional code is on the axis."""
        i = int(centre + 0.5)
        return self.bounds[i] + (centre + 0.5 - i) * (self.bounds[i + 1] - self.bounds[i])

    def renew_if_due(self) -> None:
        """Renew the boundaries when there is enough that is new."""
        if self.seen < self.renewal:
            return
        self.renewal = self.seen + max(64, self.seen // 8, self.codes // 32)
        expected = [max(float(e), 0.0) for e in _running(self.expected[:-1])]
        phases = [self.frequency * code % 65536 * spaced.PHASES >> 16 for code in range(self.codes)]
        met_phase, expected_phase = [spaced.PHASE_DOUBT] * spaced.PHASES, [spaced.PHASE_DOUBT] * spaced.PHASES
        for phase, met, hoped in zip(phases, self.met, expected, strict=True):
            expected_phase[phase] += hoped
            met_phase[phase] += met
        for code, phase in enumerate(phases):
            usual = met_phase[phase] / expected_phase[phase] if self.frequency else 1.0
            width = usual * (self.met[code] + spaced.DOUBT) / (expected[code] * usual + spaced.DOUBT)
            self.bounds[code + 1] = self.bounds[code] + min(max(width, spaced.NARROWEST), spaced.WIDEST)

    def see(self, code: int, centre: float, spread: float) -> None:
        """Learn from a code, and whether the axis made it likelier."""
        self.seen += 1
        low, high = max(centre - 2.0 * spread, 0.0), min(centre + 2.0 * spread, self.codes - 1.0)
        gained = 0.0
        if high - low >= 0.5:
            mean = (self.place(high) - self.place(low)) / (high - low)
            width = self.bounds[code + 1] - self.bounds[code]
            gained = (width - mean) / (width + mean)
        self.favour = spaced.JUDGING * self.favour + gained
        self.met[code] += 1.0
        half = (spaced.NARROW if self.seen % 2 else spaced.WIDE) * spread + 0.5
        start = min(max(centre + 0.5 - half, 0.0), self.codes - 1.0)
        end = min(max(centre + 0.5 + half, start + 1.0), float(self.codes))
        height = 1.0 / (end - start)
        for sign, edge in ((1.0, start), (-1.0, end)):
            i = int(edge)
            self.expected[i] += sign * (height * (1.0 - (edge - i)))
            self.expected[min(i + 1, self.codes)] += sign * (height * (edge - i))


def _running(values: NDArray[np.float64]) -> list[float]:
    total, out = 0.0, []
    for value in values:
        total += float(value)
        out.append(total)
    return out


# --- coding -----------------------------------------------------------------------------------------


class Corrections:
    """What contexts have taught about each kind of decision."""

    def __init__(self, contexts: int) -> None:
        self.biases: list[dict[tuple[int, int], list[float]]] = [{} for _ in range(contexts)]
        self.steep = [1.0] * coder.NODES

    def chance(self, kind: int, known: float, found: list[int]) -> float:
        """Probability of a one."""
        t = self.steep[kind] * known
        for biases, context in zip(self.biases, found, strict=True):
            t += biases.get((context, kind), [0.0])[0]
        return coder.squash.py_func(tables.logistic(), t)

    def learn(self, kind: int, known: float, found: list[int], error: float) -> None:
        """Learn from the bit minus its probability."""
        self.steep[kind] += coder.STEEPENING * error * known
        for biases, context in zip(self.biases, found, strict=True):
            held = biases.setdefault((context, kind), [0.0, 0])
            held[0] += float(coder.rates()[int(held[1])]) * error
            held[1] = min(held[1] + 1, coder.REMEMBERED - 1)


class ByDecisions:
    """What `coder` does: a binary arithmetic coder with integers of any length."""

    def __init__(self, contexts: int) -> None:
        self.corrections, self.contexts = Corrections(contexts), contexts
        self.low, self.high, self.out = 0, 0xFFFFFFFF, bytearray()

    def bit(self, chance: int, bit: int) -> None:
        """Code a bit whose probability of a one is `chance` of 65536."""
        middle = self.low + (self.high - self.low) * chance // 65536
        self.low, self.high = (self.low, middle) if bit else (middle + 1, self.high)
        while self.low >> 24 == self.high >> 24:
            self.out.append(self.high >> 24)
            self.low, self.high = self.low << 8 & 0xFFFFFFFF, self.high << 8 & 0xFFFFFFFF | 255

    def finish(self) -> bytes:
        """The stream without trailing zeros."""
        self.out.append(self.high >> 24)
        return bytes(self.out).rstrip(b"\0")

    def integer(
        self, value: int, low: int, high: int, centre: float, spread: float, cells: Any, found: list[int]
    ) -> None:
        """Code `value`, one of `low … high`."""
        found = found[: self.contexts]
        cuts, logistic, logit = tables.thresholds(), tables.logistic(), tables.logit()
        high, at_low, at_high, inverse = high + 1, 0.0, 1.0, 1.0 / spread
        node, steps, tail = 1, 0, 0
        while high - low > 1:
            outside = steps >= tables.DEPTH and node in (coder.LEAVES, 2 * coder.LEAVES - 1)
            above = node == 2 * coder.LEAVES - 1
            if steps < tables.DEPTH:
                kind, cut = node, float(cuts[node])
            elif outside and tail < tables.TAIL:
                cut = float(cuts[coder.LEAVES + tail]) * (1 if above else -1)
                kind = coder.LEAVES + tail + (tables.TAIL if above else 0)
            else:
                kind = coder.HALVING
            halving = kind == coder.HALVING
            at = (low + high) >> 1 if halving else cells.first_from(centre + spread * cut, low, high)
            if low < at < high:
                below = coder.squash.py_func(logistic, (cells.boundary(at) - centre) * inverse)
                whole = at_high - at_low
                known = coder.stretch.py_func(logit, (at_high - below) / whole if whole > 1e-12 else 0.5)
                chance = self.corrections.chance(kind, known, found)
                bit = int(value >= at)
                self.bit(min(max(int(chance * 65536.0), coder.LEAST), 65536 - coder.LEAST), bit)
                self.corrections.learn(kind, known, found, bit - chance)
                if bit:
                    low, at_low = at, below
                else:
                    high, at_high = at, below
            else:
                bit = int(at <= low)
            if steps < tables.DEPTH:
                node, steps = 2 * node + bit, steps + 1
            elif not halving:
                tail = tail + 1 if bit == above else tables.TAIL


class Shape:
    """What shares of a distribution were met: a line through learnt points."""

    def __init__(self) -> None:
        self.points = [i / interval.PIECES for i in range(interval.PIECES + 1)]
        self.met = [interval.DOUBT] * interval.PIECES
        self.seen, self.due = 0.0, 8.0

    def bend(self, u: float) -> float:
        """The share that is made of u."""
        i = min(int(u * interval.PIECES), interval.PIECES - 1)
        return self.points[i] + (u * interval.PIECES - i) * (self.points[i + 1] - self.points[i])

    def see(self, low: float, high: float) -> None:
        """Learn that a cell from u = `low` to `high` was met."""
        if high <= low:
            return
        if high - low < 1 / interval.PIECES:
            self.met[int((low + high) * (0.5 * interval.PIECES))] += 1.0
        else:
            start, end = self.bend(low), self.bend(high)
            for i in range(int(low * interval.PIECES), min(int(high * interval.PIECES), interval.PIECES - 1) + 1):
                self.met[i] += 1.0 / (end - start) * (min(self.points[i + 1], end) - max(self.points[i], start))
        self.seen += 1.0
        if self.seen >= self.due:
            self.due = self.seen + min(max(self.seen * 0.25, 8.0), 64.0)
            part = 1.0 / _running(np.array(self.met))[-1]
            self.points[1:-1] = [total * part for total in _running(np.array(self.met[:-1]))]
            if 1.0 / part > interval.REMEMBERED:
                self.met = [0.5 * m for m in self.met]


class ByIntervals:
    """What `interval` does, with integers of any length: the interval is never cut."""

    def __init__(self) -> None:
        self.low, self.width, self.bytes = 0, interval.TOP, 7
        self.shapes: dict[int, Shape] = {}

    def integer(
        self, value: int, low: int, high: int, centre: float, spread: float, cells: Any, found: list[int]
    ) -> None:
        """Code `value`, one of `low … high`."""
        count, inverse = high - low + 1, 1.0 / spread
        if count == 1:
            return
        shape = self.shapes.setdefault(found[0] // 2, Shape())
        places, shares = [], []
        for k in (value - low, value - low + 1):
            u = coder.squash.py_func(tables.logistic(), (cells.boundary(low + k) - centre) * inverse)
            places.append(0.0 if k == 0 else 1.0 if k == count else u)
            share = int(shape.bend(u) * (interval.WHOLE - 2 * count)) + 2 * k
            shares.append(0 if k == 0 else interval.WHOLE if k == count else share)
        part = self.width // interval.WHOLE
        self.low, self.width = self.low + part * shares[0], part * (shares[1] - shares[0])
        while self.width < interval.BYTE:
            self.low, self.width, self.bytes = self.low << 8, self.width << 8, self.bytes + 1
        shape.see(*places)

    def finish(self) -> bytes:
        """The number with most zeros at its end, without those."""
        for zeros in range(55, -1, -1):
            value = -(-self.low >> zeros) << zeros
            if value < self.low + self.width:
                break
        return value.to_bytes(self.bytes, "big").rstrip(b"\0")
