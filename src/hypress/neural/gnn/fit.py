"""Fitting a generative network to scenes: freely, pruning its first layer on the way; then rounded.

    samples ─► [−1, 1] ─► free fit ─► (remove neurons ─► fit again) × rounds ─► fold ─► fit of rounded weights

Loss mean |error|^p by Adam. A scene that is large is cut into blocks, of which a step sees a few, one after the other:
memory is that of one block. By default the last convolution begins as the scene's principal axes; as published
everything begins at random.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hypress.neural.fitting import Fit, fit
from hypress.neural.gnn.blocks import Block
from hypress.neural.gnn.net import Folded, Full, Gnn
from hypress.neural.gnn.scenes import Scenes

CUBE_SPEED = 4
"""How much faster a cube moves than other weights: one of its numbers stands for 51 that would move together."""
ROUNDS = 4
"""In which neurons are removed."""
PRUNING = 0.4
"""Share of a free fit that follows the first pruning."""
LATER_SPEED = 0.3
"""Learning rate once neurons have been removed, and of rounded weights, in that of the free fit: at its whole a fit
falls back by more than a short round makes good. As published it stays while neurons are removed."""
CHECKPOINTS = 16
"""Of a fit, about."""

Weights = dict[str, NDArray[np.float32]]
"""A network by the names of `scenes.State`."""


@dataclass(frozen=True)
class Settings:
    """How to fit."""

    steps: int
    seconds: float
    learning_rate: float
    power: float = 1.5
    """p of the loss."""
    pruned: float = 0.0
    """Share of the first layer's neurons that is removed."""
    published: bool = False
    """Start at random, and keep the learning rate."""
    seed: int = 0

    def share(self, share: float) -> Settings:
        """The same with a share of steps and time."""
        return dataclasses.replace(self, steps=round(share * self.steps), seconds=share * self.seconds)


def fit_free(scenes: Scenes, settings: Settings) -> list[Fit[Weights]]:
    """Fit a network: first with all its neurons, then again after each round of pruning, where there are any."""
    rounds = ROUNDS if settings.pruned else 0
    later = PRUNING / rounds if rounds else 0.0
    with scenes.threads():
        training = _Free(scenes, settings)
        fits = [training.run("gnn", settings.share(1 - rounds * later))]
        for n in range(rounds):
            training.prune(settings.pruned * (n + 1) / rounds)
            fits.append(training.run("gnn, pruned", settings.share(later)))
    return fits


def fit_rounded(scenes: Scenes, settings: Settings, weights: Weights, steps: Mapping[str, float]) -> Fit[Weights]:
    """Fit weights that will be rounded to multiples of their `steps`; they come back as they are before that."""
    with scenes.threads():
        return _Rounded(scenes, settings, weights, steps).run("gnn, rounded", settings)


