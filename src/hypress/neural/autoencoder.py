"""The bridge between autoencoders and bytes: samples ─► network ─► rounded latents ─► tables ─► bytes, and back.

    samples (band, y, x) ─► pad, [0, 1] ─► encoder ─► latents (map, y, x) ─► in steps, rounded ─► "latents"
                              └─► "range"                  └─► mean and scale of each map ─────► "maps"

Each map of latents is coded by a table of a normal distribution: its mean and its scale, which the encoder finds.
That is a factorised model whose parameters every tile learns for itself, so that no sensor is strange to it; in
training the same two moments give the rate that the network is asked to lower. Latents that were
decoded are exact anywhere; the decoder network is float32, by the engine in use.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hypress.codec import Spec
from hypress.entropy.gaussian import SCALES, gaussian_tables
from hypress.entropy.integers import decode_array, encode_array
from hypress.entropy.tables import TableDecoder, TableEncoder
from hypress.errors import CodestreamError, WeightsError
from hypress.neural import pretrained
from hypress.neural.networks import Network
from hypress.neural.pretrained import Weights
from hypress.neural.recent import Recent, digest

Samples = NDArray[Any]
Maps = NDArray[np.float32]
LARGEST = 1 << 24
"""Of a latent in steps."""
MEAN_POINT = 4
"""Bits after the point of a map's mean, in steps."""
RANGE = struct.Struct(">qqf")
"""The samples that are 0 and 1, and steps in a unit of the latents."""
_LEAST, _PER_E = 0.11, 8.0
_recent: Recent[Maps] = Recent(2)


class Autoencoder(Protocol):
    """What a codec brings: a network, and how a tile goes in and comes out. Arrays are float32 in [0, 1]."""

    net: Network

    def maps(self, spec: Spec) -> tuple[int, int, int]:
        """Shape of the latents `(map, y, x)` of a tile."""

    def encode(self, tile: Maps) -> Maps:
        """Latents `(map, y, x)` of a tile `(band, y, x)`."""

    def decode(self, latents: Maps, spec: Spec) -> Maps:
        """A tile `(band, y, x)` of its latents."""


def encode(samples: Samples, net: Autoencoder, weights: Weights, steps: float) -> dict[str, bytes]:
    """All streams but the codec's own."""
    low, high = int(samples.min()), int(samples.max())
    latents = _recent.get((digest(samples), net.net.key), lambda: net.encode(_unit(samples, low, high)))
    steps = float(np.float32(steps))
    values = np.rint(np.clip(latents * np.float32(steps), -LARGEST, LARGEST)).astype(np.int64)
    flat = values.reshape(len(values), -1)
    means = np.rint(flat.mean(1) * (1 << MEAN_POINT)).astype(np.int64)
    centred = flat - (means >> MEAN_POINT)[:, None]
    spread = np.sqrt(np.mean(centred.astype(np.float64) ** 2, axis=1))
    scales = np.clip(np.rint(_PER_E * np.log(np.maximum(spread, _LEAST) / _LEAST)), 0, SCALES - 1).astype(np.int64)
    coder = TableEncoder(gaussian_tables())
    coder.add(centred, np.broadcast_to(scales[:, None], centred.shape))
    return {
        "weights": weights.digest,
        "range": RANGE.pack(low, high, steps),
        "maps": encode_array(np.stack([means >> MEAN_POINT, scales])),
        "latents": coder.finish(),
    }


STREAMS = {"weights", "range", "maps", "latents"}


def decode(streams: Mapping[str, bytes], net: Autoencoder, spec: Spec) -> Samples:
    """Samples of all streams. Raises CodestreamError."""
    try:
        low, high, steps = RANGE.unpack(streams["range"])
    except struct.error:
        raise CodestreamError("the stream 'range' was cut") from None
    if not (np.isfinite(steps) and steps > 0 and low <= high):
        raise CodestreamError(f"the stream 'range' says {low} … {high} in {steps} steps")
    shape = net.maps(spec)
    means, scales = decode_array(streams["maps"], (2, shape[0]))
    if (scales < 0).any() or (scales >= SCALES).any():
        raise CodestreamError("the stream 'maps' is damaged")
    chosen = np.broadcast_to(scales[:, None], (shape[0], shape[1] * shape[2]))
    values = TableDecoder(streams["latents"], gaussian_tables()).read(chosen) + means[:, None]
    latents = np.asarray(values / steps, np.float32).reshape(shape)
    decoded = np.nan_to_num(net.decode(latents, spec).astype(np.float64))
    limits = np.iinfo(spec.dtype)
    return np.clip(np.rint(decoded * (high - low) + low), limits.min, limits.max).astype(spec.dtype)


def weights_of(streams: Mapping[str, bytes], name: str, codec: str) -> Weights:
    """The weights that streams were made with. Raises CodestreamError, WeightsError."""
    if set(streams) != STREAMS:
        raise CodestreamError(f"{codec} needs the streams {sorted(STREAMS)}, not {sorted(streams)}")
    if len(streams["weights"]) != pretrained.HASH:
        raise CodestreamError(f"the stream 'weights' has {len(streams['weights'])} bytes, not {pretrained.HASH}")
    return pretrained.find_by_hash(name, codec, streams["weights"])


def network(weights: Weights, kind: Callable[..., Any]) -> Any:
    """The network `kind(**architecture)` with its weights, ready to be used. Raises WeightsError."""
    return _network(weights.path, weights.digest, kind)


@functools.lru_cache(maxsize=8)
def _network(path: Path, digest: bytes, kind: Callable[..., Any]) -> Any:
    import torch

    weights = pretrained.read(path)
    try:
        net = kind(**weights.card.architecture)
        net.load_state_dict({k: torch.from_numpy(v.astype(np.float32)) for k, v in weights.tensors.items()})
    except (TypeError, ValueError, RuntimeError) as error:
        raise WeightsError(f"the weights {path} are not what their card says: {error}") from None
    return net.eval()


def apply(layers: Any, batch: Maps) -> Maps:
    """What torch layers make of an array, on one thread: tiles are coded side by side."""
    import torch

    from hypress.neural.fitting import threads

    with torch.inference_mode(), threads(1):
        out: Maps = layers(torch.from_numpy(np.ascontiguousarray(batch))).numpy()
    return out


def padded(tile: Maps, bands: int, sides: int) -> Maps:
    """A tile whose bands and sides are made multiples of these, by repeating what is at the edge."""
    around = [(0, -tile.shape[0] % bands), (0, -tile.shape[1] % sides), (0, -tile.shape[2] % sides)]
    return np.pad(tile, around, mode="edge")


def _unit(samples: Samples, low: int, high: int) -> Maps:
    return (samples.astype(np.float32) - np.float32(low)) / np.float32(max(high - low, 1))
