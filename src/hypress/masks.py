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


NARROW = 5
"""Holes that no square of this side fits into are bridged from around them; wider ones are made flat."""


def fill(levels: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[Any]:
    """Integers `(band, y, x)` with the invalid places filled, band by band, from the valid ones.

    Narrow holes (dead pixels, stripes) take the average around them, so that they stand out of nothing; wide ones
    (beyond a swath's edge) take the band's mean, because a flat area is what wavelets and predictors code in fewest
    bits (measured: any smooth continuation costs more). A band without any valid sample repeats its neighbour's.
    """
    filled = levels.copy()
    holes = narrow = None
    whole = [band for band in range(len(levels)) if valid[band].any()]
    for band in whole:
        missing = ~valid[band]
        if not missing.any():
            continue
        if holes is None or not np.array_equal(missing, holes):  # most masks repeat from band to band
            holes, narrow = missing, _narrow(missing)
        filled[band][missing] = np.rint(levels[band][valid[band]].mean()).astype(levels.dtype)
        if narrow is not None:
            known = valid[band].astype(np.float64)
            smooth = _push_pull(np.where(valid[band], levels[band], 0).astype(np.float64), known)
            filled[band][narrow] = np.rint(smooth[narrow]).astype(levels.dtype)
    for band in range(len(levels)):
        if whole and not valid[band].any():
            before = [b for b in whole if b < band]
            filled[band] = filled[before[-1] if before else whole[0]]
    return filled


def _narrow(missing: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """The parts of holes `(y, x)` that are less than `NARROW` wide, or None where there are none."""
    from scipy import ndimage

    square = np.ones((NARROW, NARROW), bool)
    core = ndimage.binary_erosion(missing, square, border_value=1)
    narrow = missing & ~ndimage.binary_dilation(core, square)
    return narrow if narrow.any() else None


def _push_pull(values: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """`values` `(y, x)` where weight is 1; elsewhere averages of 2×2, 4×4, … neighbours, the smallest that has any."""
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
