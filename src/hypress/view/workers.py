"""Threads that decode what is looked at: quick work and the latest wish first, and what nobody wishes not at all."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Hashable, Iterable
from typing import Any

FORGOTTEN = 6.0
"""Seconds after which a wish that nobody repeated is dropped: the viewer has moved on."""
REMEMBERED = 2.0
"""Seconds for which a failure is told to all who ask, before it is tried again."""


class Workers:
    """Work by key, each done once however many ask. Threads end with the process."""

    def __init__(self, threads: int | None = None) -> None:
        self._changed = threading.Condition()
        self._wishes: dict[Hashable, tuple[bool, float, Callable[[], Any]]] = {}
        self._running: set[Hashable] = set()
        self._failed: dict[Hashable, tuple[float, Exception]] = {}
        self._size = threads or max(1, os.cpu_count() or 1)
        self._threads: list[threading.Thread] = []

    def wish(self, key: Hashable, work: Callable[[], Any], *, quick: bool = False) -> None:
        """Have `work` done soon, before all that is not `quick`; wishing again moves it to the front.

        What failed a moment ago is left alone.
        """
        now = time.monotonic()
        with self._changed:
            if key in self._failed:
                if now - self._failed[key][0] < REMEMBERED:
                    return
                del self._failed[key]
            if key not in self._running:
                self._wishes[key] = (quick, now, work)
                self._changed.notify_all()
            if len(self._threads) < self._size:
                thread = threading.Thread(target=self._serve, name="hypress-view", daemon=True)
                self._threads.append(thread)
                thread.start()

    def wait(self, keys: Iterable[Hashable], until: float) -> bool:
        """Wait until none of `keys` is wished for or under way, or the monotonic clock shows `until`."""
        wanted = set(keys)
        with self._changed:
            return self._changed.wait_for(
                lambda: not (wanted & self._running or wanted & self._wishes.keys()), max(0.0, until - time.monotonic())
            )

    def failure(self, key: Hashable) -> Exception | None:
        """What went wrong with `key` a moment ago."""
        with self._changed:
            found = self._failed.get(key)
            return None if found is None or time.monotonic() - found[0] > REMEMBERED else found[1]

    def _serve(self) -> None:
        while True:
            key, work = self._next()
            failed = None
            try:
                work()
            except Exception as error:
                failed = error
            with self._changed:
                self._running.discard(key)
                if failed is not None:
                    self._failed[key] = (time.monotonic(), failed)
                self._changed.notify_all()

    def _next(self) -> tuple[Hashable, Callable[[], Any]]:
        with self._changed:
            while True:
                now = time.monotonic()
                for key in [k for k, (_, when, _) in self._wishes.items() if now - when > FORGOTTEN]:
                    del self._wishes[key]
                    self._changed.notify_all()
                if self._wishes:
                    key = max(self._wishes, key=lambda k: self._wishes[k][:2])
                    self._running.add(key)
                    return key, self._wishes.pop(key)[2]
                self._changed.wait(FORGOTTEN)
