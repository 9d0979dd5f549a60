"""What is special to the codecs `pca_jpeg2000` and `jpeg2000`: rates, promises, damage."""

import random
from itertools import product

import numpy as np
import pytest

from hypress.codec import Spec, find
from hypress.codecs.jpeg2000 import Jpeg2000
from hypress.codecs.pca_jpeg2000 import PcaJpeg2000
from hypress.errors import CodestreamError, ConfigurationError
from hypress.jpeg2000 import decode


def spec_of(samples):
    return Spec(samples.shape, str(samples.dtype), 8 * samples.dtype.itemsize)


def scene(dtype="uint16", shape=(20, 32, 40)):
    rng = np.random.default_rng(4)
    bands, rows, columns = shape
    y, x = np.mgrid[0:rows, 0:columns]
    planes = np.stack([np.sin(x / 8), np.cos(y / 5), np.sign(np.sin(x / 5) * np.cos(y / 9))])
    spectra = np.cumsum(rng.normal(0, 1, (bands, 3)), axis=0) * [400, 150, 60]
    clean = np.einsum("bk,kyx->byx", spectra, planes) + rng.normal(0, 3, shape)
    clean *= np.iinfo(dtype).max / 65535
    limits = np.iinfo(dtype)
    return np.clip(np.rint(clean + limits.max / 6), limits.min, limits.max).astype(dtype)


def size(streams):
    return sum(len(stream) for stream in streams.values())


def mse(one, other):
    return float(np.square(one.astype(np.float64) - other).mean())


@pytest.mark.parametrize("make", [PcaJpeg2000, Jpeg2000])
def test_rates_are_met_and_worth_it(make):
    samples, errors = scene(), []
    for rate in [0.25, 0.5, 1.0, 2.0]:
        codec = make(rate_bpppc=rate)
        streams = codec.encode(samples, spec_of(samples))
        budget = rate * samples.size / 8
        assert 0.985 * budget < size(streams) <= budget
        errors.append(mse(samples, codec.decode(streams, spec_of(samples))))
    assert errors == sorted(errors, reverse=True)


def test_what_the_parts_are_worth():
    samples = scene()
    spec = spec_of(samples)

    def error(codec):
        return mse(samples, codec.decode(codec.encode(samples, spec), spec))

    klt = PcaJpeg2000(rate_bpppc=0.4, sweeps=0, refits=0)
    assert error(klt) < error(Jpeg2000(rate_bpppc=0.4)) / 4
    assert error(PcaJpeg2000(rate_bpppc=0.4)) <= error(klt)


def test_high_rates_end_at_rounding():
    samples = scene(shape=(5, 16, 16))
    codec = PcaJpeg2000(rate_bpppc=14.0)
    decoded = codec.decode(codec.encode(samples, spec_of(samples)), spec_of(samples))
    assert np.abs(decoded.astype(int) - samples).max() <= 1


def nasty():
    rng = np.random.default_rng(9)
    for shape, dtype in product([(1, 1, 1), (1, 1, 7), (5, 1, 1), (3, 2, 5), (40, 9, 11)], ["uint8", "int16"]):
        limits = np.iinfo(dtype)
        spike = np.zeros(shape, dtype)
        spike.flat[-1], spike.flat[0] = limits.max, limits.min
        yield rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
        yield np.full(shape, limits.max, dtype)
        yield np.full(shape, limits.min, dtype)
        yield spike
        yield np.where(np.indices(shape).sum(axis=0) % 2, limits.max, limits.min).astype(dtype)


@pytest.mark.parametrize("dn", [0, 1, 5, 32767])
def test_promises_are_kept_on_nasty_arrays(dn):
    codec = PcaJpeg2000().with_max_error(dn)
    assert codec.max_error() == dn
    for samples in nasty():
        before = samples.copy()
        decoded = codec.decode(codec.encode(samples, spec_of(samples)), spec_of(samples))
        assert decoded.dtype == samples.dtype
        assert np.abs(decoded.astype(int) - samples).max() <= dn
        assert np.array_equal(samples, before)


def test_promises_cost_less_the_less_they_promise():
    samples = scene()
    sizes = [size(PcaJpeg2000(max_error_dn=dn).encode(samples, spec_of(samples))) for dn in (0, 2, 10)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] < 0.8 * size(Jpeg2000().encode(samples, spec_of(samples)))


@pytest.mark.parametrize("rate", [0.001, 0.2, 16.0])
def test_nasty_arrays_at_a_rate(rate):
    for samples in nasty():
        spec = spec_of(samples)
        for codec in [PcaJpeg2000(rate_bpppc=rate), Jpeg2000(rate_bpppc=rate)]:
            decoded = codec.decode(codec.encode(samples, spec), spec)
            assert decoded.shape == samples.shape


def test_a_budget_for_less_than_the_means_is_not_overdrawn_by_much():
    samples = scene()
    streams = PcaJpeg2000(rate_bpppc=0.001).encode(samples, spec_of(samples))
    assert size(streams) < 16
    assert streams["components"] == b""


def test_the_components_are_a_standard_codestream():
    samples = scene()
    codec = PcaJpeg2000(rate_bpppc=1.0)
    streams = codec.encode(samples, spec_of(samples))
    assert streams["components"].startswith(b"\xff\x4f\xff\x51")
    assert streams["components"].endswith(b"\xff\xd9")
    lossless = Jpeg2000().encode(samples, spec_of(samples))["codestream"]
    assert np.array_equal(decode(lossless, shape=samples.shape), samples)


def test_forms():
    assert Jpeg2000().max_error() == 0
    assert Jpeg2000(rate_bpppc=1.0).with_max_error(3) == Jpeg2000()
    assert Jpeg2000().lossy().max_error() is None
    assert PcaJpeg2000(max_error_dn=2).lossy().max_error() is None
    for make in [PcaJpeg2000, Jpeg2000]:
        assert find(make.name) is make
        with pytest.raises(ConfigurationError, match="power of two"):
            make.configured({"code_block": 48})
        with pytest.raises(ConfigurationError):
            make.configured({"rate_bpppc": 0.0})


@pytest.mark.parametrize("codec", [*PcaJpeg2000.examples(), *Jpeg2000.examples()], ids=str)
def test_damage_raises_codestream_error_or_decodes(codec):
    samples = scene(shape=(6, 37, 41))
    spec = spec_of(samples)
    streams = dict(codec.encode(samples, spec))
    rng = random.Random(2)
    for trial in range(150):
        name = rng.choice(sorted(streams))
        damaged = bytearray(streams[name])
        if trial % 3 == 0:
            damaged = damaged[: rng.randrange(len(damaged) + 1)]
        else:
            for _ in range(rng.randrange(1, 4)):
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        try:
            decoded = codec.decode({**streams, name: bytes(damaged)}, spec)
        except CodestreamError:
            continue
        assert (decoded.shape, decoded.dtype) == (samples.shape, samples.dtype)
    with pytest.raises(CodestreamError, match="stream"):
        codec.decode({"other": b""}, spec)
