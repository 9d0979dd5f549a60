"""What a network of a trained codec is to those that run it, whichever engine computes it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Maps = NDArray[np.float32]

HIFIC = ("hific", "hific_se", "hific_3d")
CODECS = ("bandwise", "cae1d", "cae3d", "sscnet", *HIFIC)
"""Whose networks every engine computes."""


class Network(Protocol):
    """One network, in the parts that its codec runs: "analysis", "synthesis", "hyper_analysis"."""

    @property
    def key(self) -> Hashable:
        """What tells its results from those of another."""

    def run(self, part: str, batch: Maps) -> Maps:
        """What a part makes of a batch, on one thread: tiles are coded side by side."""
