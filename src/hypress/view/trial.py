"""One compression in a process of its own, so that it can be cancelled at any moment and cannot take the page along.

python -m hypress.view.trial < job.json      prints a JSON object a line: steps, then a report or an error
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Mapping
from typing import Any

import hypress
from hypress import scene as scenes
from hypress.codec import make
from hypress.goal import goal_from_dict
from hypress.progress import Step


def run(job: Mapping[str, Any]) -> dict[str, Any]:
    """Compress as the job says: `path`, `variable`, `window` (or None), `codec` (or None), `goal`, `output`."""
    scene = hypress.open_scene(job["path"], variable=job["variable"])
    if job["window"] is not None:
        top, left, bottom, right = job["window"]
        scene = scenes.crop(scene, rows=slice(top, bottom), columns=slice(left, right))
    codec = None if job["codec"] is None else make(job["codec"])
    report = hypress.compress(scene, job["output"], codec, goal_from_dict(job["goal"]), overwrite=True)
    return report.to_dict()


def _say(told: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def _step(step: Step) -> None:
    _say(
        {
            "task": step.task,
            "done": step.done,
            "total": step.total,
            "seconds": round(step.seconds, 2),
            "note": step.note,
        }
    )


def _die_with_parent() -> None:
    """End when whoever started this is gone: its end of the pipe closes."""
    sys.stdin.buffer.read()
    os._exit(1)


def main() -> None:
    """Entry point."""
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_die_with_parent, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(5)  # the page answers first
    try:
        with hypress.listen(_step):
            _say({"report": run(job)})
    except hypress.HypressError as error:
        _say({"error": str(error)})
    except MemoryError:
        _say({"error": "there is not enough memory for this"})
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
