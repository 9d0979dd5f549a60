"""How coarsely each tensor of a network is rounded, so that it takes no more than its bytes and loses the least.

Rounding a tensor of n weights with step Δ costs about −n log₂ Δ bits and adds g Δ² to the squared error; so at the
least error for given bits, Δ² is in proportion to n / g. The sensitivity g is measured, by what noise on the tensor
changes in a few blocks of the scene.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch

from hypress.neural.gnn.fit import Weights
from hypress.neural.gnn.scenes import Scenes
from hypress.neural.weights import Quantised, index_of, quantise, step_of

NOISE = 1 / 64
"""Of the root mean square of a tensor, the noise with which its sensitivity is measured."""
FINEST, COARSEST = -16.0, 4.0
"""Between which the steps are sought: log₂, where the largest tensor's natural step is its root mean square."""
CLOSE = 1 / 64
"""Octaves within which the search ends …"""
SPARE = 1 / 512
"""… or when no more of the budget is left."""
LEAST = 1e-9
"""Least sensitivity, of the greatest: that of a tensor on which nothing depends."""


def natural_steps(scenes: Scenes, weights: Weights, seed: int = 0) -> dict[str, float]:
    """Steps in the proportion in which they should be; that of the largest tensor is its root mean square."""
    random = np.random.default_rng(seed)
    state = {name: torch.from_numpy(t) for name, t in weights.items()}
    scales = {name: float(np.sqrt(np.mean(np.square(t, dtype=np.float64)))) for name, t in weights.items()}
    sensitivities = dict.fromkeys(weights, 0.0)
    for name, tensor in weights.items():
        if scales[name] > 0:
            noise = random.standard_normal(tensor.shape).astype(np.float32) * (tensor != 0)
            shaken = torch.from_numpy(tensor + np.float32(NOISE * scales[name]) * noise)
            with scenes.threads():
                distance = scenes.distance(state, state | {name: shaken})
            sensitivities[name] = distance / scales[name] ** 2 / tensor.size
    least = LEAST * max(sensitivities.values()) or 1.0
    natural = {name: max(s, least) ** -0.5 for name, s in sensitivities.items()}
    largest = max(weights, key=lambda name: weights[name].size)
    unit = (scales[largest] or 1.0) / natural[largest]
    return {name: n * unit for name, n in natural.items()}


def rounded_within(
    weights: Weights, natural: Mapping[str, float], size: Callable[[Mapping[str, Quantised]], int], budget: int
) -> dict[str, Quantised]:
    """Weights rounded with steps in their natural proportion, as fine as `budget` bytes allow.

    As coarse as can be where those are too few.
    """
    low, high = FINEST, COARSEST
    finest, best = (_rounded(weights, natural, octaves) for octaves in (low, high))
    over, spare = size(finest) - budget, budget - size(best)
    if over <= 0 or spare < 0:
        return finest if over <= 0 else best
    excess, rest = float(over), float(spare)
    while spare > SPARE * budget and high - low > CLOSE:
        # False position, by the Illinois rule: what stays at one end counts half.
        middle = low + min(max(excess / (excess + rest), 0.1), 0.9) * (high - low)
        tried = _rounded(weights, natural, middle)
        over = size(tried) - budget
        if over > 0:
            low, excess, rest = middle, over, rest / 2
        else:
            best, spare, high, excess, rest = tried, -over, middle, excess / 2, -over
    return best


def _rounded(weights: Weights, natural: Mapping[str, float], octaves: float) -> dict[str, Quantised]:
    return {name: quantise(t, index_of(natural[name] * 2.0**octaves)) for name, t in weights.items()}


def steps_of(rounded: Mapping[str, Quantised]) -> dict[str, float]:
    """The steps that were taken."""
    return {name: step_of(r.step) for name, r in rounded.items()}
