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

from hypress.transforms.allocation import CANDIDATES, LEAST_LEVEL, TURNING, Plan, Spectrum
from hypress.transforms.pca import project
from hypress.transforms.rotation import block_covariances

TURNED = 48
"""Components, at most, that are turned; later ones stay as they are, and are taken to be alike everywhere."""
STEPS = 2
"""How often the eigenvectors of a plane are found before the next plane's turn."""
LEAST_TURN = 1e-4
"""Radians below which a plane stays as it is."""


def cheapest_axes(samples: NDArray[np.generic], spectrum: Spectrum, meet: Callable[[Plan], Plan], sweeps: int) -> Plan:
    """A plan for coding samples `(band, y, x)`, as `transforms.allocation.plan` makes it.

    `meet` takes a plan to the level at which it meets what is asked for. All planes are turned `sweeps` times.
    """
    means, variances, axes = spectrum
    pixels = samples[0].size
    flat = Plan(means, axes, variances, variances[:, None], np.array([float(pixels)]), pixels, 1.0)
    count = int(np.clip(np.sum(variances > meet(flat).level / 16), 0, min(len(means), pixels)))
    count = max(count, min(CANDIDATES, int(np.sum(variances > LEAST_LEVEL))))
    axes, energies, turned = axes[:, :count], variances[:count], min(count, TURNED)
    covariances, sizes = block_covariances(project(samples, means, axes[:, :turned].T))
    flat_ones = np.repeat(energies[turned:, None], len(sizes), axis=1)
    blocks = np.concatenate([np.einsum("kkb->kb", covariances), flat_ones])
    draft = meet(Plan(means, axes, energies, blocks, sizes, pixels, 1.0))
    if not sweeps or turned < 2:
        return draft
    # The basis takes part: its columns are one more block.
    column = np.diag(energies[:turned] * pixels / len(means))[:, :, None]
    turning: Any = np.concatenate([covariances, column], axis=2).astype(np.float32)
    weights = np.append(sizes, len(means)).astype(np.float32)
    rotation = np.eye(turned)
    level: Any = np.float32(max(TURNING * draft.level, 1e-30))
    turn_planes(turning, weights, level, rotation, sweeps)
    axes = np.hstack([axes[:, :turned] @ rotation, axes[:, turned:]])
    blocks[:turned] = np.einsum("kkb->kb", turning)[:, :-1]
    energies = np.concatenate([np.square(rotation).T @ energies[:turned], energies[turned:]])
    return meet(replace(draft, axes=axes, energies=energies, blocks=np.maximum(blocks, 0)))


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
    one, two = np.float32(1), np.float32(2)
    for _ in range(sweeps):
        still = True
        for j in range(count):
            for i in range(j + 1, count):
                first, second, cross = covariances[j, j], covariances[i, i], covariances[i, j]
                angle = 0.0
                for _ in range(STEPS):
                    c, s = np.float32(math.cos(angle)), np.float32(math.sin(angle))
                    difference, off = np.float32(0), np.float32(0)
                    for b in range(blocks):
                        mixed = two * c * s * cross[b]
                        v = c * c * first[b] + s * s * second[b] + mixed + level
                        u = s * s * first[b] + c * c * second[b] - mixed + level
                        weight = weights[b] * (one / u - one / v)
                        difference += weight * (first[b] - second[b])
                        off += weight * cross[b]
                    angle = 0.5 * math.atan2(2 * off, difference)
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
                        row = covariances[k, j] if k > j else covariances[j, k]
                        other = covariances[k, i] if k > i else covariances[i, k]
                        for b in range(blocks):
                            v, u = row[b], other[b]
                            row[b], other[b] = c * v + s * u, c * u - s * v
                    before, after = rotation[k, j], rotation[k, i]
                    rotation[k, j], rotation[k, i] = cosine * before + sine * after, cosine * after - sine * before
        if still:
            break
