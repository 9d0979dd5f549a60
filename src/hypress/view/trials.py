"""The compress panel's work: compressions queued, run one at a time, watched, cancelled, kept until the page ends."""

from __future__ import annotations

import contextlib
import json
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypress.goal import Goal, goal_to_dict

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"


@dataclass
class Trial:
    """One compression of a layer, or of a window of it."""

    id: int
    path: str
    variable: str | None
    name: str
    """Of the scene that is compressed."""
    codec: str | None
    goal: Goal
    window: tuple[int, int, int, int] | None
    """Top, left, bottom, right in the scene's own rows and columns, stops excluded."""
    output: Path
    origin: tuple[int, int] = (0, 0)
    """First row and column of the result in the page's frame."""
    state: str = WAITING
    step: dict[str, Any] = field(default_factory=dict)
    report: dict[str, Any] | None = None
    message: str | None = None
    layer: int | None = None
    """The layer that shows the result."""

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "id": self.id,
            "name": self.name,
            "codec": self.codec,
            "goal": str(self.goal),
            "window": self.window,
            "state": self.state,
            "step": self.step,
            "report": None if self.report is None else self.report | {"output": self.output.name},
            "message": self.message,
            "layer": self.layer,
            "command": self.command(),
        }

    def command(self) -> str:
        """What makes the same file outside of the page."""
        target = self.output.name
        if self.window is None:
            codec = [] if self.codec is None else ["--codec", self.codec]
            variable = [] if self.variable is None else ["--variable", self.variable]
            return shlex.join(["hypress", "compress", self.path, target, *codec, *variable, *_options(self.goal)])
        top, left, bottom, right = self.window
        variable_text = "" if self.variable is None else f", variable={self.variable!r}"
        code = (
            f"import hypress; from hypress.scene import crop; scene = hypress.open_scene({self.path!r}{variable_text});"
            f" hypress.compress(crop(scene, rows=slice({top}, {bottom}), columns=slice({left}, {right})), {target!r},"
            f" {self.codec!r}, hypress.{self.goal!r})"
        )
        return shlex.join(["python", "-c", code])


_FLAGS = {
    "max_error": ("--max-error", "dn"),
    "relative_error": ("--relative-error", "percent"),
    "psnr": ("--psnr", "db"),
    "rate": ("--rate", "bpppc"),
    "sam": ("--sam", "deg"),
}


def _options(goal: Goal) -> list[str]:
    told = goal_to_dict(goal)
    if told["goal"] == "lossless":
        return ["--lossless"]
    flag, field_name = _FLAGS[told["goal"]]
    peak = ["--peak", f"{told['peak']:g}"] if told.get("peak") else []
    return [flag, f"{told[field_name]:g}", *peak]


class Trials:
    """All trials of a session. `finished` is called with each that is done, before it is told so."""

    def __init__(self, folder: Path, finished: Callable[[Trial], None]) -> None:
        self._folder = folder
        self._finished = finished
        self._all: dict[int, Trial] = {}
        self._changed = threading.Condition()
        self._process: subprocess.Popen[str] | None = None
        self._closed = False
        threading.Thread(target=self._serve, name="hypress-trials", daemon=True).start()

    def start(self, path: str, name: str, codec: str | None, goal: Goal, **options: Any) -> Trial:
        """Queue a compression."""
        with self._changed:
            number = len(self._all) + 1
            stem = name.partition(".")[0] or "scene"
            output = self._folder / str(number) / f"{stem}-{codec or 'default'}-{number}.zarr.zip"
            output.parent.mkdir(parents=True)
            trial = Trial(number, path, options.pop("variable", None), name, codec, goal, output=output, **options)
            self._all[number] = trial
            self._changed.notify_all()
            return trial

    def all(self) -> list[Trial]:
        """In the order in which they were asked for."""
        with self._changed:
            return list(self._all.values())

    def find(self, number: int) -> Trial | None:
        """One trial, or None."""
        with self._changed:
            return self._all.get(number)

    def cancel(self, trial: Trial) -> None:
        """Stop a trial that waits or runs; nothing of it is left. One that is over stays as it is."""
        with self._changed:
            if trial.state == RUNNING and self._process is not None:
                trial.state = CANCELLED
                self._process.kill()
            elif trial.state == WAITING:
                trial.state = CANCELLED
            self._changed.notify_all()

    def close(self) -> None:
        """Stop what runs and remove what was made."""
        with self._changed:
            self._closed = True
            if self._process is not None:
                self._process.kill()
            self._changed.notify_all()
        shutil.rmtree(self._folder, ignore_errors=True)

    # --- the one thread that runs them -----------------------------------------------------------

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or any(t.state == WAITING for t in self._all.values()))
                if self._closed:
                    return
                trial = next(t for t in self._all.values() if t.state == WAITING)
                trial.state = RUNNING
                try:
                    self._process = process = subprocess.Popen(
                        [sys.executable, "-m", "hypress.view.trial"],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL,
                        text=True,
                    )
                except OSError as error:
                    trial.state, trial.message = FAILED, f"no process could be started: {error.strerror or error}"
                    continue
            self._watch(trial, process)

    def _watch(self, trial: Trial, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        job = {
            "path": trial.path,
            "variable": trial.variable,
            "window": trial.window,
            "codec": trial.codec,
            "goal": goal_to_dict(trial.goal),
            "output": str(trial.output),
        }
        report = error = None
        with contextlib.suppress(OSError):
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()  # and left open: its end tells the child that we are gone
        for line in process.stdout:
            with contextlib.suppress(json.JSONDecodeError):
                told = json.loads(line)
                report, error = told.get("report", report), told.get("error", error)
                if "task" in told:
                    trial.step = told
        code = process.wait()
        with contextlib.suppress(OSError):
            process.stdin.close()
        process.stdout.close()
        if report is not None:
            trial.report = report
            try:
                self._finished(trial)
            except Exception as problem:
                error, report = f"the result cannot be shown: {problem}", None
        with self._changed:
            self._process = None
            if trial.state == RUNNING:
                trial.state = DONE if report is not None else FAILED
                trial.message = error if report is not None or error else f"it ended without a result (code {code})"
            self._changed.notify_all()
        if trial.state != DONE:
            shutil.rmtree(trial.output.parent, ignore_errors=True)
