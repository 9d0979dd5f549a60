"""The metrics against independent formulas, scikit-image, and the laws that their documentation states."""

import json
import math
import pickle
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from hypress import metrics
from hypress.errors import ConfigurationError, SceneError
from hypress.metrics import SsimTally, Tally, blocks, structure

RNG = np.random.default_rng(20240)
INTEGERS = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]
FLOATS = ["float16", "float32", "float64"]


def scene(shape=(5, 23, 31), dtype="uint16", seed=0):
    rng = np.random.default_rng(seed)
    a = rng.integers(1, 100, shape).astype(dtype)
    return a, (a + rng.integers(0, 9, shape).astype(dtype)).astype(dtype)


def assert_same(one, other, rtol=1e-12):
    for name, value in vars(one).items():
        np.testing.assert_allclose(value, vars(other)[name], rtol=rtol, atol=1e-9, err_msg=name)


@pytest.fixture
def tiny_blocks(monkeypatch):
    """Blocks and tiles so small that every scene here takes many of them."""
    monkeypatch.setattr(blocks, "BLOCK", 40)
    monkeypatch.setattr(structure, "TILE", 7)


# --- errors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", INTEGERS + FLOATS)
@pytest.mark.usefixtures("tiny_blocks")
def test_errors_are_their_formulas(dtype):
    a, b = scene(dtype=dtype)
    x, y = a.astype(float), b.astype(float)
    e, peak = y - x, x.max()
    assert metrics.mse(a, b) == pytest.approx(np.mean(e**2), rel=1e-13)
    assert metrics.mean_error(a, b) == pytest.approx(np.mean(np.abs(e)), rel=1e-13)
    assert metrics.max_error(a, b) == np.abs(e).max()
    assert metrics.snr(a, b) == pytest.approx(10 * np.log10(np.sum(x**2) / np.sum(e**2)), rel=1e-13)
    assert metrics.psnr(a, b) == pytest.approx(peak_signal_noise_ratio(x, y, data_range=peak), rel=1e-13)
    assert metrics.psnr(a, b, peak=255) == pytest.approx(peak_signal_noise_ratio(x, y, data_range=255), rel=1e-13)
    per_band = [peak_signal_noise_ratio(p, q, data_range=peak) for p, q in zip(x, y, strict=True)]
    np.testing.assert_allclose(metrics.psnr_per_band(a, b), per_band, rtol=1e-13)
    t = Tally.of(a, b)
    assert t.mean_band_psnr_db() == pytest.approx(np.mean(per_band), rel=1e-13)
    np.testing.assert_allclose(t.total, x.sum((1, 2)), rtol=1e-13)
    np.testing.assert_allclose(t.total_square, (x**2).sum((1, 2)), rtol=1e-13)
    np.testing.assert_array_equal(t.smallest, x.min((1, 2)))
    np.testing.assert_array_equal(t.largest, x.max((1, 2)))


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_extremes_do_not_wrap(dtype):
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    a = np.array([[[low, high]]], dtype)
    assert metrics.max_error(a, a[..., ::-1]) == float(high - low)
    assert metrics.mse(a, a[..., ::-1]) == pytest.approx(float(high - low) ** 2)


@given(st.data())
@settings(deadline=None)
def test_integer_errors_are_exact_across_types(data):
    x, y = (data.draw(hnp.arrays(data.draw(st.sampled_from(INTEGERS)), (2, 1, 3), elements=None)) for _ in range(2))
    exact = max(abs(int(p) - int(q)) for p, q in zip(x.flat, y.flat, strict=True))
    assert metrics.max_error(x, y) == float(exact)


def test_neighbours_beyond_2_to_53_differ():
    a = np.full((1, 1, 1), 2**63 + 1, np.uint64)
    assert metrics.max_error(a, a + np.uint64(1)) == 1
    assert metrics.max_error(a.astype(np.int64), a.astype(np.int64) - 1) == 1
    assert metrics.max_error(np.full((1, 1, 1), 2**60 + 1), np.full((1, 1, 1), 2.0**60)) == 1


