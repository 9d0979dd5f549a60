"""What is special to the codecs `spiht3d` and `speck3d`: every prefix, lossy to lossless, any size."""

import itertools

import numpy as np
import pytest

import hypress
from hypress.bitplane import coefficients
from hypress.bitplane.coefficients import analyse
from hypress.codec import Spec
from hypress.codecs.jpeg2000 import Jpeg2000
from hypress.codecs.speck3d import Speck3d
from hypress.codecs.spiht3d import Spiht3d
from hypress.errors import CodestreamError, ConfigurationError
from hypress.transforms import dwt, dwt3d
from hypress.transforms.dwt3d import Levels

BOTH = pytest.mark.parametrize("make", [Spiht3d, Speck3d])


def spec_of(samples, bits=None):
    return Spec(samples.shape, str(samples.dtype), bits or 8 * samples.dtype.itemsize)


def scene(shape=(24, 30, 37), seed=0):
    rng = np.random.default_rng(seed)
    bands, rows, columns = shape
    y, x = np.mgrid[0:rows, 0:columns]
    planes = np.stack([np.sin(x / 8), np.cos(y / 5), np.sign(np.sin(x / 5) * np.cos(y / 9))])
    spectra = np.cumsum(rng.normal(0, 1, (bands, 3)), axis=0) * [400, 150, 60]
    clean = np.einsum("bk,kyx->byx", spectra, planes) + rng.normal(0, 3, shape)
    return np.clip(np.rint(clean + 9000), 0, 2**16 - 1).astype(np.uint16)


def mse(one, other):
    return float(np.square(one.astype(np.float64) - other).mean())


def size(streams):
    return sum(len(stream) for stream in streams.values())


@BOTH
@pytest.mark.parametrize("arithmetic", [True, False])
def test_lossless_whatever_the_size_and_type(make, arithmetic):
    rng = np.random.default_rng(1)
    shapes = [(1, 1, 1), (1, 9, 14), (11, 1, 1), (7, 1, 12), (7, 12, 1), (2, 3, 2), (5, 8, 21), (31, 5, 6)]
    kinds = [("uint8", 0, 255), ("uint16", 0, 65535), ("int16", -32768, 32767), ("int8", -128, 127)]
    for shape, (dtype, low, high) in itertools.product(shapes, kinds):
        for samples in (
            rng.integers(low, high + 1, shape).astype(dtype),
            rng.choice(np.array([low, high], dtype), shape),
            np.full(shape, low, dtype),
        ):
            codec = make(arithmetic=arithmetic)
            decoded = codec.decode(codec.encode(samples, spec_of(samples)), spec_of(samples))
            assert decoded.dtype == samples.dtype
            np.testing.assert_array_equal(decoded, samples)


@pytest.mark.parametrize("levels", [Levels(8, 8), Levels(1, 1), Levels(0, 8), Levels(6, 3)])
@pytest.mark.parametrize("largest", ["low", "high"])
def test_the_worst_cube_fits_into_the_planes(levels, largest):
    # It is the product of three worst lines: the signs of the analysis function of largest L1 norm, low or any.
    sizes, lines = (40, 256, 65), []
    for size, splits in zip(sizes, (levels.spectral, levels.spatial, levels.spatial), strict=True):
        impulses = (np.eye(size, dtype=np.int32) << 16).reshape(size, size, 1)
        analysis = dwt3d.forward(impulses, Levels(splits, 0), reversible=True)[:, :, 0]
        rows = analysis if largest == "high" else analysis[: dwt.low_size(size, splits)]
        lines.append(rows[np.abs(rows).sum(axis=1).argmax()] < 0)
    negative = lines[0][:, None, None] ^ lines[1][:, None] ^ lines[2]
    for samples in (np.where(negative, 0, 65535), np.where(negative, -32768, 32767)):
        plain = dwt3d.forward(samples.astype(np.int32), levels, reversible=True)
        scaled = analyse(samples, 16, levels, reversible=True)
        for band, shift in coefficients._shifts(sizes, 16, levels):
            np.testing.assert_array_equal(scaled[band.where], plain[band.where].astype(np.int64) << shift)
        real = dwt3d.forward(samples.astype(np.float64), levels, reversible=False)
        scaled = analyse(samples, 16, levels, reversible=False)
        for band, factor in coefficients._factors(sizes, 16, levels):
            tolerance = 1 + 1e-6 * 2**31  # of single precision
            np.testing.assert_allclose(scaled[band.where], real[band.where] * factor, atol=tolerance)


