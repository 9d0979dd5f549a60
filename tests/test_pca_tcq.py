"""Trellis-coded quantisation, the coder across components, the axes, and the codec that is made of them."""

import itertools
import math
import struct

import numpy as np
import pytest

import hypress
from hypress.codec import Spec, find
from hypress.entropy.rangecoder import Context, Encoder, finish_encoder, start_encoder
from hypress.errors import CodestreamError
from hypress.metrics import Tally
from hypress.tcq import coder, stream, trellis
from hypress.tcq.axes import cheapest_axes, turn_planes
from hypress.tcq.classes import CLASSES, INDICES, MOST_EXPECTED, class_of, octaves
from hypress.tcq.reference import octaves_reference, questions_reference
from hypress.tcq.subbands import TWO_LANES, Layout
from hypress.transforms.allocation import Spectrum, plan
from hypress.transforms.rotation import cheapest_rotation

ALONE = np.zeros((0, 1, 1), np.int32)


# --- the trellis -----------------------------------------------------------------------------------


def test_each_state_is_reached_from_two_others():
    assert np.array_equal(np.bincount(trellis.NEXT.ravel()), np.full(trellis.STATES, 2))
    # Paths that part stay apart for three places: the length of the code.
    for start, first in itertools.product(range(trellis.STATES), range(2)):
        one, two = {trellis.NEXT[start, first]}, {trellis.NEXT[start, 1 - first]}
        for _ in range(trellis._MEMORY - 1):
            assert not one & two
            one, two = ({trellis.NEXT[s, p] for s in states for p in range(2)} for states in (one, two))


def flat_costs():
    return np.zeros((2, CLASSES, INDICES), np.float32)


def test_it_gains_what_is_known_of_eight_states():
    # A uniform source: Marcellin and Fischer (1990) give 1.1 dB over the uniform quantiser of the same rate.
    values = np.random.default_rng(0).uniform(-300, 300, (1, 200, 200)).astype(np.float32)
    indices = trellis.quantise(values, np.zeros(values.shape, np.int32), flat_costs(), 1.0, 0.0, 1.0)
    error = np.square(values - trellis.reconstruct(indices)).mean()
    assert 1.0 < 10 * math.log10(4 / 12 / error) < 1.2  # indices step by two


@pytest.mark.parametrize("weight", [0.0, 0.3])
def test_the_trellis_is_its_reference(weight):
    random = np.random.default_rng(1)
    values = random.laplace(0, 6, (2, 5, 9)).astype(np.float32)
    expectations = random.integers(0, 300, values.shape).astype(np.int32) // 2
    costs = coder.costs_of(coder.first_contexts())
    ours = trellis.quantise(values, 2 * expectations, costs, 1.0, weight, 0.5)
    longer = np.concatenate([costs, costs[..., -1:] + np.arange(1, 40) * (costs[..., -1:] - costs[..., -2:-1])], axis=2)
    longer[..., 1:] += 1  # the sign
    for plane, expected, path in zip(values, expectations, ours, strict=True):
        theirs = trellis.quantise_reference(
            plane.ravel().tolist(), [longer[:, octaves(e)] for e in expected.ravel().tolist()], weight
        )
        assert path.ravel().tolist() == theirs
    lattice = trellis.reconstruct(ours)
    assert [lattice[c].ravel().tolist() for c in range(2)] == [
        trellis.reconstruct_reference(path.ravel().tolist()) for path in ours
    ]


