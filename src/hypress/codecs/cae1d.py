"""1D-CAE: a trained convolutional autoencoder along the spectrum of each pixel, with latents that are really coded.

After J. Kuester, W. Gross and W. Middelmann, "1D-convolutional autoencoder based hyperspectral data compression"
(ISPRS Archives XLIII-B1, 2021). The layers are those of the paper (`neural.nets.cae1d`), for any number of bands.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from hypress.codecs._autoencoding import Autoencoding


@dataclasses.dataclass(frozen=True)
class Cae1dCodec(Autoencoding):
    """A trained autoencoder of spectra."""

    name: ClassVar[str] = "cae1d"
    needs: ClassVar[str | None] = "neural"

    weights: str = "cae1d"
    """Name, path or address of the weights."""

    def _net(self, weights: Any) -> Any:
        from hypress.neural.tiles import Spectra

        return Spectra(weights)
