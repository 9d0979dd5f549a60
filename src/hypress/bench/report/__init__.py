"""Rows to a report: one HTML file, and a folder of its figures (SVG, PNG) and tables (Markdown, CSV).

`results` answers questions about rows, `figures` and `tables` show the answers, `chart` and `png` draw, `page` puts all
on one page.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from hypress.bench import rows, statistics
from hypress.bench.report import figures, tables
from hypress.bench.report.figures import Figure
from hypress.bench.report.page import page, stylesheet
from hypress.bench.report.results import Results
from hypress.bench.report.tables import Table
from hypress.bench.run import EXHIBITS, ROWS
from hypress.whole import write_whole

HTML, FOLDER = "report.html", "report"


@dataclass(frozen=True)
class Written:
    """What a report consists of."""

    html: str
    folder: str
    figures: int
    tables: int
    rows: int


def write_report(
    folder: Path,
    output: Path | None = None,
    *,
    reference: str | None = None,
    title: str = "Hyperspectral codecs compared",
) -> Written:
    """Turn the rows in `folder` into a report beside them, or in `output`. Raises InputNotFoundError, ReadError."""
    from hypress.bench.papers import kept

    results = Results(list(rows.read(folder / ROWS).values()), reference)
    output = folder if output is None else output
    inside = output / FOLDER
    inside.mkdir(parents=True, exist_ok=True)
    papers = kept(folder)
    write_whole(output / HTML, page(results, folder / EXHIBITS, papers, title).encode())
    drawn = list(_figures(results, folder / EXHIBITS))
    for figure in drawn:
        if figure.svg:
            write_whole(inside / f"{plain_name(figure.name)}.svg", standing_alone(figure).encode())
        else:
            write_whole(inside / f"{plain_name(figure.name)}.png", figure.png)
    written = [*_tables(results), *papers]
    for table in written:
        write_whole(inside / f"{table.name}.md", table.markdown().encode())
        write_whole(inside / f"{table.name}.csv", table.csv().encode())
    return Written(str(output / HTML), str(inside), len(drawn), len(written), len(results.rows))


def plain_name(name: str) -> str:
    """A name that every file system takes, and every link."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "._=-") else "_" for c in name)


def standing_alone(figure: Figure) -> str:
    """A drawing as a file of its own: with the page's colours, on white."""
    style = stylesheet().partition("@media (prefers-color-scheme: dark)")[0] + stylesheet().partition("}\n}\n")[2]
    ground = f'<style>{escape(style, quote=False)}</style><rect width="100%" height="100%" fill="#fff"/>'
    head, _, rest = figure.svg.partition(">")
    return f'{head} xmlns="http://www.w3.org/2000/svg">{ground}{rest}\n'


def _figures(results: Results, exhibits: Path) -> Iterator[Figure]:
    yield from figures.pooled(results)
    for scene in results.scenes:
        yield from figures.rate_distortion(results, scene)
        yield from figures.per_band(results, scene)
        yield from figures.spectra(results, scene, exhibits)
        for _, crop, error in figures.crops(results, scene, exhibits):
            yield crop
            if error is not None:
                yield error
    yield from figures.time_quality(results)


def _tables(results: Results) -> Iterator[Table]:
    yield tables.summary(results)
    if len(results.curved) > 1:
        yield tables.bd_matrix(results, statistics.METHOD)
    yield from tables.promises(results)
    for words in results.goals:
        table = tables.science(results, words)
        if table is not None:
            yield table
    yield tables.everything(results)
