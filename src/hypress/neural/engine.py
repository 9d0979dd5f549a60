"""Who computes the networks: torch, or ONNX Runtime with graphs that `hypress export` wrote.

    with engine.use("onnx"):
        hypress.compress("scene.hdr", "scene.zarr.zip", codec="sscnet")

Files do not say which it was: what a decoder reads are integers that hang on no network in floating point, so either
engine reads what the other wrote. Where nobody chooses, it is torch if it is installed, else ONNX Runtime. The choice
reaches the threads of this process, see `ambient`; it is not sent to a cluster, whose workers take what they have.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from typing import Any

from hypress.ambient import Ambient
from hypress.errors import ConfigurationError, MissingExtraError
from hypress.neural.networks import Network
from hypress.neural.pretrained import Weights

ENGINES = {"torch": ("torch", "neural"), "onnx": ("onnxruntime", "edge")}
"""The package that an engine needs, and the extra that brings it."""

_chosen: Ambient[str] = Ambient("hypress_engine")


@contextlib.contextmanager
def use(name: str) -> Iterator[None]:
    """Compute with this engine inside the block. Raises ConfigurationError, MissingExtraError."""
    if name not in ENGINES:
        raise ConfigurationError(f"there is no engine {name!r}; there are: {', '.join(ENGINES)}")
    package, extra = ENGINES[name]
    if not _installed(package):
        raise MissingExtraError(f"engine {name} needs: pip install 'hypress[{extra}]'")
    with _chosen.use(name):
        yield


def chosen(who: str = "this") -> str:
    """The engine in use. Raises MissingExtraError, naming `who` needs one, where none is installed."""
    name = _chosen.get()
    if name is None:
        name = next((n for n, (package, _) in ENGINES.items() if _installed(package)), None)
    if name is None or not _installed("safetensors"):
        raise MissingExtraError(
            f"{who} needs: pip install 'hypress[neural]', or 'hypress[edge]' to run what `hypress export` wrote"
        )
    return name


def network(weights: Weights, number: int = 0) -> Network:
    """The network of a file of weights, by the engine in use; `number`, where the file holds several.

    Raises WeightsError, MissingExtraError.
    """
    engine: Any
    if chosen(f"the weights {weights.name}") == "torch":
        from hypress.neural import engine_torch as engine
    else:
        from hypress.neural import engine_onnx as engine
    found: Network = engine.network(weights, number)
    return found


def _installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False
