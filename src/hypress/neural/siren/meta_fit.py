"""Finding the few numbers that move a base network to a scene: Adam on them alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hypress.neural import pretrained
from hypress.neural.fitting import Effort, fit, threads
from hypress.neural.history import watcher
from hypress.neural.recent import Recent, digest
from hypress.neural.siren.apply import coordinates
from hypress.neural.siren.fit import samples as sampled
from hypress.neural.siren.meta import HEAD, Architecture, Base, base_of, moved, psnr_of
from hypress.neural.siren.meta_net import ModulatedSiren
from hypress.neural.siren.published import generated, packed
from hypress.valid import valid_samples

PIXELS = 4096
"""That a step sees at most: more say little more about a few dozen numbers."""
CHECKED = 20
"""Steps from one measurement to the next."""

_fits: Recent[NDArray[np.float32]] = Recent()


def encode(samples: NDArray[Any], name: str, bits: int, effort: Effort) -> dict[str, bytes]:
    """The streams "weights" and "modulation" of samples `(band, y, x)`, with the base of that name.

    Raises WeightsError where there is no such base.
    """
    base = base_of(pretrained.find(name, "siren"))
    low, high, valid = int(samples.min()), int(samples.max()), valid_samples()
    key = digest(samples, valid), base.digest, effort
    modulation = _fits.get(key, lambda: modulation_of(base, samples, valid, effort))
    return {"weights": base.digest, "modulation": HEAD.pack(bits, low, high) + packed([modulation], bits)}


def modulation_of(
    base: Base, samples: NDArray[Any], valid: NDArray[np.bool_] | None, effort: Effort
) -> NDArray[np.float32]:
    """φ `(latent,)` of highest PSNR for samples `(band, y, x)`, of which those that are not valid do not count."""
    low, high = int(samples.min()), int(samples.max())
    bands, pixels = len(samples), samples[0].size
    scaled = (samples.reshape(bands, -1).T.astype(np.float64) - low) / max(high - low, 1)
    targets = torch.from_numpy(scaled.astype(np.float32))
    weights = torch.ones(1, 1) if valid is None else torch.from_numpy(valid.reshape(bands, -1).T.astype(np.float32))
    weights = weights.expand(targets.shape)
    count = float(weights.sum(dtype=torch.float64))
    places = torch.from_numpy(np.ascontiguousarray(coordinates(*samples.shape[1:]).T))
    net, modulation = module(base, bands), torch.zeros(1, base.shifts.shape[-1], requires_grad=True)
    share = min(effort.sampling, PIXELS / pixels)
    chosen = sampled(samples.shape, share, effort.seed)
    optimiser = torch.optim.Adam([modulation], lr=effort.learning_rate)

    def error(block: torch.Tensor) -> torch.Tensor:
        return torch.sum(weights[block] * (net(places[None, block], modulation)[0] - targets[block]).square())

    def step(_: float) -> float:
        block = torch.from_numpy(next(chosen))
        loss = error(block) / weights[block].sum().clamp_min(1)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        return float(loss.detach())

    @torch.inference_mode()
    def evaluate() -> float:
        blocks = torch.split(torch.arange(pixels), 1 << 14)
        return psnr_of(math.fsum(float(error(block)) for block in blocks) / count, low, high)

    def snapshot() -> NDArray[np.float32]:
        return modulation.detach()[0].numpy().copy()

    def shown() -> NDArray[Any]:
        return generated(moved(base, snapshot(), bands), samples.shape, low, high, samples.dtype)

    watch = watcher("siren, from a base", samples, shown)
    with threads(1):  # a step is too small to be shared
        return fit(
            step, evaluate, snapshot,
            steps=effort.steps, seconds=effort.seconds, every=CHECKED, task="siren, from a base", watch=watch,
        ).best  # fmt: skip


def module(base: Base, bands: int) -> ModulatedSiren:
    """The base as a torch module with an output for each band, its parameters fixed."""
    layers = moved(base, np.zeros(base.shifts.shape[-1], np.float32), bands)
    sine_layers, width, latents = base.shifts.shape
    net = ModulatedSiren(Architecture(sine_layers, width, latents, bands))
    with torch.no_grad():
        for linear, (weights, biases) in zip(net.base.linear, layers, strict=True):
            linear.weight = torch.nn.Parameter(torch.from_numpy(weights))
            linear.bias = torch.nn.Parameter(torch.from_numpy(biases))
        net.shifts.copy_(torch.from_numpy(base.shifts))
    return net.requires_grad_(False)
