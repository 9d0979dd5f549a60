"""The axes within the leading subspace that are cheapest to code, by the algorithm of Flury and Gautschi.

A coefficient whose surroundings have variance v costs about ½ log₂(1 + v / D) bits at the distortion D (see
`transforms.rotation`, whose blocks of wavelet coefficients these are). The rotation R of least

    J = ½ Σ_b w_b Σ_k log₂(1 + (Rᵀ C_b R)_kk / D)

is that of common principal components for the covariances C_b + D. B. Flury and W. Gautschi ("An algorithm for
simultaneous orthogonal transformation of several positive definite symmetric matrices to nearly diagonal form", SIAM J.
Sci. Stat. Comput. 7, 1986) turn one plane after the other: where its variances in block b are v and u, by the
eigenvectors of

    Σ_b w_b (v − u) / (v u) · C_b

restricted to the plane, found again with the variances that come of it. No logarithm, no search: several times
faster than a fan of angles, and it ends lower.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.tcq.halves import project, side_by_side
from hypress.transforms.allocation import CANDIDATES, LEAST_LEVEL, TURNING, Plan, Spectrum
from hypress.transforms.pca import Basis, quantised_basis
from hypress.transforms.rotation import BLOCK, BLOCKS, haar_bands

STEPS = 2
"""How often the eigenvectors of a plane are found before the next plane's turn."""
CHEAPEST, DEAREST, DEARER = 0.7, 1.2, 0.12
"""A component is kept where it is worth so many times its modelled price: from one bit per sample on the second; with
each halving of the rate the third less, but never less than the first."""
LEAST_TURN = 1e-4
"""Radians below which a plane stays as it is."""


class Components(Plan):
    """A plan for a coder that knows where something is: at low rates more components are worth their bits."""

    def basis(self) -> Basis:
        """The quantised basis of the components that are worth their bits."""
        bits, least = self.bits(self.level), 2 * math.log(2) * self.level
        rate = max(float(bits.sum()) / (self.pixels * len(self.means)), 1e-9)
        price = min(max(DEAREST + DEARER * math.log2(rate), CHEAPEST), DEAREST)
        worth = np.maximum(self.blocks - self.level, 0) @ self.sizes > price * least * bits
        return quantised_basis(self.means, self.axes[:, worth], self.energies[worth], self.pixels, self.step)


def cheapest_axes(
    samples: NDArray[np.generic], spectrum: Spectrum, meet: Callable[[Plan], Plan], sweeps: int, turned: int
) -> Plan:
    """A plan for coding samples `(band, y, x)`, as `transforms.allocation.plan` makes it.

    `meet` takes a plan to the level at which it meets what is asked for. All planes of the first `turned` components
    are turned `sweeps` times; later ones stay as they are, and are taken to be alike everywhere.
    """
    means, variances, axes = spectrum
    pixels = samples[0].size
    flat = Components(means, axes, variances, variances[:, None], np.array([float(pixels)]), pixels, 1.0)
    count = int(np.clip(np.sum(variances > meet(flat).level / 16), 0, min(len(means), pixels)))
    count = max(count, min(CANDIDATES, int(np.sum(variances > LEAST_LEVEL))))
    axes, energies, turned = axes[:, :count], variances[:count], min(count, turned)
    covariances, sizes = covariances_of(project(samples, means, axes[:, :turned].T))
    flat_ones = np.repeat(energies[turned:, None], len(sizes), axis=1)
    blocks = np.concatenate([np.einsum("kkb->kb", covariances), flat_ones], dtype=np.float64)
    draft = meet(Components(means, axes, energies, blocks, sizes, pixels, 1.0))
    if not sweeps or turned < 2:
        return draft
    # The basis takes part: its columns are one more block.
    column = np.diag(energies[:turned] * pixels / len(means))[:, :, None]
    turning: Any = np.concatenate([covariances, column], axis=2, dtype=np.float32)
    weights = np.append(sizes, len(means)).astype(np.float32)
    rotation = np.eye(turned)
    level: Any = np.float32(max(TURNING * draft.level, 1e-30))
    turn_planes(turning, weights, level, rotation, sweeps)
    axes = np.hstack([axes[:, :turned] @ rotation, axes[:, turned:]])
    blocks[:turned] = np.einsum("kkb->kb", turning)[:, :-1]
    energies = np.concatenate([np.square(rotation).T @ energies[:turned], energies[turned:]])
    return meet(replace(draft, axes=axes, energies=energies, blocks=np.maximum(blocks, 0)))


