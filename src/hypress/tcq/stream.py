"""Indices of all subbands as bytes, one range-coded stream per lane.

size of the first lane (4 bytes, big endian; only if there are two) ─ first lane ─ second lane
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypress.entropy.rangecoder import as_array, finish_encoder, start_decoder, start_encoder
from hypress.errors import CodestreamError
from hypress.tcq.coder import DECODE, ENCODE, LOOK, bits_of, code_band, costs_of, first_contexts
from hypress.tcq.subbands import Layout

_SIZE = struct.Struct(">I")
_ROOM = 4096


@dataclass(frozen=True, eq=False)
class Known:
    """What a trellis is to know."""

    expectations: list[NDArray[np.int32]]
    """Of each coefficient, by subband."""
    costs: list[NDArray[np.float32]]
    """Bits of an index `(quantiser, class, index)`, by lane."""


def look(indices: Sequence[NDArray[np.int32]], layout: Layout) -> tuple[float, Known]:
    """About how many bytes the indices `(component, y, x)` of each subband would take, and what is learnt from them."""
    expectations = [np.zeros(band.shape, np.int32) for band in indices]
    costs = costs_of(first_contexts())

    def work(lane: int) -> float:
        unused = first_contexts(), start_encoder()
        known: dict[int, NDArray[np.int32]] = {}
        bits = 0.0
        for place, i in enumerate(layout.lanes[lane]):
            known[i] = np.zeros_like(indices[i])
            siblings = layout.siblings(layout.lanes[lane], place, known)
            code_band(indices[i], siblings, LOOK, np.empty(0, np.uint8), *unused, known[i], expectations[i])
            bits += bits_of(indices[i], expectations[i], costs)
        return bits

    return sum(layout.each_lane(work)) / 8, Known(expectations, [costs for _ in layout.lanes])


def encode(indices: Sequence[NDArray[np.int32]], layout: Layout) -> tuple[bytes, Known]:
    """Code the indices `(component, y, x)` of each subband; and what is learnt from them."""
    expectations = [np.zeros(band.shape, np.int32) for band in indices]

    def work(lane: int) -> tuple[bytes, NDArray[np.float32]]:
        room = _ROOM + sum(indices[i].size for i in layout.lanes[lane])
        while True:
            states, coder, buffer = first_contexts(), start_encoder(), np.empty(room, np.uint8)
            known: dict[int, NDArray[np.int32]] = {}
            for place, i in enumerate(layout.lanes[lane]):
                known[i] = np.zeros_like(indices[i])
                siblings = layout.siblings(layout.lanes[lane], place, known)
                code_band(indices[i], siblings, ENCODE, buffer, states, coder, known[i], expectations[i])
            room = finish_encoder(coder, buffer)
            if room <= buffer.size:
                return buffer[:room].tobytes(), costs_of(states)

    lanes = layout.each_lane(work)
    head = _SIZE.pack(len(lanes[0][0])) if len(lanes) > 1 else b""
    return b"".join([head, *(data for data, _ in lanes)]), Known(expectations, [costs for _, costs in lanes])


def decode(data: bytes, layout: Layout) -> list[NDArray[np.int32]]:
    """The indices of each subband; of other bytes, any. Raises CodestreamError where the stream is cut short."""
    parts = [data]
    if len(layout.lanes) > 1:
        if len(data) < _SIZE.size or len(data) < _SIZE.size + _SIZE.unpack_from(data)[0]:
            raise CodestreamError("the stream of coefficients is cut short")
        end = _SIZE.size + _SIZE.unpack_from(data)[0]
        parts = [data[_SIZE.size : end], data[end:]]
    indices = [np.zeros((layout.shape[0], *band.shape[1:]), np.int32) for band in layout.bands]
    nothing = np.zeros((0, 1, 1), np.int32)

    def work(lane: int) -> None:
        source, states = as_array(parts[lane]), first_contexts()
        coder = start_decoder(source)
        known: dict[int, NDArray[np.int32]] = {}
        for place, i in enumerate(layout.lanes[lane]):
            known[i] = np.zeros_like(indices[i])
            siblings = layout.siblings(layout.lanes[lane], place, known)
            code_band(indices[i], siblings, DECODE, source, states, coder, known[i], nothing)

    layout.each_lane(work)
    return indices
