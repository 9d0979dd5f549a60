"""What a generative network is fitted to: scenes in blocks, in [−1, 1], and how near to them a network is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hypress.neural import history
from hypress.neural.fitting import THREADS, Checkpoint, threads
from hypress.neural.gnn.blocks import Block, cut
from hypress.neural.gnn.net import generate
from hypress.neural.gnn.plan import Plan

EDGE = 160
"""Of the blocks of a large scene, in pixels, about."""
PER_STEP = 4
"""Blocks that a step sees."""
SMALL = 200_000
"""Samples below which more threads than one wait for each other."""
AXES_FROM = 20_000
"""Pixels from which principal axes are found."""

State = Mapping[str, Tensor]
"""A network, batch normalisation folded in, by the names of `Plan.layers`; its cubes are "cube0", "cube1", …

Where the first layer is whole, it is "first" `(neuron, 50)` and "first bias" instead of a cube.
"""


class Scenes:
    """Scenes of integers `(band, y, x)`, of as many bands each, that one network of this plan is to generate."""

    def __init__(
        self,
        scenes: Sequence[NDArray[Any]],
        plan: Plan,
        latent: NDArray[np.float32] | None = None,
        valid: NDArray[np.bool_] | None = None,
    ) -> None:
        """With a `latent` code `(50,)` the first layer is whole; then there is one scene.

        Where a scene is `valid`, its samples are real; None: everywhere. Others have no part in loss and quality.
        """
        self.scenes, self.plan, self.valid = scenes, plan, valid
        self.count = int(valid.sum()) if valid is not None else sum(s.size for s in scenes)
        self.latent = None if latent is None else torch.from_numpy(latent)
        self.low, self.high = min(int(s.min()) for s in scenes), max(int(s.max()) for s in scenes)
        self.half = max(self.high - self.low, 1) / 2
        self.blocks = [
            (n, b)
            for n, (_, rows, columns) in enumerate(s.shape for s in scenes)
            for b in cut(rows, columns, plan.blocks, EDGE, plan.radius)
        ]
        self._only = self._wanted(*self.blocks[0]) if len(self.blocks) == 1 else None

    def threads(self) -> AbstractContextManager[None]:
        """Let torch compute with as many threads as suit these scenes, whatever the machine has."""
        return threads(1 if sum(s.size for s in self.scenes) < SMALL else THREADS)

    # --- what is wanted ---

    def error(self, generated: Tensor, scene: int, block: Block) -> Tensor:
        """How far `generated` is from the samples `(band, y, x)` of a block, in [−1, 1]; 0 where none is real."""
        target, real = self._wanted(scene, block) if self._only is None else self._only
        return generated - target if real is None else (generated - target) * real

    def _wanted(self, scene: int, block: Block) -> tuple[Tensor, Tensor | None]:
        samples = self.scenes[scene][:, *block.pixels].astype(np.float32)
        target = torch.from_numpy((samples - np.float32(self.low)) / np.float32(self.half) - 1)
        return target, None if self.valid is None else torch.from_numpy(self.valid[:, *block.pixels].copy())

    def drawn(self, seed: int) -> Iterator[list[tuple[int, Block]]]:
        """Blocks for one step after the other: all, or a few, none twice before all have been seen."""
        random = np.random.default_rng(seed)
        while True:
            order = random.permutation(len(self.blocks))
            for start in range(0, len(order), PER_STEP):
                yield [self.blocks[n] for n in order[start : start + PER_STEP]]

    def some(self) -> list[tuple[int, Block]]:
        """A few blocks, spread over the scenes."""
        return self.blocks[:: -(-len(self.blocks) // PER_STEP)]

    def axes(self, count: int) -> tuple[Tensor, Tensor]:
        """Mean spectrum `(band,)`, and principal axes `(band, count)` times the deviations along them."""
        pixels = [s.reshape(len(s), -1) for s in self.scenes]
        stride = -(-sum(p.shape[1] for p in pixels) // AXES_FROM)
        some = np.concatenate([p[:, ::stride] for p in pixels], 1).astype(np.float64)
        some = (some - self.low) / self.half - 1
        mean = some.mean(1)
        centred = some - mean[:, None]
        values, vectors = np.linalg.eigh(centred @ centred.T / centred.shape[1])
        found, kept = np.zeros((len(some), count)), min(count, len(some))
        found[:, :kept] = (vectors * np.sqrt(np.maximum(values, 0)))[:, ::-1][:, :kept]
        return torch.from_numpy(mean.astype(np.float32)), torch.from_numpy(found.astype(np.float32))

    # --- what a network makes ---

    def cube(self, state: State, scene: int) -> Tensor:
        """The cube `(map, y, x)` of a scene."""
        if self.latent is None:
            return state[f"cube{scene}"]
        neurons = state["first"] @ self.latent + state["first bias"]
        return neurons.reshape(self.plan.cube(self.scenes[scene].shape))  # type: ignore[arg-type]

    def generate(self, state: State, scene: int, block: Block) -> Tensor:
        """A block `(band, y, x)` of a scene, in [−1, 1], about."""
        layers = [(state[f"weights{n}"], state[f"bias{n}"]) for n in range(self.plan.convolutions)]
        output = state["output"]
        matrix = output if output.ndim == 4 else output[:, :, None, None]
        return generate(self.cube(state, scene), layers, matrix, state["bias"], block)

    @torch.no_grad()
    def mse(self, state: State) -> float:
        """Mean squared error of what is in [−1, 1]."""
        total = sum(_squared(self.error(self.generate(state, *block), *block)) for block in self.blocks)
        return total / self.count

    @torch.no_grad()
    def distance(self, one: State, other: State) -> float:
        """Squared difference of what two networks make of a few blocks."""
        return sum(_squared(self.generate(one, *block) - self.generate(other, *block)) for block in self.some())

    def psnr_db(self, state: State) -> float:
        """The peak is the largest magnitude of a sample."""
        peak = max(abs(self.low), abs(self.high), 1)
        return 10 * math.log10(peak**2 / max(self.mse(state) * self.half**2, 1e-9))

    @torch.no_grad()
    def integers(self, state: State, scene: int) -> NDArray[Any]:
        """A scene `(band, y, x)` as a network has it, of the samples' own type."""
        found = np.empty_like(self.scenes[scene])
        for n, block in self.blocks:
            if n == scene:
                values = (self.generate(state, n, block).double() + 1) * self.half + self.low
                found[:, *block.pixels] = values.round().clamp(self.low, self.high).numpy()
        return found

    # --- fitting ---

    def step(
        self,
        optimiser: torch.optim.Optimizer,
        make: Callable[[int, Block], Tensor],
        blocks: Sequence[tuple[int, Block]],
        power: float,
    ) -> float:
        """One step down the mean |error|^power of these blocks, one after the other; the loss before it."""
        optimiser.zero_grad()
        total = 0.0
        for scene, block in blocks:
            error = self.error(make(scene, block), scene, block)
            loss = torch.mean(torch.abs(error) ** power) / len(blocks)
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        optimiser.step()
        return total

    def watcher(self, task: str, state: Callable[[], State]) -> Callable[[Checkpoint], None]:
        """What shows the evolution of a fit to whoever wants to see it: that of the first scene."""
        return history.watcher(task, self.scenes[0], lambda: self.integers(state(), 0))


def _squared(error: Tensor) -> float:
    return float(torch.sum(torch.square(error)))
