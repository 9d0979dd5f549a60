"""3-D SPECK: wavelet coefficients by boxes cut ever smaller, embedded, lossy to lossless.

X. Tang and W. A. Pearlman, "Three-dimensional wavelet-based compression of hyperspectral images" (in "Hyperspectral
data compression", Springer 2006), after W. A. Pearlman, A. Islam, N. Nagaraj and A. Said, "Efficient, low-complexity
image coding with a set-partitioning embedded block coder" (IEEE TCSVT 14, 2004). See `bitplane.boxes` for the sets,
`bitplane.speck` for the coder.

    samples ─► 3-D wavelet ─► scaled integers ─► SPECK ─► decisions ─► range coder, or bits ─► "planes"
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from hypress.bitplane import speck
from hypress.bitplane.boxes import box_trees
from hypress.codecs._set_partitioning import Method, SetPartitioning


@dataclasses.dataclass(frozen=True)
class Speck3d(SetPartitioning):
    """3-D SPECK."""

    name: ClassVar[str] = "speck3d"

    @classmethod
    def method(cls) -> Method:
        """Sets are boxes within subbands."""
        return Method(box_trees, speck.run, speck.CONTEXTS)
