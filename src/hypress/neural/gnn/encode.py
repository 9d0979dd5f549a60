"""From a scene and a budget to the streams of a generative network: choose a form, fit, round, fit again, write.

A goal asks for the same scene at several rates, and a fit takes its time. So forms are half an octave of rate apart,
rounding an eighth of one; what falls between is met by the final step, and fits are remembered.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from numpy.typing import NDArray

from hypress.neural.gnn import key
from hypress.neural.gnn.coding import Rounded, write_cube, write_first, write_network
from hypress.neural.gnn.fit import Settings, Weights, fit_free, fit_rounded
from hypress.neural.gnn.plan import LATENT, Shape, plan_within
from hypress.neural.gnn.rate import natural_steps, rounded_within, steps_of
from hypress.neural.gnn.scenes import Scenes
from hypress.neural.recent import Recent, digest
from hypress.valid import valid_samples

ROUNDED = 0.4
"""Share of steps and time in which rounded weights are fitted."""
FORMS, ROUNDINGS = 2, 8
"""Rates that are told apart, to the octave."""

_free: Recent[Weights] = Recent(2)
_rounded: Recent[tuple[Weights, dict[str, float]]] = Recent(2)


def encode(
    samples: NDArray[Any],
    rate_bpppc: float,
    settings: Settings,
    *,
    blocks: int | None = None,
    channels: int | None = None,
    keyed: bool = False,
) -> dict[str, bytes]:
    """The streams "network" and "first", and "key" where the secret in use is to be needed for decoding."""
    budget = int(rate_bpppc * samples.size / 8)
    shape: Shape = samples.shape  # type: ignore[assignment]
    kernel, per_neuron = (3, 1 + LATENT) if settings.published else (1, 1)
    plan = plan_within(
        shape,
        8.0 * _near(budget, FORMS),
        blocks=blocks,
        channels=channels,
        kernel=kernel,
        per_neuron=per_neuron,
    )
    valid = valid_samples()
    identity = (digest(samples, valid), plan, settings)
    lock, seed = b"", None
    if keyed:
        salt = hashlib.blake2b(repr(identity).encode(), digest_size=key.SALT).digest()
        lock, seed = key.lock(salt)
    latent = key.latent(seed or key.PUBLIC) if settings.published else None
    scenes = Scenes([samples], plan, latent, valid)

    def streams(rounded: Rounded) -> dict[str, bytes]:
        network = write_network(plan, scenes.low, scenes.high, rounded)
        cube_seed = None if seed is None else key.bound(seed, network)
        first = write_first(rounded) if settings.published else write_cube(rounded["cube0"], cube_seed)
        return {"network": network, "first": first} | ({"key": lock} if keyed else {})

    return streams(fitted(scenes, settings, (*identity, latent is not None and latent.tobytes()), streams, budget))


def fitted(
    scenes: Scenes,
    settings: Settings,
    identity: Hashable,
    streams: Callable[[Rounded], Mapping[str, bytes]],
    budget: int,
) -> Rounded:
    """A network fitted to scenes and rounded so that its `streams` take no more than `budget` bytes, if that can be.

    `identity` stands for all that the fit hangs on but the budget.
    """

    def size(rounded: Rounded) -> int:
        return sum(map(len, streams(rounded).values()))

    target = _near(budget, ROUNDINGS)

    def fit_to_target() -> tuple[Weights, dict[str, float]]:
        free = _free.get(identity, lambda: fit_free(scenes, settings.share(1 - ROUNDED))[-1].best)
        natural = natural_steps(scenes, free)
        steps = steps_of(rounded_within(free, natural, size, target))
        return fit_rounded(scenes, settings.share(ROUNDED), free, steps).best, natural

    weights, natural = _rounded.get((identity, target), fit_to_target)
    return rounded_within(weights, natural, size, budget)


def _near(budget: int, per_octave: int) -> int:
    """The budget, rounded on a scale of so many steps to the octave."""
    return round(2 ** (round(per_octave * math.log2(max(budget, 1))) / per_octave))
