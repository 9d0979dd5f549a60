"""`hypress compress`."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import click

from hypress.cli import _options as o


@click.command(short_help="Compress a scene, or an archive of them.")
@click.argument("inputs", nargs=-1, required=True, metavar="IN [IN …]")
@click.argument("output", metavar="OUT")
@click.option("--codec", metavar="NAME", help="See `hypress codecs`.  [default: the best for the goal]")
@click.option("--set", "settings", multiple=True, metavar="FIELD=VALUE", help="Set a field of the codec; repeatable.")
@o.goal_options
@click.option("--variable", metavar="NAME", help="The array to take, where a file holds several.")
@click.option("--tile", metavar="ROWS,COLUMNS", help="Tile size.  [default: about 8 million samples, all bands]")
@o.workers_option
@click.option("--scheduler", metavar="ADDRESS", help="Work on the Dask cluster at ADDRESS instead of on threads.")
@click.option("--resume", is_flag=True, help="Go on with an interrupted job; in an archive, skip what is done.")
@click.option(
    "--to",
    "ending",
    default=".zarr.zip",
    show_default=True,
    metavar="ENDING",
    help="For an archive: .zarr.zip, .zarr or .hyp.",
)
@o.key_options
@click.option(
    "--history",
    metavar="DIR",
    help="Write how the fit of a network evolves: metrics and a quick look at each checkpoint.",
)
@o.engine_option
@o.overwrite_option
@o.json_option
def command(
    inputs: tuple[str, ...],
    output: str,
    codec: str | None,
    settings: tuple[str, ...],
    variable: str | None,
    tile: str | None,
    workers: int | None,
    scheduler: str | None,
    resume: bool,
    ending: str,
    key_file: str | None,
    ask: bool,
    history: str | None,
    engine: str | None,
    overwrite: bool,
    as_json: bool,
    **goals: Any,
) -> None:
    """Compress the scene IN into OUT.

    OUT ends in .zarr or .zarr.zip (a store, with wavelengths, place and tiles), in .hyp (one bare codestream of the
    samples), or as a standard's own stream does (.ccsds123, .ccsds122). IN is any format that hypress reads; several,
    a folder, or a quoted glob make an archive: OUT is then a folder, a scene that fails does not stop the rest, and
    the summary says which failed and why.

    \b
    Examples:
      hypress compress scene.hdr scene.zarr.zip                     lossless
      hypress compress scene.tif scene.zarr --psnr 50
      hypress compress scene.nc scene.zarr.zip --rate 0.5 --codec speck3d
      hypress compress 'flight/*.hdr' archive/ --max-error 2
    """
    from hypress.codec import of_standard
    from hypress.jobs import archive
    from hypress.jobs.compress import compress

    goal = o.goal_from(**goals)
    chosen, goal = o.codec_from(codec or of_standard(output), settings, goal)
    options: dict[str, Any] = {
        "variable": variable,
        "tile": _tile(tile),
        "workers": workers,
        "scheduler": scheduler,
        "overwrite": overwrite,
        "resume": resume,
    }
    if archive.is_archive(inputs):
        with o.secret_from(key_file, ask), _recorded(history), o.engine_from(engine), o.bar():
            summary = archive.compress_all(inputs, output, chosen, goal, ending=ending, **options)
        if as_json:
            o.print_json(summary.to_dict())
        else:
            _print_summary(summary)
        if summary.failed:
            raise click.exceptions.Exit(2)
        return
    with o.secret_from(key_file, ask), _recorded(history), o.engine_from(engine), o.bar():
        report = compress(inputs[0], output, chosen, goal, **options)
    if as_json:
        o.print_json(report.to_dict())
    else:
        _print_report(report)


def _recorded(folder: str | None) -> AbstractContextManager[Any]:
    if folder is None:
        return nullcontext()
    from hypress.neural import history

    return history.record(folder)


def _tile(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(f"ROWS,COLUMNS or BANDS,ROWS,COLUMNS, not {text!r}", param_hint="--tile") from None


def _print_report(report: Any) -> None:
    bands, rows, columns = report.shape
    original = round(report.bytes * report.ratio)
    streams = ", ".join(f"{name} {size}" for name, size in report.streams.items())
    click.echo(f"{report.output}: {bands} bands, {rows} × {columns} pixels of {report.dtype}, by {report.codec}")
    o.table(
        {
            "size": f"{o.size(report.bytes)} of {o.size(original)}: {report.ratio:.2f} times smaller",
            "rate": f"{report.bpppc:.4f} bits per sample ({streams} bytes)",
            "maximum error": f"{report.max_error:g}",
            "PSNR": f"{o.figure(report.psnr_db, 'dB')} (peak {report.psnr_peak:g})",
            "spectral angle": f"{report.sam_deg:.4f}° on average",
            "time": f"{report.seconds:.2f} s",
        }
    )


def _print_summary(summary: Any) -> None:
    for report in summary.reports:
        quality = o.figure(report.psnr_db, "dB")
        click.echo(f"{report.output}: {o.size(report.bytes)}, {report.ratio:.2f} times smaller, {quality}")
    for path in summary.skipped:
        click.echo(f"{path}: done before, skipped")
    for path, reason in summary.failed.items():
        click.echo(f"{path}: FAILED: {reason}", err=True)
    click.echo(f"{len(summary.reports)} compressed, {len(summary.skipped)} skipped, {len(summary.failed)} failed")
