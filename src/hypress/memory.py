"""How much memory a piece of work takes."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def peak_memory(work: Callable[[], T]) -> tuple[T, int | None]:
    """What `work` returns, and how many bytes more the process held at most than before; None where it cannot be told.

    Linux lets a process reset its own high-water mark (`/proc/self/clear_refs`); elsewhere the mark of the whole life
    is taken, which is right for the first piece of work of a fresh process.
    """
    before = _resident()
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    result = work()
    peak = _high_water()
    return result, None if before is None or peak is None else max(0, peak - before)


def _resident() -> int | None:
    return _status("VmRSS") or _lifelong()


def _high_water() -> int | None:
    return _status("VmHWM") or _lifelong()


def _status(name: str) -> int | None:
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def _lifelong() -> int | None:
    try:
        import resource
    except ImportError:
        return None
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
