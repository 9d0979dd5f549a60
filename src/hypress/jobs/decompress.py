"""A store or codestream back to a scene in any format that is written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypress import scene as scenes
from hypress.codec import Codec
from hypress.files import open_scene
from hypress.goal import Psnr, Rate


@dataclass(frozen=True)
class Written:
    """What was written."""

    output: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return dict(vars(self)) | {"shape": list(self.shape)}


def decompress(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    bands: slice | Sequence[int] | None = None,
    rows: slice | None = None,
    columns: slice | None = None,
    goal: Rate | Psnr | None = None,
    codec: Codec | None = None,
    overwrite: bool = False,
) -> Written:
    """Write the scene in `source`, or part of it, in the format that `output` ends in.

    Indices count from 0, stops excluded. Only the tiles that the part touches are decoded. With a `goal`, no more of an
    embedded codestream is read than that needs; `codec` tells what the header of a standard's own stream leaves out.
    Raises as `open_scene` and `hypress.io.write_scene`.
    """
    from hypress.io import write_scene

    scene = open_scene(source, goal=goal, codec=codec)
    if not (bands is None and rows is None and columns is None):
        scene = scenes.crop(scene, bands=bands, rows=rows, columns=columns)
    write_scene(scene, output, overwrite=overwrite)
    return Written(os.fspath(output), scene.shape, scene.dtype.name, written_size(os.fspath(output)))


def written_size(path: str) -> int:
    """Bytes of a written scene: of an ENVI pair, both files."""
    stem, ending = os.path.splitext(path)
    pair = [path, stem + ".hdr", stem + ".img"] if ending in (".hdr", ".img", ".bsq", ".bil", ".bip") else [path]
    return sum(os.path.getsize(p) for p in dict.fromkeys(pair) if os.path.exists(p))
