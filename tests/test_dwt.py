import numpy as np
import pytest
import pywt

from hypress.transforms import dwt

SIZES = [(h, w) for h in range(1, 18) for w in range(1, 18)]


def test_reversible_is_exact_and_agrees_with_the_reference():
    rng = np.random.default_rng(0)
    for shape in SIZES:
        plane = rng.integers(-40000, 40000, shape).astype(np.int32)
        coefficients = dwt.forward(plane.copy(), 3, reversible=True)
        np.testing.assert_array_equal(coefficients, dwt.forward_reference(plane, 3, reversible=True))
        np.testing.assert_array_equal(dwt.inverse_reference(coefficients, 3, reversible=True), plane)
        np.testing.assert_array_equal(dwt.inverse(coefficients, 3, reversible=True), plane)


def test_irreversible_inverts_and_agrees_with_the_reference():
    rng = np.random.default_rng(1)
    for shape in SIZES:
        plane = rng.normal(0, 1, shape)
        coefficients = dwt.forward(plane.copy(), 3, reversible=False)
        reference = dwt.forward_reference(plane, 3, reversible=False)
        np.testing.assert_allclose(coefficients, reference, atol=1e-12)
        np.testing.assert_allclose(dwt.inverse_reference(coefficients, 3, reversible=False), plane, atol=1e-9)
        np.testing.assert_allclose(dwt.inverse(coefficients, 3, reversible=False), plane, atol=1e-9)


def test_single_precision_is_a_rounding_away_from_double():
    plane = np.random.default_rng(2).normal(0, 1000, (50, 37))
    single = dwt.forward(plane.astype(np.float32), 5, reversible=False)
    np.testing.assert_allclose(single, dwt.forward(plane.copy(), 5, reversible=False), atol=0.02)


def test_the_97_is_the_filter_bank_that_pywavelets_knows():
    # Whole-sample symmetric extension is PyWavelets' "reflect" mode; its filters have DC gain √2.
    plane = np.random.default_rng(3).normal(0, 1, (64, 48))
    low_low, (lh, hl, hh) = pywt.dwt2(plane, "bior4.4", mode="reflect")
    ours = dwt.forward(plane.copy(), 1, reversible=False)
    inner = (slice(4, 20), slice(4, 20))
    pairs = (
        (ours[:32, :24], low_low, 0.5),
        (ours[32:, :24], lh, 1.0),
        (ours[:32, 24:], hl, 1.0),
        (ours[32:, 24:], hh, 2.0),
    )
    for band, theirs, scale in pairs:
        assert _matches_somewhere(band[inner], theirs * scale)


def _matches_somewhere(band, theirs):
    """Whether `band` is a window of `theirs`, up to sign: PyWavelets delays its bands."""
    height, width = band.shape
    for y in range(theirs.shape[0] - height + 1):
        for x in range(theirs.shape[1] - width + 1):
            window = theirs[y : y + height, x : x + width]
            if min(abs(window - band).max(), abs(window + band).max()) < 1e-6:
                return True
    return False


@pytest.mark.parametrize("reversible", [True, False])
def test_norms_are_those_of_an_inverted_impulse(reversible):
    shape, levels = (57, 40), 3
    for level, high_y, high_x in [(3, 0, 0), (3, 1, 0), (2, 0, 1), (1, 1, 1)]:
        h, w = dwt.low_size(shape[0], level - 1), dwt.low_size(shape[1], level - 1)
        lows = dwt.low_size(shape[0], level), dwt.low_size(shape[1], level)
        rows = range(lows[0], h) if high_y else range(lows[0])
        columns = range(lows[1], w) if high_x else range(lows[1])
        energy = []
        for y in rows:
            for x in columns:
                impulse = np.zeros(shape)
                impulse[y, x] = 1 << 16  # so that the rounding of the 5/3 does not count
                if reversible:
                    image = dwt.inverse(impulse.astype(np.int32), levels, reversible=True)
                else:
                    image = dwt.inverse(impulse, levels, reversible=False)
                energy.append(np.sum((image / 65536) ** 2))
        norm = dwt.subband_norm(shape, level, bool(high_y), bool(high_x), reversible=reversible)
        assert norm == pytest.approx(np.sqrt(np.mean(energy)), rel=2e-3)


def test_what_does_not_fit_is_refused():
    with pytest.raises(TypeError):
        dwt.forward(np.zeros((4, 4), np.int64), 1, reversible=True)
    with pytest.raises(TypeError):
        dwt.inverse(np.zeros((4, 4), np.int32), 1, reversible=False)
