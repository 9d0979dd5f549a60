"""What an image looks like, as a distance: between features of it, not its samples.

LPIPS (R. Zhang et al., CVPR 2018) takes features of a network that was trained on photographs. It knows three bands,
and what they show to the eye. Two hundred bands show an analyst edges in space and absorptions along the spectrum:
both are derivatives. `Derivatives`, the default, compares those, at several scales, and needs no weights.
`Photographic` is LPIPS for triples of bands, with a network that the user has.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hypress.errors import WeightsError

SCALES = (2, 4, 8)
"""Pixels along a side that are taken together. What is finer is noise first of all, at less than a bit per pixel."""
FLOOR = 0.01
"""Derivatives of this length, in [0, 1] over all bands, are half noise."""
TRIPLES = 4
"""Triples of bands that a photographic network sees of an image."""
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the photographs in ImageNet."""


class Perceptual(Protocol):
    """A distance of images."""

    def __call__(self, decoded: Tensor, original: Tensor) -> Tensor:
        """`(image,)` from images `(image, band, y, x)` in [0, 1]."""


class Derivatives(nn.Module):
    """Distances of derivatives along y, x and the bands.

    As in LPIPS, what a pixel has of a feature over all channels, here bands, is a vector that is brought to length one
    before it is compared: what counts is in which bands there is an edge and where a spectrum bends, not how bright
    the place is. Lengths below `FLOOR` are left short, so that flat places do not ask for the noise to be kept.
    """

    def forward(self, decoded: Tensor, original: Tensor) -> Tensor:
        """`(image,)`."""
        total = decoded.new_zeros(len(decoded))
        for scale in SCALES:
            a, b = (F.avg_pool2d(images, scale) for images in (decoded, original))
            for dim in (1, 2, 3):
                if a.shape[dim] > 1:
                    total = total + _apart(a.diff(dim=dim), b.diff(dim=dim))
        return total / len(SCALES)


class Photographic(nn.Module):
    """LPIPS: a stack of 3 × 3 convolutions and ReLUs, such as VGG, out of a safetensors file.

    Its tensors are named as torchvision names them: `features.N.weight`, `features.N.bias`, where N counts
    convolutions, ReLUs and poolings; two convolutions three numbers apart have a pooling between them. Features are
    taken before each pooling and at the end. `lin.K.weight`, if there, weighs the channels of the K-th.
    """

    def __init__(self, path: Path) -> None:
        """Raises WeightsError where the file is no such stack."""
        super().__init__()
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            found = load_file(path)
        except (SafetensorError, OSError) as error:
            raise WeightsError(f"perceptual network {path} cannot be read: {error}") from None
        numbers = sorted(int(k.split(".")[1]) for k in found if k.startswith("features.") and k.endswith(".weight"))
        if not numbers or found[f"features.{numbers[0]}.weight"].shape[1:] != (3, 3, 3):
            raise WeightsError(f"{path} is no stack of 3 × 3 convolutions that begins with three bands")
        self.numbers = numbers
        for name, tensor in found.items():
            self.register_buffer(name.replace(".", "_"), tensor.float(), persistent=False)
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None], persistent=False)

    def forward(self, decoded: Tensor, original: Tensor) -> Tensor:
        """`(image,)`."""
        bands = decoded.shape[1]
        chosen = torch.linspace(0, bands - 1, 3 * TRIPLES, device=decoded.device).round().long().view(3, TRIPLES).T
        pairs = zip(self._features(decoded[:, chosen]), self._features(original[:, chosen]), strict=True)
        total = decoded.new_zeros(len(decoded))
        for level, (a, b) in enumerate(pairs):
            difference = (F.normalize(a) - F.normalize(b)).square()
            weight = dict(self.named_buffers()).get(f"lin_{level}_weight")
            summed = difference.sum(1) if weight is None else (difference * weight.view(-1, 1, 1)).sum(1)
            total = total + summed.mean((1, 2)).view(len(decoded), TRIPLES).mean(1)
        return total

    def _features(self, triples: Tensor) -> list[Tensor]:
        """Of `(image, triple, 3, y, x)`, level by level."""
        named = dict(self.named_buffers())
        maps = (triples.flatten(0, 1) - named["mean"]) / named["deviation"]
        levels, before = [], self.numbers[0]
        for number in self.numbers:
            if number - before > 2:
                levels.append(maps)
                maps = F.max_pool2d(maps, 2)
            weight, bias = (named[f"features_{number}_{part}"] for part in ("weight", "bias"))
            maps, before = F.relu(F.conv2d(maps, weight, bias, padding=1)), number
        return [*levels, maps]


def perceptual(path: str) -> Derivatives | Photographic:
    """The photographic network of that path, or without one the default."""
    return Photographic(Path(path).expanduser()) if path else Derivatives()


def _apart(a: Tensor, b: Tensor) -> Tensor:
    """Squared distance of each pixel's vectors, in units of their length."""
    return (_unit(a) - _unit(b)).square().sum(1).mean((1, 2))


def _unit(vectors: Tensor) -> Tensor:
    return vectors / torch.sqrt(vectors.square().sum(1, keepdim=True) + FLOOR**2)
