"""What a generative network is made of: the sizes of its tensors, and which network suits a scene and a budget."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hypress.errors import ConfigurationError
from hypress.neural.gnn.blocks import HEAD, cells_of

LATENT = 50
"""Length of the latent code, as published."""
MOST_BLOCKS, MOST_MAPS, MOST_CHANNELS = 7, 256, 256
SPARE = 1 << 12
"""Numbers that a cube may have beyond one for every sample."""

Shape = tuple[int, int, int]
Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Plan:
    """A network's form. With the shape of the scene `(band, y, x)` it gives that of every tensor."""

    blocks: int
    """Doublings."""
    maps: int
    """Of the cube."""
    channels: int
    """Of each convolution but the last."""
    kernel: int = 1
    """Edge of the last convolution: 1, or 3 as published."""

    @property
    def convolutions(self) -> int:
        """Their number, without the last."""
        return self.blocks + HEAD

    @property
    def radius(self) -> int:
        """How many pixels around one the convolutions at full resolution look."""
        return HEAD + self.kernel // 2

    def cube(self, shape: Shape) -> Shape:
        """`(map, y, x)` of the cube of a scene."""
        return self.maps, cells_of(shape[1], self.blocks), cells_of(shape[2], self.blocks)

    def layers(self, bands: int) -> Shapes:
        """Shapes of the convolutions, batch normalisation folded in: weights `(out, in, 3, 3)`, biases, the output."""
        found: Shapes = {}
        inputs = self.maps
        for layer in range(self.convolutions):
            found[f"weights{layer}"] = (self.channels, inputs, 3, 3)
            found[f"bias{layer}"] = (self.channels,)
            inputs = self.channels
        found["output"] = (bands, inputs) if self.kernel == 1 else (bands, inputs, self.kernel, self.kernel)
        found["bias"] = (bands,)
        return found

    def weights(self, shape: Shape, *, per_neuron: int = 1) -> int:
        """Numbers in all: `per_neuron` for each of the cube's, 51 where the first layer is whole, and the layers'."""
        return per_neuron * math.prod(self.cube(shape)) + sum(math.prod(s) for s in self.layers(shape[0]).values())

    def legal(self, shape: Shape) -> bool:
        """Whether a decoder need consider it for such a scene."""
        return (
            0 <= self.blocks <= most_blocks(shape)
            and 1 <= self.maps <= MOST_MAPS
            and 1 <= self.channels <= MOST_CHANNELS
            and math.prod(self.cube(shape)) <= math.prod(shape) + SPARE
        )


def most_blocks(shape: Shape) -> int:
    """As many as a scene bears: a cell of the cube is no wider than the scene."""
    return min(max(shape[1:]).bit_length() - 1, MOST_BLOCKS)


def check_blocks(blocks: int, shape: Shape) -> None:
    """Raise ConfigurationError where a scene is too small for so many blocks."""
    if blocks > (most := most_blocks(shape)):
        works = "only 0 works" if most == 0 else f"0 to {most} work"
        raise ConfigurationError(
            f"gnn: a scene of {shape[1]} × {shape[2]} pixels is too small for {blocks} blocks, which double the size "
            f"{blocks} times: {works}"
        )


BITS_PER_WEIGHT = 4.5
"""About what a quantised weight takes."""
CUBE_SHARE = 0.45
"""Of the weights, those that should be the cube's …"""
FEWEST_MAPS = 3
"""… which should have so many maps; else it is better half as wide, with four times as many."""
WIDEST = 64
"""Channels that are chosen, at most: more are slow."""


def plan_within(
    shape: Shape,
    bits: float,
    *,
    blocks: int | None = None,
    channels: int | None = None,
    kernel: int = 1,
    per_neuron: int = 1,
) -> Plan:
    """The network to fit to a scene within `bits`; the smallest there is where those are too few.

    What is not given is chosen. Raises ConfigurationError where `blocks` are too many.
    """
    wanted = bits / BITS_PER_WEIGHT
    if blocks is None:
        blocks = _doublings(shape, CUBE_SHARE * wanted / per_neuron)
    check_blocks(blocks, shape)

    def room(maps: int, width: int) -> float:
        return wanted - Plan(blocks, maps, width, kernel).weights(shape, per_neuron=per_neuron)

    cells = math.prod(Plan(blocks, 1, 1).cube(shape))
    most = min(MOST_MAPS, (math.prod(shape) + SPARE) // cells)
    maps = max(1, min(most, int(CUBE_SHARE * wanted / per_neuron / cells)))
    if channels is None:
        channels = max((c for c in range(1, WIDEST + 1) if room(maps, c) >= 0), default=1)
    while maps < most and room(maps + 1, channels) >= 0:
        maps += 1
    while maps > 1 and room(maps, channels) < 0:
        maps -= 1
    return Plan(blocks, maps, channels, kernel)


def _doublings(shape: Shape, neurons: float) -> int:
    """The fewest, but at least one if there can be one, with which so many neurons are enough maps."""
    most = most_blocks(shape)
    for blocks in range(min(1, most), most):
        if neurons >= FEWEST_MAPS * math.prod(Plan(blocks, 1, 1).cube(shape)):
            return blocks
    return most