def test_mixed_types_and_layouts():
    a, b = scene()
    expected = Tally.of(a, b)
    bip = np.ascontiguousarray(a.transpose(1, 2, 0)).transpose(2, 0, 1)
    for x, y in ((a, b.astype(np.float32)), (bip, b), (a.astype(">u2"), b), (a, b.astype(np.int64))):
        assert_same(Tally.of(x, y), expected)
    assert metrics.max_error(a > 50, a > 50) == 0
    assert metrics.max_error(a > 50, a <= 50) == 1


@pytest.mark.parametrize("dtype", INTEGERS + FLOATS)
def test_perfect_is_infinite(dtype):
    a, _ = scene(dtype=dtype)
    t = Tally.of(a, a)
    assert (t.mse, t.max_error, t.mean_error, t.sam_deg, t.max_sam_deg) == (0, 0, 0, 0, 0)
    assert t.psnr_db() == t.mean_band_psnr_db() == t.snr_db == math.inf
    assert np.isposinf(t.psnr_per_band_db(peak=7)).all()
    assert metrics.ssim(a, a) == pytest.approx(1, abs=1e-12)


@given(st.floats(0.01, 100), st.integers(0, 99))
@settings(deadline=None)
def test_scaling_both_scales_only_errors(factor, seed):
    a, b = scene((3, 4, 5), np.float64, seed)
    one, other = Tally.of(a, b), Tally.of(a * factor, b * factor)
    assert other.mean_error == pytest.approx(one.mean_error * factor)
    assert other.psnr_db() == pytest.approx(one.psnr_db())
    assert other.snr_db == pytest.approx(one.snr_db)
    assert other.sam_deg == pytest.approx(one.sam_deg)


def test_peak():
    a = np.array([[[-9, 4]], [[3, 0]]])
    assert Tally.of(a, a).peak == 4
    assert Tally.of(-np.abs(a), a).peak == 9
    assert Tally.of(a * 0, a * 0).psnr_db() == math.inf
    assert Tally.of(a * 0, a).psnr_db() == -math.inf
    assert Tally.of(a, a, a < 4).peak == 3
    for peak in (0, -1, math.inf, math.nan):
        with pytest.raises(ConfigurationError, match="peak"):
            metrics.psnr(a, a, peak=peak)
        with pytest.raises(ConfigurationError, match="peak"):
            metrics.ssim(a, a, peak=peak)


# --- merging ----------------------------------------------------------------------------------------


@given(st.integers(0, 23), st.integers(0, 31), st.integers(0, 9), st.booleans())
@settings(max_examples=40, deadline=None)
def test_tiles_add_up_to_the_whole(row, column, seed, masked):
    a, b = scene(seed=seed)
    ok = np.random.default_rng(seed).random(a.shape) > 0.3 if masked else None
    quarters = [
        np.s_[:, rows, columns]
        for rows in (slice(row), slice(row, None))
        for columns in (slice(column), slice(column, None))
    ]
    tiles = [Tally.of(a[q], b[q], None if ok is None else ok[q]) for q in quarters]
    assert_same(sum(tiles, start=Tally.empty(5)), Tally.of(a, b, ok))


def test_block_size_does_not_matter(monkeypatch):
    a, b = scene((3, 9, 50), np.float32)
    whole = Tally.of(a, b)
    for size in (1, 10, 149, 150, 151, 300, 1000):
        monkeypatch.setattr(blocks, "BLOCK", size)
        assert_same(Tally.of(a, b), whole)
        np.testing.assert_allclose(metrics.spectral_angle_map_deg(a, b).mean(), whole.sam_deg, rtol=1e-12)


