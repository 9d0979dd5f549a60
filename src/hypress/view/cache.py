"""A bounded memory of arrays: the one used longest ago goes first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from numpy.typing import NDArray


class Cache:
    """Arrays by key, together of at most `room` bytes. Safe to use from several threads."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.used = 0
        self._kept: OrderedDict[Hashable, NDArray[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> NDArray[Any] | None:
        """What is kept under `key`, or None."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: Hashable, array: NDArray[Any]) -> None:
        """Keep an array, which must own its memory; others go where there is no room. One too large is not kept."""
        with self._lock:
            if (old := self._kept.pop(key, None)) is not None:
                self.used -= old.nbytes
            if array.nbytes > self.room:
                return
            self._kept[key] = array
            self.used += array.nbytes
            while self.used > self.room:
                _, gone = self._kept.popitem(last=False)
                self.used -= gone.nbytes

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._kept
