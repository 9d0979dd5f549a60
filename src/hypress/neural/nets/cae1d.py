"""1D-CAE: a convolutional autoencoder along the spectrum of each pixel.

After J. Kuester, W. Gross and W. Middelmann, "1D-convolutional autoencoder based hyperspectral data compression"
(ISPRS Archives XLIII-B1, 2021), in the extended form that halves the spectrum once for each factor 2 of reduction:

    (pixel, 1, band) ─► [conv k11, LeakyReLU, max-pool 2] × halvings ─► conv k9, LeakyReLU ─► conv k7, LeakyReLU
                                        ─► latent (pixel, 1, band / 2^halvings)
    latent ─► conv k7, LeakyReLU ─► conv k9, LeakyReLU, ×2 ─► [conv k11, LeakyReLU, ×2] …
                                        ─► conv k11, sigmoid ─► (pixel, 1, band)

With two halvings this is the published network: 64, 32, 16 and 1 channels, and a latent of a quarter of the bands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from hypress.neural.nets.lowrank import factorise
from hypress.neural.nets.sizes import HALVINGS

FIRST_KERNEL, MIDDLE_KERNEL, LAST_KERNEL = 11, 9, 7


class Cae1d(nn.Module):
    """The autoencoder for spectra in [0, 1] whose number of bands is a multiple of `2 ** halvings`."""

    def __init__(
        self, halvings: int = HALVINGS, widths: Sequence[int] | None = None, ranks: Mapping[str, int] | None = None
    ) -> None:
        """`widths` are those of the hidden layers that pruning left, `ranks` those of layers of low rank, by name."""
        super().__init__()
        published = [2 ** (halvings + 4 - i) for i in range(halvings + 1)]
        widths = [*published, *reversed(published)] if widths is None else [*widths]
        if len(widths) != 2 * len(published):
            raise ValueError(f"{halvings} halvings have {2 * len(published)} widths, not {len(widths)}")
        self.halvings = halvings
        down, up = widths[: len(published)], widths[len(published) :]
        encoder: list[nn.Module] = []
        before = 1
        for width in down[:-1]:
            encoder += [_conv(before, width, FIRST_KERNEL), nn.LeakyReLU(), nn.MaxPool1d(2)]
            before = width
        encoder += [_conv(before, down[-1], MIDDLE_KERNEL), nn.LeakyReLU()]
        encoder += [_conv(down[-1], 1, LAST_KERNEL), nn.LeakyReLU()]
        decoder: list[nn.Module] = [_conv(1, up[0], LAST_KERNEL), nn.LeakyReLU()]
        before, kernel = up[0], MIDDLE_KERNEL
        for width in up[1:]:
            decoder += [_conv(before, width, kernel), nn.LeakyReLU(), nn.Upsample(scale_factor=2)]
            before, kernel = width, FIRST_KERNEL
        decoder += [_conv(before, 1, FIRST_KERNEL), nn.Sigmoid()]
        self.encoder, self.decoder = nn.Sequential(*encoder), nn.Sequential(*decoder)
        factorise(self, ranks or {})

    def encode(self, spectra: Tensor) -> Tensor:
        """`(pixel, 1, band)` in [0, 1] to `(pixel, 1, band / 2^halvings)`."""
        return self.encoder(spectra)

    def decode(self, latents: Tensor) -> Tensor:
        """The way back."""
        return self.decoder(latents)

    def forward(self, spectra: Tensor) -> Tensor:
        """There and back."""
        return self.decode(self.encode(spectra))


def _conv(before: int, after: int, kernel: int) -> nn.Conv1d:
    return nn.Conv1d(before, after, kernel, padding="same")
