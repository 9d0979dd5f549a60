"""The separable wavelet transform of a cube: across bands first, then over each resulting plane.

The two directions have their own numbers of levels. Every plane of the spectral transform, details included,
gets the whole dyadic transform of `transforms.dwt`. This is the *wavelet packet* form of B.-J. Kim, Z. Xiong and
W. A. Pearlman, "Low bit-rate scalable video coding with 3-D set partitioning in hierarchical trees" (IEEE TCSVT
10, 2000), which E. Christophe, C. Mailhes and P. Duhamel, "Hyperspectral image compression: adapting SPIHT and
EZW to anisotropic 3-D wavelet coding" (IEEE TIP 17, 2008) find best for hyperspectral scenes: spectra and images
are smooth on different scales, so their levels should not be tied to each other.

    bands      L₃ │ H₃ │ H₂ │ H₁         each plane      LL │HL │
               ───┴────┴────┴────►                       LH │HH │ …

Lines of any length are split as in `transforms.dwt`: n samples give (n + 1) // 2 low and n // 2 high ones.
Results lie in place. `forward_reference` and `inverse_reference` say the same in a few lines of NumPy.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hypress.transforms import dwt
from hypress.transforms.dwt import ALPHA, BETA, DELTA, GAMMA, K, line_norm, low_size

BLOCK = 512
"""Pixels whose spectra are transformed at a time: few enough that they stay in the cache."""


class Levels(NamedTuple):
    """How often each direction is split."""

    spectral: int
    spatial: int

    def useful(self, shape: tuple[int, ...]) -> Levels:
        """Those of them that still change something in a cube `(band, y, x)`."""
        bands, rows, columns = shape
        return Levels(
            min(self.spectral, (bands - 1).bit_length()), min(self.spatial, (max(rows, columns) - 1).bit_length())
        )


class Subband(NamedTuple):
    """One box of coefficients, and what they are."""

    where: tuple[slice, slice, slice]
    """Its place in the transformed cube `(band, y, x)`."""
    spectral: int
    """The split, counted from 1, that made it across bands; 0 if there was none."""
    spatial: int
    """The split that made it within planes; 0 if there was none."""
    high: tuple[bool, bool, bool]
    """Which half of these splits it is, along `(band, y, x)`."""
    norm: float
    """L2 norm of its synthesis functions: how an error of 1 in a coefficient shows in the cube."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Coefficients along `(band, y, x)`."""
        z, y, x = self.where
        return z.stop - z.start, y.stop - y.start, x.stop - x.start


def forward(cube: NDArray[Any], levels: Levels, *, reversible: bool) -> NDArray[Any]:
    """Transform a cube `(band, y, x)`, in place.

    Args:
        cube: C-contiguous; int32 when `reversible`, else float32 or float64. It is overwritten.
        levels: splits across bands and within planes; more than the cube can bear do no harm.
        reversible: the 5/3 transform, exact in integers, instead of the 9/7. Integers of b bits become
            coefficients of magnitudes below 2^(b + 5).

    Returns:
        The same array, its subbands where `subbands` says.

    Raises:
        TypeError: the dtype does not belong to the transform.
    """
    spectral, spatial = _checked(cube, levels, reversible)
    (_forward_53 if reversible else _forward_97)(cube.reshape(len(cube), -1), spectral)
    for plane in cube:
        dwt.forward(plane, spatial, reversible=reversible)
    return cube


def inverse(cube: NDArray[Any], levels: Levels, *, reversible: bool) -> NDArray[Any]:
    """Undo `forward`, in place; the same arguments and errors."""
    spectral, spatial = _checked(cube, levels, reversible)
    for plane in cube:
        dwt.inverse(plane, spatial, reversible=reversible)
    (_inverse_53 if reversible else _inverse_97)(cube.reshape(len(cube), -1), spectral)
    return cube


def subbands(shape: tuple[int, ...], levels: Levels, *, reversible: bool) -> list[Subband]:
    """The subbands of a transformed cube `(band, y, x)`, lowest frequencies first; empty ones are left out."""
    bands, rows, columns = shape
    spectral, spatial = levels.useful(shape)
    found = []
    for z_level, z_high in _splits(spectral):
        for level, high in _splits(spatial):
            for y_high, x_high in ((False, True), (True, False), (True, True)) if high else ((False, False),):
                along = ((bands, z_level, z_high), (rows, level, y_high), (columns, level, x_high))
                z, y, x = (_half(*axis) for axis in along)
                norm = math.prod(line_norm(*axis, reversible) for axis in along)
                band = Subband((z, y, x), z_level, level, (z_high, y_high, x_high), norm)
                if 0 not in band.shape:
                    found.append(band)
    return found


def _splits(levels: int) -> list[tuple[int, bool]]:
    """Level and half of each part of a line, in their order there."""
    return [(levels, False), *((level, True) for level in range(levels, 0, -1))]


def _half(size: int, level: int, high: bool) -> slice:
    lows = low_size(size, level)
    return slice(lows, low_size(size, level - 1)) if high else slice(0, lows)


def _checked(cube: NDArray[Any], levels: Levels, reversible: bool) -> Levels:
    wanted = ("int32",) if reversible else ("float32", "float64")
    if cube.dtype.name not in wanted or cube.ndim != 3 or not cube.flags.c_contiguous or cube.size == 0:
        raise TypeError(f"a cube of {' or '.join(wanted)}, C-contiguous and not empty, is needed")
    return levels.useful(cube.shape)


# --- reference ------------------------------------------------------------------------------------------------


