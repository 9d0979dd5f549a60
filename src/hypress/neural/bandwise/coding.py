"""Scenes through the band-by-band network: what is found in the scene, its streams, and back.

samples ─► means, deviations ─► correlations ─► intervals, references ─────────────► "bands"
    └─► normalised bands ─► analysis ─► ŷ band by band, in order ─┬─► by its ẑ and references ─► "latents"
                                                                  └─► ẑ ─► by learned tables ─► "hyper"
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.codec import Spec
from hypress.entropy.gaussian import gaussian_tables
from hypress.entropy.integers import decode_array, encode_array
from hypress.entropy.tables import TableDecoder, TableEncoder
from hypress.errors import CodestreamError, ConfigurationError, WeightsError
from hypress.neural import pretrained
from hypress.neural.bandwise.model import GAIN_BITS, RHO, UNIT, BandwiseModel, model
from hypress.neural.fixedpoint import Integers
from hypress.neural.nets.sizes import QUALITIES
from hypress.neural.pretrained import Weights
from hypress.neural.recent import Recent, digest
from hypress.transforms import partition

MEAN_POINT = 4
"""Bits after the point of a stored mean."""
PER_OCTAVE = 16
"""Stored deviations, and qualities, to a factor two."""
LEAST_DEVIATION = -6 * PER_OCTAVE
"""The index of a constant band's deviation."""
FINE = 16
"""Parts of a quality that the offset is given in: bands round it differently, so that rates are nearly continuous."""
LARGEST = 1 << 22
"""Of an integer that is coded for a latent."""
ROUNDING = 1 / 3
"""What is added to the magnitude of a latent before it is cut: less than a half, for small ones are dear."""
REFERENCES = 2
TOGETHER = 1 << 22
"""Pixels of several bands that are worked on at once."""
HEAD = struct.Struct(">hH")
"""The offset of all qualities in 16ths, and the number of intervals."""

Samples = NDArray[Any]


@dataclass(frozen=True)
class Facts:
    """What the stream "bands" says."""

    offset: int
    ends: Sequence[int]
    """Of each interval."""
    networks: Sequence[int]
    """Of each interval."""
    means: Integers
    """In 16ths of a sample unit."""
    deviations: Integers
    """i stands for 2^(i / 16)."""
    references: Integers
    """`(band, reference)`, band numbers, or −1."""
    rho: Integers
    """`(band, reference)`, correlations in 127ths."""

    def qualities(self, most: int) -> Integers:
        """Of each band; −1 for one of which nothing is coded, see `_restored`."""
        band = np.arange(len(self.means))
        found = (FINE * self.deviations + self.offset + band * 7 % FINE) // FINE
        found[self.deviations <= LEAST_DEVIATION] = -1
        return np.clip(found, -1, most - 1)

    def network_of(self) -> list[int]:
        """The network of each band."""
        starts = [0, *self.ends[:-1]]
        return [n for n, low, high in zip(self.networks, starts, self.ends, strict=True) for _ in range(low, high)]

    def write(self) -> bytes:
        """The stream."""
        parts = HEAD.pack(self.offset, len(self.ends)) + struct.pack(f">{len(self.ends)}H", *self.ends)
        back = np.where(self.references < 0, 0, np.arange(len(self.means))[:, None] - self.references)
        rows = np.concatenate([self.means[None], self.deviations[None], back.T, self.rho.T])
        return parts + bytes(self.networks) + encode_array(rows)

    @classmethod
    def read(cls, data: bytes, bands: int) -> Facts:
        """Raises CodestreamError."""
        try:
            offset, count = HEAD.unpack_from(data)
            ends = list(struct.unpack_from(f">{count}H", data, HEAD.size))
        except struct.error:
            raise CodestreamError("the stream 'bands' was cut") from None
        at = HEAD.size + 2 * count
        networks = list(data[at : at + count])
        if len(networks) != count or not ends or ends[-1] != bands or (np.diff([0, *ends]) < 1).any():
            raise CodestreamError(f"the stream 'bands' names intervals that do not make {bands} bands")
        rows = decode_array(data[at + count :], (2 + 2 * REFERENCES, bands))
        back, rho = rows[2 : 2 + REFERENCES].T, rows[2 + REFERENCES :].T
        place = np.arange(bands)[:, None]
        sound = (back >= 0).all() and (back <= place).all() and (np.abs(rho) <= RHO).all()
        if not sound or (np.abs(rows[0]) >> 40).any() or (np.abs(rows[1]) > 64 * PER_OCTAVE).any():
            raise CodestreamError("the stream 'bands' is damaged")
        return cls(offset, ends, networks, rows[0], rows[1], np.where(back > 0, place - back, -1), rho)


