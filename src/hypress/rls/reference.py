"""The codec in plain Python, for small scenes: what `kernel` does, said once more. The tests compare the bytes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.rls import axis as spaced
from hypress.rls import coder, kernel, regression, tables
from hypress.rls.efforts import CONSTANT, EFFORTS, LOOSE, RIDGE, Predictor


def encode(samples: NDArray[Any], bounds: NDArray[np.int64], effort: str, max_error: int, relative: float) -> bytes:
    """The bytes of `rls.encode`."""
    scene, writer = np.array(samples, np.int64), Writer()
    contexts = EFFORTS[effort].contexts
    corrections = Corrections(contexts)
    magnitudes = Magnitudes()
    nothing = Errors(scene.shape[1:], 0.0, None)
    nothing.mean = 8.0
    history = [nothing, nothing]
    variance = 100.0
    for z in range(len(scene)):
        low, high, mode = (int(v) for v in bounds[:, z])
        band = Band(scene, z, effort, variance, low, high)
        gaps = Axis(high - low + 1, mode - 1) if mode else None
        before, earlier = history[-1], history[-2]
        errors = Errors(scene.shape[1:], before.mean, before if z else None)
        for y in range(scene.shape[1]):
            ratio = errors.ratio(before.mean)
            for x in range(scene.shape[2]):
                around = _around(errors, before, ratio, y, x)
                centre = band.predict(y, x)
                level = kernel.level_of.py_func(around)
                spread = magnitudes.spread(level)
                found = [level, *_contexts(errors, before, earlier, ratio, 1.0 / spread, y, x)][:contexts]
                limit = max_error if relative <= 0 else min(max_error, int(abs(centre) * relative))
                value = int(scene[z, y, x])
                if limit:
                    middle, step = math.floor(centre + 0.5), 2 * limit + 1
                    least, most = -((middle - low + limit) // step), (high - middle + limit) // step
                    wrong = value - middle
                    index = (wrong + limit) // step if wrong >= 0 else -((limit - wrong) // step)
                    cells = Even(-0.5 * step, float(step))
                    writer.integer(index, least, most, centre - middle, spread, cells, corrections, found)
                    value = min(max(middle + index * step, low), high)
                else:
                    if gaps:
                        gaps.renew_if_due()
                    bent = gaps is not None and gaps.favour > 0
                    place = gaps.place(centre - low) if gaps and bent else centre - low
                    even: Any = gaps if bent else Even(-0.5, 1.0)
                    writer.integer(value - low, 0, high - low, place, spread, even, corrections, found)
                    if gaps:
                        gaps.see(value - low, centre - low, spread)
                scene[z, y, x] = value
                errors.set(y, x, value - centre)
                magnitudes.see(level, abs(value - centre))
                band.learn(y, x, around, value - centre, limit)
            errors.end_row(y)
        history.append(errors)
        variance = max(errors.energy / errors.seen, 0.125)
        errors.mean = max(errors.magnitude / errors.seen, 0.05)
    return writer.finish()


# --- prediction -------------------------------------------------------------------------------------


class LeastSquares:
    """Sums of one predictor, and its weights."""

    def __init__(self, start: list[float], ridge: list[float], keep: float) -> None:
        self.start, self.ridge, self.fade, self.gain = start, ridge, 1 / keep, 1.0
        self.weights = list(start)
        self.sums = np.zeros((len(start), len(start) + 1))

    def solve(self) -> None:
        """Renew the weights by elimination, in the order of the kernel."""
        size = len(self.start)
        whole = np.triu(self.sums[:, :size]) + np.triu(self.sums[:, :size], 1).T
        system = self.sums.copy()
        for k, known in enumerate(self.start):
            if known:
                system[:, size] -= whole[:, k] * known
        for k in range(size):
            system[k, k] += self.gain * self.ridge[k]
        for k in range(size):
            inverse = 1.0 / system[k, k]
            for i in range(k + 1, size):
                system[i, i:] -= system[k, i] * inverse * system[k, i:]
        change = [0.0] * size
        for i in reversed(range(size)):
            value = float(system[i, size])
            for j in range(i + 1, size):
                value -= float(system[i, j]) * change[j]
            change[i] = value / float(system[i, i])
        self.weights = [c + s for c, s in zip(change, self.start, strict=True)]

    def learn(self, inputs: list[float], value: float, gain: float) -> None:
        """Add a sample."""
        row = np.array([*inputs, value])
        for i in range(len(inputs)):
            self.sums[i, i:] += gain * row[i] * row[i:]
        self.gain *= self.fade
        if self.gain > regression.HUGE:
            self.sums *= 1.0 / self.gain
            self.gain = 1.0


class Band:
    """Predictors of a band, and their mixture."""

    def __init__(self, scene: NDArray[np.int64], z: int, effort: str, variance: float, low: int, high: int) -> None:
        self.scene, self.z, self.variance, self.low, self.high = scene, z, variance, low, high
        bands = len(scene)
        chosen = EFFORTS[effort]
        self.thinned = chosen.thinned
        self.predictors: list[Predictor] = [
            p._replace(bands=min(p.bands, bands - 1), round=p.round[: bands - 1]) for p in chosen.predictors
        ]
        self.fits = []
        for p in self.predictors:
            start = [0.0 if z == 0 and i < len(p.places()) and p.places()[i][0] else w for i, w in enumerate(p.plain())]
            self.fits.append(LeastSquares(start, [RIDGE] * (len(start) - 1) + [LOOSE / variance], p.keep))
        others = len(self.fits) - 1
        self.mixture = LeastSquares([1.0 / (others + 1)] * others, [RIDGE] * others, kernel.MIX_KEEP)
        self.due = [kernel.FIRST] * len(self.fits)
        self.seen = self.learnt = 0

    def at(self, j: int, y: int, x: int) -> int:
        """Sample of band z - j, or what stands for it beyond an edge."""
        if j > self.z:
            return 0
        rows, columns = self.scene.shape[1:]
        y = min(y, rows - 1)
        if x < 0:
            y, x = y - 1, 0
        y, x = max(y, 0), min(x, columns - 1)
        return int(self.scene[self.z - j, y, x])

    def predict(self, y: int, x: int) -> float:
        """The prediction, clipped and in parts of 256."""
        if y == 0:
            centre = float(self.at(0, 0, x - 1)) if x else 0.0
            if self.z:
                centre += self.at(1, 0, x) - (self.at(1, 0, x - 1) if x else 0)
        else:
            self.inputs, self.predicted = [], []
            for k, (p, fit) in enumerate(zip(self.predictors, self.fits, strict=True)):
                inputs = [float(self.at(j, y + dy, x + dx)) for j, dy, dx in p.places()] + [CONSTANT]
                if self.learnt >= self.due[k]:
                    fit.solve()
                    self.due[k] = self.learnt + min(p.period, max(8, self.learnt // 8))
                self.inputs.append(inputs)
                self.predicted.append(self._clip(_weigh(inputs, fit.weights)))
            centre = self.predicted[0]
            self.apart = [p - centre for p in self.predicted[1:]]
            if self.apart:
                if self.learnt and self.learnt % kernel.MIX_PERIOD == 0:
                    self.mixture.solve()
                for weight, apart in zip(self.mixture.weights, self.apart, strict=True):
                    centre += weight * apart
        return self._clip(math.floor(self._clip(centre) * kernel.POINT + 0.5) / kernel.POINT)

    def learn(self, y: int, x: int, around: float, wrong: float, limit: int) -> None:
        """Learn from the sample, known by now, whose prediction was wrong by so much."""
        self.seen += 1
        if y == 0 or (self.seen > kernel.WARM and self.thinned and (x + y) % 2):
            return
        value = self.at(0, y, x)
        local = 1.5 * around * around + 0.3 * wrong * wrong + 0.1 + limit * limit / 3.0
        for p, fit, inputs in zip(self.predictors, self.fits, self.inputs, strict=True):
            gain = fit.gain * (1.0 + p.softness) / (local + p.softness * self.variance)
            fit.learn(inputs, float(value), gain)
        if self.apart:
            gain = self.mixture.gain / (local + kernel.MIX_SOFT * self.variance)
            self.mixture.learn(self.apart, value - self.predicted[0], gain)
        self.learnt += 1

    def _clip(self, value: float) -> float:
        return min(value, float(self.high)) if value > self.low else float(self.low)


def _weigh(inputs: list[float], weights: list[float]) -> float:
    parts = [0.0] * 4
    whole = len(inputs) // 4 * 4
    for i, (u, w) in enumerate(zip(inputs, weights, strict=True)):
        parts[i % 4 if i < whole else 0] += u * w
    return (parts[0] + parts[1]) + (parts[2] + parts[3])


# --- what errors tell -------------------------------------------------------------------------------


class Errors:
    """Errors of a band, with an edge around."""

    def __init__(self, shape: tuple[int, ...], mean: float, before: Errors | None) -> None:
        rows, columns = shape
        self.columns, self.mean = columns, mean
        self.held = np.zeros((rows + 2, columns + 2 * kernel.PAD))
        self.held[0] = before.held[1] if before else mean
        self.held[1, : kernel.PAD] = self.held[0, kernel.PAD]
        self.magnitude = self.energy = 0.0
        self.seen = 0
        self._ratio = 1.0

    def at(self, y: int, x: int) -> float:
        """The error at a place."""
        return float(self.held[y + 1, x + kernel.PAD])

    def set(self, y: int, x: int, wrong: float) -> None:
        """Remember an error."""
        self.held[y + 1, x + kernel.PAD] = wrong
        self.magnitude += abs(wrong)
        self.energy += wrong * wrong
        self.seen += 1

    def end_row(self, y: int) -> None:
        """Fill the edges that are known now."""
        row = self.held[y + 1]
        row[-kernel.PAD :] = row[-kernel.PAD - 1]
        self.held[y + 2, : kernel.PAD] = row[kernel.PAD]

    def ratio(self, mean_before: float) -> float:
        """How large errors are beside those of the band before."""
        if not self.seen:
            return 1.0
        return min(max((self.magnitude + 1.0) / (self.seen * mean_before + 1.0), 0.1), 10.0)


def _around(errors: Errors, before: Errors, ratio: float, y: int, x: int) -> float:
    def e(row: int, column: int) -> float:
        return abs(errors.at(row, column))

    def b(row: int, column: int) -> float:
        return abs(before.at(row, column))

    last = len(before.held) - 3
    near = 2.0 * (e(y, x - 1) + e(y - 1, x)) + e(y - 1, x - 1)
    near += e(y - 1, x + 1) + e(y, x - 2) + e(y - 1, x + 2)
    far = 2.0 * b(y, x) + b(y, x - 1) + b(y, x + 1)
    far += b(y - 1, x) + b(min(y + 1, last), x)
    return (near + kernel.FAR * ratio * far) / (8.0 + 6.0 * kernel.FAR)


def _contexts(
    errors: Errors, before: Errors, earlier: Errors, ratio: float, inverse: float, y: int, x: int
) -> tuple[int, int]:
    sort, scaled = kernel.sort_of.py_func, ratio * inverse
    own = 25 * sort(errors.at(y, x - 1) * inverse) + 5 * sort(errors.at(y - 1, x) * inverse)
    own += sort(errors.at(y - 1, x + 1) * inverse)
    beside = 0.5 * (before.at(y, x - 1) + before.at(y, x + 1))
    spectral = 25 * sort(before.at(y, x) * scaled) + 5 * sort(earlier.at(y, x) * scaled) + sort(beside * scaled)
    return own, spectral


class Magnitudes:
    """Mean magnitudes of errors, by the magnitude around."""

    def __init__(self) -> None:
        octaves = [max(level // 4 - 1, 0) for level in range(kernel.LEVELS)]
        self.sums = [2.0 * (level - 4 * o + 0.5) * (1 << o) / 64.0 for level, o in enumerate(octaves)]
        self.seen = [2.0] * kernel.LEVELS

    def spread(self, level: int) -> float:
        """Scale of the logistic distribution."""
        return kernel.SPREAD * self.sums[level] / self.seen[level] + 0.02

    def see(self, level: int, magnitude: float) -> None:
        """Learn."""
        self.sums[level] += magnitude
        self.seen[level] += 1.0
        if self.seen[level] > kernel.FADING:
            self.sums[level] *= 0.5
            self.seen[level] *= 0.5


# --- cells ------------------------------------------------------------------------------------------


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
        self.renewal = self.seen + max(64, self.seen // 16, self.codes // 32)
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
        for half in (1.5 * spread + 0.5, 3.75 * spread + 0.5):
            start = min(max(centre + 0.5 - half, 0.0), self.codes - 1.0)
            end = min(max(centre + 0.5 + half, start + 1.0), float(self.codes))
            height = 0.5 / (end - start)
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


class Writer:
    """Binary arithmetic coder with integers of any length: the fraction's interval, never cut."""

    def __init__(self) -> None:
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
        self, value: int, low: int, high: int, centre: float, spread: float, cells: Any,
        corrections: Corrections, found: list[int],
    ) -> None:  # fmt: skip
        """Code `value`, one of `low … high`."""
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
                chance = corrections.chance(kind, known, found)
                bit = int(value >= at)
                self.bit(min(max(int(chance * 65536.0), coder.LEAST), 65536 - coder.LEAST), bit)
                corrections.learn(kind, known, found, bit - chance)
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
