"""The codec's one loop: predict a sample, code it, learn from it. `reference` says the same in plain Python.

Encoder and decoder are one function, which differs in a single place, where bits go out or come in.

A scene lies in `cube (row, column, band)`, with a row on either side, `PAD` columns on either side and zeros before the
first band. When a band's first row is known it is also the row above; the samples left of a row are the first of the
row above, those right of it its last; the row below the last is the last once more.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from hypress.rls.axis import JUDGING, PHASES, advantage, expect, on_axis, renew_axis
from hypress.rls.coder import NODES, code_integer
from hypress.rls.efforts import CONSTANT, LOOSE, RIDGE
from hypress.rls.regression import HUGE, learn, solve, weigh, within

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
LEVELS = 96
FADING = 80.0
"""Samples that a mean magnitude is taken over, about."""
SPREAD = 0.62
"""Scale of a logistic distribution by mean magnitude."""
KINDS = 128
"""Values of a context, at most."""
SLOT = 2 * NODES


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def sort_of(ratio: float) -> int:
    """An error by its scale: far below, below, about nothing, above, far above."""
    if ratio < -0.3:
        return 0 if ratio < -1.2 else 1
    if ratio < 0.3:
        return 2
    return 3 if ratio < 1.2 else 4


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def level_of(around: float) -> int:
    """A magnitude as one of `LEVELS`, four an octave."""
    fixed = int(min(around, 1e6) * 64.0)
    octave = 0
    while fixed >> octave > 7:
        octave += 1
    return min(4 * octave + (fixed >> octave), LEVELS - 1)


@njit(nogil=True, cache=True, error_model="numpy")
def code_scene(
    cube: Any, coder: Any, data: Any, encode: bool, lows: Any, highs: Any, modes: Any, absolute: int, relative: float,
    plan: Any, logistic: Any, logit: Any, cuts: Any, rates: Any,
) -> None:  # fmt: skip
    """Code the samples of `cube` into `data`, or out of it; `cube` becomes what the decoder has.

    Band z lies within `lows[z] … highs[z]`. `modes[z]` is 0 if its codes are evenly spaced, 1 if an axis is learnt by
    code, and 1 + f if by code and phase, f being the frequency in 2⁻¹⁶ periods a code. No sample is off by more than
    `absolute`, nor, if `relative` is positive, by more than that part of its prediction.
    """
    bands, rows, columns = lows.size, cube.shape[0] - 2, cube.shape[1] - 2 * PAD
    back, flat = cube.shape[2] - bands, cube.reshape(-1)
    east, south = cube.shape[2], cube.shape[1] * cube.shape[2]  # strides
    # Predictors, and their mixture.
    count, most = plan.sizes.size, plan.plain.shape[1]
    sums, inputs, system = np.zeros((count, most, most + 1)), np.zeros((count, most + 1)), np.zeros((most, most + 1))
    start, weights, ridge = np.zeros((count, most)), np.zeros((count, most)), np.full((count, most), RIDGE)
    gains, due, predicted = np.zeros(count), np.zeros(count, np.int64), np.zeros(count)
    steps = np.zeros((count, most), np.int64)
    for k in range(count):
        for i in range(plan.sizes[k] - 1):
            steps[k, i] = plan.places[k, i, 1] * south + plan.places[k, i, 2] * east - plan.places[k, i, 0]
    others = count - 1
    mix_sums, mix_inputs, mix_system = np.zeros((others, count)), np.zeros(count), np.zeros((others, count))
    mix_start, mix_weights = np.full(others, 1.0 / count), np.zeros(others)
    # Errors of this band and the two before, laid out as a band of the cube.
    errors = np.zeros((3, rows + 2, columns + 2 * PAD))
    sums_of, seen_of = np.zeros(LEVELS), np.zeros(LEVELS)
    for level in range(LEVELS):
        octave = max(level // 4 - 1, 0)
        sums_of[level], seen_of[level] = 2.0 * (level - 4 * octave + 0.5) * (1 << octave) / 64.0, 2.0
    # What corrects the probabilities.
    cells, memory, steep = np.zeros(plan.contexts, np.int64), np.zeros(plan.contexts * KINDS * SLOT), np.ones(NODES)
    # The axis.
    widest = 0
    for z in range(bands):
        if modes[z]:
            widest = max(widest, highs[z] - lows[z] + 1)
    axis, met, edges = np.zeros(widest + 1), np.zeros(widest), np.zeros(widest + 1)
    met_phase, expected_phase = np.zeros(PHASES), np.zeros(PHASES)
    mean_before, variance = 8.0, 100.0
    for z in range(bands):
        here, low, high = back + z, lows[z], highs[z]
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
            for i in range(plan.sizes[k]):
                start[k, i] = plan.plain[k, i] if z or plan.places[k, min(i, most - 2), 0] == 0 else 0.0
                weights[k, i] = start[k, i]
            ridge[k, plan.sizes[k] - 1] = LOOSE / variance
        mix_weights[:] = mix_start
        mix_gain = 1.0
        seen, learnt = 0, 0
        magnitude, energy, ratio = 0.0, 0.0, 1.0
        for y in range(rows):
            r = y + 1
            if y == 0:
                for i in range(columns + 2 * PAD):
                    error[0, i] = before[1, i] if z else mean_before
            for i in range(PAD):
                cube[r, i, here] = cube[r - 1, PAD, here]
                error[r, i] = error[r - 1, PAD]
            for x in range(columns):
                c = x + PAD
                at = r * south + c * east + here
                # How large errors are nearby, here and in the band before.
                near = 2.0 * (abs(error[r, c - 1]) + abs(error[r - 1, c])) + abs(error[r - 1, c - 1])
                near += abs(error[r - 1, c + 1]) + abs(error[r, c - 2]) + abs(error[r - 1, c + 2])
                far = 2.0 * abs(before[r, c]) + abs(before[r, c - 1]) + abs(before[r, c + 1])
                far += abs(before[r - 1, c]) + abs(before[min(r + 1, rows), c])
                around = (near + FAR * ratio * far) / (8.0 + 6.0 * FAR)
                # Prediction.
                if y == 0:
                    centre = float(flat[at - east]) if x else 0.0
                    if z:
                        centre += flat[at - 1] - (flat[at - east - 1] if x else 0)
                else:
                    for k in range(count):
                        size = plan.sizes[k]
                        for i in range(size - 1):
                            inputs[k, i] = flat[at + steps[k, i]]
                        inputs[k, size - 1] = CONSTANT
                        if learnt >= due[k]:
                            solve(sums[k], size, ridge[k], gains[k], start[k], system, weights[k])
                            due[k] = learnt + min(plan.periods[k], max(8, learnt // 8))
                        predicted[k] = within(weigh(inputs[k], weights[k], size), low, high)
                    centre = predicted[0]
                    if others:
                        if learnt and learnt % MIX_PERIOD == 0:
                            solve(mix_sums, others, ridge[0], mix_gain, mix_start, mix_system, mix_weights)
                        for k in range(others):
                            mix_inputs[k] = predicted[k + 1] - predicted[0]
                            centre += mix_weights[k] * mix_inputs[k]
                centre = within(np.floor(within(centre, low, high) * POINT + 0.5) / POINT, low, high)
                # Scale and contexts.
                level = level_of(around)
                spread = SPREAD * sums_of[level] / seen_of[level] + 0.02
                inverse = 1.0 / spread
                cells[0] = level * SLOT
                if cells.size > 1:
                    kind = 25 * sort_of(error[r, c - 1] * inverse) + 5 * sort_of(error[r - 1, c] * inverse)
                    cells[1] = (KINDS + kind + sort_of(error[r - 1, c + 1] * inverse)) * SLOT
                if cells.size > 2:
                    scaled = ratio * inverse
                    kind = 25 * sort_of(before[r, c] * scaled) + 5 * sort_of(earlier[r, c] * scaled)
                    beside = 0.5 * (before[r, c - 1] + before[r, c + 1])
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
                        renewal = seen + max(64, seen // 16, codes // 32)
                    if bent:
                        place, offset = on_axis(axis, codes, centre - low), 0.0
                index = 0
                if encode:
                    index = flat[at] - middle
                    index = (index + limit) // step if index >= 0 else -((limit - index) // step)
                index = code_integer(
                    coder, data, index, encode, least, last, place, spread, axis, bent, offset,
                    float(step), cells, memory, steep, logistic, logit, cuts, rates,
                )  # fmt: skip
                value = min(max(middle + index * step, low), high)
                flat[at] = value
                # Learning.
                seen += 1
                if gaps and limit == 0:
                    favour = JUDGING * favour + advantage(axis, codes, index, centre - low, 2.0 * spread)
                    met[index] += 1.0
                    expect(edges, codes, centre - low + 0.5, 1.5 * spread + 0.5)
                    expect(edges, codes, centre - low + 0.5, 3.75 * spread + 0.5)
                wrong = value - centre
                error[r, c] = wrong
                magnitude += abs(wrong)
                energy += wrong * wrong
                sums_of[level] += abs(wrong)
                seen_of[level] += 1.0
                if seen_of[level] > FADING:
                    sums_of[level] *= 0.5
                    seen_of[level] *= 0.5
                if y and not (seen > WARM and (x + y) & plan.thinned):
                    local = 1.5 * around * around + 0.3 * wrong * wrong + 0.1 + limit * limit / 3.0
                    for k in range(count):
                        gain = gains[k] * (1.0 + plan.softness[k]) / (local + plan.softness[k] * variance)
                        learn(sums[k], inputs[k], plan.sizes[k], float(value), gain)
                        gains[k] *= plan.fades[k]
                        if gains[k] > HUGE:
                            sums[k] *= 1.0 / gains[k]
                            gains[k] = 1.0
                    if others:
                        gain = mix_gain / (local + MIX_SOFT * variance)
                        learn(mix_sums, mix_inputs, others, value - predicted[0], gain)
                        mix_gain *= 1.0 / MIX_KEEP
                        if mix_gain > HUGE:
                            mix_sums *= 1.0 / mix_gain
                            mix_gain = 1.0
                    learnt += 1
            for i in range(PAD):
                cube[r, PAD + columns + i, here] = cube[r, PAD + columns - 1, here]
                error[r, PAD + columns + i] = error[r, PAD + columns - 1]
            if y == 0:
                cube[1, :PAD, here] = cube[1, PAD, here]
                cube[0, :, here] = cube[1, :, here]
            ratio = min(max((magnitude + 1.0) / (seen * mean_before + 1.0), 0.1), 10.0)
        cube[rows + 1, :, here] = cube[rows, :, here]
        mean_before, variance = max(magnitude / seen, 0.05), max(energy / seen, 0.125)
