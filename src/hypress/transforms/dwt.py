"""The two dyadic wavelet transforms of JPEG 2000 (ISO/IEC 15444-1, Annex F).

One level splits a line into a low half and a high half by *lifting*: the odd samples are predicted
from their even neighbours, the even ones updated from the residuals, and so on.

    5/3, reversible     H -= (L + L') >> 1          L += (H' + H + 2) >> 2            integers, exact
    9/7, irreversible   H += α(L + L')  L += β(H' + H)  H += γ(L + L')  L += δ(H' + H)  then scale by K

Lines are extended by reflection about their first and last sample, which for lifting means that the
missing neighbour is the nearest one there is. Lines start at an even position, so a line of n samples
has (n + 1) // 2 low and n // 2 high ones. A plane is transformed vertically, then horizontally, then
again in its low-low quarter; the result lies in place in the usual nested layout::

    ┌────┬────┬─────────┐
    │ LL2│HL2 │         │
    ├────┼────┤   HL1   │
    │ LH2│HH2 │         │
    ├────┴────┼─────────┤
    │   LH1   │   HH1   │
    └─────────┴─────────┘

The kernels never reorder floating-point operations, so the 9/7 gives the same bits on every IEEE
machine. `forward_reference` and `inverse_reference` say the same in a few lines of NumPy.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

# Table F.4: the lifting parameters of the 9/7 filter.
ALPHA = -1.586134342059924
BETA = -0.052980118572961
GAMMA = 0.882911075530934
DELTA = 0.443506852043971
K = 1.230174104914001


def low_size(size: int, level: int) -> int:
    """Size of the low band of a line of `size` samples after `level` splits."""
    return -(-size // (1 << level))


# --- reference: one line, any trailing shape ------------------------------------------------------------


def split_reference(line: NDArray[Any], *, reversible: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    """Split axis 0 into its low and high band (F.4.8); integers stay integers when `reversible`."""
    low, high = line[0::2].copy(), line[1::2].copy()
    if len(high) == 0:
        return low, high
    after, left, right = _neighbours(len(line))
    if reversible:
        high -= (low[: len(high)] + low[after]) >> 1
        low += (high[left] + high[right] + 2) >> 2
        return low, high
    high += ALPHA * (low[: len(high)] + low[after])
    low += BETA * (high[left] + high[right])
    high += GAMMA * (low[: len(high)] + low[after])
    low += DELTA * (high[left] + high[right])
    return low * (1 / K), high * K


def merge_reference(low: NDArray[Any], high: NDArray[Any], *, reversible: bool) -> NDArray[Any]:
    """Undo `split_reference` (F.3.8)."""
    line = np.empty((len(low) + len(high), *low.shape[1:]), low.dtype)
    if len(high) == 0:
        line[:] = low
        return line
    after, left, right = _neighbours(len(line))
    if reversible:
        low = low - ((high[left] + high[right] + 2) >> 2)
        high = high + ((low[: len(high)] + low[after]) >> 1)
    else:
        low, high = low * K, high * (1 / K)
        low -= DELTA * (high[left] + high[right])
        high -= GAMMA * (low[: len(high)] + low[after])
        low -= BETA * (high[left] + high[right])
        high -= ALPHA * (low[: len(high)] + low[after])
    line[0::2], line[1::2] = low, high
    return line


def _neighbours(size: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Reflected indices: the low sample after each high one, the high ones left and right of each low one."""
    lows, highs = (size + 1) // 2, size // 2
    index = np.arange(lows)
    return np.minimum(index[:highs] + 1, lows - 1), np.maximum(index - 1, 0), np.minimum(index, highs - 1)


def forward_reference(plane: NDArray[Any], levels: int, *, reversible: bool) -> NDArray[Any]:
    """Transform a plane `(y, x)`; the readable twin of `forward`."""
    out = plane.copy()
    for level in range(levels):
        h, w = low_size(plane.shape[0], level), low_size(plane.shape[1], level)
        part = np.concatenate(split_reference(out[:h, :w], reversible=reversible))
        out[:h, :w] = np.concatenate(split_reference(part.T, reversible=reversible)).T
    return out


