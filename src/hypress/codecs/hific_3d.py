"""HiFiC-3D: HiFiC whose first and last convolutions are three-dimensional.

After "Generative adversarial networks for spatio-spectral compression of hyperspectral images" (arXiv 2305.08514).
The network is in `neural.nets.hific` and `neural.nets.cubes`.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from hypress.codecs._hific import Generative


@dataclasses.dataclass(frozen=True)
class Hific3d(Generative):
    """HiFiC with 3-D convolutions at its ends."""

    name: ClassVar[str] = "hific_3d"
    needs: ClassVar[str | None] = "neural"

    weights: str = "hific_3d"
    """Name, path or address of the weights."""
