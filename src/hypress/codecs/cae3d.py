"""3D-CAE: a trained three-dimensional convolutional autoencoder, with latents that are really coded.

After Y. Chong, L. Chen and S. Pan, "End-to-end joint spectral-spatial compression and reconstruction of hyperspectral
images using a 3D convolutional autoencoder" (Journal of Electronic Imaging 30, 2021). The layers are those of the paper
(`neural.nets.cae3d`), for any number of bands.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from hypress.codecs._autoencoding import Autoencoding


@dataclasses.dataclass(frozen=True)
class Cae3dCodec(Autoencoding):
    """A trained autoencoder of cubes."""

    name: ClassVar[str] = "cae3d"
    needs: ClassVar[str | None] = "neural"

    weights: str = "cae3d"
    """Name, path or address of the weights."""

    def _net(self, weights: Any) -> Any:
        from hypress.neural.tiles import Cubes

        return Cubes(weights)
