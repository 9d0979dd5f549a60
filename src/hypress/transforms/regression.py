"""Prediction of each band from all that was decoded before it, by least squares over the lines so far.

A line of the scene is predicted band by band (the order of an instrument that scans lines). A sample's regressors
are the same pixel in some bands before, the pixels west, north, north-west and north-east of it in its own
band and in the two before, and 1. Their weights solve the normal equations

    (S + λ I) w = s + λ w₀

of all lines decoded so far; S and s are sums of products of samples, so encoder and decoder form them alike and no
weight is sent. w₀ is the plain predictor "the band before, plus the gradient west and north", which holds where
little is known: λ is the mean square of the band's residuals times `PRIOR`. With recursive least squares at every
sample this is J. Song, Z. Zhang and X. Chen, "Lossless compression of hyperspectral imagery via RLS filter"
(Electronics Letters 49, 2013); renewing the weights after some lines only costs far less and allows many more bands.

**Why every machine decodes alike.** Samples are integers, and so are the sums of their products: in float64 they are
exact below 2⁵³, in whatever order they are added. Weights are rounded to multiples of 2⁻¹⁸, so a prediction is an
exact integer too. Only the solution of the normal equations rounds; it is one sequence of IEEE 754 operations,
compiled without leave to change it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

NEAR = 3
"""Bands whose neighbours are regressors: the own one and those before it."""
WEST, NORTH, NORTH_WEST, NORTH_EAST = range(4)
POINT = 18
"""Bits after the point of a weight."""
HEAVIEST, LARGEST = 64.0, float(1 << 20)
"""Bounds of a weight, and of the constant; beyond them the plain predictor's is taken."""
PRIOR = 16.0
"""λ, in mean squares of residuals: a weight is thought to be within a quarter of the plain predictor's."""
FREE = 1e-3
"""λ of the constant."""
GROWTH = 6
"""Weights are renewed when the lines have grown by one part in this many."""
MOST = 1 << 20
"""Pixels in the sums; when there are more, all sums are halved, so that they stay exact."""


def residuals(samples: NDArray[Any], back: int) -> NDArray[np.int32]:
    """What the prediction from `back` bands before leaves of samples `(band, y, x)`, integers of at most 16 bits."""
    out = np.empty(samples.shape, np.int32)
    low, high = _range(samples.dtype)
    _code(np.ascontiguousarray(samples, np.int32), out, min(back, len(samples) - 1), low, high, True)
    return out


def restore(left: NDArray[np.int32], back: int, dtype: np.dtype[Any] | str) -> NDArray[Any]:
    """The samples `(band, y, x)` of `dtype` of which `residuals` left that; on other integers, any samples."""
    out = np.empty(left.shape, np.int32)
    low, high = _range(np.dtype(dtype))
    _code(out, np.ascontiguousarray(left, np.int32), min(back, len(left) - 1), low, high, False)
    return out.astype(dtype)


def _range(dtype: np.dtype[Any]) -> tuple[int, int]:
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)


# --- reference --------------------------------------------------------------------------------------------------


def residuals_reference(samples: NDArray[Any], back: int) -> NDArray[np.int32]:
    """What the prediction leaves of samples `(band, y, x)`; the readable twin of `residuals`, for small scenes."""
    bands, rows, columns = samples.shape
    back = min(back, bands - 1)
    low, high = _range(samples.dtype)
    # One more column on either side, filled as the decoder can: west from above, beyond the edge from the edge.
    x = np.pad(samples.astype(np.float64), ((back, 0), (0, 0), (1, 1)), "edge")
    x[:back] = 0
    x[:, 1:, 0] = x[:, :-1, 1]
    left = np.empty(samples.shape, np.int32)
    weights = np.zeros((bands, back + 4 * NEAR + 1))
    renew = 1
    for y in range(rows):
        for z in range(bands):
            band = x[back + z]
            if y == 0:
                before = x[back + z - 1, 0, 1:-1] if back else np.zeros(columns)
                step = np.diff(before, prepend=0.0)
                predicted = np.where(np.arange(columns) > 0, band[0, :-2] + step, before)
                if z == 0:
                    predicted[0] = 0.0
            else:
                if y == renew:
                    known = [_regressors(x, z, row, back) for row in range(1, y)]
                    prior = PRIOR * max(float(np.sum(left[z, :y].astype(np.float64) ** 2)) / (y * columns), 0.125)
                    weights[z] = _solution(
                        np.concatenate(known) if known else np.zeros((0, weights.shape[1])),
                        band[1:y, 1:-1].reshape(-1),
                        _plain(z, back, weights.shape[1]),
                        prior,
                    )
                predicted = np.floor(_regressors(x, z, y, back) @ weights[z] / (1 << POINT) + 0.5)
            left[z, y] = samples[z, y] - np.clip(predicted, low, high)
        if y == renew:
            renew += 1 + y // GROWTH
    return left


