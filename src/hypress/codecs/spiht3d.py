"""3-D SPIHT: wavelet coefficients by zero-trees, embedded, lossy to lossless.

B.-J. Kim, Z. Xiong and W. A. Pearlman, "Low bit-rate scalable video coding with 3-D set partitioning in
hierarchical trees (3-D SPIHT)" (IEEE TCSVT 10, 2000), with the asymmetric trees of E. Christophe, C. Mailhes and
P. Duhamel, "Hyperspectral image compression: adapting SPIHT and EZW to anisotropic 3-D wavelet coding" (IEEE TIP
17, 2008). See `bitplane.forest` for the trees, `bitplane.spiht` for the coder.

    samples ─► 3-D wavelet ─► scaled integers ─► SPIHT ─► decisions ─► range coder, or bits ─► "planes"
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from hypress.bitplane import spiht
from hypress.bitplane.forest import orientation_trees
from hypress.codecs._set_partitioning import Method, SetPartitioning


@dataclasses.dataclass(frozen=True)
class Spiht3d(SetPartitioning):
    """3-D SPIHT with asymmetric trees."""

    name: ClassVar[str] = "spiht3d"

    @classmethod
    def method(cls) -> Method:
        """Sets are the descendants of a coefficient."""
        return Method(orientation_trees, spiht.run, spiht.CONTEXTS)
