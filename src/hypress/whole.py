"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write a local file under a temporary name, then rename it. Raises OSError; then nothing is left."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.writing")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