def _regressors(x: NDArray[np.float64], z: int, y: int, back: int) -> NDArray[np.float64]:
    """Those of a line of band `z`, `(x, regressor)`; `x` has `back` bands of zeros first, and a column either side."""
    here, nothing = back + z, np.zeros(x.shape[2] - 2)
    columns = [x[here - 1 - k, y, 1:-1] for k in range(back)]
    for j in range(NEAR):
        if here < j:
            columns += [nothing] * 4
        else:
            line, above = x[here - j, y], x[here - j, y - 1].copy()
            above[0] = above[1]
            columns += [line[:-2], above[1:-1], above[:-2], above[2:]]
    return np.stack([*columns, nothing + 1], axis=1)


def _plain(z: int, back: int, size: int) -> NDArray[np.float64]:
    """Weights of the plain predictor."""
    weights = np.zeros(size)
    weights[[back + WEST, back + NORTH]] = 0.5
    if z and back:
        weights[0] = 1.0
        weights[[back + 4 + WEST, back + 4 + NORTH]] = -0.5
    return weights


def _solution(
    inputs: NDArray[np.float64], outputs: NDArray[np.float64], plain: NDArray[np.float64], prior: float
) -> NDArray[np.float64]:
    """The weights, times 2¹⁸: Gaussian elimination, each operation in the order of the kernel."""
    size = plain.size
    system = np.column_stack([inputs.T @ inputs, inputs.T @ (outputs - inputs @ plain)])  # exact: integers and halves
    system[np.arange(size), np.arange(size)] += np.where(np.arange(size) < size - 1, prior, FREE)
    for k in range(size):
        for i in range(k + 1, size):
            system[i, i:] -= system[k, i] / system[k, k] * system[k, i:]
    change = np.zeros(size)
    for i in reversed(range(size)):
        value = system[i, size]
        for k in range(i + 1, size):
            value -= system[i, k] * change[k]
        change[i] = value / system[i, i]
    limits = np.where(np.arange(size) < size - 1, HEAVIEST, LARGEST)
    return np.floor(np.where(np.abs(plain + change) <= limits, plain + change, plain) * (1 << POINT) + 0.5)


# --- kernels ----------------------------------------------------------------------------------------------------
# Arrays of lines have `back` rows of zeros for the bands before the first, so that every band has all regressors,
# and a column on either side. Row z + back is band z.
#
# Sums over pixels, of which the normal equations of every band are put together (c: a band's own samples in the
# line; s: one of its four neighbours):
#     own[b, k]       = Σ c_b c_{b-k}            k = 0 … back
#     cross[b, d, k]  = Σ s_{b,d} c_{b+2-k}      k = 0 … back + 2
#     near[b, d, e, j] = Σ s_{b,d} s_{b-j,e}     j = 0 … 2
#     plain[b, 0]     = Σ c_b,  plain[b, 1 + d] = Σ s_{b,d}


