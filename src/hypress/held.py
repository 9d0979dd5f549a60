"""A setting of the whole process that several threads may hold at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Held:
    """The first that holds it sets it, the last puts it back. `begin` sets, and returns what puts back."""

    def __init__(self, begin: Callable[[], Callable[[], object]]) -> None:
        self._begin, self._lock, self._users = begin, threading.Lock(), 0

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold it inside the block; also as a decorator."""
        with self._lock:
            if self._users == 0:
                self._restore = self._begin()
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._restore()
