"""`hypress decompress`."""

from __future__ import annotations

import click

from hypress.cli import _options as o


@click.command(short_help="Write a compressed scene, or part of it, in another format.")
@click.argument("source", metavar="IN")
@click.argument("output", metavar="OUT")
@click.option("--bands", metavar="LIST", help="Bands from 0, such as 3 or 0:50 or 10,20,30.")
@click.option("--rows", metavar="FROM:TO", help="Rows from 0, TO excluded.")
@click.option("--columns", metavar="FROM:TO", help="Columns from 0, TO excluded.")
@o.overwrite_option
@o.json_option
def command(
    source: str,
    output: str,
    bands: str | None,
    rows: str | None,
    columns: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write the scene in IN (a store or a .hyp) to OUT.

    The format is that of OUT's ending: .hdr or .img (ENVI), .tif, .nc, .mat, .npy. Only the tiles that the wanted
    part touches are decoded.
    """
    from hypress.jobs.decompress import decompress

    with o.bar():
        written = decompress(
            source,
            output,
            bands=_bands(bands),
            rows=_span(rows, "--rows"),
            columns=_span(columns, "--columns"),
            overwrite=overwrite,
        )
    if as_json:
        o.print_json(written.to_dict())
    else:
        shape = " × ".join(str(n) for n in written.shape)
        click.echo(f"{written.output}: {shape} (band × y × x) of {written.dtype}, {o.size(written.bytes)}")


def _span(text: str | None, option: str) -> slice | None:
    if text is None:
        return None
    start, colon, stop = text.partition(":")
    try:
        return slice(int(start), int(stop) if colon else int(start) + 1)
    except ValueError:
        raise click.BadParameter(f"FROM:TO, not {text!r}", param_hint=option) from None


def _bands(text: str | None) -> slice | list[int] | None:
    if text is None or ":" in text:
        return _span(text, "--bands")
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"a list of bands, not {text!r}", param_hint="--bands") from None