def test_a_dear_bit_makes_small_indices():
    values = np.random.default_rng(2).laplace(0, 2, (1, 30, 30)).astype(np.float32)
    expectations = np.full(values.shape, 64, np.int32)
    costs = coder.costs_of(coder.first_contexts())
    sizes = [np.abs(trellis.quantise(values, expectations, costs, 1.0, w, 1.0)).sum() for w in (0.0, 0.3, 3.0, 300.0)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 0 < sizes[-2]


# --- the coder -------------------------------------------------------------------------------------


def test_octaves():
    values = [*range(5000), 2**20 - 1, 2**20, MOST_EXPECTED]
    assert [octaves(v) for v in values] == [octaves_reference(v) for v in values]
    assert all(0 <= class_of(v)[0] < CLASSES for v in values)
    for value in (300, 5000, 2**20):
        _, shift = class_of(value)
        assert 5 <= value / 16 / 2**shift <= 12


def one_band(indices, siblings):
    states, state, out = coder.first_contexts(), start_encoder(), np.zeros(1 << 16, np.uint8)
    lattice, expected = np.zeros_like(indices), np.zeros(indices.shape, np.int32)
    coder.code_band(indices, siblings, coder.ENCODE, out, states, state, lattice, expected)
    return out[: finish_encoder(state, out)].tobytes(), lattice, expected, states


@pytest.mark.parametrize("shape", [(4, 7, 9), (3, 4, 1), (2, 1, 5), (2, 1, 1)], ids=str)
@pytest.mark.parametrize("scale", [0.5, 8, 3000])
@pytest.mark.parametrize("siblings", [True, False])
def test_the_coder_is_its_reference(shape, scale, siblings):
    random = np.random.default_rng(3)
    indices = np.rint(random.laplace(0, scale, shape)).astype(np.int32)
    known = random.integers(0, 9, shape).astype(np.int32) if siblings else ALONE
    first, contexts, theirs = coder.first_contexts(), {}, Encoder()
    for at, value, bits in questions_reference(indices, known):
        if at is None:
            theirs.raw(value, bits)
            continue
        if at not in contexts:
            contexts[at] = Context()
            contexts[at].chance, contexts[at].count = first[at].tolist()
        theirs.bit(value, contexts[at], coder.LIMIT)
    data, lattice, *_ = one_band(indices, known)
    assert data == theirs.finish()
    assert np.array_equal(lattice, np.abs(trellis.reconstruct(indices)))


def test_looking_expects_what_coding_expects():
    indices = np.rint(np.random.default_rng(4).laplace(0, 3, (3, 8, 8))).astype(np.int32)
    *_, coded, _ = one_band(indices, ALONE)
    looked = np.zeros(indices.shape, np.int32)
    coder.code_band(
        indices, ALONE, coder.LOOK, np.empty(0, np.uint8), coder.first_contexts(), start_encoder(),
        np.zeros_like(indices), looked,
    )  # fmt: skip
    assert np.array_equal(looked, coded)


def test_what_it_says_of_costs_is_about_what_it_takes():
    indices = np.rint(np.random.default_rng(5).laplace(0, 2, (6, 40, 40))).astype(np.int32)
    data, _, expected, states = one_band(indices, ALONE)
    bits = coder.bits_of(indices, expected, coder.costs_of(states))
    assert math.isclose(bits, 8 * len(data), rel_tol=0.03)


def test_activity_elsewhere_makes_a_component_cheaper():
    random = np.random.default_rng(6)
    y, x = np.mgrid[:32, :32]
    where = (np.sin(x * 1.3) * np.cos(y * 1.7) > 0.3) * 6 + 0.2
    alike = np.rint(random.laplace(0, 1, (10, 32, 32)) * where).astype(np.int32)
    shuffled = random.permuted(alike.reshape(10, -1), axis=1).reshape(alike.shape)
    assert len(one_band(alike, ALONE)[0]) < 0.95 * len(one_band(shuffled, ALONE)[0])


LAYOUTS = [Layout((3, 33, 47), 4), Layout((1, 1, 1), 5), Layout((2, 9, 1), 2), Layout((20, 90, 100), 5)]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: str(layout.shape))
def test_streams_come_back(layout):
    random = np.random.default_rng(7)
    assert len(layout.lanes) == 1 + (math.prod(layout.shape) >= TWO_LANES)
    indices = [
        np.rint(random.laplace(0, 2, (layout.shape[0], *band.shape[1:]))).astype(np.int32) for band in layout.bands
    ]
    data, _ = stream.encode(indices, layout)
    for one, other in zip(indices, stream.decode(data, layout), strict=True):
        assert np.array_equal(one, other)


def test_largest_indices_come_back():
    layout = Layout((1, 6, 6), 1)
    indices = [np.full((1, *band.shape[1:]), trellis.LARGEST, np.int32) for band in layout.bands]
    indices[-1][:] = -trellis.LARGEST
    for one, other in zip(indices, stream.decode(stream.encode(indices, layout)[0], layout), strict=True):
        assert np.array_equal(one, other)


def test_subbands_are_of_norm_one():
    layout = Layout((4, 64, 80), 4)
    noise = np.random.default_rng(8).normal(0, 1, layout.shape).astype(np.float32)
    values = layout.split(noise)
    lattice = [np.rint(band * 1024).astype(np.int32) for band in values]
    assert np.abs(layout.join(lattice, 1 / 1024) - noise).max() < 0.01
    errors = [np.random.default_rng(i).integers(-50, 51, band.shape).astype(np.int32) for i, band in enumerate(values)]
    energy = sum(float(np.square(e, dtype=np.float64).sum()) for e in errors)
    assert math.isclose(float(np.square(layout.join(errors, 1.0)).sum()), energy, rel_tol=0.1)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: str(layout.shape))
def test_any_bytes_decode_or_are_refused(layout):
    random = np.random.default_rng(9)
    for size in (0, 3, 4, 50, 2000):
        try:
            found = stream.decode(random.bytes(size), layout)
        except CodestreamError:
            continue
        assert all(np.abs(band).max(initial=0) <= trellis.LARGEST for band in found)


