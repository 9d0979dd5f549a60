"""A scene as the weights of a SIREN, as published: coordinates in, spectra out, and the weights are the file.

After S. Rezasoltani and F. Z. Qureshi, "Hyperspectral image compression using implicit neural representations" (CRV
2023; arXiv 2302.04129) and its sequel with sampling (IEEE TGRS, 2024):

    (x, y) in [−1, 1]² ─► Siren, ω₀ = 30 ─► spectrum, its samples scaled to [0, 1]

fitted by Adam to the mean squared error; the weights of highest PSNR are kept. Then they are stored with 32, 16 or 8
bits each.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.codec import Spec
from hypress.errors import CodestreamError, ConfigurationError
from hypress.neural.fitting import Effort
from hypress.neural.recent import Recent, digest
from hypress.neural.siren.apply import Layers, coordinates, outputs
from hypress.valid import valid_samples

HEAD = struct.Struct(">BHBqq")
"""Sine layers, their width, bits of a weight; the samples that are coded as 0 and 1."""
DEPTHS = (1, 2, 3, 5, 8, 12, 18, 25)
"""Numbers of sine layers that the search tries, each with the greatest width that the budget allows."""
OMEGA = 30.0
MOST_PARAMETERS = 1 << 20
"""Of a network: a decoder's protection."""


def sizes(bands: int, layers: int, width: int) -> list[tuple[int, int]]:
    """`(out, in)` of each layer; without sine layers there is a linear one alone."""
    through = [2, *[width] * layers, bands]
    return [(after, before) for before, after in pairwise(through)]


def parameters(bands: int, layers: int, width: int) -> int:
    """Weights and biases. (The papers count 2 w + w² (n − 1) + w c, without biases.)"""
    return sum(rows * columns + rows for rows, columns in sizes(bands, layers, width))


