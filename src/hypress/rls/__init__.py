"""Prediction by least squares and arithmetic coding, sample by sample: lossless, or within limits of error."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.rls import coder, interval
from hypress.rls.efforts import Plan, plan
from hypress.rls.kernel import code_scene
from hypress.rls.tables import logistic, logit, thresholds


def encode(samples: NDArray[Any], bounds: NDArray[np.int64], effort: str, max_error: int, relative: float) -> bytes:
    """Code samples `(band, y, x)`, integers of at most 16 bits.

    `bounds (3, band)` holds the least and greatest sample and the axis of each band; no sample is off by more than
    `max_error`, nor by more than the part `relative` of its prediction, if positive.
    """
    chosen = plan(effort, len(samples))
    size, room = 1, 0
    while size > room:
        room = max(size, 4 * samples.size + 64)
        held = np.array(samples, np.int32, order="C")
        data = np.empty(room, np.uint8)
        by = coder if chosen.contexts else interval
        state = by.start(data[:0])
        _code(held, state, data, True, bounds, max_error, relative, chosen)
        size = by.finish(state, data)
    return data[:size].tobytes().rstrip(b"\0")


def decode(
    data: bytes, bounds: NDArray[np.int64], shape: tuple[int, int, int], effort: str, max_error: int, relative: float
) -> NDArray[np.int32]:
    """The samples `(band, y, x)`, int32; on other bytes, any within the bounds."""
    chosen = plan(effort, shape[0])
    samples = np.zeros(shape, np.int32)
    held = np.frombuffer(data, np.uint8).copy()
    state = (coder if chosen.contexts else interval).start(held)
    _code(samples, state, held, False, bounds, max_error, relative, chosen)
    return samples


def _code(
    samples: Any, state: Any, data: Any, encode: bool, bounds: Any, max_error: int, relative: float, chosen: Plan
) -> None:
    lows, highs, modes = bounds
    code_scene(
        samples, state, data, encode, lows, highs, modes, max_error, relative, chosen,
        logistic(), logit(), thresholds(), coder.rates(),
    )  # fmt: skip
