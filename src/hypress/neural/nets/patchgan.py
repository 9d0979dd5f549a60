"""The conditional PatchGAN discriminator of HiFiC: which of two images, of the same latents, is the real one.

After P. Isola et al., "Image-to-image translation with conditional adversarial networks" (CVPR 2017), with spectral
normalisation (T. Miyato et al., ICLR 2018), as F. Mentzer et al. (NeurIPS 2020) have it. With c = 12 · width and
n = 64 · width:

    latents ─► conv c k3 ─► ×16 ─┐
    image ───────────────────────┴─► conv n k4 /2 ─► 2n k4 /2 ─► 4n k4 /2 ─► 8n k4 ─► 1 k4 ─► one logit a patch

After each but the last stands a LeakyReLU of slope 0.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

CONDITION, FILTERS, SLOPE = 12, 64, 0.2


class PatchGan(nn.Module):
    """Logits of the patches of an image."""

    def __init__(self, bands: int, latents: int, width: float = 1.0) -> None:
        super().__init__()
        told, first = max(1, round(CONDITION * width)), max(4, round(FILTERS * width))
        self.condition = nn.Sequential(spectral_norm(nn.Conv2d(latents, told, 3, padding=1)), nn.LeakyReLU(SLOPE))
        layers: list[nn.Module] = []
        before = bands + told
        for factor, stride in ((1, 2), (2, 2), (4, 2), (8, 1)):
            layers += [*_conv(before, factor * first, stride), nn.LeakyReLU(SLOPE)]
            before = factor * first
        self.layers = nn.Sequential(*layers, *_conv(before, 1, 1))

    def forward(self, images: Tensor, latents: Tensor) -> Tensor:
        """`(image, 1, y, x)` for images `(image, band, y, x)` and the latents that they were coded as."""
        told = F.interpolate(self.condition(latents), images.shape[2:], mode="nearest")
        return self.layers(torch.cat([images, told], 1))


def _conv(before: int, after: int, stride: int) -> list[nn.Module]:
    """4 × 4, to as many rows and columns as steps fit in."""
    return [nn.ZeroPad2d((1, 3 - stride, 1, 3 - stride)), spectral_norm(nn.Conv2d(before, after, 4, stride))]