class _Training:
    """What both fits share: an optimiser under which cubes are faster, and checkpoints."""

    def __init__(self, scenes: Scenes, settings: Settings, slow: Sequence[Tensor], cubes: Sequence[Tensor]) -> None:
        self.scenes, self.power, self.speed = scenes, settings.power, settings.learning_rate
        self.constant = settings.published
        groups = [{"params": slow, "speed": 1}, {"params": cubes, "speed": CUBE_SPEED}]
        self.optimiser = torch.optim.Adam([group for group in groups if group["params"]])
        self.drawn = scenes.drawn(settings.seed)

    def run(self, task: str, settings: Settings) -> Fit[Weights]:
        """Up to so many steps more."""
        return fit(
            self._step,
            self._evaluate,
            lambda: {name: tensor.detach().numpy().copy() for name, tensor in self.snapshot().items()},
            steps=settings.steps,
            seconds=settings.seconds,
            every=max(1, -(-settings.steps // CHECKPOINTS)),
            task=task,
            watch=self.scenes.watcher(task, self.state),
        )

    def make(self, scene: int, block: Block) -> Tensor:
        """What the network has for a block, with gradients."""
        raise NotImplementedError

    def state(self) -> dict[str, Tensor]:
        """The network as a decoder would have it."""
        raise NotImplementedError

    def snapshot(self) -> dict[str, Tensor]:
        """What is kept of it."""
        return self.state()

    def _step(self, share: float) -> float:
        fall = 1.0 if self.constant else 0.5 * (1 + math.cos(math.pi * share))
        for group in self.optimiser.param_groups:
            group["lr"] = self.speed * fall * group["speed"]
        return self.scenes.step(self.optimiser, self.make, next(self.drawn), self.power)

    @torch.no_grad()
    def _evaluate(self) -> float:
        return self.scenes.psnr_db(self.state())


class _Free(_Training):
    """With batch normalisation."""

    def __init__(self, scenes: Scenes, settings: Settings) -> None:
        self.settings = settings
        plan, bands = scenes.plan, len(scenes.scenes[0])
        cubes = [plan.cube(s.shape) for s in scenes.scenes]
        firsts = [Folded(c) if scenes.latent is None else Full(c, scenes.latent) for c in cubes]
        self.net = net = Gnn(
            firsts, plan.maps, plan.channels, bands, blocks=plan.blocks, kernel=plan.kernel, seed=settings.seed
        )
        if not settings.published:
            mean, axes = scenes.axes(plan.channels)
            with torch.no_grad():
                net.output.bias.copy_(mean)  # type: ignore[union-attr]
                net.output.weight.zero_()
                net.output.weight[:, :, plan.kernel // 2, plan.kernel // 2] = axes
        fast = [f.cube for f in firsts if isinstance(f, Folded)]
        super().__init__(scenes, settings, [p for p in net.parameters() if not any(p is f for f in fast)], fast)

    def prune(self, share: float) -> None:
        """Remove neurons until `share` of them is gone: those of least norm."""
        self.speed = self.settings.learning_rate * (1 if self.constant else LATER_SPEED)
        for first in self.net.firsts:
            norms = torch.where(first.kept > 0, first.norms(), -1.0)
            first.kept[torch.argsort(norms, stable=True)[: round(share * norms.numel())]] = 0

    def make(self, scene: int, block: Block) -> Tensor:
        return self.net(scene, block)

    @torch.no_grad()
    def state(self) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for n, first in enumerate(self.net.firsts):
            if isinstance(first, Folded):
                found[f"cube{n}"] = first()
            else:
                found["first"] = first.linear.weight * first.kept[:, None]
                found["first bias"] = first.linear.bias * first.kept
        for n, (weights, offset) in enumerate(self.net.folded(self.scenes.some())):
            found |= {f"weights{n}": weights, f"bias{n}": offset}
        output, bias = self.net.output.weight, self.net.output.bias
        assert bias is not None
        return found | {"output": output[:, :, 0, 0] if self.scenes.plan.kernel == 1 else output, "bias": bias}


class _Rounded(_Training):
    """With weights that are rounded, through which gradients pass as if they were not."""

    def __init__(self, scenes: Scenes, settings: Settings, weights: Weights, steps: Mapping[str, float]) -> None:
        self.weights = {name: torch.tensor(t, requires_grad=True) for name, t in weights.items()}
        self.kept = {n: torch.from_numpy(t != 0) for n, t in weights.items() if n.startswith(("cube", "first"))}
        self.steps = steps
        fast = [t for n, t in self.weights.items() if n.startswith("cube")]
        slow = [t for n, t in self.weights.items() if not n.startswith("cube")]
        super().__init__(scenes, settings, slow, fast)
        self.speed *= LATER_SPEED

    def make(self, scene: int, block: Block) -> Tensor:
        return self.scenes.generate(self.state(), scene, block)

    def state(self) -> dict[str, Tensor]:
        found = {}
        for name, tensor in self.snapshot().items():
            free = tensor.detach()
            found[name] = tensor + (torch.round(free / self.steps[name]) * self.steps[name] - free)
        return found

    def snapshot(self) -> dict[str, Tensor]:
        return {name: tensor * self.kept.get(name, 1) for name, tensor in self.weights.items()}
