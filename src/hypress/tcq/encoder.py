"""Components and coefficients in a budget of bytes, or at a squared error: the lattice step, and the basis's refit.

Plain quantisation says nearly what the trellis will do with a step: how many bytes it takes, and with what error. So it
finds the step; then trellis and coder go over the coefficients once, λ giving way where the bytes depart from what was
planned. Only where that is not enough is a pass made again, at a step that is nearer. An error is measured on samples
as a decoder has them, which takes two passes or three.

Between passes the basis may be fitted again: the regression of the samples on the decoded components is a better basis
for what is sent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.tcq import stream
from hypress.tcq.halves import project
from hypress.tcq.stream import Coded, total
from hypress.tcq.subbands import Layout
from hypress.tcq.trellis import LARGEST, plain, plain_error
from hypress.transforms.allocation import Plan
from hypress.transforms.pca import Basis, products, quantised_basis
from hypress.valid import valid_samples

LATTICE = 0.56
"""Lattice step of the first look, of the uniform quantiser's step that the plan expects to meet the budget."""
WEIGHT = 0.29
"""λ, in squared lattice steps per bit: rather less than the 0.37 of theory, for zeros lower what is expected nearby."""
GAIN = 1.05
"""Bytes of the trellis against those of plain quantisation, with steps of two lattice steps."""
QUIETER = 0.85
"""Squared error of the trellis against that of plain quantisation, before it was measured."""
SLOPE, STEEPER = 0.6, 1.2
"""Bytes fall about as the step to this power; it is taken to be so much larger whenever the budget was crossed."""
NEAR = 0.12
"""Share of a budget within which a look need not be taken again at the step that follows from it."""
LOOKS = 3
"""How often plain quantisation is looked at, at most."""
MORE = 8
"""Passes to a budget, at most, after those that an effort asks for, until it is used."""
TRIALS = 12
"""Passes to an error, at most."""
STRAIGHT = 3
"""How often the basis is fitted again on the way to an error, at most: by then no pass is compared with another, and
more of them lead astray."""
RISE, SEEKS = 1.5, 6
"""The squared error rises about as the step to this power; so often it is asked for a step."""
FINEST, COARSEST = 2.0**-6, 2.0**31
SPENT, AIM = 0.995, 0.9975
"""Shares of a budget: enough, and aimed at."""
LOUD, SOUGHT = 0.99, 0.995
"""Shares of a squared error: enough, and aimed at. The first is 0.044 dB below it: 0.05 dB are kept, too, where samples
are clipped to the scene's range, which the encoder does not know."""


@dataclass(frozen=True)
class Effort:
    """How much is tried."""

    sweeps: int
    """Rounds of plane rotations."""
    turned: int
    """Components, at most, that take part in these."""
    refits: int
    """How often the basis is fitted again."""
    rounds: int
    """Passes of trellis and coding, at least. Of several the one of least error is taken."""


@dataclass(frozen=True, eq=False)
class Found:
    """Components coded at a step."""

    head: bytes
    """The basis."""
    step: float
    """The lattice step; a float32."""
    data: bytes


