"""What the base of meta-learned SIRENs learns from: parts of scenes, each as good as a few inner steps make it.

Model-agnostic meta-learning (C. Finn, P. Abbeel and S. Levine, ICML 2017) as S. Rezasoltani and F. Z. Qureshi use it
(ICPRAM 2025; LNCS, 2025):

    part of a scene ─► φ = 0 ─► `INNER_STEPS` of gradient descent on φ alone ─► squared error ─► base, by Adam

Gradients of the second order: those of the base pass through the inner steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hypress.errors import ConfigurationError
from hypress.neural.siren.meta import Architecture, resampled
from hypress.neural.siren.meta_net import ModulatedSiren
from hypress.train.recipe import Recipe
from hypress.train.scenes import TrainingScene, chances

INNER_STEPS = 3
INNER_RATE = 50.0
"""Of gradient descent on φ; 0.01 in the papers, whose M has another scale: only its square times the rate matters."""
PIXELS = 128
"""Of a part of a scene, drawn at random."""
BENDS = 4
"""Cosines that a spectrum's gain is made of."""
VALIDATED = 8
"""Batches that are validated on."""

Batch = dict[str, Tensor]


class SirenTraining:
    """See `loop.Training`."""

    loss = "squared error after the inner steps"

    def __init__(self, recipe: Recipe, scenes: Sequence[TrainingScene], held_out: Sequence[TrainingScene]) -> None:
        try:
            self.sizes = msgspec.convert(recipe.architecture, Architecture)
        except msgspec.ValidationError as error:
            raise ConfigurationError(f"architecture of siren: {error}") from None
        self.module = WithLoss(ModulatedSiren(self.sizes, recipe.seed))
        self.recipe, self.scenes = recipe, scenes
        random = np.random.default_rng(recipe.seed)
        self._validation = [self._batch(held_out or scenes, random) for _ in range(VALIDATED)]

    def sample(self, random: np.random.Generator) -> Batch:
        """A batch of parts of scenes."""
        return self._batch(self.scenes, random)

    def validate(self) -> dict[str, float]:
        """Means over parts that were drawn once and for all."""
        device = next(self.module.parameters()).device
        shown = [self.module({k: v.to(device) for k, v in batch.items()})[1] for batch in self._validation]
        return {key: float(np.mean([float(s[key]) for s in shown])) for key in shown[0]}

    def export(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """The base in half precision, and its architecture."""
        net = self.module.net
        tensors = {f"layers.{n}.{k}": v for n, layer in enumerate(net.base.linear) for k, v in layer.named_parameters()}
        tensors["shifts"] = net.shifts
        kept = {key: value.detach().cpu().numpy().astype(np.float16) for key, value in tensors.items()}
        return kept, msgspec.to_builtins(self.sizes)

    def _batch(self, scenes: Sequence[TrainingScene], random: np.random.Generator) -> Batch:
        chosen = random.choice(len(scenes), self.recipe.batch, p=chances(scenes))
        parts = [part(scenes[i], self.recipe.patch, self.sizes.points, random) for i in chosen]
        places, spectra = (torch.from_numpy(np.stack(found)) for found in zip(*parts, strict=True))
        return {"places": places, "spectra": spectra}


class WithLoss(nn.Module):
    """The base with its loss."""

    def __init__(self, net: ModulatedSiren) -> None:
        super().__init__()
        self.net = net

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean logarithm of the scenes' squared errors, by which they weigh alike, and what the log shows."""
        places, spectra = batch["places"], batch["spectra"]
        learning = torch.is_grad_enabled()
        modulations = spectra.new_zeros(len(spectra), self.net.shifts.shape[-1])
        with torch.enable_grad():  # the inner steps need gradients even where the outer one makes none
            for _ in range(INNER_STEPS):
                modulations = modulations.requires_grad_()
                error = self._errors(places, spectra, modulations).sum()
                (slope,) = torch.autograd.grad(error, modulations, create_graph=learning)
                modulations = modulations - INNER_RATE * slope
                modulations = modulations if learning else modulations.detach()
        errors = self._errors(places, spectra, modulations)
        loss = torch.log(errors).mean()
        return loss, {"loss": loss, "decibels": -10 * torch.log10(errors).mean()}

    def _errors(self, places: Tensor, spectra: Tensor, modulations: Tensor) -> Tensor:
        """Mean squared error of each scene."""
        return (self.net(places, modulations) - spectra).square().mean((1, 2)) + 1e-9


def part(
    scene: TrainingScene, least: int, points: int, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Places `(pixel, 2)` and spectra `(pixel, point)` of a part of a scene as if it were one.

    A rectangle of `least` pixels to the whole along each side, turned and mirrored; bands from one to another, at least
    half of them, and under a smooth random gain, so that no sensor and no light is learnt by heart; in [0, 1].
    """
    samples, (low, high) = scene.samples, scene.range
    (band, bands), *sides = (
        _stretch(whole, min(whole, size), random)
        for whole, size in zip(samples.shape, (-(-len(samples) // 2), least, least), strict=True)
    )
    inside = [random.integers(0, length, PIXELS) for _, length in sides]
    y, x = (start + at for (start, _), at in zip(sides, inside, strict=True))
    spectra = (samples[band : band + bands, y, x].astype(np.float32) - low) / max(high - low, 1)
    spectra = resampled(spectra, points) * _gain(points, random)[:, None]
    places = np.stack([2 * at / max(length - 1, 1) - 1 for at, (_, length) in zip(inside, sides, strict=True)], 1)
    places = places[:, :: random.choice([-1, 1])] * random.choice([-1, 1], 2)
    return places.astype(np.float32), np.ascontiguousarray(spectra.T, np.float32)


def _gain(points: int, random: np.random.Generator) -> NDArray[np.float64]:
    """At most 1 at each point."""
    waves = np.cos(np.pi * np.outer(np.arange(1, BENDS + 1), np.linspace(0, 1, points)))
    bent = np.exp(random.normal(0, 0.4, BENDS) / np.arange(1, BENDS + 1) @ waves)
    return np.asarray(bent / bent.max() * random.uniform(0.5, 1.0))


def _stretch(whole: int, least: int, random: np.random.Generator) -> tuple[int, int]:
    """Start and length of a part of so many."""
    length = int(random.integers(least, whole + 1))
    return int(random.integers(0, whole - length + 1)), length
