"""The predictor (clause 4) for all bands at once: what `reference` says sample by sample, lane by lane.

At step k lane z is at pixel t = k − z (see `lanes`), in the encoder and the decoder alike, so every loop over lanes
below is a vector loop. Lanes that have not begun see zeros only, and zeros leave them as they are. The image's edges
differ from lane to lane; they are put right one by one after each loop.

Where R = 32 and all values fit, the lanes are 32 bits wide, and the register's overflow is the machine's own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from hypress.ccsds123 import quantiser
from hypress.ccsds123.lanes import Lanes
from hypress.ccsds123.parameters import NARROW_COLUMN, NARROW_NEIGHBOR, WIDE_COLUMN, WIDE_NEIGHBOR, Parameters
from hypress.ccsds123.reference import initial_weights
from hypress.entropy.mq import Int

PAD = 16
"""Columns before the first lane: differences of the bands before it."""
NO_LIMIT = 1 << 40
"""Stands for an absolute limit that is not in use."""


class _Setup(NamedTuple):
    """What the kernel is told besides its arrays."""

    lanes: int
    bands: int  # lanes that are in use
    pixels: int
    columns: int
    first_band: int
    prediction_bands: int
    full: bool
    local_sum: int
    register: int
    resolution: int
    interval: int  # log2 of it
    initial: int
    final: int
    bits: int
    low: int
    high: int
    middle: int
    lossless: bool
    relative: bool
    period: int  # exponent u; 63 where there is one period
    representative: int
    greatest_shift: int


def lane_type(p: Parameters) -> type[Any]:
    """int32 where the arithmetic of these parameters stays within it, else int64."""
    most = max((abs(o) for row in p.exponent_offsets or () for o in row), default=0)
    doublings = max(0, p.resolution - p.bits - p.initial + most)
    fits = p.register == 32 and p.bits + p.resolution + 2 <= 31 and p.bits + 3 + doublings <= 30
    return np.int32 if fits else np.int64


def map_lanes(lanes: Lanes, p: Parameters) -> None:
    """Samples to mapped quantiser indices, in place."""
    _run(lanes, p, decoding=False)


def unmap_lanes(lanes: Lanes, p: Parameters) -> None:
    """Mapped quantiser indices to samples, in place."""
    _run(lanes, p, decoding=True)


def _run(lanes: Lanes, p: Parameters, *, decoding: bool) -> None:
    dtype, width = lanes.numbers.dtype, lanes.width
    components = p.prediction_bands + 3 * p.full
    narrow = p.local_sum in (NARROW_NEIGHBOR, NARROW_COLUMN)
    # What a slab leaves for the next one: differences of its last bands, and the last band's first row.
    left = np.zeros((p.prediction_bands if lanes.slabs > 1 else 0, p.pixels), dtype)
    first_row = np.zeros(p.shape[2] if narrow else 1, dtype)
    for slab in range(lanes.slabs):
        first = slab * lanes.used
        count = min(lanes.used, p.bands - first)
        setup = _Setup(
            lanes=width, bands=count, pixels=p.pixels, columns=p.shape[2], first_band=first,
            prediction_bands=p.prediction_bands, full=p.full, local_sum=p.local_sum, register=p.register,
            resolution=p.resolution, interval=p.interval.bit_length() - 1, initial=p.initial, final=p.final,
            bits=p.bits, low=p.low, high=p.high, middle=p.middle, lossless=p.lossless, relative=p.relative is not None,
            period=63 if p.period is None else p.period, representative=p.representative,
            greatest_shift=28 if dtype == np.int32 else 40,
        )  # fmt: skip
        weights, offsets = np.zeros((components, width), dtype), np.zeros((1, width), dtype)
        if p.exponent_offsets is not None:
            offsets = np.zeros((components, width), dtype)
        for lane in range(count):
            row = initial_weights(p, first + lane)
            weights[: len(row), lane] = row
            if p.exponent_offsets is not None:
                shared = p.exponent_offsets[first + lane]
                row = [shared[0]] * 3 + list(shared[1:]) if p.full else list(shared)
                offsets[: len(row), lane] = row
        bands = slice(first, first + count)
        limits = np.full((2, p.periods, width), NO_LIMIT, np.int64)
        for kind, given in enumerate((p.absolute, p.relative)):
            if given is not None:
                limits[kind, :, :count] = np.array(given.values)[:, bands if given.dependent else slice(None)]
        damping = np.zeros((2, width), np.int64)
        damping[0, :count], damping[1, :count] = p.of_bands(p.damping)[bands], p.of_bands(p.offset)[bands]
        flat_weights, flat_offsets = weights.reshape(-1), offsets.reshape(-1)
        _predict(lanes.slab(slab), setup, flat_weights, flat_offsets, limits, damping, left, first_row, decoding)


@njit(nogil=True, cache=True, error_model="numpy")
def _predict(
    numbers: Any, p: Any, weights: Any, offsets: Any, limits: Any, damping: Any, left: Any, first_row: Any,
    decoding: bool,
) -> None:  # fmt: skip
    """One slab, in place."""
    lanes, columns = p.lanes, p.columns
    kind = numbers.dtype
    sums, total, doubled = np.zeros(lanes, kind), np.zeros(lanes, kind), np.zeros(lanes, kind)
    high, negative = np.zeros(lanes, kind), np.zeros(lanes, kind)
    around = np.zeros(3 * lanes, kind)  # d_N, d_W, d_NW
    widest, q = np.zeros(lanes, np.int64), np.zeros(lanes, np.int64)  # m_z(t), q_z(t)
    absolute, relative = np.full(lanes, NO_LIMIT, np.int64), np.full(lanes, NO_LIMIT, np.int64)
    # Rings of rows: representatives s″ of this and all rows that the local sum needs, differences d of P + 1 steps.
    rows, stride = columns + 2, PAD + lanes
    seen = np.zeros(rows * lanes, kind)
    depth = p.prediction_bands + 1
    central = np.zeros(depth * stride, kind)
    shifts = np.zeros((3, offsets.size), kind)
    settled = columns + ((p.final - p.initial) << p.interval) + lanes

    for k in range(p.pixels + p.bands - 1):
        here = k * lanes
        west = (k + rows - 1) % rows * lanes
        north_west = (k + 1) % rows * lanes
        north = (k + 2) % rows * lanes
        north_east = (k + 3) % rows * lanes
        now = k % rows * lanes
        d_now = k % depth * stride + PAD

        _local_sums(sums, around, seen, west, north_west, north, north_east, p)
        _edges(sums, around, seen, k, west, north_west, north, north_east, first_row, p)
        for z in range(lanes):
            total[z] = (sums[z] - 4 * p.middle) << p.resolution
        if p.full:
            for i in range(3):
                _accumulate(total, weights, i * lanes, around, i * lanes)
        for i in range(1, depth):
            row = (k + depth - i) % depth * stride + PAD - i
            if left.shape[0]:
                central[row] = left[i - 1, k] if k < p.pixels else 0
            _accumulate(total, weights, (i - 1 + 3 * p.full) * lanes, central, row)
        _high_resolution(total, high, doubled, p)
        if k < lanes:
            high[k] = 0
            if p.prediction_bands > 0 and p.first_band + k > 0:
                doubled[k] = 2 * (seen[west + k - 1] if k > 0 else first_row[0])
            else:
                doubled[k] = 2 * p.middle

        if p.lossless and decoding:
            quantiser.unmap_lossless(numbers, here, doubled, total, p)
        elif p.lossless:
            quantiser.map_lossless(numbers, here, doubled, total, p)
        else:
            quantiser.take_limits(absolute, relative, limits, k, p)
            quantiser.maximum_errors(widest, doubled, absolute, relative, p)
            if k < lanes:
                widest[k] = 0
            if decoding:
                quantiser.unmap_quantised(numbers, here, doubled, widest, q, total, p)
            else:
                quantiser.map_quantised(numbers, here, doubled, widest, q, total, p)
        # total is s′ from here on.
        if p.representative > 0:
            quantiser.represent(seen, now, total, high, widest, q, damping, p)
        else:
            for z in range(lanes):
                seen[np.uintp(now + z)] = total[np.uintp(z)]
        if k < lanes:
            seen[now + k] = total[k]
        for z in range(lanes):
            central[np.uintp(d_now + z)] = 4 * seen[np.uintp(now + z)] - sums[np.uintp(z)]
            negative[np.uintp(z)] = -1 if 2 * total[np.uintp(z)] < doubled[np.uintp(z)] else 0
        if k < lanes:
            central[d_now + k] = 0

        if k <= settled:
            _shifts(shifts, offsets, k, p)
        for i in range(weights.size // lanes):
            if p.full and i < 3:
                _adapt(weights, i * lanes, around, i * lanes, negative, shifts, i * lanes, p.resolution)
            else:
                step = i - 3 * p.full + 1
                row = (k + depth - step) % depth * stride + PAD - step
                _adapt(weights, i * lanes, central, row, negative, shifts, i * lanes, p.resolution)

        t = k - (p.bands - 1)
        if 0 <= t < first_row.size:
            first_row[t] = seen[now + p.bands - 1]
        for i in range(1, left.shape[0] + 1):
            t = k - (p.bands - i)
            if 0 <= t < p.pixels:
                left[i - 1, t] = central[d_now + p.bands - i]


@njit(nogil=True, cache=True)
def _local_sums(
    sums: Any, around: Any, seen: Any, west: Int, north_west: Int, north: Int, north_east: Int, p: Any
) -> None:
    """σ within the image (equations 20–23), and the directional differences (25–27)."""
    lanes = sums.size
    if p.local_sum == WIDE_NEIGHBOR:
        for z in range(lanes):
            sums[z] = (
                seen[np.uintp(west + z)]
                + seen[np.uintp(north_west + z)]
                + seen[np.uintp(north + z)]
                + seen[np.uintp(north_east + z)]
            )
    elif p.local_sum == NARROW_NEIGHBOR:
        for z in range(lanes):
            sums[z] = seen[np.uintp(north_west + z)] + 2 * seen[np.uintp(north + z)] + seen[np.uintp(north_east + z)]
    else:
        for z in range(lanes):
            sums[z] = 4 * seen[np.uintp(north + z)]
    if p.full:
        for z in range(lanes):
            around[np.uintp(z)] = 4 * seen[np.uintp(north + z)] - sums[z]
            around[np.uintp(lanes + z)] = 4 * seen[np.uintp(west + z)] - sums[z]
            around[np.uintp(2 * lanes + z)] = 4 * seen[np.uintp(north_west + z)] - sums[z]


@njit(nogil=True, cache=True)
def _edges(
    sums: Any, around: Any, seen: Any, k: Int, west: Int, north_west: Int, north: Int, north_east: Int,
    first_row: Any, p: Any,
) -> None:  # fmt: skip
    """The same for the lanes that are at an edge of the image."""
    lanes, columns = p.lanes, p.columns
    neighbours = p.local_sum == WIDE_NEIGHBOR or p.local_sum == NARROW_NEIGHBOR
    for z in range(max(0, k - columns + 1), min(lanes, k + 1)):  # y = 0
        if z == k:  # t = 0
            sums[z] = 4 * p.middle
        elif p.local_sum == WIDE_NEIGHBOR or p.local_sum == WIDE_COLUMN:
            sums[z] = 4 * seen[west + z]
        elif p.first_band + z == 0:
            sums[z] = 4 * p.middle
        elif z == 0:
            sums[z] = 4 * first_row[k - 1]
        else:  # band z − 1 was at this pixel's western neighbour two steps ago
            sums[z] = 4 * seen[(k + columns) % (columns + 2) * lanes + z - 1]
        if p.full:
            around[z] = around[lanes + z] = around[2 * lanes + z] = 0
    if neighbours:
        for z in range((k + 1) % columns, min(lanes, k - columns + 1), columns):  # x = N_X − 1, y > 0
            if p.local_sum == WIDE_NEIGHBOR:
                sums[z] = seen[west + z] + seen[north_west + z] + 2 * seen[north + z]
            else:
                sums[z] = 2 * (seen[north_west + z] + seen[north + z])
            if p.full:
                around[z] = 4 * seen[north + z] - sums[z]
                around[lanes + z] = 4 * seen[west + z] - sums[z]
                around[2 * lanes + z] = 4 * seen[north_west + z] - sums[z]
    if neighbours or p.full:
        for z in range(k % columns, min(lanes, k - columns + 1), columns):  # x = 0, y > 0
            if neighbours:
                sums[z] = 2 * (seen[north + z] + seen[north_east + z])
            if p.full:
                around[z] = around[lanes + z] = around[2 * lanes + z] = 4 * seen[north + z] - sums[z]


@njit(nogil=True, cache=True)
def _accumulate(total: Any, weights: Any, w: Int, differences: Any, d: Int) -> None:
    """One component of the inner product (equation 36)."""
    for z in range(total.size):
        total[np.uintp(z)] += weights[np.uintp(w + z)] * differences[np.uintp(d + z)]


@njit(nogil=True, cache=True)
def _high_resolution(total: Any, high: Any, doubled: Any, p: Any) -> None:
    """s̆ and s̃ (equations 37 and 38), where `total` is what the register R holds."""
    whole = total.dtype.type
    unused = 8 * total.itemsize - p.register
    centre = (p.middle << (p.resolution + 2)) + (1 << (p.resolution + 1))
    least = whole((p.low << (p.resolution + 2)) - centre)
    most = whole((p.high << (p.resolution + 2)) + (1 << (p.resolution + 1)) - centre)
    if unused > 0:
        for z in range(total.size):
            total[z] = (total[z] << unused) >> unused
    for z in range(total.size):
        value = total[z]
        value = least if value < least else value
        value = most if value > most else value
        high[z] = value + centre
        doubled[z] = whole(high[z]) >> (p.resolution + 1)


@njit(nogil=True, cache=True)
def _shifts(shifts: Any, offsets: Any, k: Int, p: Any) -> None:
    """From ρ + ς (equation 50) how far a difference is shifted left, what is added, how far it is shifted right.

    ½(±2^-ρ d + 1), rounded down, is (±d + 2^ρ) >> (ρ + 1), or ±d << (−ρ − 1) for negative ρ. Where ρ is so great
    that no difference counts, a smaller one will do.
    """
    for i in range(offsets.size):
        step = (k - i % p.lanes - p.columns) >> p.interval
        rho = min(max(p.initial + step, p.initial), p.final) + p.bits - p.resolution + offsets[i]
        rho = min(rho, p.greatest_shift)
        shifts[0, i] = max(0, -rho - 1)
        shifts[1, i] = 1 << rho if rho >= 0 else 0
        shifts[2, i] = max(0, rho + 1)


@njit(nogil=True, cache=True)
def _adapt(weights: Any, w: Int, differences: Any, d: Int, negative: Any, shifts: Any, s: Int, resolution: Int) -> None:
    """One component's weights (equations 51–54)."""
    whole = weights.dtype.type
    within = 8 * weights.itemsize - 1  # what the machine makes of a shift anyway
    most = whole((1 << (resolution + 2)) - 1)
    least = whole(-most - 1)
    if shifts.shape[1] == negative.size:
        s = 0
    for z in range(negative.size):
        flip = negative[np.uintp(z)]
        signed = whole(whole(differences[np.uintp(d + z)] ^ flip) - flip)
        signed = whole(signed << (shifts[0, np.uintp(s + z)] & within))
        change = whole(whole(signed + shifts[1, np.uintp(s + z)]) >> (shifts[2, np.uintp(s + z)] & within))
        value = whole(weights[np.uintp(w + z)] + change)
        value = least if value < least else value
        weights[np.uintp(w + z)] = most if value > most else value
