"""Exporting: from a file of weights to a folder of graphs, which ONNX Runtime computes without torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hypress.errors import ConfigurationError, MissingExtraError


@dataclass(frozen=True)
class Exported:
    """What was written."""

    folder: str
    graphs: dict[str, int]
    """Bytes of each part's."""
    weights: str
    """The file to give as weights where the folder is."""
    digest: str
    """What a codestream knows the weights by."""
    int8: bool

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def export(
    weights: str,
    folder: str | os.PathLike[str],
    *,
    int8: bool = False,
    data: Sequence[str | os.PathLike[str]] = (),
    overwrite: bool = False,
) -> Exported:
    """Write the graphs of the weights of that name or path into `folder`.

    With `int8` convolutions compute in eight bits; what ranges they have is found on the scenes below `data`. Raises
    ConfigurationError, WeightsError, SceneError, InputNotFoundError, OutputExistsError, MissingExtraError.
    """
    try:
        from hypress.export.graphs import write_graphs
        from hypress.neural import pretrained
        from hypress.prune.quality import shown
        from hypress.train.scenes import read_folder
    except ImportError as error:
        raise MissingExtraError(f"exporting needs: pip install 'hypress[neural,edge]' ({error})") from error
    if int8 and not data:
        raise ConfigurationError("eight bits need scenes to find the ranges of activations on: give --data")
    found = pretrained.named(weights)
    scenes = None
    if int8:
        scenes = shown([scene for part in data for scene in read_folder(Path(part))], found.card.bands)
    written = write_graphs(found, Path(folder), scenes, overwrite=overwrite)
    return Exported(
        folder=str(folder),
        graphs={part: path.stat().st_size for part, path in written.items()},
        weights=str(Path(folder) / f"{found.name}{pretrained.ENDING}"),
        digest=found.digest.hex(),
        int8=int8,
    )
