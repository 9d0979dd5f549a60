"""Components as bytes, one range-coded stream per lane.

size of the first lane (4 bytes, big endian; only if there are two) ─ first lane ─ second lane
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.entropy.rangecoder import as_array, finish_encoder, start_decoder, start_encoder
from hypress.errors import CodestreamError
from hypress.tcq import band
from hypress.tcq.band import ELASTICITY
from hypress.tcq.coder import costs_of, first_contexts
from hypress.tcq.subbands import Layout

_SIZE = struct.Struct(">I")
_ROOM = 4096

Planned = list[list[NDArray[np.float64]]]
"""Bits `(component,)` by the end of each component of each subband of each lane, from the lane's start."""


def total(planned: Planned) -> float:
    """Bits of all lanes."""
    return float(sum(lane[-1][-1] for lane in planned))


@dataclass(frozen=True, eq=False)
class Coded:
    """Coefficients as coded at a step."""

    data: bytes
    lattice: list[NDArray[np.int32]]
    """Magnitudes `(component, y, x)` in lattice steps, by subband."""
    squares: float
    """Squared error of the coefficients."""
    taken: Planned
    stretch: float
    """About how many times as many bits it would have been, had λ not departed from what it was set to."""


def look(lattice: Sequence[NDArray[np.int32]], layout: Layout) -> Planned:
    """About how many bits magnitudes `(component, y, x)` in lattice steps would take, by subband."""
    costs = costs_of(first_contexts())

    def work(lane: int) -> list[NDArray[np.float64]]:
        numbers, found, total = layout.lanes[lane], list[NDArray[np.float64]](), 0.0
        for place, i in enumerate(numbers):
            bits = np.zeros(len(lattice[i]))
            band.look(lattice[i], layout.siblings(numbers, place, lattice), costs, bits)
            found.append(total + np.cumsum(bits))
            total = found[-1][-1]
        return found

    return layout.each_lane(work)


def encode(
    values: Sequence[NDArray[np.float32]],
    guesses: Sequence[NDArray[np.int32]],
    layout: Layout,
    step: float,
    weight: float,
    planned: Planned | None = None,
    room: float = 0.0,
) -> Coded:
    """Quantise and code coefficients `(component, y, x)` of each subband, whose magnitudes are guessed.

    With `planned` bits, of all of which `room` bits are to be made, λ departs from `weight` as it has to.
    """
    share = room / max(total(planned), 1.0) if planned else 0.0
    lattice = [guess.copy() for guess in guesses]

    def work(lane: int) -> tuple[bytes, NDArray[np.float64], list[NDArray[np.float64]]]:
        numbers = layout.lanes[lane]
        states, coder = first_contexts(), start_encoder()
        buffer = np.empty(_ROOM + 4 * sum(values[i].size for i in numbers), np.uint8)
        found, taken = np.zeros(2), list[NDArray[np.float64]]()
        before, goal = 0.0, share * planned[lane][-1][-1] if planned else 0.0
        for place, i in enumerate(numbers):
            plan = np.append(share * planned[lane][place], before) if planned else np.zeros(0)
            siblings = layout.siblings(numbers, place, lattice)
            bits = np.zeros(len(values[i]))
            found += band.encode(
                values[i], lattice[i], siblings, 1 / step, weight, plan, goal, buffer, states, coder, bits
            )
            taken.append(bits)
            before = plan[-2] if planned else 0.0
        size = finish_encoder(coder, buffer)
        return buffer[:size].tobytes(), found, taken

    lanes = layout.each_lane(work)
    head = _SIZE.pack(len(lanes[0][0])) if len(lanes) > 1 else b""
    data = b"".join([head, *(data for data, *_ in lanes)])
    squares, departed = np.sum([found for _, found, _ in lanes], axis=0)
    taken = [bits for *_, bits in lanes]
    stretch = math.exp(ELASTICITY * departed / sum(bits[-1][-1] for bits in taken))
    return Coded(data, lattice, float(squares) * step * step, taken, stretch)


def decode(data: bytes, layout: Layout) -> list[NDArray[np.int32]]:
    """The multiples of the step of each subband; of other bytes, any. Raises CodestreamError where it is cut short."""
    parts = [data]
    if len(layout.lanes) > 1:
        if len(data) < _SIZE.size or len(data) < _SIZE.size + _SIZE.unpack_from(data)[0]:
            raise CodestreamError("the stream of coefficients is cut short")
        end = _SIZE.size + _SIZE.unpack_from(data)[0]
        parts = [data[_SIZE.size : end], data[end:]]
    shapes = [(layout.shape[0], *part.shape[1:]) for part in layout.bands]
    lattice, signed = ([np.empty(shape, np.int32) for shape in shapes] for _ in range(2))

    def work(lane: int) -> Any:
        source, states = as_array(parts[lane]), first_contexts()
        coder = start_decoder(source)
        for place, i in enumerate(layout.lanes[lane]):
            siblings = layout.siblings(layout.lanes[lane], place, lattice)
            band.decode(lattice[i], signed[i], siblings, source, states, coder)

    layout.each_lane(work)
    return signed
