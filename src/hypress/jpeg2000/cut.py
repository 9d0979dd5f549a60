"""An image whose blocks are coded but not yet cut, and the cuts that can be made of it."""

from __future__ import annotations

import bisect
import itertools
from copy import copy
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hypress.errors import ConfigurationError
from hypress.jpeg2000 import markers, rate, tier2
from hypress.jpeg2000.blocks import Blocks
from hypress.jpeg2000.layout import Layout
from hypress.jpeg2000.markers import Header

_GUESSES = 10  # before the search for a budget's slope falls back to halving
_FILLING_STEPS = 24  # how often the allocation tries to use up what is left of a budget


@dataclass(frozen=True)
class Cut:
    """Where every block is cut, and what that comes to.

    Attributes:
        passes: coding passes kept of each block.
        size: bytes of the whole codestream.
        squared_error: expected sum of squared errors over all samples of all components.
        slope: squared error that the last bytes spent saved per byte; 0 when nothing was left out.
        leading: number of the last component that gets any bytes, from 1; 0 when none does.
    """

    passes: NDArray[np.int64]
    size: int
    squared_error: float
    slope: float
    leading: int


class Coded:
    """The coded blocks of an image, to be cut to codestreams. Made by `code_blocks`, and never changed."""

    def __init__(self, header: Header, places: Layout, blocks: Blocks, weights: NDArray[np.float64]) -> None:
        self.header = header
        self._layout, self._blocks = places, blocks
        self._passes = np.maximum(3 * blocks.planes - 2, 0)
        self._zero_planes = np.maximum(np.array(header.planes)[places.blocks[:, 5]] - blocks.planes, 0)
        grid = places.grids[places.blocks[:, 5]]
        # About twelve bits for presence, passes and length; empty planes are shared by a tag tree's leaves.
        overheads = 1.5 + self._zero_planes / (8.0 * grid[:, 0] * grid[:, 1])
        every = weights[places.blocks[:, 5]] * blocks.units**2
        self._energies = np.sum(blocks.energies * every, axis=1)
        self._slopes = np.zeros(blocks.passes)
        rate.hull_slopes(
            self._passes.ravel(), blocks.firsts.ravel(), every.ravel(), overheads.ravel(),
            blocks.lengths, blocks.gains, self._slopes,
        )  # fmt: skip
        self._prepare(header.shape[0])

    def _prepare(self, components: int) -> None:
        """Set what depends on how many of the components count."""
        self.header = replace(self.header, shape=(components, *self.header.shape[1:]))
        self._main = markers.write_main(self.header)
        self._counts = self._passes[:components].ravel()
        self._firsts = self._blocks.firsts[:components].ravel()
        self._energy = float(np.sum(self._energies[:components]))
        end = int((self._firsts + self._counts).max(initial=0))
        slopes = self._slopes[:end]
        self._order = np.unique(slopes[slopes > 0])[::-1]

    def leading(self, components: int) -> Coded:
        """The same image without its last components, of which only the first `components` are left.

        A component that gets nothing still costs `levels + 4` bytes, so whoever codes many components of
        falling strength should leave off those after `Cut.leading`.

        Raises:
            ConfigurationError: there are not that many, or none is left.
        """
        if not 1 <= components <= self.header.shape[0]:
            raise ConfigurationError(f"there are 1 to {self.header.shape[0]} components to keep, not {components}")
        fewer = copy(self)
        fewer._prepare(components)
        return fewer

    @property
    def full(self) -> Cut:
        """Everything that was coded: lossless when reversible."""
        return self._weigh(self._counts.copy(), 0.0)

    def choose(
        self,
        *,
        max_bytes: int | None = None,
        max_squared_error: float | None = None,
        slope: float | None = None,
    ) -> Cut:
        """Decide where to cut (Annex J.13.3); with no argument nowhere, with one of them as it says.

        Args:
            max_bytes: the codestream is at most this long, and as close to it as can be.
            max_squared_error: the expected sum of squared errors is at most this, in the fewest bytes; if
                that cannot be, everything is kept.
            slope: keep what saves at least this much squared error per byte.

        Raises:
            ConfigurationError: more than one argument, or a budget that an empty codestream exceeds.
        """
        if sum(given is not None for given in (max_bytes, max_squared_error, slope)) > 1:
            raise ConfigurationError("give one of max_bytes, max_squared_error and slope")
        if max_bytes is not None:
            return self._within(max_bytes)
        if max_squared_error is not None:
            return self._good_enough(max_squared_error)
        return self.full if slope is None else self._weigh(self._at(slope), slope)

    def distortion(
        self,
        *,
        max_bytes: int | None = None,
        max_squared_error: float | None = None,
        slope: float | None = None,
    ) -> float:
        """The expected sum of squared errors over all samples for a cut; arguments of `choose`."""
        chosen = self.choose(max_bytes=max_bytes, max_squared_error=max_squared_error, slope=slope)
        return chosen.squared_error

    def cut(
        self,
        *,
        max_bytes: int | None = None,
        max_squared_error: float | None = None,
        slope: float | None = None,
    ) -> bytes:
        """The codestream for a cut; arguments and errors of `choose`."""
        return self.write(self.choose(max_bytes=max_bytes, max_squared_error=max_squared_error, slope=slope))

    def write(self, chosen: Cut) -> bytes:
        """The codestream for a cut that `choose` made."""
        size = chosen.size - self._frame
        packets = np.empty(size, np.uint8)
        self._packets(chosen.passes, packets)
        return b"".join((self._main, markers.write_tile_header(size), packets.tobytes(), markers.write_end()))

    @property
    def _frame(self) -> int:
        return len(self._main) + markers.TILE_HEADER_BYTES + len(markers.write_end())

    def _within(self, budget: int) -> Cut:
        least = self._weigh(np.zeros(len(self._counts), np.int64), rate.STEEPEST)
        if least.size > budget:
            raise ConfigurationError(
                f"a budget of {budget} bytes is too small: the headers of "
                f"{self.header.shape[0]} components alone take {least.size}"
            )
        if (whole := self.full).size <= budget:
            return whole
        low, high = 0, len(self._order)  # the first slope whose cut is too long lies in [low, high]
        chosen, headers = least, least.size
        for attempt in itertools.count():
            if low >= high:
                break
            # Segments are quickly counted, headers are not, but change little from one slope to the next.
            middle = (low + high) // 2
            if attempt < _GUESSES:
                middle = bisect.bisect_right(
                    range(high - 1), budget - headers, low, key=lambda rank: self._body(float(self._order[rank]))
                )
            tried = self._steepness(middle)
            headers = tried.size - self._body(float(self._order[middle]))
            if tried.size <= budget:
                low, chosen = middle + 1, tried
            else:
                high = middle
        return self._fill(chosen, budget)

    def _good_enough(self, target: float) -> Cut:
        if target <= 0:
            return self.full
        low, high = 0, len(self._order)  # the first slope that is good enough lies in [low, high]
        while low < high:
            middle = (low + high) // 2
            if self._error(self._at(self._order[middle])) <= target:
                high = middle
            else:
                low = middle + 1
        steeper = self._order[low - 1] if low else rate.STEEPEST * 2
        passes = self._at(steeper)  # not good enough, by a little
        missing = self._error(passes) - target
        if missing > 0:
            lengths, gains = self._blocks.lengths, self._blocks.gains
            block, kept = rate.cheapest_step(missing, self._counts, self._firsts, passes, lengths, gains)
            if block < 0:
                return self._steepness(low)
            passes[block] = kept
        return self._weigh(passes, steeper)

    def _fill(self, chosen: Cut, budget: int) -> Cut:
        """Spend what a cut leaves of its budget on further passes."""
        blocks = self._blocks
        passes, size = chosen.passes.copy(), chosen.size
        closed = np.zeros(len(passes), np.uint8)
        for _ in range(_FILLING_STEPS):
            if budget - size <= budget // 4000:
                break
            block, kept = rate.best_step(
                budget - size, self._counts, self._firsts, passes, closed, blocks.lengths, blocks.gains
            )
            if block < 0:
                break
            before, passes[block] = passes[block], kept
            longer = self._frame + self._packets(passes)
            if longer <= budget:
                size = longer
            else:
                passes[block], closed[block] = before, 1
        return self._weigh(passes, chosen.slope)

    def _at(self, slope: float) -> NDArray[np.int64]:
        passes = np.empty(len(self._counts), np.int64)
        rate.passes_at(slope, self._counts, self._firsts, self._slopes, passes)
        return passes

    def _body(self, slope: float) -> int:
        """Bytes of all segments for a slope."""
        passes = self._at(slope)
        return int(self._blocks.lengths[(self._firsts + passes - 1)[passes > 0]].sum(dtype=np.int64))

    def _steepness(self, rank: int) -> Cut:
        """The cut for one of the slopes that occur, steepest first; everything beyond the last of them."""
        if rank == len(self._order):
            return self.full
        return self._weigh(self._at(self._order[rank]), self._order[rank])

    def _error(self, passes: NDArray[np.int64]) -> float:
        if self.header.reversible and np.array_equal(passes, self._counts):
            return 0.0
        last = (self._firsts + passes - 1)[passes > 0]
        return max(self._energy - float(np.sum(self._blocks.gains[last])), 0.0)

    def _weigh(self, passes: NDArray[np.int64], slope: float) -> Cut:
        passes.flags.writeable = False
        used = np.flatnonzero(passes.reshape(self.header.shape[0], -1).any(axis=1))
        leading = int(used[-1]) + 1 if len(used) else 0
        return Cut(passes, self._frame + self._packets(passes), self._error(passes), float(slope), leading)

    def _packets(self, passes: NDArray[np.int64], out: NDArray[np.uint8] | None = None) -> int:
        blocks, count = self._blocks, self.header.shape[0]
        last = self._firsts + np.maximum(passes, 1) - 1
        last[passes == 0] = 0
        shape = (count, -1)
        size: int = tier2.write_packets(
            np.array(self._layout.resolutions), self._layout.grids, self._layout.parents,
            self._zero_planes[:count], passes.reshape(shape), blocks.lengths[last].reshape(shape),
            blocks.starts[:count], blocks.ends[last].reshape(shape), blocks.body,
            np.empty(0, np.uint8) if out is None else out, out is not None,
        )  # fmt: skip
        return size
