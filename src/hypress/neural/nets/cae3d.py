"""3D-CAE: a three-dimensional convolutional autoencoder with residual blocks, for any number of bands.

After Y. Chong, L. Chen and S. Pan, "End-to-end joint spectral-spatial compression and reconstruction of hyperspectral
images using a 3D convolutional autoencoder" (Journal of Electronic Imaging 30, 2021):

    (1, band, y, x) ─► conv 16 (2,5,5) /(1,2,2) ─► conv 32 k5 /2 ─► 3 residual blocks ─► conv L k5 /2
                    ─► latent (L, band/4, y/8, x/8)
    latent ─► ×(2,4,4), conv 32 k5 /2 ─► 3 residual blocks ─► ×(4,2,2), conv 16 (5,3,3) /(2,1,1)
           ─► ×(4,2,2), conv 1 (2,3,3) /(2,1,1) ─► (1, band, y, x)

After each convolution stand a batch normalisation and a LeakyReLU; upsampling repeats samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from hypress.neural.nets.lowrank import factorise
from hypress.neural.nets.sizes import CUBE_DEPTH, CUBE_LATENTS, CUBE_SIDE

BLOCKS = 3
SPECTRAL_STRIDE, SPATIAL_STRIDE = CUBE_DEPTH, CUBE_SIDE
WIDTHS = (16, 32, 32, 32, 32, 32, 32, 32, 32, 16)
"""Channels as published: before the encoder's residual blocks, of them, inside each; the decoder's blocks, inside each,
and after."""


class Cae3d(nn.Module):
    """The autoencoder for cubes in [0, 1]: bands a multiple of 4, sides multiples of 8."""

    def __init__(
        self, latents: int = CUBE_LATENTS, widths: Sequence[int] = WIDTHS, ranks: Mapping[str, int] | None = None
    ) -> None:
        """`widths` are those that pruning left, `ranks` those of layers of low rank, by their names."""
        super().__init__()
        self.latents = latents
        a, b, *inner, f = widths
        before, e, after = inner[:BLOCKS], inner[BLOCKS], inner[BLOCKS + 1 :]
        if len(after) != BLOCKS:
            raise ValueError(f"there are {len(WIDTHS)} widths, not {len(widths)}")
        self.encoder = nn.Sequential(
            *_conv(1, a, (2, 5, 5), (1, 2, 2), (0, 2, 2)),
            *_conv(a, b, (5, 5, 5), (2, 2, 2), (2, 2, 2)),
            *(Residual(b, width) for width in before),
            *_conv(b, latents, (5, 5, 5), (2, 2, 2), (2, 2, 2)),
        )
        self.decoder = nn.Sequential(
            nn.Upsample(scale_factor=(2, 4, 4)), *_conv(latents, e, (5, 5, 5), (2, 2, 2), (2, 2, 2)),
            *(Residual(e, width) for width in after),
            nn.Upsample(scale_factor=(4, 2, 2)), *_conv(e, f, (5, 3, 3), (2, 1, 1), (2, 1, 1)),
            nn.Upsample(scale_factor=(4, 2, 2)), *_conv(f, 1, (2, 3, 3), (2, 1, 1), (0, 1, 1)),
        )  # fmt: skip
        factorise(self, ranks or {})

    def encode(self, cubes: Tensor) -> Tensor:
        """`(cube, 1, band, y, x)` in [0, 1] to `(cube, latent, band / 4, y / 8, x / 8)`."""
        return self.encoder(cubes)

    def decode(self, latents: Tensor) -> Tensor:
        """The way back."""
        return self.decoder(latents)

    def forward(self, cubes: Tensor) -> Tensor:
        """There and back."""
        return self.decode(self.encode(cubes))


class Residual(nn.Module):
    """conv, BN, LeakyReLU, conv, BN; added to what came in; LeakyReLU."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        cube, one = (3, 3, 3), (1, 1, 1)
        self.body = nn.Sequential(
            *_conv(width, inner, cube, one, one),
            nn.Conv3d(inner, width, cube, padding=one),
            nn.BatchNorm3d(width),
        )
        self.last = nn.LeakyReLU()

    def forward(self, cubes: Tensor) -> Tensor:
        """The same shape."""
        return self.last(self.body(cubes) + cubes)


_Triple = tuple[int, int, int]


def _conv(before: int, after: int, kernel: _Triple, stride: _Triple, padding: _Triple) -> tuple[nn.Module, ...]:
    return nn.Conv3d(before, after, kernel, stride, padding), nn.BatchNorm3d(after), nn.LeakyReLU()
