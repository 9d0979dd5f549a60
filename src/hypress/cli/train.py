"""`hypress train`."""

from __future__ import annotations

from typing import Any

import click

from hypress.cli import _options as o
from hypress.cli._training import training_options


@click.command(short_help="Train the networks of a codec on your scenes.")
@click.argument("recipe", metavar="RECIPE")
@training_options(
    "Scenes to learn from, of any format that hypress reads, or a HySpecNet-11k folder. May be given again.", "auto"
)
@o.json_option
def command(recipe: str, training: dict[str, Any], as_json: bool) -> None:
    """Train as RECIPE says: one of ours by name, mostly that of the codec, or a JSON file of its fields.

    Beside FILE lie its log (.csv) and a checkpoint, from which --resume goes on after a training was stopped. The
    weights are used with --set weights=FILE (of siren: base=FILE). For several processes or machines, start it with
    torchrun --no-python.
    """
    from hypress.jobs.train import train

    with o.bar():
        result = train(recipe, **training)
    if as_json:
        o.print_json(result.to_dict())
        return
    rows = {
        "weights": f"{result.path} ({o.size(result.bytes)})",
        "steps": f"{result.steps} in {result.seconds:.0f} s{', stopped early' if result.stopped_early else ''}",
        "hash": result.digest,
    }
    rows |= {f"validation {key}": f"{value:.5g}" for key, value in result.measured.items()}
    o.table(rows)
