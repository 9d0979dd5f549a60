"""What tier 1 says about all blocks of all components."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.jpeg2000 import tier1


class Blocks:
    """What tier 1 said about all blocks, in arrays that grow.

    `planes`, `firsts`, `starts`, `energies` and `units` (the size of a coefficient's least bit) are
    `(component, block)`; `lengths`, `ends` and `gains` have an entry for each pass.
    """

    def __init__(self, components: int, blocks: int, samples: int) -> None:
        shape = (components, blocks)
        self.planes, self.firsts, self.starts = (np.zeros(shape, np.int64) for _ in range(3))
        self.energies, self.units = np.zeros(shape), np.ones(shape)
        self.body = np.empty(samples + (1 << 17), np.uint8)
        self._reserve(16 * blocks * components + 128)
        self.position = self.passes = 0

    def _reserve(self, passes: int) -> None:
        old = getattr(self, "lengths", np.empty(0)).size
        for name, kind in (("lengths", np.int32), ("ends", np.uint32), ("gains", np.float64)):
            grown = np.zeros(passes, kind)
            if old:
                grown[:old] = getattr(self, name)
            setattr(self, name, grown)

    lengths: NDArray[np.int32]
    ends: NDArray[np.uint32]
    gains: NDArray[np.float64]

    def code(self, component: int, plane: Any, fractions: Any, exact: bool, table: Any) -> None:
        """Code the blocks of one component."""
        block = 0
        while True:
            block, self.position, self.passes = tier1.encode_plane(
                plane, fractions, exact, table, block, self.body, self.position, self.lengths, self.ends,
                self.gains, self.passes, self.starts[component], self.firsts[component],
                self.planes[component], self.energies[component],
            )  # fmt: skip
            if block == len(table):
                return
            # Out of one room or the other: make both larger.
            self.body = np.concatenate([self.body, np.empty(len(self.body) // 2, np.uint8)])
            self._reserve(len(self.lengths) * 3 // 2)
