"""The codec `siren`: budgets, decoding to the last bit, architectures, and what a fit that goes wrong says."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest

import elsewhere
import hypress
from hypress.codec import Spec
from hypress.codecs.siren import SirenCodec
from hypress.codestream import unpack
from hypress.entropy.integers import encode_integer, model
from hypress.entropy.rangecoder import finish_encoder, start_encoder
from hypress.errors import CodestreamError, ConfigurationError
from hypress.neural import history
from hypress.neural.recent import Recent, digest
from hypress.neural.siren import grids
from hypress.neural.siren import published as siren_published
from hypress.neural.siren.apply import coordinates, outputs, outputs_reference, sine_reference

torch = pytest.importorskip("torch")

from hypress.neural.fitting import Effort  # noqa: E402
from hypress.neural.siren import fit as siren_fit  # noqa: E402
from hypress.neural.siren.fit import samples as sampled  # noqa: E402
from hypress.neural.siren.net import Siren  # noqa: E402


def scene(shape=(24, 33, 40), dtype="uint16"):
    """Mixed spectra under smooth abundances with an edge, and noise."""
    random = np.random.default_rng(7)
    bands, rows, columns = shape
    y, x = np.mgrid[0:rows, 0:columns]
    planes = np.stack([np.sin(x / 8), np.cos(y / 5), (x + y > 30) * 1.0, np.sin(x * y / 200)])
    spectra = np.cumsum(random.normal(0, 1, (bands, 4)), axis=0) * [400, 200, 300, 60]
    clean = np.einsum("bk,kyx->byx", spectra, planes) + random.normal(0, 4, shape) + 8000
    return np.clip(np.rint(clean), 0, 16383).astype(dtype)


def spec_of(samples):
    return Spec(samples.shape, samples.dtype.name, 14)


def size(streams):
    return sum(map(len, streams.values()))


def mse(one, other):
    return float(np.square(one.astype(np.float64) - other).mean())


# --- upon features ----------------------------------------------------------------------------------


def test_budgets_are_filled_and_worth_it():
    samples, errors = scene(), []
    for rate in [0.1, 0.2, 0.4, 0.8, 1.6]:
        codec = SirenCodec(rate_bpppc=rate, steps=20, seconds=1e6)
        streams = codec.encode(samples, spec_of(samples))
        budget = rate * samples.size / 8
        assert 0.985 * budget < size(streams) <= budget
        errors.append(mse(samples, codec.decode(streams, spec_of(samples))))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 30


def test_the_network_is_kept_where_it_is_worth_its_bytes():
    y, x = np.mgrid[0:64, 0:80] * 0.15
    random, wave = np.random.default_rng(2), np.linspace(0, 1, 24)[:, None, None]
    share = np.sin(x) + np.cos(y * 1.7) + random.normal(0, 0.1, x.shape)
    bent = wave * share + np.sin(9 * wave) * share**2 + np.cos(17 * wave) * np.sin(3 * share)  # a curve, no plane
    samples = np.rint(8000 + 1000 * bent + random.normal(0, 2, bent.shape)).astype(np.uint16)
    budget, error = 0.3, {}
    for layers in (0, 1):
        codec = SirenCodec(rate_bpppc=budget, layers=layers, width=16, steps=300, seconds=1e6)
        streams = codec.encode(samples, spec_of(samples))
        assert bool(streams["network"]) == bool(layers)
        assert size(streams) <= budget * samples.size / 8
        error[layers] = mse(samples, codec.decode(streams, spec_of(samples)))
    assert error[1] < 0.8 * error[0]


@pytest.mark.parametrize("rate", [0.004, 0.01])
def test_a_budget_for_little_more_than_means(rate):
    samples = scene()
    streams = SirenCodec(rate_bpppc=rate, steps=1, seconds=1e6).encode(samples, spec_of(samples))
    assert size(streams) <= rate * samples.size / 8
    decoded = SirenCodec().decode(streams, spec_of(samples))
    assert (decoded == decoded[:, :1, :1]).all() == (not streams["grids"])
    if rate > 0.005:
        assert mse(decoded, samples) < samples.astype(float).var()


def test_bytes_do_not_hang_on_what_was_coded_before():
    samples, rates = scene(), (0.3, 0.31)
    codecs = [SirenCodec(rate_bpppc=rate, steps=5, seconds=1e6) for rate in rates]
    together = [codec.encode(samples, spec_of(samples)) for codec in codecs]
    from hypress.neural.siren import on_grids_fit as siren_grids_fit

    assert len(siren_grids_fit._fits._found) >= 1
    siren_grids_fit._fits._found.clear()
    alone = [codec.encode(samples, spec_of(samples)) for codec in reversed(codecs)][::-1]
    assert together == alone


def test_no_time_left_gives_what_there_is():
    samples = scene()
    data = hypress.encode(samples, SirenCodec(steps=10**6, seconds=1e-3), hypress.Rate(bpppc=0.5))
    assert 8 * len(data) <= 0.5 * samples.size
    assert hypress.metrics.psnr(samples, hypress.decode(data)) > 30


# --- the grids --------------------------------------------------------------------------------------


def grid_expectation(stored, table, k, n, y, x):
    """`_expected` in plain words."""

    def at(component, grid, v, u):
        if component < 0 or grid < 0:
            return 0
        g = table[grid]
        inside = 0 <= v < g.height and 0 <= u < g.width
        return abs(int(stored[component, g.y + v, g.x + u])) if inside else 0

    near = at(k, n, y, x - 1) + at(k, n, y - 1, x)
    diagonal = at(k, n, y - 1, x - 1) + at(k, n, y - 1, x + 1)
    far = at(k, n, y, x - 2) + at(k, n, y - 2, x)
    around = sum(at(k - 1, n, y + dy, x + dx) for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)))
    relatives = 18 * at(k, table[n].parent, y // 2, x // 2)
    relatives += 23 * (at(k, table[n].sibling, y, x) + at(k, table[n].other_sibling, y, x))
    before = 13 * at(k - 1, n, y, x) + 2 * around + 8 * at(k - 2, n, y, x)
    return (24 + 36 * near + 15 * diagonal + 13 * far + before + relatives) >> 3


def reference_bytes(stored, levels):
    """`encode_grids`, one entry after the other."""
    table = grids.grids(stored.shape, levels)
    coarse, values = table[0], stored.copy()
    for plane, of in zip(values, stored, strict=True):
        for y in range(coarse.height):
            for x in range(coarse.width):
                west, north = int(of[y, x - 1]) if x else None, int(of[y - 1, x]) if y else None
                if west is None or north is None:
                    guess = (north or 0) if west is None else west
                else:
                    guess = (3 * (west + north) - 2 * int(of[y - 1, x - 1]) + 2) >> 2
                plane[y, x] = of[y, x] - guess
    models, state, out = [model() for _ in range(4)], start_encoder(), np.empty(1 << 16, np.uint8)
    sign_of = [0, 1, 2]
    for n, g in enumerate(table):
        for k in range(len(values)):
            for y in range(g.height):
                for x in range(g.width):
                    signs = [np.sign(values[k, g.y + y, g.x + x - 1]) if x else 0]
                    signs.append(np.sign(values[k, g.y + y - 1, g.x + x]) if y else 0)
                    context = 3 * sign_of[int(signs[0])] + sign_of[int(signs[1])]
                    expected = grid_expectation(values, table, k, n, y, x)
                    encode_integer(state, out, models[g.kind], int(values[k, g.y + y, g.x + x]), expected, context, 255)
    return out[: finish_encoder(state, out)].tobytes()


@pytest.mark.parametrize(("shape", "levels"), [((1, 1, 1), 0), ((2, 1, 7), 3), ((3, 13, 10), 2), ((4, 9, 17), 12)])
def test_grids_are_coded_as_the_reference_says(shape, levels):
    random = np.random.default_rng(3)
    stored = np.rint(random.laplace(0, 3, shape) * random.random(shape)).astype(np.int32)
    data = grids.encode_grids(stored, levels)
    assert data == reference_bytes(stored, levels)
    assert np.array_equal(grids.decode_grids(data, shape, levels), stored)


def test_the_largest_entries_survive():
    stored = np.full((2, 8, 8), grids.LARGEST, np.int32) * np.random.default_rng(0).choice([-1, 1], (2, 8, 8))
    stored = stored.astype(np.int32)
    assert np.array_equal(grids.decode_grids(grids.encode_grids(stored, 1), stored.shape, 1), stored)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 12), (31, 16)])
@pytest.mark.parametrize("levels", [0, 1, 3, 12])
def test_grids_tile_a_component(shape, levels):
    cover = np.zeros(shape, int)
    for g in grids.grids(shape, levels):
        cover[g.y : g.y + g.height, g.x : g.x + g.width] += 1
    assert (cover == 1).all()


def test_an_error_of_the_step_is_an_error_of_the_samples():
    components = np.random.default_rng(5).normal(0, 50, (3, 40, 50)).astype(np.float32)
    entries = grids.analyse(components, 3)
    decoded = grids.read_out(grids.quantise(entries, 1.0), 3, 1.0)
    assert mse(decoded, components) == pytest.approx(1 / 12, rel=0.15)


# --- the same samples everywhere --------------------------------------------------------------------


@pytest.mark.parametrize(("sizes", "omega"), [((2, 20, 20, 30), 30.0), ((9, 13, 5), 1.0), ((2, 3), 30.0)])
def test_networks_are_evaluated_to_the_last_bit_as_the_reference_says(sizes, omega):
    random = np.random.default_rng(1)
    pairs = pairwise(sizes)
    layers = [
        (random.normal(0, 1, (o, i)).astype(np.float32), random.normal(0, 1, o).astype(np.float32)) for i, o in pairs
    ]
    inputs = random.normal(0, 1, (sizes[0], 700)).astype(np.float32)
    assert np.array_equal(outputs(layers, inputs, omega), outputs_reference(layers, inputs, omega))


def test_the_sine_is_a_sine():
    x = np.linspace(-3000, 3000, 100_001).astype(np.float32)
    assert np.abs(sine_reference(x) - np.sin(x.astype(np.float64))).max() < 1e-6
    assert np.isfinite(sine_reference(np.array([np.inf, -np.inf, 1e38], np.float32))).all()


def test_the_decoder_agrees_with_torch():
    net = Siren(2, 12, layers=3, width=16, seed=3)
    place = coordinates(20, 30)
    layers = [(f.weight.detach().numpy(), f.bias.detach().numpy()) for f in net.linear]
    expected = net(torch.from_numpy(place.T.copy())).detach().numpy().T
    assert np.abs(outputs(layers, place, 30.0) - expected).max() < 1e-5


def test_decoding_needs_no_torch_and_does_not_hang_on_threads(tmp_path):
    samples, paths = scene(), []
    for n, codec in enumerate(
        [
            SirenCodec(rate_bpppc=0.8, layers=1, width=8, steps=40, seconds=1e6),
            SirenCodec(features=False, layers=3, width=24, steps=10, seconds=1e6),
        ]
    ):
        paths.append(tmp_path / f"{n}.hyp")
        paths[-1].write_bytes(hypress.encode(samples, codec))
    assert len({elsewhere.checksums(paths, threads) for threads in (1, 2, 5)}) == 1


# --- as published -----------------------------------------------------------------------------------


def test_parameters_are_those_of_the_papers_and_biases():
    # Table captions of the papers: Indian Pines (5, 60) with 220 bands, Jasper Ridge (5, 20) with 224, Pavia University
    for bands, layers, width, weights in [(220, 5, 60, 27_720), (224, 5, 20, 6_120), (103, 10, 80, 66_000)]:
        biases = layers * width + bands
        assert siren_published.parameters(bands, layers, width) == weights + biases
        net = Siren(2, bands, layers=layers, width=width)
        assert sum(p.numel() for p in net.parameters()) == weights + biases


def test_initial_weights_are_bounded_as_in_the_paper():
    net = Siren(2, 50, layers=3, width=64)
    first, *others = (f.weight.detach().abs().max().item() for f in net.linear)
    assert 0.45 < first <= 1 / 2
    assert all(0.9 < other / (math.sqrt(6 / 64) / 30) <= 1 for other in others)


@pytest.mark.parametrize("bits", [8, 16, 32])
@pytest.mark.parametrize("rate", [0.3, 1.0, 4.0])
def test_every_candidate_fits_the_budget_and_no_wider_one_does(bits, rate):
    budget = int(rate * 40 * 60 * 60 / 8)
    room = (budget - siren_published.HEAD.size) * 8 // bits
    for layers, width in siren_published.candidates(40, bits, budget, None, None):
        assert siren_published.parameters(40, layers, width) <= room < siren_published.parameters(40, layers, width + 1)


def test_a_budget_below_any_network_leaves_a_plane():
    assert siren_published.candidates(200, 32, 100, None, None) == [(0, 0)]


def test_the_search_spends_what_it_may_and_keeps_to_the_budget():
    samples = scene()
    codec = SirenCodec(rate_bpppc=0.8, features=False, steps=200, seconds=1e6, weight_bits=16)
    streams = codec.encode(samples, spec_of(samples))
    assert size(streams) <= 0.8 * samples.size / 8
    layers, width, *_ = siren_published.HEAD.unpack_from(streams["network"])
    assert (layers, width) in siren_published.candidates(24, 16, int(0.8 * samples.size / 8), None, None)


@pytest.mark.parametrize("masked", [False, True])
def test_a_step_adds_up_the_gradients_of_all_pixels(monkeypatch, masked):
    random = np.random.default_rng(4)
    inputs, targets = coordinates(20, 30), random.normal(0, 1, (5, 600)).astype(np.float32)
    weights = (random.random((1, 600)) < 0.7).astype(np.float32) if masked else None
    shown = siren_fit.Shown(np.zeros((5, 20, 30)), lambda layers: np.zeros((5, 20, 30)), weights)
    found = []
    for together in (1 << 20, 77):
        monkeypatch.setattr(siren_fit, "TOGETHER", together)
        net = Siren(2, 5, layers=2, width=8)
        training = siren_fit.Training(net, inputs, targets, lambda mse: -mse, Effort(1, 1, 1e-3), shown)
        loss = training.run(1).history[-1].loss
        found.append(np.concatenate([[loss], *(p.grad.numpy().ravel() for p in net.parameters())]))
    net = Siren(2, 5, layers=2, width=8)
    errors = (net(torch.from_numpy(inputs.T.copy())) - torch.from_numpy(targets.T.copy())).detach().numpy() ** 2
    expected = errors.mean() if weights is None else errors[weights[0] > 0].mean()
    assert found[0][0] == pytest.approx(expected, rel=1e-5)
    assert np.allclose(found[0], found[1], rtol=1e-4, atol=1e-6)


def test_weights_of_32_16_and_8_bits():
    samples, found = scene(), {}
    for bits in (32, 16, 8):
        codec = SirenCodec(
            features=False, layers=2, width=24, weight_bits=bits, steps=300, seconds=1e6, learning_rate=1e-3
        )
        streams = codec.encode(samples, spec_of(samples))
        found[bits] = size(streams), mse(samples, codec.decode(streams, spec_of(samples)))
    count = siren_published.parameters(24, 2, 24)
    assert all(found[bits][0] <= count * bits / 8 + 60 for bits in found)
    assert found[16][1] < 1.02 * found[32][1]
    assert found[32][1] < 0.5 * samples.astype(float).var()


@pytest.mark.parametrize(("shape", "share"), [((20, 31), 0.2), ((9, 9), 0.2), ((1, 1), 0.1), ((3, 2), 0.25)])
def test_an_epoch_sees_every_pixel_once_and_tiles_alike(shape, share):
    pixels = shape[0] * shape[1]
    steps, seen = sampled(shape, share, 0), np.zeros(pixels, int)
    while seen.sum() < pixels:
        chosen = next(steps)
        if shape == (9, 9):
            assert abs(len(chosen) - share * pixels) <= 1
        seen[chosen] += 1
    assert (seen == 1).all()


# --- what may go wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize("features", [True, False])
def test_a_diverging_fit_says_so(features):
    codec = SirenCodec(rate_bpppc=1.0, features=features, layers=2, width=16, learning_rate=100, steps=3000)
    samples = scene((24, 20, 20))
    with pytest.raises(ConfigurationError, match=r"diverged: .* a lower learning rate may help"):
        codec.encode(samples, spec_of(samples))


def test_networks_beyond_what_decoders_take_are_refused():
    samples = scene()
    for features in (True, False):
        with pytest.raises(ConfigurationError, match="1048576 is the most"):
            SirenCodec(rate_bpppc=4.0, features=features, layers=9, width=4096).encode(samples, spec_of(samples))


def test_streams_that_promise_too_much_are_refused():
    samples = scene()
    codec = SirenCodec(features=False, layers=2, width=6, steps=1)
    good = codec.encode(samples, spec_of(samples))["network"]
    for head in [(200, 60000, 32, 0, 9), (2, 6, 12, 0, 9), (2, 6, 32, 9, 0), (3, 0, 32, 0, 9), (2, 6, 32, 0, 1 << 40)]:
        with pytest.raises(CodestreamError):
            codec.decode({"network": siren_published.HEAD.pack(*head) + good[22:]}, spec_of(samples))
    with pytest.raises(CodestreamError, match="needs the streams"):
        SirenCodec().decode({"network": good}, spec_of(samples))


def test_the_evolution_can_be_watched(tmp_path):
    samples = scene()
    for n, codec in enumerate(
        [
            SirenCodec(layers=1, width=4, rate_bpppc=0.5, steps=60),
            SirenCodec(features=False, layers=1, width=4, steps=300, learning_rate=1e-3),
        ]
    ):
        with history.record(tmp_path / str(n)):
            streams = codec.encode(samples, spec_of(samples))
        lines = [json.loads(line) for line in (tmp_path / str(n) / history.METRICS).read_text().splitlines()]
        assert len(lines) >= 3
        assert all((tmp_path / str(n) / line["image"]).exists() for line in lines)
        if not codec.features:
            best = max(line["psnr_db"] for line in lines)
            decoded = codec.decode(streams, spec_of(samples))
            assert hypress.metrics.psnr(samples, decoded) == pytest.approx(
                best, abs=0.1
            )  # what is clipped counts only here


def test_the_codestream_says_how_to_decode_it():
    header, _ = unpack(hypress.encode(scene(), SirenCodec(features=False, layers=1, width=4, steps=1)))
    assert header.configuration["features"] is False


def test_what_was_computed_lately_is_remembered():
    recent, made = Recent(2), []
    for key in "aabacb":
        recent.get(key, lambda key=key: made.append(key))
    assert made == ["a", "b", "c", "b"]
    one, other = scene(), scene((24, 40, 33))
    assert digest(one) == digest(one.copy()) != digest(other)
    assert digest(one) != digest(one.view("int16"))
