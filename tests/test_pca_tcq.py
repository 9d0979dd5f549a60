"""Trellis-coded quantisation, the coder across components, the axes, and the codec that is made of them."""

import dataclasses
import itertools
import math
import struct

import numpy as np
import pytest

import hypress
from hypress import levels
from hypress.attempt import Job, by_itself
from hypress.codec import Spec, find
from hypress.codecs.pca_tcq import EFFORTS
from hypress.entropy.rangecoder import Context, Encoder, as_array, finish_encoder, start_decoder, start_encoder
from hypress.errors import CodestreamError
from hypress.metrics import Tally
from hypress.tcq import band, coder, stream, trellis
from hypress.tcq.axes import cheapest_axes, covariances_of, turn_planes
from hypress.tcq.classes import CLASSES, INDICES, MOST_EXPECTED, class_of, octaves
from hypress.tcq.halves import LARGE, halves, project, side_by_side, spectrum_of
from hypress.tcq.reference import octaves_reference, questions_reference
from hypress.tcq.subbands import TWO_LANES, Layout
from hypress.transforms import pca
from hypress.transforms.allocation import Plan, Spectrum, plan
from hypress.transforms.rotation import block_covariances, cheapest_rotation
from hypress.valid import told

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


def quantised(values, classes, costs, weight):
    indices, lattice = np.zeros(values.shape, np.int32), np.zeros(values.shape, np.int32)
    squares = trellis.quantise(values, classes, costs, 1.0, weight, indices, lattice)
    return indices, lattice, squares


def test_it_gains_what_is_known_of_eight_states():
    # A uniform source: Marcellin and Fischer (1990) give 1.1 dB over the uniform quantiser of the same rate.
    values = np.random.default_rng(0).uniform(-300, 300, (200, 200)).astype(np.float32)
    indices, _, squares = quantised(values, np.zeros(values.shape, np.int32), flat_costs(), 0.0)
    error = np.square(values.ravel() - trellis.reconstruct_reference(indices.ravel().tolist())).mean()
    assert 1.0 < 10 * math.log10(4 / 12 / error) < 1.2  # indices step by two
    assert math.isclose(squares, error * values.size)


@pytest.mark.parametrize("weight", [0.0, 0.3])
@pytest.mark.parametrize("scale", [2, 300])
def test_the_trellis_is_its_reference(weight, scale):
    random = np.random.default_rng(1)
    values = random.laplace(0, scale / 3, (15, 17)).astype(np.float32)
    expected = random.integers(0, 16 * scale, values.shape)
    classes = np.array([class_of(e) for e in expected.ravel()], np.int32).reshape(values.shape)
    costs = coder.costs_of(coder.first_contexts())
    indices, lattice, _ = quantised(values, classes, costs, weight)
    beyond = costs[..., -1:] - costs[..., -2:-1]
    longer = np.concatenate([costs, costs[..., -1:] + np.arange(1, 400) * beyond], axis=2).astype(float)
    tables = [np.repeat(longer[:, c & 255], 1 << (c >> 8), axis=1) + (c >> 8) for c in classes.ravel().tolist()]
    theirs = trellis.quantise_reference(values.ravel().tolist(), tables, weight)
    assert indices.ravel().tolist() == theirs
    assert np.array_equal(np.copysign(lattice, values).ravel(), trellis.reconstruct_reference(indices.ravel().tolist()))


