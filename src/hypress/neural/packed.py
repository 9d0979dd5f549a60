"""Tensors in fewer bytes: what pruning left of them by its places, integers of eight bits by their scales.

    weights ─► "weights::values", "weights::scales"      int8, one scale for each channel that comes out
            └► "weights::places", "weights::about"       where values are that are not zero, coded; their shape

The places are coded as so many zeros and ones of a known frequency: at a share p of ones they cost the entropy of p.
A tensor can have either, both or none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.entropy.tables import TOTAL, TableDecoder, TableEncoder, Tables

Tensors = dict[str, NDArray[Any]]
MARK = "::"
VALUES, SCALES, PLACES, ABOUT = (MARK + part for part in ("values", "scales", "places", "about"))
SPARSE = 0.2
"""Share of zeros from which on places are stored."""
LARGEST = 1 << 29
"""Entries of a tensor, at most."""


def packed(tensors: Mapping[str, NDArray[Any]], channels: Mapping[str, int] | None = None) -> Tensors:
    """Tensors without their zeros, where they have many; those that `channels` names as int8.

    `channels` gives the axis of the channels that come out, along which each has a scale.
    """
    out: Tensors = {}
    for name, tensor in tensors.items():
        if MARK in name:
            raise ValueError(f"a tensor may not be called {name!r}")
        parts: Tensors = {}
        if channels and name in channels:
            tensor, parts[SCALES] = eight_bits(tensor, channels[name])
        if tensor.size and np.mean(tensor == 0) >= SPARSE and tensor.ndim > 1:
            parts[PLACES], parts[ABOUT] = _coded(tensor != 0)
            tensor = tensor[tensor != 0]
        out |= {name + part: value for part, value in parts.items()}
        out[name + VALUES if parts else name] = tensor
    return out


def eight_bits(tensor: NDArray[Any], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Integers in −127 … 127 and the scales, one for each place along an axis, that they stand for a tensor with."""
    others = tuple(i for i in range(tensor.ndim) if i != axis)
    values = tensor.astype(np.float32)
    scales = np.abs(values).max(others, keepdims=True) / np.float32(127)
    scales = np.where(scales > 0, scales, np.float32(1)).astype(np.float32)
    return np.rint(values / scales).astype(np.int8), scales


def unpacked(tensors: Mapping[str, NDArray[Any]]) -> Tensors:
    """What `packed` was given. Raises ValueError, KeyError or CodestreamError where the parts do not fit together."""
    out: Tensors = {}
    for key, values in tensors.items():
        name, mark, _ = key.partition(MARK)
        if mark and mark + key.rpartition(MARK)[2] != VALUES:
            continue
        if name + PLACES in tensors:
            there = _places(tensors[name + PLACES], tensors[name + ABOUT])
            if values.ndim != 1 or len(values) != np.count_nonzero(there):
                raise ValueError(f"{name} has {len(values)} values for {np.count_nonzero(there)} places")
            whole = np.zeros(there.shape, values.dtype)
            whole[there] = values
            values = whole
        if name + SCALES in tensors:
            values = values.astype(np.float32) * tensors[name + SCALES]
        out[name] = values
    return out


def _coded(there: NDArray[np.bool_]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Places as bytes; and how many ones there are of 65536, with the shape."""
    ones = int(np.clip(round(float(there.mean()) * TOTAL), 1, TOTAL - 2))
    coder = TableEncoder(_table(ones))
    coder.add(there.astype(np.int64), np.zeros(there.shape, np.int64))
    return np.frombuffer(coder.finish(), np.uint8), np.array([ones, *there.shape], np.int64)


def _places(data: NDArray[Any], about: NDArray[Any]) -> NDArray[np.bool_]:
    ones, *shape = (int(n) for n in about)
    if not shape or min(shape) < 0 or math.prod(shape) > LARGEST or not 1 <= ones <= TOTAL - 2:
        raise ValueError(f"places of shape {shape} cannot be")
    values = TableDecoder(np.asarray(data, np.uint8).tobytes(), _table(ones)).read(np.zeros(shape, np.int64))
    if ((values < 0) | (values > 1)).any():
        raise ValueError("places are neither zeros nor ones")
    return values == 1


def _table(ones: int) -> Tables:
    """Zero, one, and the escape, which never comes."""
    return Tables.of([[TOTAL - ones - 1, ones, 1]], [0])
