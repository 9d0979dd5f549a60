"""The band-by-band network at work: bands to latents, their probabilities in fixed point, and bands again.

What decides probabilities, `features` and `distribution`, is integer arithmetic on numbers that the file of weights
holds as integers. Analysis and synthesis are floating point, by the engine in use: what they make differs from machine
to machine in the last place, which changes what an encoder writes and by how much a decoded sample is off before
rounding, never which integers a decoder reads.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from hypress.entropy.gaussian import SCALES
from hypress.entropy.tables import TOTAL, Tables
from hypress.errors import WeightsError
from hypress.neural import fixedpoint
from hypress.neural.engine import chosen, network
from hypress.neural.fixedpoint import ACTIVATION_BITS, Convolution, Integers
from hypress.neural.nets.sizes import FARTHEST, FIRST_INDEX, PER_OCTAVE, QUALITIES, Architecture
from hypress.neural.networks import Network
from hypress.neural.pretrained import Weights

GAIN_BITS = 16
RHO = 127
"""A correlation of one."""
UNIT = 1 << ACTIVATION_BITS
"""Latents and means are integers in units of 1/256."""
BATCH = 1 << 21
"""Pixels that a network sees at once."""

Maps = NDArray[np.float32]


class BandwiseModel:
    """One network out of a file of weights."""

    def __init__(self, weights: Weights, number: int) -> None:
        """Raises WeightsError where the tensors are not those of the architecture on the card."""
        found = {k.split(".", 1)[1]: v for k, v in weights.tensors.items() if k.startswith(f"{number}.")}
        try:
            fields = {k: v for k, v in weights.card.architecture.items() if k != "models"}
            self.sizes = msgspec.convert(fields, Architecture)
            self.gains, self.inverse_gains = found["integer.gains"].astype(np.int64), found["inverse_gains_at"]
            self.fixed_features = _layers(found, "hyper_synthesis", (2, 2, 1), all_rectified=True)
            self.fixed_probabilities = _layers(found, "probabilities", (1, 1, 1))
            self.prior = _prior(found, self.sizes.hyper)
        except (KeyError, ValueError, msgspec.ValidationError) as error:
            raise WeightsError(f"the weights {weights.path} are not what their card says: {error}") from None
        self.net: Network = network(weights, number)

    # --- floating point -----------------------------------------------------------------------------

    def analysis(self, bands: Maps) -> Maps:
        """Latents before gains, `(band, latent, y, x)`, of normalised bands `(band, y, x)`."""
        return self._by_parts("analysis", bands[:, None])

    def synthesis(self, latents: Maps) -> Maps:
        """Normalised bands of latents that were divided by their gains."""
        return self._by_parts("synthesis", latents)[:, 0]

    def hyper_analysis(self, latents: Maps) -> Integers:
        """ẑ of latents with gains."""
        return np.rint(self._by_parts("hyper_analysis", np.abs(latents))).astype(np.int64)

    def _by_parts(self, part: str, maps: Maps) -> Maps:
        size = max(1, BATCH // max(maps[0].size, 1))
        return np.concatenate([self.net.run(part, maps[i : i + size]) for i in range(0, len(maps), size)])

    # --- fixed point --------------------------------------------------------------------------------

    def features(self, z: Integers, rows: int, columns: int) -> Integers:
        """What ẑ `(hyper, y, x)` of a band tells about its latents of so many rows and columns."""
        limit = fixedpoint.LARGEST // UNIT
        return fixedpoint.apply(self.fixed_features, np.clip(z, -limit, limit) * UNIT)[:, :rows, :columns]

    def distribution(
        self,
        features: Integers | None,
        references: Sequence[tuple[Integers, int, int]],
        quality: int,
        size: tuple[int, int],
    ) -> tuple[Integers, Integers]:
        """Means in units, and scale indices, of a band's latents of `size`.

        A reference is the latents in units, their quality, and the correlation in 127ths.
        """
        rho = np.zeros(self.sizes.references, np.int64)
        expected = np.zeros((self.sizes.references, self.sizes.latents, *size), np.int64)
        for i, (latents, other, correlation) in enumerate(references):
            ratio = (self.gains[quality] << GAIN_BITS) // self.gains[other]
            expected[i] = (latents * ratio[:, None, None] >> GAIN_BITS) * correlation // RHO
            rho[i] = correlation
        bound = FARTHEST * UNIT
        facts = np.array([*(rho * UNIT // RHO), quality * UNIT // PER_OCTAVE], np.int64)
        told = [] if features is None else [features]
        told += [*np.clip(expected, -bound, bound), np.broadcast_to(facts[:, None, None], (len(facts), *size))]
        found = fixedpoint.apply(self.fixed_probabilities, np.concatenate(told))
        mean, index = np.split(found, 2)
        if self.sizes.references:
            mean = mean + expected[0]
        return mean, np.clip((index + UNIT // 2 >> ACTIVATION_BITS) + FIRST_INDEX, 0, SCALES - 1)


@functools.lru_cache(maxsize=16)
def _models(path: str, key: Hashable, count: int) -> list[BandwiseModel | None]:
    return [None] * count


def model(weights: Weights, number: int) -> BandwiseModel:
    """Network `number` of a file of weights. Raises WeightsError where there is none."""
    count = weights.card.architecture.get("models", 1)
    if not isinstance(count, int) or not 0 <= number < count <= 64:
        raise WeightsError(f"the weights {weights.path} have {count} networks; number {number} is asked for")
    found = _models(str(weights.path), (weights.digest, chosen()), count)
    ready = found[number]
    if ready is None:
        ready = found[number] = BandwiseModel(weights, number)
    return ready


def tensors_of(net: Any) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """What a file of weights holds of a trained network, and its architecture for the card."""
    import torch

    state = {k: v.detach().cpu().float().numpy() for k, v in net.state_dict().items()}
    kept = {k: v for k, v in state.items() if k.startswith(("analysis.", "synthesis.", "hyper_analysis."))}
    with torch.no_grad():
        every = torch.arange(QUALITIES, dtype=torch.float32)
        gains = net.gain(every)[:, :, 0, 0].double().numpy()
        kept["inverse_gains_at"] = net.gain(every, inverse=True)[:, :, 0, 0].numpy()
    kept["integer.gains"] = np.maximum(np.rint(gains * (1 << GAIN_BITS)), 1).astype(np.int32)
    for part, transposed in (("hyper_synthesis", 2), ("probabilities", 0)):
        for key in [k for k in state if k.startswith(f"{part}.") and k.endswith(".weight")]:
            place = int(key.split(".")[1]) // 2
            weights = state[key]
            if place < transposed:  # a transposed convolution is a convolution of what was spread, turned around
                weights = weights.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
            layer = fixedpoint.convolution(weights, state[key.removesuffix("weight") + "bias"])
            kept[f"integer.{part}.{place}.weights"] = layer.weights.astype(np.int32)
            kept[f"integer.{part}.{place}.biases"] = layer.biases.astype(np.int32)
    if net.sizes.hyper:
        tables = learned(net.hyper_prior)
        kept["integer.prior.cumulative"] = tables.cumulative.astype(np.int32)
        kept["integer.prior.start"] = tables.start.astype(np.int32)
        kept["integer.prior.first"] = tables.first.astype(np.int32)
    architecture = {key: value for key, value in asdict(net.sizes).items() if value is not None}
    return kept, architecture | {"strides": list(net.sizes.strides)}


def learned(prior: Any) -> Tables:
    """Tables of a learned density, for each channel over the integers that are likely at all."""
    import torch

    from hypress.entropy.tables import quantised_frequencies

    reach = 128
    grid = torch.arange(-reach, reach + 1, dtype=torch.float32)
    with torch.no_grad():
        masses = prior.likelihood(grid.expand(prior.channels, 1, -1))[:, 0].double().numpy()
    frequencies, first = [], []
    for row in masses:
        likely = np.flatnonzero(row > 2.0**-18)
        low, high = (likely[0], likely[-1]) if likely.size else (reach, reach)
        inside = row[low : high + 1]
        escape = max(1 - inside.sum(), 2.0**-20)
        frequencies.append(quantised_frequencies([int(p * 2**40) for p in [*inside, escape]]))
        first.append(int(low) - reach)
    return Tables.of(frequencies, first)


def _layers(
    found: Mapping[str, NDArray[Any]], part: str, ups: Sequence[int], *, all_rectified: bool = False
) -> list[Convolution]:
    layers = []
    for i, up in enumerate(ups):
        key = f"integer.{part}.{i}."
        if key + "weights" not in found:
            if part == "hyper_synthesis" and i == 0:
                return []
            raise KeyError(key + "weights")
        weights, biases = found[key + "weights"].astype(np.int64), found[key + "biases"].astype(np.int64)
        layers.append(Convolution(weights, biases, up, all_rectified or i < len(ups) - 1))
    return layers


def _prior(found: Mapping[str, NDArray[Any]], hyper: int) -> Tables | None:
    if not hyper:
        return None
    cumulative, start, first = (found[f"integer.prior.{k}"].astype(np.int64) for k in ("cumulative", "start", "first"))
    tables = Tables(cumulative, start, first)
    tables.check()
    if len(first) != hyper or int(cumulative.max()) != TOTAL:
        raise ValueError(f"{len(first)} tables for {hyper} channels")
    return tables