def inverse_reference(plane: NDArray[Any], levels: int, *, reversible: bool) -> NDArray[Any]:
    """Undo `forward_reference`; the readable twin of `inverse`."""
    out = plane.copy()
    for level in reversed(range(levels)):
        h, w = low_size(plane.shape[0], level), low_size(plane.shape[1], level)
        nh, nw = (h + 1) // 2, (w + 1) // 2
        part = merge_reference(out[:h, :nw].T, out[:h, nw:w].T, reversible=reversible).T
        out[:h, :w] = merge_reference(part[:nh], part[nh:], reversible=reversible)
    return out


# --- kernels: a whole plane, in place -------------------------------------------------------------------
# The vertical step works on whole rows, so that the inner loop runs along memory; the horizontal one
# works on one row at a time. Each step moves samples from `a` to `b` or back, (de)interleaving on its way.


@njit(nogil=True, cache=True, error_model="numpy")
def _update_rows_53(b: Any, sign: int, lows: int, highs: int, width: int) -> None:
    """Add `sign` × the rounded quarter of the two neighbouring high rows to every low row."""
    for i in range(lows):
        left, right = lows + max(i - 1, 0), lows + min(i, highs - 1)
        if sign > 0:
            for x in range(width):
                b[i, x] += np.int32(np.int32(b[left, x] + b[right, x] + 2) >> 2)
        else:
            for x in range(width):
                b[i, x] -= np.int32(np.int32(b[left, x] + b[right, x] + 2) >> 2)


@njit(nogil=True, cache=True, error_model="numpy")
def _forward_53(a: Any, b: Any, levels: int) -> None:
    height, width = a.shape
    for _ in range(levels):
        nl, nh = (height + 1) // 2, height // 2
        for i in range(nh):
            after = min(2 * i + 2, 2 * nl - 2)
            for x in range(width):
                b[nl + i, x] = a[2 * i + 1, x] - np.int32(np.int32(a[2 * i, x] + a[after, x]) >> 1)
        for i in range(nl):
            for x in range(width):
                b[i, x] = a[2 * i, x]
        if nh:
            _update_rows_53(b, 1, nl, nh, width)
        ml, mh = (width + 1) // 2, width // 2
        for y in range(height):
            for i in range(mh):
                after = min(2 * i + 2, 2 * ml - 2)
                a[y, ml + i] = b[y, 2 * i + 1] - np.int32(np.int32(b[y, 2 * i] + b[y, after]) >> 1)
            for i in range(ml):
                a[y, i] = b[y, 2 * i]
            if mh:
                a[y, 0] += np.int32(np.int32(2 * a[y, ml] + 2) >> 2)
                for i in range(1, mh):
                    a[y, i] += np.int32(np.int32(a[y, ml + i - 1] + a[y, ml + i] + 2) >> 2)
                if ml > mh:
                    a[y, mh] += np.int32(np.int32(2 * a[y, ml + mh - 1] + 2) >> 2)
        height, width = nl, ml


