"""Networks by torch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import msgspec
import torch

from hypress.errors import WeightsError
from hypress.neural import autoencoder, pretrained
from hypress.neural.nets.bandwise import Architecture, Bandwise
from hypress.neural.nets.cae1d import Cae1d
from hypress.neural.nets.cae3d import Cae3d
from hypress.neural.nets.hific import Hific
from hypress.neural.nets.hific_sizes import Architecture as HificArchitecture
from hypress.neural.nets.sscnet import SscNet
from hypress.neural.networks import HIFIC, Maps
from hypress.neural.pretrained import Weights

AUTOENCODERS: dict[str, Callable[..., Any]] = {"cae1d": Cae1d, "cae3d": Cae3d, "sscnet": SscNet}


class TorchNetwork:
    """See `networks.Network`."""

    def __init__(self, key: Hashable, parts: dict[str, Callable[[torch.Tensor], torch.Tensor]]) -> None:
        self._key, self.parts = key, parts

    @property
    def key(self) -> Hashable:
        """Of the weights."""
        return self._key

    def run(self, part: str, batch: Maps) -> Maps:
        """On one thread."""
        return autoencoder.apply(self.parts[part], batch)


def network(weights: Weights, number: int) -> TorchNetwork:
    """Raises WeightsError where the tensors are not those of the architecture on the card, or are not there."""
    weights = pretrained.whole(weights)
    key = ("torch", weights.digest, number)
    if weights.card.codec in AUTOENCODERS:
        net = autoencoder.network(weights, AUTOENCODERS[weights.card.codec])
        return TorchNetwork(key, {"analysis": net.encode, "synthesis": net.decode})
    if weights.card.codec in HIFIC:
        made = _hific(weights.path, weights.digest)
        return TorchNetwork(
            key, {"analysis": made.encoder, "synthesis": made.generator, "hyper_analysis": made.hyper_analysis}
        )
    net = _bandwise(weights.path, weights.digest, number)
    return TorchNetwork(
        key, {p: getattr(net, p) for p in ("analysis", "synthesis", "hyper_analysis") if hasattr(net, p)}
    )


@functools.lru_cache(maxsize=8)
def _bandwise(path: Path, digest: bytes, number: int) -> Bandwise:
    """The parts of one network that run in floating point."""
    weights = pretrained.read(path)
    try:
        fields = {k: v for k, v in weights.card.architecture.items() if k != "models"}
        net = Bandwise(msgspec.convert(fields, Architecture)).eval()
        for part in ("analysis", "synthesis", *(["hyper_analysis"] if net.sizes.hyper else [])):
            _load(getattr(net, part), f"{number}.{part}.", weights)
    except (KeyError, ValueError, RuntimeError, msgspec.ValidationError) as error:
        raise WeightsError(f"the weights {path} are not what their card says: {error}") from None
    return net


@functools.lru_cache(maxsize=4)
def _hific(path: Path, digest: bytes) -> Hific:
    """Likewise."""
    weights = pretrained.read(path)
    try:
        net = Hific(msgspec.convert(weights.card.architecture, HificArchitecture)).eval()
        for part in ("encoder", "generator", "hyper_analysis"):
            _load(getattr(net, part), f"{part}.", weights)
    except (KeyError, ValueError, RuntimeError, TypeError, msgspec.ValidationError) as error:
        raise WeightsError(f"the weights {path} are not what their card says: {error}") from None
    return net


def _load(layers: torch.nn.Module, prefix: str, weights: Weights) -> None:
    """Set layers to the tensors whose names begin so."""
    own = {k.removeprefix(prefix): v for k, v in weights.tensors.items() if k.startswith(prefix)}
    layers.load_state_dict({k: torch.from_numpy(v.astype("float32")) for k, v in own.items()})
