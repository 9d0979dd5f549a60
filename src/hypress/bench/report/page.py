"""The report as one HTML file: everything within, no script, no network; light and dark, and as wide as a phone."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from hypress.bench import statistics
from hypress.bench.report import figures, tables
from hypress.bench.report.chart import mark
from hypress.bench.report.figures import Figure
from hypress.bench.report.results import Results
from hypress.bench.report.tables import Table
from hypress.goal import Lossless, MaxError, Rate

STREAM_PLACES = 8
_SMALL, _LINE = 'viewBox="0 0 12 12" aria-hidden="true"', '<path class="line" d="M0 6H12"/>'


def stylesheet() -> str:
    """The one style sheet, of the page and of drawings that stand alone."""
    return (resources.files("hypress.bench.report") / "report.css").read_text(encoding="utf-8")


def page(results: Results, exhibits: Path, papers: Sequence[Table], title: str) -> str:
    """The whole page."""
    parts = {
        "summary": ("All together", _summary(results)),
        "bd-rate": ("BD-rate", _bd_rate(results)),
        "curves": ("Curves", _curves(results)),
        "promises": ("Lossless and bounded", "".join(_titled(t) for t in tables.promises(results))),
        "time": ("Time", _time(results)),
        "tasks": ("Science", _science(results)),
        "pictures": ("Pictures", _pictures(results, exhibits)),
        "spectra": ("Spectra", _spectra(results, exhibits)),
        "bands": ("Bands", _bands(results)),
        "streams": ("Where the bytes go", _streams(results)),
        "papers": ("Papers", "".join(_titled(t) for t in papers)),
        "rows": ("Rows", _rows(results)),
    }
    parts = {name: part for name, part in parts.items() if part[1]}
    menu = "".join(f'<li><a href="#{name}">{escape(label)}</a></li>' for name, (label, _) in parts.items())
    body = "".join(
        f'<section id="{name}"><h2>{escape(label)}</h2>{inside}</section>' for name, (label, inside) in parts.items()
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{stylesheet()}</style></head><body>"
        f'<header><h1>{escape(title)}</h1>{_lead(results)}</header><nav aria-label="Sections"><ul>{menu}</ul></nav>'
        f"<main>{body}</main><footer>{_measured_on(results)}</footer></body></html>\n"
    )


def inline(figure: Figure) -> str:
    """A figure within the page."""
    if figure.svg:
        return f"<figure>{figure.svg}</figure>"
    return _image(figure)


def _image(figure: Figure) -> str:
    data = b64encode(figure.png).decode("ascii")
    return f'<img src="data:image/png;base64,{data}" alt="{escape(figure.alt, quote=True)}" loading="lazy">'


def _grid(drawn: Iterable[Figure]) -> str:
    inside = "".join(map(inline, drawn))
    return f'<div class="grid">{inside}</div>' if inside else ""


def _titled(table: Table) -> str:
    return f"<h3>{escape(table.title)}</h3>{table.html()}"


def _lead(results: Results) -> str:
    measured, all_rows = len(results.measured), len(results.rows)
    scenes = f"{len(results.scenes)} scene{'s' * (len(results.scenes) != 1)}"
    goals = ", ".join(words.replace("=", " ") for words in results.goals)
    broken = sum(not row["kept"] for row in results.measured)
    promise = "every promise was kept" if not broken else f"{broken} promises were not kept"
    return (
        f'<p class="lead">{len(results.contenders)} contenders on {scenes}, under the goals {escape(goals)}. '
        f"{measured} of {all_rows} cells could be measured; of those, {promise}. Every figure is measured on what "
        "a reader "
        "decodes, and every byte is counted.</p>"
    )


def _summary(results: Results) -> str:
    return _grid(figures.pooled(results)) + tables.summary(results).html()


def _bd_rate(results: Results) -> str:
    return tables.bd_matrix(results, statistics.METHOD).html() if len(results.curved) > 1 else ""


def legend(results: Results, names: Iterable[str] | None = None, *, original: bool = False) -> str:
    """Which mark is whose; all that are in grey in one entry. With `original`, that it is drawn in ink."""
    chosen = set(results.curved if names is None else names)
    entries = [f'<li><svg class="mark ink" {_SMALL}>{_LINE}</svg>original</li>'] * original
    entries += [f"<li>{mark(p)}{escape(name)}</li>" for name, p in results.places.items() if name in chosen]
    grey = [name for name in results.curved if name not in results.places and name in chosen]
    if grey:
        entries.append(f"<li>{mark(None)}{escape(', '.join(grey))}</li>")
    return f'<ul class="legend">{"".join(entries)}</ul>'


def _curves(results: Results) -> str:
    note = (
        '<p class="note">In colour: the best by bits at equal PSNR, five of hypress and three of others; the '
        "rest in grey, "
        "named where the pointer rests. Spectral angle, SSIM and largest error: lower is better.</p>"
    )
    parts = []
    for scene, facts in results.scenes.items():
        drawn = _grid(figures.rate_distortion(results, scene))
        if drawn:
            parts.append(f"<h3>{escape(scene)}</h3>{_facts(facts)}{legend(results)}{drawn}")
    return note + "".join(parts) if parts else ""


def _facts(facts: dict[str, Any]) -> str:
    shape = " × ".join(map(str, facts["shape"]))
    return f'<p class="note">{shape} (band × y × x), {facts["dtype"]}, from {facts["low"]} to {facts["peak"]}</p>'


def _time(results: Results) -> str:
    if not results.timed_goals:
        return ""
    return (
        legend(results, results.places)
        + _grid(figures.time_quality(results))
        + (
            '<p class="note">One core, nothing else measured meanwhile; medians of repetitions that are interleaved '
            "over all "
            "contenders of a scene, then of scenes. Encoding is timed with the knob where the goal was met, without "
            "the search for "
            "it; hypress decodes what it encodes, to check it, and that is in its time.</p>"
        )
    )


def _science(results: Results) -> str:
    wanted = [words for words, goal in results.goals.items() if isinstance(goal, Rate)]
    wanted += [words for words, goal in results.goals.items() if isinstance(goal, MaxError)]
    found = [table for words in wanted if (table := tables.science(results, words)) is not None]
    rest = "".join(map(_titled, found[1:]))
    more = f"<details><summary>At other goals</summary>{rest}</details>" if rest else ""
    return _titled(found[0]) + more if found else ""


def _pictures(results: Results, exhibits: Path) -> str:
    parts = []
    for scene in results.scenes:
        cells = []
        for name, crop, error in figures.crops(results, scene, exhibits):
            images = _image(crop) + ("" if error is None else _image(error))
            row = results.row(name, scene, results.shown_goal or "")
            told = "" if row is None else f"<br>{row['quality']['psnr_db'] or float('inf'):.2f} dB"
            cells.append(f"<figure>{images}<figcaption>{escape(name)}{told}</figcaption></figure>")
        if cells:
            parts.append(f'<h3>{escape(scene)}</h3><div class="crops">{"".join(cells)}</div>')
    goal = escape((results.shown_goal or "").replace("=", " "))
    note = (
        f'<p class="note">At {goal}: a crop in false colours, and beneath it the error of each pixel over all bands, '
        "dark where there is none; one scale of colours for all of a scene. To look around in original and decoded: "
        f"<code>hypress compress SCENE decoded.zarr --codec NAME --{goal}</code>, then "
        "<code>hypress view SCENE decoded.zarr</code>.</p>"
    )
    return note + "".join(parts) if parts else ""


def _spectra(results: Results, exhibits: Path) -> str:
    parts = []
    for scene in results.scenes:
        drawn = _grid(figures.spectra(results, scene, exhibits))
        if drawn:
            parts.append(f"<h3>{escape(scene)}</h3>{drawn}")
    return legend(results, list(results.places)[: figures.SPECTRA], original=True) + "".join(parts) if parts else ""


def _bands(results: Results) -> str:
    parts = [
        f"<figure><h3>{escape(scene)}</h3>{figure.svg}</figure>"
        for scene in results.scenes
        for figure in figures.per_band(results, scene)
    ]
    return legend(results, list(results.places)) + f'<div class="grid">{"".join(parts)}</div>' if parts else ""


def _streams(results: Results) -> str:
    """Shares of a file's bytes, over all scenes: at the lowest rate, or lossless for those without."""
    lossless = [words for words, goal in results.goals.items() if isinstance(goal, Lossless)]
    parts = []
    for words in [w for w in (results.shown_goal, *lossless) if w]:
        bars = "".join(_bar(results, c, words) for c, family in results.contenders.items() if family == "hypress")
        if bars:
            parts.append(f'<h3>At {escape(words.replace("=", " "))}</h3><div class="bars">{bars}</div>')
    return "".join(parts)