@njit(nogil=True, cache=True, error_model="numpy")
def _inverse_53(a: Any, b: Any, levels: int) -> None:
    for level in range(levels - 1, -1, -1):
        height, width = -(-a.shape[0] // (1 << level)), -(-a.shape[1] // (1 << level))
        nl, nh, ml, mh = (height + 1) // 2, height // 2, (width + 1) // 2, width // 2
        for y in range(height):
            if mh == 0:
                b[y, 0] = a[y, 0]
                continue
            b[y, 0] = a[y, 0] - np.int32(np.int32(2 * a[y, ml] + 2) >> 2)
            for i in range(1, mh):
                b[y, 2 * i] = a[y, i] - np.int32(np.int32(a[y, ml + i - 1] + a[y, ml + i] + 2) >> 2)
            if ml > mh:
                b[y, 2 * mh] = a[y, mh] - np.int32(np.int32(2 * a[y, ml + mh - 1] + 2) >> 2)
            for i in range(mh):
                after = min(2 * i + 2, 2 * ml - 2)
                b[y, 2 * i + 1] = a[y, ml + i] + np.int32(np.int32(b[y, 2 * i] + b[y, after]) >> 1)
        if nh:
            _update_rows_53(b, -1, nl, nh, width)
        for i in range(nl):
            for x in range(width):
                a[2 * i, x] = b[i, x]
        for i in range(nh):
            after = min(i + 1, nl - 1)
            for x in range(width):
                a[2 * i + 1, x] = b[nl + i, x] + np.int32(np.int32(b[i, x] + b[after, x]) >> 1)


@njit(nogil=True, cache=True, error_model="numpy")
def _lift_rows(b: Any, weight: float, to_high: bool, lows: int, highs: int, width: int) -> None:
    """Add `weight` × the two neighbouring rows of the other band to every row of one band."""
    if to_high:
        for i in range(highs):
            after = min(i + 1, lows - 1)
            for x in range(width):
                b[lows + i, x] += weight * (b[i, x] + b[after, x])
    else:
        for i in range(lows):
            left, right = lows + max(i - 1, 0), lows + min(i, highs - 1)
            for x in range(width):
                b[i, x] += weight * (b[left, x] + b[right, x])


@njit(nogil=True, cache=True, error_model="numpy")
def _lift_line(line: Any, weight: float, to_high: bool, lows: int, highs: int) -> None:
    """`_lift_rows` for one row, its low band first."""
    if to_high:
        for i in range(highs):
            line[lows + i] += weight * (line[i] + line[min(i + 1, lows - 1)])
    else:
        line[0] += weight * (line[lows] + line[lows])
        for i in range(1, highs):
            line[i] += weight * (line[lows + i - 1] + line[lows + i])
        if lows > highs:
            line[highs] += weight * (line[lows + highs - 1] + line[lows + highs - 1])


@njit(nogil=True, cache=True, error_model="numpy")
def _forward_97(a: Any, b: Any, levels: int) -> None:
    height, width = a.shape
    for _ in range(levels):
        nl, nh, ml, mh = (height + 1) // 2, height // 2, (width + 1) // 2, width // 2
        for y in range(height):
            to = y // 2 + (y & 1) * nl
            for x in range(width):
                b[to, x] = a[y, x]
        if nh:
            _lift_rows(b, ALPHA, True, nl, nh, width)
            _lift_rows(b, BETA, False, nl, nh, width)
            _lift_rows(b, GAMMA, True, nl, nh, width)
            _lift_rows(b, DELTA, False, nl, nh, width)
        for y in range(height):
            scale = 1.0 if nh == 0 else (1 / K if y < nl else K)
            line = a[y]
            for i in range(ml):
                line[i] = b[y, 2 * i] * scale
            for i in range(mh):
                line[ml + i] = b[y, 2 * i + 1] * scale
            if mh:
                _lift_line(line, ALPHA, True, ml, mh)
                _lift_line(line, BETA, False, ml, mh)
                _lift_line(line, GAMMA, True, ml, mh)
                _lift_line(line, DELTA, False, ml, mh)
                for i in range(ml):
                    line[i] *= 1 / K
                for i in range(ml, width):
                    line[i] *= K
        height, width = nl, ml


@njit(nogil=True, cache=True, error_model="numpy")
def _inverse_97(a: Any, b: Any, levels: int) -> None:
    for level in range(levels - 1, -1, -1):
        height, width = -(-a.shape[0] // (1 << level)), -(-a.shape[1] // (1 << level))
        nl, nh, ml, mh = (height + 1) // 2, height // 2, (width + 1) // 2, width // 2
        for y in range(height):
            line = a[y]
            if mh:
                for i in range(ml):
                    line[i] *= K
                for i in range(ml, width):
                    line[i] *= 1 / K
                _lift_line(line, -DELTA, False, ml, mh)
                _lift_line(line, -GAMMA, True, ml, mh)
                _lift_line(line, -BETA, False, ml, mh)
                _lift_line(line, -ALPHA, True, ml, mh)
            scale = 1.0 if nh == 0 else (K if y < nl else 1 / K)
            for i in range(ml):
                b[y, 2 * i] = line[i] * scale
            for i in range(mh):
                b[y, 2 * i + 1] = line[ml + i] * scale
        if nh:
            _lift_rows(b, -DELTA, False, nl, nh, width)
            _lift_rows(b, -GAMMA, True, nl, nh, width)
            _lift_rows(b, -BETA, False, nl, nh, width)
            _lift_rows(b, -ALPHA, True, nl, nh, width)
        for y in range(height):
            of = y // 2 + (y & 1) * nl
            for x in range(width):
                a[y, x] = b[of, x]


def forward(plane: NDArray[Any], levels: int, *, reversible: bool) -> NDArray[Any]:
    """Transform a plane `(y, x)` over `levels` levels, in place.

    Args:
        plane: C-contiguous; int32 when `reversible`, else float32 or float64. It is overwritten.
        levels: number of dyadic splits; more than the plane can bear do no harm.
        reversible: the 5/3 transform (F.4.8.1) instead of the 9/7 (F.4.8.2).

    Returns:
        The same array, holding the subbands in the nested layout.

    Raises:
        TypeError: the dtype does not belong to the transform.
    """
    _check(plane, reversible)
    (_forward_53 if reversible else _forward_97)(plane, np.empty_like(plane), _useful(plane, levels))
    return plane


def inverse(plane: NDArray[Any], levels: int, *, reversible: bool) -> NDArray[Any]:
    """Undo `forward`, in place; the same arguments and errors."""
    _check(plane, reversible)
    (_inverse_53 if reversible else _inverse_97)(plane, np.empty_like(plane), _useful(plane, levels))
    return plane


def _useful(plane: NDArray[Any], levels: int) -> int:
    """Levels that still change something: a 1 × 1 low band splits into itself."""
    return min(levels, (int(max(plane.shape)) - 1).bit_length())


def _check(plane: NDArray[Any], reversible: bool) -> None:
    wanted = ("int32",) if reversible else ("float32", "float64")
    if plane.dtype.name not in wanted or plane.ndim != 2 or not plane.flags.c_contiguous or plane.size == 0:
        raise TypeError(f"a plane of {' or '.join(wanted)}, C-contiguous and not empty, is needed")


# --- the weight of a subband ------------------------------------------------------------------------------


_SHORT = 32  # coefficients of a line, up to which its ends are worth a thought


@lru_cache(maxsize=256)
def line_norm(size: int, level: int, high: bool, reversible: bool) -> float:
    """Root mean square of the L2 norms of a band's synthesis functions, along a line of `size` samples.

    The band is the high or low half of the `level`-th split. Unit impulses are inverted: each in turn in a
    band so short that the reflection at its ends tells, else one far from the ends.
    """
    if level == 0:
        return 1.0
    lows = low_size(size, level)
    count = low_size(size, level - 1) - lows if high else lows
    if count == 0:
        return 1.0
    if count <= _SHORT:
        sizes = [low_size(size, n) for n in range(level)]
        lines = np.eye(count)
    else:
        lines = np.eye(17)[:, 8:9]  # longer than the support of either filter
        sizes = [34 << (level - 1 - n) for n in range(level)]
    for n in range(level - 1, -1, -1):
        other = np.zeros((sizes[n] - len(lines), lines.shape[1]))
        lines = _synthesise(*((other, lines) if high and n == level - 1 else (lines, other)), reversible)
    return float(np.sqrt(np.sum(lines**2) / lines.shape[1]))


def _synthesise(low: NDArray[Any], high: NDArray[Any], reversible: bool) -> NDArray[Any]:
    if not reversible:
        return merge_reference(low, high, reversible=False)
    # The 5/3 without its rounding, which is what an error passes through on average.
    line = np.empty((len(low) + len(high), *low.shape[1:]))
    if len(high) == 0:
        return low
    after, left, right = _neighbours(len(line))
    line[0::2] = low = low - (high[left] + high[right]) / 4
    line[1::2] = high + (low[: len(high)] + low[after]) / 2
    return line


def subband_norm(shape: tuple[int, int], level: int, high_y: bool, high_x: bool, *, reversible: bool) -> float:
    """L2 norm of a subband's synthesis functions: how an error of 1 in one coefficient shows in the image.

    `shape` is `(y, x)` of the image; `level` counts splits, 0 for an image that was not split; `high_y` and
    `high_x` say which half the band is of in either direction.
    """
    return line_norm(shape[0], level, high_y, reversible) * line_norm(shape[1], level, high_x, reversible)