@dataclass(frozen=True)
class _Prepared:
    """A scene as far as it does not depend on its quality."""

    facts: Facts
    latents: NDArray[np.float32]
    """Before gains."""


_recent: Recent[_Prepared] = Recent(2)


def encode(samples: Samples, weights: Weights, steps_per_dn: float, chosen: str) -> dict[str, bytes]:
    """All streams. Raises WeightsError, ConfigurationError."""
    offset = round(FINE * PER_OCTAVE * (1 + math.log2(steps_per_dn)))
    key = (digest(samples), _network(weights, 0).net.key, chosen)
    prepared = _recent.get(key, lambda: _prepare(samples, weights, offset, chosen))
    facts = Facts(**{**vars(prepared.facts), "offset": int(np.clip(offset, -(1 << 15), (1 << 15) - 1))})
    network = facts.network_of()
    qualities = facts.qualities(QUALITIES)
    hyper, latents = TableEncoder(_prior(weights)), TableEncoder(gaussian_tables())
    units: dict[int, Integers] = {}
    for band, y, z in _with_gains(prepared.latents, np.flatnonzero(qualities >= 0), network, qualities, weights):
        net, quality = _network(weights, network[band]), int(qualities[band])
        features = None
        if z is not None:
            hyper.add(z, _channels(z.shape) + network[band] * net.sizes.hyper)
            features = net.features(z, *y.shape[1:])
        means, scales = net.distribution(features, _told(facts, band, network, units, qualities), quality, y.shape[1:])
        values = _rounded(y - means / UNIT)
        latents.add(values, scales)
        units[band] = values * UNIT + means
    return {
        "weights": weights.digest,
        "bands": facts.write(),
        "hyper": hyper.finish(),
        "latents": latents.finish(),
    }


