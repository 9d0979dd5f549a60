"""SSCNet: a two-dimensional convolutional autoencoder whose channels are the bands.

After R. La Grassa, C. Re, G. Cremonese and I. Gallo, "Hyperspectral data compression using fully convolutional
autoencoder" (Remote Sensing 14, 2022), as benchmarked on HySpecNet-11k with 202 bands:

    (bands, y, x) ─► conv 256 ─► conv 256, pool ─► conv 256, pool ─► conv 512, pool ─► conv L ─► latent (L, y/8, x/8)
    latent ─► convᵀ 512 ─► convᵀ 256, ×2 ─► convᵀ 256, ×2 ─► convᵀ 256, ×2 ─► convᵀ bands ─► sigmoid ─► (bands, y, x)

Kernels are 3×3 (2×2 where the decoder doubles); after each but the last stands a PReLU with a slope per channel.
"""

from __future__ import annotations

from torch import Tensor, nn

STRIDE = 8
"""Pixels along each side of what a latent vector stands for."""
BANDS = 202
"""Of HySpecNet-11k, without EnMAP's bands 127–141 and 161–167."""


class SscNet(nn.Module):
    """The autoencoder for images in [0, 1] of a fixed number of bands and sides that are multiples of 8."""

    def __init__(self, bands: int = BANDS, latents: int = 1024) -> None:
        super().__init__()
        self.bands, self.latents = bands, latents
        self.encoder = nn.Sequential(
            *_conv(bands, 256),
            *_conv(256, 256), nn.MaxPool2d(2),
            *_conv(256, 256), nn.MaxPool2d(2),
            *_conv(256, 512), nn.MaxPool2d(2),
            *_conv(512, latents),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(latents, 512, 3, padding=1), nn.PReLU(512),
            *_double(512, 256),
            *_double(256, 256),
            *_double(256, 256),
            nn.ConvTranspose2d(256, bands, 3, padding=1), nn.Sigmoid(),
        )  # fmt: skip

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
