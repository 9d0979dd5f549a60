"""Least-squares prediction: the kernel equals its reference, every scene comes back, weights are really learnt."""

import numpy as np
import pytest

from hypress.testing import gallery
from hypress.transforms import regression
from hypress.transforms.regression import residuals, residuals_reference, restore


def mixture(bands, rows, columns, noise, seed=0):
    """Bands that are mixtures of four images, and noise."""
    random = np.random.default_rng(seed)
    images = np.cumsum(random.normal(0, 30, (4, rows, columns)), axis=2)
    clean = np.einsum("bk,kyx->byx", random.normal(1, 0.5, (bands, 4)), images)
    return np.clip(np.rint(3000 + clean + random.normal(0, noise, clean.shape)), 0, 65535).astype(np.uint16)


@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (1, 9, 7), (2, 8, 1), (3, 1, 9), (5, 12, 6), (9, 7, 16), (40, 9, 5)], ids=str
)
def test_kernel_is_the_reference(shape):
    samples = mixture(*shape, noise=5)
    assert np.array_equal(residuals(samples, 32), residuals_reference(samples, 32))


@pytest.mark.parametrize("back", [0, 1, 3, 7, 200])
def test_kernel_is_the_reference_with_few_bands_or_all(back):
    samples = mixture(9, 8, 6, noise=5)
    assert np.array_equal(residuals(samples, back), residuals_reference(samples, back))


def test_kernel_is_the_reference_on_extremes():
    samples = np.random.default_rng(1).choice(np.array([-(2**15), 0, 2**15 - 1], np.int16), (6, 9, 8))
    assert np.array_equal(residuals(samples, 32), residuals_reference(samples, 32))


@pytest.mark.parametrize("case", [c for c in gallery() if c.samples.dtype.kind in "iu"], ids=str)
def test_every_scene_of_16_bits_comes_back(case):
    if case.samples.dtype.itemsize > 2:
        pytest.skip("wider than the codec is given")
    native = case.samples.astype(case.samples.dtype.newbyteorder("="))
    assert np.array_equal(restore(residuals(native, 4), 4, native.dtype), native)


def test_any_residuals_restore_to_samples_of_the_type():
    left = np.random.default_rng(2).integers(-(2**18), 2**18, (7, 9, 8)).astype(np.int32)
    for dtype in (np.uint8, np.int16, np.uint16):
        assert restore(left, 3, dtype).dtype == dtype


def test_sums_that_would_lose_a_bit_are_halved(monkeypatch):
    samples = mixture(3, 70, 20, noise=4)
    kernel = regression._code.py_func.__globals__
    assert kernel["MOST"] == 1 << 20  # 2²⁰ pixels of 2¹⁶ · 2¹⁶ are below 2⁵³
    tall = np.tile(samples, (1, 30, 26)).astype(np.uint16)  # more pixels than that
    assert tall[0].size > 1 << 20
    assert np.array_equal(restore(residuals(tall, 2), 2, tall.dtype), tall)


def test_mixtures_are_learnt_down_to_the_noise():
    samples = mixture(60, 80, 64, noise=3)
    late = residuals(samples, 32)[20:, 40:].astype(np.float64)
    assert late.std() < 1.25 * 3  # the noise itself, and little more
