"""The codec's one loop: predict a sample, code it, learn from it. `reference` says the same in plain Python.

Encoder and decoder are one function, which differs in a single place, where bits go out or come in.

The last bands lie in `window (row, column, slot)`, which is small enough to stay near the processor: band z in slot z
modulo their number, with a row on either side, `PAD` columns on either side and zeros before the first band. When a
band's first row is known it is also the row above; the samples left of a row are the first of the row above, those
right of it its last; the row below the last is the last once more.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from hypress.rls.axis import JUDGING, PHASES, advantage, expect, on_axis, renew_axis, until_renewal
from hypress.rls.coder import NODES, code_integer
from hypress.rls.efforts import CONSTANT, LOOSE, RIDGE
from hypress.rls.interval import SLOT as SHAPE
from hypress.rls.interval import decode_cell, encode_cell, new_shapes
from hypress.rls.regression import HUGE, TOGETHER, learn, solve, weigh, within

PAD = 2
POINT = 256.0
"""Predictions are multiples of one part in this many."""
FIRST, WARM = 16, 500
"""Samples of a band before weights are renewed at all; and before learning may be thinned."""
MIX_KEEP, MIX_PERIOD = 0.998, 8
"""The mixture of predictors: what a gain keeps, and samples between renewals of its weights."""
MIX_SOFT = 0.02
FAR = 0.35
"""What an error in the band before counts for the magnitude to come, beside one in the own band."""
EACH = 1.0 / (8.0 + 6.0 * FAR)
LEVELS = 96
FADING = 80.0
"""Samples that a mean magnitude is taken over, about."""
SPREAD = 0.62
"""Scale of a logistic distribution by mean magnitude."""
KINDS = 128
"""Values of a context, at most."""
SLOT = 2 * NODES
QUARTERS = np.array(
    [4 * max(f.bit_length() - 3, 0) + (f >> max(f.bit_length() - 3, 0)) for f in range(1 << 15)], np.uint8
)
"""A number on a scale of four steps an octave."""


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def sort_of(ratio: float) -> int:
    """An error by its scale: far below, below, about nothing, above, far above."""
    if ratio < -0.3:
        return 0 if ratio < -1.2 else 1
    if ratio < 0.3:
        return 2
    return 3 if ratio < 1.2 else 4


@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def level_of(around: float) -> int:
    """A magnitude as one of `LEVELS`, four an octave."""
    fixed = int(min(around, 1e6) * 64.0)
    if fixed < 1 << 12:
        return int(QUARTERS[fixed])
    if fixed < 1 << 18:
        return int(QUARTERS[fixed >> 6]) + 24
    return min(int(QUARTERS[fixed >> 12]) + 48, LEVELS - 1)


@njit(nogil=True, cache=True, error_model="numpy")
def code_scene(
    samples: Any, coder: Any, data: Any, encode: bool, lows: Any, highs: Any, modes: Any, absolute: int,
    relative: float, plan: Any, logistic: Any, logit: Any, cuts: Any, rates: Any,
) -> None:  # fmt: skip
    """Code `samples (band, y, x)` into `data`, or out of it; they become what the decoder has.

    Band z lies within `lows[z] … highs[z]`. `modes[z]` is 0 if its codes are evenly spaced, 1 if an axis is learnt by
    code, and 1 + f if by code and phase, f being the frequency in 2⁻¹⁶ periods a code. No sample is off by more than
    `absolute`, nor, if `relative` is positive, by more than that part of its prediction.
    """
    bands, rows, columns = samples.shape
    slots = plan.back + 1
    window = np.zeros((rows + 2, columns + 2 * PAD, slots), np.int32)
    flat, east, south = window.reshape(-1), slots, (columns + 2 * PAD) * slots  # and its strides
    # Predictors, and their mixture.
    sizes, periods, softness, fades = plan.sizes, plan.periods, plan.softness, plan.fades
    contexts, thinned = plan.contexts, plan.thinned
    count, most = sizes.size, plan.plain.shape[1]
    wide = (most // TOGETHER + 1) * TOGETHER
    sums, inputs, system = np.zeros((count, most, wide)), np.zeros((count, TOGETHER, wide)), np.zeros((most, wide))
    start, weights, ridge = np.zeros((count, most)), np.zeros((count, most)), np.full((count, most), RIDGE)
    given = np.zeros((count, TOGETHER))
    gains, due, predicted = np.zeros(count), np.zeros(count, np.int64), np.zeros(count)
    steps = np.zeros((count, most), np.int64)
    others = count - 1
    mix_wide = (others // TOGETHER + 1) * TOGETHER
    mix_sums, mix_inputs = np.zeros((others, mix_wide)), np.zeros((TOGETHER, mix_wide))
    mix_system, mix_given = np.zeros((others, mix_wide)), np.zeros(TOGETHER)
    mix_start, mix_weights = np.full(others, 1.0 / count), np.zeros(others)
    # Errors of this band and the two before, laid out as a band of the window.
    errors = np.zeros((3, rows + 2, columns + 2 * PAD))
    sums_of, seen_of, spread_of, inverse_of = np.zeros(LEVELS), np.zeros(LEVELS), np.zeros(LEVELS), np.zeros(LEVELS)
    for level in range(LEVELS):
        octave = max(level // 4 - 1, 0)
        sums_of[level], seen_of[level] = 2.0 * (level - 4 * octave + 0.5) * (1 << octave) / 64.0, 2.0
        spread_of[level] = SPREAD * sums_of[level] / seen_of[level] + 0.02
        inverse_of[level] = 1.0 / spread_of[level]
    # What corrects the probabilities.
    cells, memory, steep = np.zeros(contexts, np.int64), np.zeros(contexts * KINDS * SLOT), np.ones(NODES)
    shapes = new_shapes(LEVELS // 2)
    # The axis.
    widest = 0
    for z in range(bands):
        if modes[z]:
            widest = max(widest, highs[z] - lows[z] + 1)
    axis, met, edges = np.zeros(widest + 1), np.zeros(widest), np.zeros(widest + 1)
    met_phase, expected_phase = np.zeros(PHASES), np.zeros(PHASES)
    mean_before, variance = 8.0, 100.0
    for z in range(bands):
        here, last_slot, low, high = z % slots, (z + slots - 1) % slots, lows[z], highs[z]
        codes, gaps = high - low + 1, modes[z] > 0
        if gaps:
            met[:] = 0.0
            edges[:] = 0.0
            for i in range(codes + 1):
                axis[i] = i
        renewal, favour = 64, 0.0
        error, before, earlier = errors[z % 3], errors[(z + 2) % 3], errors[(z + 1) % 3]
        sums[:] = 0.0
        mix_sums[:] = 0.0
        gains[:] = 1.0
        due[:] = FIRST
        for k in range(count):
            for i in range(sizes[k] - 1):
                slot = (z + slots - plan.places[k, i, 0]) % slots
                steps[k, i] = plan.places[k, i, 1] * south + plan.places[k, i, 2] * east + slot
            for i in range(sizes[k]):
                start[k, i] = plan.plain[k, i] if z or plan.places[k, min(i, most - 2), 0] == 0 else 0.0
                weights[k, i] = start[k, i]
            ridge[k, sizes[k] - 1] = LOOSE / variance
        mix_weights[:] = mix_start
        mix_gain = 1.0
        seen, learnt, held = 0, 0, 0
        magnitude, energy, ratio = 0.0, 0.0, 1.0
        for y in range(rows):
            r = y + 1
            if y == 0:
                for i in range(columns + 2 * PAD):
                    error[0, i] = before[1, i] if z else mean_before
            for i in range(PAD):
                window[r, i, here] = window[r - 1, PAD, here]
                error[r, i] = error[r - 1, PAD]
            north, own = error[r - 1], error[r]
            before_north, before_here, before_south = before[r - 1], before[r], before[min(r + 1, rows)]
            for x in range(columns):
                c = x + PAD
                at = r * south + c * east
                # How large errors are nearby, here and in the band before.
                near = 2.0 * abs(north[c]) + abs(north[c - 1]) + abs(north[c + 1])
                near += abs(north[c + 2]) + abs(own[c - 2])
                far = 2.0 * abs(before_here[c]) + abs(before_here[c - 1]) + abs(before_here[c + 1])
                far += abs(before_north[c]) + abs(before_south[c])
                # The error west is known last: it comes in last, so that the processor need not wait for the rest.
                around = ((near + FAR * ratio * far) + 2.0 * abs(own[c - 1])) * EACH
                # Prediction.
                if y == 0:
                    centre = float(flat[at - east + here]) if x else 0.0
                    if z:
                        centre += flat[at + last_slot] - (flat[at - east + last_slot] if x else 0)
                else:
                    for k in range(count):
                        size = sizes[k]
                        for i in range(size - 1):
                            inputs[k, held, i] = flat[at + steps[k, i]]
                        inputs[k, held, size - 1] = CONSTANT
                        if learnt >= due[k]:
                            solve(sums[k], size, ridge[k], gains[k], start[k], system, weights[k])
                            due[k] = learnt + min(periods[k], max(8, learnt // 8))
                        predicted[k] = weigh(inputs, weights, k, held, size)
                        if others:
                            predicted[k] = within(predicted[k], low, high)
                    centre = predicted[0]
                    if others:
                        if learnt and learnt % MIX_PERIOD == 0:
                            solve(mix_sums, others, ridge[0], mix_gain, mix_start, mix_system, mix_weights)
                        for k in range(others):
                            mix_inputs[held, k] = predicted[k + 1] - predicted[0]
                            centre += mix_weights[k] * mix_inputs[held, k]
                centre = within(np.floor(centre * POINT + 0.5) / POINT, low, high)
                # Scale and contexts.
                level = level_of(around)
                spread, inverse = spread_of[level], inverse_of[level]
                if contexts:
                    cells[0] = level * SLOT
                if cells.size > 1:
                    kind = 25 * sort_of(own[c - 1] * inverse) + 5 * sort_of(north[c] * inverse)
                    cells[1] = (KINDS + kind + sort_of(north[c + 1] * inverse)) * SLOT
                if cells.size > 2:
                    scaled = ratio * inverse
                    kind = 25 * sort_of(before_here[c] * scaled) + 5 * sort_of(earlier[r, c] * scaled)
                    beside = 0.5 * (before_here[c - 1] + before_here[c + 1])
                    cells[2] = (2 * KINDS + kind + sort_of(beside * scaled)) * SLOT
                # The code, its neighbours `step` apart, `middle` being number 0.
                middle, limit = low, absolute
                place, offset = centre - low, -0.5
                if relative > 0.0:
                    limit = min(limit, int(abs(centre) * relative))
                step, least, last = 2 * limit + 1, 0, codes - 1
                if limit:
                    middle = int(np.floor(centre + 0.5))
                    place, offset = centre - middle, -0.5 * step
                    least, last = -((middle - low + limit) // step), (high - middle + limit) // step
                bent = gaps and limit == 0 and favour > 0.0
                if gaps and limit == 0:
                    if seen >= renewal:
                        renew_axis(axis, met, edges, codes, modes[z] - 1, met_phase, expected_phase)
                        renewal = seen + until_renewal(seen, codes)
                    if bent:
                        place, offset = on_axis(axis, codes, centre - low), 0.0
                index = 0
                if encode:
                    index = samples[z, y, x] - middle
                    index = (index + limit) // step if index >= 0 else -((limit - index) // step)
                if contexts:
                    index = code_integer(
                        coder, data, index, encode, least, last, place, spread, axis, bent, offset,
                        float(step), cells, memory, steep, logistic, logit, cuts, rates,
                    )  # fmt: skip
                elif encode:
                    encode_cell(
                        coder, data, index, least, last, place, spread, inverse, axis, bent, offset, float(step),
                        shapes, (level >> 1) * SHAPE, logistic,
                    )  # fmt: skip
                else:
                    index = decode_cell(
                        coder, data, int(centre) - low if bent else 0, least, last, place, spread, inverse, axis, bent,
                        offset, float(step), shapes, (level >> 1) * SHAPE, logistic, logit,
                    )  # fmt: skip
                value = min(max(middle + index * step, low), high)
                flat[at + here] = samples[z, y, x] = value
                # Learning.
                seen += 1
                if gaps and limit == 0:
                    favour = JUDGING * favour + advantage(axis, codes, index, centre - low, 2.0 * spread)
                    met[index] += 1.0
                    expect(edges, codes, centre - low + 0.5, spread, seen)
                wrong = value - centre
                own[c] = wrong
                magnitude += abs(wrong)
                energy += wrong * wrong
                sums_of[level] += abs(wrong)
                seen_of[level] += 1.0
                if seen_of[level] > FADING:
                    sums_of[level] *= 0.5
                    seen_of[level] *= 0.5
                spread_of[level] = SPREAD * sums_of[level] / seen_of[level] + 0.02
                inverse_of[level] = 1.0 / spread_of[level]
                if y and not (seen > WARM and (x + y) & thinned):
                    local = 1.5 * around * around + 0.3 * wrong * wrong + 0.1 + limit * limit / 3.0
                    for k in range(count):
                        given[k, held] = gains[k] * (1.0 + softness[k]) / (local + softness[k] * variance)
                        inputs[k, held, sizes[k]] = value
                        gains[k] *= fades[k]
                    if others:
                        mix_given[held] = mix_gain / (local + MIX_SOFT * variance)
                        mix_inputs[held, others] = value - predicted[0]
                        mix_gain *= 1.0 / MIX_KEEP
                    learnt += 1
                    held += 1
                    if held == TOGETHER:
                        held = 0
                        for k in range(count):
                            learn(sums[k], inputs[k], given[k], 0, sizes[k])
                            if gains[k] > HUGE:
                                sums[k] *= 1.0 / gains[k]
                                gains[k] = 1.0
                        if others:
                            learn(mix_sums, mix_inputs, mix_given, 0, others)
                            if mix_gain > HUGE:
                                mix_sums *= 1.0 / mix_gain
                                mix_gain = 1.0
            for i in range(PAD):
                window[r, PAD + columns + i, here] = window[r, PAD + columns - 1, here]
                error[r, PAD + columns + i] = error[r, PAD + columns - 1]
            if y == 0:
                window[1, :PAD, here] = window[1, PAD, here]
                window[0, :, here] = window[1, :, here]
            ratio = min(max((magnitude + 1.0) / (seen * mean_before + 1.0), 0.1), 10.0)
        window[rows + 1, :, here] = window[rows, :, here]
        mean_before, variance = max(magnitude / seen, 0.05), max(energy / seen, 0.125)