@njit(nogil=True, cache=True, error_model="numpy")
def _code(samples: Any, left: Any, back: int, low: int, high: int, encode: bool) -> None:
    """Fill `left` from `samples`, or `samples` from `left`."""
    bands, rows, columns = samples.shape
    line = np.zeros((back + bands, columns + 2))
    above = np.zeros((back + bands, columns + 2))
    own = np.zeros((back + bands, back + 1))
    cross = np.zeros((back + bands, 4, back + NEAR))
    near = np.zeros((back + bands, 4, 4, NEAR))
    plain = np.zeros((back + bands, 5))
    weights = np.zeros((bands, back + 4 * NEAR + 1))
    system = np.empty((weights.shape[1], weights.shape[1] + 1))
    squares = np.zeros(bands)  # of residuals
    base = np.empty(columns)
    renew, pixels = 1, 0
    for y in range(rows):
        if y == renew:
            for z in range(bands):
                prior = PRIOR * max(squares[z] / (y * columns), 0.125)
                _renew(own, cross, near, plain, pixels, back, z, prior, system, weights[z])
            renew += 1 + y // GROWTH
        for z in range(bands):
            here = back + z
            line[here, 0] = above[here, 1]
            if y:
                _predict(line, above, here, back, weights[z], base)
                west = weights[z, back]
            else:  # the band before, plus the gradient west
                for x in range(columns):
                    base[x] = (line[here - 1, x + 1] - line[here - 1, x] if back and x else 0.0) * (1 << POINT)
                if back:
                    base[0] = line[here - 1, 1] * (1 << POINT)
                west = float(1 << POINT)
            total = 0.0
            for x in range(columns):
                exact = base[x] + west * line[here, x]
                predicted = min(max(int(np.floor(exact * (1.0 / (1 << POINT)) + 0.5)), low), high)
                if encode:
                    value = samples[z, y, x]
                    left[z, y, x] = value - predicted
                else:
                    value = min(max(predicted + left[z, y, x], low), high)
                    samples[z, y, x] = value
                line[here, x + 1] = value
                total += float(value - predicted) ** 2
            squares[z] += total
        if y:
            for z in range(bands):
                _add(line, above, back + z, own, cross, near, plain)
            pixels += columns
            if pixels > MOST:
                pixels //= 2
                for sums in (own.reshape(-1), cross.reshape(-1), near.reshape(-1), plain.reshape(-1)):
                    for i in range(sums.size):
                        sums[i] = np.floor(0.5 * sums[i])
        for here in range(back, back + bands):
            line[here, columns + 1] = line[here, columns]
            line[here, 0] = line[here, 1]
        line, above = above, line


@njit(nogil=True, cache=True, error_model="numpy", fastmath=True)  # exact integers: any order is right
def _predict(line: Any, above: Any, here: int, back: int, weights: Any, base: Any) -> None:
    """All of the weighted sum for band row `here` but the part of its own western neighbour."""
    columns = base.size
    base[:] = weights[-1]
    k = 0
    while k + 4 <= back:
        a, b, c, d = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
        r = here - 1 - k
        for x in range(columns):
            base[x] += a * line[r, x + 1] + b * line[r - 1, x + 1] + c * line[r - 2, x + 1] + d * line[r - 3, x + 1]
        k += 4
    for k in range(back - back % 4, back):
        for x in range(columns):
            base[x] += weights[k] * line[here - 1 - k, x + 1]
    for j in range(min(NEAR, here + 1)):
        w = weights[back + 4 * j : back + 4 * j + 4]
        r = here - j
        for x in range(columns):
            base[x] += w[NORTH] * above[r, x + 1] + w[NORTH_WEST] * above[r, x] + w[NORTH_EAST] * above[r, x + 2]
        if j:
            for x in range(columns):
                base[x] += w[WEST] * line[r, x]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=True)  # exact integers: any order is right
def _products(out: Any, one: Any, one_row: int, one_at: int, many: Any, first: int, many_at: int, size: int) -> None:
    """Add to `out[k]` the sum of products of a row and the rows `first - k`; rows outside `many` are zero."""
    k = max(0, first - (len(many) - 1))
    last = min(out.size, first + 1)
    while k + 4 <= last:
        a = b = c = d = 0.0
        r = first - k
        for x in range(size):
            s = one[one_row, one_at + x]
            a += s * many[r, many_at + x]
            b += s * many[r - 1, many_at + x]
            c += s * many[r - 2, many_at + x]
            d += s * many[r - 3, many_at + x]
        out[k] += a
        out[k + 1] += b
        out[k + 2] += c
        out[k + 3] += d
        k += 4
    while k < last:
        a = 0.0
        for x in range(size):
            a += one[one_row, one_at + x] * many[first - k, many_at + x]
        out[k] += a
        k += 1


