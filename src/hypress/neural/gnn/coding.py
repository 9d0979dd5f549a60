"""A rounded generative network as streams, and back; and the scene that a decoder makes of it. No torch.

The stream "network" holds the network's form, the range of the scene, and the convolutions; "first" the first layer.
Folded, that is the cube; where a secret hides it, its integers are preceded by the range in which they were moved.
Whole, as published, it says first which neurons are kept, and then holds the weights of those alone.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.codec import Spec
from hypress.errors import CodestreamError
from hypress.neural.gnn.apply import Maps, Network
from hypress.neural.gnn.key import hidden, revealed
from hypress.neural.gnn.plan import LATENT, Plan, Shape
from hypress.neural.weights import LARGEST, Quantised, decode_weights, encode_weights

HEAD = struct.Struct(">BHHBqq")
"""Blocks, maps, channels, edge of the last convolution; the samples that are coded as −1 and 1."""
RANGE = struct.Struct(">I")
"""Largest magnitude in a hidden cube; bytes that say which neurons are kept."""
FIRST = ("first", "first bias")

Rounded = Mapping[str, Quantised]


# --- there ------------------------------------------------------------------------------------------


def write_network(plan: Plan, low: int, high: int, rounded: Rounded) -> bytes:
    """The stream "network"."""
    layers = {name: r for name, r in rounded.items() if not name.startswith(("cube", "first"))}
    return HEAD.pack(plan.blocks, plan.maps, plan.channels, plan.kernel, low, high) + encode_weights(layers)


def write_cube(cube: Quantised, seed: bytes | None) -> bytes:
    """The stream "first" of a cube, hidden by a `seed` if there is one."""
    if seed is None:
        return encode_weights({"cube": cube})
    largest = int(np.abs(cube.integers).max())
    moved = Quantised(hidden(cube.integers, seed, largest), cube.step)
    return RANGE.pack(largest) + encode_weights({"cube": moved})


def write_first(rounded: Rounded) -> bytes:
    """The stream "first" of a whole first layer."""
    weights, bias = (rounded[name] for name in FIRST)
    kept = (weights.integers != 0).any(1) | (bias.integers != 0)
    which = encode_weights({"kept": Quantised(kept.astype(np.int32), 0)})
    rows = encode_weights({name: Quantised(rounded[name].integers[kept], rounded[name].step) for name in FIRST})
    return RANGE.pack(len(which)) + which + rows


# --- back -------------------------------------------------------------------------------------------


def read_network(data: bytes, spec: Spec) -> tuple[Plan, int, int, dict[str, Quantised]]:
    """Form, range and convolutions from the stream "network". Raises CodestreamError."""
    if len(data) < HEAD.size:
        raise CodestreamError("gnn: the network is cut short")
    *form, low, high = HEAD.unpack_from(data)
    plan, largest = Plan(*form), 1 << spec.bits
    if plan.kernel not in (1, 3) or not plan.legal(spec.shape) or not -largest <= low <= high <= largest:
        raise CodestreamError(f"gnn: no network {plan} generates a scene of {spec.shape} from {low} to {high}")
    return plan, low, high, decode_weights(data[HEAD.size :], plan.layers(spec.shape[0]))


def read_cube(data: bytes, shape: Shape, seed: bytes | None) -> Maps:
    """The cube `(map, y, x)`. Raises CodestreamError."""
    if seed is None:
        return decode_weights(data, {"cube": shape})["cube"].values
    if len(data) < RANGE.size:
        raise CodestreamError("gnn: the hidden cube is cut short")
    (largest,) = RANGE.unpack_from(data)
    cube = decode_weights(data[RANGE.size :], {"cube": shape})["cube"]
    if largest >= LARGEST or int(np.abs(cube.integers).max()) > largest:
        raise CodestreamError(f"gnn: the hidden cube is not within {largest}")
    return Quantised(revealed(cube.integers, seed, largest), cube.step).values


def read_first(data: bytes, shape: Shape, latent: NDArray[np.float32]) -> Maps:
    """The cube `(map, y, x)` that a whole first layer yields for a latent code `(50,)`. Raises CodestreamError."""
    if len(data) < RANGE.size:
        raise CodestreamError("gnn: the first layer is cut short")
    neurons, start = math.prod(shape), RANGE.size + RANGE.unpack_from(data)[0]
    kept = decode_weights(data[RANGE.size : start], {"kept": (neurons,)})["kept"].integers != 0
    count = int(np.count_nonzero(kept))
    rows = decode_weights(data[start:], {"first": (count, LATENT), "first bias": (count,)})
    weights, sums = rows["first"].values, rows["first bias"].values
    for place in range(LATENT):  # one after the other: the same sums everywhere
        sums += weights[:, place] * latent[place]
    cube = np.zeros(neurons, np.float32)
    cube[kept] = sums
    return cube.reshape(shape)


def samples_of(plan: Plan, layers: Rounded, cube: Maps, low: int, high: int, spec: Spec) -> NDArray[Any]:
    """The scene, samples of `spec.shape` and `spec.dtype`, block by block."""
    network = Network(
        cube,
        [(layers[f"weights{n}"].values, layers[f"bias{n}"].values) for n in range(plan.convolutions)],
        layers["output"].values.reshape(spec.shape[0], plan.channels, plan.kernel, plan.kernel),
        layers["bias"].values,
        plan.blocks,
    )
    limits, half = np.iinfo(spec.dtype), max(high - low, 1) / 2
    found = np.empty(spec.shape, spec.dtype)
    for block, generated in network.generate(*spec.shape[1:]):
        whole = np.rint((generated.astype(np.float64) + 1) * half + low)
        found[:, *block.pixels] = np.clip(np.nan_to_num(whole), max(low, limits.min), min(high, limits.max))
    return found
