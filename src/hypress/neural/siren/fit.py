"""Fitting a SIREN to targets at every pixel: Adam on the mean squared error, all pixels or a sample of them a step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hypress.neural.fitting import Effort, Fit, fit, threads
from hypress.neural.history import watcher
from hypress.neural.siren.apply import Layers
from hypress.neural.siren.net import Siren

TILE = 9
"""Edge of the tiles that each give their share of pixels to a step (Rezasoltani and Qureshi, IEEE TGRS, 2024)."""
FREE = 0.6
"""Of a fit whose parameters will be rounded, the share of steps and time in which they are not yet."""
TOGETHER = 4096
"""Pixels whose gradients are computed together and then added up: so many that all layers stay in the cache."""


@dataclass(frozen=True, eq=False)
class Shown:
    """A scene, and what a network makes of it, for those who watch a fit; see `history`."""

    samples: NDArray[Any]
    """`(band, y, x)`."""
    generated: Callable[[Layers], NDArray[Any]]
    weights: NDArray[np.float32] | None = None
    """Of the squared errors of targets, `(out, pixel)` or `(1, pixel)`: 0 where there is no real sample; None: 1."""


class Training:
    """A network, its targets and its optimiser: `run` takes the fit up where it was left."""

    def __init__(
        self,
        net: Siren,
        inputs: NDArray[np.float32],
        targets: NDArray[np.float32],
        psnr_db: Callable[[float], float],
        effort: Effort,
        scene: Shown,
        *,
        decay: bool = False,
        quantum: float = 0.0,
        price: float = 0.0,
    ) -> None:
        """Inputs `(in, pixel)` and targets `(out, pixel)` at the pixels of a scene.

        `psnr_db` turns the mean squared error over all of them into the PSNR of the scene. `decay` lowers the learning
        rate to nothing along half a cosine in each run. `price` is what a bit of parameters in units of `quantum`
        adds to the loss.
        """
        self.net, self.psnr_db, self.scene = net, psnr_db, scene
        self.inputs = torch.from_numpy(np.ascontiguousarray(inputs.T))
        self.targets = torch.from_numpy(np.ascontiguousarray(targets.T))
        self.weights = None
        if scene.weights is not None:
            self.weights = torch.from_numpy(np.ascontiguousarray(scene.weights.T)).expand(*self.targets.shape)
        self.optimiser = torch.optim.Adam(net.parameters(), lr=effort.learning_rate)
        self.learning_rate, self.decay = effort.learning_rate, decay
        self.samples = samples(scene.samples.shape, effort.sampling, effort.seed) if effort.sampling < 1 else None
        self.quantum, self.price, self.rounding = quantum, price, 0.0

    def run(
        self,
        steps: int,
        seconds: float = math.inf,
        *,
        rounded: bool = False,
        task: str = "siren",
    ) -> Fit[Layers]:
        """Up to `steps` more steps; the parameters of highest PSNR since this call.

        With `rounded`, the network is fitted, measured and returned with its parameters as multiples of `quantum`.
        """
        self.rounding = self.quantum if rounded else 0.0
        watch = watcher(task, self.scene.samples, lambda: self.scene.generated(self._snapshot()))
        return fit(self._step, self._evaluate, self._snapshot, steps=steps, seconds=seconds, task=task, watch=watch)

    def _step(self, share: float) -> float:
        if self.decay:
            for group in self.optimiser.param_groups:
                group["lr"] = self.learning_rate * 0.5 * (1 + math.cos(math.pi * share))
        inputs, targets, weights = self.inputs, self.targets, self.weights
        if self.samples is not None:
            chosen = torch.from_numpy(next(self.samples))
            inputs, targets = inputs[chosen], targets[chosen]
            weights = None if weights is None else weights[chosen]
        count = targets.numel() if weights is None else max(float(weights.sum()), 1)
        self.optimiser.zero_grad()
        total = 0.0
        if self.price:
            total += _descend(self.price * self.net.bits(self.quantum))
        for part in _parts(len(inputs)):
            errors = torch.square(self.net(inputs[part], self.rounding) - targets[part])
            total += _descend(torch.sum(errors if weights is None else weights[part] * errors) / count)
        self.optimiser.step()
        return total

    @torch.inference_mode()
    def _evaluate(self) -> float:
        total = 0.0
        for part in _parts(len(self.inputs)):
            errors = torch.square(self.net(self.inputs[part], self.rounding) - self.targets[part])
            total += float(torch.sum(errors if self.weights is None else self.weights[part] * errors))
        return self.psnr_db(total / (self.targets.numel() if self.weights is None else float(self.weights.sum())))

    @torch.inference_mode()
    def _snapshot(self) -> Layers:
        return [(self._as_stored(layer.weight), self._as_stored(layer.bias)) for layer in self.net.linear]

    def _as_stored(self, parameter: torch.Tensor) -> NDArray[np.float32]:
        values: NDArray[np.float32] = parameter.detach().numpy().copy()
        if not self.rounding:
            return values
        return np.asarray(np.rint(values / np.float32(self.rounding)) * np.float32(self.rounding), np.float32)


def _parts(pixels: int) -> list[slice]:
    """Those that are computed together."""
    return [slice(start, start + TOGETHER) for start in range(0, pixels, TOGETHER)]


def _descend(loss: torch.Tensor) -> float:
    """Add the gradients of a part of the loss to those that are there; its value."""
    loss.backward()  # type: ignore[no-untyped-call]
    return float(loss.detach())


def fit_rounded(
    inputs: NDArray[np.float32],
    targets: NDArray[np.float32],
    psnr_db: Callable[[float], float],
    effort: Effort,
    scene: Shown,
    *,
    layers: int,
    width: int,
    omega: float,
    quantum: float,
    price: float,
) -> Layers:
    """A network fitted freely first, then with its parameters rounded to multiples of `quantum`; see `Training`.

    Its last layer starts at nothing: it is to correct what is good already.
    """
    net = Siren(len(inputs), len(targets), layers=layers, width=width, omega=omega, seed=effort.seed)
    with torch.no_grad():
        net.linear[-1].weight.zero_()
        net.linear[-1].bias.zero_()
    training = Training(net, inputs, targets, psnr_db, effort, scene, decay=True, quantum=quantum, price=price)
    free = effort.part(FREE)
    with threads():
        training.run(free.steps, free.seconds)
        training.learning_rate /= 2
        found = training.run(
            effort.steps - free.steps, effort.seconds - free.seconds, rounded=True, task="siren, weights rounded"
        )
    return found.best


def samples(shape: tuple[int, ...], share: float, seed: int) -> Iterator[NDArray[np.int64]]:
    """Numbers of the pixels for one step after the other, for ever: of each tile a share, none twice in an epoch."""
    rows, columns = shape[-2:]
    y, x = np.divmod(np.arange(rows * columns), columns)
    tile = (y // TILE) * -(-columns // TILE) + x // TILE
    sizes = np.bincount(tile)
    starts = np.cumsum(sizes) - sizes
    parts = max(1, round(1 / share))
    random = np.random.default_rng(seed)
    while True:
        order = np.lexsort((random.random(tile.size), tile))
        rank = np.arange(tile.size) - starts[tile[order]]
        part = rank * parts // sizes[tile[order]]
        for n in range(parts):
            if (part == n).any():  # a scene of few pixels has none for some parts
                yield order[part == n]
