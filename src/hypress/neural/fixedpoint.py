"""Networks in fixed point: what decides probabilities has to come out alike on every machine, to the last bit.

Activations are integers in units of 2^-8, weights integers in units of 2^-12. A layer multiplies and adds them exactly,
adds half a unit, shifts, and cuts at zero (ReLU) or −2^19, and at 2^19. The products and sums are below 2^52, so double
precision holds each of them exactly, in whatever order they are added, fused or not: the arithmetic is exact by size,
not by care. No thread count, vector width or memory format can change a bit; torch has no part in it.

After J. Ballé, N. Johnston and D. Minnen, "Integer networks for data compression with latent-variable models" (ICLR
2019), who train with the rounding; here it is fine enough that converting a trained network loses nothing measurable.

`convolved_reference` is the readable twin of the kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.once import once

ACTIVATION_BITS, WEIGHT_BITS = 8, 12
"""Places after the point."""
LARGEST = 1 << 19
"""Of an activation, in units: 2048."""
LARGEST_WEIGHT = 1 << 19
"""Of a weight, in units: 128."""
_EXACT = 1 << 52

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Convolution:
    """Integers `weights (out, in, kernel, kernel)` and `biases (out,)`, these in units of a product."""

    weights: Integers
    biases: Integers
    up: int = 1
    """Rows and columns are spread by this factor first, with zeros between."""
    rectified: bool = False

    def __post_init__(self) -> None:
        _, inputs, height, width = self.weights.shape
        if height != width or height % 2 == 0 or height < self.up or self.biases.shape != self.weights.shape[:1]:
            raise ValueError(f"no convolution has weights of {self.weights.shape} and biases of {self.biases.shape}")
        if int(np.abs(self.weights).max(initial=0)) > LARGEST_WEIGHT:
            raise ValueError("weights of 128 or more do not fit into fixed point")
        bound = inputs * height * width * LARGEST * LARGEST_WEIGHT + int(np.abs(self.biases).max(initial=0))
        if bound >= _EXACT:
            raise ValueError(f"{inputs} channels under a kernel of {height} × {width} could overflow fixed point")

    def __call__(self, maps: Integers) -> Integers:
        """`(in, y, x)` in units to `(out, up · y, up · x)`."""
        kernel, around, up = self.weights.shape[2], self.weights.shape[2] // 2, self.up
        _, rows, columns = maps.shape
        # Output (up y + a, up x + b) meets the rows y + (a + d − around) / up of the input for taps d that divide so.
        margin = -(-around // up)
        padded = np.zeros((len(maps), rows + 2 * margin, columns + 2 * margin))
        padded[:, margin : margin + rows, margin : margin + columns] = maps
        out = np.empty((len(self.weights), rows, up, columns, up), np.int64)
        for a in range(up):
            for b in range(up):
                places = [
                    (margin + (a + dy - around) // up, margin + (b + dx - around) // up)
                    for dy in range(kernel) if (a + dy - around) % up == 0
                    for dx in range(kernel) if (b + dx - around) % up == 0
                ]  # fmt: skip
                seen = np.stack([padded[:, y : y + rows, x : x + columns] for y, x in places])
                sums = np.zeros((len(self.weights), rows * columns))
                _multiply(self._parts[a * up + b], seen.reshape(-1, rows * columns), sums)
                out[:, :, a, :, b] = sums.reshape(len(sums), rows, columns)
        return self._shifted(out.reshape(len(out), rows * up, columns * up))

    def _shifted(self, sums: Integers) -> Integers:
        """Sums of products as activations."""
        shifted = (sums + self.biases[:, None, None] + (1 << (WEIGHT_BITS - 1))) >> WEIGHT_BITS
        return np.clip(shifted, 0 if self.rectified else -LARGEST, LARGEST)

    @once
    def _parts(self) -> list[NDArray[np.float64]]:
        """Weights `(out, tap · in)` of each parity of row and column."""
        kernel, around, up = self.weights.shape[2], self.weights.shape[2] // 2, self.up
        parts = []
        for a in range(up):
            for b in range(up):
                taps = [
                    self.weights[:, :, dy, dx]
                    for dy in range(kernel) if (a + dy - around) % up == 0
                    for dx in range(kernel) if (b + dx - around) % up == 0
                ]  # fmt: skip
                parts.append(np.ascontiguousarray(np.concatenate(taps, axis=1), np.float64))
        return parts


@njit(nogil=True, cache=True)
def _multiply(weights: NDArray[np.float64], seen: NDArray[np.float64], sums: NDArray[np.float64]) -> None:
    """Add `weights (out, n) · seen (n, place)` to `sums (out, place)`: a library's product would bring its threads."""
    outputs, places = sums.shape
    for o in range(0, outputs - 3, 4):
        for n in range(weights.shape[1]):
            one, two, three, four = weights[o, n], weights[o + 1, n], weights[o + 2, n], weights[o + 3, n]
            for p in range(places):
                value = seen[n, p]
                sums[o, p] += one * value
                sums[o + 1, p] += two * value
                sums[o + 2, p] += three * value
                sums[o + 3, p] += four * value
    for o in range(outputs - outputs % 4, outputs):
        for n in range(weights.shape[1]):
            for p in range(places):
                sums[o, p] += weights[o, n] * seen[n, p]


def convolved_reference(layer: Convolution, maps: Integers) -> Integers:
    """What a layer makes, in integers throughout: spread, then convolved."""
    around = layer.weights.shape[2] // 2
    _, rows, columns = maps.shape
    spread = np.zeros((len(maps), layer.up * rows, layer.up * columns), np.int64)
    spread[:, :: layer.up, :: layer.up] = maps
    padded = np.pad(spread, [(0, 0), (around, around), (around, around)])
    sums = np.zeros((len(layer.weights), *spread.shape[1:]), np.int64)
    for dy in range(layer.weights.shape[2]):
        for dx in range(layer.weights.shape[3]):
            window = padded[:, dy : dy + spread.shape[1], dx : dx + spread.shape[2]]
            sums += np.einsum("oi,iyx->oyx", layer.weights[:, :, dy, dx], window)
    return layer._shifted(sums)


def convolution(
    weights: NDArray[np.floating], biases: NDArray[np.floating], *, up: int = 1, rectified: bool = False
) -> Convolution:
    """A trained layer, rounded. Raises ValueError where it does not fit."""
    return Convolution(
        np.rint(np.asarray(weights, np.float64) * (1 << WEIGHT_BITS)).astype(np.int64),
        np.rint(np.asarray(biases, np.float64) * (1 << (WEIGHT_BITS + ACTIVATION_BITS))).astype(np.int64),
        up,
        rectified,
    )


def apply(layers: Sequence[Convolution], maps: Integers) -> Integers:
    """Layer after layer."""
    for layer in layers:
        maps = layer(maps)
    return maps
