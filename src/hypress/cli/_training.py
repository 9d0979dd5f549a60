"""What `hypress train` and `hypress prune` ask for alike: scenes to learn from, and how to learn."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from hypress.cli._options import fields

Command = Callable[..., Any]


def training_options(scenes: str, device: str) -> Callable[[Command], Command]:
    """The command is given `training`, the arguments of that name of `jobs.train.train` and `jobs.prune.prune`.

    `scenes` says what `--data` is for, `device` is where it runs by default.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def gathered(
            folders: tuple[str, ...], out: str, changes: tuple[str, ...], split: str, device: str, resume: bool,
            overwrite: bool, **own: Any,
        ) -> Any:  # fmt: skip
            training = {
                "folders": folders, "out": out, "changes": fields(changes), "split": split, "device": device,
                "resume": resume, "overwrite": overwrite,
            }  # fmt: skip
            return command(training=training, **own)

        decorated: Command = gathered
        for option in reversed(
            (
                click.option("--data", "folders", multiple=True, required=True, metavar="DIR", help=scenes),
                click.option("--out", required=True, metavar="FILE", help="Weights to write: a .safetensors file."),
                click.option(
                    "--set", "changes", multiple=True, metavar="FIELD=VALUE", help="Change a field of the recipe."
                ),
                click.option("--split", default="easy", show_default=True, help="Of HySpecNet-11k: easy or hard."),
                click.option("--device", default=device, show_default=True, help="auto, cpu, cuda or cuda:N."),
                click.option("--resume", is_flag=True, help="Go on from the checkpoint beside FILE."),
                click.option("--overwrite", is_flag=True, help="Replace FILE."),
            )
        ):
            decorated = option(decorated)
        return decorated

    return decorate