def _bar(results: Results, contender: str, words: str) -> str:
    total: dict[str, int] = {}
    for scene in results.scenes:
        row = results.row(contender, scene, words)
        for name, size in (row["streams"] if row else {}).items():
            total[name] = total.get(name, 0) + size
    whole = sum(total.values())
    if not whole:
        return ""
    spans = "".join(
        f'<span style="width: {100 * size / whole:.2f}%; background: var(--s{k % STREAM_PLACES})" '
        f'title="{escape(name)}: {100 * size / whole:.1f} %">{escape(name) if size > 0.12 * whole else ""}</span>'
        for k, (name, size) in enumerate(total.items())
    )
    told = ", ".join(f"{name} {100 * size / whole:.1f} %" for name, size in total.items())
    label = escape(told, quote=True)
    return f'<div>{escape(contender)}</div><div class="bar" role="img" aria-label="{label}">{spans}</div>'


def _rows(results: Results) -> str:
    return f"<details><summary>All {len(results.rows)} rows</summary>{tables.everything(results).html()}</details>"


def _measured_on(results: Results) -> str:
    if not results.rows:
        return ""
    last = max(results.rows, key=lambda row: row["when"])
    machine, packages = last["machine"], ", ".join(f"{k} {v}" for k, v in last["versions"].items())
    memory = f", {machine['memory_bytes'] / 2**30:.0f} GiB" if machine["memory_bytes"] else ""
    others = len({str(row["machine"]) for row in results.rows})
    several = "" if others == 1 else f" Rows come from {others} machines; this is the last one's."
    contenders = sorted({row["version"] for row in results.measured if row["version"] and row["family"] != "hypress"})
    weights = sorted({f"{k} {v[:16]}" for row in results.measured for k, v in row["weights"].items()})
    return (
        f"<p>Measured on {escape(machine['processor'])}, {machine['cores']} cores{memory}, "
        f"{escape(machine['system'])}, "
        f"until {escape(last['when'])}.{several} {escape(packages)}."
        + (f" Others: {escape('; '.join(contenders))}." if contenders else "")
        + (f" Weights (SHA-256): {escape(', '.join(weights))}." if weights else "")
        + "</p>"
    )
