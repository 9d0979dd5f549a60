"""`hypress export`."""

from __future__ import annotations

import click

from hypress.cli import _options as o


@click.command(short_help="Write a codec's networks as ONNX graphs, which need no torch.")
@click.argument("weights", metavar="CODEC|WEIGHTS")
@click.option("--onnx", "folder", required=True, metavar="DIR", help="The folder to write to.")
@click.option("--int8", is_flag=True, help="Compute convolutions in eight bits.")
@click.option("--data", multiple=True, metavar="DIR", help="Scenes to calibrate eight bits on. May be given again.")
@o.overwrite_option
@o.json_option
def command(
    weights: str, folder: str, int8: bool, data: tuple[str, ...], overwrite: bool, as_json: bool
) -> None:  # fmt: skip
    """Write the networks of WEIGHTS, the name of a codec's own or a path, as one ONNX graph for each part.

    The folder is all that a device needs: `hypress compress --engine onnx --set weights=DIR/NAME.safetensors` computes
    with it and without torch. Files are the same: either engine reads what the other wrote.

    \b
    Examples:
      hypress export sscnet --onnx edge/
      hypress export small.safetensors --onnx edge/ --int8 --data tiles/
    """
    from hypress.jobs.export import export

    with o.bar():
        result = export(weights, folder, int8=int8, data=data, overwrite=overwrite)
    if as_json:
        o.print_json(result.to_dict())
        return
    o.table({part: o.size(size) for part, size in result.graphs.items()} | {"weights": result.weights})