@given(st.integers(0, 9))
@settings(max_examples=5, deadline=None)
def test_pixels_and_bands_may_be_permuted(seed):
    a, b = scene(seed=seed)
    rng = np.random.default_rng(seed)
    bands, rows = rng.permutation(a.shape[0]), rng.permutation(a.shape[1])
    one, other = Tally.of(a, b), Tally.of(a[bands][:, rows], b[bands][:, rows])
    np.testing.assert_array_equal(one.squared_error[bands], other.squared_error)
    assert one.sam_deg == pytest.approx(other.sam_deg)
    assert one.psnr_db() == pytest.approx(other.psnr_db())


def test_tiles_of_band_ranges_are_placed_in_the_scene():
    a, b = scene()
    whole = Tally.of(a, b)
    parts = [Tally.of(a[p], b[p]).placed(p.start, 5) for p in (slice(3, 5), slice(0, 3))]
    both = parts[0] + parts[1]
    for name in ("count", "squared_error", "largest_error", "smallest", "largest"):
        np.testing.assert_array_equal(getattr(both, name), getattr(whole, name))
    assert both.psnr_db() == whole.psnr_db()
    assert math.isnan(both.sam_deg)
    assert math.isnan(both.max_sam_deg)
    assert whole.placed(0, 5).sam_deg == whole.sam_deg
    with pytest.raises(SceneError, match="bands 3 to 8"):
        whole.placed(3, 7)
    with pytest.raises(SceneError, match="5 and 2 bands"):
        whole + Tally.of(a[:2], b[:2])


def test_tallies_survive_json_and_pickle():
    a, b = scene(dtype=np.float32)
    b[0, 0, 0] = np.nan
    ok = np.ones(a.shape, bool)
    ok[1] = False
    t = Tally.of(a, b, ok)
    text = json.dumps(t.to_dict(), allow_nan=False)
    for copy in (Tally.from_dict(json.loads(text)), pickle.loads(pickle.dumps(t))):  # noqa: S301
        for name, value in vars(t).items():
            np.testing.assert_array_equal(value, vars(copy)[name])
        assert copy.count.dtype == np.int64


# --- masks and values that are no numbers ------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
@pytest.mark.usefixtures("tiny_blocks")
def test_masked_samples_enter_nothing(dtype):
    a, b = scene(dtype=dtype)
    ok = RNG.random(a.shape) > 0.3
    ok[2] = False
    ok[:, 3, 4] = False
    rubbish_a, rubbish_b = a.copy(), b.copy()
    rubbish_a[~ok], rubbish_b[~ok] = 60000, (0 if dtype == "uint16" else np.nan)
    t = Tally.of(rubbish_a, rubbish_b, ok)
    assert_same(t, Tally.of(a, b, ok), rtol=0)
    e = (b.astype(float) - a)[ok]
    assert t.mse == pytest.approx(np.mean(e**2))
    assert t.max_error == np.abs(e).max()
    assert t.peak == a[ok].max()
    assert t.pixels == ok.any(0).sum() < 23 * 31
    assert math.isnan(t.psnr_per_band_db()[2])
    assert math.isfinite(t.mean_band_psnr_db())
    ok = np.ones(a.shape, bool)
    ok[:, :5, :5] = False
    rubbish_a[~ok] = 60000
    assert metrics.ssim(np.where(ok, a, rubbish_a), np.where(ok, b, rubbish_b), valid=ok, peak=99) == metrics.ssim(
        a, b, valid=ok, peak=99
    )


def test_a_mask_is_not_written_to():
    a, b = scene(dtype=np.float32)
    a[0, 0, 0] = np.nan
    ok = np.ones(a.shape, bool)
    before = a.copy(), b.copy()
    metrics.compare(a, b, valid=ok)
    assert ok.all()
    np.testing.assert_array_equal(a, before[0])
    np.testing.assert_array_equal(b, before[1])


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_an_original_that_is_no_number_does_not_count(hole):
    a, b = scene(dtype=np.float64)
    ok = RNG.random(a.shape) > 0.01
    holed = np.where(ok, a, hole)
    assert_same(Tally.of(holed, b), Tally.of(a, b, ok), rtol=0)
    assert metrics.ssim(holed, b, peak=99) == metrics.ssim(a, b, valid=ok, peak=99)


