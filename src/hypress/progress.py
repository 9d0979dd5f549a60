"""Progress of long work: the work reports steps, and whoever listens draws the bar.

The listener is local to the context, so a library call inside a notebook, a server or a test hears only its own.

    with progress.listen(draw):
        hypress.compress(...)          # calls draw(Step(...)) as it goes
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Step:
    """How far a task has come. `done` and `total` count `unit`s; `note` is one short human sentence."""

    task: str
    done: float
    total: float
    unit: str
    seconds: float
    note: str = ""


Listener = Callable[[Step], None]

_listener: ContextVar[Listener | None] = ContextVar("hypress_progress", default=None)


@contextlib.contextmanager
def listen(listener: Listener) -> Iterator[None]:
    """Send the steps of all work inside the block to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@dataclass
class Task:
    """A piece of work of known size. Report from the thread that started it."""

    name: str
    total: float
    unit: str
    done: float = 0.0
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.advance(0)

    def advance(self, amount: float, note: str = "") -> None:
        """Report that `amount` more units are done."""
        self.done += amount
        if (listener := _listener.get()) is not None:
            listener(Step(self.name, self.done, self.total, self.unit, time.monotonic() - self.started, note))
