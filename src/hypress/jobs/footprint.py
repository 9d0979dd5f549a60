"""What running a network takes: time for a tile, and memory beyond what the process had before it read the weights.

Memory is measured in a process of its own: an allocator gives back to a second network what the first one left.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hypress import codec as codecs
from hypress.codec import Spec
from hypress.memory import peak_memory
from hypress.neural import engine, pretrained
from hypress.neural.engine import Maps
from hypress.neural.pretrained import Weights

Tile = tuple[int, int, int]


class Passes:
    """A network with what its parts are given for one tile of noise: to be run over and over."""

    def __init__(self, path: str, engine_name: str, tile: Tile) -> None:
        """Raises WeightsError, ConfigurationError."""
        with engine.use(engine_name):
            weights = pretrained.named(path)
            self.encode, self.decode = _passes(weights, tile)

    def seconds(self) -> tuple[float, float]:
        """Of one tile there, and back."""
        started = time.perf_counter()
        latents = self.encode()
        middle = time.perf_counter()
        self.decode(latents)
        return middle - started, time.perf_counter() - middle


def peak_bytes(path: str, engine_name: str, tile: Tile) -> int | None:
    """Resident memory that reading the weights and one tile there and back take; None where it cannot be told."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_peak, (path, engine_name, tile))


def _passes(weights: Weights, tile: Tile) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    bands, rows, columns = tile
    noise = np.random.default_rng(0).random(tile, np.float32)
    if weights.card.codec == "bandwise":
        from hypress.neural.bandwise import GAIN_BITS, BandwiseModel

        net = BandwiseModel(weights, 0)
        gains = (net.gains[len(net.gains) // 2] / (1 << GAIN_BITS)).astype(np.float32)[:, None, None]

        def encode() -> Maps:
            latents = net.analysis(noise)
            if net.prior is not None:
                net.hyper_analysis(latents * gains)
            return latents

        return encode, net.synthesis
    if weights.card.codec in engine.HIFIC:
        from hypress.neural.hific import model

        made = model(weights)
        channels = np.resize(noise, (made.sizes.bands, rows, columns))

        def there() -> Maps:
            latents = made.encoder(channels)
            made.hyper_analysis(latents * made.gains(0))
            return latents

        return there, made.generator
    codec: Any = codecs.find(weights.card.codec)()
    through: Any = codec._net(weights)
    spec = Spec((bands, rows, columns), "uint16", 16)
    return lambda: through.encode(noise), lambda latents: through.decode(latents, spec)


def _peak(path: str, engine_name: str, tile: Tile) -> int | None:
    """In a fresh process: libraries are loaded before the first look."""
    with engine.use(engine_name):
        _warm(engine_name)
        return peak_memory(lambda: Passes(path, engine_name, tile).seconds())[1]


def _warm(engine_name: str) -> None:
    """Let a library load what it loads once."""
    import safetensors.numpy  # noqa: F401

    codecs.find("cae1d")
    if engine_name == "torch":
        import torch

        from hypress.neural import engine_torch  # noqa: F401
        from hypress.neural.autoencoder import apply

        apply(torch.nn.Conv2d(16, 16, 3), np.zeros((1, 16, 16, 16), np.float32))
        apply(torch.nn.Conv1d(16, 16, 3), np.zeros((1, 16, 16), np.float32))
    else:
        from hypress.neural import engine_onnx  # noqa: F401


def interleaved(models: Sequence[Passes], repeats: int) -> list[tuple[float, float]]:
    """The best seconds there and back of each of several, taken in turns, so that a busy machine slows all alike."""
    best = [(np.inf, np.inf)] * len(models)
    for model in models:
        model.seconds()
    for _ in range(repeats):
        for number, model in enumerate(models):
            there, back = model.seconds()
            best[number] = min(best[number][0], there), min(best[number][1], back)
    return [(float(there), float(back)) for there, back in best]
