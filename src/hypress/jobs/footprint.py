"""What running a network takes: time for a tile, and memory beyond what there was before the weights were read.

Memory is measured in a process of its own: an allocator gives back to a second network what the first one left.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from hypress import codec as codecs
from hypress.codec import Spec
from hypress.memory import peak_memory
from hypress.neural import engine, pretrained
from hypress.neural.networks import HIFIC, Maps
from hypress.neural.pretrained import Weights

Tile = tuple[int, int, int]
PROCESSOR = "cpu"
"""The device of codecs; others are GPUs, as torch names them."""


class Peak(NamedTuple):
    """Bytes that reading the weights and one tile there and back add."""

    resident: int | None
    """To the process; None where it cannot be told."""
    allocated: int | None
    """To what tensors hold of a GPU's memory; None on the processor."""


class Passes:
    """A network with what its parts are given for one tile of noise: to be run over and over."""

    def __init__(self, path: str, engine_name: str, tile: Tile, device: str = PROCESSOR) -> None:
        """Raises WeightsError, ConfigurationError."""
        with engine.use(engine_name):
            weights = pretrained.named(path)
            self.encode, self.decode = _passes(weights, tile, device)

    def seconds(self) -> tuple[float, float]:
        """Of one tile there, and back."""
        started = time.perf_counter()
        latents = self.encode()
        middle = time.perf_counter()
        self.decode(latents)
        return middle - started, time.perf_counter() - middle


def peak(path: str, engine_name: str, tile: Tile, device: str = PROCESSOR) -> Peak:
    """Memory that a network takes, measured in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_peak, (path, engine_name, tile, device))


def _passes(weights: Weights, tile: Tile, device: str) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    bands, rows, columns = tile
    noise = np.random.default_rng(0).random(tile, np.float32)
    if weights.card.codec == "bandwise":
        from hypress.neural.bandwise.model import GAIN_BITS, BandwiseModel

        net = _on(device, BandwiseModel(weights, 0))
        gains = (net.gains[len(net.gains) // 2] / (1 << GAIN_BITS)).astype(np.float32)[:, None, None]

        def encode() -> Maps:
            latents = net.analysis(noise)
            if net.prior is not None:
                net.hyper_analysis(latents * gains)
            return latents

        return encode, net.synthesis
    if weights.card.codec in HIFIC:
        from hypress.neural.hific.model import HificModel

        made = _on(device, HificModel(weights))
        channels = np.resize(noise, (made.sizes.bands, rows, columns))

        def there() -> Maps:
            latents = made.encoder(channels)
            made.hyper_analysis(latents * made.gains(0))
            return latents

        return there, made.generator
    codec: Any = codecs.find(weights.card.codec)()
    through = _on(device, codec._net(weights))
    spec = Spec((bands, rows, columns), "uint16", 16)
    return lambda: through.encode(noise), lambda latents: through.decode(latents, spec)


def _on(device: str, model: Any) -> Any:
    """A model whose network computes on that device."""
    if device != PROCESSOR:
        from hypress.jobs.on_gpu import OnGpu

        model.net = OnGpu(model.net, device)
    return model


def _peak(path: str, engine_name: str, tile: Tile, device: str) -> Peak:
    """In a fresh process: libraries are loaded before the first look."""

    def there_and_back() -> Any:
        return Passes(path, engine_name, tile, device).seconds()

    with engine.use(engine_name):
        _warm(engine_name)
        if device == PROCESSOR:
            return Peak(peak_memory(there_and_back)[1], None)
        from hypress.jobs import on_gpu

        on_gpu.warm(device)
        (_, resident), allocated = on_gpu.peak_allocated(lambda: peak_memory(there_and_back), device)
        return Peak(resident, allocated)


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