@BOTH
@pytest.mark.parametrize("wavelet", ["5/3", "9/7"])
@pytest.mark.parametrize("arithmetic", [True, False])
def test_a_longer_prefix_is_a_better_scene(make, wavelet, arithmetic):
    samples = scene()
    codec = make(wavelet=wavelet, arithmetic=arithmetic)
    streams = codec.encode(samples, spec_of(samples))
    whole = streams["planes"]
    errors = []
    for eighths in range(8 * 6, 8 * len(whole).bit_length()):  # before, it hangs on single coefficients
        cut = streams | {"planes": whole[: int(2 ** (eighths / 8))]}
        errors.append(mse(codec.decode(cut, spec_of(samples)), samples))
    assert all(later <= 1.001 * earlier for earlier, later in itertools.pairwise(errors))
    assert all(later < 0.8 * earlier for earlier, later in zip(errors[:-16], errors[16:], strict=True) if earlier > 1)
    assert errors[-1] == 0 if wavelet == "5/3" else errors[-1] < 0.12  # rounding to integers alone is 0.083


@BOTH
@pytest.mark.parametrize("arithmetic", [True, False])
def test_every_prefix_decodes(make, arithmetic):
    samples = scene((5, 9, 7))
    for codec in (make(arithmetic=arithmetic), make(wavelet="9/7", arithmetic=arithmetic)):
        streams = codec.encode(samples, spec_of(samples))
        errors = [
            mse(codec.decode(streams | {"planes": streams["planes"][:n]}, spec_of(samples)), samples)
            for n in range(len(streams["planes"]) + 1)
        ]
        assert errors[0] == mse(np.zeros(1), samples)
        assert max(errors) <= errors[0]
        assert errors[-1] < 0.2


@BOTH
@pytest.mark.parametrize("wavelet", ["5/3", "9/7"])
def test_a_rate_is_kept_and_costs_no_more_than_cutting(make, wavelet):
    samples = scene()
    whole = make(wavelet=wavelet).encode(samples, spec_of(samples))
    for rate in (0.001, 0.05, 0.3, 1.0):
        codec = make(wavelet=wavelet, rate_bpppc=rate)
        streams = codec.encode(samples, spec_of(samples))
        assert size(streams) <= max(1, rate * samples.size / 8)
        assert size(streams) >= rate * samples.size / 8 - 2
        cut = whole | {"planes": whole["planes"][: len(streams["planes"])]}
        error = mse(codec.decode(streams, spec_of(samples)), samples)
        assert error == pytest.approx(mse(codec.decode(cut, spec_of(samples)), samples), rel=0.02)


@BOTH
def test_the_recipe_follows_its_wavelet(make):
    assert (make().max_error(), make().reversible) == (0, True)
    assert (make(rate_bpppc=1.0).max_error(), make(rate_bpppc=1.0).reversible) == (None, False)
    assert make(wavelet="9/7").max_error() is None
    assert make(wavelet="5/3", rate_bpppc=1.0).reversible
    assert make(wavelet="9/7", rate_bpppc=0.2).with_max_error(2) == make()
    assert make(rate_bpppc=0.2, arithmetic=False).with_max_error(0) == make(arithmetic=False)
    assert make(wavelet="5/3").lossy() == make(wavelet="5/3", rate_bpppc=1.0)
    assert make(rate_bpppc=0.2).lossy().rate_bpppc == 0.2
    with pytest.raises(ConfigurationError, match="wavelet"):
        make.configured({"wavelet": "haar"})
    with pytest.raises(ConfigurationError, match="spatial_levels"):
        make.configured({"spatial_levels": 9})


@BOTH
def test_streams_that_cannot_be_are_refused(make):
    samples = scene((3, 8, 8))
    streams = make().encode(samples, spec_of(samples))
    for bad in (
        {"planes": streams["planes"]},
        streams | {"more": b""},
        streams | {"head": b""},
        streams | {"head": b"\x20"},
        streams | {"head": streams["head"] * 2},
    ):
        with pytest.raises(CodestreamError, match="head"):
            make().decode(bad, spec_of(samples))


def test_on_jasper_ridge_they_are_near_each_other_and_far_above_jpeg2000(jasper_ridge):
    samples = np.asarray(hypress.open_scene(jasper_ridge).values)
    spec = spec_of(samples, bits=13)
    errors = {}
    for codec in (Jpeg2000(rate_bpppc=0.1), Spiht3d(rate_bpppc=0.1), Speck3d(rate_bpppc=0.1)):
        streams = codec.encode(samples, spec)
        assert 8 * size(streams) <= 0.1 * samples.size
        errors[codec.name] = 10 * np.log10(mse(codec.decode(streams, spec), samples))
    assert abs(errors["spiht3d"] - errors["speck3d"]) < 0.3
    assert max(errors["spiht3d"], errors["speck3d"]) < errors["jpeg2000"] - 6
