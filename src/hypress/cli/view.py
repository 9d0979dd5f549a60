"""`hypress view`."""

from __future__ import annotations

import gc
import signal
import threading

import click

from hypress.cli import _options as o

START = 5.0
"""Seconds for which garbage is not looked for: what is imported stays, and takes a sixth of the start to go through."""


@click.command(short_help="Look at scenes in the browser, and compare them.")
@click.argument("scenes", nargs=-1, required=True, metavar="SCENE [SCENE …]")
@click.option("--variable", metavar="NAME", help="The array to take, where a file holds several.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of the page.  [default: any that is free]")
@click.option("--no-browser", is_flag=True, help="Print the page's address and do not open it.")
@click.option("--snapshot", type=click.Path(), metavar="PNG", help="Write what the page would show, and end.")
@click.option("--bands", metavar="BANDS", help="For --snapshot: 29,19,9, or 650nm,550nm,460nm, or a preset's name.")
@click.option(
    "--map",
    "maps",
    multiple=True,
    type=click.Choice(["rms", "max", "angle", "band"]),
    help="For --snapshot of several: maps of the last against the first; repeatable.  [default: rms]",
)
@click.option("--size", type=click.IntRange(16, 16384), default=1024, show_default=True, help="Longest side, pixels.")
@o.overwrite_option
@o.json_option
def command(
    scenes: tuple[str, ...],
    variable: str | None,
    port: int,
    no_browser: bool,
    snapshot: str | None,
    bands: str | None,
    maps: tuple[str, ...],
    size: int,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Open a page that shows each SCENE, of any format that hypress reads: the original first, what was decoded after.

    The page is served to this machine only, at an address with a secret in it, until Ctrl-C.

    \b
    Examples:
      hypress view scene.hdr
      hypress view scene.hdr scene.zarr.zip                          original against decoded
      hypress view scene.hdr scene.zarr.zip --snapshot both.png --map rms --map angle
    """
    if snapshot is None:
        gc.disable()
        later = threading.Timer(START, gc.enable)
        later.daemon = True
        later.start()
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: what was made is removed
        from hypress.view import serve

        def ready(url: str) -> None:
            if as_json:
                o.print_json({"url": url})
            else:
                click.echo(f"{url}\nCtrl-C ends it.")

        serve(scenes, variable=variable, port=port, browser=not no_browser, ready=ready)
        return
    from hypress.view import snapshot as write

    with o.bar():
        told = write(scenes, snapshot, bands, size=size, maps=maps or ("rms",), variable=variable, overwrite=overwrite)
    if as_json:
        o.print_json(told)
        return
    click.echo(f"{told['output']}: {told['rows']} × {told['columns']} pixels, left to right")
    o.table({str(i): _line(each) for i, each in enumerate(told["pictures"], 1)})


def _line(picture: dict[str, object]) -> str:
    if "top" in picture:
        return f"{picture['shows']}, brightest at {picture['top']:g}"
    bands = picture["bands"]
    return f"{picture['shows']}, bands {', '.join(map(str, bands)) if isinstance(bands, list) else bands}"
