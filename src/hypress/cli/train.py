"""`hypress train`."""

from __future__ import annotations

import click

from hypress.cli import _options as o


@click.command(short_help="Train the networks of a codec on your scenes.")
@click.argument("recipe", metavar="RECIPE")
@click.option(
    "--data", "folders", multiple=True, required=True, metavar="DIR",
    help="Scenes to learn from, of any format that hypress reads, or a HySpecNet-11k folder. May be given again.",
)  # fmt: skip
@click.option("--out", required=True, metavar="FILE", help="Weights to write: a .safetensors file.")
@click.option("--set", "changes", multiple=True, metavar="FIELD=VALUE", help="Change a field of the recipe.")
@click.option("--split", default="easy", show_default=True, help="Of HySpecNet-11k: easy or hard.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint beside FILE.")
@click.option("--overwrite", is_flag=True, help="Replace FILE.")
@o.json_option
def command(
    recipe: str, folders: tuple[str, ...], out: str, changes: tuple[str, ...], split: str, device: str, resume: bool,
    overwrite: bool, as_json: bool,
) -> None:  # fmt: skip
    """Train as RECIPE says: one of ours by name, mostly that of the codec, or a JSON file of its fields.

    Beside FILE lie its log (.csv) and a checkpoint, from which --resume goes on after a training was stopped. The
    weights are used with --set weights=FILE (of siren: base=FILE). For several processes or machines, start it with
    torchrun --no-python.
    """
    from hypress.jobs.train import train

    with o.bar():
        result = train(
            recipe, [*folders], out, changes=o.fields(changes), split=split, device=device, resume=resume,
            overwrite=overwrite,
        )  # fmt: skip
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
