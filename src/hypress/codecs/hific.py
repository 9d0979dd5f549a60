"""HiFiC: a trained encoder and generator with a hyperprior, for all bands at well below a bit per pixel.

After "Generative adversarial networks for spatio-spectral compression of hyperspectral images" (arXiv 2305.08514):
F. Mentzer et al., "High-fidelity generative image compression" (NeurIPS 2020), with losses for hyperspectral images.
The network is in `neural.nets.hific`.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from hypress.codecs._hific import Generative


@dataclasses.dataclass(frozen=True)
class Hific(Generative):
    """HiFiC with the losses for hyperspectral images."""

    name: ClassVar[str] = "hific"
    needs: ClassVar[str | None] = "neural"

    weights: str = "hific"
    """Name, path or address of the weights."""
