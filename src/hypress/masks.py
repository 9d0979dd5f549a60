"""What is no number: nodata, NaN and the infinities; found, coded losslessly, and filled for the codec.

A codec is given dense samples. Samples that carry no value get a *label*, labels are stored beside the codec's
streams and come back exactly, and their places are filled by interpolation from valid neighbours, so that they
cost next to nothing and no edge rings into valid samples.
"""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from hypress.errors import CodestreamError

if TYPE_CHECKING:
    from numpy.typing import NDArray

VALID, NODATA, NAN, PLUS_INF, MINUS_INF = range(5)
LABELS = {NODATA: "nodata", NAN: "NaN", PLUS_INF: "+inf", MINUS_INF: "-inf"}


def label(samples: NDArray[Any], nodata: float | None) -> NDArray[np.uint8] | None:
    """Labels `(band, y, x)` of the samples that are no numbers, or None where all are."""
    is_float = samples.dtype.kind == "f"
    if is_float and np.isfinite(samples).all() and (nodata is None or not (samples == nodata).any()):
        return None
    if not is_float and (nodata is None or not (samples == nodata).any()):
        return None
    labels = np.zeros(samples.shape, np.uint8)
    if is_float:
        labels[np.isnan(samples)] = NAN
        labels[np.isposinf(samples)] = PLUS_INF
        labels[np.isneginf(samples)] = MINUS_INF
    if nodata is not None and not math.isnan(nodata):
        labels[samples == samples.dtype.type(nodata)] = NODATA
    return labels


def put_back(samples: NDArray[Any], labels: NDArray[np.uint8], nodata: float | None) -> None:
    """Write the special values into `samples`, in place. Raises CodestreamError on a label that cannot be."""
    values = {NAN: math.nan, PLUS_INF: math.inf, MINUS_INF: -math.inf, NODATA: nodata}
    for kind in np.flatnonzero(np.bincount(labels.reshape(-1), minlength=1)):
        if kind == VALID:
            continue
        value = values.get(int(kind))
        if value is None or (samples.dtype.kind != "f" and kind != NODATA):
            raise CodestreamError(f"label {kind} has no value among samples of type {samples.dtype}")
        samples[labels == kind] = value


# --- coding --------------------------------------------------------------------------------------


def encode(labels: NDArray[np.uint8]) -> bytes:
    """Labels as bytes: one bit plane a kind, each band against the one before it, deflated.

    Masks repeat from band to band, so that nearly all differences are zero.
    """
    planes = []
    for kind in LABELS:
        plane = labels == kind
        if plane.any():
            plane[1:] ^= plane[:-1].copy()
            planes.append(bytes([kind]) + np.packbits(plane).tobytes())
    return zlib.compress(b"".join(planes), 9)


def decode(data: bytes, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Labels `(band, y, x)`. Raises CodestreamError; never inflates beyond what `shape` allows."""
    size = (math.prod(shape) + 7) // 8
    inflater = zlib.decompressobj()
    try:
        raw = inflater.decompress(data, len(LABELS) * (1 + size))
    except zlib.error as error:
        raise CodestreamError(f"the mask cannot be inflated: {error}") from None
    if not inflater.eof or len(raw) % (1 + size):
        raise CodestreamError("the mask is not as long as the shape asks for")
    labels = np.zeros(shape, np.uint8)
    for start in range(0, len(raw), 1 + size):
        kind = raw[start]
        if kind not in LABELS:
            raise CodestreamError(f"the mask has a label {kind}, which means nothing")
        bits = np.frombuffer(raw, np.uint8, size, start + 1)
        plane = np.unpackbits(bits, count=math.prod(shape)).reshape(shape)
        np.bitwise_xor.accumulate(plane, axis=0, out=plane)
        labels[plane.astype(bool)] = kind
    return labels


# --- filling -------------------------------------------------------------------------------------


def fill(levels: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[Any]:
    """Integers `(band, y, x)` with the invalid places interpolated, band by band, from the valid ones.

    Push-pull: averages of 2×2 valid samples, level by level until nothing is missing, then back down. The fill is
    piecewise constant at the coarsest scale that reaches it: wavelets and predictors code it in almost no bits.
    A band without any valid sample repeats the previous band's, which spectral prediction gets for nothing.
    """
    filled = levels.copy()
    previous = None
    for band in range(levels.shape[0]):
        known = valid[band]
        if not known.any():
            if previous is not None:
                filled[band] = filled[previous]
            continue
        if not known.all():
            smooth = _push_pull(np.where(known, levels[band], 0).astype(np.float64), known.astype(np.float64))
            filled[band] = np.where(known, levels[band], np.rint(smooth).astype(levels.dtype))
        previous = band
    first = next((b for b in range(levels.shape[0]) if valid[b].any()), None)
    if first is not None:
        filled[:first] = filled[first]
    return filled


def _push_pull(values: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """`values` `(y, x)` where weight is 1, interpolated where it is 0."""
    if weight.all():
        return values
    rows, columns = values.shape
    even = ((0, rows % 2), (0, columns % 2))
    value = np.pad(values * weight, even)
    known = np.pad(weight, even)
    blocks = (known.shape[0] // 2, 2, known.shape[1] // 2, 2)
    total = known.reshape(blocks).sum(axis=(1, 3))
    mean = value.reshape(blocks).sum(axis=(1, 3)) / np.maximum(total, 1)
    coarse = _push_pull(mean, (total > 0).astype(np.float64))
    pulled = coarse.repeat(2, axis=0).repeat(2, axis=1)[:rows, :columns]
    return np.where(weight > 0, values, pulled)