def test_a_dear_bit_makes_small_indices():
    values = np.random.default_rng(2).laplace(0, 2, (30, 30)).astype(np.float32)
    classes = np.full(values.shape, class_of(64), np.int32)
    costs = coder.costs_of(coder.first_contexts())
    sizes = [np.abs(quantised(values, classes, costs, w)[0]).sum() for w in (0.0, 0.3, 3.0, 300.0)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 0 < sizes[-2]


# --- the coder -------------------------------------------------------------------------------------


def test_octaves():
    values = [*range(5000), 2**20 - 1, 2**20, MOST_EXPECTED]
    assert [octaves(v) for v in values] == [octaves_reference(v) for v in values]
    assert all(0 <= class_of(v) & 255 < CLASSES for v in values)
    for value in (300, 5000, 2**20):
        assert 5 <= value / 16 / 2 ** (class_of(value) >> 8) <= 12


def one_band(values, siblings):
    """The stream of one subband whose step is one, its magnitudes, and the contexts in the end."""
    states, state, out = coder.first_contexts(), start_encoder(), np.zeros(1 << 18, np.uint8)
    lattice = trellis.plain(values, 1.0)
    band.encode(values, lattice, siblings, 1.0, 0.3, np.zeros(0), 0.0, out, states, state, np.zeros(len(values)))
    return out[: finish_encoder(state, out)].tobytes(), lattice, states


def indices_of(signed):
    """The paths that multiples of the step `(component, y, x)` are reached by."""
    indices = np.zeros(signed.shape, np.int32)
    for c, plane in enumerate(signed):
        state = 0
        for at in np.ndindex(plane.shape):
            indices[c][at] = np.sign(plane[at]) * ((abs(plane[at]) + (state & 1)) // 2)
            state = trellis.NEXT[state, indices[c][at] & 1]
    return indices


def laplacian(seed, scale, shape):
    return np.random.default_rng(seed).laplace(0, scale, shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(4, 7, 9), (3, 4, 1), (2, 1, 5), (2, 1, 1)], ids=str)
@pytest.mark.parametrize("scale", [1, 16, 6000])
@pytest.mark.parametrize("siblings", [True, False])
def test_the_coder_is_its_reference(shape, scale, siblings):
    values = laplacian(3, scale, shape)
    known = np.random.default_rng(3).integers(0, 9, shape).astype(np.int32) if siblings else ALONE
    data, lattice, _ = one_band(values, known)
    signed = np.copysign(lattice, values).astype(np.int64)
    first, contexts, theirs = coder.first_contexts(), {}, Encoder()
    for at, value, bits in questions_reference(indices_of(signed), known):
        if at is None:
            theirs.raw(value, bits)
            continue
        if at not in contexts:
            contexts[at] = Context()
            contexts[at].chance, contexts[at].count = first[at].tolist()
        theirs.bit(value, contexts[at], coder.LIMIT)
    assert data == theirs.finish()
    back, signs = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    source = as_array(data)
    band.decode(back, signs, known, source, coder.first_contexts(), start_decoder(source))
    assert np.array_equal(back, lattice)
    assert np.array_equal(signs, signed)


def test_costs_are_of_the_contexts():
    states = coder.first_contexts()
    costs, zero = coder.costs_of(states), states[:, 0].reshape(2, CLASSES, INDICES) / 65536
    assert np.abs(costs[..., 0] + np.log2(zero[..., 0])).max() < 0.02
    assert np.abs(costs[..., 1] - (1 - np.log2(1 - zero[..., 0]) - np.log2(zero[..., 1]))).max() < 0.02


def test_a_look_says_about_what_it_takes():
    values = laplacian(5, 4, (6, 40, 40))
    data, lattice, states = one_band(values, ALONE)
    bits = np.zeros(len(values))
    band.look(lattice, ALONE, coder.costs_of(states), bits)
    assert math.isclose(bits.sum(), 8 * len(data), rel_tol=0.05)


def test_a_budget_is_met_within_a_pass():
    values, sizes = laplacian(13, 3, (20, 40, 40)), []
    free = np.zeros(20)
    args = values, trellis.plain(values, 1.0), ALONE, 1.0, 0.3
    band.encode(*args, np.zeros(0), 0.0, np.zeros(1 << 18, np.uint8), coder.first_contexts(), start_encoder(), free)
    for share in (0.985, 1.005):
        out, state, bits = np.zeros(1 << 18, np.uint8), start_encoder(), np.zeros(20)
        guesses = trellis.plain(values, 1.0)
        goal = share * free[-1]
        plan = np.append(share * free, 0.0)
        band.encode(values, guesses, ALONE, 1.0, 0.3, plan, goal, out, coder.first_contexts(), state, bits)
        sizes.append(bits[-1] / goal)
    assert np.allclose(sizes, 1, atol=0.01)


def test_activity_elsewhere_makes_a_component_cheaper():
    random = np.random.default_rng(6)
    y, x = np.mgrid[:32, :32]
    where = (np.sin(x * 1.3) * np.cos(y * 1.7) > 0.3) * 6 + 0.2
    alike = (2 * random.laplace(0, 1, (10, 32, 32)) * where).astype(np.float32)
    shuffled = random.permuted(alike.reshape(10, -1), axis=1).reshape(alike.shape)
    assert len(one_band(alike, ALONE)[0]) < 0.95 * len(one_band(shuffled, ALONE)[0])


LAYOUTS = [Layout((3, 33, 47), 4), Layout((1, 1, 1), 5), Layout((2, 9, 1), 2), Layout((20, 90, 100), 5)]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: str(layout.shape))
def test_streams_come_back(layout):
    assert len(layout.lanes) == 1 + (math.prod(layout.shape) >= TWO_LANES)
    values = [laplacian(7, 4, (layout.shape[0], *part.shape[1:])) for part in layout.bands]
    coded = stream.encode(values, [trellis.plain(part, 1.0) for part in values], layout, 1.0, 0.3)
    decoded, squares = stream.decode(coded.data, layout), 0.0
    for value, lattice, signed in zip(values, coded.lattice, decoded, strict=True):
        assert np.array_equal(np.copysign(lattice, value), signed)
        squares += float(np.square(value - signed, dtype=np.float64).sum())
    assert math.isclose(squares, coded.squares)


