"""What the published autoencoders learn from: patches in [0, 1], with the rate of their rounded latents in the loss.

    patch ─► encoder ─► latents + uniform noise of one step ─► decoder ─► logarithm of the squared error
                           └─► moments of each map ─► bits of a normal distribution ─► · rate_weight

The moments are those that the codec sends, see `neural.autoencoder`. The logarithm makes the weight of a bit the same
at any quality: at weight w, a bit per sample has to lower the error by a factor exp(w).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hypress.errors import ConfigurationError
from hypress.neural.nets.cae1d import Cae1d
from hypress.neural.nets.cae3d import SPECTRAL_STRIDE, Cae3d
from hypress.neural.nets.sscnet import STRIDE, SscNet
from hypress.train.hyspecnet import BANDS, KEPT
from hypress.train.recipe import Recipe
from hypress.train.scenes import TrainingScene, chances, crop

STEPS_PER_UNIT = 64.0
"""Of the codecs, by default."""
VALIDATED = 8
"""Batches that are validated on."""
BEND, KNOTS = 0.4, 6
"""Of a spectrum that is bent: deviation of the logarithm of its gain, and how many gains are drawn."""
STILL = 1000
"""Steps after which batch normalisation stays as it is: its moments are then those that a decoder has."""
SPECTRUM, CUBE = 224, 64
"""Bands of a patch, at most: of spectra, and of cubes."""
KINDS: dict[str, Any] = {"cae1d": Cae1d, "cae3d": Cae3d, "sscnet": SscNet}
BENT = 2**-13
"""Squared errors below this squared are not worth lowering: less than a step of 13 bits."""

Batch = dict[str, Tensor]


class AutoencoderTraining:
    """See `loop.Training`."""

    loss = "logarithm of the squared error + λ · rate"

    def __init__(self, recipe: Recipe, scenes: Sequence[TrainingScene], held_out: Sequence[TrainingScene]) -> None:
        torch.manual_seed(recipe.seed)
        try:
            net = KINDS[recipe.codec](**recipe.architecture)
        except TypeError as error:
            raise ConfigurationError(f"architecture of {recipe.codec}: {error}") from None
        if recipe.codec != "cae1d" and recipe.patch % STRIDE:
            raise ConfigurationError(f"patch must be a multiple of {STRIDE} pixels, not {recipe.patch}")
        self.recipe, self.scenes = recipe, scenes
        self.module = WithLoss(net, recipe.rate_weight)
        random = np.random.default_rng(recipe.seed)
        self._validation = [self._batch(held_out or scenes, random) for _ in range(VALIDATED)]

    @property
    def bands(self) -> int | None:
        """The number of bands that the weights take."""
        return self.module.net.bands if isinstance(self.module.net, SscNet) else None

    def sample(self, random: np.random.Generator) -> Batch:
        """A batch of patches, all of one scene where scenes differ in their bands."""
        return self._batch(self.scenes, random)

    def validate(self) -> dict[str, float]:
        """Means over patches that were drawn once and for all."""
        torch.manual_seed(0)
        device = next(self.module.parameters()).device
        shown = [self.module({k: v.to(device) for k, v in batch.items()})[1] for batch in self._validation]
        return {key: float(np.mean([float(s[key]) for s in shown])) for key in shown[0]}

    def export(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """The network in half precision, and its architecture."""
        state = self.module.net.state_dict()
        kept = {k: v.detach().cpu().numpy() for k, v in state.items() if not k.endswith("num_batches_tracked")}
        return {k: v.astype(np.float16) for k, v in kept.items()}, dict(self.recipe.architecture)

    def _batch(self, scenes: Sequence[TrainingScene], random: np.random.Generator) -> Batch:
        net, drawn = self.module.net, random.choice(len(scenes), self.recipe.batch, p=chances(scenes))
        chosen = [self._bands_of(scenes[int(n)]) for n in drawn]
        if isinstance(net, SscNet):
            patches = [self._varied(samples, self._bands_of(scenes[int(random.integers(len(scenes)))]), random)
                       for samples in chosen]  # fmt: skip
        else:
            multiple, most = (2**net.halvings, SPECTRUM) if isinstance(net, Cae1d) else (SPECTRAL_STRIDE, CUBE)
            count = min(most, *(len(samples) for samples in chosen)) // multiple * multiple or multiple
            patches = [self._patch(samples, count, random) for samples in chosen]
        return {"patches": torch.from_numpy(np.stack(patches))}

    def _bands_of(self, scene: TrainingScene) -> NDArray[Any]:
        """The bands that a network is told: those that vary, or as many as it takes."""
        net = self.module.net
        if not isinstance(net, SscNet):
            return scene.samples
        if scene.bands == BANDS and net.bands == len(KEPT):
            return scene.whole[KEPT]
        if scene.bands != net.bands:
            raise ConfigurationError(f"{scene.name} has {scene.bands} bands; the network takes {net.bands}")
        return scene.whole

    def _patch(self, samples: NDArray[Any], count: int, random: np.random.Generator) -> NDArray[np.float32]:
        """`count` neighbouring bands of a patch, in [0, 1]."""
        low, high = float(samples.min()), float(samples.max())
        start = int(random.integers(0, max(len(samples) - count, 0) + 1))
        bands = samples[np.minimum(np.arange(start, start + count), len(samples) - 1)]
        patch = (crop(bands, self.recipe.patch, random) - low) / max(high - low, 1)
        # Scenes differ in how much of their range most samples use.
        return np.ascontiguousarray(patch * np.float32(random.uniform(0.7, 1.0)), np.float32)

    def _varied(self, samples: NDArray[Any], others: NDArray[Any], random: np.random.Generator) -> NDArray[np.float32]:
        """A patch in [0, 1], mixed with another and its spectra bent: where all bands have weights of their own and
        scenes are few, a network knows nothing but their materials otherwise."""
        patch = crop(samples, self.recipe.patch, random)
        if random.random() < 0.5:
            patch = patch + np.float32(random.uniform(0, 1)) * (crop(others, self.recipe.patch, random) - patch)
        knots = random.normal(0, BEND, KNOTS) if random.random() < 0.8 else np.zeros(KNOTS)
        bend = np.exp(np.interp(np.linspace(0, KNOTS - 1, len(patch)), np.arange(KNOTS), knots))
        patch = np.maximum(patch, 0) * bend[:, None, None].astype(np.float32)
        return np.ascontiguousarray(patch / max(patch.max(), 1) * random.uniform(0.5, 1.0), np.float32)


class WithLoss(nn.Module):
    """A network with its loss."""

    step: Tensor

    def __init__(self, net: Any, rate_weight: float) -> None:
        super().__init__()
        self.net, self.rate_weight = net, rate_weight
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and what the log shows."""
        self._hold()
        patches = batch["patches"]
        count, bands, rows, columns = patches.shape
        if isinstance(self.net, Cae1d):
            inputs = patches.permute(0, 2, 3, 1).reshape(-1, 1, bands)
        else:
            inputs = patches if isinstance(self.net, SscNet) else patches[:, None]
        latents = self.net.encode(inputs) * STEPS_PER_UNIT
        if isinstance(self.net, Cae1d):  # (pixel, 1, place): a map is a place
            maps = latents[:, 0].view(count, rows * columns, -1).transpose(1, 2)
        else:
            maps = latents.reshape(count, -1, latents.shape[-2] * latents.shape[-1])
        variance = maps.var(2, unbiased=False) + 1 / 12
        # Entropy of a normal distribution in steps; below a step's own width it fades to none.
        bits = 0.5 * torch.log2(1 + variance * (2 * math.pi * math.e / 4)) * maps.shape[2]
        rate = bits.sum() / patches.numel()
        rounded = latents + torch.rand_like(latents) - 0.5
        decoded = self.net.decode(rounded / STEPS_PER_UNIT).reshape_as(inputs)
        error = (decoded - inputs).square().mean()
        loss = torch.log(error + BENT**2) + self.rate_weight * rate
        return loss, {"loss": loss, "bpppc": rate, "decibels": -10 * torch.log10(error)}

    def _hold(self) -> None:
        if not self.training:
            return
        self.step += 1
        if int(self.step) > STILL:
            for layer in self.net.modules():
                if isinstance(layer, nn.BatchNorm3d):
                    layer.eval()