@pytest.mark.parametrize("rubbish", [np.nan, np.inf, -np.inf])
def test_a_decoded_that_is_no_number_is_an_infinite_error(rubbish):
    a, b = scene(dtype=np.float64)
    b[1, 11, 12] = rubbish
    t = Tally.of(a, b)
    assert t.mse == t.max_error == t.mean_error == math.inf
    assert t.psnr_db() == t.mean_band_psnr_db() == t.snr_db == -math.inf
    assert np.isfinite(t.psnr_per_band_db()).sum() == 4
    assert t.max_sam_deg == 180
    assert metrics.spectral_angle_map_deg(a, b)[11, 12] == 180
    assert np.count_nonzero(metrics.spectral_angle_map_deg(a, b) == 180) == 1
    perfect = a.copy()
    perfect[1, 11, 12] = rubbish
    assert metrics.Tally.of(a, perfect).mean_band_psnr_db() == -math.inf
    assert metrics.ssim(a, perfect) == pytest.approx(1 - 121 / (5 * 13 * 21))
    report = metrics.compare(a, b).to_dict()
    assert report["psnr_db"] is None
    assert json.dumps(report, allow_nan=False)


def test_nothing_valid_is_nan():
    a, b = scene()
    for c in (
        metrics.compare(a, b, valid=np.zeros(a.shape, bool)),
        metrics.compare(a[:, :0], b[:, :0]),
        metrics.compare(a[:0], b[:0]),
    ):
        assert all(math.isnan(value) for value in vars(c).values())
        assert set(c.to_dict().values()) == {None}
    assert np.isnan(metrics.spectral_angle_map_deg(a, b, valid=np.zeros(a.shape, bool))).all()


@given(hnp.arrays(np.float64, (2, 2, 3)), hnp.arrays(np.float64, (2, 2, 3)))
@settings(deadline=None)
def test_no_float_is_too_wild(a, b):
    c = metrics.compare(a, b)
    if np.isfinite(a).any():
        assert not math.isnan(c.max_error)
        assert 0 <= c.sam_deg <= c.max_sam_deg <= 180
        assert not math.isnan(c.psnr_db)
    assert math.isnan(c.ssim) or -1 - 1e-12 <= c.ssim <= 1 + 1e-12


def test_what_does_not_fit_is_refused():
    a, b = scene()
    for x, y, ok in (
        (a, b[1:], None),
        (a[0], b[0], None),
        (a.astype(complex), b, None),
        (a.astype(object), b, None),
        (np.ma.masked_equal(a, 3), b, None),
        (a, b, np.ones(a.shape, np.uint8)),
        (a, b, np.ones(a.shape[1:], bool)),
    ):
        for function in (metrics.mse, metrics.spectral_angle_map_deg, metrics.ssim, metrics.compare):
            with pytest.raises(SceneError):
                function(x, y, valid=ok)


# --- spectral angle -----------------------------------------------------------------------------------


def one_pixel(*spectrum):
    return np.array(spectrum, float).reshape(-1, 1, 1)


@pytest.mark.usefixtures("tiny_blocks")
def test_angles_are_the_arc_cosine():
    a, b = scene()
    x, y = a.astype(float), b.astype(float)
    cosine = (x * y).sum(0) / np.sqrt((x**2).sum(0) * (y**2).sum(0))
    expected = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    np.testing.assert_allclose(metrics.spectral_angle_map_deg(a, b), expected, atol=1e-6)
    t = Tally.of(a, b)
    assert t.sam_deg == pytest.approx(expected.mean(), abs=1e-6)
    assert t.max_sam_deg == pytest.approx(expected.max(), abs=1e-6)
    assert metrics.spectral_angle_deg(a, b) == t.sam_deg


