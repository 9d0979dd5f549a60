"""Pruning: from a file of weights and scenes to a smaller file of weights, and what it cost."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hypress.errors import ConfigurationError, MissingExtraError, OutputExistsError
from hypress.whole import write_whole

GRANULARITIES = ("channel", "weight")


@dataclass(frozen=True)
class Pruning:
    """How weights are made smaller. What each field may be: `prune.criteria`, `prune.schedules`, `prune.choice`."""

    ratio: float = 0.5
    """Share that goes: of all parameters, by whole channels; or of the weights of convolutions, one by one."""
    granularity: str = "channel"
    context: str = "local"
    criterion: str = "taylor"
    schedule: str = "one_shot"
    fine_tune: str = "0"
    """Steps, or epochs: `500`, `3epochs`."""
    distil: bool = False
    """Whether the network as it was teaches what is left of it."""
    low_rank: float | None = None
    """Share of its weights that each large layer has as two of low rank, before anything is pruned."""
    int8: bool = False
    """Whether weights are stored in eight bits, each channel with its scale."""
    seed: int = 0

    def check(self) -> None:
        """Raises ConfigurationError."""
        from hypress.prune.choice import CONTEXTS
        from hypress.prune.criteria import CRITERIA
        from hypress.prune.schedules import SCHEDULES

        if not 0 <= self.ratio < 1:
            raise ConfigurationError(f"ratio must be at least 0 and below 1, not {self.ratio:g}")
        if self.low_rank is not None and not 0 < self.low_rank < 1:
            raise ConfigurationError(f"low rank takes a share of the weights between 0 and 1, not {self.low_rank:g}")
        for what, given, known in (
            ("granularity", self.granularity, GRANULARITIES), ("context", self.context, CONTEXTS),
            ("criterion", self.criterion, CRITERIA), ("schedule", self.schedule, SCHEDULES),
        ):  # fmt: skip
            if given not in known:
                raise ConfigurationError(f"there is no {what} {given!r}; there are: {', '.join(known)}")
        if self.schedule != "one_shot" and self.fine_tune in ("", "0"):
            raise ConfigurationError(f"schedule {self.schedule} prunes while fine-tuning: say for how many steps")


@dataclass(frozen=True)
class Pruned:
    """What came of a pruning."""

    path: str
    report: str
    figure: str
    stages: list[dict[str, Any]]
    """`prune.quality.Quality` of the original, pruned, fine-tuned, and in eight bits."""
    scenes: int
    held_out: bool
    """Whether they were measured on scenes that fine-tuning never saw."""
    steps: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def prune(
    weights: str,
    out: str | os.PathLike[str],
    folders: Sequence[str | os.PathLike[str]],
    how: Pruning | None = None,
    *,
    changes: Mapping[str, Any] | None = None,
    split: str = "easy",
    device: str = "cpu",
    resume: bool = False,
    overwrite: bool = False,
) -> Pruned:
    """Make the weights of that name or path smaller, tune them on the scenes below `folders`, write them to `out`.

    Tuning goes by the recipe on the weights' card, with `changes`; what is measured are the scenes that it names for
    validation, or all. Beside `out` lie a report (.json) and a figure (.svg). Raises ConfigurationError, WeightsError,
    SceneError, InputNotFoundError, OutputExistsError, MissingExtraError.
    """
    how, path = how or Pruning(), Path(out)
    try:
        from hypress.neural import pretrained
        from hypress.neural.fitting import threads
        from hypress.prune.figure import figure
        from hypress.prune.work import Wanted, Work
        from hypress.train.tasks import scenes_of
    except ImportError as error:
        raise MissingExtraError(f"pruning needs: pip install 'hypress[neural,prune]' ({error})") from error
    how.check()
    if path.suffix != pretrained.ENDING:
        raise ConfigurationError(f"weights are written to a {pretrained.ENDING} file, not {path.name}")
    if path.exists() and not (overwrite or resume):
        raise OutputExistsError(f"{path} exists: give overwrite to replace it, or resume to go on")
    if not folders:
        raise ConfigurationError("pruning needs scenes to measure on, and to tune on: give --data")
    before = pretrained.named(weights)
    validation = dict(changes or {}).get("validation", before.card.recipe.get("validation", ()))
    scenes = scenes_of([Path(f) for f in folders], tuple(validation), split)
    with threads(1):  # tuning takes as many as its recipe says
        work = Work(before, path, Wanted(**asdict(how)), dict(changes or {}), scenes)
        stages = work.run(device=device, resume=resume)
    report, drawn = path.with_suffix(".json"), path.with_suffix(".svg")
    done = Pruned(
        path=str(path),
        report=str(report),
        figure=str(drawn),
        stages=[stage.to_dict() for stage in stages],
        scenes=len(work.measured_on),
        held_out=len(scenes[1]) > 0,
        steps=work.steps,
        seconds=work.seconds,
    )
    title = f"{before.name}: {how.ratio:.1%} of the {'parameters' if how.granularity == 'channel' else 'weights'} gone"
    write_whole(drawn, figure(title, stages).encode())
    write_whole(report, (json.dumps({**done.to_dict(), "how": asdict(how)}, indent=2) + "\n").encode())
    return done
