"""The loop: batches ─► loss ─► Adam; checkpoints, resume, log, early stop; one process or many.

Step n of a training is a function of the recipe and n: its batch and its noise come from generators seeded by both, so
a training that was killed and goes on from its checkpoint ends where it would have ended. Checkpoints are safetensors.

Several processes, of one machine or many, are started by PyTorch's own launcher:

    torchrun --nproc-per-node 2 --no-python hypress train bandwise --data scenes/ --out bandwise.safetensors
"""

from __future__ import annotations

import contextlib
import csv
import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn

from hypress.errors import ConfigurationError
from hypress.neural.pretrained import Card, write
from hypress.progress import Task as Progress
from hypress.train.recipe import Recipe
from hypress.whole import write_whole

LOG_EVERY = 50
Batch = dict[str, Tensor]


class Training(Protocol):
    """What is trained, and on what."""

    loss: str
    """What it lowers, in words, for the card."""

    @property
    def module(self) -> nn.Module:
        """Its `forward(batch)` gives the loss and what the log shows."""

    def sample(self, random: np.random.Generator) -> Batch:
        """A batch."""

    def validate(self) -> dict[str, float]:
        """Figures over the scenes held out; "loss" is the one to lower, among those of the latest "phase", if any."""

    def export(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Tensors of the weights, and the architecture for the card."""


@dataclass
class Outcome:
    """What came of a training."""

    steps: int
    seconds: float
    measured: dict[str, float] = field(default_factory=dict)
    """At the best validation."""
    stopped_early: bool = False


def run(
    training: Training,
    recipe: Recipe,
    out: Path,
    *,
    resume: bool = False,
    device: str = "cpu",
    bands: int | None = None,
) -> Outcome:
    """Train, and write the best weights to `out`; beside it lie `.checkpoint` and the log, `.csv`.

    Raises ConfigurationError for a device that is not there, or a checkpoint of another recipe.
    """
    where = device_named(device)
    torch.set_num_threads(recipe.threads)
    with _group(where) as (rank, count):
        training.module.to(where)
        model = nn.parallel.DistributedDataParallel(training.module) if count > 1 else training.module
        state = _State(training.module, recipe, out)
        if resume:
            state.load()
        if rank == 0:
            state.open_log()
        return _train(training, model, state, where, rank, count, bands)


def _train(
    training: Training, model: nn.Module, state: _State, where: torch.device, rank: int, count: int, bands: int | None
) -> Outcome:
    recipe, started = state.recipe, time.monotonic()
    progress = Progress("train", recipe.steps, "steps")
    progress.advance(state.step)
    stopped = False
    while state.step < recipe.steps and not stopped:
        seed = np.random.SeedSequence((recipe.seed, state.step, rank))
        random = np.random.default_rng(seed)
        torch.manual_seed(int(random.integers(1 << 62)))
        batch = {key: value.to(where) for key, value in training.sample(random).items()}
        with torch.autocast(where.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            loss, shown = model(batch)
        if not torch.isfinite(loss):
            raise ConfigurationError(f"training diverged at step {state.step}: lower learning_rate, or clip more")
        state.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(training.module.parameters(), recipe.clip)
        for group in state.optimiser.param_groups:
            group["lr"] = learning_rate(recipe, state.step)
        state.optimiser.step()
        state.step += 1
        state.see({key: float(value.detach()) for key, value in shown.items()})
        last = state.step == recipe.steps
        if state.step % recipe.validate_every == 0 or last:
            stopped = _validated(training, state, rank, count, bands)
        if rank == 0 and (state.step % recipe.checkpoint_every == 0 or last or stopped):
            state.save()
        progress.advance(1, state.note())
    return Outcome(state.step, time.monotonic() - started, state.best, stopped)


def _validated(training: Training, state: _State, rank: int, count: int, bands: int | None) -> bool:
    """Measure, keep the best; whether patience is over, which all processes hear from the first."""
    over = torch.zeros(1)
    if rank == 0:
        training.module.eval()
        with torch.no_grad():
            measured = training.validate()
        training.module.train()
        state.log(measured)
        if not state.best or _rank(measured) < _rank(state.best):
            state.best, state.since = measured, 0
            tensors, architecture = training.export()
            r = state.recipe
            card = Card(
                codec=r.codec, architecture=architecture, bands=bands, sensor=r.sensor, data=r.data, licence=r.licence,
                loss=training.loss, steps=state.step, recipe=_as_json(r),
                measured={key: round(value, 5) for key, value in measured.items()},
            )  # fmt: skip
            write(state.out, tensors, card)
        else:
            state.since += 1
        over[0] = float(0 < state.recipe.patience <= state.since)
    if count > 1:
        distributed.broadcast(over, 0)
    return bool(over[0])


def _rank(measured: Mapping[str, float]) -> tuple[float, float]:
    """Less is better."""
    return -measured.get("phase", 0), measured["loss"]


def learning_rate(recipe: Recipe, step: int) -> float:
    """Rising, then along half a cosine to a hundredth."""
    rise = min(1.0, (step + 1) / max(recipe.warmup, 1))
    return recipe.learning_rate * rise * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / recipe.steps)))


def device_named(name: str) -> torch.device:
    """`auto`, `cpu`, `cuda` or `cuda:1`. Raises ConfigurationError where it is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        where = torch.device(name)
    except RuntimeError:
        raise ConfigurationError(f"there is no device {name!r}; give auto, cpu or cuda") from None
    if where.type == "cuda" and not torch.cuda.is_available():
        raise ConfigurationError("there is no GPU that torch can use here; give --device cpu")
    return where


@contextlib.contextmanager
def _group(where: torch.device) -> Iterator[tuple[int, int]]:
    """Rank and number of the processes that torchrun started; 0 and 1 without it."""
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield 0, 1
        return
    distributed.init_process_group("nccl" if where.type == "cuda" else "gloo")
    try:
        yield distributed.get_rank(), distributed.get_world_size()
    finally:
        distributed.destroy_process_group()


def _as_json(recipe: Recipe) -> dict[str, Any]:
    import msgspec

    return dict(msgspec.json.decode(msgspec.json.encode(recipe)))  # as a checkpoint holds it: lists, no tuples


class _State:
    """Everything that a checkpoint holds."""

    def __init__(self, module: nn.Module, recipe: Recipe, out: Path) -> None:
        self.module, self.recipe, self.out = module, recipe, out
        self.optimiser = torch.optim.Adam(module.parameters(), recipe.learning_rate)
        self.step, self.since = 0, 0
        self.best: dict[str, float] = {}
        self._means: dict[str, float] = {}

    # --- log ---

    def see(self, shown: Mapping[str, float]) -> None:
        """Running means of what a step showed."""
        for key, value in shown.items():
            self._means[key] = value if key not in self._means else 0.98 * self._means[key] + 0.02 * value
        if self.step % LOG_EVERY == 0:
            self.log({})

    def note(self) -> str:
        """One line for the progress bar."""
        return ", ".join(f"{key} {value:.4g}" for key, value in self._means.items())

    def open_log(self) -> None:
        """Begin the log, or go on with that of the steps before the checkpoint."""
        kept = []
        if self.step and self._log.exists():
            with self._log.open(newline="") as file:
                kept = [row for row in csv.reader(file) if row and row[0].isdigit() and int(row[0]) <= self.step]
        self.out.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("w", newline="") as file:
            csv.writer(file).writerows([["step", "what", "value"], *kept])

    def log(self, measured: Mapping[str, float]) -> None:
        """A row for each figure: `step, what, value`; those of a validation are called so."""
        if not self._log.parent.exists() or int(os.environ.get("RANK", 0)):
            return
        rows = [[self.step, f"validation {key}", f"{value:.6g}"] for key, value in measured.items()]
        if not rows:
            rows = [[self.step, key, f"{value:.6g}"] for key, value in self._means.items()]
            rows.append([self.step, "learning_rate", f"{learning_rate(self.recipe, self.step):.4g}"])
        with self._log.open("a", newline="") as file:
            csv.writer(file).writerows(rows)

    @property
    def _log(self) -> Path:
        return self.out.with_suffix(".csv")

    # --- checkpoints ---

    @property
    def _checkpoint(self) -> Path:
        return self.out.with_suffix(".checkpoint")

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        from safetensors.torch import save

        tensors = {f"module.{key}": value for key, value in self.module.state_dict().items()}
        for number, values in self.optimiser.state_dict()["state"].items():
            tensors |= {f"adam.{number}.{key}": torch.as_tensor(value) for key, value in values.items()}
        facts = {"step": self.step, "since": self.since, "best": self.best, "means": self._means}
        facts["recipe"] = _as_json(self.recipe)
        described = {"hypress": json.dumps(facts)}
        write_whole(self._checkpoint, save({k: v.cpu().contiguous() for k, v in tensors.items()}, described))

    def load(self) -> None:
        """Go on from the checkpoint. Raises ConfigurationError where there is none, or it is of another recipe."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self._checkpoint, "pt") as file:
                facts = json.loads(file.metadata()["hypress"])
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise ConfigurationError(f"there is no checkpoint {self._checkpoint} to go on from ({error})") from None
        if facts["recipe"] != _as_json(self.recipe):
            raise ConfigurationError(f"{self._checkpoint} is of another recipe; train anew without --resume")
        self.step, self.since = facts["step"], facts["since"]
        self.best, self._means = facts["best"], facts["means"]
        own = {k.removeprefix("module."): v for k, v in tensors.items() if k.startswith("module.")}
        self.module.load_state_dict(own)
        adam: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("adam."):
                _, number, name = key.split(".", 2)
                adam.setdefault(int(number), {})[name] = value
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": adam})
