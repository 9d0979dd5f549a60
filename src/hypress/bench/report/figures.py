"""What is drawn, chart by chart, from rows and exhibits.

Each figure has a name, a text for those who cannot see it, and its drawing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hypress.bench.exhibits import read_exhibit
from hypress.bench.report.chart import Axis, Series, chart
from hypress.bench.report.colours import heat, stretch
from hypress.bench.report.results import Results, quality, rate, speed
from hypress.goal import Rate
from hypress.png import encode as png

if TYPE_CHECKING:
    from numpy.typing import NDArray

METRICS = {
    "psnr_db": ("PSNR", Axis("dB")),
    "sam_deg": ("Spectral angle", Axis("degrees, log", log=True)),
    "ssim": ("1 − SSIM", Axis("1 − SSIM, log", log=True)),
    "max_error": ("Largest error", Axis("sample units, log", log=True)),
}
RATE = Axis("bits per sample, log", log=True)


@dataclass(frozen=True)
class Figure:
    """A drawing: an SVG element, or PNG bytes."""

    name: str
    alt: str
    svg: str = ""
    png: bytes = b""


def rate_distortion(results: Results, scene: str) -> Iterator[Figure]:
    """Four charts: each metric over rate."""
    for metric, (title, axis) in METRICS.items():
        series = []
        for contender in results.curved:
            points = results.curve(contender, scene, metric)
            if metric == "ssim":
                points = [(rate, 1 - value) for rate, value in points]
            series.append(Series(contender, points, results.places.get(contender)))
        if any(one.points for one in series):
            alt = f"{title} over bits per sample on {scene}: {_ends(series)}"
            yield Figure(f"rd-{scene}-{metric.partition('_')[0]}", alt, chart(title, RATE, axis, series, alt=alt))


def pooled(results: Results) -> Iterator[Figure]:
    """PSNR and spectral angle over rate, means of the scenes, of contenders that reach the rate on all of them."""
    rates = [words for words, goal in results.goals.items() if isinstance(goal, Rate)]
    for metric in ("psnr_db", "sam_deg"):
        label, axis = METRICS[metric]
        series = []
        for contender in results.curved:
            pairs = [
                [results.over_scenes(contender, words, which) for which in (rate, quality(metric))] for words in rates
            ]
            whole = [(x.value, y.value) for x, y in pairs if x and y and x.count == y.count == len(results.scenes)]
            series.append(Series(contender, whole, results.places.get(contender)))
        title = f"{label}, mean of {len(results.scenes)} scene{'s' * (len(results.scenes) != 1)}"
        if any(one.points for one in series):
            alt = f"{title}, over bits per sample: {_ends(series)}"
            drawn = chart(title, RATE, axis, series, labels=True, alt=alt)
            yield Figure(f"rd-all-{metric.partition('_')[0]}", alt, drawn)


def _ends(series: list[Series]) -> str:
    """The coloured curves in words: their first and last points."""
    told = [
        f"{s.name} from {s.points[0][1]:.4g} at {s.points[0][0]:.3g} to {s.points[-1][1]:.4g} at {s.points[-1][0]:.3g}"
        for s in series
        if s.place is not None and s.points
    ]
    return "; ".join(told) or "no curve"


def time_quality(results: Results) -> Iterator[Figure]:
    """Speed of encoding and decoding against quality at a rate, and against bits when lossless; means over scenes."""
    for goal in results.timed_goals:
        at_rate = isinstance(results.goals[goal], Rate)
        for which in ("encode", "decode"):
            series = []
            for contender in results.contenders:
                fast = results.median(contender, speed(which), [goal])
                cost = results.over_scenes(contender, goal, quality("psnr_db") if at_rate else rate)
                if fast is not None and cost is not None:
                    point = [(fast, cost.value)]
                    series.append(Series(contender, point, results.places.get(contender), line=False))
            title = f"{which.capitalize()}, {goal.replace('=', ' ')}"
            y = Axis("PSNR in dB, mean of scenes" if at_rate else "bits per sample, mean of scenes")
            told = "; ".join(f"{s.name} {s.points[0][0]:.3g} MB/s, {s.points[0][1]:.4g}" for s in series)
            alt = f"{title}: speed in megabytes a second against {y.label}: {told}"
            if series:
                drawn = chart(title, Axis("MB/s, log: faster to the right", log=True), y, series, labels=True, alt=alt)
                yield Figure(f"time-{which}-{goal.replace('=', '-')}", alt, drawn)


def per_band(results: Results, scene: str) -> Iterator[Figure]:
    """Root mean squared error of each band at the lowest rate."""
    goal = results.shown_goal
    if goal is None:
        return
    series = []
    for contender, place in results.places.items():
        row = results.row(contender, scene, goal)
        if row is not None:
            series.append(Series(contender, list(enumerate(row["band_rmse"])), place, marks=False))
    if series:
        alt = f"Root mean squared error of each band of {scene} at {goal}: " + "; ".join(
            f"{s.name} at most {max(p[1] for p in s.points):.3g} in band {max(s.points, key=lambda p: p[1])[0]:g}"
            for s in series
        )
        drawn = chart(f"Error by band, {goal}", Axis("band"), Axis("RMSE, log", log=True), series, alt=alt)
        yield Figure(f"bands-{scene}", alt, drawn)


SPECTRA = 3
"""Contenders whose spectra are shown: the first of those in colour."""


def spectra(results: Results, scene: str, exhibits: Path) -> Iterator[Figure]:
    """Spectra of chosen pixels: the original, and what the best contenders made of it."""
    goal = results.shown_goal
    original = read_exhibit(exhibits, f"scene-{results.scenes[scene]['digest']}")
    if goal is None or original is None:
        return
    shown = list(_decoded(results, scene, goal, exhibits))[:SPECTRA]
    nm = original["wavelength_nm"]
    along = nm if nm.size == original["spectra"].shape[1] else np.arange(original["spectra"].shape[1])
    axis = Axis("nm" if nm.size == original["spectra"].shape[1] else "band")
    for number, (y, x) in enumerate(original["pixels"]):
        series = [Series("original", _pairs(along, original["spectra"][number]), ink=True, marks=False)]
        series += [
            Series(name, _pairs(along, kept["spectra"][number]), results.places.get(name), marks=False)
            for name, kept in shown
        ]
        kind = "typical" if number == 0 else "extreme"
        before = original["spectra"][number].astype(float)
        worst = ", ".join(
            f"{name} off by at most {np.abs(k['spectra'][number] - before).max():.4g}" for name, k in shown
        )
        alt = f"Spectrum of the {kind} pixel in row {y}, column {x} of {scene}, before and after {goal}: {worst}"
        title = f"Row {y}, column {x} ({kind})"
        yield Figure(f"spectrum-{scene}-{number}", alt, chart(title, axis, Axis("sample"), series, alt=alt))


def crops(results: Results, scene: str, exhibits: Path) -> Iterator[tuple[str, Figure, Figure | None]]:
    """False-colour crops, the original first, each with its error in the colours of one scale for all."""
    goal = results.shown_goal
    original = read_exhibit(exhibits, f"scene-{results.scenes[scene]['digest']}")
    if goal is None or original is None:
        return
    bands = ", ".join(str(int(b)) for b in original["bands"])
    alt = f"{scene}, original: bands {bands} as red, green and blue"
    yield "original", Figure(f"crop-{scene}-original", alt, png=png(stretch(original["crop"], original["crop"]))), None
    decoded = list(_decoded(results, scene, goal, exhibits))
    top = error_scale(decoded)
    for name, kept in decoded:
        row = results.row(name, scene, goal)
        assert row is not None
        at = f"{name} at {row['bpppc']:.3g} bits per sample, {_db(row)}"
        crop = Figure(f"crop-{scene}-{name}", f"{scene}, {at}", png=png(stretch(kept["crop"], original["crop"])))
        worst = float(kept["error"].max())
        told = f"Error of {at}: RMSE over bands, at most {worst:.3g}; yellow is {top:.3g} and more"
        yield name, crop, Figure(f"error-{scene}-{name}", told, png=png(heat(kept["error"], top)))


def error_scale(decoded: Sequence[tuple[str, Mapping[str, NDArray[Any]]]]) -> float:
    """What the brightest colour of the error maps stands for: the 99th percentile of the median contender."""
    tops = sorted(float(np.percentile(kept["error"], 99)) for _, kept in decoded)
    return max(tops[len(tops) // 2], 1.0) if tops else 1.0


def _decoded(results: Results, scene: str, goal: str, exhibits: Path) -> Iterator[tuple[str, dict[str, NDArray[Any]]]]:
    """Contenders with an exhibit of the scene: those in colour first, in their order."""
    order = [*results.places, *(c for c in results.contenders if c not in results.places)]
    for contender in order:
        row = results.row(contender, scene, goal)
        kept = None if row is None else read_exhibit(exhibits, row["key"])
        if kept is not None:
            yield contender, kept


def _pairs(along: NDArray[Any], values: NDArray[Any]) -> list[tuple[float, float]]:
    return list(zip(along.astype(float).tolist(), values.astype(float).tolist(), strict=True))


def _db(row: dict[str, Any]) -> str:
    decibels = row["quality"]["psnr_db"]
    return "no loss" if decibels is None else f"{decibels:.2f} dB"
