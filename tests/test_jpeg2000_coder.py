"""Our JPEG 2000 against itself and against OpenJPEG, which GDAL brings along."""

import warnings

import numpy as np
import pytest
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from hypress import jpeg2000
from hypress.errors import CodestreamError, ConfigurationError
from hypress.jpeg2000 import tagtree

SHAPES = [(1, 1, 1), (1, 1, 9), (2, 33, 1), (3, 65, 130), (5, 17, 31), (1, 200, 141)]


def openjpeg_decode(stream):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with MemoryFile(stream, ext=".j2k") as file, file.open() as dataset:
            return dataset.read()


def openjpeg_encode(image, **options):
    count, height, width = image.shape
    options = {"CODEC": "J2K", "PRECINCTS": "", "YCC": "NO", "RESOLUTIONS": "6"} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with MemoryFile(ext=".j2k") as file:
            with file.open(
                driver="JP2OpenJPEG", count=count, height=height, width=width, dtype=image.dtype, **options
            ) as dataset:
                dataset.write(image)
            return file.read()


def smooth_plus_noise(shape, low, high, noise=0.02, seed=0):
    """Components of falling strength, as a spectrum has them; the noise is the same in all."""
    count, height, width = shape
    y, x = np.mgrid[:height, :width]
    strength = 0.35 / np.arange(1, count + 1)[:, None, None] ** 0.5
    waves = strength * (np.sin(y / 9 + x / 31) + np.cos(x / 7))
    waves += np.random.default_rng(seed).normal(0, noise, shape)
    return np.clip((high + low) / 2 + waves * (high - low) / 2, low, high)


def integers(shape, dtype, bits=None, **keywords):
    bits = bits or np.dtype(dtype).itemsize * 8
    low = -(1 << (bits - 1)) if np.dtype(dtype).kind == "i" else 0
    return np.round(smooth_plus_noise(shape, low, low + (1 << bits) - 1, **keywords)).astype(dtype)


def psnr(image, decoded, peak):
    return 10 * np.log10(peak**2 / np.mean((np.asarray(image, float) - decoded) ** 2))


# --- reversible -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "bits"), [("uint8", 8), ("uint16", 12), ("int16", 16), ("uint16", 16)])
def test_lossless_here_and_there(shape, dtype, bits):
    image = integers(shape, dtype, bits)
    ours = jpeg2000.encode(image, bits=bits, reversible=True)
    decoded = jpeg2000.decode(ours, shape=shape)
    assert decoded.dtype == np.int32
    np.testing.assert_array_equal(decoded, image)
    np.testing.assert_array_equal(openjpeg_decode(ours), image)
    theirs = openjpeg_encode(image, REVERSIBLE="YES", QUALITY="100", NBITS=str(bits))
    np.testing.assert_array_equal(jpeg2000.decode(theirs, shape=shape), image)
    assert len(ours) <= len(theirs)


@pytest.mark.parametrize("bits", [1, 2, 20, 24, 26])
def test_any_precision_up_to_26_bits(bits):
    rng = np.random.default_rng(bits)
    top = 1 << (bits - 1)
    image = rng.choice([-top, top - 1], (2, 40, 30)).astype(np.int32)  # the worst that can happen
    stream = jpeg2000.encode(image, reversible=True)
    np.testing.assert_array_equal(jpeg2000.decode(stream, shape=image.shape), image)
    unsigned = (image + top).astype(np.uint32)
    stream = jpeg2000.encode(unsigned, bits=bits, reversible=True)
    np.testing.assert_array_equal(jpeg2000.decode(stream, shape=image.shape), unsigned)


@pytest.mark.parametrize("code_block", [4, 16, 32])
@pytest.mark.parametrize("levels", [0, 1, 7])
def test_other_block_sizes_and_levels(code_block, levels):
    image = integers((2, 70, 50), "int16")
    stream = jpeg2000.encode(image, reversible=True, levels=levels, code_block=code_block)
    np.testing.assert_array_equal(jpeg2000.decode(stream, shape=image.shape), image)
    np.testing.assert_array_equal(openjpeg_decode(stream), image)