@pytest.mark.parametrize("angle", [1e-12, 1e-9, 1e-6, 0.3, 45, 90, 135, 179.9999999, 180])
@pytest.mark.parametrize("scale", [1e-300, 1e-9, 1, 1e9, 1e300])
def test_angles_are_exact_at_every_size(angle, scale):
    turned = one_pixel(math.cos(math.radians(angle)), math.sin(math.radians(angle)), 0)
    got = metrics.spectral_angle_deg(one_pixel(scale, 0, 0), turned)
    assert got == pytest.approx(angle, rel=1e-9, abs=1e-15)


def test_zero_spectra():
    zero, some = one_pixel(0, 0), one_pixel(3, 4)
    assert metrics.spectral_angle_deg(zero, zero) == 0
    assert metrics.spectral_angle_deg(zero, some) == metrics.spectral_angle_deg(some, zero) == 90
    assert metrics.spectral_angle_deg(some, 7 * some) == pytest.approx(0, abs=1e-13)


def test_masked_bands_leave_both_spectra():
    a, b = one_pixel(1, 0, 5), one_pixel(1, 1, 900)
    ok = one_pixel(1, 1, 0) > 0
    assert metrics.spectral_angle_deg(a, b, valid=ok) == pytest.approx(45)
    two_a, two_b = np.concatenate([a, a], 2), np.concatenate([b, b], 2)
    two_ok = np.concatenate([ok, ok & False], 2)
    assert metrics.spectral_angle_deg(two_a, two_b, valid=two_ok) == pytest.approx(45)
    assert np.isnan(metrics.spectral_angle_map_deg(two_a, two_b, valid=two_ok)[0, 1])


# --- structure ----------------------------------------------------------------------------------------


def skimage_ssim(x, y, peak, full=False):
    return structural_similarity(
        x.astype(float),
        y.astype(float),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=peak,
        full=full,
    )