def test_largest_indices_come_back():
    layout = Layout((1, 6, 6), 1)
    values = [np.full((1, *part.shape[1:]), 3e9, np.float32) for part in layout.bands]
    values[-1] *= -1
    coded = stream.encode(values, [trellis.plain(part, 1.0) for part in values], layout, 1.0, 0.3)
    for value, signed in zip(values, stream.decode(coded.data, layout), strict=True):
        assert (np.abs(signed) >= trellis.LARGEST).all()
        assert (np.sign(signed) == np.sign(value)).all()


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
        assert all(np.abs(part).max(initial=0) <= 2 * trellis.LARGEST for part in found)


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
    ours = cheapest_axes(samples, spectrum, lambda plan: plan.for_bits(4e4), 0, 48)
    theirs = plan(samples, spectrum, bits=4e4, sweeps=0)
    assert np.array_equal(ours.axes, theirs.axes)
    assert math.isclose(ours.level, theirs.level, rel_tol=1e-5)


def test_halves_come_to_the_whole():
    samples = scene(bands=60, rows=71, columns=75)
    assert len(halves(71, samples.size)) == 2
    ours, theirs = spectrum_of(samples), Spectrum.of(samples)
    assert np.allclose(ours.means, theirs.means, rtol=1e-12)
    assert np.allclose(ours.variances, theirs.variances, rtol=1e-9, atol=1e-6)
    analysis = theirs.axes[:, :9].T
    assert np.allclose(
        project(samples, theirs.means, analysis), pca.project(samples, theirs.means, analysis), atol=0.01
    )


def test_halves_of_little_are_one():
    assert halves(1, LARGE) == [slice(0, 1)]
    assert halves(9, LARGE - 1) == [slice(0, 9)]
    assert side_by_side(lambda n: n * n, range(7)) == [0, 1, 4, 9, 16, 25, 36]


@pytest.mark.parametrize("shape", [(5, 61, 47), (3, 7, 1), (2, 1, 1), (0, 1, 1)], ids=str)
def test_covariances_are_those_of_the_blocks(shape):
    planes = laplacian(15, 50, shape)
    ours, sizes = covariances_of(planes)
    theirs, their_sizes = block_covariances(planes)
    assert np.array_equal(sizes, their_sizes)
    lower = np.tril(np.ones(shape[:1] * 2))[..., None]
    assert np.allclose(ours, theirs * lower, atol=1e-5 * theirs.max(initial=0))


