"""Measure a matrix: rows in parallel, each in a process of its own; then times, alone and interleaved; resumable.

Rows are forked from a small server that has the heavy modules loaded and nothing else, so that a process of its own
costs a tenth of a second and its memory is its own. A row that takes too long, or dies, becomes a row that says so.
Arithmetic libraries are held to one thread: times are of one core, and rows side by side do not disturb each other.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from hypress.bench import rows
from hypress.bench.contender import Contender
from hypress.bench.measure import Item, Timed, Wanted, clock, measure, version_of
from hypress.bench.rows import Row
from hypress.bench.scenes import Source
from hypress.errors import SceneError
from hypress.goal import Goal, Rate
from hypress.progress import Task

ROWS, EXHIBITS = "rows.jsonl", "exhibits"
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
LIMIT_S = 600.0
DONE = {rows.MEASURED, rows.REFUSED, rows.LATE}
"""Rows that are not tried again; a contender may have been installed since, or a failure mended."""


@dataclass(frozen=True)
class Options:
    """How a matrix is measured."""

    workers: int = 1
    limit_s: float = LIMIT_S
    """A row that takes longer is given up."""
    timed: tuple[Goal, ...] = ()
    """Goals whose rows are timed alone."""
    repetitions: int = 3
    budget_s: float = 1.0
    """A row that has taken so long is not repeated again."""
    wanted: Wanted = field(default_factory=Wanted)


Listener = Callable[[Row], None]


def plan(contenders: Sequence[Contender], sources: Sequence[Source], goals: Iterable[Goal]) -> list[Item]:
    """The cells of the matrix, scene by scene. Loads each scene once, for its digest. Raises SceneError."""
    found = [(contender, *version_of(contender)) for contender in contenders]
    goals = list(goals)
    items = []
    for source in sources:
        facts = source.load().facts()
        items += [Item(c, source, facts, goal, version, reason) for goal in goals for c, version, reason in found]
    if not items:
        raise SceneError("there is nothing to measure: no scene, no contender or no goal")
    return items


def run(items: Sequence[Item], folder: Path, options: Options, listener: Listener | None = None) -> dict[str, Row]:
    """Measure what `folder` does not hold yet, and return the rows of all items by key."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ROWS
    rows.mend(path)
    known = rows.read(path) if path.exists() else {}

    def keep(row: Row) -> None:
        rows.append(path, row)
        known[row["key"]] = row
        if listener is not None:
            listener(row)

    ahead = [item for item in items if known.get(item.key, {}).get("status") not in DONE]
    for item in (item for item in ahead if item.version is None):
        keep(item.row(rows.MISSING, reason=item.reason))
    work = [item for item in ahead if item.version is not None]
    shown = _lowest_rate(items)
    task = Task("measuring", sum(_samples(item) for item in work), "samples")
    with _one_thread():
        if work:
            list(_each(str, [(None, ())], 1, options.limit_s))  # the server is up: no row pays for it
        jobs = [(item, (item, _wanted(item, options.wanted, shown, folder))) for item in work]
        for item, result in _each(measure, jobs, options.workers, options.limit_s):
            keep(_row(item, result, options.limit_s))
            task.advance(_samples(item), f"{item.contender.name} on {item.source.name}")
        _time(items, known, options, keep)
    return {item.key: known[item.key] for item in items if item.key in known}


def _time(items: Sequence[Item], known: dict[str, Row], options: Options, keep: Listener) -> None:
    """Time the measured rows of the goals that are timed: one scene after the other, nothing beside."""
    by_scene: dict[Source, list[Item]] = {}
    for item in items:
        row = known.get(item.key, {})
        if item.goal in options.timed and row.get("status") == rows.MEASURED and "encode_s" not in row["times"]:
            by_scene.setdefault(item.source, []).append(item)
    task = Task("timing", sum(_samples(i) for scene in by_scene.values() for i in scene), "samples")
    for source, scene in by_scene.items():
        entries = [(i.key, i.contender, i.goal, known[i.key]["settings"]) for i in scene]
        job = (source, (source, entries, options.repetitions, options.budget_s))
        limit = options.limit_s * len(entries)
        for _, result in _each(clock, [job], 1, limit):
            for timed in result if isinstance(result, list) else []:
                keep(_with_times(known[timed.key], timed))
        task.advance(sum(map(_samples, scene)), source.name)


def _with_times(row: Row, timed: Timed) -> Row:
    times = {
        "encode_s": statistics.median(timed.encode_s),
        "decode_s": statistics.median(timed.decode_s),
        "repetitions": len(timed.encode_s),
    }
    return row | {"times": row["times"] | times}


def _row(item: Item, result: Any, limit_s: float) -> Row:
    if isinstance(result, dict):
        return result
    if result is None:
        return item.row(rows.LATE, reason=f"it took more than {limit_s:g} s")
    return item.row(rows.FAILED, reason=f"its process ended with code {result}")


def _samples(item: Item) -> int:
    bands, high, wide = item.facts["shape"]
    return int(bands * high * wide)


def _lowest_rate(items: Iterable[Item]) -> Goal | None:
    """The goal whose rows are shown: where codecs differ most to the eye."""
    rates = [item.goal for item in items if isinstance(item.goal, Rate)]
    return min(rates, key=lambda goal: goal.bpppc, default=None)


def _wanted(item: Item, wanted: Wanted, shown: Goal | None, folder: Path) -> Wanted:
    return replace(wanted, exhibits=str(folder / EXHIBITS) if item.goal == shown else None)


# --- processes ------------------------------------------------------------------------------------


@contextmanager
def _one_thread() -> Iterator[None]:
    """Processes begun inside hold their arithmetic libraries to one thread."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _context() -> Any:
    methods = multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if hasattr(context, "set_forkserver_preload"):
        context.set_forkserver_preload(["hypress.bench.preload"])
    return context


def _each(
    work: Callable[..., Any], jobs: Sequence[tuple[Any, tuple[Any, ...]]], workers: int, limit_s: float
) -> Iterator[tuple[Any, Any]]:
    """`(name, work(*arguments))` of each job, in a process of its own, as they end.

    In place of a result: None where it took longer than `limit_s`, the exit code where the process died.
    """
    context = _context()
    waiting = list(reversed(jobs))
    running: dict[Any, tuple[Any, Any, float]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                name, arguments = waiting.pop()
                receiver, sender = context.Pipe(duplex=False)
                process = context.Process(target=_send, args=(sender, work, arguments), daemon=True)
                process.start()
                sender.close()
                running[receiver] = (name, process, time.monotonic() + limit_s)
            soonest = min(deadline for *_, deadline in running.values())
            ready = wait(list(running), timeout=max(0.0, soonest - time.monotonic()))
            late = [r for r, (*_, deadline) in running.items() if r not in ready and deadline <= time.monotonic()]
            for receiver in [*ready, *late]:
                name, process, _ = running.pop(receiver)
                yield name, _receive(receiver, process, receiver in late)
    finally:
        for _, process, _ in running.values():
            _kill(process)


def _send(sender: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    if hasattr(os, "setsid"):
        os.setsid()  # so that a command that it runs ends with it
    sender.send(work(*arguments))


def _kill(process: Any) -> None:
    with contextlib.suppress(OSError, AttributeError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def _receive(receiver: Any, process: Any, late: bool) -> Any:
    try:
        if late:
            _kill(process)
            return None
        return receiver.recv()
    except EOFError:
        process.join()
        return process.exitcode
    finally:
        receiver.close()
        process.join()
