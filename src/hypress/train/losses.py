"""Losses of HiFiC between images `(image, band, y, x)` in [0, 1], and the control of its rate.

Distortion is equation (4) of arXiv 2305.08514: squared error, structural similarity, and a perceptual term, each times
its weight. The rate's weight is equation (5), see `RateControl`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hypress.train.perceptual import Perceptual
from hypress.train.recipe import Generative

LEVELS = 255.0
"""The squared error is of images in [0, 255], as in HiFiC."""
WINDOW, STEP = 8, 4
"""Of structural similarity, in pixels."""
C1, C2 = 0.01**2, 0.03**2
MEMORY = 0.9
"""What a mean rate keeps of itself when another image is seen."""


class Distortion(nn.Module):
    """The weighted sum, for each image."""

    def __init__(self, weights: Generative, perceptual: Perceptual) -> None:
        super().__init__()
        self.weights, self.perceptual = weights, perceptual

    def forward(self, decoded: Tensor, original: Tensor) -> Tensor:
        """`(image,)`."""
        error = LEVELS**2 * (decoded - original).square().mean((1, 2, 3))
        found = self.weights.error * error + self.weights.similarity * (1 - similarity(decoded, original))
        return found + self.weights.perceptual * self.perceptual(decoded, original)


def similarity(a: Tensor, b: Tensor) -> Tensor:
    """Structural similarity of each image, band by band, over windows of 8 × 8 pixels (Z. Wang et al., 2004)."""

    def local(maps: Tensor) -> Tensor:
        return F.avg_pool2d(maps, min(WINDOW, *maps.shape[2:]), STEP)

    mean_a, mean_b = local(a), local(b)
    variance_a, variance_b = local(a * a) - mean_a**2, local(b * b) - mean_b**2
    covariance = local(a * b) - mean_a * mean_b
    brightness = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    return (brightness * (2 * covariance + C2) / (variance_a + variance_b + C2)).mean((1, 2, 3))


class RateControl(nn.Module):
    """The weight of a bit, equation (5): large where the rate is above its target, small where it is not.

    The rate that is compared is a mean over the last images that were coded for that target, since single ones differ
    much more in what they need than in what they were asked for.
    """

    def __init__(self, targets: Sequence[float], weights: Generative) -> None:
        super().__init__()
        self.large, self.small = weights.rate, weights.rate / weights.rate_ratio
        self.targets = nn.Buffer(torch.tensor(targets), persistent=False)
        self.rates = nn.Buffer(torch.tensor(targets))

    def see(self, rates: Tensor, places: Tensor) -> None:
        """Bits per pixel `(image,)` that were spent at target number `places (image,)`."""
        for rate, place in zip(rates.detach().float(), places.tolist(), strict=True):
            self.rates[place] += (1 - MEMORY) * (rate - self.rates[place])

    def weights(self, places: Tensor) -> Tensor:
        """`(image,)`: in proportion to the inverse of the target, as a bit is worth more where there are few."""
        targets = self.targets[places]
        return torch.where(self.rates[places] > targets, self.large, self.small) / targets

    def middle(self, places: Tensor) -> Tensor:
        """Between large and small: a fixed weight, to compare by."""
        return (self.large * self.small) ** 0.5 / self.targets[places]
