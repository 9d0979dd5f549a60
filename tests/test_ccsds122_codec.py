"""The codec ccsds122: rates, spectral transforms, small images, bare streams."""

import numpy as np
import pytest

from hypress import ccsds122
from hypress.ccsds122 import spectral
from hypress.ccsds122.decoder import Stream, segments_of
from hypress.ccsds122.header import NOTHING
from hypress.codec import Spec
from hypress.codecs.ccsds122 import Ccsds122
from hypress.errors import CodestreamError, ConfigurationError, LimitError


def cube(bands, rows, columns, *, dtype="uint16", seed=0, noise=3.0):
    """Spectra that are alike but for strength and tilt, under smooth abundances, with noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns]
    wave = np.linspace(0, 1, bands)[:, None, None]
    field = 1.2 + np.sin(y / 9 + x / 14) + 0.4 * np.cos(x / 5) * wave
    samples = np.rint(20 + 600 * field * (1 + wave) + rng.normal(0, noise, (bands, rows, columns)))
    return (
        (samples - (1500 if np.dtype(dtype).kind == "i" else 0))
        .clip(*((-3000, 3000) if dtype == "int16" else (0, 8191)))
        .astype(dtype)
    )


def spec_of(samples, bits=None):
    return Spec(samples.shape, samples.dtype.name, bits or 8 * samples.dtype.itemsize)


def through(codec, samples, bits=None):
    spec = spec_of(samples, bits)
    streams = codec.encode(samples, spec)
    return codec.decode(streams, spec), sum(map(len, streams.values()))


def psnr(samples, decoded):
    return 10 * np.log10(float(samples.max()) ** 2 / np.mean((decoded - samples.astype(float)) ** 2))


@pytest.mark.parametrize("transform", ["none", "iwt", "pot"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 50), (7, 20, 17), (32, 24, 40)])
@pytest.mark.parametrize("dtype", ["uint16", "int16"])
def test_lossless(shape, transform, dtype):
    samples = cube(*shape, dtype=dtype)
    decoded, _ = through(Ccsds122(spectral=transform), samples, 14)
    assert decoded.dtype == samples.dtype
    np.testing.assert_array_equal(decoded, samples)


def test_spectral_transforms_pay():
    samples = cube(32, 48, 48)
    sizes = {t: through(Ccsds122(spectral=t), samples, 13)[1] for t in ("none", "iwt", "pot")}
    assert max(sizes["pot"], sizes["iwt"]) < 0.9 * sizes["none"]


def test_components_too_wide_for_the_standard_stay_bands():
    rng = np.random.default_rng(0)
    samples = rng.choice(np.array([0, (1 << 25) - 1], np.uint32), (8, 20, 20))
    for transform in ("iwt", "pot"):
        codec, spec = Ccsds122(spectral=transform), spec_of(samples, 25)
        streams = codec.encode(samples, spec)
        assert streams["spectral"] == b"\0"
        np.testing.assert_array_equal(codec.decode(streams, spec), samples)


@pytest.mark.parametrize("bands", [1, 2, 3, 5, 64, 71])
def test_spectral_transforms_are_undone(bands):
    samples = cube(bands, 9, 11, dtype="int16", seed=bands).astype(np.int64)
    np.testing.assert_array_equal(spectral.inverse_iwt(spectral.iwt(samples)), samples)
    components, side = spectral.pot(samples)
    np.testing.assert_array_equal(spectral.inverse_pot(components.copy(), side), samples)
    energy = np.sum((samples - samples.mean(axis=(1, 2), keepdims=True)) ** 2)
    assert np.sum(components.astype(float) ** 2) == pytest.approx(energy, rel=0.01)  # a rotation
    assert len(spectral.iwt_importance(bands)) == bands


@pytest.mark.parametrize("transform", ["none", "iwt", "pot"])
@pytest.mark.parametrize("dwt", ["integer", "float"])
def test_a_rate_is_met_from_below_and_more_is_better(dwt, transform):
    samples = cube(24, 50, 40)
    quality = []
    for rate in (0.1, 0.3, 1.0, 3.0):
        codec = Ccsds122(rate_bpppc=rate, spectral=transform, dwt=dwt)
        decoded, size = through(codec, samples, 13)
        budget = int(rate * samples.size / 8)
        assert size <= budget
        assert size >= budget - 4 or rate == 3.0
        quality.append(psnr(samples, decoded))
    assert quality == sorted(quality)
    assert quality[-1] > 50


def test_bytes_go_where_they_save_most():
    """Steps cost more than waves; to give every band the same is worse."""
    samples = cube(8, 64, 64)
    samples[3:] = 700 + (samples[3:] - 700) // 64
    codec = Ccsds122(rate_bpppc=1.0)
    data = codec.encode(samples, spec_of(samples, 13))["bitstream"]
    stream, known, at, sizes = Stream(data), NOTHING, 0, []
    for _ in samples:
        sizes.append(sum(segment.size for segment in segments_of(stream, known, at=at)))
        known, at = list(segments_of(stream, known, at=at))[-1].known, at + sizes[-1]
    assert min(sizes[3:]) > 3 * max(sizes[:3])
    even = Ccsds122(dwt="float", segment_bytes=samples.size // 64)
    assert psnr(samples, through(codec, samples, 13)[0]) > psnr(samples, through(even, samples, 13)[0]) + 1


def test_a_rate_too_small_for_the_headers_gives_the_least_there_is():
    samples = cube(6, 30, 30)
    decoded, size = through(Ccsds122(rate_bpppc=0.001), samples, 13)
    assert size <= 6 * 10 + 11
    assert decoded.shape == samples.shape


def test_enough_rate_and_the_integer_transform_is_lossless():
    samples = cube(6, 30, 30)
    decoded, size = through(Ccsds122(rate_bpppc=16.0, dwt="integer"), samples, 13)
    np.testing.assert_array_equal(decoded, samples)
    assert size < 1.1 * through(Ccsds122(), samples, 13)[1]


def test_promises():
    assert Ccsds122().max_error() == 0
    for lossy in (
        {"rate_bpppc": 1.0},
        {"dwt": "float"},
        {"plane_stop": 1},
        {"stage_stop": 2},
        {"dc_stop": True},
        {"segment_bytes": 400},
    ):
        codec = Ccsds122(**lossy)
        assert codec.max_error() is None
        assert codec.with_max_error(3).max_error() == 0
        assert codec.lossy().rate_bpppc == 1.0


def test_configurations_that_contradict_themselves_are_refused():
    for fields in (
        {"rate_bpppc": 1.0, "plane_stop": 2},
        {"segment_bytes": 101, "word_bytes": 2},
        {"weights": (1, 2)},
        {"fill": True},
    ):
        with pytest.raises(ConfigurationError):
            Ccsds122.configured(fields)


# --- bare streams -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {}, {"segment_blocks": 20, "optimal_dc": False, "optimal_ac": False}, {"transposed": True, "word_bytes": 4},
        {"weights": (0, 1, 1, 1, 2, 2, 2, 3, 3, 2)},
    ],
)  # fmt: skip
@pytest.mark.parametrize(("dtype", "bits"), [("uint16", 13), ("int16", 13), ("uint32", 20)])
def test_bare_streams_come_back(fields, dtype, bits):
    samples = cube(3, 40, 33, dtype=dtype)
    codec = Ccsds122(**fields)
    data = codec.to_standard(samples, spec_of(samples, bits))
    read = Ccsds122().from_standard(data)
    assert read.dtype == samples.dtype
    np.testing.assert_array_equal(read, samples)
    at = 0
    for band in samples:  # each image stands alone
        alone = ccsds122.decode(data, at=at)
        np.testing.assert_array_equal(alone.samples, band)
        at += alone.size


def test_bare_streams_at_a_rate_and_with_limits():
    samples = cube(4, 48, 64)
    at_rate = Ccsds122(rate_bpppc=1.0).to_standard(samples, spec_of(samples, 13))
    assert samples.size / 8 - 4 <= len(at_rate) <= samples.size / 8
    assert psnr(samples, Ccsds122().from_standard(at_rate)) > 40
    filled = Ccsds122(segment_bytes=400, fill=True, segment_blocks=16).to_standard(samples, spec_of(samples, 13))
    assert len(filled) == 4 * 3 * 400
    assert psnr(samples, Ccsds122().from_standard(filled)) > 35


def test_fields_say_what_a_header_leaves_out():
    samples = cube(1, 40, 33)
    codec = Ccsds122(segment_blocks=25)
    image, options, limits = codec.image((40, 33), 13, False), codec.options, codec.limits
    data = ccsds122.encode(samples[0], image, options, limits, ccsds122.Known(image, options, limits))
    with pytest.raises(CodestreamError, match="part 4"):
        Ccsds122().from_standard(data)
    reader = Ccsds122(segment_blocks=25, columns=33, bits=13)
    np.testing.assert_array_equal(reader.from_standard(data), samples)


def test_bare_streams_that_cannot_be():
    samples = cube(2, 40, 33)
    with pytest.raises(ConfigurationError, match="spectral"):
        Ccsds122(spectral="pot").to_standard(samples, spec_of(samples, 13))
    with pytest.raises(ConfigurationError, match="17"):
        Ccsds122().to_standard(samples[:, :16], spec_of(samples[:, :16], 13))
    data = Ccsds122().to_standard(samples, spec_of(samples, 13))
    for cut in (0, 1, 19, len(data) // 2, len(data) - 1):
        with pytest.raises(CodestreamError):
            Ccsds122().from_standard(data[:cut])
    other = Ccsds122().to_standard(samples[:, :, :32], spec_of(samples[:, :, :32], 13))
    with pytest.raises(CodestreamError, match="different size"):
        Ccsds122().from_standard(data + other)


def test_a_bare_stream_may_not_ask_for_more_than_allowed(monkeypatch):
    samples = cube(3, 40, 40)
    data = Ccsds122().to_standard(samples, spec_of(samples, 13))
    monkeypatch.setattr("hypress.codecs.ccsds122.MAX_DECODED", 4 * 2 * 1600)
    with pytest.raises(LimitError):
        Ccsds122().from_standard(data)
