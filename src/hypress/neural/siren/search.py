"""Architecture search: which network, of those that a budget allows, comes closest to the scene.

All are fitted a little; then the worse half is abandoned, and so on, until one is left, which gets what remains of
steps and time: successive halving (K. Jamieson and A. Talwalkar, "Non-stochastic best arm identification and
hyperparameter optimization", AISTATS 2016). The published search fits every candidate to the end.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from hypress.errors import ConfigurationError
from hypress.neural.fitting import Effort, threads
from hypress.neural.siren.apply import Layers
from hypress.neural.siren.fit import Shown, Training
from hypress.neural.siren.net import Siren

SEARCHING = 0.4
"""Share of steps and time in which candidates are compared."""


def search(
    architectures: Sequence[tuple[int, int]],
    inputs: NDArray[np.float32],
    targets: NDArray[np.float32],
    psnr_db: Callable[[float], float],
    effort: Effort,
    scene: Shown,
    *,
    omega: float,
) -> tuple[tuple[int, int], Layers]:
    """The best `(layers, width)` and its parameters; steps and time of `effort` are those of all together.

    Raises ConfigurationError where every candidate diverges.
    """
    started, made = time.monotonic(), 0

    def training(layers: int, width: int) -> Training:
        net = Siren(len(inputs), len(targets), layers=layers, width=width, omega=omega, seed=effort.seed)
        return Training(net, inputs, targets, psnr_db, effort, scene)

    alive = [(architecture, training(*architecture)) for architecture in architectures]
    rounds = math.ceil(math.log2(len(alive)))
    with threads():
        while len(alive) > 1:
            leg = effort.part(SEARCHING / rounds / len(alive))
            ranked, failure = [], None
            for architecture, candidate in alive:
                try:
                    found = candidate.run(max(1, leg.steps), leg.seconds, task=_name(architecture))
                except ConfigurationError as error:
                    failure = error
                    continue
                ranked.append((found.quality.psnr_db, architecture, candidate))
                made += max(1, leg.steps)
            if not ranked and failure is not None:
                raise failure
            ranked.sort(key=lambda entry: -entry[0])
            alive = [(architecture, candidate) for _, architecture, candidate in ranked[: -(-len(alive) // 2)]]
        ((architecture, last),) = alive
        left = effort.seconds - (time.monotonic() - started)
        return architecture, last.run(max(0, effort.steps - made), left, task=_name(architecture)).best


def _name(architecture: tuple[int, int]) -> str:
    layers, width = architecture
    return f"siren {layers} × {width}"