# --- the axes --------------------------------------------------------------------------------------


def common(blocks, level, seed=10, count=6):
    """Covariances whose common axes are known, and those axes."""
    random = np.random.default_rng(seed)
    axes = np.linalg.qr(random.normal(size=(count, count)))[0]
    variances = random.gamma(0.5, 100, (blocks, count))
    return np.einsum("ik,bk,jk->ijb", axes, variances, axes), variances, axes


def cost(covariances, weights, level, rotation):
    turned = np.einsum("ka,klb,la->ab", rotation, covariances, rotation)
    return float((weights * np.log2(1 + np.maximum(turned, 0) / level)).sum())


def test_planes_turn_to_the_common_axes():
    covariances, variances, _ = common(40, 1.0)
    weights, rotation = np.ones(40), np.eye(6)
    best = float(np.log2(1 + variances).sum())
    turn_planes(covariances.astype(np.float32), weights.astype(np.float32), np.float32(1), rotation, 30)
    assert np.abs(rotation.T @ rotation - np.eye(6)).max() < 1e-9
    assert cost(covariances, weights, 1.0, np.eye(6)) > 1.05 * best
    assert cost(covariances, weights, 1.0, rotation) < 1.0001 * best


def test_they_end_no_higher_than_a_search_of_angles():
    random = np.random.default_rng(11)
    factors = random.normal(size=(50, 8, 8)) * random.gamma(1, 3, (50, 1, 8))
    covariances = np.ascontiguousarray(np.moveaxis(factors @ factors.transpose(0, 2, 1), 0, 2))
    weights, rotation = random.uniform(10, 40, 50), np.eye(8)
    turn_planes(covariances.astype(np.float32), weights.astype(np.float32), np.float32(2), rotation, 20)
    searched = cheapest_rotation(covariances.copy(), weights, 2.0, sweeps=6)
    assert cost(covariances, weights, 2.0, rotation) < 1.001 * cost(covariances, weights, 2.0, searched)


def scene(bands=40, rows=48, columns=57, dtype=np.uint16):
    random = np.random.default_rng(12)
    y, x = np.mgrid[:rows, :columns] / 9
    wave = np.linspace(0, 1, bands)[:, None, None]
    clean = 3000 + 900 * np.sin(3 * wave + x) * np.cos(y) + 500 * wave * (x > y) + 200 * np.cos(9 * wave) * (y % 2 < 1)
    return np.clip(np.rint(clean + random.normal(0, 5, clean.shape)), 0, 65535).astype(dtype)


def test_without_sweeps_the_plan_is_that_of_the_klt():
    samples = scene()
    spectrum = Spectrum.of(samples)
    ours, theirs = cheapest_axes(samples, spectrum, 4e4, 0), plan(samples, spectrum, bits=4e4, sweeps=0)
    assert np.array_equal(ours.axes, theirs.axes)
    assert math.isclose(ours.level, theirs.level)


# --- the codec -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.1, 0.5, 3.0])
@pytest.mark.parametrize("effort", ["default", "best"])
def test_rates_are_met_from_below(rate, effort):
    samples = scene(bands=60, rows=70, columns=75)
    data = hypress.encode(samples, find("pca_tcq")(effort=effort), hypress.Rate(bpppc=rate))
    assert 0.98 * rate < 8 * len(data) / samples.size <= rate


def test_it_is_above_jpeg2000_over_the_same_components():
    samples = scene(bands=60, rows=70, columns=75)
    reached = []
    for codec in (find("pca_jpeg2000")(), *(find("pca_tcq")(effort=e) for e in ("default", "best"))):
        data = hypress.encode(samples, codec, hypress.Rate(bpppc=0.5))
        reached.append(Tally.of(samples, hypress.decode(data)).psnr_db())
    assert reached[0] < min(reached[1:])


def test_damaged_heads_are_refused():
    codec, spec = find("pca_tcq")(), Spec((40, 48, 57), "uint16", 12)
    streams = codec.encode(scene(), spec)
    good = streams["coefficients"]
    for bad in (b"", good[:4], struct.pack(">fB", math.nan, 5) + good[5:], struct.pack(">fB", -1.0, 5) + good[5:]):
        with pytest.raises(CodestreamError):
            codec.decode(dict(streams) | {"coefficients": bad}, spec)
    with pytest.raises(CodestreamError, match="streams"):
        codec.decode({"basis": streams["basis"]}, spec)


def test_a_budget_too_small_leaves_the_means():
    samples = scene(8, 9, 10)
    spec = Spec(samples.shape, "uint16", 12)
    codec = find("pca_tcq")(rate_bpppc=0.01)
    decoded = codec.decode(codec.encode(samples, spec), spec)
    assert decoded.shape == samples.shape
    assert (np.ptp(decoded.reshape(8, -1), axis=1) == 0).all()
