"""A value that holds inside a `with` block, for whoever works there: its own context first, then helping threads.

A `ContextVar` alone does not reach the threads of a pool or of Dask, which begin with a context of their own. There the
value is the one that is in use in the process, if it is the only one: never that of another block.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Generic, TypeVar

T = TypeVar("T")


class Ambient(Generic[T]):
    """What `get` gives inside the blocks of `use`."""

    def __init__(self, name: str) -> None:
        self._here: ContextVar[T | None] = ContextVar(name, default=None)
        self._everywhere: list[T] = []
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def use(self, value: T) -> Iterator[None]:
        """Let `value` hold inside the block."""
        token = self._here.set(value)
        with self._lock:
            self._everywhere.append(value)
        try:
            yield
        finally:
            with self._lock:
                self._everywhere.remove(value)
            self._here.reset(token)

    def get(self) -> T | None:
        """The value of the innermost block of this context; else of the process, where there is one; else None."""
        if (here := self._here.get()) is not None:
            return here
        with self._lock:
            first = self._everywhere[0] if self._everywhere else None
            return first if all(value == first for value in self._everywhere) else None
