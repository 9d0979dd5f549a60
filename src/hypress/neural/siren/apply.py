"""A sine network evaluated at every pixel, the same on every machine. No torch.

    inputs (in, pixel) ─► [W · + b, sin ω·] × layers ─► W · + b ─► outputs (out, pixel)

float32 throughout. Two things differ between machines and libraries, and neither is left to them: the order of sums,
which are written out, input by input, whatever the number of threads; and the sine, which is a polynomial after the
argument's reduction to ±π/2. What remains are additions and multiplications, which IEEE 754 fixes to the last bit.

`outputs_reference` is the readable twin of `outputs`; they agree bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Layers = Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Weights `(out, in)` and biases `(out,)` of each layer, float32."""

BLOCK = 256
"""Pixels that go through all layers together, so that what is between layers stays in the cache."""
FARTHEST = np.float32(30000)
"""Arguments of the sine are clipped here: up to it, multiples of π are subtracted exactly enough."""

_TO_TURNS = np.float32(1 / np.pi)
_PI_HIGH, _PI_MIDDLE, _PI_LOW = np.float32(3.140625), np.float32(9.67025756835937e-4), np.float32(6.27711414e-7)
"""π in three parts; multiples of the first two, which are short, are exact."""
_C3, _C5, _C7, _C9, _C11 = (np.float32(c) for c in (-1 / 6, 1 / 120, -1 / 5040, 1 / 362880, -1 / 39916800))
_HALF, _TWO, _ONE = np.float32(0.5), np.float32(2), np.float32(1)


@njit(nogil=True, cache=True, inline="always")
def _sine(x: Any) -> Any:
    """Sine of a float32, to about 3e-7."""
    x = min(max(x, -FARTHEST), FARTHEST)
    n = np.floor(x * _TO_TURNS + _HALF)
    r = ((x - n * _PI_HIGH) - n * _PI_MIDDLE) - n * _PI_LOW
    odd = n - _TWO * np.floor(n * _HALF)
    s = r * r
    value = r + r * (s * (_C3 + s * (_C5 + s * (_C7 + s * (_C9 + s * _C11)))))
    return value * (_ONE - _TWO * odd)


@njit(nogil=True, cache=True, error_model="numpy")
def _layer(weights: Any, biases: Any, inside: Any, outside: Any, count: int, omega: Any, sines: bool) -> None:
    """One layer for the first `count` pixels: rows of `inside (in, pixel)` to rows of `outside (out, pixel)`."""
    wide = inside.shape[0]
    fours = wide - wide % 4
    for j in range(outside.shape[0]):
        row = outside[j]
        for p in range(count):
            row[p] = biases[j]
        for i in range(0, fours, 4):
            a, b, c, d = weights[j, i], weights[j, i + 1], weights[j, i + 2], weights[j, i + 3]
            one, two, three, four = inside[i], inside[i + 1], inside[i + 2], inside[i + 3]
            for p in range(count):
                row[p] += (a * one[p] + b * two[p]) + (c * three[p] + d * four[p])
        for i in range(fours, wide):
            a, one = weights[j, i], inside[i]
            for p in range(count):
                row[p] += a * one[p]
        if sines:
            for p in range(count):
                row[p] = _sine(omega * row[p])


def outputs(layers: Layers, inputs: NDArray[np.float32], omega: float) -> NDArray[np.float32]:
    """Outputs `(out, pixel)`, float32, at inputs `(in, pixel)`; sines follow all layers but the last."""
    pixels = inputs.shape[1]
    found = np.empty((len(layers[-1][1]), pixels), np.float32)
    between = [np.empty((len(biases), BLOCK), np.float32) for _, biases in layers]
    for start in range(0, pixels, BLOCK):
        count = min(BLOCK, pixels - start)
        inside = np.ascontiguousarray(inputs[:, start : start + count], np.float32)
        for n, ((weights, biases), outside) in enumerate(zip(layers, between, strict=True)):
            _layer(weights, biases, inside, outside, count, np.float32(omega), n < len(layers) - 1)
            inside = outside
        found[:, start : start + count] = inside[:, :count]
    return found


def outputs_reference(layers: Layers, inputs: NDArray[np.float32], omega: float) -> NDArray[np.float32]:
    """As `outputs`, for all pixels at once."""
    inside = inputs.astype(np.float32)
    for n, (weights, biases) in enumerate(layers):
        row = np.repeat(biases[:, None], inside.shape[1], axis=1)
        fours = len(inside) - len(inside) % 4
        for i in range(0, fours, 4):
            a, b, c, d = (weights[:, i + k, None] * inside[i + k] for k in range(4))
            row = row + ((a + b) + (c + d))
        for i in range(fours, len(inside)):
            row = row + weights[:, i, None] * inside[i]
        inside = sine_reference(np.float32(omega) * row) if n < len(layers) - 1 else row
    return inside


def sine_reference(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sine of the kernel, on arrays."""
    x = np.clip(x, -FARTHEST, FARTHEST)
    n = np.floor(x * _TO_TURNS + _HALF)
    r = ((x - n * _PI_HIGH) - n * _PI_MIDDLE) - n * _PI_LOW
    s = r * r
    value = r + r * (s * (_C3 + s * (_C5 + s * (_C7 + s * (_C9 + s * _C11)))))
    return np.asarray(value * (_ONE - _TWO * (n - _TWO * np.floor(n * _HALF))), np.float32)


def coordinates(rows: int, columns: int) -> NDArray[np.float32]:
    """`(2, pixel)`: x and y of every pixel, row by row, each from −1 to 1; 0 along a side of one pixel."""
    y, x = (np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in (rows, columns))
    return np.stack([np.tile(x, rows), np.repeat(y, columns)]).astype(np.float32)
