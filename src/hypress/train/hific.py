"""What HiFiC learns from: patches of any sensor at a target rate; then from a discriminator too.

    patch ─► channels ─► network ─► decoded ─┬─► squared error, SSIM, perceptual ──────────────────┐
                           │  └─► bits · weight of equation (5) ─────────────────────────────────► + ─► loss
                           └─► latents ─► discriminator ◄─┴─ from `adversarial_from` on: opinion · β ┘

Equations (2) to (5) of arXiv 2305.08514. Generator and discriminator are stepped together: the loss is the sum of
theirs, and each is held still in the other's. With an optimiser that treats every parameter by itself, as Adam does,
that is two optimisers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from hypress.errors import ConfigurationError
from hypress.neural.hific.bands import resampled, resampling
from hypress.neural.hific.model import tensors_of
from hypress.neural.nets.hific import Hific
from hypress.neural.nets.hific_sizes import STRIDE, Architecture
from hypress.neural.nets.patchgan import PatchGan
from hypress.train.losses import Distortion, RateControl
from hypress.train.perceptual import perceptual
from hypress.train.recipe import Generative, Recipe
from hypress.train.scenes import TrainingScene, chances, crop

CODECS: dict[str, dict[str, Any]] = {"hific": {}, "hific_se": {"squeeze": "norms"}, "hific_3d": {"cubes": "ends"}}
"""What each codec's architecture has besides."""
VALIDATED = 4
"""Batches that are validated on, at each target."""
WINDOWED, REVERSED = 0.5, 0.3
"""Share of patches that show a part of the spectrum, and that show it backwards."""

Batch = dict[str, Tensor]


