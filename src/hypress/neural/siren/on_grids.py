"""A scene as a small SIREN on feature grids: what the network is told at a pixel is its place and its features.

    "basis" ──────────────────────────────────────────────────────────────┐
    "grids" ─► entries ─► features f(x, y) ──┬──────────────────┐         │
                                 x, y ───────┴─► Siren, ω₀ = 1 ─┴─► + ─► components 1…K+M ─► spectrum
    "network" ─► weights ─────────────────────────┘

The features are the first K components of the spectrum as the grids give them back. The network corrects them, from
all others and the place, and guesses M more, of which the grids say nothing: components are uncorrelated, but not
independent. This file is the decoder, and the streams; `on_grids_fit` finds what is in them.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.codec import Spec
from hypress.entropy.integers import decode_array, encode_array
from hypress.errors import CodestreamError
from hypress.neural.siren import grids
from hypress.neural.siren.apply import Layers, coordinates, outputs
from hypress.neural.weights import Quantised, decode_weights, encode_weights
from hypress.transforms.pca import Basis

BASIS_HEAD = struct.Struct(">IHHBf")
"""Step of the means in 65536ths of a sample, K, M, levels of the grids, their step."""
NETWORK_HEAD = struct.Struct(">BHf")
"""Sine layers, their width, the unit of features and corrections; then a byte for each feature: how it is halved."""
OMEGA = 1.0
FEATURE_GAIN = 3.0
"""What a feature of one unit is for the network …"""
PLACE_GAIN = 10.0
"""… and what the end of the scene is: its first weights are so small that sines would not be bent otherwise."""
MOST_PARAMETERS = 1 << 20


@dataclass(frozen=True, eq=False)
class Network:
    """A network with quantised parameters, and what its inputs and outputs mean."""

    tensors: dict[str, Quantised]
    """As `shapes` names them."""
    halvings: NDArray[np.uint8]
    """Of each feature, so that none is much larger than others."""
    unit: float
    """Of features and corrections, in samples: about the step of the grids."""

    @property
    def layers(self) -> Layers:
        """Weights and biases of each layer, float32."""
        values = [tensor.values for tensor in self.tensors.values()]
        return [*zip(values[0::2], values[1::2], strict=True)]

    def corrections(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """What is to be added to components `(K + M, y, x)`, from features `(K, y, x)`, in samples."""
        found = outputs(self.layers, inputs(features, self.halvings, self.unit), OMEGA)
        return found.astype(np.float64).reshape(-1, *features.shape[1:]) * self.unit


def inputs(features: NDArray[np.float64], halvings: NDArray[np.uint8], unit: float) -> NDArray[np.float32]:
    """What the network is told, `(K + 2, pixel)`: scaled features `(K, y, x)`, and the place."""
    gains = np.ldexp(FEATURE_GAIN / unit, -halvings.astype(np.int32))
    scaled = (features.reshape(len(features), -1) * gains[:, None]).astype(np.float32)
    return np.concatenate([scaled, coordinates(*features.shape[1:]) * np.float32(PLACE_GAIN)])


def shapes(coded: int, guessed: int, layers: int, width: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the parameters, in the order in which they are stored."""
    sizes = [coded + 2, *[width] * layers, coded + guessed]
    found: dict[str, tuple[int, ...]] = {}
    for n, (before, after) in enumerate(pairwise(sizes)):
        found |= {f"weights {n}": (after, before), f"biases {n}": (after,)}
    return found


def parameters(coded: int, guessed: int, layers: int, width: int) -> int:
    """How many parameters a network has."""
    return sum(math.prod(shape) for shape in shapes(coded, guessed, layers, width).values())


@dataclass(frozen=True, eq=False)
class Scene:
    """All that the streams hold."""

    basis: Basis
    stored: NDArray[np.int32]
    """Entries of the grids, `(K, y, x)`."""
    levels: int
    step: float
    network: Network | None = None

    def components(self) -> NDArray[np.float64]:
        """The components `(K + M, y, x)`."""
        found = np.zeros((self.basis.components, *self.stored.shape[1:]))
        features = grids.read_out(self.stored, self.levels, self.step)
        found[: len(features)] = features
        if self.network is not None:
            found += self.network.corrections(features)
        return found

    def samples(self, dtype: Any) -> NDArray[Any]:
        """The samples `(band, y, x)`."""
        return self.basis.inverse(self.components(), dtype)


def write_basis(basis: Basis, coded: int, levels: int, step: float) -> bytes:
    """The stream "basis"."""
    head = BASIS_HEAD.pack(basis.mean_step, coded, basis.components - coded, levels, step)
    return head + encode_array(basis.integers)


def write_network(network: Network | None) -> bytes:
    """The stream "network": empty where there is none."""
    if network is None:
        return b""
    layers, width = len(network.tensors) // 2 - 1, len(network.tensors["biases 0"].integers)
    head = NETWORK_HEAD.pack(layers, width if layers else 0, network.unit)
    return head + network.halvings.tobytes() + encode_weights(network.tensors)


def read(streams: Mapping[str, bytes], spec: Spec) -> Scene:
    """What the streams hold. Raises CodestreamError."""
    bands, rows, columns = spec.shape
    data = streams["basis"]
    if len(data) < BASIS_HEAD.size:
        raise CodestreamError("siren: the basis is cut short")
    mean_step, coded, guessed, levels, step = BASIS_HEAD.unpack_from(data)
    if coded + guessed > bands or levels > grids.MOST_LEVELS or not 0 < step < math.inf:
        raise CodestreamError(f"siren: no basis of {coded} + {guessed} components, {levels} levels and step {step}")
    integers = decode_array(data[BASIS_HEAD.size :], (1 + coded + guessed, bands))
    stored = grids.decode_grids(streams["grids"], (coded, rows, columns), levels)
    network = _read_network(streams["network"], coded, guessed)
    return Scene(Basis(integers, mean_step), stored, levels, step, network)


def _read_network(data: bytes, coded: int, guessed: int) -> Network | None:
    if not data:
        return None
    start = NETWORK_HEAD.size + coded
    if len(data) < start:
        raise CodestreamError("siren: the network is cut short")
    layers, width, unit = NETWORK_HEAD.unpack_from(data)
    named = shapes(coded, guessed, layers, width)
    count = sum(math.prod(shape) for shape in named.values())
    if (layers and not width) or count > MOST_PARAMETERS or not 0 < unit < math.inf:
        raise CodestreamError(f"siren: no network of {layers} layers of {width} in units of {unit}")
    halvings = np.frombuffer(data, np.uint8, coded, NETWORK_HEAD.size)
    return Network(decode_weights(data[start:], named), halvings, unit)


def decode(streams: Mapping[str, bytes], spec: Spec) -> NDArray[Any]:
    """Samples of the streams "basis", "grids" and "network". Raises CodestreamError."""
    scene = read(streams, spec)
    with np.errstate(over="ignore", invalid="ignore"):  # damaged bytes may say anything
        return scene.samples(spec.dtype)
