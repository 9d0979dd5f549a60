"""The codec in plain Python, for small scenes: what `kernel` does, said once more. The tests compare the bytes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.rls import kernel, regression
from hypress.rls.efforts import CONSTANT, EFFORTS, LOOSE, RIDGE, Predictor
from hypress.rls.reference_coding import Axis, ByDecisions, ByIntervals, Even


def encode(samples: NDArray[Any], bounds: NDArray[np.int64], effort: str, max_error: int, relative: float) -> bytes:
    """The bytes of `rls.encode`."""
    scene, contexts = np.array(samples, np.int64), EFFORTS[effort].contexts
    writer: Any = ByDecisions(contexts) if contexts else ByIntervals()
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
                found = [level, *_contexts(errors, before, earlier, ratio, 1.0 / spread, y, x)]
                limit = max_error if relative <= 0 else min(max_error, int(abs(centre) * relative))
                value = int(scene[z, y, x])
                if limit:
                    middle, step = math.floor(centre + 0.5), 2 * limit + 1
                    least, most = -((middle - low + limit) // step), (high - middle + limit) // step
                    wrong = value - middle
                    index = (wrong + limit) // step if wrong >= 0 else -((limit - wrong) // step)
                    cells = Even(-0.5 * step, float(step))
                    writer.integer(index, least, most, centre - middle, spread, cells, found)
                    value = min(max(middle + index * step, low), high)
                else:
                    if gaps:
                        gaps.renew_if_due()
                    bent = gaps is not None and gaps.favour > 0
                    place = gaps.place(centre - low) if gaps and bent else centre - low
                    even: Any = gaps if bent else Even(-0.5, 1.0)
                    writer.integer(value - low, 0, high - low, place, spread, even, found)
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
        self.waiting: list[tuple[NDArray[np.float64], float]] = []

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
        for lo in range(0, size, regression.TOGETHER):
            rows = range(lo, min(lo + regression.TOGETHER, size))
            factors = []
            for k in rows:
                factors.append(-1.0 / system[k, k])
                for i in range(k + 1, rows.stop):
                    system[i, i:] += factors[-1] * system[k, i] * system[k, i:]
            for i in range(rows.stop, size):
                system[i, i:] += _together(
                    [f * system[k, i] * system[k, i:] for f, k in zip(factors, rows, strict=True)]
                )
        change = [0.0] * size
        for i in reversed(range(size)):
            value = float(system[i, size])
            for j in range(i + 1, size):
                value -= float(system[i, j]) * change[j]
            change[i] = value / float(system[i, i])
        self.weights = [c + s for c, s in zip(change, self.start, strict=True)]

    def learn(self, inputs: list[float], value: float, gain: float) -> None:
        """Add a sample."""
        self.waiting.append((np.array([*inputs, value]), gain))
        self.gain *= self.fade
        if len(self.waiting) == regression.TOGETHER:
            for i in range(len(inputs)):
                self.sums[i, i:] += _together([gain * row[i] * row[i:] for row, gain in self.waiting])
            self.waiting.clear()
            if self.gain > regression.HUGE:
                self.sums *= 1.0 / self.gain
                self.gain = 1.0


def _together(terms: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The sum of eight."""
    a, b, c, d, e, f, g, h = terms
    return ((a + b) + (c + d)) + ((e + f) + (g + h))


class Band:
    """Predictors of a band, and their mixture."""

    def __init__(self, scene: NDArray[np.int64], z: int, effort: str, variance: float, low: int, high: int) -> None:
        self.scene, self.z, self.variance, self.low, self.high = scene, z, variance, low, high
        bands = len(scene)
        chosen = EFFORTS[effort]
        self.learns = chosen.learns
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
                value = _weigh(inputs, fit.weights)
                self.predicted.append(self._clip(value) if len(self.fits) > 1 else value)
            centre = self.predicted[0]
            self.apart = [p - centre for p in self.predicted[1:]]
            if self.apart:
                if self.learnt and self.learnt % kernel.MIX_PERIOD == 0:
                    self.mixture.solve()
                for weight, apart in zip(self.mixture.weights, self.apart, strict=True):
                    centre += weight * apart
        return self._clip(math.floor(centre * kernel.POINT + 0.5) / kernel.POINT)

    def learn(self, y: int, x: int, around: float, wrong: float, limit: int) -> None:
        """Learn from the sample, known by now, whose prediction was wrong by so much."""
        self.seen += 1
        if y == 0 or (self.seen > kernel.WARM and (x + y) % self.learns):
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
    near = 2.0 * e(y - 1, x) + e(y - 1, x - 1) + e(y - 1, x + 1)
    near += e(y - 1, x + 2) + e(y, x - 2)
    far = 2.0 * b(y, x) + b(y, x - 1) + b(y, x + 1)
    far += b(y - 1, x) + b(min(y + 1, last), x)
    return ((near + kernel.FAR * ratio * far) + 2.0 * e(y, x - 1)) * kernel.EACH


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
