"""Colours for numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CIVIDIS = ("#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838")
"""Nuñez, Anderton, Renslow 2018: looks the same to eyes that lack red or green."""


def stretch(bands: NDArray[Any], like: NDArray[Any]) -> NDArray[np.uint8]:
    """Three bands `(3, y, x)` as pixels, from the 2nd to the 98th percentile of those of `like`."""
    shown = np.empty((*bands.shape[1:], 3), np.uint8)
    for colour in range(3):
        low, high = np.percentile(like[colour], [2, 98])
        scaled = (bands[colour].astype(np.float64) - low) / max(high - low, 1)
        shown[..., colour] = np.rint(255 * np.clip(scaled, 0, 1))
    return shown


def heat(values: NDArray[Any], top: float) -> NDArray[np.uint8]:
    """Values `(y, x)` from 0 to `top` in the colours of cividis."""
    stops = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in CIVIDIS], np.float64)
    place = np.clip(values / max(top, 1e-12), 0, 1) * (len(stops) - 1)
    below = np.minimum(place.astype(int), len(stops) - 2)
    share = (place - below)[..., None]
    mixed: NDArray[np.uint8] = np.rint(stops[below] * (1 - share) + stops[below + 1] * share).astype(np.uint8)
    return mixed
