"""A scene as a neural network: a SIREN from coordinates to spectra, as published or upon coded feature grids.

After S. Rezasoltani and F. Z. Qureshi, "Hyperspectral image compression using implicit neural representations" (CRV
2023) and "Hyperspectral image compression using sampling and implicit neural representations" (IEEE TGRS, 2024). With
`features=False` it is their codec; by default the network is told more than its place, see `neural.siren.on_grids`.
With `base="siren"` it is their meta-learned form of 2025, see `neural.siren.meta`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta
from numpy.typing import NDArray

from hypress.codec import Codec, Knob, Spec
from hypress.errors import CodestreamError, ConfigurationError, MissingExtraError
from hypress.neural.fitting import Effort
from hypress.neural.siren import meta, on_grids, on_grids_fit, published

STEPS, PUBLISHED_STEPS, BASE_STEPS = 800, 15000, 100
RATE, PUBLISHED_RATE, BASE_RATE = 5e-3, 2e-4, 0.1
"""Learning rates."""


@dataclasses.dataclass(frozen=True)
class SirenCodec(Codec):
    """A sine network fitted to the scene."""

    name: ClassVar[str] = "siren"
    knob: ClassVar[Knob | None] = Knob("rate_bpppc", 0.001, 16.0)
    needs: ClassVar[str | None] = "neural"

    rate_bpppc: Annotated[float, Meta(gt=0, le=32)] = 0.1
    """Bits of all streams per sample, at most."""
    features: bool = True
    """Whether the network stands on feature grids; False: it sees coordinates alone, as published. Not with a base."""
    base: str = ""
    """Name, path or address of weights that were learnt over many scenes; a scene is how it moves them. None: none."""
    layers: Annotated[int, Meta(ge=0, le=64)] | None = None
    """Sine layers; None: one upon features, else the best within the budget."""
    width: Annotated[int, Meta(ge=1, le=4096)] | None = None
    """Of each layer; None: what the budget allows."""
    weight_bits: Literal[8, 16, 32] = 32
    """Of a stored weight, without features, or of a number that moves a base; upon features they are entropy coded."""
    sampling: Annotated[float, Meta(gt=0, le=1)] = 1.0
    """Share of the pixels that a step sees, of each tile of 9 × 9."""
    learning_rate: Annotated[float, Meta(gt=0, le=1000)] | None = None
    """Of Adam; None: 0.005 upon features, falling, 0.1 upon a base, else 0.0002."""
    steps: Annotated[int, Meta(ge=0, le=10_000_000)] | None = None
    """Of the fit, the search included; None: 800 upon features, 100 upon a base, else 15000."""
    seconds: Annotated[float, Meta(gt=0)] = 100.0
    """When a fit ends at the latest."""
    seed: Annotated[int, Meta(ge=0, le=2**32)] = 0
    """Of the weights at the start and of sampling."""

    @classmethod
    def examples(cls) -> Iterable[Codec]:
        """Upon features; as published, with and without search and sampling; and upon a base."""
        return [
            cls(rate_bpppc=0.4, steps=8, seconds=1e6),
            cls(features=False, layers=2, width=6, weight_bits=16, steps=4, seconds=1e6),
            cls(features=False, weight_bits=8, sampling=0.2, steps=6, seconds=1e6, rate_bpppc=2.0),
            cls(base="siren", weight_bits=16, steps=2, seconds=1e6),
        ]

    def encode(self, samples: NDArray[Any], spec: Spec) -> Mapping[str, bytes]:
        """The stream "network", and upon features also "basis" and "grids"; upon a base "weights" and "modulation"."""
        effort = self._effort()
        try:
            if self.base:
                from hypress.neural.siren import meta_fit

                self._refuse_sizes()
                return meta_fit.encode(samples, self.base, self.weight_bits, effort)
            if self.features:
                return on_grids_fit.encode(samples, self.rate_bpppc, self.layers, self.width, effort)
            budget = int(self.rate_bpppc * samples.size / 8)
            tried = published.candidates(len(samples), self.weight_bits, budget, self.layers, self.width)
            return published.encode(samples, tried, self.weight_bits, effort)
        except ImportError as error:
            raise MissingExtraError(f"to encode, codec siren needs: pip install 'hypress[neural]' ({error})") from error

    def decode(self, streams: Mapping[str, bytes], spec: Spec) -> NDArray[Any]:
        """The network at every pixel; without torch. Raises WeightsError where its base is not there."""
        names = {"weights", "modulation"} if self.base else {"network"}
        names |= {"basis", "grids"} if self.features and not self.base else set()
        if set(streams) != names:
            raise CodestreamError(f"siren needs the streams {sorted(names)}, not {sorted(streams)}")
        if self.base:
            try:
                return meta.decode(streams, self.base, spec)
            except ImportError as error:  # of what reads weights; the other forms need nothing
                raise MissingExtraError("to decode, siren upon a base needs: pip install 'hypress[neural]'") from error
        return (on_grids if self.features else published).decode(streams, spec)

    def _effort(self) -> Effort:
        steps, learning_rate = (STEPS, RATE) if self.features else (PUBLISHED_STEPS, PUBLISHED_RATE)
        if self.base:
            steps, learning_rate = BASE_STEPS, BASE_RATE
        return Effort(
            steps if self.steps is None else self.steps,
            self.seconds,
            learning_rate if self.learning_rate is None else self.learning_rate,
            self.sampling,
            self.seed,
        )

    def _refuse_sizes(self) -> None:
        if self.layers is not None or self.width is not None:
            raise ConfigurationError(
                f"siren: the base {self.base!r} has layers and a width of its own: leave those out, or the base"
            )
