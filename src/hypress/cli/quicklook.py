"""`hypress quicklook`."""

from __future__ import annotations

import click

from hypress.cli import _options as o


@click.command(short_help="Write a picture of a scene as PNG.")
@click.argument("scene", metavar="SCENE")
@click.argument("output", metavar="OUT.png")
@click.option(
    "--bands",
    metavar="BANDS",
    help="29,19,9 (red, green, blue), one for grey, 650nm,550nm,460nm, or a preset's name.  [default: true colour]",
)
@click.option("--size", type=click.IntRange(1, 16384), default=1024, show_default=True, help="Longest side, pixels.")
@click.option("--percent", type=float, default=2.0, show_default=True, help="Share that becomes dark, and bright.")
@click.option("--gamma", type=float, default=1.0, show_default=True, help="Above 1 brightens the dark.")
@click.option("--variable", metavar="NAME", help="The array to take, where a file holds several.")
@o.overwrite_option
@o.json_option
def command(
    scene: str,
    output: str,
    bands: str | None,
    size: int,
    percent: float,
    gamma: float,
    variable: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write a composite of SCENE, of any format that hypress reads.

    Every n-th sample is taken, so that neither side is longer than --size; places without data are transparent.

    \b
    Examples:
      hypress quicklook scene.zarr.zip scene.png
      hypress quicklook scene.hdr swir.png --bands shortwave
    """
    from hypress.view import quicklook

    with o.bar():
        told = quicklook(
            scene, output, bands, size=size, percent=percent, gamma=gamma, variable=variable, overwrite=overwrite
        )
    if as_json:
        o.print_json(told)
    else:
        click.echo(f"{told['output']}: {told['rows']} × {told['columns']} pixels; {told['about']}")
