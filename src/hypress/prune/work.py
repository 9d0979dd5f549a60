"""One pruning from beginning to end: weights ─► pruned at once ─► tuned ─► written; measured after each."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from torch import nn

from hypress.errors import ConfigurationError
from hypress.neural import pretrained
from hypress.neural.networks import HIFIC
from hypress.neural.packed import packed
from hypress.neural.pretrained import Card, Weights
from hypress.progress import Task
from hypress.prune import eight, lowrank, networks
from hypress.prune.criteria import Criterion, after_seeing
from hypress.prune.masks import Masked, Plan
from hypress.prune.quality import Quality, quality, shown
from hypress.prune.tuning import Tuning, teacher
from hypress.train import loop
from hypress.train.autoencoders import AutoencoderTraining
from hypress.train.bandwise import BandwiseTraining
from hypress.train.hific import HificTraining
from hypress.train.loop import Training
from hypress.train.recipe import Recipe
from hypress.train.recipe import recipe as read_recipe
from hypress.train.scenes import TrainingScene

CALIBRATION = 16
"""Batches whose gradients a criterion sees before anything is pruned."""
SLOWER = 0.5
"""The learning rate of tuning, as a share of that of training."""
VALIDATIONS = 10
"""In a tuning."""


@dataclass(frozen=True)
class Wanted:
    """What is to be done, checked."""

    ratio: float
    granularity: str
    context: str
    criterion: str
    schedule: str
    fine_tune: str
    distil: bool
    low_rank: float | None
    int8: bool
    seed: int


class Work:
    """Prunes one file of weights into another."""

    def __init__(
        self, before: Weights, out: Path, wanted: Wanted, changes: Mapping[str, Any],
        scenes: tuple[Sequence[TrainingScene], Sequence[TrainingScene]],
    ) -> None:  # fmt: skip
        """`scenes` are those to learn from, and those that are only measured. Raises ConfigurationError, SceneError."""
        networks.check(before)
        self.before, self.out, self.wanted = before, out, wanted
        self.scenes, self.held = scenes
        self.measured_on = shown(self.held or self.scenes, before.card.bands)
        self.scratch = out.with_name(out.name.removesuffix(pretrained.ENDING) + ".scratch" + pretrained.ENDING)
        self.recipe = self._recipe(changes)
        self.original = networks.load(before, fit=self.recipe is not None)
        self.stages: list[Quality] = []
        self.steps, self.seconds = 0, 0.0

    def run(self, *, device: str, resume: bool) -> list[Quality]:
        """All of it; what each stage was worth. Raises as `loop.run`."""
        wanted = self.wanted
        progress = Task("prune", 3 + wanted.int8, "stages")
        self._measure("original", self.before.path, progress)
        net = copy.deepcopy(self.original)
        if wanted.low_rank is not None:
            lowrank.make_low_rank(net, wanted.low_rank)
        criterion = self._criterion(net)
        net, rest = self._at_once(net, criterion)
        known = {k: v for k, v in self.before.tensors.items() if ".prior." in k}  # exact, where a fit is near
        made = Weights(self.scratch, self._card(net), b"", networks.tensors(net) | known)
        self._write(self.scratch, made)
        self._measure("pruned", self.scratch, progress)
        if self.recipe is not None:
            self._tune(rest or net, criterion if rest else None, device, resume)
            made = pretrained.read(self.scratch)
            self._write(self.scratch, made)
            self._measure("fine-tuned", self.scratch, progress)
        self._write(self.out, self._in_eight_bits(made) if wanted.int8 else made, int8=wanted.int8)
        if wanted.int8:
            self._measure("int8", self.out, progress)
        for path in (self.scratch, self._checkpoint):
            path.unlink(missing_ok=True)
        log = self.scratch.with_suffix(".csv")
        if log.exists():
            log.replace(self.out.with_suffix(".csv"))
        return self.stages

    def _at_once(self, net: nn.Module, criterion: Criterion) -> tuple[nn.Module, nn.Module | None]:
        """The network with all pruned now; and as it was, where tuning needs it whole."""
        if not self.wanted.ratio:
            return net, None
        whole = copy.deepcopy(net)
        masked = Masked(nn.Identity(), net, replace(self._plan(1), schedule="one_shot"), criterion)
        masked.advance()
        at_once = self.wanted.schedule == "one_shot" and self.wanted.granularity == "channel"
        return masked.pruned(), None if at_once else whole

    def _tune(self, net: nn.Module, criterion: Criterion | None, device: str, resume: bool) -> None:
        """Tune a network into the scratch file; with a criterion it is pruned on the way."""
        assert self.recipe is not None
        architecture = networks.architecture(net, self.before.card.architecture)
        recipe = msgspec.structs.replace(self.recipe, architecture=architecture)
        inner = self._training(net, recipe)
        plan = self._plan(recipe.steps) if criterion else None
        also = teacher(net, self.original) if self.wanted.distil else None
        tuning = Tuning(inner, Masked(inner.module, net, plan, criterion, also), architecture)
        outcome = loop.run(
            tuning, recipe, self.scratch, device=device, bands=self.before.card.bands,
            resume=resume and self._checkpoint.exists(),
        )  # fmt: skip
        self.steps, self.seconds = outcome.steps, outcome.seconds

    def _plan(self, steps: int) -> Plan:
        w = self.wanted
        return Plan(w.ratio, w.granularity, w.context, w.criterion, w.schedule, steps)

    def _criterion(self, net: nn.Module) -> Criterion:
        """One that has seen what it needs."""
        criterion = Criterion(self.wanted.criterion, net, self.wanted.seed)
        if criterion.learns and self.wanted.ratio:
            recipe = self.recipe or self._base({})
            training = self._training(net, msgspec.structs.replace(recipe, architecture=self._architecture(net)))
            random = np.random.default_rng(self.wanted.seed)
            after_seeing(criterion, training.module, net, (training.sample(random) for _ in range(CALIBRATION)))
            net.eval()
        return criterion

    def _training(self, net: nn.Module, recipe: Recipe) -> Training:
        """The codec's own, of this network."""
        kind: Any = BandwiseTraining if recipe.codec == "bandwise" else AutoencoderTraining
        kind = HificTraining if recipe.codec in HIFIC else kind
        if recipe.codec == "bandwise":
            fields = {k: v for k, v in recipe.architecture.items() if k != "models"}
            recipe = msgspec.structs.replace(recipe, architecture=fields)
        training: Training = kind(recipe, self.scenes, self.held)
        training.module.net = net
        return training

    def _architecture(self, net: nn.Module) -> dict[str, Any]:
        return networks.architecture(net, self.before.card.architecture)

    def _recipe(self, changes: Mapping[str, Any]) -> Recipe | None:
        """That of the tuning; None where there is none."""
        text = self.wanted.fine_tune.replace(" ", "")
        count = text.removesuffix("epochs").removesuffix("epoch")
        if not count.isdigit():
            raise ConfigurationError(f"fine-tuning takes steps or epochs, such as 500 or 3epochs, not {text!r}")
        base = self._base(changes)
        steps = int(count) * (1 if count == text else self._epoch(base))
        if steps == 0:
            return None
        usual = {
            "steps": steps,
            "learning_rate": SLOWER * base.learning_rate,
            "warmup": min(base.warmup, steps // 10),
            "validate_every": max(1, steps // VALIDATIONS),
            "checkpoint_every": max(1, steps // VALIDATIONS),
            "patience": 0,
        }
        return self._base({**usual, **changes})

    def _base(self, changes: Mapping[str, Any]) -> Recipe:
        """What is on the card, as far as recipes still have it."""
        card = self.before.card
        known = {k: v for k, v in card.recipe.items() if k in Recipe.__struct_fields__ and k != "architecture"}
        return read_recipe(card.codec, {**known, **changes, "architecture": {}})

    def _epoch(self, recipe: Recipe) -> int:
        """Steps until as many pixels were seen as there are."""
        first = self.scenes[0].whole
        every = self.scenes if isinstance(self.scenes, list) else [self.scenes[0]] * len(self.scenes)
        pixels = sum(math.prod(scene.whole.shape[1:]) for scene in every) if every else first[0].size
        return max(1, math.ceil(pixels / (recipe.patch**2 * recipe.batch)))

    @property
    def _checkpoint(self) -> Path:
        return self.scratch.with_suffix(".checkpoint")

    def _measure(self, stage: str, path: Path, progress: Task) -> None:
        found = quality(stage, path, self.measured_on)
        self.stages.append(found)
        progress.advance(1, f"{stage}: {found.psnr_db:.2f} dB")

    def _card(self, net: nn.Module) -> Card:
        return msgspec.structs.replace(self.before.card, architecture=self._architecture(net))

    def _in_eight_bits(self, made: Weights) -> Weights:
        """Weights with the biases that fit weights of eight bits."""
        net = networks.load(made, fit=False)
        recipe = self.recipe or self._base({})
        training = self._training(net, msgspec.structs.replace(recipe, architecture=made.card.architecture))
        random = np.random.default_rng(self.wanted.seed)
        found = eight.biases(net, training.module, (training.sample(random) for _ in range(CALIBRATION)))
        prefix = "0." if made.card.codec == "bandwise" else ""
        like = {f"{prefix}{key}": bias for key, bias in found.items()}
        fitting = {key: bias.astype(made.tensors[key].dtype) for key, bias in like.items()}
        return replace(made, tensors={**made.tensors, **fitting})

    def _write(self, path: Path, made: Weights, *, int8: bool = False) -> None:
        """A file of weights, packed."""
        how = {k: v for k, v in vars(self.wanted).items() if v is not None}
        card = msgspec.structs.replace(made.card, compressed={**how, "int8": int8, "of": self.before.digest.hex()})
        axes = eight.channels(networks.build(card.codec, card.architecture)) if int8 else {}
        prefix = "0." if card.codec == "bandwise" else ""
        pretrained.write(path, packed(made.tensors, {f"{prefix}{key}": axis for key, axis in axes.items()}), card)
