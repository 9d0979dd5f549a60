"""Labels come back exactly, cost little, and what fills their places does not disturb the rest."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp
from scipy import ndimage

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
@pytest.mark.parametrize("goal", [hypress.Lossless(), hypress.Psnr(db=45, peak=4000)], ids=str)
def test_masked_samples_cost_next_to_nothing(codec, goal):
    """An edge costs by its length; the area behind it is nearly free: below 0.05 bits a masked sample."""
    inner = realistic()
    bands, rows, columns = inner.shape
    sizes, samples = [], []
    for frame in (150, 300):
        framed = np.full((bands, rows + frame, columns + frame), -9999, np.int16)
        framed[:, :rows, :columns] = inner
        sizes.append(8 * len(hypress.encode(framed, codec, goal, nodata=-9999)))
        samples.append(framed.size)
    assert sizes[1] - sizes[0] < 0.05 * (samples[1] - samples[0])


@pytest.mark.parametrize("codec", ["jpeg2000", "pca_jpeg2000"])
def test_masked_samples_bleed_nowhere(codec):
    """Beside a border of nodata, and around dead pixels, the error is what it is elsewhere."""
    scene = realistic()
    scene[:, :, : scene.shape[2] // 2] = -9999
    scene[:, 40, 150] = scene[3, 70:73, :] = -9999
    valid = scene != -9999
    decoded = hypress.decode(hypress.encode(scene, codec, hypress.Psnr(db=45, peak=4000), nodata=-9999))
    assert ((decoded == -9999) == ~valid).all()
    beside = valid & np.stack([ndimage.binary_dilation(~v, iterations=3) for v in valid])
    error = np.square(decoded.astype(float) - scene)
    assert error[beside].mean() < 1.5 * error[valid & ~beside].mean()


def realistic():
    """A scene `(12, 126, 216)` of int16, smooth with noise."""
    case = next(c for c in gallery() if c.name == "realistic")
    tiled = np.tile(case.samples.astype(np.int16), (1, 3, 6))
    return np.concatenate([tiled, tiled[:, ::-1]], axis=1)[:, :, ::-1].copy().repeat(2, axis=2)