def test_low_rates_keep_more_components():
    random = np.random.default_rng(16)
    energies = np.geomspace(1e6, 1e-2, 60)[:, None, None] * random.gamma(0.3, 3, (60, 50, 50))
    noise = np.sqrt(energies) * random.normal(size=energies.shape)
    samples = np.rint(np.tensordot(np.linalg.qr(random.normal(size=(60, 60)))[0], noise, 1)).astype(np.int16)
    spectrum, more = Spectrum.of(samples), []
    for rate in (0.1, 4.0):
        ours = cheapest_axes(samples, spectrum, lambda plan, rate=rate: plan.for_bits(rate * samples.size), 0, 48)
        more.append(ours.basis().components - Plan.basis(ours).components)
    assert more[0] > 0 == more[1]


# --- the codec -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.1, 0.5, 3.0])
@pytest.mark.parametrize("effort", ["default", "best"])
def test_rates_are_met_from_below(rate, effort):
    samples = scene(bands=60, rows=70, columns=75)
    data = hypress.encode(samples, find("pca_tcq")(effort=effort), hypress.Rate(bpppc=rate))
    assert 0.98 * rate < 8 * len(data) / samples.size <= rate


def test_of_several_passes_the_one_of_least_error_is_taken(monkeypatch):
    samples, errors = scene(bands=60, rows=70, columns=75), []
    spec = Spec(samples.shape, "uint16", 16)
    for rounds in (2, 4, 8):
        monkeypatch.setitem(EFFORTS, "best", dataclasses.replace(EFFORTS["best"], rounds=rounds))
        codec = find("pca_tcq")(rate_bpppc=1.0, effort="best")
        decoded = codec.decode(codec.encode(samples, spec), spec)
        errors.append(np.square(samples.astype(float) - decoded).mean())
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > errors[-1]


@pytest.mark.parametrize("mse", [0.5, 20.0, 300.0])
@pytest.mark.parametrize("effort", ["default", "best"])
def test_an_error_is_met(mse, effort):
    samples = scene(bands=60, rows=70, columns=75)
    codec, spec = find("pca_tcq")(effort=effort).with_mse(mse), Spec(samples.shape, "uint16", 16)
    decoded = codec.decode(codec.encode(samples, spec), spec)
    reached = np.square(samples.astype(float) - decoded).mean()
    assert -0.05 < 10 * math.log10(reached / mse) <= 0


@pytest.mark.parametrize("unit", [1, 7, 0.01])
def test_a_psnr_takes_one_encoding(unit):
    samples = scene(bands=60, rows=70, columns=75) * np.array(unit, np.float32 if unit < 1 else np.uint32)
    job, chosen = Job.of(samples, None), levels.fine(samples, None, 16)
    attempt = by_itself(job, find("pca_tcq")(), chosen, hypress.Psnr(db=55.0))
    assert attempt is not None
    assert 55 <= attempt.tally.psnr_db() < 55.05
    assert by_itself(job, find("pca_jpeg2000")(), chosen, hypress.Psnr(db=55.0)) is None
    assert by_itself(job, find("pca_tcq")(), chosen, hypress.Psnr(db=200.0)) is None


def test_samples_that_are_not_real_have_no_error():
    samples = scene(bands=60, rows=70, columns=75)
    valid = np.ones(samples.shape, bool)
    valid[:, :30] = False
    noisy = np.where(valid, samples, np.random.default_rng(14).integers(0, 9000, samples.shape)).astype(np.uint16)
    codec, spec = find("pca_tcq")().with_mse(60.0), Spec(samples.shape, "uint16", 16)
    with told(valid):
        streams = codec.encode(noisy, spec)
    reached = np.square(noisy.astype(float) - codec.decode(streams, spec))[valid].mean()
    assert 0.95 * 60 < reached <= 60


def test_the_step_leaves_its_knob_in_force():
    assert find("pca_tcq")(rate_bpppc=0.7).with_mse(3.0).lossy() == find("pca_tcq")(rate_bpppc=0.7)


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