class HificTraining:
    """See `loop.Training`."""

    loss = "rate, squared error, SSIM, perceptual, adversarial"

    def __init__(self, recipe: Recipe, scenes: Sequence[TrainingScene], held_out: Sequence[TrainingScene]) -> None:
        known = {field.name for field in fields(Architecture)}
        if unknown := sorted(set(recipe.architecture) - known):
            raise ConfigurationError(f"architecture of {recipe.codec} has {', '.join(sorted(known))}, not {unknown[0]}")
        try:
            sizes = msgspec.convert(CODECS[recipe.codec] | recipe.architecture, Architecture)
        except msgspec.ValidationError as error:
            raise ConfigurationError(f"architecture of {recipe.codec}: {error}") from None
        if recipe.patch % STRIDE:
            raise ConfigurationError(f"patch must be a multiple of {STRIDE} pixels, not {recipe.patch}")
        torch.manual_seed(recipe.seed)
        self.module = WithLosses(Hific(sizes), recipe)
        self.recipe, self.scenes = recipe, scenes
        random = np.random.default_rng(recipe.seed)
        self._validation = [self._batch(held_out or scenes, random, whole=True) for _ in range(VALIDATED)]

    def sample(self, random: np.random.Generator) -> Batch:
        """A batch of patches, each with a target rate."""
        return self._batch(self.scenes, random)

    def validate(self) -> dict[str, float]:
        """Rate and quality at each target, over patches that were drawn once and for all."""
        torch.manual_seed(0)
        device = self.module.step.device
        targets, measured, losses = self.module.net.sizes.targets, dict[str, float](), []
        for place, target in enumerate(targets):
            found = []
            for batch in self._validation:
                there = {k: v.to(device) for k, v in batch.items()}
                there["place"] = torch.full_like(there["place"], place)
                found.append(self.module.measured(there))
            loss, bpp, error = (float(np.mean([f[i] for f in found])) for i in range(3))
            losses.append(loss)
            measured |= {f"bpp at {target:g}": bpp, f"decibels at {target:g}": -10 * math.log10(error)}
        # Against a discriminator there is no loss to lower: the last weights are the best.
        phase = max(0, int(self.module.step) - self.module.first_adversarial) if self.module.adversarial else 0
        return {"loss": float(np.mean(losses)), "phase": float(phase), **measured}

    def export(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """The network, in half precision and fixed point."""
        return tensors_of(self.module.net)

    def _batch(self, scenes: Sequence[TrainingScene], random: np.random.Generator, *, whole: bool = False) -> Batch:
        chosen = random.choice(len(scenes), self.recipe.batch, p=chances(scenes))
        parts = [self._patch(scenes[int(scene)], random, whole) for scene in chosen]
        places = random.integers(0, len(self.module.net.sizes.targets), self.recipe.batch)
        batch = {key: torch.from_numpy(np.stack([part[key] for part in parts])) for key in parts[0]}
        return {**batch, "place": torch.from_numpy(places)}

    def _patch(self, scene: TrainingScene, random: np.random.Generator, whole: bool) -> dict[str, NDArray[np.float32]]:
        """Channels in deviations, and what makes an image in [0, 1] of them."""
        count = len(scene.samples)
        chosen = np.arange(count)
        if not whole and random.random() < WINDOWED:
            length = int(random.integers((count + 1) // 2, count + 1))
            chosen = chosen[:length] + int(random.integers(0, count - length + 1))
        if not whole and random.random() < REVERSED:
            chosen = chosen[::-1]
        means, deviations = scene.means[chosen], scene.deviations[chosen]
        cut = (crop(scene.samples[chosen], self.recipe.patch, random) - means[:, None, None]) / deviations[
            :, None, None
        ]
        matrix = resampling(len(chosen), self.module.net.sizes.bands)
        gain = np.float32(1 if whole else np.exp2(random.uniform(-0.3, 0.3)))
        low, high = scene.range
        span = np.float32(max(high - low, 1))
        return {
            "images": resampled(cut, matrix) * gain,
            "scale": (matrix @ deviations)[:, None, None] / span / gain,
            "offset": (matrix @ (means - np.float32(low)))[:, None, None] / span,
        }


class WithLosses(nn.Module):
    """The network, the discriminator, and what they are asked for."""

    def __init__(self, net: Hific, recipe: Recipe) -> None:
        super().__init__()
        self.weights = weights = recipe.generative or Generative()
        self.net = net
        self.discriminator = PatchGan(net.sizes.bands, net.sizes.latents, weights.discriminator_width)
        self.control = RateControl(net.sizes.targets, weights)
        self.distortion = Distortion(weights, perceptual(weights.features))
        self.full_rate = round(weights.rate_from * recipe.steps)
        self.first_adversarial = round(weights.adversarial_from * recipe.steps)
        self.step = nn.Buffer(torch.zeros((), dtype=torch.long))
        """How many steps were made."""

    @property
    def adversarial(self) -> bool:
        """Whether the warm start is over."""
        return self.weights.adversarial > 0 and int(self.step) >= self.first_adversarial

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum of all losses, and what the log shows."""
        images, place = batch["images"], batch["place"]
        decoded, latents, bits, taken = self.net(images, place.float())
        decoded = decoded.float()
        rate, spent = (b / (images.shape[2] * images.shape[3]) for b in (bits, taken))
        weight = self.control.weights(place) * min(1.0, (int(self.step) + 1) / max(self.full_rate, 1))
        self.control.see(spent, place)
        distortion = self.distortion(*self._shown(decoded, batch)).mean()
        generator = distortion + (weight * rate).mean() + self.weights.sparsity * self.net.sparsity()
        beta = self.weights.adversarial if self.adversarial else 0.0
        discriminator = self._idle()
        if beta:
            opinion, discriminator = self._opinions(images, decoded, latents.detach())
            generator = generator + beta * opinion
        self.step.add_(1)
        shown = {"loss": generator, "distortion": distortion, "bpp": spent.mean(), "rate weight": weight.mean()}
        shown |= {"adversarial weight": torch.tensor(beta), "discriminator loss": discriminator}
        return generator + discriminator, shown

    def measured(self, batch: Batch) -> tuple[float, float, float]:
        """Loss without a discriminator at a fixed weight of bits; bits per pixel; squared error of images in [0, 1]."""
        decoded, _, _, bits = self.net(batch["images"], batch["place"].float())
        rate = bits / (batch["images"].shape[2] * batch["images"].shape[3])
        shown = self._shown(decoded, batch)
        loss = (self.distortion(*shown) + self.control.middle(batch["place"]) * rate).mean()
        return float(loss), float(rate.mean()), float((shown[0] - shown[1]).square().mean())

    def _opinions(self, images: Tensor, decoded: Tensor, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Non-saturating losses of the generator, and of the discriminator."""
        self.discriminator.requires_grad_(False)
        opinion = F.softplus(-self.discriminator(decoded, latents)).mean()
        self.discriminator.requires_grad_(True)
        real, made = (
            F.softplus(s * self.discriminator(x, latents)).mean() for s, x in ((-1, images), (1, decoded.detach()))
        )
        return opinion, real + made

    def _idle(self) -> Tensor:
        """Nothing, of all parameters of the discriminator: several processes wait for gradients of each."""
        return 0 * sum((p.sum() for p in self.discriminator.parameters()), start=self.control.rates.new_zeros(()))

    @staticmethod
    def _shown(decoded: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Decoded and original images in [0, 1]."""
        scale, offset = batch["scale"], batch["offset"]
        return decoded * scale + offset, batch["images"] * scale + offset
