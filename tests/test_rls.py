"""Least-squares coding: the kernel writes what its reference does, limits of error hold, gaps are learnt."""

import re

import numpy as np
import pytest
from numba import njit

import hypress
from hypress import rls
from hypress.codec import Spec
from hypress.codecs.rls import Rls
from hypress.entropy.integers import encode_array
from hypress.errors import CodestreamError
from hypress.rls import coder, interval, tables
from hypress.rls.efforts import EFFORTS
from hypress.rls.period import choose_axis
from hypress.rls.reference import encode as encode_reference
from hypress.rls.regression import learn, solve, weigh


def mixture(bands, rows, columns, noise, seed=0):
    """Bands that are mixtures of four images, and noise."""
    random = np.random.default_rng(seed)
    images = np.cumsum(np.cumsum(random.normal(0, 3, (4, rows, columns)), axis=2), axis=1)
    clean = np.einsum("bk,kyx->byx", random.normal(1, 0.5, (bands, 4)), images)
    return np.clip(np.rint(3000 + clean + random.normal(0, noise, clean.shape)), 0, 65535).astype(np.uint16)


def gapped(gain, bands=4, rows=40, columns=40):
    """Raw counts that were calibrated by a gain and rounded."""
    return np.rint(np.rint(mixture(bands, rows, columns, 24) / 8) * gain).astype(np.uint16)


def bounds_of(samples, modes=None):
    modes = [0] * len(samples) if modes is None else modes
    return np.stack([samples.min((1, 2)), samples.max((1, 2)), modes]).astype(np.int64)


@pytest.mark.parametrize("effort", list(EFFORTS))
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 7), (2, 8, 1), (3, 1, 9), (5, 12, 6), (40, 5, 5)], ids=str)
def test_kernel_is_the_reference(shape, effort):
    samples = mixture(*shape, noise=5)
    bounds = bounds_of(samples)
    assert rls.encode(samples, bounds, effort, 0, 0.0) == encode_reference(samples, bounds, effort, 0, 0.0)


@pytest.mark.parametrize("limits", [(1, 0.0), (9, 0.0), (65535, 0.003), (4, 0.01)], ids=str)
def test_kernel_is_the_reference_near_lossless(limits):
    samples = mixture(6, 11, 9, noise=5)
    bounds = bounds_of(samples)
    for effort in ("high", "best"):
        assert rls.encode(samples, bounds, effort, *limits) == encode_reference(samples, bounds, effort, *limits)


@pytest.mark.parametrize("mode", [1, 1 + 20000, 1 + 65535])
@pytest.mark.parametrize("effort", ["default", "best"])
def test_kernel_is_the_reference_with_gaps(mode, effort):
    samples = gapped(3.3, 3, 24, 24)
    bounds = bounds_of(samples, [mode] * 3)
    assert rls.encode(samples, bounds, effort, 0, 0.0) == encode_reference(samples, bounds, effort, 0, 0.0)


@pytest.mark.parametrize("effort", ["default", "best"])
def test_kernel_is_the_reference_on_extremes(effort):
    samples = np.random.default_rng(1).choice(np.array([-(2**15), 0, 2**15 - 1], np.int16), (4, 9, 8))
    bounds = bounds_of(samples, [1, 0, 30000, 0])
    assert rls.encode(samples, bounds, effort, 0, 0.0) == encode_reference(samples, bounds, effort, 0, 0.0)


@pytest.mark.parametrize("effort", list(EFFORTS))
@pytest.mark.parametrize("limit", [0, 1, 7, 64])
def test_scenes_come_back_within_the_limit(effort, limit):
    samples = mixture(12, 33, 30, noise=6)
    bounds = bounds_of(samples, [limit == 0] * 12)
    data = rls.encode(samples, bounds, effort, limit, 0.0)
    decoded = rls.decode(data, bounds, samples.shape, effort, limit, 0.0)
    assert np.abs(decoded - samples.astype(np.int32)).max() <= limit
    assert limit == 0 or np.abs(decoded - samples.astype(np.int32)).max() > 0


