"""Weights of a network as bytes: named float tensors ─► multiples of a step ─► adaptive range coder, and back exactly.

A step is one of a fixed scale, eight to the octave, each exactly a float32; so a decoded weight, an integer times its
step, is the same on every machine. Of a tensor the coder sees planes, its last two axes: the 3 × 3 of a kernel, a map
of features, a matrix. How large the next integer is going to be it learns from its neighbours in the plane, from the
same place in the plane before, and from the means of its plane and of its column; see `entropy.integers`. A tensor of
smooth maps is coded as differences, where those are smaller.

Neither names nor shapes are stored: the decoder says what it expects, and reads no more than that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.entropy.integers import (
    UNIT,
    decode_integer,
    encode_integer,
    model,
)
from hypress.entropy.rangecoder import (
    as_array,
    decode_raw,
    encode_raw,
    finish_encoder,
    start_decoder,
    start_encoder,
)

STEPS = 512
"""Number of steps of the scale, a power of two."""
STEP_BITS = 9
FINEST = -48
"""log₂ of the first step."""
LARGEST = 1 << 24
"""Integers are below this in magnitude, so that each is exactly a float32."""
LIMIT = 250
"""Contexts average over this many integers."""
BESIDE, BEFORE, PLANE, COLUMN = 2, 2, 6, 4
"""Weights, in sixteenths, of what is expected: each neighbour, the plane before, the means of plane and column."""


@dataclass(frozen=True)
class Quantised:
    """A tensor as integers and the place of their step in the scale."""

    integers: NDArray[np.int32]
    step: int

    @property
    def values(self) -> NDArray[np.float32]:
        """The weights, float32, exact products."""
        return self.integers.astype(np.float32) * np.float32(step_of(self.step))


def step_of(index: int) -> float:
    """The step in place `index` of the scale, 0..511: an integer of eight to fifteen times a power of two."""
    return math.ldexp(8 + index % 8, index // 8 + FINEST - 3)


def index_of(step: float) -> int:
    """The place of the largest step that is not above `step`; the first where all are."""
    if not step > step_of(0):
        return 0
    mantissa, exponent = math.frexp(min(step, step_of(STEPS - 1)))
    return min(8 * (exponent - 1 - FINEST) + int(16 * mantissa) - 8, STEPS - 1)


def quantise(tensor: NDArray[Any], step: int) -> Quantised:
    """The multiples of a step, by its place in the scale, nearest to a tensor of any shape."""
    whole = np.rint(np.asarray(tensor, np.float64) / step_of(step))
    return Quantised(np.clip(whole, 1 - LARGEST, LARGEST - 1).astype(np.int32), step)


def encode_weights(tensors: Mapping[str, Quantised]) -> bytes:
    """Code tensors in the order of the mapping. Integers are below 2²⁴ in magnitude."""
    tensors = {name: t for name, t in tensors.items() if t.integers.size}
    planes = {name: _planes(t.integers) for name, t in tensors.items()}
    size = sum(4 * p.size + 16 for p in planes.values()) + 64
    while True:
        buffer, state, contexts = np.empty(size, np.uint8), start_encoder(), (model(), model())
        for name, tensor in tensors.items():
            predicted = int(_smooth(planes[name]))
            encode_raw(state, buffer, tensor.step << 1 | predicted, STEP_BITS + 1)
            _code(planes[name], predicted, True, buffer, contexts[predicted], state)
        size = int(finish_encoder(state, buffer))
        if size <= buffer.size:
            return buffer[:size].tobytes()


def decode_weights(data: bytes, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Quantised]:
    """The tensors of these names and shapes; of bytes that `encode_weights` did not write, any such tensors."""
    source = as_array(data)
    state, contexts = start_decoder(source), (model(), model())
    tensors = {}
    for name, shape in shapes.items():
        integers, head = np.zeros(shape, np.int32), 0
        if integers.size:
            head = int(decode_raw(state, source, STEP_BITS + 1))
            _code(_planes(integers), head & 1, False, source, contexts[head & 1], state)
        tensors[name] = Quantised(integers, head >> 1)
    return tensors


def _planes(integers: NDArray[np.int32]) -> NDArray[np.int32]:
    """A view `(plane, row, column)` of a contiguous tensor."""
    last = integers.shape[-2:] if integers.ndim > 1 else (1, integers.size)
    return np.ascontiguousarray(integers).reshape(-1, *last)


def _smooth(planes: NDArray[np.int32]) -> bool:
    """Whether differences from the mean of west and north neighbour look cheaper than the integers themselves."""
    whole = planes.astype(np.int64)
    inner = whole[:, 1:, 1:]
    around = (whole[:, 1:, :-1] + whole[:, :-1, 1:]) >> 1
    return bool(np.log2(1 + np.abs(inner - around)).sum() < np.log2(1 + np.abs(inner)).sum())


# --- the coder --------------------------------------------------------------------------------------


@njit(nogil=True, cache=True, error_model="numpy")
def _code(
    planes: Any, predicted: int, encode: bool, buffer: Any, contexts: Any, state: Any
) -> None:  # fmt: skip
    """Code `planes (plane, row, column)`, or fill them."""
    count, rows, columns = planes.shape
    before = np.zeros((rows, columns), np.int64)  # magnitudes of residuals in the plane before …
    here = np.zeros((rows, columns), np.int64)  # … and in this one, with their signs
    column_mean = np.zeros(columns, np.int64)  # running means, in sixteenths of sixteenths
    plane_mean = 0
    for p in range(count):
        for y in range(rows):
            for x in range(columns):
                west = here[y, x - 1] if x else 0
                north = here[y - 1, x] if y else 0
                expected = (
                    UNIT * (BESIDE * (abs(west) + abs(north)) + BEFORE * before[y, x])
                    + PLANE * (plane_mean >> 4)
                    + COLUMN * (column_mean[x] >> 4)
                ) >> 4
                sign = 3 * _signum(west) + _signum(north)
                prediction = _around(planes[p], y, x) if predicted else 0
                if encode:
                    residual = int(planes[p, y, x]) - prediction
                    encode_integer(state, buffer, contexts, residual, expected, sign, LIMIT)
                else:
                    residual = decode_integer(state, buffer, contexts, expected, sign, LIMIT)
                    value = min(max(residual + prediction, 1 - LARGEST), LARGEST - 1)
                    planes[p, y, x] = value
                    residual = value - prediction
                here[y, x] = residual
                plane_mean += ((abs(residual) << 8) - plane_mean) >> 5
                column_mean[x] += ((abs(residual) << 8) - column_mean[x]) >> 3
        for y in range(rows):
            for x in range(columns):
                before[y, x] = abs(here[y, x])


@njit(nogil=True, cache=True)
def _around(plane: Any, y: int, x: int) -> int:
    """Mean of the west and north neighbour, of those that there are."""
    west = int(plane[y, x - 1]) if x else int(plane[y - 1, x]) if y else 0
    north = int(plane[y - 1, x]) if y else west
    return (west + north) >> 1


@njit(nogil=True, cache=True)
def _signum(value: int) -> int:
    return 0 if value == 0 else (1 if value > 0 else 2)
