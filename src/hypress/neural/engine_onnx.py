"""Networks by ONNX Runtime: graphs that `hypress export` wrote, beside their weights or where weights are kept.

A graph is NAME.PART.onnx; it says which weights it is of, by their hash, and is not taken for others.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from hypress.errors import WeightsError
from hypress.neural import pretrained
from hypress.neural.networks import Maps
from hypress.neural.pretrained import Weights

OF = "hypress"
"""The key of a graph's metadata under which stands the hash of its weights."""


class OnnxNetwork:
    """See `networks.Network`."""

    def __init__(self, weights: Weights, number: int) -> None:
        self._weights, self._number = weights, number
        graph_of(weights, "analysis", number)

    @property
    def key(self) -> Hashable:
        """Of the graphs as they are now: others may have been exported to their place."""
        path = graph_of(self._weights, "analysis", self._number)
        return "onnx", self._weights.digest, self._number, str(path), path.stat().st_mtime_ns

    def run(self, part: str, batch: Maps) -> Maps:
        """On one thread."""
        path = graph_of(self._weights, part, self._number)
        session = _session(path, path.stat().st_mtime_ns)
        (found,) = session.run(None, {session.get_inputs()[0].name: np.ascontiguousarray(batch, np.float32)})
        return np.asarray(found, np.float32)


def network(weights: Weights, number: int) -> OnnxNetwork:
    """Raises WeightsError where there are no graphs of these weights."""
    return OnnxNetwork(weights, number)


def graph_name(name: str, part: str, number: int = 0) -> str:
    """The file of a graph: of weights of that name, and one of several networks."""
    return f"{name}.{part}{f'-{number}' if number else ''}.onnx"


def graph_of(weights: Weights, part: str, number: int) -> Path:
    """Where the graph of a part lies. Raises WeightsError."""
    for path in _places(weights, part, number):
        if path.is_file() and _digest_of(path, path.stat().st_mtime_ns) == weights.digest.hex():
            return path
    raise WeightsError(
        f"engine onnx needs the graphs of the weights {weights.name!r} ({weights.digest.hex()}), and there is no "
        f"{part} of them beside {weights.path} or in {pretrained.cache_folder()}: write them with "
        f"`hypress export {weights.name} --onnx DIR`"
    )


def _places(weights: Weights, part: str, number: int) -> Iterator[Path]:
    for folder in (weights.path.parent, pretrained.cache_folder()):
        yield folder / graph_name(weights.name, part, number)


def _digest_of(path: Path, stamp: int) -> str:
    return str(_session(path, stamp).get_modelmeta().custom_metadata_map.get(OF, ""))


@functools.lru_cache(maxsize=16)
def _session(path: Path, stamp: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own errors have no root but this
        raise WeightsError(f"the graph {path} cannot be run: {error}") from None
