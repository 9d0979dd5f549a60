"""What the band-by-band network learns from: sequences of bands of a patch, at a random quality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hypress.errors import ConfigurationError
from hypress.neural.bandwise.model import tensors_of
from hypress.neural.nets.bandwise import PER_OCTAVE, QUALITIES, REFERENCES, Architecture, Bandwise
from hypress.train.recipe import Recipe
from hypress.train.scenes import TrainingScene, chances, crop

LENGTH = 4
"""Bands in a sequence."""
FARTHEST = 4
"""Bands between those that follow one another, at most."""
VALIDATED, VALIDATIONS = 8, 16
"""Sequences in a batch to validate on, and batches."""
PRICE = 6 / np.log(2)
"""A step Δ costs least where the loss is rate + PRICE / Δ² · squared error: dR/dΔ = −1 / (Δ ln 2), D = Δ² / 12."""

Batch = dict[str, Tensor]


class BandwiseTraining:
    """See `loop.Training`."""

    loss = "logarithm of (rate + λ · squared error)"

    def __init__(self, recipe: Recipe, scenes: Sequence[TrainingScene], held_out: Sequence[TrainingScene]) -> None:
        try:
            sizes = msgspec.convert(recipe.architecture, Architecture)
        except msgspec.ValidationError as error:
            raise ConfigurationError(f"architecture of bandwise: {error}") from None
        if recipe.patch % sizes.stride:
            raise ConfigurationError(f"patch must be a multiple of {sizes.stride} pixels, not {recipe.patch}")
        torch.manual_seed(recipe.seed)
        self.module = WithLoss(Bandwise(sizes))
        self.recipe, self.scenes = recipe, scenes
        random = np.random.default_rng(recipe.seed)
        seen = held_out or scenes
        self._validation = [sample(seen, VALIDATED, recipe.patch, random) for _ in range(VALIDATIONS)]

    def sample(self, random: np.random.Generator) -> Batch:
        """A batch of sequences."""
        return sample(self.scenes, self.recipe.batch, self.recipe.patch, random)

    def validate(self) -> dict[str, float]:
        """Means over patches that were drawn once and for all."""
        torch.manual_seed(0)
        device = next(self.module.parameters()).device
        shown = [self.module({k: v.to(device) for k, v in batch.items()})[1] for batch in self._validation]
        return {key: float(np.mean([float(s[key]) for s in shown])) for key in shown[0]}

    def export(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """One network."""
        tensors, architecture = tensors_of(self.module.net)
        return {f"0.{key}": value for key, value in tensors.items()}, architecture | {"models": 1}


class WithLoss(nn.Module):
    """The network with its loss."""

    def __init__(self, net: Bandwise) -> None:
        super().__init__()
        self.net = net

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean logarithm of rate-distortion cost, in which all qualities weigh alike, and what the log shows."""
        decoded, bits = self.net(batch["bands"], batch["quality"], batch["correlation"])
        error = (decoded - batch["bands"]).square().mean((2, 3))
        rate = bits / (decoded.shape[2] * decoded.shape[3])
        price = PRICE * 2 ** (2 * batch["quality"] / PER_OCTAVE - 2)
        loss = torch.log(rate + price * error + 1e-3).mean()
        return loss, {"loss": loss, "bpppc": rate.mean(), "decibels": -10 * torch.log10(error).mean()}


def sample(scenes: Sequence[TrainingScene], size: int, patch: int, random: np.random.Generator) -> Batch:
    """`size` sequences of `LENGTH` bands of patches: turned, mirrored, forwards or backwards, near or far apart."""
    bands, quality, correlation = [], [], []
    for scene in random.choice(len(scenes), size, p=chances(scenes)):
        x, q, rho = _sequence(scenes[scene], patch, random)
        bands.append(x)
        quality.append(q)
        correlation.append(rho)
    return {
        "bands": torch.from_numpy(np.stack(bands)),
        "quality": torch.from_numpy(np.stack(quality)),
        "correlation": torch.from_numpy(np.stack(correlation)),
    }


def _sequence(
    scene: TrainingScene, patch: int, random: np.random.Generator
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    count = len(scene.samples)
    stride = int(random.integers(1, FARTHEST + 1)) if random.random() < 0.4 else 1
    stride = max(1, min(stride, (count - 1) // max(LENGTH - 1, 1)))
    chosen = np.arange(LENGTH) * stride
    chosen = np.minimum(chosen + random.integers(0, max(count - chosen[-1], 1)), count - 1)
    if random.random() < 0.3:
        chosen = chosen[::-1]
    cut = crop(scene.samples[chosen], patch, random)
    x = (cut - scene.means[chosen, None, None]) / scene.deviations[chosen, None, None]
    top = random.uniform(-2 * PER_OCTAVE, QUALITIES)
    q = top + PER_OCTAVE * np.log2(scene.deviations[chosen] / scene.deviations.max())
    if random.random() < 0.5:
        q = np.full(LENGTH, top)
    rho = np.zeros((LENGTH, REFERENCES), np.float32)
    for distance in range(1, REFERENCES + 1):
        rho[distance:, distance - 1] = scene.correlations[chosen[distance:], chosen[:-distance]]
    return x.astype(np.float32), np.clip(q, 0, QUALITIES - 1).astype(np.float32), rho
