"""`hypress info`."""

from __future__ import annotations

import click

from hypress.cli import _options as o


@click.command(short_help="Say what a scene, store or codestream holds.")
@click.argument("path", metavar="FILE")
@click.option("--variable", metavar="NAME", help="The array to take, where a file holds several.")
@o.json_option
def command(path: str, variable: str | None, as_json: bool) -> None:
    """Say what FILE holds: shape, bands, place, codec, what it was promised and what it cost.

    What a file does not say is shown as "not stated".
    """
    from hypress.jobs.describe import describe

    with o.bar():
        told = describe(path, variable=variable)
    if as_json:
        o.print_json(told)
        return
    click.echo(told.pop("path"))
    rows = {}
    for name, value in told.items():
        if isinstance(value, dict):
            value = ", ".join(f"{k} {v}" for k, v in value.items())
        elif isinstance(value, list):
            value = " × ".join(str(v) for v in value)
        rows[name.replace("_", " ")] = "not stated" if value is None else str(value)
    o.table(rows)
