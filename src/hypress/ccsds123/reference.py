"""The predictor to be read: clause 4, sample by sample, in Python's unbounded integers.

The kernel of `predictor` does what is said here, some thousand times faster. Quantities bear the names of the
standard, and every rule its equation. Encoder and decoder differ in one line: one has the sample and wants its
mapped quantiser index δ, the other has δ and wants the sample.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.ccsds123.parameters import NARROW_COLUMN, NARROW_NEIGHBOR, WIDE_COLUMN, WIDE_NEIGHBOR, Parameters


def map_samples(samples: NDArray[Any], p: Parameters) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Mapped quantiser indices `(band, y, x)` of `samples`, and what a decoder makes of them."""
    return _Predictor(p).run(samples, decoding=False)


def unmap(indices: NDArray[Any], p: Parameters) -> NDArray[np.int64]:
    """The samples `(band, y, x)` of mapped quantiser indices."""
    return _Predictor(p).run(indices, decoding=True)[0]


def _sgn(x: int) -> int:
    """Equation 6."""
    return (x > 0) - (x < 0)


def _clip(x: int, low: int, high: int) -> int:
    """Equation 5."""
    return min(max(x, low), high)


def initial_weights(p: Parameters, z: int) -> list[int]:
    """W_z(1): ω_N, ω_W, ω_NW if the mode is full, then one for each preceding band (4.6.3)."""
    if p.weights is not None:  # equation 35, where 2^(Ω+2−Q) may be a half
        unit = 1 << (p.resolution + 3 - p.weight_bits)
        return [unit * value + (unit + 1) // 2 - 1 for value in p.weights[z]]
    weights = [7 * (1 << p.resolution) // 8]
    while len(weights) < min(z, p.prediction_bands):
        weights.append(weights[-1] // 8)
    return [0] * (3 * p.full) + weights[: min(z, p.prediction_bands)]


class _Predictor:
    def __init__(self, p: Parameters) -> None:
        self.p = p
        self.weights = [initial_weights(p, z) for z in range(p.bands)]
        self.s2 = np.zeros(p.shape, object)
        """Sample representatives s″."""
        self.d = np.zeros(p.bands, object)
        """Central local differences d_z(t) of the bands of this pixel."""

    def run(self, given: NDArray[Any], *, decoding: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """What was wanted of each sample, and the samples s′ that a decoder has (equation 48)."""
        bands, rows, columns = self.p.shape
        wanted, rebuilt = np.zeros(self.p.shape, np.int64), np.zeros(self.p.shape, np.int64)
        for y in range(rows):
            for x in range(columns):
                for z in range(bands):
                    wanted[z, y, x], rebuilt[z, y, x] = self._sample(int(given[z, y, x]), z, y, x, decoding)
        return wanted, rebuilt

    def _sample(self, given: int, z: int, y: int, x: int, decoding: bool) -> tuple[int, int]:
        p, t = self.p, y * self.p.shape[2] + x
        Omega = p.resolution
        sigma, U = (self._local_sum(z, y, x), []) if t else (0, [])
        if t:
            U = self._differences(z, y, x, sigma)
            d_hat = sum(w * u for w, u in zip(self.weights[z], U, strict=True))  # equation 36
            s_high = d_hat + (1 << Omega) * (sigma - 4 * p.middle)
            s_high = (s_high + (1 << (p.register - 1))) % (1 << p.register) - (1 << (p.register - 1))  # equation 4
            s_high += (p.middle << (Omega + 2)) + (1 << (Omega + 1))
            s_high = _clip(s_high, p.low << (Omega + 2), (p.high << (Omega + 2)) + (1 << (Omega + 1)))  # equation 37
            s_double = s_high >> (Omega + 1)  # equation 38
        elif p.prediction_bands and z:
            s_high, s_double = 0, 2 * self.s2[z - 1, 0, 0]
        else:
            s_high, s_double = 0, 2 * p.middle
        s_hat = s_double >> 1  # equation 39

        m = self._maximum_error(s_hat, z, y) if t else 0
        step = 2 * m + 1
        below, above = (s_hat - p.low + m) // step, (p.high - s_hat + m) // step
        theta = min(below, above)  # equation 56
        if decoding:
            q, wanted = _unmapped(given, below, above, s_double), 0
        else:
            delta = given - s_hat
            q = _sgn(delta) * ((abs(delta) + m) // step)  # equation 41
            wanted = _mapped(q, theta, s_double)
        s1 = _clip(s_hat + q * step, p.low, p.high)  # equation 48
        self._represent(s1, s_high, q, m, z, y, x)
        if t:
            self._update(2 * s1 - s_double, U, z, t)
            self.d[z] = 4 * self.s2[z, y, x] - sigma  # equation 24
        return (s1 if decoding else wanted), s1

    def _local_sum(self, z: int, y: int, x: int) -> int:
        """σ (equations 20–23)."""
        p, s2, last = self.p, self.s2, self.p.shape[2] - 1
        if y == 0:
            if p.local_sum in (WIDE_NEIGHBOR, WIDE_COLUMN):
                return int(4 * s2[z, 0, x - 1])
            return int(4 * s2[z - 1, 0, x - 1]) if z else 4 * p.middle
        if p.local_sum in (WIDE_COLUMN, NARROW_COLUMN):
            return int(4 * s2[z, y - 1, x])
        if x == 0:
            return int(2 * (s2[z, y - 1, 0] + s2[z, y - 1, 1]))
        north_west, north = s2[z, y - 1, x - 1], s2[z, y - 1, x]
        if p.local_sum == NARROW_NEIGHBOR:
            return int(2 * (north_west + north) if x == last else north_west + 2 * north + s2[z, y - 1, x + 1])
        return int(s2[z, y, x - 1] + north_west + (2 * north if x == last else north + s2[z, y - 1, x + 1]))

    def _differences(self, z: int, y: int, x: int, sigma: int) -> list[int]:
        """U_z(t) (equations 25–29)."""
        U = [int(self.d[z - i]) for i in range(1, min(z, self.p.prediction_bands) + 1)]
        if not self.p.full:
            return U
        if y == 0:
            return [0, 0, 0, *U]
        north = 4 * int(self.s2[z, y - 1, x]) - sigma
        if x == 0:
            return [north, north, north, *U]
        return [north, 4 * int(self.s2[z, y, x - 1]) - sigma, 4 * int(self.s2[z, y - 1, x - 1]) - sigma, *U]

    def _maximum_error(self, s_hat: int, z: int, y: int) -> int:
        """m_z(t) (equations 42–45)."""
        p = self.p
        period = 0 if p.period is None else y >> p.period
        limits = []
        if p.absolute is not None:
            limits.append(p.absolute.of(z, period))
        if p.relative is not None:
            limits.append(p.relative.of(z, period) * abs(s_hat) >> p.bits)
        return min(limits, default=0)

    def _represent(self, s1: int, s_high: int, q: int, m: int, z: int, y: int, x: int) -> None:
        """s″ (equations 46 and 47)."""
        p, Theta, Omega = self.p, self.p.representative, self.p.resolution
        phi, psi = p.of_bands(p.damping)[z], p.of_bands(p.offset)[z]
        if x == y == 0:
            self.s2[z, 0, 0] = s1
            return
        bin_part = (s1 << Omega) - _sgn(q) * m * psi * (1 << (Omega - Theta))
        total = 4 * ((1 << Theta) - phi) * bin_part + phi * s_high - (phi << (Omega + 1))
        self.s2[z, y, x] = ((total >> (Omega + Theta + 1)) + 1) >> 1

    def _update(self, e: int, U: list[int], z: int, t: int) -> None:
        """W_z(t + 1) (equations 49–54)."""
        p, Omega = self.p, self.p.resolution
        rho = _clip(p.initial + (t - p.shape[2]) // p.interval, p.initial, p.final) + p.bits - Omega  # equation 50
        offsets = [0] * len(U)
        if p.exponent_offsets is not None:
            row = p.exponent_offsets[z]
            offsets = [row[0]] * 3 + list(row[1:]) if p.full else list(row)
        for i, u in enumerate(U):
            exponent = rho + offsets[i]
            signed = u if e >= 0 else -u
            scaled = signed >> exponent if exponent >= 0 else signed << -exponent
            self.weights[z][i] = _clip(
                self.weights[z][i] + ((scaled + 1) >> 1), -(1 << (Omega + 2)), (1 << (Omega + 2)) - 1
            )


def _mapped(q: int, theta: int, s_double: int) -> int:
    """δ (equation 55)."""
    if abs(q) > theta:
        return abs(q) + theta
    return 2 * abs(q) if q == 0 or (q > 0) == (s_double % 2 == 0) else 2 * abs(q) - 1


def _unmapped(delta: int, below: int, above: int, s_double: int) -> int:
    """The q that δ stands for, with `below` bins under the prediction and `above` over it."""
    theta = min(below, above)
    if delta > 2 * theta:  # only on one side are there so many
        return delta - theta if above > below else theta - delta
    magnitude = (delta + 1) // 2
    return magnitude if (delta % 2 == 0) == (s_double % 2 == 0) else -magnitude
