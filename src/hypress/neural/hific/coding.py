"""Scenes through HiFiC: the streams, and back.

samples ─► Bands ─► channels ─► encoder ─► · gain ─► ŷ, by what ẑ tells ─┐
             └─► "bands"                       └─► ẑ, by learned tables ─┴─► "latents"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.codec import Spec
from hypress.entropy.gaussian import gaussian_tables
from hypress.entropy.tables import TableDecoder, TableEncoder, Tables
from hypress.errors import CodestreamError
from hypress.neural import pretrained
from hypress.neural.fixedpoint import Integers
from hypress.neural.hific.bands import Bands
from hypress.neural.hific.model import HYPER_STRIDE, UNIT, HificModel, model
from hypress.neural.pretrained import Weights
from hypress.neural.recent import Recent, digest

STREAMS = {"weights", "bands", "latents"}
PLACES = 255
"""Steps between the least and the largest target rate."""
LARGEST = 1 << 22
"""Of an integer that is coded for a latent."""

Samples = NDArray[Any]
Maps = NDArray[np.float32]

_recent: Recent[tuple[Bands, Maps]] = Recent(2)


def encode(samples: Samples, weights: Weights, bits_per_pixel: float) -> dict[str, bytes]:
    """All streams, at a target rate that is cut to those of the weights. Raises WeightsError."""
    net = model(weights)
    bands, latents = _recent.get((digest(samples), net.net.key), lambda: _analysed(samples, net))
    targets = net.sizes.targets
    place = float(np.interp(np.log(bits_per_pixel), np.log(targets), np.linspace(0, PLACES, len(targets))))
    y = latents * net.gains(_place(round(place), net))
    z = np.clip(net.hyper_analysis(y), -LARGEST, LARGEST)
    means, scales = net.distribution(z, y.shape[1:])
    values = np.rint(np.clip(y - means / UNIT, -LARGEST, LARGEST)).astype(np.int64)
    coder = TableEncoder(_tables(net))
    coder.add(z, _channels(z.shape))
    coder.add(values, scales + net.sizes.hyper)
    return {
        "weights": weights.digest,
        "bands": bytes([round(place)]) + bands.write(),
        "latents": coder.finish(),
    }


def decode(streams: Mapping[str, bytes], spec: Spec, name: str, codec: str) -> Samples:
    """Samples of all streams. Raises CodestreamError, WeightsError."""
    if set(streams) != STREAMS:
        raise CodestreamError(f"{codec} needs the streams {sorted(STREAMS)}, not {sorted(streams)}")
    if len(streams["weights"]) != pretrained.HASH:
        raise CodestreamError(f"the stream 'weights' has {len(streams['weights'])} bytes, not {pretrained.HASH}")
    net = model(pretrained.find_by_hash(name, codec, streams["weights"]))
    bands = Bands.read(streams["bands"][1:], spec.shape[0])
    size = tuple(-(-n // net.stride) for n in spec.shape[1:])
    coder = TableDecoder(streams["latents"], _tables(net))
    z = coder.read(_channels((net.sizes.hyper, *(-(-n // HYPER_STRIDE) for n in size))))
    means, scales = net.distribution(z, (size[0], size[1]))
    values = coder.read(scales + net.sizes.hyper)
    if np.abs(values).max() > LARGEST:
        raise CodestreamError("coded latents are damaged")
    latents = (values + means / UNIT) * net.gains(_place(streams["bands"][0], net), inverse=True)
    _, rows, columns = spec.shape
    return bands.samples(net.generator(latents.astype(np.float32))[:, :rows, :columns], spec)


def _analysed(samples: Samples, net: HificModel) -> tuple[Bands, Maps]:
    """Statistics of the bands, and latents before gains."""
    bands = Bands.of(samples)
    return bands, net.encoder(bands.channels(samples, net.sizes.bands))


def _place(index: int, net: HificModel) -> float:
    return index / PLACES * (len(net.sizes.targets) - 1)


def _tables(net: HificModel) -> Tables:
    """Those of ẑ, one for each channel, and behind them the normal distributions of ŷ."""
    prior, normal = net.prior, gaussian_tables()
    return Tables(
        np.concatenate([prior.cumulative, normal.cumulative]),
        np.concatenate([prior.start, normal.start[1:] + len(prior.cumulative)]),
        np.concatenate([prior.first, normal.first]),
    )


def _channels(shape: tuple[int, ...]) -> Integers:
    """The channel of each entry."""
    return np.broadcast_to(np.arange(shape[0])[:, None, None], shape)
