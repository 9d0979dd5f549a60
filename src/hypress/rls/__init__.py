"""Prediction by least squares and arithmetic coding, sample by sample: lossless, or within limits of error."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.rls import coder
from hypress.rls.efforts import Plan, plan
from hypress.rls.kernel import PAD, code_scene
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
        cube = _cube(samples.shape, chosen)
        _inner(cube, len(samples))[:] = np.moveaxis(samples, 0, 2)
        data = np.empty(room, np.uint8)
        state = coder.start(data[:0])
        _code(cube, state, data, True, bounds, max_error, relative, chosen)
        size = coder.finish(state, data)
    return data[:size].tobytes().rstrip(b"\0")


def decode(
    data: bytes, bounds: NDArray[np.int64], shape: tuple[int, int, int], effort: str, max_error: int, relative: float
) -> NDArray[np.int32]:
    """The samples `(band, y, x)`, int32; on other bytes, any within the bounds."""
    chosen = plan(effort, shape[0])
    cube = _cube(shape, chosen)
    held = np.frombuffer(data, np.uint8).copy()
    state = coder.start(held)
    _code(cube, state, held, False, bounds, max_error, relative, chosen)
    return np.ascontiguousarray(np.moveaxis(_inner(cube, shape[0]), 2, 0))


def _code(
    cube: Any, state: Any, data: Any, encode: bool, bounds: Any, max_error: int, relative: float, chosen: Plan
) -> None:
    lows, highs, modes = bounds
    code_scene(
        cube, state, data, encode, lows, highs, modes, max_error, relative, chosen,
        logistic(), logit(), thresholds(), coder.rates(),
    )  # fmt: skip


def _cube(shape: tuple[int, ...], chosen: Plan) -> NDArray[np.int32]:
    bands, rows, columns = shape
    return np.zeros((rows + 2, columns + 2 * PAD, int(chosen.places[:, :, 0].max(initial=1)) + bands), np.int32)


def _inner(cube: NDArray[np.int32], bands: int) -> NDArray[np.int32]:
    return cube[1:-1, PAD:-PAD, -bands:]
