"""Who does the work: threads of this process, or a Dask cluster."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

from hypress.blas import one_thread
from hypress.errors import ConfigurationError, MissingExtraError

T = TypeVar("T")

WAITED_FOR = 4
"""Tiles a thread that may be under way or done out of order: a slow one holds up no other until so many are."""


@contextmanager
def executor(workers: int | None, scheduler: str | None) -> Iterator[tuple[Executor, int]]:
    """Threads of this process, or the Dask cluster at `scheduler`; and how many tiles to have under way."""
    if scheduler is None:
        count = workers or os.cpu_count() or 1
        with one_thread() if count > 1 else nullcontext(), ThreadPoolExecutor(count) as pool:
            yield pool, WAITED_FOR * count
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingExtraError("a Dask cluster needs: pip install 'hypress[cluster]'") from error
    try:
        client = Client(scheduler, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"no Dask scheduler answers at {scheduler}: {error}") from error
    with client:
        threads = sum(client.nthreads().values())
        if threads == 0:
            raise ConfigurationError(f"the Dask cluster at {scheduler} has no workers")
        with client.get_executor(pure=False) as pool:
            yield pool, WAITED_FOR * threads


def bounded(pool: Executor, at_once: int, work: Callable[..., T], jobs: Iterable[tuple[Any, ...]]) -> Iterator[T]:
    """Results of `work(*job)` in the order of the jobs, with no more than `at_once` waited for.

    In order, so that whatever is summed over them is the same to the last bit however many work.
    """
    waiting = iter(jobs)
    running: deque[Future[T]] = deque()
    try:
        while True:
            while len(running) < at_once and (job := next(waiting, None)) is not None:
                running.append(pool.submit(work, *job))
            if not running:
                return
            yield running.popleft().result()
    finally:
        for future in running:
            future.cancel()