@pytest.mark.parametrize("shape", [(2, 11, 11), (3, 12, 40), (2, 30, 11), (2, 64, 57)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.usefixtures("tiny_blocks")
def test_ssim_is_that_of_scikit_image(shape, dtype):
    a, b = scene(shape, dtype)
    for peak in (None, 255.0, 40.0):
        expected = np.mean([skimage_ssim(p, q, peak or float(a.max())) for p, q in zip(a, b, strict=True)])
        assert metrics.ssim(a, b, peak=peak) == pytest.approx(expected, abs=1e-9)


def test_ssim_of_a_smooth_16_bit_scene():
    y, x = np.mgrid[:90, :70]
    a = (30000 + 20000 * np.sin(x / 9) * np.cos(y / 7)).astype(np.uint16)[None]
    b = (a + RNG.normal(0, 300, a.shape)).astype(np.uint16)
    assert metrics.ssim(a, b, peak=65535) == pytest.approx(skimage_ssim(a[0], b[0], 65535), abs=1e-9)


def test_ssim_leaves_out_windows_with_masked_samples():
    a, b = scene((1, 30, 40))
    ok = RNG.random(a.shape) > 0.005
    _, full = skimage_ssim(a[0], b[0], 99.0, full=True)
    clean = np.lib.stride_tricks.sliding_window_view(ok[0], (11, 11)).all((2, 3))
    assert 0 < clean.sum() < clean.size
    assert metrics.ssim(a, b, peak=99, valid=ok) == pytest.approx(full[5:-5, 5:-5][clean].mean(), abs=1e-9)
    ok[:] = True
    ok[0, ::10, ::10] = False
    assert math.isnan(metrics.ssim(a, b, peak=99, valid=ok))


@given(st.integers(0, 19), st.booleans())
@settings(max_examples=20, deadline=None)
def test_ssim_strips_add_up_to_the_whole(cut, masked):
    a, b = scene((3, 30, 33))
    ok = RNG.random(a.shape) > 0.002 if masked else np.ones(a.shape, bool)
    strips = np.s_[:, : cut + 10], np.s_[:, cut:]
    one, other = (SsimTally.of(a[s], b[s], peak=99, valid=ok[s]) for s in strips)
    whole = SsimTally.of(a, b, peak=99, valid=ok)
    np.testing.assert_array_equal((one + other).count, whole.count)
    assert (one + other).ssim == pytest.approx(whole.ssim, rel=1e-13)
    assert metrics.ssim(a, b, peak=99, valid=ok) == whole.ssim
    with pytest.raises(SceneError, match="3 and 2 bands"):
        whole + SsimTally.of(a[:2], b[:2], peak=99)


def test_ssim_of_small_images():
    assert [metrics.window_for(*s) for s in ((11, 11), (500, 10), (4, 9), (2, 2), (1, 900))] == [
        11,
        9,
        3,
        1,
        1,
    ]
    for shape in ((1, 1, 1), (2, 1, 50), (2, 2, 2), (3, 10, 40)):
        a, b = scene(shape)
        assert metrics.ssim(a, a) == pytest.approx(1)
        assert -1 <= metrics.ssim(a, b) < 1
    a, b = one_pixel(50.0), one_pixel(80.0)
    c1 = (0.01 * 100) ** 2
    assert metrics.ssim(a, b, peak=100) == pytest.approx((2 * 50 * 80 + c1) / (50**2 + 80**2 + c1))


def test_ssim_of_an_all_zero_original():
    zero, one = np.zeros((1, 12, 12)), np.ones((1, 12, 12))
    assert metrics.ssim(zero, zero) == 1
    assert metrics.ssim(zero, one) == 0


def test_ssim_arguments():
    a, b = scene()
    for arguments in ({"peak": -1}, {"peak": math.nan}, {"peak": 9, "window": 4}, {"peak": 9, "window": -1}):
        with pytest.raises(ConfigurationError):
            SsimTally.of(a, b, **arguments)


# --- the rest -----------------------------------------------------------------------------------------


def test_rate():
    assert metrics.bpppc(1000, (10, 20, 40)) == 1.0
    assert metrics.ratio(1000, (10, 20, 40), "uint16") == 16.0
    assert metrics.ratio(1000, (10, 20, 40), np.float32) == 32.0
    assert metrics.bpppc(2**40, np.array([2**31 - 1, 2**20, 2**10], np.int32)) > 0
    with pytest.raises(SceneError, match="no sample"):
        metrics.bpppc(10, (3, 0, 4))
    with pytest.raises(ConfigurationError):
        metrics.bpppc(-1, (1, 1, 1))
    with pytest.raises(ConfigurationError):
        metrics.ratio(0, (1, 1, 1), "u1")


def test_compare_holds_every_number():
    a, b = scene()
    t, c = Tally.of(a, b), metrics.compare(a, b)
    assert c.psnr_db == t.psnr_db()
    assert c.psnr_peak == a.max()
    assert c.ssim == metrics.ssim(a, b)
    assert c.sam_deg == t.sam_deg
    assert json.loads(json.dumps(c.to_dict(), allow_nan=False)) == vars(c)
    c = metrics.compare(a, b, peak=1000, ssim=False)
    assert (c.psnr_peak, c.ssim) == (1000, None)
    assert c.psnr_db == t.psnr_db(1000)
    assert c.mean_band_psnr_db == t.mean_band_psnr_db(1000)
    assert metrics.compare(a, a).to_dict()["psnr_db"] is None


@pytest.mark.parametrize("dtype", ["uint16", "int64", "float64"])
def test_temporaries_stay_small(dtype):
    a = np.zeros((60, 128, 260), dtype)
    ok = np.ones(a.shape, bool)
    ok[0] = False
    tracemalloc.start()
    try:
        metrics.compare(a, a, valid=ok)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16e6


def test_importing_the_metrics_is_light():
    code = "import sys, hypress.metrics; print([m for m in ('scipy', 'numba', 'xarray') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
