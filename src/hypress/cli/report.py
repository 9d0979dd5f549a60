"""`hypress report`."""

from __future__ import annotations

import click

from hypress.cli import _options as o


@click.command(short_help="Make a page, figures and tables of a benchmark's rows.")
@click.argument("folder", metavar="FOLDER")
@click.option("--output", "-o", metavar="FOLDER", help="Where to put the report.  [default: beside the rows]")
@click.option("--reference", metavar="NAME", help="The contender that others are set against.  [default: pca_jpeg2000]")
@click.option("--title", default="Hyperspectral codecs compared", show_default=True, help="Of the page.")
@o.json_option
def command(folder: str, output: str | None, reference: str | None, title: str, as_json: bool) -> None:
    """Turn FOLDER/rows.jsonl, which `hypress bench` wrote, into report.html and a folder of figures and tables.

    The page is one file: it needs no network and no script, and holds all that the figures and tables show.
    """
    from pathlib import Path

    from hypress.bench.report import write_report

    written = write_report(Path(folder), None if output is None else Path(output), reference=reference, title=title)
    if as_json:
        o.print_json(vars(written))
        return
    click.echo(f"{written.html}: {written.rows} rows")
    click.echo(f"{written.folder}/: {written.figures} figures, {written.tables} tables")
