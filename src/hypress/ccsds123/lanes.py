"""Bands side by side: the layout in which the predictor and the entropy coders share their numbers.

Sample t of band z needs sample t − 1 of its own band and sample t of the bands before. So while band z is at t, band
z − 1 can be at t + 1, and so on: at step k, lane z works on t = k − z, and all lanes at once. `Lanes` keeps one
number a sample such that those of one step are neighbours in memory, in rows as wide as there are lanes:

            lane 0     lane 1     lane 2
    row 0   z=0 t=0       ·          ·
    row 1   z=0 t=1    z=1 t=0       ·            row = t + lane
    row 2   z=0 t=2    z=1 t=1    z=2 t=0

Images of many bands are cut into slabs of at most `MOST` lanes, or fewer where a band has few pixels, so that the
corners that stay empty do not outgrow the rest. Number (z, t) is at `base[z] + t · width` of the flat array, which is
all that the entropy coders know of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.entropy.mq import Int

MOST = 256
"""Lanes of a slab, at most."""
LEAST = 32
"""Lanes of a slab where there are several, at least: a slab takes up differences of the 15 bands before it."""
MULTIPLE = 16
"""Lanes come in such numbers, so that vectors are full."""


class Lanes:
    """One integer for each sample of `bands` × `pixels`, zero at first."""

    def __init__(self, bands: int, pixels: int, dtype: type[Any]) -> None:
        self.bands, self.pixels = bands, pixels
        self.slabs = -(-bands // min(max(pixels, LEAST), MOST))
        self.used = -(-bands // self.slabs)
        """Bands of a slab; the last may have fewer."""
        self.width = self.used if self.used < MULTIPLE else -(-self.used // MULTIPLE) * MULTIPLE
        self.rows = pixels + self.width - 1
        self.numbers = np.zeros(self.slabs * self.rows * self.width, dtype)
        slab, lane = np.divmod(np.arange(bands, dtype=np.int64), self.used)
        self.base = slab * self.rows * self.width + lane * (self.width + 1)

    def slab(self, index: int) -> NDArray[Any]:
        """Numbers of one slab, a view."""
        size = self.rows * self.width
        return self.numbers[index * size : (index + 1) * size]

    def load(self, samples: NDArray[Any]) -> None:
        """Take numbers `(band, y, x)`."""
        _load(samples.reshape(-1), self.numbers, self.base, self.pixels, self.width)

    def unload(self, samples: NDArray[Any]) -> None:
        """Write the numbers to `samples`, a contiguous array `(band, y, x)`."""
        _unload(self.numbers, samples.reshape(-1), self.base, self.pixels, self.width)


TILE = 16  # bands that are copied together: a cache line of either side is used whole


@njit(nogil=True, cache=True)
def _load(samples: Any, numbers: Any, base: Any, pixels: Int, width: Int) -> None:
    for first in range(0, base.size, TILE):
        last = min(first + TILE, base.size)
        for t in range(pixels):
            for z in range(first, last):
                numbers[np.uintp(base[np.uintp(z)] + t * width)] = samples[np.uintp(z * pixels + t)]


@njit(nogil=True, cache=True)
def _unload(numbers: Any, samples: Any, base: Any, pixels: Int, width: Int) -> None:
    for first in range(0, base.size, TILE):
        last = min(first + TILE, base.size)
        for t in range(pixels):
            for z in range(first, last):
                samples[np.uintp(z * pixels + t)] = numbers[np.uintp(base[np.uintp(z)] + t * width)]
