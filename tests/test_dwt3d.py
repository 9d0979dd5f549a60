import itertools

import numpy as np
import pytest
import pywt

from hypress.transforms import dwt3d
from hypress.transforms.dwt3d import Levels

SHAPES = [(1, 1, 1), (1, 5, 4), (7, 1, 1), (5, 1, 9), (2, 2, 2), (13, 7, 6), (33, 17, 9), (4, 30, 23)]
LEVELS = [Levels(0, 0), Levels(3, 2), Levels(1, 4), Levels(9, 9)]


def test_reversible_is_exact_and_agrees_with_the_reference():
    rng = np.random.default_rng(0)
    for shape, levels in itertools.product(SHAPES, LEVELS):
        cube = rng.integers(-40000, 40000, shape).astype(np.int32)
        coefficients = dwt3d.forward(cube.copy(), levels, reversible=True)
        np.testing.assert_array_equal(coefficients, dwt3d.forward_reference(cube, levels, reversible=True))
        np.testing.assert_array_equal(dwt3d.inverse_reference(coefficients, levels, reversible=True), cube)
        np.testing.assert_array_equal(dwt3d.inverse(coefficients, levels, reversible=True), cube)


def test_irreversible_inverts_and_agrees_with_the_reference():
    rng = np.random.default_rng(1)
    for shape, levels in itertools.product(SHAPES, LEVELS):
        cube = rng.normal(0, 1, shape)
        coefficients = dwt3d.forward(cube.copy(), levels, reversible=False)
        reference = dwt3d.forward_reference(cube, levels, reversible=False)
        np.testing.assert_allclose(coefficients, reference, atol=1e-12)
        np.testing.assert_allclose(dwt3d.inverse_reference(coefficients, levels, reversible=False), cube, atol=1e-9)
        np.testing.assert_allclose(dwt3d.inverse(coefficients, levels, reversible=False), cube, atol=1e-9)


def test_more_pixels_than_are_transformed_at_a_time():
    cube = np.random.default_rng(2).integers(-9999, 9999, (9, 40, 41)).astype(np.int32)
    assert cube[0].size > 3 * dwt3d.BLOCK
    for dtype, reversible in ((np.int32, True), (np.float64, False)):
        coefficients = dwt3d.forward(cube.astype(dtype), Levels(2, 1), reversible=reversible)
        reference = dwt3d.forward_reference(cube.astype(dtype), Levels(2, 1), reversible=reversible)
        np.testing.assert_allclose(coefficients, reference, atol=1e-8)
        np.testing.assert_allclose(dwt3d.inverse(coefficients, Levels(2, 1), reversible=reversible), cube, atol=1e-8)


def test_across_bands_it_is_the_filter_bank_that_pywavelets_knows():
    # Whole-sample symmetric extension is PyWavelets' "reflect" mode; its filters have DC gain √2.
    cube = np.random.default_rng(3).normal(0, 1, (64, 5, 3))
    low, high = pywt.dwt(cube, "bior4.4", mode="reflect", axis=0)
    ours = dwt3d.forward(cube.copy(), Levels(1, 0), reversible=False)
    for band, theirs, scale in ((ours[:32], low, 0.5**0.5), (ours[32:], high, 2**0.5)):
        inner = band[6:26]
        windows = (theirs[k : k + len(inner)] * scale for k in range(len(theirs) - len(inner) + 1))
        assert min(min(abs(w - inner).max(), abs(w + inner).max()) for w in windows) < 1e-9


@pytest.mark.parametrize("reversible", [True, False])
def test_subbands_tile_the_cube_and_have_their_norms(reversible):
    for shape, levels in itertools.product(SHAPES, LEVELS):
        count = np.zeros(shape, int)
        for band in dwt3d.subbands(shape, levels, reversible=reversible):
            assert band.shape == count[band.where].shape
            count[band.where] += 1
        assert (count == 1).all()
    shape, levels = (9, 6, 10), Levels(2, 2)
    for band in dwt3d.subbands(shape, levels, reversible=reversible):
        energy = []
        for place in itertools.product(*(range(s.start, s.stop) for s in band.where)):
            cube = np.zeros(shape, np.int32 if reversible else np.float64)
            cube[place] = 1 << 16  # so that the rounding of the 5/3 does not count
            energy.append(np.sum(np.square(dwt3d.inverse(cube, levels, reversible=reversible) / 2.0**16)))
        assert np.sqrt(np.mean(energy)) == pytest.approx(band.norm, rel=1e-3)


@pytest.mark.parametrize("reversible", [True, False])
def test_an_error_in_a_coefficient_weighs_as_much_as_its_norm_says(reversible):
    rng, shape, levels = np.random.default_rng(4), (40, 33, 47), Levels(3, 3)
    errors = np.zeros(shape)
    for band in dwt3d.subbands(shape, levels, reversible=reversible):
        errors[band.where] = rng.normal(0, 1000 / band.norm, band.shape)
    errors = np.rint(errors).astype(np.int32) if reversible else errors
    cube = dwt3d.inverse(errors, levels, reversible=reversible)
    assert np.std(cube) == pytest.approx(1000, rel=0.02)


def test_integers_grow_as_little_as_is_said():
    # The worst cube is the product of three worst lines: the signs of the analysis function of largest L1 norm.
    lines = []
    for size in (200, 64, 65):
        impulses = (np.eye(size, dtype=np.int32) << 16).reshape(size, size, 1)
        analysis = dwt3d.forward(impulses, Levels(3, 0), reversible=True)[:, :, 0]
        lines.append(np.where(analysis[np.abs(analysis).sum(axis=1).argmax()] < 0, -1, 1))
    cube = (lines[0][:, None, None] * lines[1][:, None] * lines[2]).astype(np.int32) << 15
    largest = np.abs(dwt3d.forward(cube, Levels(3, 3), reversible=True)).max()
    assert 2**19 < largest < 2**20


def test_wrong_arrays_are_refused():
    for cube, reversible in (
        (np.zeros((2, 3, 4)), True),
        (np.zeros((2, 3, 4), np.int32), False),
        (np.zeros((3, 4), np.int32), True),
        (np.zeros((2, 3, 4), np.int32).T, True),
        (np.zeros((2, 0, 4), np.int32), True),
    ):
        for transform in (dwt3d.forward, dwt3d.inverse):
            with pytest.raises(TypeError, match="cube of"):
                transform(cube, Levels(1, 1), reversible=reversible)
