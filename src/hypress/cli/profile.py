"""`hypress profile`."""

from __future__ import annotations

from typing import Any

import click

from hypress.cli import _options as o


@click.command(short_help="What the networks of codecs cost: parameters, memory, time.")
@click.argument("weights", nargs=-1, required=True, metavar="WEIGHTS…")
@click.option("--tile", default="128,128", show_default=True, metavar="ROWS,COLUMNS", help="Pixels of the tile.")
@click.option("--repeats", type=click.IntRange(min=1), default=5, show_default=True, help="The best of so many times.")
@o.engine_option
@click.option("--device", default="cpu", show_default=True, help="auto, cpu, cuda or cuda:N; a GPU, for torch alone.")
@o.json_option
def command(
    weights: tuple[str, ...], tile: str, repeats: int, engine: str | None, device: str, as_json: bool
) -> None:  # fmt: skip
    """Profile WEIGHTS, names or paths, side by side: a tile through the network and back, on one thread.

    What `hypress export` wrote is run by ONNX Runtime, weights themselves by torch. Several are timed in turns. On a
    GPU what is told besides is the most of its memory that tensors hold.

    \b
    Example:
      hypress profile sscnet small.safetensors edge/small.safetensors
    """
    from hypress.jobs.profile import profile

    found = profile(weights, tile=_tile(tile), repeats=repeats, engine=engine, device=device)
    rows = [row.to_dict() for row in found]
    if as_json:
        o.print_json({"tile": list(_tile(tile)), "models": rows})
        return
    lines = [list(HEAD), *(_cells(row) for row in rows)]
    if rows[0]["gpu_bytes"] is None:
        lines = [line[:GPU] + line[GPU + 1 :] for line in lines]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        left = "  ".join(cell.ljust(width) for cell, width in zip(line[:2], widths[:2], strict=True))
        click.echo(left + "  " + "  ".join(c.rjust(w) for c, w in zip(line[2:], widths[2:], strict=True)))


HEAD = (
    "weights", "engine", "parameters", "MACs/sample", "model", "peak memory", "of the GPU", "encode, ms", "decode, ms",
    "Msample/s",
)  # fmt: skip
GPU = HEAD.index("of the GPU")


def _cells(row: dict[str, Any]) -> list[str]:
    def told(value: float | None, digits: int = 0) -> str:
        return "?" if value is None else f"{value:,.{digits}f}"

    memory = ["?" if row[key] is None else o.size(row[key]) for key in ("peak_bytes", "gpu_bytes")]
    return [
        row["weights"], row["engine"], told(row["parameters"]), told(row["macs_per_sample"]), o.size(row["bytes"]),
        *memory, told(row["encode_ms"], 1), told(row["decode_ms"], 1), told(row["msamples_per_s"], 2),
    ]  # fmt: skip


def _tile(text: str) -> tuple[int, int]:
    try:
        rows, columns = (int(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(f"ROWS,COLUMNS, not {text!r}", param_hint="--tile") from None
    return rows, columns