class Encoder:
    """Samples `(band, y, x)` that are to be coded with a basis, whose stream is `head`; `write` makes another's."""

    def __init__(
        self,
        samples: NDArray[Any],
        chosen: Plan,
        basis: Basis,
        head: bytes,
        write: Callable[[Basis], bytes],
        levels: int,
    ) -> None:
        self.samples, self.chosen, self.basis, self.head, self.write = samples, chosen, basis, head, write
        self.layout = Layout((basis.components, *samples.shape[1:]), levels)
        self._transform()
        top = max(float(np.abs(band).max(initial=0)) for band in self.values)
        self.finest = max(FINEST, top / (LARGEST // 2))
        self.step = self._allowed(LATTICE * chosen.step)

    def _transform(self) -> None:
        self.values = self.layout.split(project(self.samples, self.basis.means, self.basis.analysis()))

    def _allowed(self, step: float) -> float:
        return float(np.float32(min(max(step, self.finest), COARSEST)))

    def _guesses(self) -> list[NDArray[np.int32]]:
        return [plain(band, 1 / self.step) for band in self.values]

    def within(self, budget: int, effort: Effort) -> Found | None:
        """Code in at most `budget` bytes, the basis among them. None: no step fits."""
        for _ in range(LOOKS):
            planned = stream.look(self._guesses(), self.layout)
            excess = math.log(GAIN * max(total(planned), 1) / max(8 * AIM * (budget - len(self.head)), 1))
            self._move(excess / SLOPE)
            if abs(excess) < NEAR:
                break
        guesses, slope = self._guesses(), SLOPE
        best: tuple[tuple[bool, float], Found] | None = None
        excess = 0.0
        for trial in range(effort.rounds + MORE):
            room = 8 * AIM * (budget - len(self.head))
            coded = stream.encode(self.values, guesses, self.layout, self.step, WEIGHT, planned, room)
            size = len(coded.data) + len(self.head)
            if size <= budget:
                used = size >= SPENT * budget
                rank = not used, self._error(coded) if effort.rounds > 1 else -size
                if best is None or rank < best[0]:
                    best = rank, Found(self.head, self.step, coded.data)
                if trial + 1 >= effort.rounds and (used or self.step <= self.finest):
                    break
            last, excess = excess, math.log(8 * max(len(coded.data), 1) * coded.stretch / max(room, 1))
            if last * excess < 0:
                slope *= STEEPER
            before = self.step
            self._move(excess / slope)
            planned = coded.taken
            guesses = [np.rint(part * (before / self.step)).astype(np.int32) for part in coded.lattice]
            if trial < effort.refits:
                self._refit(coded, before)
        return None if best is None else best[1]

    def at_error(self, mse: float, lost: float, effort: Effort) -> Found:
        """Code to a mean squared error of at most `mse`, or as near as it comes; outside the basis there is `lost`."""
        count = self.samples.size
        best: tuple[tuple[bool, float], Found] | None = None
        fine: tuple[float, float] | None = None  # ln of a step and of its error, nearest below what is wanted
        coarse: tuple[float, float] | None = None  # and above it
        floor, ratio = lost + 1 / 12, QUIETER
        for _ in range(min(effort.refits, STRAIGHT)):
            self._seek((SOUGHT * mse - floor) * count / ratio)
            self._refit(stream.encode(self.values, self._guesses(), self.layout, self.step, WEIGHT), self.step)
        for trial in range(TRIALS):
            if fine and coarse and trial > 2:
                share = (math.log(SOUGHT * mse) - fine[1]) / (coarse[1] - fine[1])
                self.step = self._allowed(math.exp(fine[0] + share * (coarse[0] - fine[0])))
            else:
                self._seek((SOUGHT * mse - floor) * count / ratio)
            coded = stream.encode(self.values, self._guesses(), self.layout, self.step, WEIGHT)
            reached = self._error(coded)
            rank = (reached > mse, abs(reached - SOUGHT * mse))
            if best is None or rank < best[0]:
                best = (rank, Found(self.head, self.step, coded.data))
            if LOUD * mse <= reached <= mse or self.step in (self.finest, COARSEST):
                break
            here = math.log(self.step), math.log(max(reached, 1e-9))
            if reached < SOUGHT * mse:
                fine = here
            else:
                coarse = here
            floor = reached - coded.squares / count
            ratio = coded.squares / max(self._plain_error(), 1e-9)
        assert best is not None
        return best[1]

    def _error(self, coded: Coded) -> float:
        """Mean squared error of what was coded at the present step, as a decoder has it."""
        return _mean_square(self.samples, self.basis.inverse(self._join(coded, self.step), self.samples.dtype))

    def _plain_error(self) -> float:
        return sum(plain_error(band, 1 / self.step) for band in self.values) * self.step**2

    def _seek(self, squares: float) -> None:
        """Choose the step at which plain quantisation leaves a squared error of about `squares`."""
        for _ in range(SEEKS):
            self._move(math.log(max(squares, 1e-9) / max(self._plain_error(), 1e-9)) / RISE)

    def _move(self, stretch: float) -> None:
        """Make the step e^`stretch` times as large, within reason and bounds."""
        self.step = self._allowed(self.step * math.exp(min(max(stretch, -4.0), 4.0)))

    def _join(self, coded: Coded, step: float) -> NDArray[np.float64]:
        signed = [np.copysign(part, band) for part, band in zip(coded.lattice, self.values, strict=True)]
        return self.layout.join(signed, step)

    def _refit(self, coded: Coded, step: float) -> None:
        """Take the regression of samples on decoded components as the basis, where no component falls away."""
        cross, energy = products(self.samples, self.basis.means, self._join(coded, step))
        axes = cross @ np.linalg.pinv(energy, hermitian=True)
        norms = np.maximum(np.linalg.norm(axes, axis=0), 1e-12)
        energies = np.diag(energy) / self.chosen.pixels * norms**2
        axes = axes / norms
        refit = quantised_basis(self.chosen.means, axes, energies, self.chosen.pixels, self.chosen.step)
        if refit.components == self.basis.components:
            self.basis, self.head = refit, self.write(refit)
            self._transform()


def _mean_square(samples: NDArray[Any], decoded: NDArray[Any]) -> float:
    """Mean squared error of those samples `(band, y, x)` that are real."""
    valid, squares, count = valid_samples(), 0.0, 0
    for b, (one, other) in enumerate(zip(samples, decoded, strict=True)):
        error = np.subtract(one, other, dtype=np.float64)
        if valid is not None:
            error = error[valid[b]]
        squares, count = squares + float(np.vdot(error, error)), count + error.size
    return squares / max(count, 1)
