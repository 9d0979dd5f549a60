"""Labels come back exactly, cost little, and what fills their places does not disturb the rest."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

import hypress
from hypress import masks
from hypress.errors import CodestreamError
from hypress.testing import gallery


@settings(deadline=None)
@given(labels=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=9), elements={"max_value": 4}))
def test_labels_survive(labels):
    assert np.array_equal(masks.decode(masks.encode(labels), labels.shape), labels)


def test_a_mask_that_repeats_from_band_to_band_costs_next_to_nothing():
    labels = np.zeros((200, 100, 100), np.uint8)
    labels[:, np.add.outer(np.arange(100), np.arange(100)) < 90] = masks.NODATA
    assert len(masks.encode(labels)) < 1000


@pytest.mark.parametrize("data", [b"", b"x", b"\x78\x9c"])
def test_damage_is_an_error(data):
    with pytest.raises(CodestreamError):
        masks.decode(data, (2, 3, 4))


def test_a_bomb_is_not_inflated():
    import zlib

    with pytest.raises(CodestreamError):
        masks.decode(zlib.compress(bytes(100_000_000)), (1, 8, 8))


def test_fill_changes_nothing_valid_and_stays_in_range():
    random = np.random.default_rng(1)
    samples = random.integers(100, 900, (4, 17, 23)).astype(np.uint16)
    valid = random.random(samples.shape) > 0.3
    valid[2] = False
    filled = masks.fill(samples, valid)
    assert (filled[valid] == samples[valid]).all()
    assert filled.min() >= 100
    assert filled.max() < 900
    assert np.array_equal(filled[2], filled[1])


@pytest.mark.parametrize("codec", ["jpeg2000", "pca_jpeg2000"])
def test_masked_samples_cost_next_to_nothing_and_bleed_nowhere(codec):
    """Half a scene nodata costs about half; and lossy quality beside the border is that of a scene without it."""
    case = next(c for c in gallery() if c.name == "realistic")
    scene = np.tile(case.samples.astype(np.int16), (1, 6, 6))
    half = scene.copy()
    half[:, :, : half.shape[2] // 2] = -9999
    whole_bytes = len(hypress.encode(scene, codec))
    half_bytes = len(hypress.encode(half, codec, nodata=-9999))
    assert half_bytes < 0.56 * whole_bytes

    goal = hypress.Psnr(db=45, peak=4000)
    valid = half != -9999
    decoded = hypress.decode(hypress.encode(half, codec, goal, nodata=-9999))
    assert ((decoded == -9999) == ~valid).all()
    border = np.zeros_like(valid)
    border[:, :, half.shape[2] // 2 : half.shape[2] // 2 + 4] = True
    error = np.square(decoded.astype(float) - half)
    assert error[border].mean() < 2.5 * error[valid & ~border].mean()
