"""HiFiC at work: channels to latents, their probabilities in fixed point, and channels again.

What decides probabilities, `distribution`, is integer arithmetic on numbers that the file of weights holds as integers.
Encoder and generator are floating point, by the engine in use: what they make differs from machine to machine in the
last place, which changes what is written and by how much a decoded sample is off before rounding, never which integers
a decoder reads.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from hypress.entropy.gaussian import SCALES
from hypress.entropy.tables import TOTAL, Tables
from hypress.errors import WeightsError
from hypress.neural import fixedpoint, pretrained
from hypress.neural.bandwise.model import learned
from hypress.neural.engine import chosen, network
from hypress.neural.fixedpoint import ACTIVATION_BITS, Convolution, Integers
from hypress.neural.nets.hific_sizes import STRIDE, Architecture
from hypress.neural.nets.sizes import FIRST_INDEX
from hypress.neural.networks import Network
from hypress.neural.pretrained import Weights

UNIT = 1 << ACTIVATION_BITS
"""Means are integers in units of 1/256."""
FLOATING = ("encoder", "generator", "hyper_analysis")
GAINS = ("gains", "inverse_gains")
SYNTHESES = ("mean_synthesis", "scale_synthesis")
UPS = (2, 2, 1)
"""By what the layers of a synthesis enlarge."""
HYPER_STRIDE = 4
"""Latents along a side of what a vector of the hyperprior stands for."""

Maps = NDArray[np.float32]


class HificModel:
    """The network of a file of weights."""

    stride = STRIDE

    def __init__(self, weights: Weights) -> None:
        """Raises WeightsError where the tensors are not those of the architecture on the card."""
        found = weights.tensors
        try:
            self.sizes = msgspec.convert(weights.card.architecture, Architecture)
            self.fixed_mean, self.fixed_scale = (_stored(found, part) for part in SYNTHESES)
            self.prior = _prior(found, self.sizes.hyper)
            shape = self.sizes.latents, len(self.sizes.targets)
            self._gains, self._inverse_gains = (found[k].reshape(shape) for k in GAINS)
        except (KeyError, ValueError, TypeError, msgspec.ValidationError) as error:
            raise WeightsError(f"the weights {weights.path} are not what their card says: {error}") from None
        self.net: Network = network(weights)

    # --- floating point -----------------------------------------------------------------------------

    def encoder(self, channels: Maps) -> Maps:
        """Latents before gains `(latent, y / 16, x / 16)` of channels `(channel, y, x)`; sides are made to fit."""
        around = [(0, 0), *((0, -n % STRIDE) for n in channels.shape[1:])]
        return self.net.run("analysis", np.pad(channels, around, mode="edge")[None])[0]

    def generator(self, latents: Maps) -> Maps:
        """Channels of latents that were divided by their gains."""
        return self.net.run("synthesis", latents[None])[0]

    def hyper_analysis(self, latents: Maps) -> Integers:
        """ẑ of latents with gains."""
        return np.rint(self.net.run("hyper_analysis", latents[None])[0]).astype(np.int64)

    def gains(self, place: float, *, inverse: bool = False) -> Maps:
        """Of each latent, `(latent, 1, 1)`, at a place among the target rates."""
        knots = self._inverse_gains if inverse else self._gains
        powers = [np.interp(place, np.arange(knots.shape[1]), row) for row in knots]
        return np.exp2(np.array(powers, np.float32))[:, None, None]

    # --- fixed point --------------------------------------------------------------------------------

    def distribution(self, z: Integers, size: tuple[int, int]) -> tuple[Integers, Integers]:
        """Means in units, and scale indices, of the latents of so many rows and columns, from ẑ `(hyper, y, x)`."""
        limit = fixedpoint.LARGEST // UNIT
        units = np.clip(z, -limit, limit) * UNIT
        parts = (self.fixed_mean, self.fixed_scale)
        mean, index = (fixedpoint.apply(part, units)[:, : size[0], : size[1]] for part in parts)
        return mean, np.clip((index + UNIT // 2 >> ACTIVATION_BITS) + FIRST_INDEX, 0, SCALES - 1)


def model(weights: Weights) -> HificModel:
    """The network of a file of weights, ready to be used. Raises WeightsError."""
    return _model(weights.path, weights.digest, chosen())


@functools.lru_cache(maxsize=4)
def _model(path: Path, digest: bytes, engine: Hashable) -> HificModel:
    return HificModel(pretrained.read(path))


def tensors_of(net: Any) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """What a file of weights holds of a trained network, and its architecture for the card."""
    state = {k: v.detach().cpu().float().numpy() for k, v in net.state_dict().items()}
    kept = {k: v.astype(np.float16) for k, v in state.items() if k.startswith(FLOATING)}
    kept |= {k: state[k] for k in GAINS}
    for part in SYNTHESES:
        for place, up in enumerate(UPS):
            weights, biases = (state[f"{part}.{2 * place}.{key}"] for key in ("weight", "bias"))
            if up > 1:  # a transposed convolution is a convolution of what was spread, turned around
                weights = weights.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
            layer = fixedpoint.convolution(weights, biases)
            kept[f"integer.{part}.{place}.weights"] = _narrow(layer.weights)
            kept[f"integer.{part}.{place}.biases"] = _narrow(layer.biases)
    tables = learned(net.hyper_prior)
    for key in ("cumulative", "start", "first"):
        kept[f"integer.prior.{key}"] = _narrow(getattr(tables, key))
    architecture = {key: value for key, value in asdict(net.sizes).items() if value is not None}
    return kept, architecture | {"targets": list(net.sizes.targets)}


def _narrow(values: Integers) -> NDArray[Any]:
    """As integers of the least width."""
    least = np.int16 if int(np.abs(values).max(initial=0)) < 1 << 15 else np.int32
    return values.astype(least)


def _stored(found: Mapping[str, NDArray[Any]], part: str) -> list[Convolution]:
    layers = []
    for place, up in enumerate(UPS):
        weights, biases = (found[f"integer.{part}.{place}.{key}"].astype(np.int64) for key in ("weights", "biases"))
        layers.append(Convolution(weights, biases, up, rectified=place < len(UPS) - 1))
    return layers


def _prior(found: Mapping[str, NDArray[Any]], hyper: int) -> Tables:
    tables = Tables(*(found[f"integer.prior.{key}"].astype(np.int64) for key in ("cumulative", "start", "first")))
    tables.check()
    if len(tables.first) != hyper or int(tables.cumulative.max()) != TOTAL:
        raise ValueError(f"{len(tables.first)} tables for {hyper} channels")
    return tables
