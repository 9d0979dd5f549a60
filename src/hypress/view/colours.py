"""Colour maps that a colour-blind reader can order, each given by a few colours with straight lines between.

`cividis` (J. R. Nuñez, C. R. Anderton and R. S. Renslow, PLOS ONE 13(7), 2018) rises evenly in brightness for normal
and for deuteranopic eyes alike and is used for sizes; `balance`, blue through white to red-brown as in ColorBrewer's
RdBu (C. A. Brewer, 2003), is used for signed differences, where white is none.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

ANCHORS = {
    "cividis": (
        "00224e", "123570", "3b496c", "575d6d", "707173", "8a8678", "a59c74", "c3b369", "e1cc55", "fee838",
    ),
    "viridis": (
        "440154", "482878", "3e4989", "31688e", "26828e", "1f9e89", "35b779", "6ece58", "b5de2b", "fde725",
    ),
    "balance": (
        "053061", "2166ac", "4393c3", "92c5de", "d1e5f0", "f7f7f7", "fddbc7", "f4a582", "d6604d", "b2182b", "67001f",
    ),
    "grey": ("000000", "ffffff"),
}  # fmt: skip


@cache
def table(name: str) -> NDArray[np.uint8]:
    """The colours of a map, uint8 `(256, 3)` in sRGB. Raises KeyError."""
    anchors = np.array([[int(text[i : i + 2], 16) for i in (0, 2, 4)] for text in ANCHORS[name]], float)
    at = np.linspace(0, len(anchors) - 1, 256)
    channels = [np.interp(at, np.arange(len(anchors)), anchors[:, c]) for c in range(3)]
    colours = np.rint(np.stack(channels, axis=1)).astype(np.uint8)
    colours.flags.writeable = False
    return colours