def forward_reference(cube: NDArray[Any], levels: Levels, *, reversible: bool) -> NDArray[Any]:
    """Transform a cube `(band, y, x)`; the readable twin of `forward`."""
    out = cube.copy()
    for level in range(levels.spectral):
        part = out[: low_size(len(cube), level)]
        part[:] = np.concatenate(dwt.split_reference(part, reversible=reversible))
    return np.stack([dwt.forward_reference(plane, levels.spatial, reversible=reversible) for plane in out])


def inverse_reference(cube: NDArray[Any], levels: Levels, *, reversible: bool) -> NDArray[Any]:
    """Undo `forward_reference`; the readable twin of `inverse`."""
    out = np.stack([dwt.inverse_reference(plane, levels.spatial, reversible=reversible) for plane in cube])
    for level in reversed(range(levels.spectral)):
        part = out[: low_size(len(cube), level)]
        lows = low_size(len(cube), level + 1)
        part[:] = dwt.merge_reference(part[:lows], part[lows:], reversible=reversible)
    return out


# --- kernels: all spectra, in place ---------------------------------------------------------------------------
# `a` is (band, pixel). Some spectra at a time are moved to `b`, low band first, and lifted there, all pixels of
# a band in one run along memory.


@njit(nogil=True, cache=True, error_model="numpy")
def _forward_53(a: Any, levels: int) -> None:
    bands, pixels = a.shape
    b = np.empty((bands, min(BLOCK, pixels)), np.int32)
    for start in range(0, pixels, BLOCK):
        width = min(BLOCK, pixels - start)
        size = bands
        for _ in range(levels):
            lows, highs = (size + 1) // 2, size // 2
            for i in range(highs):
                after = min(2 * i + 2, 2 * lows - 2)
                for x in range(width):
                    around = np.int32(a[2 * i, start + x] + a[after, start + x])
                    b[lows + i, x] = a[2 * i + 1, start + x] - np.int32(around >> 1)
            for i in range(lows):
                left, right = lows + max(i - 1, 0), lows + min(i, highs - 1)
                for x in range(width):
                    b[i, x] = a[2 * i, start + x] + np.int32(np.int32(b[left, x] + b[right, x] + 2) >> 2)
            for i in range(size):
                for x in range(width):
                    a[i, start + x] = b[i, x]
            size = lows


@njit(nogil=True, cache=True, error_model="numpy")
def _inverse_53(a: Any, levels: int) -> None:
    bands, pixels = a.shape
    b = np.empty((bands, min(BLOCK, pixels)), np.int32)
    for start in range(0, pixels, BLOCK):
        width = min(BLOCK, pixels - start)
        for level in range(levels - 1, -1, -1):
            size = -(-bands // (1 << level))
            lows, highs = (size + 1) // 2, size // 2
            for i in range(lows):
                left, right = lows + max(i - 1, 0), lows + min(i, highs - 1)
                for x in range(width):
                    around = np.int32(a[left, start + x] + a[right, start + x] + 2)
                    b[i, x] = a[i, start + x] - np.int32(around >> 2)
            for i in range(highs):
                after = min(i + 1, lows - 1)
                for x in range(width):
                    b[lows + i, x] = a[lows + i, start + x] + np.int32(np.int32(b[i, x] + b[after, x]) >> 1)
            for i in range(size):
                of = i // 2 + (i & 1) * lows
                for x in range(width):
                    a[i, start + x] = b[of, x]


@njit(nogil=True, cache=True, error_model="numpy")
def _lift(b: Any, weight: float, to_high: bool, lows: int, highs: int, width: int) -> None:
    """Add `weight` × its two neighbours to every band of one half of the first `lows + highs` bands."""
    for i in range(highs if to_high else lows):
        if to_high:
            to, left, right = lows + i, i, min(i + 1, lows - 1)
        else:
            to, left, right = i, lows + max(i - 1, 0), lows + min(i, highs - 1)
        for x in range(width):
            b[to, x] += weight * (b[left, x] + b[right, x])


@njit(nogil=True, cache=True, error_model="numpy")
def _forward_97(a: Any, levels: int) -> None:
    bands, pixels = a.shape
    b = np.empty((bands, min(BLOCK, pixels)), a.dtype)
    for start in range(0, pixels, BLOCK):
        width = min(BLOCK, pixels - start)
        size = bands
        for _ in range(levels):
            lows, highs = (size + 1) // 2, size // 2
            for i in range(size):
                to = i // 2 + (i & 1) * lows
                for x in range(width):
                    b[to, x] = a[i, start + x]
            _lift(b, ALPHA, True, lows, highs, width)
            _lift(b, BETA, False, lows, highs, width)
            _lift(b, GAMMA, True, lows, highs, width)
            _lift(b, DELTA, False, lows, highs, width)
            for i in range(size):
                scale = 1 / K if i < lows else K
                for x in range(width):
                    a[i, start + x] = b[i, x] * scale
            size = lows


@njit(nogil=True, cache=True, error_model="numpy")
def _inverse_97(a: Any, levels: int) -> None:
    bands, pixels = a.shape
    b = np.empty((bands, min(BLOCK, pixels)), a.dtype)
    for start in range(0, pixels, BLOCK):
        width = min(BLOCK, pixels - start)
        for level in range(levels - 1, -1, -1):
            size = -(-bands // (1 << level))
            lows, highs = (size + 1) // 2, size // 2
            for i in range(size):
                scale = K if i < lows else 1 / K
                for x in range(width):
                    b[i, x] = a[i, start + x] * scale
            _lift(b, -DELTA, False, lows, highs, width)
            _lift(b, -GAMMA, True, lows, highs, width)
            _lift(b, -BETA, False, lows, highs, width)
            _lift(b, -ALPHA, True, lows, highs, width)
            for i in range(size):
                of = i // 2 + (i & 1) * lows
                for x in range(width):
                    a[i, start + x] = b[of, x]
