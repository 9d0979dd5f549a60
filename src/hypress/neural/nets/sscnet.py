"""SSCNet: a two-dimensional convolutional autoencoder whose channels are the bands.

After R. La Grassa, C. Re, G. Cremonese and I. Gallo, "Hyperspectral data compression using fully convolutional
autoencoder" (Remote Sensing 14, 2022), as benchmarked on HySpecNet-11k with 202 bands:

    (bands, y, x) ─► conv 256 ─► conv 256, pool ─► conv 256, pool ─► conv 512, pool ─► conv L ─► latent (L, y/8, x/8)
    latent ─► convᵀ 512 ─► convᵀ 256, ×2 ─► convᵀ 256, ×2 ─► convᵀ 256, ×2 ─► convᵀ bands ─► sigmoid ─► (bands, y, x)

Kernels are 3×3 (2×2 where the decoder doubles); after each but the last stands a PReLU with a slope per channel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from hypress.neural.nets.lowrank import factorise
from hypress.neural.nets.sizes import SSCNET_BANDS, SSCNET_LATENTS, SSCNET_STRIDE

STRIDE = SSCNET_STRIDE
WIDTHS = (256, 256, 256, 512, 512, 256, 256, 256)
"""Channels of the hidden layers, as published."""


class SscNet(nn.Module):
    """The autoencoder for images in [0, 1] of a fixed number of bands and sides that are multiples of 8."""

    def __init__(
        self,
        bands: int = SSCNET_BANDS,
        latents: int = SSCNET_LATENTS,
        widths: Sequence[int] = WIDTHS,
        ranks: Mapping[str, int] | None = None,
    ) -> None:
        """`widths` are those that pruning left, `ranks` those of layers of low rank, by their names."""
        super().__init__()
        self.bands, self.latents = bands, latents
        a, b, c, d, e, f, g, h = widths
        self.encoder = nn.Sequential(
            *_conv(bands, a),
            *_conv(a, b), nn.MaxPool2d(2),
            *_conv(b, c), nn.MaxPool2d(2),
            *_conv(c, d), nn.MaxPool2d(2),
            *_conv(d, latents),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(latents, e, 3, padding=1), nn.PReLU(e),
            *_double(e, f),
            *_double(f, g),
            *_double(g, h),
            nn.ConvTranspose2d(h, bands, 3, padding=1), nn.Sigmoid(),
        )  # fmt: skip
        factorise(self, ranks or {})

    def encode(self, images: Tensor) -> Tensor:
        """`(image, band, y, x)` in [0, 1] to `(image, latent, y / 8, x / 8)`."""
        return self.encoder(images)

    def decode(self, latents: Tensor) -> Tensor:
        """The way back."""
        return self.decoder(latents)

    def forward(self, images: Tensor) -> Tensor:
        """There and back."""
        return self.decode(self.encode(images))


def _conv(before: int, after: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(before, after, 3, padding=1), nn.PReLU(after)


def _double(before: int, after: int) -> tuple[nn.Module, nn.Module]:
    return nn.ConvTranspose2d(before, after, 2, stride=2), nn.PReLU(after)