def candidates(bands: int, bits: int, budget: int, layers: int | None, width: int | None) -> list[tuple[int, int]]:
    """Layers and widths to try within `budget` bytes; without any sine layer where nothing fits."""
    if layers is not None and width is not None:
        return [(layers, width)]
    if layers == 0:
        return [(0, 0)]
    tried = DEPTHS if layers is None else (layers,)
    room = min((budget - HEAD.size) * 8 // bits, MOST_PARAMETERS)
    if width is not None:
        found = [(n, width) for n in tried if parameters(bands, n, width) <= room]
    else:
        found = [(n, w) for n in tried if (w := _widest(bands, n, room)) > 0]
    return found or [(0, 0)]


def _widest(bands: int, layers: int, room: int) -> int:
    """The largest w with (layers − 1) w² + (layers + 2 + bands) w + bands ≤ room."""
    a, b, c = layers - 1, layers + 2 + bands, bands - room
    if c > 0:
        return 0
    return int(-c / b if a == 0 else (math.sqrt(b * b - 4 * a * c) - b) / (2 * a))


# --- there ------------------------------------------------------------------------------------------

_fits: Recent[tuple[tuple[int, int], Layers]] = Recent()


def encode(
    samples: NDArray[Any], architectures: Sequence[tuple[int, int]], bits: int, effort: Effort
) -> dict[str, bytes]:
    """The stream "network": the best of the architectures, fitted to samples `(band, y, x)`.

    Raises ConfigurationError where every fit diverges, or a network has more parameters than `MOST_PARAMETERS`.
    """
    most = max(parameters(len(samples), *architecture) for architecture in architectures)
    if most > MOST_PARAMETERS:
        raise ConfigurationError(f"siren: a network of {most} parameters; {MOST_PARAMETERS} is the most")
    low, high, valid = int(samples.min()), int(samples.max()), valid_samples()

    def fitted() -> tuple[tuple[int, int], Layers]:
        from hypress.neural.siren.fit import Shown
        from hypress.neural.siren.search import search

        pixels = samples.reshape(len(samples), -1).astype(np.float64)
        weights = None if valid is None else valid.reshape(pixels.shape).astype(np.float32)
        return search(
            architectures,
            coordinates(*samples.shape[1:]),
            ((pixels - low) / max(high - low, 1)).astype(np.float32),
            lambda mse: 10 * math.log10(max(abs(high), 1) ** 2 / max(mse * (high - low) ** 2, 1e-9)),
            effort,
            Shown(samples, lambda network: generated(network, samples.shape, low, high, samples.dtype), weights),
            omega=OMEGA,
        )

    key = (digest(samples, valid), *architectures, effort)
    (layers, width), network = _fits.get(key, fitted)
    tensors = [tensor for pair in network for tensor in pair]
    return {"network": HEAD.pack(layers, width, bits, low, high) + packed(tensors, bits)}


def packed(tensors: Sequence[NDArray[np.float32]], bits: int) -> bytes:
    """All numbers with so many bits, byte plane by byte plane, deflated: worth something for the exponents.

    With 8 bits, each tensor is stored as multiples of 1/127 of its largest number.
    """
    if bits == 8:
        scales = np.array([np.abs(tensor).max() / 127 for tensor in tensors], "<f4")
        whole = [np.rint(tensor / max(s, 1e-30)) for tensor, s in zip(tensors, scales, strict=True)]
        raw = np.concatenate([t.ravel() for t in whole]).astype(np.int8)
        return scales.tobytes() + _deflate(raw)
    raw = np.concatenate([tensor.ravel() for tensor in tensors])
    limit = np.float32(60000)
    return _deflate(raw.astype("<f4") if bits == 32 else np.clip(raw, -limit, limit).astype("<f2"))


def _deflate(values: NDArray[Any]) -> bytes:
    planes = values.view(np.uint8).reshape(-1, values.itemsize).T
    return zlib.compress(np.ascontiguousarray(planes).tobytes(), 9)


# --- back -------------------------------------------------------------------------------------------


def decode(streams: Mapping[str, bytes], spec: Spec) -> NDArray[Any]:
    """Samples of the network at every pixel. Raises CodestreamError."""
    data = streams["network"]
    if len(data) < HEAD.size:
        raise CodestreamError("siren: the network is cut short")
    layers, width, bits, low, high = HEAD.unpack_from(data)
    bands = spec.shape[0]
    largest = 1 << spec.bits
    if bits not in (8, 16, 32) or not -largest <= low <= high <= largest:
        raise CodestreamError(f"siren: no weights of {bits} bits, or samples of {low}..{high} in {spec.bits} bits")
    if (layers and not width) or parameters(bands, layers, width) > MOST_PARAMETERS:
        raise CodestreamError(f"siren: no network of {layers} layers of {width} for {bands} bands")
    shapes = sizes(bands, layers, width)
    tensors = unpacked(data[HEAD.size :], [n for rows, columns in shapes for n in (rows * columns, rows)], bits)
    pairs = zip(shapes, tensors[0::2], tensors[1::2], strict=True)
    network = [(weights.reshape(shape), biases) for shape, weights, biases in pairs]
    with np.errstate(over="ignore", invalid="ignore"):  # damaged weights may be anything
        return generated(network, spec.shape, low, high, spec.dtype)


def generated(network: Layers, shape: tuple[int, ...], low: int, high: int, dtype: Any) -> NDArray[Any]:
    """The samples `(band, y, x)` of a network whose outputs 0 and 1 are the samples `low` and `high`."""
    found = outputs(network, coordinates(*shape[1:]), OMEGA).astype(np.float64)
    found *= high - low
    found += low
    limits = np.iinfo(dtype)
    whole = np.clip(np.nan_to_num(np.rint(found)), limits.min, limits.max)
    return whole.astype(dtype).reshape(shape)


def unpacked(data: bytes, counts: Sequence[int], bits: int) -> list[NDArray[np.float32]]:
    """Tensors of so many numbers each. Raises CodestreamError."""
    dtype = np.dtype({8: "i1", 16: "<f2", 32: "<f4"}[bits])
    scales = np.ones(len(counts), np.float32)
    if bits == 8:
        if len(data) < 4 * len(counts):
            raise CodestreamError("siren: the scales are cut short")
        scales = np.frombuffer(data, "<f4", len(counts)).astype(np.float32)
        data = data[4 * len(counts) :]
    size = sum(counts) * dtype.itemsize
    try:
        raw = zlib.decompressobj().decompress(data, size)
    except zlib.error as error:
        raise CodestreamError(f"siren: the weights cannot be inflated: {error}") from None
    if len(raw) != size:
        raise CodestreamError(f"siren: there are {len(raw)} bytes of weights instead of {size}")
    planes = np.frombuffer(raw, np.uint8).reshape(dtype.itemsize, -1)
    with np.errstate(over="ignore", invalid="ignore"):  # damaged weights may be anything
        values = np.ascontiguousarray(planes.T).view(dtype).ravel().astype(np.float32)
        return [v * s for v, s in zip(np.split(values, np.cumsum(counts)[:-1]), scales, strict=True)]
