"""A scene as a few numbers that move a network learnt beforehand: meta-learned SIRENs with shift modulations.

After S. Rezasoltani and F. Z. Qureshi, "Hyperspectral image compression using implicit neural representation and
meta-learned based network" (ICPRAM 2025), and "Meta-learned implicit neural representations for scalable and fast
hyperspectral image compression" (LNCS, 2025), sections 3.1 and 3.2:

    (x, y) ─► [sin ω₀ (W · + b + β)] × layers ─► W · + b ─► spectrum of `points`, read at the scene's bands
                              ▲
             φ, "modulation" ─┴─ β = M φ

W, b and M, the base, are the same for all scenes and ship as weights; a scene is φ alone. (The papers' shifts are
M φ + b′, but b and b′ are only ever added.)
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from hypress.codec import Spec
from hypress.errors import CodestreamError, WeightsError
from hypress.neural import pretrained
from hypress.neural.pretrained import Weights
from hypress.neural.siren.apply import Layers
from hypress.neural.siren.published import generated, sizes, unpacked

HEAD = struct.Struct(">Bqq")
"""Bits of a number; the samples that are coded as 0 and 1."""


class Architecture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of a base; that of the papers, whose 710 KB are these layers of 32 bits."""

    layers: Annotated[int, Meta(ge=1, le=64)] = 10
    """Sine layers."""
    width: Annotated[int, Meta(ge=1, le=4096)] = 128
    latents: Annotated[int, Meta(ge=1, le=4096)] = 32
    """Numbers that a scene has of its own: the size of φ."""
    points: Annotated[int, Meta(ge=2, le=4096)] = 224
    """Of the spectrum that comes out, equally spaced from the first band of any scene to its last."""


@dataclass(frozen=True, eq=False)
class Base:
    """What scenes have in common."""

    digest: bytes
    layers: Layers
    """The last one's outputs are the points."""
    shifts: NDArray[np.float32]
    """M: `(sine layer, width, latent)`."""


def base_of(weights: Weights) -> Base:
    """The base in a file of weights. Raises WeightsError where it is not what its card says."""
    try:
        its = msgspec.convert(weights.card.architecture, Architecture)
        layers = [
            (_tensor(weights, f"layers.{n}.weight", shape), _tensor(weights, f"layers.{n}.bias", shape[:1]))
            for n, shape in enumerate(sizes(its.points, its.layers, its.width))
        ]
        shifts = _tensor(weights, "shifts", (its.layers, its.width, its.latents))
    except (msgspec.ValidationError, KeyError, ValueError) as error:
        raise WeightsError(f"the weights {weights.path} are not what their card says: {error}") from None
    return Base(weights.digest, layers, shifts)


def _tensor(weights: Weights, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    found = weights.tensors[name].astype(np.float32)
    if found.shape != shape:
        raise ValueError(f"{name} is {found.shape} instead of {shape}")
    return found


def moved(base: Base, modulation: NDArray[np.float32], bands: int) -> Layers:
    """The network of a scene: the base with its biases moved, and with an output for each band.

    The last layer is linear and so is interpolation between the points: the outputs at the bands are those of
    interpolated weights. Sums are written out, one latent after the other, so that they are the same everywhere.
    """
    shifts = np.zeros(base.shifts.shape[:2], np.float32)
    for column, number in zip(np.moveaxis(base.shifts, -1, 0), modulation, strict=True):
        shifts += column * number
    *sines, (weights, biases) = base.layers
    hidden = [(w, b + shift) for (w, b), shift in zip(sines, shifts, strict=True)]
    return [*hidden, (resampled(weights, bands), resampled(biases[:, None], bands)[:, 0])]


def resampled(rows: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Rows as `count` rows, equally spaced from the first to the last, by linear interpolation; one: the middle."""
    last = len(rows) - 1
    places = np.arange(count) * last / (count - 1) if count > 1 else np.array([last / 2])
    below = places.astype(np.int64)
    share = (places - below).astype(np.float32)[:, None]
    return np.asarray(rows[below] * (np.float32(1) - share) + rows[np.minimum(below + 1, last)] * share, np.float32)


def psnr_of(mse: float, low: int, high: int) -> float:
    """PSNR in decibels, peak `high`, of a mean squared error of samples scaled from `low`..`high` to [0, 1]."""
    return 10 * math.log10(max(abs(high), 1) ** 2 / max(mse * (high - low) ** 2, 1e-9))


def decode(streams: Mapping[str, bytes], name: str, spec: Spec) -> NDArray[Any]:
    """Samples of the moved network at every pixel. Raises CodestreamError, WeightsError."""
    if len(streams["weights"]) != pretrained.HASH:
        raise CodestreamError(f"the stream 'weights' has {len(streams['weights'])} bytes, not {pretrained.HASH}")
    data = streams["modulation"]
    if len(data) < HEAD.size:
        raise CodestreamError("siren: the modulation is cut short")
    bits, low, high = HEAD.unpack_from(data)
    largest = 1 << spec.bits
    if bits not in (8, 16, 32) or not -largest <= low <= high <= largest:
        raise CodestreamError(f"siren: no numbers of {bits} bits, or samples of {low}..{high} in {spec.bits} bits")
    base = base_of(pretrained.find_by_hash(name, "siren", streams["weights"]))
    (modulation,) = unpacked(data[HEAD.size :], [base.shifts.shape[-1]], bits)
    with np.errstate(over="ignore", invalid="ignore"):  # damaged numbers may be anything
        return generated(moved(base, modulation, spec.shape[0]), spec.shape, low, high, spec.dtype)
