"""The shared loop under every metric: pairs of arrays, read a small block of pixels at a time.

A block holds float64 copies of a few hundred pixels across all bands, small enough to stay in a core's
cache, so that a metric costs little memory whatever the size and dtype of the arrays.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hypress.errors import ConfigurationError, SceneError

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

BLOCK = 1 << 16  # samples in a block: 512 KiB in float64, a few of which fit a level-2 cache


class Block(NamedTuple):
    """Some pixels of both arrays; every array is `(band, n)` or `(n,)`, and masked samples are 0 in all."""

    rows: slice
    columns: slice
    x: F64  # original
    y: F64  # decoded; 0 where it is not finite
    error: F64  # decoded − original, rounded once; +inf where the decoded sample is not finite
    valid: Mask | None  # None: every sample counts
    lost: Mask | None  # (n,) pixels with a valid sample that decoded to NaN or infinity; None: no pixel


def checked(original: Any, decoded: Any, valid: Any = None) -> tuple[NDArray[Any], NDArray[Any], Mask | None]:
    """The arguments as arrays, or `SceneError` where they are no pair of scenes with a mask."""
    if isinstance(original, np.ma.MaskedArray) or isinstance(decoded, np.ma.MaskedArray):
        raise SceneError("masked arrays are not read; pass their data, and the mask as valid=~mask")
    x, y = np.asarray(original), np.asarray(decoded)
    for name, array in (("original", x), ("decoded", y)):
        if array.dtype.kind not in "buif":
            raise SceneError(f"{name} is {array.dtype}; metrics compare integers or floats")
        if array.ndim != 3:
            raise SceneError(f"{name} has shape {array.shape}; a scene is (band, y, x)")
    if x.shape != y.shape:
        raise SceneError(f"original has shape {x.shape} but decoded {y.shape}; they must be equal")
    if valid is None:
        return x, y, None
    ok = np.asarray(valid)
    if ok.dtype != np.bool_:
        raise SceneError(f"valid is {ok.dtype}; it must be boolean, True where a sample counts")
    if ok.shape != x.shape:
        raise SceneError(f"valid has shape {ok.shape} but the scene {x.shape}; they must be equal")
    return x, y, ok


def checked_peak(peak: float) -> float:
    """`peak` as a float, or `ConfigurationError` where it is no positive finite number."""
    if not 0 < peak < float("inf"):
        raise ConfigurationError(f"peak is {peak}; it must be a positive finite number of sample units")
    return float(peak)


def blocks(original: NDArray[Any], decoded: NDArray[Any], valid: Mask | None) -> Iterator[Block]:
    """Every pixel of checked arrays once, in blocks of about `BLOCK` samples and at least one pixel."""
    bands, height, width = original.shape
    if 0 in original.shape:
        return
    pixels = max(1, BLOCK // bands)
    tall, wide = (pixels // width, width) if pixels >= width else (1, pixels)
    for top in range(0, height, tall):
        rows = slice(top, min(top + tall, height))
        for left in range(0, width, wide):
            columns = slice(left, min(left + wide, width))
            part = np.s_[:, rows, columns]
            yield _block(rows, columns, original[part], decoded[part], None if valid is None else valid[part])


def _block(rows: slice, columns: slice, a: NDArray[Any], b: NDArray[Any], valid: Mask | None) -> Block:
    # Overflow to infinity is the honest result for floats near the end of their range.
    with np.errstate(over="ignore", invalid="ignore"):
        x, y = _float64(a), _float64(b)
        error = _difference(a, b) if _is_64_bit(a) or _is_64_bit(b) else y - x
        ok = None if valid is None else valid.reshape(x.shape)
        if a.dtype.kind == "f":
            finite = np.isfinite(x)
            if not finite.all():
                ok = finite if ok is None else np.logical_and(ok, finite)
        if ok is not None and not ok.all():
            for array in (x, y, error):
                array[~ok] = 0
        else:
            ok = None
        lost = None
        if b.dtype.kind == "f":
            bad = ~np.isfinite(y)
            if bad.any():
                y[bad], error[bad] = 0, np.inf
                lost = np.any(bad, axis=0)
    return Block(rows, columns, x, y, error, ok, lost)


def _float64(part: NDArray[Any]) -> F64:
    """A private copy `(band, n)` in float64."""
    return np.array(part, dtype=np.float64, order="C").reshape(len(part), -1)


def _is_64_bit(part: NDArray[Any]) -> bool:
    return part.dtype.kind in "iu" and part.dtype.itemsize == 8


def _difference(a: NDArray[Any], b: NDArray[Any]) -> F64:
    """`b − a` as `(band, n)` float64, rounded once, for 64-bit integers.

    They do not fit float64, and their difference does not fit 64 bits: so subtract halves.
    """
    (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
    difference: F64 = np.add(b_high - a_high, b_low - a_low)
    return difference


def _halves(part: NDArray[Any]) -> tuple[F64 | float, F64 | float]:
    """Two values in float64 whose exact sum is `part`, split where 64-bit integers split."""
    if _is_64_bit(part):
        return _float64(part >> 32) * 2.0**32, _float64(part & 0xFFFFFFFF)
    return (_float64(part), 0.0) if part.dtype.kind == "f" else (0.0, _float64(part))


def angles_deg(x: F64, y: F64) -> F64:
    """Angle in degrees between the columns of two finite `(band, n)` float64 arrays.

    2·atan2(|u − v|, |u + v|) on unit vectors (W. Kahan, "How futile are mindless assessments of roundoff in
    floating-point computation?", 2006, §12): the arc cosine of a clamped cosine is blind below 1e-6°.
    """
    u, u_nonzero = _units(x)
    v, v_nonzero = _units(y)
    apart = np.sqrt(np.square(u - v).sum(axis=0))
    u += v
    together = np.sqrt(np.square(u, out=u).sum(axis=0))
    angle = np.degrees(2 * np.arctan2(apart, together))
    return np.where(u_nonzero & v_nonzero, angle, np.where(u_nonzero | v_nonzero, 90.0, 0.0))


def _units(v: F64) -> tuple[F64, Mask]:
    """Columns at unit length (zero columns stay), and which columns are not zero."""
    with np.errstate(over="ignore"):
        norm = np.sqrt(np.square(v).sum(axis=0))
    if not ((norm > 1e-140) & (norm < 1e140)).all():  # zero, or squares lost to under- or overflow
        largest = np.abs(v).max(axis=0)
        v = v / np.where(largest > 0, largest, 1)
        norm = np.sqrt(np.square(v).sum(axis=0))
    nonzero = norm > 0
    return v / np.where(nonzero, norm, 1), nonzero
