"""Line and point charts as SVG: axes, marks, nothing else. Colours are classes, so that a page decides them.

A chart is 360 units wide, the width of a phone, so that its letters are as large there as anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDE, HIGH = 360.0, 264.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 10.0, 26.0, 38.0
LETTER, LINE = 5.0, 10.0
"""Width and height of a letter of a name, about."""
SHAPES = (
    "M-3.6 0a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0 -7.2 0Z",  # circle
    "M-3.3 -3.3H3.3V3.3H-3.3Z",  # square
    "M0 -4.4L4.2 3.2H-4.2Z",  # triangle
    "M0 -4.8L4.8 0L0 4.8L-4.8 0Z",  # diamond
    "M0 4.4L4.2 -3.2H-4.2Z",  # triangle downwards
    "M-1.4 -4.4H1.4V-1.4H4.4V1.4H1.4V4.4H-1.4V1.4H-4.4V-1.4H-1.4Z",  # cross
    "M-4.4 -1.8H4.4V1.8H-4.4Z",  # bar
    "M0 -4.6L1.3 -1.4L4.6 -1.4L2 0.7L3 4.2L0 2.1L-3 4.2L-2 0.7L-4.6 -1.4L-1.3 -1.4Z",  # star
)
"""Marks of a series, so that none is told by its colour alone."""


@dataclass(frozen=True)
class Series:
    """Points `(x, y)` in order, and how they look: a place in the palette, or None for one of the many in grey."""

    name: str
    points: Sequence[tuple[float, float]]
    place: int | None = None
    line: bool = True
    marks: bool = True
    ink: bool = False
    """In the colour of text: the original, against which the others are seen."""


@dataclass(frozen=True)
class Axis:
    """What is along one side."""

    label: str
    log: bool = False

    def range(self, values: Sequence[float]) -> tuple[float, float]:
        """From the least to the largest, with a margin."""
        low, high = min(values), max(values)
        if self.log:
            low, high = math.log10(low), math.log10(high)
        margin = 0.05 * (high - low) or (0.1 if self.log else max(abs(high) * 0.1, 1.0))
        return low - margin, high + margin

    def place(self, value: float) -> float:
        """On a straight scale."""
        return math.log10(value) if self.log else value

    def ticks(self, low: float, high: float) -> list[tuple[float, str]]:
        """Places on the straight scale, and what is written there."""
        if not self.log:
            return [(v, _figure(v)) for v in _round_steps(low, high)]
        for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8)):
            decades = range(math.floor(low) - 1, math.ceil(high) + 1)
            found = [s * 10.0**d for d in decades for s in steps if low <= math.log10(s * 10.0**d) <= high]
            if len(found) >= 3:
                break
        thin = found[:: -(-len(found) // 6)] if found else []
        return [(math.log10(v), _figure(v)) for v in thin]


def chart(title: str, x: Axis, y: Axis, series: Sequence[Series], *, labels: bool = False, alt: str = "") -> str:
    """An SVG element. With `labels`, the names of series stand beside their last points. Points off a log axis are left
    out."""
    drawn = [(s, [p for p in s.points if _shown(p, x, y)]) for s in series]
    drawn = [(s, points) for s, points in drawn if points]
    head = f'<svg class="chart" viewBox="0 0 {WIDE:g} {HIGH:g}" role="img" aria-label="{escape(alt or title)}">'
    head += f'<title>{escape(alt or title)}</title><text class="title" x="{LEFT:g}" y="14">{escape(title)}</text>'
    if not drawn:
        return head + f'<text x="{WIDE / 2:g}" y="{HIGH / 2:g}" text-anchor="middle">nothing to show</text></svg>'
    x_low, x_high = x.range([p[0] for _, points in drawn for p in points])
    y_low, y_high = y.range([p[1] for _, points in drawn for p in points])
    right = WIDE - RIGHT - (64 if labels else 0)

    def at(point: tuple[float, float]) -> tuple[float, float]:
        across = (x.place(point[0]) - x_low) / (x_high - x_low)
        up = (y.place(point[1]) - y_low) / (y_high - y_low)
        return LEFT + across * (right - LEFT), HIGH - BOTTOM - up * (HIGH - TOP - BOTTOM)

    parts = [head, *_grid(x, y, (x_low, x_high), (y_low, y_high), right)]
    placed = [(one, [at(p) for p in points]) for one, points in drawn]
    for one, places in sorted(placed, key=lambda d: (d[0].place is not None, d[0].ink)):
        parts.append(_series(one, places))
    if labels:
        parts.append(_labels(placed))
    return "".join(parts) + "</svg>"


def mark(place: int | None) -> str:
    """The mark of a place in the palette, for a legend."""
    inside = f'<path d="{SHAPES[place % len(SHAPES)]}" transform="translate(6 6)"/>' if place is not None else ""
    line = '<path class="line" d="M0 6H12"/>'
    return f'<svg class="mark {_class(place)}" viewBox="0 0 12 12" aria-hidden="true">{line}{inside}</svg>'


def _grid(x: Axis, y: Axis, xs: tuple[float, float], ys: tuple[float, float], right: float) -> list[str]:
    bottom = HIGH - BOTTOM
    parts = []
    for value, text in x.ticks(*xs):
        across = LEFT + (value - xs[0]) / (xs[1] - xs[0]) * (right - LEFT)
        parts.append(f'<path class="rule" d="M{across:.1f} {TOP:g}V{bottom:g}"/>')
        parts.append(f'<text x="{across:.1f}" y="{bottom + 13:g}" text-anchor="middle">{text}</text>')
    for value, text in y.ticks(*ys):
        up = bottom - (value - ys[0]) / (ys[1] - ys[0]) * (bottom - TOP)
        parts.append(f'<path class="rule" d="M{LEFT:g} {up:.1f}H{right:.1f}"/>')
        parts.append(f'<text x="{LEFT - 5:g}" y="{up + 3.5:.1f}" text-anchor="end">{text}</text>')
    middle = (LEFT + right) / 2
    parts.append(f'<text x="{middle:.1f}" y="{HIGH - 8:g}" text-anchor="middle">{escape(x.label)}</text>')
    across, up = 10.0, (TOP + bottom) / 2
    parts.append(
        f'<text x="{across:g}" y="{up:g}" text-anchor="middle" '
        f'transform="rotate(-90 {across:g} {up:g})">{escape(y.label)}</text>'
    )
    return parts


def _series(one: Series, places: list[tuple[float, float]]) -> str:
    kind = "ink" if one.ink else _class(one.place)
    inside = f"<title>{escape(one.name)}</title>"
    if one.line and len(places) > 1:
        inside += '<path class="line" d="M' + "L".join(f"{a:.1f} {b:.1f}" for a, b in places) + '"/>'
    if one.marks:
        shape = SHAPES[one.place % len(SHAPES)] if one.place is not None else "M-2 0a2 2 0 1 0 4 0a2 2 0 1 0 -4 0Z"
        inside += "".join(f'<path d="{shape}" transform="translate({a:.1f} {b:.1f})"/>' for a, b in places)
    return f'<g class="{kind}">{inside}</g>'


def _labels(placed: list[tuple[Series, list[tuple[float, float]]]]) -> str:
    """Names beside last points. What is grey has one only where there is room, and grey lines have none."""
    lines = [(one.name, *places[-1]) for one, places in placed if one.line and one.place is not None]
    points = [(one.name, one.place is not None, *places[-1]) for one, places in placed if not one.line]
    return _names_of_lines(lines) + _names_of_points(points)


def _names_of_lines(ends: list[tuple[str, float, float]]) -> str:
    """To the right of where lines end, in their order, pushed apart where they would lie upon each other."""
    ends = sorted(ends, key=lambda end: end[2])
    heights = [up for _, _, up in ends]
    for _ in range(100):
        if heights:
            heights[0], heights[-1] = max(heights[0], TOP), min(heights[-1], HIGH - BOTTOM)
        for k in range(1, len(heights)):
            short = LINE - (heights[k] - heights[k - 1])
            if short > 0:
                heights[k - 1] -= short / 2
                heights[k] += short / 2
    return "".join(_name(name, across + 8, up) for (name, across, _), up in zip(ends, heights, strict=True))


def _names_of_points(ends: list[tuple[str, bool, float, float]]) -> str:
    """To the right of points, or wherever else they do not lie upon a mark or another name; the coloured first."""
    taken = [(a - 4, b - 4, a + 4, b + 4) for *_, a, b in ends]
    parts = []
    for name, coloured, a, b in sorted(ends, key=lambda end: not end[1]):
        wide = LETTER * len(name)
        spots = [(a + 7 if right else a - 7 - wide, b + drop) for drop in (0, -10, 10, -20, 20) for right in (1, 0)]
        boxes = [(left, up - 4.5, left + wide, up + 4.5) for left, up in spots if LEFT < left < WIDE - wide]
        free = [box for box in boxes if box[1] > TOP - 6 and not any(_meet(box, other) for other in taken)]
        if free or (coloured and boxes):
            box = (free or boxes)[0]
            taken.append(box)
            parts.append(_name(name, box[0], (box[1] + box[3]) / 2))
    return "".join(parts)


def _name(name: str, across: float, up: float) -> str:
    return f'<text class="name" x="{across:.1f}" y="{up + 3.5:.1f}">{escape(name)}</text>'


def _meet(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _class(place: int | None) -> str:
    return "other" if place is None else f"s{place}"


def _shown(point: tuple[float, float], x: Axis, y: Axis) -> bool:
    return all(
        value is not None and math.isfinite(value) and (value > 0 or not axis.log)
        for value, axis in zip(point, (x, y), strict=True)
    )


def _round_steps(low: float, high: float) -> list[float]:
    """Four to eight round values between."""
    raw = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= raw)
    first = math.ceil(low / step)
    return [k * step for k in range(first, math.floor(high / step) + 1)]


def _figure(value: float) -> str:
    if value and (abs(value) >= 100000 or abs(value) < 0.001):
        return f"{value:.0e}".replace("e-0", "e−").replace("e-", "e−").replace("e+0", "e")
    return f"{value:.4g}".replace("-", "−")
