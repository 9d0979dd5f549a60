"""Rows on disk: JSON Lines, one measured cell of the matrix each, appended whole; the last of a key is valid."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hypress.errors import InputNotFoundError, ReadError

Row = dict[str, Any]

MEASURED, REFUSED, MISSING, FAILED, LATE = "measured", "refused", "not installed", "failed", "too slow"
"""What a row's `status` may be. All but the first have a `reason`."""


def key_of(about: Mapping[str, Any]) -> str:
    """A name for what would be measured: contender and configuration, version, scene, goal."""
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:20]


def plain(value: Any) -> Any:
    """JSON values: infinities and NaN, which JSON lacks, become None; numpy's numbers become Python's."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if hasattr(value, "item") and not isinstance(value, str | bytes):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def append(path: Path, row: Row) -> None:
    """Add one row: a whole line in one write, so that a run that is killed leaves at most one torn line."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(plain(row), allow_nan=False, ensure_ascii=False) + "\n")


def mend(path: Path) -> None:
    """Cut off a torn last line, so that what is appended starts a line."""
    if path.exists():
        data = path.read_bytes()
        if data and not data.endswith(b"\n"):
            path.write_bytes(data[: data.rfind(b"\n") + 1])


def read(path: Path) -> dict[str, Row]:
    """Rows by key. A torn last line, as of a killed run, is passed over. Raises InputNotFoundError, ReadError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise InputNotFoundError(f"{path} does not exist: hypress bench writes it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ReadError(f"{path} cannot be read: {error}") from error
    rows: dict[str, Row] = {}
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            rows[row["key"]] = row
        except (ValueError, KeyError, TypeError):
            if number < len(lines):
                raise ReadError(f"{path}, line {number}: this is no row of a benchmark") from None
    return rows


def measured(rows: Iterable[Row]) -> list[Row]:
    """Those with figures."""
    return [row for row in rows if row["status"] == MEASURED]