@njit(nogil=True, cache=True, error_model="numpy")
def _add(line: Any, above: Any, here: int, own: Any, cross: Any, near: Any, plain: Any) -> None:
    """Add a finished line of band row `here` to the sums."""
    size = line.shape[1] - 2
    neighbours = ((line, 0), (above, 1), (above, 0), (above, 2))  # west, north, north-west, north-east
    _products(own[here], line, here, 1, line, here, 1, size)
    for x in range(size):
        plain[here, 0] += line[here, x + 1]
    for d in range(4):
        one, at = neighbours[d]
        _products(cross[here, d], one, here, at, line, here + NEAR - 1, 1, size)
        for x in range(size):
            plain[here, 1 + d] += one[here, at + x]
        for e in range(4):
            other, other_at = neighbours[e]
            _products(near[here, d, e], one, here, at, other, here, other_at, size)


@njit(nogil=True, cache=True, error_model="numpy")
def _renew(
    own: Any, cross: Any, near: Any, plain: Any, pixels: int, back: int, z: int, prior: float, system: Any, weights: Any
) -> None:
    """Solve the normal equations of band `z`; `weights` become multiples of 2⁻¹⁸, as integers."""
    here, size = back + z, weights.size
    # Upper triangle of S, and s in the last column.
    for i in range(back):
        for k in range(i, back):
            system[i, k] = own[here - 1 - i, k - i] if here - 1 - i >= 0 else 0.0
        for j in range(NEAR):
            for d in range(4):
                system[i, back + 4 * j + d] = cross[here - j, d, NEAR - j + i] if here >= j else 0.0
        system[i, size - 1] = plain[here - 1 - i, 0] if here - 1 - i >= 0 else 0.0
        system[i, size] = own[here, i + 1]
    for j in range(NEAR):
        for d in range(4):
            i = back + 4 * j + d
            for other in range(j, NEAR):
                for e in range(4):
                    system[i, back + 4 * other + e] = near[here - j, d, e, other - j] if here >= other else 0.0
            system[i, size - 1] = plain[here - j, 1 + d] if here >= j else 0.0
            system[i, size] = cross[here - j, d, NEAR - 1 - j] if here >= j else 0.0
    system[size - 1, size - 1] = pixels
    system[size - 1, size] = plain[here, 0]
    # Unknown is the distance from the plain predictor, so that the prior pulls towards that.
    weights[:] = 0.0
    weights[back + WEST] = weights[back + NORTH] = 0.5
    if z and back:
        weights[0] = 1.0
        weights[back + 4 + WEST] = weights[back + 4 + NORTH] = -0.5
    for i in range(size):
        known = 0.0
        for k in range(size):
            known += weights[k] * (system[i, k] if k >= i else system[k, i])
        system[i, size] -= known
    for i in range(size):
        system[i, i] += FREE if i == size - 1 else prior
    for k in range(size):  # elimination, row by row
        pivot = system[k, k]
        if pivot > 0.0:
            for i in range(k + 1, size):
                factor = system[k, i] / pivot
                for x in range(i, size + 1):
                    system[i, x] -= factor * system[k, x]
    for i in range(size - 1, -1, -1):
        value = system[i, size]
        for k in range(i + 1, size):
            value -= system[i, k] * system[k, size]
        system[i, size] = value / system[i, i] if system[i, i] > 0.0 else 0.0
    for i in range(size):
        weight = weights[i] + system[i, size]
        if not abs(weight) <= (LARGEST if i == size - 1 else HEAVIEST):  # so written that NaN is caught
            weight = weights[i]
        weights[i] = np.floor(weight * (1 << POINT) + 0.5)
