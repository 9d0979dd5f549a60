"""Tables once, written three ways: HTML, Markdown, CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from hypress.bench.goals import goal_words
from hypress.bench.report.results import Results, memory, quality, speed
from hypress.bench.report.results import rate as bits
from hypress.bench.rows import MEASURED
from hypress.bench.statistics import Mean
from hypress.goal import Lossless, MaxError, Rate, goal_from_dict

DASH = "–"


@dataclass(frozen=True)
class Table:
    """Cells as text, the first column naming the row."""

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    shades: dict[tuple[int, int], float] = field(default_factory=dict)
    """Row and column to how much better (below 0) or worse (above 0) a cell is, from −1 to 1."""
    words: frozenset[int] = frozenset()
    """Columns that hold sentences."""

    def markdown(self) -> str:
        """As a Markdown page."""
        lines = [f"# {self.title}", ""]
        if self.note:
            lines += [self.note, ""]
        lines += [_pipes(self.columns), "|---" * len(self.columns) + "|", *map(_pipes, self.rows)]
        return "\n".join(lines) + "\n"

    def csv(self) -> str:
        """As comma-separated values."""
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([self.columns, *self.rows])
        return out.getvalue()

    def html(self) -> str:
        """As a table that scrolls within its frame, where the page is narrow."""
        head = "".join(f'<th scope="col">{escape(c)}</th>' for c in self.columns)
        body = "".join(
            "<tr>" + "".join(self._cell(r, c, text) for c, text in enumerate(row)) + "</tr>"
            for r, row in enumerate(self.rows)
        )
        note = f'<p class="note">{escape(self.note)}</p>' if self.note else ""
        label = escape(self.title, quote=True)
        return (
            f'<div class="scroll" role="region" aria-label="{label}" tabindex="0"><table><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>{note}"
        )

    def _cell(self, row: int, column: int, text: str) -> str:
        shade = self.shades.get((row, column))
        style = ""
        if shade:
            colour = "--better" if shade < 0 else "--worse"
            style = f' style="background: rgba(var({colour}), {min(abs(shade), 1) * 0.45:.2f})"'
        words = ' class="words"' if column in self.words else ""
        return f"<td{words}{style}>{escape(text)}</td>"


def _pipes(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def summary(results: Results) -> Table:
    """One line a contender: everything over all scenes."""
    reference = results.against
    rate = next((w for w, g in results.goals.items() if isinstance(g, Rate) and w in results.timed_goals), None)
    rate = rate or next((w for w, g in results.goals.items() if isinstance(g, Rate)), None)
    times = list(dict.fromkeys([*([rate] if rate else []), *results.timed_goals]))
    at = rate.replace("=", " ") if rate else "a rate"
    rows, scenes = [], len(results.scenes)
    for contender in results.contenders:
        difference = results.bd_rate(contender, reference) if reference else None
        cells = [
            "reference" if contender == reference else percent(difference, scenes),
            figure(results.over_scenes(contender, rate, quality("psnr_db")), scenes) if rate else DASH,
            figure(results.over_scenes(contender, rate, quality("sam_deg")), scenes) if rate else DASH,
            figure(results.over_scenes(contender, "lossless", bits), scenes, 3),
            number(results.median(contender, speed("encode"), times), "{:.3g}"),
            number(results.median(contender, speed("decode"), times), "{:.3g}"),
            number(results.median(contender, memory("encode"), [*times, *results.goals]), "{:.1f}"),
        ]
        rows.append([contender, *cells])
    return Table(
        "summary",
        "All scenes together",
        ["contender", f"bits at equal PSNR, against {reference}", f"PSNR in dB, {at}", f"SAM in degrees, {at}",
         "lossless, bits per sample", "encode MB/s", "decode MB/s", "memory × scene"],
        rows,
        "Means over scenes ± half of their 95 % confidence interval (bootstrap over scenes); in brackets how "
        "many scenes, "
        "where a contender lacks some. Speeds and memory: medians over scenes; speeds are of one core, timed "
        "alone, and "
        f"under {', '.join(times) or 'no goal'}, the first that a contender keeps. "
        "Encoding with hypress includes decoding what was written, to check it.",
    )  # fmt: skip


def bd_matrix(results: Results, method: str) -> Table:
    """Every contender with a curve against every other."""
    names = results.curved
    rows, shades = [], {}
    for r, contender in enumerate(names):
        cells = [contender]
        for c, reference in enumerate(names):
            found = None if contender == reference else results.bd_rate(contender, reference)
            cells.append("" if contender == reference else percent(found, len(results.scenes), bounds=False))
            if found is not None:
                shades[r, c + 1] = math.log(max(1 + found.value, 1e-6)) / math.log(3)
        rows.append(cells)
    note = (
        f"{method}; then the geometric mean over scenes. Read along a row: −20 % means that it takes 20 % fewer "
        "bits than the "
        "contender of that column. A dash: on no scene do the two curves overlap by a quarter, or one has too "
        "few points. "
        "In brackets: on how many scenes they do, where not on all."
    )
    return Table("bd-rate", "Bits at equal PSNR, row against column", ["", *names], rows, note, shades)


def promises(results: Results) -> Iterator[Table]:
    """Bits per sample of each contender on each scene: lossless, and within each bound."""
    for words, goal in results.goals.items():
        if isinstance(goal, Lossless | MaxError):
            rows = []
            for contender in results.contenders:
                found = [results.row(contender, scene, words) for scene in results.scenes]
                if any(found):
                    cells = [_bits(row) for row in found]
                    pooled = results.over_scenes(contender, words, bits)
                    rows.append([contender, *cells, figure(pooled, len(results.scenes), 3)])
            if rows:
                title = "Lossless" if isinstance(goal, Lossless) else f"No error above {goal.dn:g}"
                note = "Bits per sample, everything counted. A cross: the promise was not kept."
                slug = words.replace("=", "-")
                yield Table(slug, title, ["contender", *results.scenes, "mean"], rows, note)


def _bits(row: dict[str, Any] | None) -> str:
    return DASH if row is None else f"{row['bpppc']:.3f}" + ("" if row["kept"] else " ✗")


def science(results: Results, goal: str) -> Table | None:
    """The tasks at one goal, over all scenes."""
    parts = {
        "classes agree": lambda t: 100 * t["classification"]["agreement"],
        "accuracy lost": lambda t: 100 * (t["classification"]["accuracy_original"] - t["classification"]["accuracy"]),
        "abundance error": lambda t: 100 * t["unmixing"]["abundance_rmse"],
        "index error": lambda t: 100 * sum(i["mean_error"] for i in t["indices"].values()) / len(t["indices"]),
        "anomaly AUC": lambda t: 100 * t["anomalies"]["auc"],
        "of the original": lambda t: 100 * t["anomalies"]["auc_original"],
    }
    rows = []
    for contender in results.contenders:
        cells = [
            figure(results.over_scenes(contender, goal, _task(part)), len(results.scenes)) for part in parts.values()
        ]
        if any(cell != DASH for cell in cells):
            rows.append([contender, *cells])
    if not rows:
        return None
    used = [0, *(k for k in range(1, len(parts) + 1) if any(row[k] != DASH for row in rows))]
    names = ["contender", *(f"{name}, %" for name in parts)]
    note = (
        "Means over scenes ± half of the 95 % confidence interval. Classes agree: share of pixels that a "
        "classifier trained "
        "on the original gives the same class before and after. Abundance error: RMSE of the shares of five "
        "endmembers. "
        "Index error: mean absolute error of normalised differences. AUC: of the RX detector for known targets, "
        "or for the "
        "original's strongest hundredth."
    )
    slug = f"tasks-{goal.replace('=', '-')}"
    return Table(
        slug, f"At {goal.replace('=', ' ')}", [names[k] for k in used], [[r[k] for k in used] for r in rows], note
    )


def _task(part: Any) -> Any:
    def value(row: dict[str, Any]) -> float | None:
        try:
            return float(part(row["task"]))
        except (KeyError, TypeError, ZeroDivisionError):
            return None

    return value


_FIGURES = (
    ("bytes", "", "bytes", "{:d}"),
    ("bits per sample", "", "bpppc", "{:.4f}"),
    ("PSNR", "quality", "psnr_db", "{:.2f}"),
    ("SAM", "quality", "sam_deg", "{:.4f}"),
    ("SSIM", "quality", "ssim", "{:.5f}"),
    ("largest error", "quality", "max_error", "{:g}"),
    ("goal met in s", "times", "goal_s", "{:.2f}"),
    ("encode s", "times", "encode_s", "{:.3f}"),
    ("decode s", "times", "decode_s", "{:.3f}"),
)
"""Of every row: its heading, the part of the row and the name there, and how it is written."""


def everything(results: Results) -> Table:
    """Every row."""
    columns = ["contender", "scene", "goal", "status", *(name for name, *_ in _FIGURES), "why"]
    rows = []
    for row in results.rows:
        figures = [(row.get(part) or {}).get(name) if part else row.get(name) for _, part, name, _ in _FIGURES]
        cells = [number(value, form) for value, (*_, form) in zip(figures, _FIGURES, strict=True)]
        q = row.get("quality", {})
        if row["status"] == MEASURED and q.get("max_error") == 0:
            cells[2] = "∞"
        goal = goal_words(goal_from_dict(row["goal"]))
        rows.append([row["contender"], row["scene"]["name"], goal, row["status"], *cells, row.get("reason", "")])
    return Table("rows", "Every row", columns, rows, words=frozenset({len(columns) - 1}))


def number(value: float | None, form: str) -> str:
    """A figure, or a dash."""
    return DASH if value is None or not math.isfinite(value) else form.format(value).replace("-", "−")


def figure(found: Mean | None, scenes: int, digits: int = 2) -> str:
    """A mean with its confidence, and of how many scenes where that is not all."""
    if found is None:
        return DASH
    half = (found.high - found.low) / 2
    bounds = f" ± {half:.{digits}f}" if found.count > 1 else ""
    return f"{found.value:.{digits}f}{bounds}{_of(found, scenes)}".replace("-", "−")


def percent(found: Mean | None, scenes: int, *, bounds: bool = True) -> str:
    """A share as percent, signed, with its confidence; see `figure`."""
    if found is None:
        return DASH
    text = f"{100 * found.value:+.0f} %"
    if bounds and found.count > 1 and found.low != found.high:
        text += f" ({100 * found.low:+.0f} … {100 * found.high:+.0f})"
    return (text + _of(found, scenes)).replace("-", "−")


def _of(found: Mean, scenes: int) -> str:
    return f" [{found.count}]" if found.count < scenes else ""
