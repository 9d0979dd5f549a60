"""CCSDS 122: the kernels equal the readable reference, bit for bit, and what is cut decodes to what is there."""

import numpy as np
import pytest

from hypress.ccsds122 import dwt, reference
from hypress.ccsds122.decoder import Stream, decode_segment
from hypress.ccsds122.encoder import code_segment
from hypress.ccsds122.header import Header, Known
from hypress.ccsds122.layout import bit_shifts
from hypress.ccsds122.parameters import WHOLE, Image, Limits, Options

ODD_WEIGHTS = (3, 0, 2, 1, 3, 0, 2, 0, 1, 3)
IMAGES = {
    "standard": Image(64, 20, signed=True),
    "float": Image(64, 20, signed=True, dwt="float"),
    "all_zero": Image(64, 20, signed=True, weights=(0,) * 10),
    "odd": Image(64, 20, signed=True, weights=ODD_WEIGHTS),
    "dc_heavy": Image(64, 20, signed=True, weights=(0,) * 9 + (3,)),
}


def smooth(rng, count):
    """As images have them: falling off from DC to grandchildren."""
    scale = np.repeat([900, 120, 40, 9], [1, 3, 12, 48]) * 2.0 ** rng.uniform(-2, 2, (count, 1))
    return np.rint(rng.laplace(0, 1, (count, 64)) * scale)


def sparse(rng, count):
    return np.where(rng.random((count, 64)) < 0.05, rng.integers(-300, 301, (count, 64)), 0)


def dense(rng, count):
    return rng.integers(-(1 << 9), 1 << 9, (count, 64))


def signs(rng, count):
    """BitDepthAC is 1 without weights."""
    return rng.integers(-1, 2, (count, 64))


def large(rng, count):
    """Of all bit-planes."""
    return rng.integers(-(1 << 27), 1 << 27, (count, 64)) >> rng.integers(0, 28, (count, 64))


def only_dc(rng, count):
    """BitDepthAC is 0, and DC coefficients have planes of their own."""
    blocks = np.zeros((count, 64))
    blocks[:, 0] = rng.integers(-(1 << 20), 1 << 20, count)
    return blocks


def nothing(rng, count):
    return np.zeros((count, 64))


def rich_dc(rng, count):
    """q exceeds BitDepthAC (4.3.3)."""
    blocks = sparse(rng, count) % 4
    blocks[:, 0] = rng.integers(0, 1 << 24, count)
    return blocks


KINDS = [smooth, sparse, dense, signs, large, only_dc, nothing, rich_dc]


def code(unweighted, image, options, limits=WHOLE):
    header = Header(True, True, 0, limits=limits, options=options, image=image)
    return code_segment(unweighted << bit_shifts(image.shifts), header, image, options, limits)


def read(data, coded, image, options, limits=WHOLE, partial=False):
    return decode_segment(Stream(data), 0, coded.header, image, Known(image, options, limits), partial=partial)


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_kernels_equal_the_reference(kind, image):
    rng = np.random.default_rng(len(kind.__name__))
    for count in (1, 2, 15, 16, 17, 33, 40):
        unweighted = kind(rng, count).astype(np.int64)
        options = Options(count, optimal_dc=bool(count % 2), optimal_ac=bool(count % 3))
        shifts = bit_shifts(image.shifts)
        coded = code(unweighted, image, options)
        bits = reference.encode((unweighted << shifts).tolist(), shifts.tolist(), options, WHOLE)
        assert "".join(f"{byte:08b}" for byte in coded.data)[: len(bits)] == bits
        assert len(coded.data) == -(-len(bits) // 8)
        segment = read(coded.write(), coded, image, options)
        assert segment.complete
        assert segment.size == coded.size
        np.testing.assert_array_equal(segment.coefficients, unweighted)


@pytest.mark.parametrize("stage", [1, 2, 3, 4])
@pytest.mark.parametrize("plane", [0, 2, 5, 20])
def test_stops_are_where_the_reference_has_them(plane, stage):
    unweighted = smooth(np.random.default_rng(plane), 35).astype(np.int64)
    image, options, limits = IMAGES["standard"], Options(35), Limits(plane_stop=plane, stage_stop=stage)
    shifts = bit_shifts(image.shifts)
    coded = code(unweighted, image, options, limits)
    bits = reference.encode((unweighted << shifts).tolist(), shifts.tolist(), options, limits)
    assert "".join(f"{byte:08b}" for byte in coded.data)[: len(bits)] == bits
    segment = read(coded.write(), coded, image, options, limits)
    assert segment.complete
    assert segment.size == coded.size
    whole = code(unweighted, image, options)
    assert whole.data.startswith(coded.data[:-1])
    # A coefficient lacks at most the planes below the last one, and where stage 4 is missing, one more.
    error = abs((segment.coefficients - unweighted) << shifts)[:, 1:]
    assert error.max() <= 1 << (plane + (stage < 4) + (stage < 3))


def test_dc_stop_leaves_the_ac_coefficients_out():
    unweighted = smooth(np.random.default_rng(1), 20).astype(np.int64)
    image, options, limits = IMAGES["standard"], Options(20), Limits(dc_stop=True)
    coded = code(unweighted, image, options, limits)
    segment = read(coded.write(), coded, image, options, limits)
    assert segment.complete
    assert not segment.coefficients[:, 1:].any()
    assert segment.coefficients[:, 0].any()


@pytest.mark.parametrize(
    "image", [IMAGES["standard"], IMAGES["float"], IMAGES["odd"]], ids=["standard", "float", "odd"]
)
def test_every_prefix_decodes_and_longer_ones_better(image):
    rng = np.random.default_rng(5)
    unweighted, options = smooth(rng, 40).astype(np.int64), Options(40)
    shifts = bit_shifts(image.shifts)
    coded = code(unweighted, image, options)
    whole = coded.write()
    errors, there = [], []
    for size in range(coded.header.size, len(whole) + 1):
        segment = read(whole[:size], coded, image, options, partial=True)
        assert segment.complete == (size == len(whole))
        filled = np.zeros((40, 64))
        filled[: len(segment.coefficients)] = segment.coefficients
        errors.append(float(np.sum(((filled - unweighted) * (1 << shifts)) ** 2.0)))
        there.append(len(segment.coefficients))
    assert errors[-1] == 0
    assert there == sorted(there)
    falls = np.diff(errors)
    assert (falls <= 0).mean() > 0.9
    assert falls.max(initial=0) < 0.02 * errors[0]


# --- wavelets ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(24, 24), (24, 40), (64, 32), (48, 72)])
def test_wavelets_equal_the_reference_and_are_undone(shape):
    rng = np.random.default_rng(shape[1])
    image = rng.integers(-(1 << 24), 1 << 24, shape)
    pyramid = dwt.forward(image)
    np.testing.assert_array_equal(pyramid, reference.transform(image, "integer"))
    np.testing.assert_array_equal(dwt.inverse(pyramid), image)
    pyramid = dwt.forward(image.astype(np.float64))
    assert abs(pyramid - reference.transform(image, "float")).max() <= 0.501
    np.testing.assert_allclose(dwt.inverse(pyramid), image, atol=0.01)  # the filters have twelve digits


def test_float_subbands_weigh_alike():
    """An error of one in a coefficient shows alike wherever it is: why one plane is cut across all subbands."""
    for row, column in ((3, 3), (3, 11), (11, 3), (6, 22), (12, 44), (44, 44)):
        pyramid = np.zeros((64, 64))
        pyramid[row, column] = 1.0
        assert 0.9 < np.sum(dwt.inverse(pyramid) ** 2) < 1.2
