"""The three-level wavelet transforms of CCSDS 122.0-B-2, section 3: 9/7 integer and 9/7 float.

Pyramids lie as in figure 3-2: LL3 at the top left, HL to the right of LL, LH below it. Lines are extended by mirroring
at their ends, which gives the boundary filters of equations 5, 6, 10 and 11. Float coefficients are computed in double
precision in the order written here, so that they are the same wherever IEEE arithmetic is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.ccsds122.bits import Int

LEVELS = 3

# Tables 3-2 and 3-3; the synthesis filters are the same numbers, with signs alternating.
H0, H1, H2, H3, H4 = 0.852698679009, 0.377402855613, -0.110624404418, -0.023849465020, 0.037828455507
G0, G1, G2, G3 = -0.788485616406, 0.418092273222, 0.040689417609, -0.064538882629


def forward(image: NDArray[Any]) -> NDArray[Any]:
    """The pyramid of an image whose edges are multiples of 8, at least 24: int64 of integers, float64 of float64."""
    pyramid = image.astype(np.float64 if image.dtype.kind == "f" else np.int64)
    analyse = _analyse_float if image.dtype.kind == "f" else _analyse_integer
    height, width = image.shape
    for _ in range(LEVELS):
        analyse(pyramid, height, width)
        height, width = height // 2, width // 2
    return pyramid


def inverse(pyramid: NDArray[Any]) -> NDArray[Any]:
    """The image of a pyramid, in place: int64 or float64."""
    synthesise = _synthesise_float if pyramid.dtype.kind == "f" else _synthesise_integer
    for level in range(LEVELS - 1, -1, -1):
        synthesise(pyramid, pyramid.shape[0] >> level, pyramid.shape[1] >> level)
    return pyramid


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def _mirrored(index: Int, size: Int) -> Int:
    index = abs(index)
    return index if index < size else 2 * size - 2 - index


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def _predict(a: Int, b: Int, c: Int, d: Int) -> Int:
    """What equations 5 and 11 take from, or add to, the odd sample between b and c."""
    return (9 * (b + c) - (a + d) + 8) >> 4


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def _update(a: Int, b: Int) -> Int:
    """What equations 6 and 10 take from, or add to, the even sample between details a and b."""
    return (2 - (a + b)) >> 2


@njit(nogil=True, cache=True, error_model="numpy")
def _analyse_integer(data: Any, height: Int, width: Int) -> None:
    """One level of the integer transform, rows and then columns (3.5)."""
    half = width // 2
    rows = np.empty((height, width), np.int64)
    for y in range(height):
        line, out = data[y], rows[y]
        for j in range(1, half - 2):
            x = 2 * j
            out[half + j] = line[x + 1] - _predict(line[x - 2], line[x], line[x + 2], line[x + 4])
        for j in (0, half - 2, half - 1):
            x = 2 * j
            a, c, d = _mirrored(x - 2, width), _mirrored(x + 2, width), _mirrored(x + 4, width)
            out[half + j] = line[x + 1] - _predict(line[a], line[x], line[c], line[d])
        out[0] = line[0] - _update(out[half], out[half])
        for j in range(1, half):
            out[j] = line[2 * j] - _update(out[half + j - 1], out[half + j])
    half = height // 2
    for j in range(half):
        y = 2 * j
        a, b = rows[_mirrored(y - 2, height)], rows[y]
        c, d = rows[_mirrored(y + 2, height)], rows[_mirrored(y + 4, height)]
        odd, out = rows[y + 1], data[half + j]
        for x in range(width):
            out[x] = odd[x] - _predict(a[x], b[x], c[x], d[x])
    for j in range(half):
        a, b = data[half + max(j - 1, 0)], data[half + j]
        even, out = rows[2 * j], data[j]
        for x in range(width):
            out[x] = even[x] - _update(a[x], b[x])


@njit(nogil=True, cache=True, error_model="numpy")
def _synthesise_integer(data: Any, height: Int, width: Int) -> None:
    """Undo `_analyse_integer`, columns and then rows (3.6)."""
    half = height // 2
    rows = np.empty((height, width), np.int64)
    for j in range(half):
        a, b = data[half + max(j - 1, 0)], data[half + j]
        low, out = data[j], rows[2 * j]
        for x in range(width):
            out[x] = low[x] + _update(a[x], b[x])
    for j in range(half):
        y = 2 * j
        a, b = rows[_mirrored(y - 2, height)], rows[y]
        c, d = rows[_mirrored(y + 2, height)], rows[_mirrored(y + 4, height)]
        high, out = data[half + j], rows[y + 1]
        for x in range(width):
            out[x] = high[x] + _predict(a[x], b[x], c[x], d[x])
    half = width // 2
    for y in range(height):
        line, out = rows[y], data[y]
        out[0] = line[0] + _update(line[half], line[half])
        for j in range(1, half):
            out[2 * j] = line[j] + _update(line[half + j - 1], line[half + j])
        for j in range(1, half - 2):
            x = 2 * j
            out[x + 1] = line[half + j] + _predict(out[x - 2], out[x], out[x + 2], out[x + 4])
        for j in (0, half - 2, half - 1):
            x = 2 * j
            a, c, d = _mirrored(x - 2, width), _mirrored(x + 2, width), _mirrored(x + 4, width)
            out[x + 1] = line[half + j] + _predict(out[a], out[x], out[c], out[d])


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def _low(a4: Int, a3: Int, a2: Int, a1: Int, x: Int, b1: Int, b2: Int, b3: Int, b4: Int) -> Int:
    """Equation 3, C."""
    return H0 * x + H1 * (a1 + b1) + H2 * (a2 + b2) + H3 * (a3 + b3) + H4 * (a4 + b4)


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def _high(a3: Int, a2: Int, a1: Int, x: Int, b1: Int, b2: Int, b3: Int) -> Int:
    """Equation 3, D."""
    return G0 * x + G1 * (a1 + b1) + G2 * (a2 + b2) + G3 * (a3 + b3)


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def _even(c1: Int, c: Int, c2: Int, d2: Int, d1: Int, e1: Int, e2: Int) -> Int:
    """Equation 8, even samples: three low-pass coefficients c, and high-pass ones from d2 … e2 around them."""
    return -G0 * c - G2 * (c1 + c2) + H1 * (d1 + e1) + H3 * (d2 + e2)


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def _odd(c2: Int, c1: Int, b1: Int, b2: Int, d2: Int, d1: Int, d: Int, e1: Int, e2: Int) -> Int:
    """Equation 8, odd samples: four low-pass coefficients and five high-pass ones around d."""
    return G1 * (c1 + b1) + G3 * (c2 + b2) - H0 * d - H2 * (d1 + e1) - H4 * (d2 + e2)


@njit(nogil=True, cache=True, error_model="numpy")
def _extend(line: Any, size: Int, reach: Int, first: Int, last: Int, out: Any) -> None:
    """`out[4:-4]` becomes the line, mirrored around its ends, or around half a sample beyond where these are 1."""
    for x in range(size):
        out[4 + x] = line[x]
    for n in range(1, reach + 1):
        out[4 - n] = line[n - first]
        out[3 + size + n] = line[size - 1 - n + last]


@njit(nogil=True, cache=True, error_model="numpy")
def _analyse_float(data: Any, height: Int, width: Int) -> None:
    """One level of the float transform, rows and then columns."""
    half = width // 2
    rows = np.empty((height, width), np.float64)
    e = np.empty(width + 8, np.float64)
    for y in range(height):
        _extend(data[y], width, 4, 0, 0, e)
        out = rows[y]
        for j in range(half):
            x = 2 * j + 4
            out[j] = _low(e[x - 4], e[x - 3], e[x - 2], e[x - 1], e[x], e[x + 1], e[x + 2], e[x + 3], e[x + 4])
            out[half + j] = _high(e[x - 2], e[x - 1], e[x], e[x + 1], e[x + 2], e[x + 3], e[x + 4])
    half = height // 2
    for j in range(half):
        y = 2 * j
        a4, a3 = rows[_mirrored(y - 4, height)], rows[_mirrored(y - 3, height)]
        a2, a1 = rows[_mirrored(y - 2, height)], rows[_mirrored(y - 1, height)]
        b0, b1, b2 = rows[y], rows[y + 1], rows[_mirrored(y + 2, height)]
        b3, b4 = rows[_mirrored(y + 3, height)], rows[_mirrored(y + 4, height)]
        low, high = data[j], data[half + j]
        for x in range(width):
            low[x] = _low(a4[x], a3[x], a2[x], a1[x], b0[x], b1[x], b2[x], b3[x], b4[x])
            high[x] = _high(a2[x], a1[x], b0[x], b1[x], b2[x], b3[x], b4[x])


@njit(nogil=True, cache=True, error_model="numpy")
def _synthesise_float(data: Any, height: Int, width: Int) -> None:
    """Undo `_analyse_float`; coefficients are extended as equation 9 says."""
    half = height // 2
    rows = np.empty((height, width), np.float64)
    for j in range(half):
        c1, c, c2 = data[abs(j - 1)], data[j], data[min(j + 1, half - 1)]
        c3 = data[j + 2 if j + 2 < half else 2 * half - 3 - j]
        d2 = data[half + (j - 2 if j >= 2 else 1 - j)]
        d1, d = data[half + max(j - 1, 0)], data[half + j]
        e1 = data[half + (j + 1 if j + 1 < half else half - 2)]
        e2 = data[half + (j + 2 if j + 2 < half else 2 * half - 4 - j)]
        even, odd = rows[2 * j], rows[2 * j + 1]
        for x in range(width):
            even[x] = _even(c1[x], c[x], c2[x], d2[x], d1[x], d[x], e1[x])
            odd[x] = _odd(c1[x], c[x], c2[x], c3[x], d2[x], d1[x], d[x], e1[x], e2[x])
    half = width // 2
    low, high = np.empty(half + 8, np.float64), np.empty(half + 8, np.float64)
    for y in range(height):
        line, out = rows[y], data[y]
        _extend(line[:half], half, 2, 0, 1, low)
        _extend(line[half:], half, 2, 1, 0, high)
        for j in range(half):
            n = j + 4
            out[2 * j] = _even(low[n - 1], low[n], low[n + 1], high[n - 2], high[n - 1], high[n], high[n + 1])
            out[2 * j + 1] = _odd(
                low[n - 1], low[n], low[n + 1], low[n + 2], high[n - 2], high[n - 1], high[n], high[n + 1], high[n + 2]
            )
