"""The loop in which a network is fitted to one scene: bounded by steps and by time, the best state kept.

    step(share) ─► loss ─┐                       ┌─► progress: loss, PSNR, time left
                         ├─ every few steps: ─► Checkpoint ─► best so far? ─► snapshot()
    evaluate() ─► PSNR ──┘                       └─► watch: history, giving up

What the network is and how a step is made is the caller's. A fit that is bounded by steps is deterministic; one
that is bounded by time ends where the clock says. Sums in floating point hang on how many threads share them, so
`threads` fixes their number.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from hypress.errors import ConfigurationError
from hypress.held import Held
from hypress.progress import Task

S = TypeVar("S")

DIVERGED = 100.0
"""A fit has diverged where its loss is above that of its first step (or `UNIT`) by this factor."""
UNIT = 1e-2
"""A loss that is large for data normalised to about one: what a first loss near zero is compared as."""
THREADS = 2
"""Threads of a fit, whatever the machine has; fewer only where `OMP_NUM_THREADS` says so."""


@dataclass(frozen=True)
class Effort:
    """What a fit may take, and how it goes about it."""

    steps: int
    seconds: float
    """Of wall-clock time."""
    learning_rate: float
    sampling: float = 1.0
    """Share of the pixels that a step sees."""
    seed: int = 0

    def part(self, share: float) -> Effort:
        """The same with a share of steps and time."""
        return replace(self, steps=int(share * self.steps), seconds=share * self.seconds)


@dataclass(frozen=True)
class Checkpoint:
    """A fit at one moment."""

    steps: int
    """Steps made."""
    seconds: float
    """Since the fit began."""
    loss: float
    """Of the last step."""
    psnr_db: float
    """Of the whole scene, as `evaluate` measured it."""


@dataclass(frozen=True)
class Fit(Generic[S]):
    """How a fit went."""

    best: S
    """The snapshot of highest PSNR."""
    quality: Checkpoint
    """When it was taken, and what it reached."""
    history: tuple[Checkpoint, ...]
    ended: str
    """`steps`, `seconds` or `watch`: what ended it."""


def fit(
    step: Callable[[float], float],
    evaluate: Callable[[], float],
    snapshot: Callable[[], S],
    *,
    steps: int,
    seconds: float = math.inf,
    every: int = 50,
    task: str = "fitting",
    watch: Callable[[Checkpoint], bool | None] = lambda checkpoint: None,
) -> Fit[S]:
    """Make up to `steps` steps within `seconds` of wall-clock time, and return the best state seen.

    `step(share)` makes one step and returns its loss; `share`, in [0, 1), is how much of the budget is used up, of
    steps or of time, whichever is scarcer: learning rates hang on it. `evaluate()` is the PSNR of the whole scene in
    decibels. Every `every` steps, at the start and at the end, both make a checkpoint; where it is the best so far,
    `snapshot()` is kept. It must return a copy. `watch` sees each checkpoint and ends the fit by returning True.

    At least one state is always evaluated, so a fit without any time left returns the network as it is, with its
    measured quality. Raises ConfigurationError where the loss is no number, or far above that of the first step.
    """
    started = time.monotonic()
    bar = Task(task, steps, "step")
    history: list[Checkpoint] = []
    best: tuple[Checkpoint, S] | None = None
    loss, first, made = math.inf, math.inf, 0
    while True:
        elapsed = time.monotonic() - started
        spent = made >= steps or elapsed >= seconds
        if made % every == 0 or spent:
            now = Checkpoint(made, elapsed, loss, evaluate())
            if best is None or now.psnr_db > best[0].psnr_db:
                best = now, snapshot()
            history.append(now)
            bar.advance(made - bar.done, _note(now, steps, seconds))
            if watch(now) or spent:
                ended = "steps" if made >= steps else "seconds" if spent else "watch"
                return Fit(best[1], best[0], tuple(history), ended)
        loss = step(max(made / steps, elapsed / seconds))
        made += 1
        first = loss if made == 1 else first
        if not loss <= DIVERGED * max(first, UNIT):  # so written that NaN is caught
            raise ConfigurationError(
                f"{task}: the fit diverged: its loss was {first:.3g} at first and {loss:.3g} after {made} steps; "
                "a lower learning rate may help"
            )


@contextlib.contextmanager
def threads(count: int = THREADS) -> Iterator[None]:
    """Let torch compute with so many threads inside, so that its sums are the same on machines with more cores.

    With fewer where `OMP_NUM_THREADS` asks for fewer, as it does where several fits run side by side.
    The number is one for the whole process: the last of several fits at once to end puts it back.
    """
    import torch

    with _torch_threads.hold():
        torch.set_num_threads(min(count, _most()))
        yield


def _most() -> int:
    wished = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(wished)) if wished.isdecimal() else THREADS


def _begin() -> Callable[[], None]:
    import torch

    before = torch.get_num_threads()
    return lambda: torch.set_num_threads(before)


_torch_threads = Held(_begin)


def _note(now: Checkpoint, steps: int, seconds: float) -> str:
    """One short sentence: loss, quality, and the time that is left."""
    if now.steps == 0:
        return f"{now.psnr_db:.2f} dB"
    left = min(seconds - now.seconds, now.seconds / now.steps * (steps - now.steps))
    return f"loss {now.loss:.3g}, {now.psnr_db:.2f} dB, {max(left, 0):.0f} s left"