def test_relative_errors_grow_with_the_samples():
    samples = np.concatenate([mixture(5, 30, 30, 4) // 30, mixture(5, 30, 30, 40)])
    decoded = hypress.decode(hypress.encode(samples, Rls(relative_error_percent=1.0)))
    wrong = np.abs(decoded.astype(int) - samples)
    assert wrong[:5].max() <= 2  # 1 % of about 100, and of a prediction that may be a little off
    assert wrong[5:].max() > 8
    assert (wrong <= 0.0102 * samples + 1).all()


@pytest.mark.parametrize("effort", ["default", "best"])
def test_any_bytes_decode_to_samples_within_the_bounds(effort):
    random = np.random.default_rng(2)
    bounds = np.array([[-5, 0, 100], [300, 0, 65535], [1, 0, 40000]])
    for size in (0, 1, 50, 5000):
        data = random.integers(0, 256, size, np.uint8).tobytes()
        decoded = rls.decode(data, bounds, (3, 9, 8), effort, 0, 0.0)
        assert (decoded >= bounds[0][:, None, None]).all()
        assert (decoded <= bounds[1][:, None, None]).all()


def test_ranges_that_were_never_written_are_refused():
    codec, spec = Rls(), Spec((2, 3, 3), "uint8", 8)
    streams = dict(codec.encode(np.arange(18, dtype=np.uint8).reshape(2, 3, 3), spec))
    for wrong in ([[0, 0], [300, 0], [0, 0]], [[5, 0], [2, 0], [0, 0]], [[0, 0], [9, 0], [0, 70000]]):
        with pytest.raises(CodestreamError):
            codec.decode(streams | {"bands": encode_array(np.array(wrong))}, spec)


def test_mixtures_are_learnt_down_to_the_noise():
    samples = mixture(40, 64, 64, noise=3)
    entropy = np.log2(3 * np.sqrt(2 * np.pi * np.e))
    rate = {e: 8 * len(rls.encode(samples, bounds_of(samples), e, 0, 0.0)) / samples.size for e in ("default", "best")}
    assert rate["best"] < rate["default"] < entropy + 0.7
    assert rate["best"] < entropy + 0.45


@pytest.mark.parametrize("gain", [1.5, 2.7])
def test_gaps_are_found_and_cost_nothing_once_learnt(gain):
    samples = gapped(gain, rows=80, columns=80)
    modes = [choose_axis(band, samples[z - 1] if z else None) for z, band in enumerate(samples)]
    assert all(modes)
    plain, learnt = (len(rls.encode(samples, bounds_of(samples, m), "default", 0, 0.0)) for m in (None, modes))
    assert 8 * (plain - learnt) / samples.size > 0.6 * np.log2(gain)


def test_no_gaps_are_found_where_there_are_none():
    samples = mixture(6, 60, 60, 5)
    assert not any(choose_axis(band, None) for band in samples)


def test_tables_are_the_logistic_function_and_its_inverse():
    t = np.arange(-tables.FAR * tables.FINE, tables.FAR * tables.FINE + 1) / tables.FINE
    assert np.allclose(tables.logistic()[:-1], 1 / (1 + np.exp(-t)), rtol=1e-14)
    p = np.arange(1, tables.PARTS) / tables.PARTS
    assert np.allclose(tables.logit()[1:-2], np.log(p / (1 - p)), rtol=1e-12, atol=1e-14)
    cuts = tables.thresholds()
    assert np.allclose(1 / (1 + np.exp(-np.sort(cuts[1:32]))), np.arange(1, 32) / 32)
    assert (np.diff(cuts[32:]) > 0).all()


def test_bits_come_back_at_any_chance():
    random = np.random.default_rng(4)
    chances, bits = random.integers(coder.LEAST, 65536 - coder.LEAST, 3000), random.integers(0, 2, 3000)
    data = np.zeros(9000, np.uint8)
    state = coder.start(data[:0])
    for chance, bit in zip(chances, bits, strict=True):
        coder.code_bit(state, data, int(chance), int(bit), True)
    held = data[: coder.finish(state, data)].copy()
    state = coder.start(held)
    assert [coder.code_bit(state, held, int(c), 0, False) for c in chances] == bits.tolist()


def test_cells_come_back_however_unlikely_or_unlike_the_distribution():
    random = np.random.default_rng(5)
    values = random.choice(np.array([0, 1, 700, 40000, 65535]), 4000)
    centres, spreads = random.uniform(0, 65535, 4000), random.choice(np.array([0.02, 1.0, 900.0]), 4000)
    data, nothing = np.zeros(40000, np.uint8), np.zeros(1)

    def places(k):
        return centres[k], spreads[k], 1 / spreads[k], nothing, False, -0.5, 1.0

    state, shapes = interval.start(data[:0]), interval.new_shapes(1)
    for k, value in enumerate(values):
        interval.encode_cell(state, data, int(value), 0, 65535, *places(k), shapes, 0, tables.logistic())
    held = data[: interval.finish(state, data)].copy()
    state, shapes = interval.start(held), interval.new_shapes(1)
    assert values.tolist() == [
        interval.decode_cell(state, held, 0, 0, 65535, *places(k), shapes, 0, tables.logistic(), tables.logit())
        for k in range(len(values))
    ]


@pytest.mark.parametrize("kernel", [learn, solve, weigh], ids=lambda k: k.py_func.__name__)
def test_no_kernel_contracts_or_reorders_sums(kernel):
    """A multiplication and an addition made one would round once: another machine would find other weights."""
    fresh = njit(**{name: value for name, value in kernel.targetoptions.items() if name != "nopython"})(kernel.py_func)
    square, row = np.eye(9, 16), np.ones(10)
    arguments = {
        "learn": (square, np.ones((8, 16)), row, 0, 9),
        "solve": (square, 9, row, 1.0, row, square.copy(), row.copy()),
        "weigh": (square[None], square, 0, 0, 9),
    }
    fresh(*arguments[kernel.py_func.__name__])
    (assembly,) = fresh.inspect_asm().values()
    assert not [line for line in assembly.splitlines() if re.search(r"\bv?fn?m(add|sub|la|ls)\w*[sp]?d?\b", line)]
