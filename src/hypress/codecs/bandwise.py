"""Band by band through a small trained hyperprior network, one for each interval of correlated bands.

After S. Mijares i Verdú, J. Bartrina-Rapesta, M. Hernández-Cabronero, V. Laparra, J. Ballé and J. Serra-Sagristà,
"Hyperspectral remote sensing data compression with neural networks" (DCC 2022). The network is in
`neural.nets.bandwise`; the probabilities of a band's latents also know those of the two bands that are most like it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta
from numpy.typing import NDArray

from hypress.codec import Codec, Knob, Spec
from hypress.errors import CodestreamError

STREAMS = {"weights", "bands", "hyper", "latents"}


@dataclasses.dataclass(frozen=True)
class Bandwise(Codec):
    """A trained hyperprior network, one band at a time."""

    name: ClassVar[str] = "bandwise"
    knob: ClassVar[Knob | None] = Knob("steps_per_dn", 2.0**-16, 2.0**4)
    needs: ClassVar[str | None] = "neural"

    steps_per_dn: Annotated[float, Meta(gt=0, le=1024)] = 1 / 32
    """Quantiser steps in one unit of a sample: the inverse of the step, alike in all bands."""
    weights: str = "bandwise"
    """Name, path or address of the weights."""
    intervals: Literal["found", "one", "aviris"] = "found"
    """Which bands share a network: found in the scene's correlations, all, or the five published for AVIRIS."""

    @classmethod
    def examples(cls) -> Iterable[Codec]:
        """A coarse and a fine step."""
        return [cls(), cls(steps_per_dn=0.5, intervals="one")]

    def encode(self, samples: NDArray[Any], spec: Spec) -> Mapping[str, bytes]:
        """The streams "weights", "bands", "hyper" and "latents"."""
        coding = _coding("encode")
        from hypress.neural import pretrained

        found = pretrained.find(self.weights, self.name)
        return dict(coding.encode(samples, found, self.steps_per_dn, self.intervals))

    def decode(self, streams: Mapping[str, bytes], spec: Spec) -> NDArray[Any]:
        """Samples. Raises WeightsError where the weights that coded them are not there."""
        if set(streams) != STREAMS:
            raise CodestreamError(f"bandwise needs the streams {sorted(STREAMS)}, not {sorted(streams)}")
        decoded: NDArray[Any] = _coding("decode").decode(streams, spec, self.weights)
        return decoded


def _coding(what: str) -> Any:
    from hypress.neural import engine
    from hypress.neural.bandwise import coding

    engine.chosen(f"to {what}, codec bandwise")
    return coding
