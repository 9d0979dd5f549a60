"""What the three forms of HiFiC share: a target rate, and weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Self

from msgspec import Meta
from numpy.typing import NDArray

from hypress.codec import Codec, Knob, Spec


@dataclasses.dataclass(frozen=True)
class Generative(Codec):
    """A trained encoder and generator with a hyperprior."""

    knob: ClassVar[Knob | None] = Knob("bits_per_pixel", 0.2, 1.0)
    needs: ClassVar[str | None] = "neural"

    bits_per_pixel: Annotated[float, Meta(gt=0, le=64)] = 1.0
    """The target rate of the latents, of all bands together; cut to those that the weights were trained for."""
    weights: str = ""
    """Name, path or address of the weights."""

    @classmethod
    def examples(cls) -> Iterable[Self]:
        """The largest rate."""
        return [cls()]

    def encode(self, samples: NDArray[Any], spec: Spec) -> Mapping[str, bytes]:
        """The streams "weights", "bands" and "latents"."""
        coding = self._coding("encode")
        from hypress.neural.pretrained import find

        return dict(coding.encode(samples, find(self.weights, self.name), self.bits_per_pixel))

    def decode(self, streams: Mapping[str, bytes], spec: Spec) -> NDArray[Any]:
        """Samples. Raises WeightsError where the weights that coded them are not there."""
        decoded: NDArray[Any] = self._coding("decode").decode(streams, spec, self.weights, self.name)
        return decoded

    def _coding(self, what: str) -> Any:
        from hypress.neural import engine
        from hypress.neural.hific import coding

        engine.chosen(f"to {what}, codec {self.name}")
        return coding
