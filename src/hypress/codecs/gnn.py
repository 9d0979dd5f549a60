"""A scene as a generative neural network: a small cube, convolutions that double it, and the weights are the file.

After C. Deng, Y. Cen and L. Zhang, "Learning-based hyperspectral imagery compression through generative neural
networks" (Remote Sensing 12, 3657, 2020). With `published=True` the network is theirs, from a latent code through a
fully connected layer; by default that layer is folded into the cube that it yields, and the fit begins at principal
axes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar

from msgspec import Meta
from numpy.typing import NDArray

from hypress.codec import Codec, Knob, Spec
from hypress.errors import CodestreamError, MissingExtraError
from hypress.neural.gnn import coding, key

RATE, PUBLISHED_RATE = 5e-3, 5e-4
"""Learning rates."""


@dataclasses.dataclass(frozen=True)
class GnnCodec(Codec):
    """A generative network fitted to the scene."""

    name: ClassVar[str] = "gnn"
    knob: ClassVar[Knob | None] = Knob("rate_bpppc", 0.001, 16.0)
    needs: ClassVar[str | None] = "neural"

    rate_bpppc: Annotated[float, Meta(gt=0, le=32)] = 0.1
    """Bits of all streams per sample, at most."""
    blocks: Annotated[int, Meta(ge=0, le=7)] | None = None
    """Convolutions that are followed by a doubling; None: what suits scene and rate."""
    channels: Annotated[int, Meta(ge=1, le=256)] | None = None
    """Of each convolution; None: what the budget allows, up to 64."""
    power: Annotated[float, Meta(ge=1, le=4)] = 1.5
    """p of the loss, mean |error|^p."""
    pruned: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    """Share of the first layer's neurons that is removed."""
    published: bool = False
    """Whether the first layer is stored whole, and everything begins at random, as in the paper."""
    keyed: bool = False
    """Whether decoding takes the secret in use when encoding; see `hypress.secret`."""
    learning_rate: Annotated[float, Meta(gt=0, le=1)] | None = None
    """Of Adam; None: 0.005, falling; as published 0.0005."""
    steps: Annotated[int, Meta(ge=0, le=10_000_000)] = 2000
    """Of the fit."""
    seconds: Annotated[float, Meta(gt=0)] = 300.0
    """When a fit ends at the latest."""
    seed: Annotated[int, Meta(ge=0, le=2**32)] = 0
    """Of the weights at the start."""

    @classmethod
    def examples(cls) -> Iterable[Codec]:
        """As it is by default, and as published and pruned."""
        return [
            cls(rate_bpppc=0.5, channels=4, steps=2, seconds=1e6),
            cls(rate_bpppc=4.0, channels=3, steps=2, seconds=1e6, published=True, pruned=0.5, power=2.0),
        ]

    def encode(self, samples: NDArray[Any], spec: Spec) -> Mapping[str, bytes]:
        """The streams "network" and "first", and "key" if keyed."""
        try:
            from hypress.neural.gnn import encode, fit
        except ImportError as error:
            raise MissingExtraError(f"to encode, codec gnn needs: pip install 'hypress[neural]' ({error})") from error
        speed = PUBLISHED_RATE if self.published else RATE
        settings = fit.Settings(
            steps=self.steps,
            seconds=self.seconds,
            learning_rate=speed if self.learning_rate is None else self.learning_rate,
            power=self.power,
            pruned=self.pruned,
            published=self.published,
            seed=self.seed,
        )
        return encode.encode(
            samples, self.rate_bpppc, settings, blocks=self.blocks, channels=self.channels, keyed=self.keyed
        )

    def decode(self, streams: Mapping[str, bytes], spec: Spec) -> NDArray[Any]:
        """What the network generates; without torch. Raises SecretError where the secret is not the right one."""
        names = {"network", "first"} | ({"key"} if self.keyed else set())
        if set(streams) != names:
            raise CodestreamError(f"gnn needs the streams {sorted(names)}, not {sorted(streams)}")
        plan, low, high, layers = coding.read_network(streams["network"], spec)
        seed = key.unlock(streams["key"]) if self.keyed else None
        shape = plan.cube(spec.shape)
        if self.published:
            cube = coding.read_first(streams["first"], shape, key.latent(seed or key.PUBLIC))
        else:
            bound = None if seed is None else key.bound(seed, streams["network"])
            cube = coding.read_cube(streams["first"], shape, bound)
        return coding.samples_of(plan, layers, cube, low, high, spec)