def _with_gains(
    latents: NDArray[np.float32], live: Integers, network: Sequence[int], qualities: Integers, weights: Weights
) -> Iterator[tuple[int, NDArray[np.float32], Integers | None]]:
    """Each live band, its latents in quantiser steps, and its ẑ; computed for several bands at once."""
    start = 0
    while start < len(live):
        net = _network(weights, network[live[start]])
        most = max(1, TOGETHER // latents[0].size)
        group = [b for b in live[start : start + most].tolist() if network[b] == network[live[start]]]
        gains = (net.gains[qualities[group]] / (1 << GAIN_BITS)).astype(np.float32)
        y = latents[group] * gains[:, :, None, None]
        z = None if net.prior is None else np.clip(net.hyper_analysis(y), -LARGEST, LARGEST)
        for i, band in enumerate(group):
            yield band, y[i], None if z is None else z[i]
        start += len(group)


def decode(streams: Mapping[str, bytes], spec: Spec, name: str) -> Samples:
    """Samples of all streams. Raises CodestreamError, WeightsError."""
    if len(streams["weights"]) != pretrained.HASH:
        raise CodestreamError(f"the stream 'weights' has {len(streams['weights'])} bytes, not {pretrained.HASH}")
    weights = pretrained.find_by_hash(name, "bandwise", streams["weights"])
    bands, rows, columns = spec.shape
    facts = Facts.read(streams["bands"], bands)
    network = facts.network_of()
    most = weights.card.architecture.get("models", 1)
    if max(network) >= most:
        raise CodestreamError(f"the stream 'bands' names network {max(network)} of {most}")
    qualities = facts.qualities(QUALITIES)
    hyper, latents = (
        TableDecoder(streams["hyper"], _prior(weights)),
        TableDecoder(streams["latents"], gaussian_tables()),
    )
    stride = _network(weights, 0).sizes.stride
    size = -(-rows // stride), -(-columns // stride)
    units: dict[int, Integers] = {}
    for band in np.flatnonzero(qualities >= 0).tolist():
        net, quality = _network(weights, network[band]), int(qualities[band])
        features = None
        if net.prior is not None:
            shape = (net.sizes.hyper, *(-(-n // 4) for n in size))
            z = hyper.read(_channels(shape) + network[band] * net.sizes.hyper)
            features = net.features(z, *size)
        means, scales = net.distribution(features, _told(facts, band, network, units, qualities), quality, size)
        values = latents.read(scales)
        if np.abs(values).max() > LARGEST:
            raise CodestreamError("coded latents are damaged")
        units[band] = values * UNIT + means
    return _restored(facts, network, qualities, units, weights, spec)


def _restored(
    facts: Facts,
    network: Sequence[int],
    qualities: Integers,
    units: Mapping[int, Integers],
    weights: Weights,
    spec: Spec,
) -> Samples:
    """Samples of all bands' latents; a band without any follows its reference, or is its mean."""
    _, rows, columns = spec.shape
    limits = np.iinfo(spec.dtype)
    out = np.empty(spec.shape, spec.dtype)
    mean = facts.means / (1 << MEAN_POINT)
    out[...] = np.clip(np.rint(mean), limits.min, limits.max)[:, None, None]
    for number in sorted(set(network)):
        net = _network(weights, number)
        for group in _groups([b for b in units if network[b] == number], rows * columns):
            gains = net.inverse_gains[qualities[group]].astype(np.float32)
            latents = np.stack([units[b] for b in group]).astype(np.float32) / np.float32(UNIT)
            bands = net.synthesis(latents * gains[:, :, None, None])[:, :rows, :columns]
            deviation = 2.0 ** (facts.deviations[group] / PER_OCTAVE)
            found = bands * deviation[:, None, None] + mean[group][:, None, None]
            found = np.nan_to_num(found, nan=0.0)
            out[group] = np.clip(np.rint(found), limits.min, limits.max)
    for band in np.flatnonzero(facts.references[:, 0] >= 0).tolist():
        if band not in units:  # what its reference tells of it costs nothing
            other = facts.references[band, 0]
            ratio = 2.0 ** ((facts.deviations[band] - facts.deviations[other]) / PER_OCTAVE)
            told = (out[other] - mean[other]) * (facts.rho[band, 0] / RHO * ratio) + mean[band]
            out[band] = np.clip(np.rint(told), limits.min, limits.max)
    return out


# --- what is found in the scene -------------------------------------------------------------------------


def _prepare(samples: Samples, weights: Weights, offset: int, chosen: str) -> _Prepared:
    flat = samples.reshape(len(samples), -1)
    means = np.array([np.rint(band.mean(dtype=np.float64) * (1 << MEAN_POINT)) for band in flat], np.int64)
    spread = np.array([band.std(dtype=np.float64) for band in flat])
    deviations = np.full(len(flat), LEAST_DEVIATION, np.int64)
    varied = spread > 0
    deviations[varied] = np.maximum(np.rint(PER_OCTAVE * np.log2(spread[varied])), LEAST_DEVIATION + 1)
    correlation = partition.correlations(samples)
    if chosen == "aviris":
        if len(samples) != partition.AVIRIS[-1]:
            raise ConfigurationError(f"intervals 'aviris' are for {partition.AVIRIS[-1]} bands, not {len(samples)}")
        ends = list(partition.AVIRIS)
    else:
        ends = partition.intervals(correlation) if chosen == "found" else [len(samples)]
    references = partition.references(correlation, REFERENCES)
    likeness = np.take_along_axis(correlation, np.maximum(references, 0), 1)
    rho = np.where(references >= 0, np.rint(RHO * likeness), 0).astype(np.int64)
    facts = Facts(offset, ends, [0] * len(ends), means, deviations, references, rho)
    networks = []
    latents = None
    for low, high in zip([0, *ends[:-1]], ends, strict=True):
        middle = (low + high) // 2
        number = _best_network(samples, facts, middle, weights)
        found = _analysed(samples, facts, range(low, high), _network(weights, number))
        if latents is None:
            latents = np.empty((len(samples), *found.shape[1:]), np.float32)
        latents[low:high] = found
        networks.append(number)
    assert latents is not None
    return _Prepared(Facts(**{**vars(facts), "networks": networks}), latents)


def _best_network(samples: Samples, facts: Facts, band: int, weights: Weights) -> int:
    """The network that codes this band best by itself: the least rate plus error at its price."""
    count = weights.card.architecture.get("models", 1)
    if count == 1:
        return 0
    best, chosen = math.inf, 0
    for number in range(count):
        net = _network(weights, number)
        quality = int(np.clip((FINE * facts.deviations[band] + facts.offset) // FINE, 0, QUALITIES - 1))
        y = _analysed(samples, facts, [band], net)[0] * (net.gains[quality] / (1 << GAIN_BITS))[:, None, None]
        y = y.astype(np.float32)
        features = None
        if net.prior is not None:
            features = net.features(net.hyper_analysis(y[None])[0], *y.shape[1:])
        means, scales = net.distribution(features, [], quality, y.shape[1:])
        values = _rounded(y - means / UNIT)
        latents = ((values * UNIT + means) / UNIT * net.inverse_gains[quality][:, None, None]).astype(np.float32)
        rows, columns = samples.shape[1:]
        error = net.synthesis(latents[None])[0, :rows, :columns] - _normalised(samples, facts, [band])[0]
        price = 6 / math.log(2) * 2 ** (2 * quality / PER_OCTAVE - 2)
        cost = gaussian_tables().bits(values, scales) / error.size + price * float(np.mean(error**2))
        if cost < best:
            best, chosen = cost, number
    return chosen


def _analysed(samples: Samples, facts: Facts, bands: Sequence[int], net: BandwiseModel) -> NDArray[np.float32]:
    """Latents of some bands before gains."""
    stride = net.sizes.stride
    around = [(0, 0), *((0, -n % stride) for n in samples.shape[1:])]
    parts = [
        net.analysis(np.pad(_normalised(samples, facts, group), around, mode="edge"))
        for group in _groups(bands, samples[0].size)
    ]
    return np.concatenate(parts)


def _normalised(samples: Samples, facts: Facts, bands: Sequence[int]) -> NDArray[np.float32]:
    """Bands without their means, in deviations, as stored."""
    chosen = list(bands)
    scale = 2.0 ** (-facts.deviations[chosen] / PER_OCTAVE)
    centred = samples[chosen] - (facts.means[chosen] / (1 << MEAN_POINT))[:, None, None]
    return np.asarray(centred * scale[:, None, None], np.float32)


def _groups(bands: Sequence[int], pixels: int) -> Iterator[list[int]]:
    """Bands in groups that fit into memory easily."""
    size = max(1, TOGETHER // pixels)
    for start in range(0, len(bands), size):
        yield list(bands[start : start + size])


def _told(
    facts: Facts, band: int, network: Sequence[int], units: Mapping[int, Integers], qualities: Integers
) -> list[tuple[Integers, int, int]]:
    """References of a band that were coded, and by its own network."""
    found = []
    for other, rho in zip(facts.references[band].tolist(), facts.rho[band].tolist(), strict=True):
        if other in units and network[other] == network[band]:
            found.append((units[other], int(qualities[other]), rho))
    return found


def _network(weights: Weights, number: int) -> BandwiseModel:
    return model(weights, number)


def _rounded(values: NDArray[np.floating]) -> Integers:
    return np.copysign(np.floor(np.minimum(np.abs(values), LARGEST) + ROUNDING), values).astype(np.int64)


def _channels(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """The channel of each entry."""
    return np.broadcast_to(np.arange(shape[0])[:, None, None], shape)


def _prior(weights: Weights) -> Any:
    """Tables of ẑ of all networks, one behind the other."""
    from hypress.entropy.tables import Tables

    count = weights.card.architecture.get("models", 1)
    priors = [_network(weights, n).prior for n in range(count)]
    kept = [p for p in priors if p is not None]
    if not kept:
        return gaussian_tables()
    if len(kept) != count:
        raise WeightsError(f"the weights {weights.path} mix networks with and without a hyperprior")
    lengths = np.cumsum([0, *(len(p.cumulative) for p in kept)])
    start = np.concatenate([[0], *(p.start[1:] + base for p, base in zip(kept, lengths[:-1], strict=True))])
    return Tables(np.concatenate([p.cumulative for p in kept]), start, np.concatenate([p.first for p in kept]))
