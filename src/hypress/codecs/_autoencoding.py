"""What the codecs of published autoencoders share: a step for the latents, and weights."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Self

from msgspec import Meta
from numpy.typing import NDArray

from hypress.codec import Codec, Knob, Spec


@dataclasses.dataclass(frozen=True)
class Autoencoding(Codec):
    """A trained autoencoder whose latents are rounded and coded."""

    knob: ClassVar[Knob | None] = Knob("steps_per_unit", 2.0**-4, 2.0**16)
    needs: ClassVar[str | None] = "neural"

    steps_per_unit: Annotated[float, Meta(gt=0, le=1 << 20)] = 64.0
    """Quantiser steps in a unit of the latents."""
    weights: str = ""
    """Name, path or address of the weights."""

    @classmethod
    def examples(cls) -> Iterable[Self]:
        """The default, and a coarse step."""
        return [cls(), cls(steps_per_unit=4.0)]

    def encode(self, samples: NDArray[Any], spec: Spec) -> Mapping[str, bytes]:
        """The streams "weights", "range", "maps" and "latents"."""
        bridge = self._bridge("encode")
        from hypress.neural.pretrained import find

        weights = find(self.weights, self.name)
        return dict(bridge.encode(samples, self._net(weights), weights, self.steps_per_unit))

    def decode(self, streams: Mapping[str, bytes], spec: Spec) -> NDArray[Any]:
        """Samples. Raises WeightsError where the weights that coded them are not there."""
        bridge = self._bridge("decode")
        net = self._net(bridge.weights_of(streams, self.weights, self.name))
        decoded: NDArray[Any] = bridge.decode(streams, net, spec)
        return decoded

    @abstractmethod
    def _net(self, weights: Any) -> Any:
        """The `neural.autoencoder.Autoencoder` with these weights."""

    def _bridge(self, what: str) -> Any:
        from hypress.neural import autoencoder, engine

        engine.chosen(f"to {what}, codec {self.name}")
        return autoencoder