def test_a_constant_image_costs_its_headers():
    image = np.full((3, 40, 40), 7, np.uint8)
    stream = jpeg2000.encode(image, reversible=True)
    assert len(stream) < 150
    np.testing.assert_array_equal(jpeg2000.decode(stream, shape=image.shape), image)
    zero = jpeg2000.encode(np.zeros((3, 40, 40), np.int16), reversible=False)
    assert not jpeg2000.decode(zero, shape=image.shape).any()


def test_truncated_reversible_streams_decode_alike():
    image = integers((3, 80, 70), "int16")
    coded = jpeg2000.code_blocks(image, reversible=True)
    for share in (0.05, 0.2, 0.5, 0.9):
        stream = coded.cut(max_bytes=int(share * coded.full.size))
        np.testing.assert_array_equal(jpeg2000.decode(stream, shape=image.shape), openjpeg_decode(stream))


# --- irreversible -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16"])
def test_irreversible_here_and_there(shape, dtype):
    image = integers(shape, dtype)
    limits = np.iinfo(dtype)
    near = 1 if limits.bits == 8 else 2  # OpenJPEG's K is good to four digits
    coded = jpeg2000.code_blocks(image, bits=limits.bits, reversible=False, step=0.5)
    for stream in (coded.cut(), coded.cut(max_bytes=max(coded.full.size // 3, 140))):
        decoded = jpeg2000.decode(stream, shape=shape)
        there = openjpeg_decode(stream).astype(float)  # in single precision, rounded, clipped
        assert abs(np.clip(np.round(decoded), limits.min, limits.max) - there).max() <= near
    decoded = jpeg2000.decode(coded.cut(), shape=shape)
    assert np.mean((decoded - image) ** 2) < 0.5**2 / 3.9
    if dtype != "uint16":  # whose values wrap around in the writer
        theirs = openjpeg_encode(image, REVERSIBLE="NO", QUALITY="30")
        there = openjpeg_decode(theirs)
        here = jpeg2000.decode(theirs, shape=shape)
        assert abs(np.clip(np.round(here), limits.min, limits.max) - there).max() <= near


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_real_components_of_any_scale(scale):
    image = smooth_plus_noise((4, 50, 60), -scale, scale)
    stream = jpeg2000.encode(image, reversible=False, step=scale / 1000)
    decoded = jpeg2000.decode(stream, shape=image.shape)
    assert decoded.dtype == np.float64
    assert np.sqrt(np.mean((decoded - image) ** 2)) < scale / 1000 / 3


def test_the_expected_error_is_the_error():
    image = smooth_plus_noise((4, 100, 90), -3000, 3000)
    coded = jpeg2000.code_blocks(image, reversible=False, step=4.0)
    for share in (0.03, 0.1, 0.3, 0.6, 1.0):
        chosen = coded.choose(max_bytes=int(share * coded.full.size))
        decoded = jpeg2000.decode(coded.write(chosen), shape=image.shape)
        assert np.sum((decoded - image) ** 2) == pytest.approx(chosen.squared_error, rel=0.1)


# --- rate -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reversible", [True, False])
def test_budgets_are_met_from_below(reversible):
    image = integers((6, 90, 110), "int16")
    coded = jpeg2000.code_blocks(image, reversible=reversible)
    errors = []
    for budget in (*range(2000, 60_000, 3701), 10**7):
        stream = coded.cut(max_bytes=budget)
        assert min(0.99 * budget, coded.full.size) <= len(stream) <= budget
        assert len(stream) == coded.choose(max_bytes=budget).size
        errors.append(coded.distortion(max_bytes=budget))
    assert errors == sorted(errors, reverse=True)


def test_a_budget_below_the_headers_is_refused():
    coded = jpeg2000.code_blocks(integers((6, 20, 20), "int16"), reversible=True)
    least = coded.choose(slope=1e299).size
    assert len(coded.cut(max_bytes=least)) == least
    with pytest.raises(ConfigurationError, match=f"take {least}"):
        coded.cut(max_bytes=least - 1)
    with pytest.raises(ConfigurationError, match="one of"):
        coded.cut(max_bytes=1000, slope=1.0)


def test_error_targets_are_met_with_few_bytes():
    image = smooth_plus_noise((4, 100, 90), -3000, 3000)
    coded = jpeg2000.code_blocks(image, reversible=False)
    for mse in (0.5, 10.0, 300.0):
        chosen = coded.choose(max_squared_error=mse * image.size)
        assert 0.9 * mse * image.size < chosen.squared_error <= mse * image.size
        assert coded.distortion(max_bytes=int(0.96 * chosen.size)) > mse * image.size
        stream = jpeg2000.encode(image, reversible=False, max_mse=mse)
        assert np.mean((jpeg2000.decode(stream, shape=image.shape) - image) ** 2) < 1.05 * mse
    assert coded.cut(max_squared_error=0.0) == coded.cut()
    assert len(coded.cut(max_squared_error=1e12)) < 200


def test_trailing_components_can_be_left_off():
    image = smooth_plus_noise((9, 60, 50), -3000, 3000)
    image[4:] *= 1e-3
    coded = jpeg2000.code_blocks(image, reversible=False)
    chosen = coded.choose(max_bytes=3000)
    assert chosen.leading == 4
    fewer = coded.leading(chosen.leading)
    again = fewer.choose(max_bytes=3000)
    assert again.squared_error + np.sum(image[4:] ** 2) < chosen.squared_error
    decoded = jpeg2000.decode(fewer.write(again), shape=(4, 60, 50))
    np.testing.assert_allclose(np.sum((decoded - image[:4]) ** 2), again.squared_error, rtol=0.1)
    assert jpeg2000.decode(fewer.cut(), shape=(4, 60, 50)).shape == (4, 60, 50)
    np.testing.assert_array_equal(
        jpeg2000.decode(coded.cut(), shape=image.shape)[:4], jpeg2000.decode(fewer.cut(), shape=(4, 60, 50))
    )
    assert coded.choose(slope=1e299).leading == 0
    with pytest.raises(ConfigurationError):
        coded.leading(0)


def test_slopes_order_the_cuts():
    coded = jpeg2000.code_blocks(smooth_plus_noise((3, 64, 64), -3000, 3000), reversible=False)
    sizes = [len(coded.cut(slope=slope)) for slope in (0.0, 1.0, 1e2, 1e4, 1e7)]
    assert sizes == sorted(sizes, reverse=True)
    chosen = coded.choose(max_bytes=4000)
    assert coded.choose(slope=chosen.slope).size <= 4000


def test_at_least_as_good_as_openjpeg():
    image = integers((16, 128, 128), "int16", bits=14, noise=0.004)
    for quality in ("3", "10"):
        theirs = openjpeg_encode(image, REVERSIBLE="NO", QUALITY=quality)
        ours = jpeg2000.encode(image, reversible=False, max_bytes=len(theirs))
        there = psnr(image, openjpeg_decode(theirs).astype(float), 1 << 14)
        here = psnr(image, np.round(jpeg2000.decode(ours, shape=image.shape)), 1 << 14)
        assert here > there - 0.1


def test_many_components():
    image = integers((3000, 4, 5), "int16", bits=12)
    stream = jpeg2000.encode(image, reversible=True)
    np.testing.assert_array_equal(jpeg2000.decode(stream, shape=image.shape), image)


# --- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"components": np.zeros((4, 4), np.int32)},
        {"components": np.zeros((1, 0, 4), np.int32)},
        {"components": np.zeros((1, 4, 4)), "reversible": True},
        {"components": np.full((1, 4, 4), np.nan)},
        {"components": np.zeros((1, 1, 40000), np.uint8)},
        {"components": np.zeros((16385, 1, 1), np.uint8)},
        {"components": np.full((1, 4, 4), 256), "bits": 8},
        {"components": np.full((1, 4, 4), -1), "signed": False},
        {"components": np.full((1, 4, 4), 1 << 26), "reversible": True},
        {"components": np.full((1, 4, 4), 1000.0), "step": 1e-9},
        {"components": np.full((1, 4, 4), 1e-6), "step": 1e-10},
        {"components": np.full((1, 4, 4), 1e30)},
        {"step": 1e-320},
        {"step": 0.0},
        {"step": float("nan")},
        {"bits": 0},
        {"levels": 16},
        {"code_block": 128},
    ],
)
def test_what_cannot_be_coded_is_refused(wrong):
    with pytest.raises(ConfigurationError):
        jpeg2000.encode(**{"components": np.ones((1, 4, 4), np.int32), "reversible": False} | wrong)


def test_another_shape_is_refused():
    stream = jpeg2000.encode(integers((2, 20, 30), "uint8"), reversible=True)
    with pytest.raises(CodestreamError, match="holds an array of"):
        jpeg2000.decode(stream, shape=(2, 30, 20))


def test_what_openjpeg_can_do_and_we_cannot_is_refused():
    image = integers((3, 40, 40), "uint8")
    for options in ({"PROGRESSION": "CPRL"}, {"PRECINCTS": "{32,32}"}, {"YCC": "YES"}, {"QUALITY": "5,20"}):
        with pytest.raises(CodestreamError, match="supported"):
            jpeg2000.decode(openjpeg_encode(image, **options), shape=image.shape)


@pytest.mark.parametrize("reversible", [True, False])
def test_damage_raises_or_gives_an_array(reversible):
    rng = np.random.default_rng(7)
    image = integers((3, 40, 70), "int16")
    sound = jpeg2000.encode(image, reversible=reversible, max_bytes=4000, code_block=16)
    for trial in range(400):
        damaged = bytearray(sound)
        for _ in range(int(rng.integers(1, 4))):
            # Half of the blows fall on the headers.
            at = int(rng.integers(0, len(sound) if trial % 2 else 140))
            damaged[at] = int(rng.choice([0, 0xFF, rng.integers(256)]))
        if trial % 5 == 0:
            damaged = damaged[: int(rng.integers(0, len(sound)))]
        try:
            decoded = jpeg2000.decode(bytes(damaged), shape=image.shape)
        except CodestreamError:
            continue
        assert decoded.shape == image.shape


@pytest.mark.parametrize("reversible", [True, False])
def test_no_header_byte_is_believed(reversible):
    sound = jpeg2000.encode(integers((1, 24, 20), "uint8"), reversible=reversible, levels=2)
    start = sound.index(b"\xff\x93") + 2
    for at in range(start + 8):
        for value in (0, 1, 2, 5, 32, 63, 127, 128, 160, 165, 200, 255):
            damaged = sound[:at] + bytes((value,)) + sound[at + 1 :]
            try:
                assert jpeg2000.decode(damaged, shape=(1, 24, 20)).shape == (1, 24, 20)
            except CodestreamError:
                continue


def test_every_truncation_is_noticed():
    stream = jpeg2000.encode(integers((2, 16, 16), "uint8"), reversible=True)
    for length in range(len(stream)):
        with pytest.raises(CodestreamError):
            jpeg2000.decode(stream[:length], shape=(2, 16, 16))
    with pytest.raises(CodestreamError):
        jpeg2000.decode(stream + b"\0", shape=(2, 16, 16))


def test_tag_tree_parents():
    # Figure B.13: 6 × 3 leaves, 3 × 2, 2 × 1, the root.
    parents = tagtree.parents(6, 3)
    assert len(parents) == 18 + 6 + 2 + 1
    assert parents[0] == parents[1] == parents[6] == 18
    assert parents[17] == 23
    assert parents[18] == parents[22] == 24
    assert parents[26] == 26
