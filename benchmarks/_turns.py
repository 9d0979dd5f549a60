"""Times of several tasks, taken in turn, so that a busy machine slows all alike."""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

REPEATS = 7


def fastest(work: Mapping[str, Sequence[Callable]]) -> dict[str, list[float]]:
    """Seconds of each task of each name, the best of several runs."""
    best = {name: [np.inf] * len(tasks) for name, tasks in work.items()}
    for _ in range(REPEATS):
        for name, tasks in work.items():
            for i, task in enumerate(tasks):
                started = time.perf_counter()
                task()
                best[name][i] = min(best[name][i], time.perf_counter() - started)
    return best