def covariances_of(planes: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """What `block_covariances` says of planes `(component, y, x)`, in float32 and only the lower triangles."""
    edge = max(BLOCK, math.isqrt(planes.shape[1] * planes.shape[2] // BLOCKS))
    bands = haar_bands(planes)
    edges = [[_edges(n, edge) for n in band.shape[1:]] for band in bands]
    numbers = [(len(rows) - 1) * (len(columns) - 1) for rows, columns in edges]
    ends = np.cumsum(numbers)
    covariances = np.zeros((len(planes), len(planes), ends[-1]), np.float32)
    sizes = np.concatenate([np.outer(np.diff(rows), np.diff(columns)).ravel() for rows, columns in edges])

    def fill(i: int) -> None:
        rows, columns = edges[i]
        _multiply(np.ascontiguousarray(bands[i]), rows, columns, covariances[:, :, ends[i] - numbers[i] : ends[i]])

    side_by_side(fill, range(len(bands)))
    return covariances, sizes.astype(np.float64)


def _edges(length: int, edge: int) -> NDArray[np.int64]:
    """Where blocks of about `edge` places start in a line, and where the last ends."""
    parts = max(1, round(length / edge))
    return np.array([0, *np.cumsum([len(part) for part in np.array_split(np.arange(length), parts)])])


@njit(nogil=True, cache=True)
def _multiply(
    band: NDArray[np.float32], rows: NDArray[np.int64], columns: NDArray[np.int64], out: NDArray[np.float32]
) -> None:
    """Mean products `out (component, component, block)`, the first no less than the second, within each block."""
    count, block = len(band), 0
    inside, products = np.empty(count, np.float32), np.empty((count, count), np.float32)
    for r in range(len(rows) - 1):
        for q in range(len(columns) - 1):
            products[:] = 0
            for y in range(rows[r], rows[r + 1]):
                for x in range(columns[q], columns[q + 1]):
                    for k in range(count):
                        inside[k] = band[k, y, x]
                    for k in range(count):
                        for other in range(k + 1):
                            products[k, other] += inside[k] * inside[other]
            size = np.float32((rows[r + 1] - rows[r]) * (columns[q + 1] - columns[q]))
            for k in range(count):
                for other in range(k + 1):
                    out[k, other, block] = products[k, other] / size
            block += 1


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _angle(
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    cross: NDArray[np.float32],
    weights: NDArray[np.float32],
    level: float,
) -> float:
    """Radians by which a plane turns whose variances and covariances `(block,)` these are; summed in any order."""
    angle, two = 0.0, np.float32(2)
    for _ in range(STEPS):
        c, s = np.float32(math.cos(angle)), np.float32(math.sin(angle))
        difference, off = np.float32(0), np.float32(0)
        for b in range(first.size):
            mixed = two * c * s * cross[b]
            v = c * c * first[b] + s * s * second[b] + mixed + level
            u = s * s * first[b] + c * c * second[b] - mixed + level
            weight = weights[b] * (v - u) / (u * v)
            difference += weight * (first[b] - second[b])
            off += weight * cross[b]
        angle = 0.5 * math.atan2(2 * off, difference)
    return angle


@njit(nogil=True, cache=True)
def _turn(one: NDArray[np.float32], other: NDArray[np.float32], c: Any, s: Any) -> None:
    """Turn two axes, in place."""
    for b in range(one.size):
        v, u = one[b], other[b]
        one[b], other[b] = c * v + s * u, c * u - s * v


@njit(nogil=True, cache=True)
def turn_planes(
    covariances: NDArray[np.float32],
    weights: NDArray[np.float32],
    level: float,
    rotation: NDArray[np.float64],
    sweeps: int,
) -> None:
    """Turn `covariances (component, component, block)` and `rotation`, in place. The lower triangles alone are read."""
    count, _, blocks = covariances.shape
    two = np.float32(2)
    for _ in range(sweeps):
        still = True
        for j in range(count):
            for i in range(j + 1, count):
                first, second, cross = covariances[j, j], covariances[i, i], covariances[i, j]
                angle = _angle(first, second, cross, weights, level)
                if not abs(angle) > LEAST_TURN:
                    continue
                still = False
                cosine, sine = math.cos(angle), math.sin(angle)
                c, s = np.float32(cosine), np.float32(sine)
                for b in range(blocks):
                    v, u, w = first[b], second[b], cross[b]
                    first[b] = c * c * v + s * s * u + two * c * s * w
                    second[b] = s * s * v + c * c * u - two * c * s * w
                    cross[b] = (c * c - s * s) * w + c * s * (u - v)
                for k in range(count):
                    if k != i and k != j:
                        _turn(covariances[max(k, j), min(k, j)], covariances[max(k, i), min(k, i)], c, s)
                    before, after = rotation[k, j], rotation[k, i]
                    rotation[k, j], rotation[k, i] = cosine * before + sine * after, cosine * after - sine * before
        if still:
            break
