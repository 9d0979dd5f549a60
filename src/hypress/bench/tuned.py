"""Contenders without goals of their own: the solver that turns the knobs of ours turns theirs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from hypress.bench.contender import Contender, Met, Settings, Shape
from hypress.codec import Knob
from hypress.errors import GoalError
from hypress.goal import Goal, Lossless, MaxError, Psnr, Rate, RelativeError, SpectralAngle, turn
from hypress.metrics import Tally, bpppc
from hypress.once import once

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Tuned(Contender):
    """A contender without goals of its own: it says how to be lossless, how to bound errors, and which knob to turn."""

    knob: ClassVar[Knob | None] = None
    """Its settings have this one field, where it is turned; larger costs more. See `hypress.codec.Knob`."""

    def lossless(self) -> Settings | None:
        """Settings that lose nothing, if it has such."""
        return self.within(0)

    def within(self, dn: int) -> Settings | None:
        """Settings under which no sample is off by more than `dn`, if it has such."""
        return None

    def meet(self, samples: NDArray[Any], goal: Goal) -> Met:
        """By what it promises itself, or by turning its knob until the measured figure is right."""
        if isinstance(goal, Lossless | MaxError):
            settings = self.lossless() if isinstance(goal, Lossless) else self.within(int(goal.dn))
            if settings is None:
                raise GoalError(f"{self.name} has no form that keeps {goal}")
            return Met(settings, self.encode(samples, settings))
        if self.knob is None or isinstance(goal, RelativeError):
            raise GoalError(f"{self.name} cannot keep {goal}")
        field_name = self.knob.field

        def attempt(value: float) -> _Attempt:
            settings = {field_name: value}
            return _Attempt(self, samples, settings, self.encode(samples, settings))

        best, kept = turn(self.knob, _aim(goal, samples), attempt)
        if not kept:
            raise GoalError(f"{self.name} cannot reach {goal} here: the nearest is {best.bpppc:.4g} bits per sample")
        return Met(best.settings, best.data)


@dataclass
class _Attempt:
    """One setting of the knob tried."""

    contender: Contender
    samples: NDArray[Any]
    settings: Settings
    data: bytes = field(repr=False)

    @property
    def bpppc(self) -> float:
        return bpppc(len(self.data), self.samples.shape)

    @once
    def tally(self) -> Tally:
        shape: Shape = self.samples.shape  # type: ignore[assignment]
        return Tally.of(self.samples, self.contender.decode(self.data, shape, self.samples.dtype))


def _aim(goal: Psnr | Rate | SpectralAngle, samples: NDArray[Any]) -> Any:
    """The aim that ours are given, with rates that fall a little short of it accepted: steps of others are coarser."""
    from hypress.attempt import Job
    from hypress.goal import bits_scale
    from hypress.tile import aim_of

    aim = aim_of(goal, Job.of(samples, None))
    return replace(aim, low=bits_scale(0.98 * goal.bpppc)) if isinstance(goal, Rate) else aim


def to_type(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Decoded numbers as samples: rounded, and clipped to the type's range."""
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)
