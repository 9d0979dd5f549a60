"""SSCNet: a trained convolutional autoencoder whose channels are the bands, with latents that are really coded.

After R. La Grassa, C. Re, G. Cremonese and I. Gallo, "Hyperspectral data compression using fully convolutional
autoencoder" (Remote Sensing 14, 2022), for the bands of EnMAP as HySpecNet-11k has them. The layers are those of the
paper (`neural.nets.sscnet`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

from numpy.typing import NDArray

from hypress.codec import Spec
from hypress.codecs._autoencoding import Autoencoding
from hypress.errors import CodestreamError
from hypress.transforms.dropped import read_dropped, restored, without, write_dropped

ENMAP = 224
"""Bands of a whole EnMAP image."""
DROPPED = (*range(126, 141), *range(160, 167))
"""Those of water vapour, counted from 0: 127 to 141 and 161 to 167."""


@dataclasses.dataclass(frozen=True)
class SscNetCodec(Autoencoding):
    """A trained autoencoder of images of a fixed number of bands."""

    name: ClassVar[str] = "sscnet"
    needs: ClassVar[str | None] = "neural"
    bands: ClassVar[tuple[int, ...]] = (ENMAP - len(DROPPED), ENMAP)

    weights: str = "sscnet"
    """Name, path or address of the weights."""

    @classmethod
    def examples(cls) -> Iterable[Self]:
        """The default."""
        return [cls()]

    def encode(self, samples: NDArray[Any], spec: Spec) -> Mapping[str, bytes]:
        """The streams of an autoencoder; and "dropped", of an image with the bands that it does not know."""
        if len(samples) != ENMAP:
            return super().encode(samples, spec)
        kept = without(samples, DROPPED)
        streams = super().encode(kept, Spec(kept.shape, spec.dtype, spec.bits))
        return {**streams, "dropped": write_dropped(samples, DROPPED)}

    def decode(self, streams: Mapping[str, bytes], spec: Spec) -> NDArray[Any]:
        """Samples; bands that the network does not know come from those beside them."""
        if spec.shape[0] != ENMAP:
            return super().decode(streams, spec)
        if "dropped" not in streams:
            raise CodestreamError(f"sscnet needs the stream 'dropped' for {ENMAP} bands")
        bands = ENMAP - len(DROPPED)
        own = {key: value for key, value in streams.items() if key != "dropped"}
        kept = super().decode(own, Spec((bands, *spec.shape[1:]), spec.dtype, spec.bits))
        return restored(kept, DROPPED, read_dropped(streams["dropped"], len(DROPPED)))

    def _net(self, weights: Any) -> Any:
        from hypress.neural.tiles import Images

        return Images(weights)
