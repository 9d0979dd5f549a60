"""pca_dct and dpcm_dct: rates are met, the loop stays closed, and each does what its literature says it does."""

import numpy as np
import pytest

import hypress
from hypress.codec import Spec, find
from hypress.codecs._step import COARSEST, finest_within, quantise
from hypress.codecs.pca_dct import WORTH
from hypress.metrics import Tally


def scene(bands=30, rows=40, columns=36, seed=0):
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns] / 12
    images = np.array([np.sin(x + p) * np.cos(y - p) + (x > y + p) for p in range(4)])
    clean = 3000 + 600 * np.einsum("bk,kyx->byx", random.normal(0.5, 0.4, (bands, 4)), images)
    return np.clip(np.rint(clean + random.normal(0, 4, clean.shape)), 0, 65535).astype(np.uint16)


@pytest.mark.parametrize("name", ["pca_dct", "dpcm_dct"])
@pytest.mark.parametrize("rate", [0.4, 1.0, 3.0])
def test_rates_are_met_from_below(name, rate):
    samples = scene()
    data = hypress.encode(samples, name, hypress.Rate(bpppc=rate))
    assert 0.97 * rate < 8 * len(data) / samples.size <= rate


@pytest.mark.parametrize("name", ["pca_dct", "dpcm_dct"])
def test_more_bits_lose_less(name):
    samples = scene()
    errors = [
        Tally.of(samples, hypress.decode(hypress.encode(samples, find(name)(rate_bpppc=rate)))).mse
        for rate in (0.1, 0.4, 1.5, 5.0)
    ]
    assert errors == sorted(errors, reverse=True)


def test_the_klt_beats_the_loop_at_low_rates():
    samples = scene()
    klt, loop = (
        Tally.of(samples, hypress.decode(hypress.encode(samples, name, hypress.Rate(bpppc=0.5)))).psnr_db()
        for name in ("pca_dct", "dpcm_dct")
    )
    assert klt > loop + 2


def test_errors_do_not_add_up_from_band_to_band():
    samples = scene(bands=80)
    decoded = hypress.decode(hypress.encode(samples, find("dpcm_dct")(rate_bpppc=1.0)))
    per_band = np.square(decoded.astype(float) - samples).mean(axis=(1, 2))
    assert per_band[60:].mean() < 2 * per_band[5:25].mean()


def test_the_loop_is_what_the_decoder_has():
    samples = scene()
    codec = find("dpcm_dct")(rate_bpppc=1.0)
    spec = Spec(samples.shape, "uint16", 16)
    first = codec.encode(samples, spec)
    again = codec.encode(codec.decode(first, spec), spec)  # a scene on the loop's own grid
    assert Tally.of(samples, codec.decode(again, spec)).psnr_db() > 30


def test_quantise_drops_what_stands_alone():
    coefficients = np.zeros((1, 3, 3, 8, 8))
    coefficients[0, 1, 1, 4, 4] = 0.75
    assert not quantise(coefficients, 1.0, **WORTH).any()
    coefficients[0, 1, 1, 4, 5] = 3.0
    coefficients[0, 1, 1, 5, 4] = 3.0
    assert quantise(coefficients, 1.0, **WORTH)[0, 1, 1, 4, 4] == 1
    assert np.array_equal(quantise(-coefficients, 1.0, **WORTH), -quantise(coefficients, 1.0, **WORTH))


@pytest.mark.parametrize("start", [1e-3, 1.0, 1e6])
def test_the_step_that_fits_is_found_from_anywhere(start):
    asked = []

    def code(step):
        asked.append(step)
        return int(1e6 / (1 + step) ** 0.8), step

    step = finest_within(20_000, start, code)
    assert 19_000 < code(step)[0] <= 20_000
    assert len(asked) <= 14
    assert finest_within(0, 1.0, lambda step: (100, step)) == COARSEST
