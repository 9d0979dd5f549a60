"""`hypress decompress`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hypress.cli import _options as o

if TYPE_CHECKING:
    from hypress.codec import Codec
    from hypress.goal import Psnr, Rate


@click.command(short_help="Write a compressed scene, or part of it, in another format.")
@click.argument("source", metavar="IN")
@click.argument("output", metavar="OUT")
@click.option("--bands", metavar="LIST", help="Bands from 0, such as 3 or 0:50 or 10,20,30.")
@click.option("--rows", metavar="FROM:TO", help="Rows from 0, TO excluded.")
@click.option("--columns", metavar="FROM:TO", help="Columns from 0, TO excluded.")
@click.option("--rate", type=float, metavar="BPPPC", help="Read only so much of each tile of an embedded codec.")
@click.option("--psnr", type=float, metavar="DB", help="Read only as much as that quality needs.")
@click.option("--peak", type=float, metavar="DN", help="The peak for --psnr.  [default: the scene's maximum]")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="FIELD=VALUE",
    help="For a standard's own stream: say what its header leaves out; repeatable.",
)
@o.key_options
@o.engine_option
@o.overwrite_option
@o.json_option
def command(
    source: str,
    output: str,
    bands: str | None,
    rows: str | None,
    columns: str | None,
    rate: float | None,
    psnr: float | None,
    peak: float | None,
    settings: tuple[str, ...],
    key_file: str | None,
    ask: bool,
    engine: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write the scene in IN (a store, a .hyp or a standard's own stream such as .ccsds123) to OUT.

    The format is that of OUT's ending: .hdr or .img (ENVI), .tif, .nc, .mat, .npy. Only the tiles that the wanted
    part touches are decoded. Of a file by an embedded codec, such as speck3d, --rate or --psnr reads the beginning
    of each tile only.
    """
    from hypress.jobs.decompress import decompress

    with o.secret_from(key_file, ask), o.engine_from(engine), o.bar():
        written = decompress(
            source,
            output,
            bands=_bands(bands),
            rows=_span(rows, "--rows"),
            columns=_span(columns, "--columns"),
            goal=_goal(rate, psnr, peak),
            codec=_codec(source, settings),
            overwrite=overwrite,
        )
    if as_json:
        o.print_json(written.to_dict())
    else:
        shape = " × ".join(str(n) for n in written.shape)
        click.echo(f"{written.output}: {shape} (band × y × x) of {written.dtype}, {o.size(written.bytes)}")


def _goal(rate: float | None, psnr: float | None, peak: float | None) -> Rate | Psnr | None:
    from hypress.goal import Psnr, Rate

    if rate is not None and psnr is not None:
        raise click.UsageError("give one goal: --rate or --psnr")
    if peak is not None and psnr is None:
        raise click.UsageError("--peak goes with --psnr")
    return Rate(bpppc=rate) if rate is not None else Psnr(db=psnr, peak=peak) if psnr is not None else None


def _codec(source: str, settings: tuple[str, ...]) -> Codec | None:
    from hypress.codec import of_standard

    if not settings:
        return None
    name = of_standard(source)
    if name is None:
        raise click.UsageError(f"--set goes with a standard's own stream; {source} says all of itself")
    return o.codec_from(name, settings, None)[0]


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
