"""The figure of a pruning: for each of its figures a small chart, with a bar for each stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from hypress.prune.quality import Quality

WIDE, HIGH, GAP, TOP = 150, 150, 20, 44
COLUMNS = 4
COLOURS = ("#3b6ea5", "#c46a28", "#4f8f4f", "#8a5fa8", "#777777")
PANELS: tuple[tuple[str, Callable[[Quality], float], str], ...] = (
    ("file, MB", lambda q: q.bytes / 1e6, ".3g"),
    ("parameters, millions", lambda q: q.parameters / 1e6, ".3g"),
    ("that are not zero, millions", lambda q: q.nonzero / 1e6, ".3g"),
    ("thousand MACs a sample", lambda q: q.macs_per_sample / 1e3, ".3g"),
    ("PSNR, dB", lambda q: q.psnr_db, ".2f"),
    ("SSIM", lambda q: q.ssim, ".4f"),
    ("spectral angle, degrees", lambda q: q.sam_deg, ".3g"),
    ("bits per sample", lambda q: q.bpppc, ".3g"),
)


def figure(title: str, stages: Sequence[Quality]) -> str:
    """An SVG file. Bars begin at zero."""
    rows = -(-len(PANELS) // COLUMNS)
    width, height = COLUMNS * (WIDE + GAP) + GAP, TOP + rows * (HIGH + GAP) + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="10"><title>{escape(title)}</title><rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="{GAP}" y="22" font-size="14">{escape(title)}</text>'
    ]
    for number, (name, value, form) in enumerate(PANELS):
        left, top = GAP + number % COLUMNS * (WIDE + GAP), TOP + number // COLUMNS * (HIGH + GAP)
        parts.append(f'<g transform="translate({left} {top})">{_panel(name, [value(s) for s in stages], form)}</g>')
    for number, stage in enumerate(stages):
        parts.append(
            f'<g transform="translate({GAP + 130 * number} {height - 16})"><rect width="9" height="9" '
            f'fill="{COLOURS[number % len(COLOURS)]}"/><text x="13" y="9">{escape(stage.stage)}</text></g>'
        )
    return "".join(parts) + "</svg>\n"


def _panel(name: str, values: Sequence[float], form: str) -> str:
    most, width = max([*values, 1e-12]), WIDE / len(values)
    parts = [f'<text y="8">{escape(name)}</text><path d="M0 {HIGH}H{WIDE}" stroke="#999"/>']
    for number, value in enumerate(values):
        high = max(0.0, value) / most * (HIGH - 34)
        colour, left = COLOURS[number % len(COLOURS)], number * width
        parts.append(
            f'<rect x="{left + 3:.1f}" y="{HIGH - high:.1f}" width="{width - 6:.1f}" height="{high:.1f}" '
            f'fill="{colour}"/><text x="{left + width / 2:.1f}" y="{HIGH - high - 4:.1f}" text-anchor="middle">'
            f"{value:{form}}</text>"
        )
    return "".join(parts)
