"""HiFiC-SE: HiFiC whose maps are weighted by squeeze-and-excitation after every normalisation.

After "Generative adversarial networks for spatio-spectral compression of hyperspectral images" (arXiv 2305.08514).
The network is in `neural.nets.hific`.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from hypress.codecs._hific import Generative


@dataclasses.dataclass(frozen=True)
class HificSe(Generative):
    """HiFiC with squeeze-and-excitation."""

    name: ClassVar[str] = "hific_se"
    needs: ClassVar[str | None] = "neural"

    weights: str = "hific_se"
    """Name, path or address of the weights."""
