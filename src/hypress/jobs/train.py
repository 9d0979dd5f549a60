"""Training, from a recipe and folders of scenes to a file of weights."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hypress.errors import ConfigurationError, MissingExtraError, OutputExistsError


@dataclass(frozen=True)
class Trained:
    """What came of a training."""

    path: str
    bytes: int
    digest: str
    """What a codestream knows the weights by."""
    steps: int
    seconds: float
    measured: dict[str, float]
    """At the best validation, whose weights were kept."""
    stopped_early: bool

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def train(
    recipe: str,
    folders: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    changes: Mapping[str, Any] | None = None,
    split: str = "easy",
    device: str = "auto",
    resume: bool = False,
    overwrite: bool = False,
) -> Trained:
    """Train as a recipe says, on the scenes below `folders`, and write the weights to `out`.

    `recipe` names one of ours, or a JSON file; `changes` are fields to set. Beside `out` lie log and checkpoint.
    Raises ConfigurationError, SceneError, InputNotFoundError, OutputExistsError, MissingExtraError.
    """
    try:
        from hypress.neural import pretrained
        from hypress.train import loop
        from hypress.train.recipe import recipe as read_recipe
        from hypress.train.tasks import training_of
    except ImportError as error:
        raise MissingExtraError(f"training needs: pip install 'hypress[neural]' ({error})") from error
    path = Path(out)
    if path.suffix != pretrained.ENDING:
        raise ConfigurationError(f"weights are written to a {pretrained.ENDING} file, not {path.name}")
    if path.exists() and not (overwrite or resume):
        raise OutputExistsError(f"{path} exists: give overwrite to replace it, or resume to go on")
    chosen = read_recipe(recipe, changes)
    training, bands = training_of(chosen, [Path(f) for f in folders], split)
    outcome = loop.run(training, chosen, path, resume=resume, device=device, bands=bands)
    written = pretrained.read(path) if path.exists() else None
    return Trained(
        path=str(path),
        bytes=path.stat().st_size if written else 0,
        digest=written.digest.hex() if written else "",
        steps=outcome.steps,
        seconds=outcome.seconds,
        measured=outcome.measured,
        stopped_early=outcome.stopped_early,
    )
