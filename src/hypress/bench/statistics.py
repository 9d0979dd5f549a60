"""Figures over several scenes: Bjøntegaard's rate difference, and how sure a mean is.

BD-rate: G. Bjøntegaard, "Calculation of average PSNR differences between RD-curves", ITU-T VCEG-M33, 2001; here with
monotone piecewise cubic interpolation (PCHIP, Fritsch and Carlson 1980) of log rate over quality, as the JCT-VC common
test conditions later took it: a single polynomial overshoots.
Confidence: 95 % percentile bootstrap (Efron 1979) over scenes, which are the independent draws; not over pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

METHOD = (
    "Bjøntegaard rate difference (VCEG-M33) with monotone piecewise cubic interpolation (PCHIP) of log rate over PSNR, "
    "averaged over the PSNR that both curves reach"
)
LEAST_POINTS = 3
LEAST_OVERLAP = 0.25
"""Of the shorter curve's range of quality: with less in common, a difference says little and is left undefined."""
DRAWS, SEED = 4000, 20261121

Curve = Sequence[tuple[float, float]]
"""`(rate, quality)`, a larger quality being better."""


def bd_log_rate(curve: Curve, reference: Curve) -> float | None:
    """Mean of ln(rate / reference rate) at equal quality; None where the curves do not have enough in common."""
    a, b = _rising(curve), _rising(reference)
    if min(len(a), len(b)) < LEAST_POINTS:
        return None
    low, high = max(a[0][1], b[0][1]), min(a[-1][1], b[-1][1])
    span = min(a[-1][1] - a[0][1], b[-1][1] - b[0][1])
    if high - low < LEAST_OVERLAP * span or span <= 0:
        return None
    return (_integral(a, low, high) - _integral(b, low, high)) / (high - low)


def bd_rate(curve: Curve, reference: Curve) -> float | None:
    """By what share more bits `curve` takes than `reference` at equal quality: −0.1 is 10 % fewer."""
    difference = bd_log_rate(curve, reference)
    return None if difference is None else math.expm1(difference)


def _rising(curve: Curve) -> list[tuple[float, float]]:
    """Finite points by rate, without those that cost more than another and are no better."""
    kept: list[tuple[float, float]] = []
    for rate, quality in sorted(p for p in curve if p[0] > 0 and math.isfinite(p[1])):
        if not kept or (quality > kept[-1][1] and rate > kept[-1][0]):
            kept.append((rate, quality))
    return kept


def _integral(curve: list[tuple[float, float]], low: float, high: float) -> float:
    from scipy.interpolate import PchipInterpolator

    rates, qualities = zip(*curve, strict=True)
    return float(PchipInterpolator(qualities, np.log(rates)).integrate(low, high))


@dataclass(frozen=True)
class Mean:
    """A mean over scenes, and between which bounds it lies with 95 % confidence, as far as these scenes can tell."""

    value: float
    low: float
    high: float
    count: int

    def map(self, function: np.ufunc) -> Mean:
        """The same on another scale, of a rising function."""
        return Mean(float(function(self.value)), float(function(self.low)), float(function(self.high)), self.count)


def mean(values: Sequence[float | None]) -> Mean | None:
    """The mean of the values that there are; None where there are none. One value alone has no bounds but itself."""
    known = np.array([v for v in values if v is not None and math.isfinite(v)], np.float64)
    if known.size == 0:
        return None
    drawn = np.random.default_rng(SEED).integers(0, known.size, (DRAWS, known.size))
    low, high = np.quantile(known[drawn].mean(axis=1), [0.025, 0.975])
    return Mean(float(known.mean()), float(low), float(high), known.size)


def pooled_bd_rate(pairs: Sequence[tuple[Curve, Curve]]) -> Mean | None:
    """BD-rate over scenes, each a pair of curves: the geometric mean of the ratios, less one."""
    found = mean([bd_log_rate(curve, reference) for curve, reference in pairs])
    return None if found is None else found.map(np.expm1)
