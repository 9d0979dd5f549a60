"""Many scenes in one go: one that fails does not stop the rest."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypress.codec import Codec
from hypress.errors import ConfigurationError, HypressError, InputNotFoundError
from hypress.files import BARE_ENDING
from hypress.goal import Goal
from hypress.jobs.compress import compress
from hypress.jobs.report import Report
from hypress.progress import Task
from hypress.store import DIRECTORY_ENDING, ZIP_ENDING, is_store

ENDINGS = (ZIP_ENDING, DIRECTORY_ENDING, BARE_ENDING)


@dataclass
class Summary:
    """What became of an archive."""

    reports: list[Report] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "scenes": [report.to_dict() for report in self.reports],
            "skipped": self.skipped,
            "failed": self.failed,
        }


def is_archive(inputs: Sequence[str]) -> bool:
    """Whether these inputs are many: several, a glob, or a folder that is no store."""
    first = inputs[0]
    return len(inputs) > 1 or _is_glob(first) or (os.path.isdir(first) and not is_store(first))


def compress_all(
    inputs: Iterable[str],
    folder: str | os.PathLike[str],
    codec: Codec | str | None = None,
    goal: Goal | None = None,
    *,
    ending: str = ZIP_ENDING,
    resume: bool = False,
    **options: Any,
) -> Summary:
    """Compress every scene of `inputs` (paths, globs, folders) into `folder`, each under its own name.

    A scene that fails is noted, with the reason, and the rest go on. With `resume`, those done before are skipped.
    `options` are those of `compress`. Raises InputNotFoundError where nothing is found, ConfigurationError where two
    inputs would have one name.
    """
    if ending not in ENDINGS:
        raise ConfigurationError(f"an archive's scenes end in one of {', '.join(ENDINGS)}, not {ending!r}")
    targets = _targets(scenes_in(inputs), Path(folder), ending)
    Path(folder).mkdir(parents=True, exist_ok=True)
    summary = Summary()
    task = Task("scenes", len(targets), "scenes")
    for target, path in targets.items():
        if resume and target.exists():
            summary.skipped.append(str(target))
        else:
            try:
                summary.reports.append(compress(path, target, codec, goal, resume=resume, **options))
            except (HypressError, OSError, MemoryError) as error:
                summary.failed[path] = str(error) or type(error).__name__
        task.advance(1, path)
    return summary


def scenes_in(inputs: Iterable[str]) -> list[str]:
    """The scene files that paths, globs and folders stand for. Raises InputNotFoundError."""
    from hypress.io import is_scene_file

    found: list[str] = []
    for item in inputs:
        if _is_glob(item) and not os.path.exists(item):
            matches = sorted(p for p in glob.glob(item, recursive=True) if is_store(p) or is_scene_file(p))
            if not matches:
                raise InputNotFoundError(f"nothing that could be a scene matches {item}")
            found += matches
        elif os.path.isdir(item) and not is_store(item):
            inside = sorted(str(p) for p in Path(item).iterdir() if is_store(p) or is_scene_file(str(p)))
            if not inside:
                raise InputNotFoundError(f"the folder {item} holds no scene")
            found += inside
        else:
            found.append(item)
    return list(dict.fromkeys(found))


def _targets(paths: Iterable[str], folder: Path, ending: str) -> dict[Path, str]:
    targets: dict[Path, str] = {}
    for path in paths:
        name = Path(path.rstrip("/")).name
        stem = next((name.removesuffix(e) for e in ENDINGS if name.endswith(e)), Path(name).stem)
        target = folder / (stem + ending)
        if target in targets:
            raise ConfigurationError(f"{targets[target]} and {path} would both become {target}: compress them apart")
        targets[target] = path
    return targets


def _is_glob(path: str) -> bool:
    return any(c in path for c in "*?[")
