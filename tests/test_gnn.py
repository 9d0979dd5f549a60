"""The codec `gnn`: budgets, blocks, decoding to the last bit, pruning, secrets, and what a fit that goes wrong says."""

import json

import numpy as np
import pytest

import elsewhere
import hypress
from hypress import secret
from hypress.codec import Spec
from hypress.codecs.gnn import GnnCodec
from hypress.codestream import pack, unpack
from hypress.errors import CodestreamError, ConfigurationError, LimitError, VersionError
from hypress.neural import history
from hypress.neural.gnn import coding as gnn_coding
from hypress.neural.gnn import key as gnn_key
from hypress.neural.gnn import many as gnn_many
from hypress.neural.gnn.apply import Network, convolved, convolved_reference, doubled, doubled_reference
from hypress.neural.gnn.blocks import HEAD, cells_of, cut
from hypress.neural.gnn.plan import LATENT, Plan, plan_within
from hypress.neural.weights import Quantised, quantise
from hypress.secret import SecretError

torch = pytest.importorskip("torch")

from hypress.neural.gnn import encode as gnn_encode  # noqa: E402
from hypress.neural.gnn import fit as gnn_fit  # noqa: E402
from hypress.neural.gnn import scenes as gnn_scenes  # noqa: E402
from hypress.neural.gnn.net import Folded, Full, Gnn, Norm, generate  # noqa: E402
from hypress.neural.gnn.rate import natural_steps, rounded_within  # noqa: E402

QUICK = {"steps": 20, "seconds": 1e6, "channels": 6}


def scene(shape=(16, 29, 34), dtype="uint16", seed=7):
    """Mixed spectra under smooth abundances with an edge, and noise."""
    random = np.random.default_rng(seed)
    bands, rows, columns = shape
    y, x = np.mgrid[0:rows, 0:columns]
    planes = np.stack([np.sin(x / 8), np.cos(y / 5), (x + y > 30) * 1.0, np.sin(x * y / 200)])
    spectra = np.cumsum(np.random.default_rng(1).normal(0, 1, (bands, 4)), axis=0) * [400, 200, 300, 60]
    clean = np.einsum("bk,kyx->byx", spectra, planes) + random.normal(0, 4, shape) + 8000
    return np.clip(np.rint(clean), 0, 16383).astype(dtype)


def spec_of(samples):
    return Spec(samples.shape, samples.dtype.name, 14)


def size(streams):
    return sum(map(len, streams.values()))


def mse(one, other):
    return float(np.square(one.astype(np.float64) - other).mean())


def scenes_of(samples, *, published=False, blocks=2, maps=4, channels=6):
    latent = gnn_key.latent(gnn_key.PUBLIC) if published else None
    return gnn_scenes.Scenes([samples], Plan(blocks, maps, channels, 3 if published else 1), latent)


# --- the rate ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("published", [False, True])
def test_budgets_are_filled(published):
    samples, errors = scene(), []
    for rate in (1.0, 2.0, 4.0):
        codec = GnnCodec(rate_bpppc=rate, published=published, learning_rate=0.005, blocks=2, **QUICK)
        streams = codec.encode(samples, spec_of(samples))
        budget = rate * samples.size / 8
        assert 0.97 * budget < size(streams) <= budget
        errors.append(mse(samples, codec.decode(streams, spec_of(samples))))
    assert max(errors) < samples.astype(float).var()


def test_what_is_not_given_is_chosen():
    samples = scene()
    for rate in (0.2, 1.0, 6.0):
        codec = GnnCodec(rate_bpppc=rate, steps=2, seconds=1e6)
        streams = codec.encode(samples, spec_of(samples))
        assert size(streams) <= rate * samples.size / 8
        plan, *_ = gnn_coding.read_network(streams["network"], spec_of(samples))
        assert plan == plan_within(samples.shape, gnn_encode._near(int(rate * samples.size / 8), 2) * 8)


@pytest.mark.parametrize("shape", [(205, 100, 100), (12, 21, 18), (1, 1, 1), (12, 1, 18), (100, 2048, 2048)])
@pytest.mark.parametrize("rate", [0.02, 0.2, 2.0])
def test_plans_are_legal_and_within_their_bits(shape, rate):
    bits = rate * np.prod(shape)
    plan = plan_within(shape, bits)
    assert plan.legal(shape)
    smallest = Plan(plan.blocks, 1, 1)
    assert plan.weights(shape) * 4.5 <= max(bits, 4.5 * smallest.weights(shape))


def test_the_search_fills_the_budget():
    random = np.random.default_rng(0)
    weights = {"a": random.normal(0, 1, (40, 30)).astype(np.float32), "b": random.normal(0, 9, 500).astype(np.float32)}
    natural, sizes = {"a": 1.0, "b": 3.0}, []

    def bytes_of(rounded):
        sizes.append(sum(int(np.ceil(np.log2(2 + np.abs(q.integers)).sum() / 8)) for q in rounded.values()))
        return sizes[-1]

    for budget in (500, 1000, 3000):
        sizes.clear()
        assert 0.99 * budget < bytes_of(rounded_within(weights, natural, bytes_of, budget)) <= budget
        assert len(sizes) < 20
    coarsest, finest = (rounded_within(weights, natural, bytes_of, budget) for budget in (1, 10**9))
    assert coarsest["a"].step > finest["a"].step
    assert not mse(finest["a"].values, weights["a"]) > 1e-8


def test_steps_follow_from_sensitivity():
    """A weight that counts four times as much is rounded half as coarsely."""
    samples = scene()
    scenes = scenes_of(samples, blocks=0, maps=2, channels=3)
    weights = gnn_fit.fit_free(scenes, gnn_fit.Settings(3, 1e6, 5e-3))[-1].best
    before = natural_steps(scenes, weights)
    assert set(before) == set(weights)
    assert all(step > 0 for step in before.values())
    scenes.half *= 2  # nothing depends on the unit of the samples
    assert natural_steps(scenes, weights) == before


def test_bytes_do_not_hang_on_what_was_coded_before():
    samples, rates = scene(), (1.0, 1.03)
    codecs = [GnnCodec(rate_bpppc=rate, **QUICK) for rate in rates]
    together = [codec.encode(samples, spec_of(samples)) for codec in codecs]
    assert gnn_encode._free._found
    for recent in (gnn_encode._free, gnn_encode._rounded):
        recent._found.clear()
    alone = [codec.encode(samples, spec_of(samples)) for codec in reversed(codecs)][::-1]
    assert together == alone


# --- the same samples everywhere --------------------------------------------------------------------


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("rectified", [True, False])
@pytest.mark.parametrize("shape", [(5, 9, 7), (3, 1, 6), (2, 1, 1)])
def test_convolutions_are_to_the_last_bit_as_the_reference_says(kernel, rectified, shape):
    random = np.random.default_rng(0)
    maps, bias = (random.normal(0, 1, s).astype(np.float32) for s in (shape, 4))
    weights = random.normal(0, 1, (4, shape[0], kernel, kernel)).astype(np.float32)
    found = convolved(maps, weights, bias, rectified)
    assert np.array_equal(found, convolved_reference(maps, weights, bias, rectified))
    assert (found >= 0).all() == rectified


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 1, 1), (2, 1, 6)])
def test_doubling_is_to_the_last_bit_as_the_reference_says(shape):
    maps = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
    assert np.array_equal(doubled(maps), doubled_reference(maps))


def network(blocks, kernel, rows=37, columns=61, maps=3, channels=5, bands=4):
    random = np.random.default_rng(blocks)
    inputs = [maps, *[channels] * (blocks + HEAD - 1)]

    def normal(*shape):
        return random.normal(0, 0.3, shape).astype(np.float32)

    layers = [(normal(channels, i, 3, 3), normal(channels)) for i in inputs]
    cube = normal(maps, cells_of(rows, blocks), cells_of(columns, blocks))
    return Network(cube, layers, normal(bands, channels, kernel, kernel), normal(bands), blocks)


@pytest.mark.parametrize("blocks", [0, 1, 2, 4])
@pytest.mark.parametrize("kernel", [1, 3])
def test_the_decoder_agrees_with_torch(blocks, kernel):
    made = network(blocks, kernel)
    ((block, found),) = made.generate(37, 61)
    layers = [(torch.from_numpy(w), torch.from_numpy(b)) for w, b in made.layers]
    cube, output, bias = (torch.from_numpy(t) for t in (made.cube, made.output, made.bias))
    expected = generate(cube, layers, output, bias, block).numpy()
    assert found.shape == expected.shape == (4, 37, 61)
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("blocks", [0, 1, 2, 4])
@pytest.mark.parametrize("kernel", [1, 3])
def test_blocks_of_a_larger_scene_are_the_whole(blocks, kernel):
    made = network(blocks, kernel)
    ((_, whole),) = made.generate(37, 61)
    pieces, parts = np.zeros_like(whole), 0
    for block, piece in made.generate(37, 61, edge=12):
        pieces[:, *block.pixels] = piece
        parts += 1
    assert parts > 3
    assert np.array_equal(pieces, whole)


def test_a_block_needs_no_more_than_its_surroundings():
    for blocks in range(5):
        for block in cut(1000, 700, blocks, 100):
            for axis in (block.y, block.x):
                window, kept = axis.window, axis.kept[1] - axis.kept[0]
                assert window.stop - window.start <= (kept >> blocks) + 8
                assert all(high - low <= kept + 8 for low, high in axis.needed)


def test_fitting_sees_blocks_of_a_large_scene(monkeypatch):
    monkeypatch.setattr(gnn_scenes, "EDGE", 12)
    samples = scene()
    scenes = scenes_of(samples)
    assert len(scenes.blocks) > gnn_scenes.PER_STEP
    drawn = scenes.drawn(0)
    assert all(len(next(drawn)) <= gnn_scenes.PER_STEP for _ in range(5))
    cover = np.zeros(samples.shape[1:], int)
    for _, block in scenes.blocks:
        cover[block.pixels] += 1
    assert (cover == 1).all()
    codec = GnnCodec(rate_bpppc=2.0, **(QUICK | {"steps": 40}))
    streams = codec.encode(samples, spec_of(samples))
    assert mse(samples, codec.decode(streams, spec_of(samples))) < 0.6 * samples.astype(float).var()


def test_decoding_needs_no_torch_and_does_not_hang_on_threads(tmp_path):
    samples, paths = scene(), []
    for n, codec in enumerate([GnnCodec(rate_bpppc=2.0, **QUICK), GnnCodec(rate_bpppc=4.0, published=True, **QUICK)]):
        paths.append(tmp_path / f"{n}.hyp")
        paths[-1].write_bytes(hypress.encode(samples, codec))
    assert len({elsewhere.checksums(paths, threads) for threads in (1, 2, 5)}) == 1


# --- the network ------------------------------------------------------------------------------------


def test_a_network_has_the_weights_that_its_plan_says():
    # With 64 maps and channels, B blocks of 512 × 512 × 256 samples cost what table 2 of the paper says, in megabytes
    # of 10⁶ bytes; the constant is what its convolutions after the last block must be, 64→64, 64→256 and 256→256.
    for blocks, published in [(2, 207), (3, 54.7), (4, 16.4), (5, 7.04), (6, 4.79), (7, 4.34)]:
        neurons = 64 * (512 >> blocks) ** 2
        weights = 51 * neurons + (blocks + 1) * (64 * 64 * 9) + 64 * 256 * 9 + 256 * 256 * 9
        assert 4 * weights / 2**20 == pytest.approx(published, rel=0.05)
    for kernel in (1, 3):
        plan = Plan(2, 3, 5, kernel)
        net = Gnn([Folded(plan.cube((7, 29, 34)))], 3, 5, 7, blocks=2, kernel=kernel)
        norms = sum(p.numel() for norm in net.norms for p in norm.parameters())
        assert plan.weights((7, 29, 34)) == sum(p.numel() for p in net.parameters()) - norms // 2


def test_normalisation_is_that_of_torch():
    maps = torch.randn(1, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(Norm(4)(maps), torch.nn.BatchNorm2d(4)(maps), atol=1e-6)
    assert torch.isfinite(Norm(4)(maps[:, :, :1, :1])).all()


@pytest.mark.parametrize("published", [False, True])
def test_normalisation_folds_into_the_convolutions(published):
    scenes = scenes_of(scene(), published=published)
    training = gnn_fit._Free(scenes, gnn_fit.Settings(1, 1e6, 1e-3, published=published))
    (block,) = scenes.blocks
    with torch.no_grad():
        expected = training.net(*block)
        found = scenes.generate(training.state(), *block)
    assert torch.allclose(found, expected, atol=1e-4)


def test_a_whole_first_layer_is_the_cube_it_yields():
    latent = gnn_key.latent(gnn_key.PUBLIC)
    full = Full((3, 4, 5), torch.from_numpy(latent))
    weights, bias = full.linear.weight.detach().numpy(), full.linear.bias.detach().numpy()
    rounded = {"first": quantise(weights, 200), "first bias": quantise(bias, 200)}
    cube = gnn_coding.read_first(gnn_coding.write_first(rounded), (3, 4, 5), latent)
    expected = rounded["first"].values @ latent + rounded["first bias"].values
    assert np.allclose(cube.ravel(), expected, atol=1e-5)


def test_latent_codes_are_normal_and_of_their_seed():
    codes = np.stack([gnn_key.latent(bytes([n]) * 32) for n in range(200)])
    assert codes.shape == (200, LATENT)
    assert abs(codes.mean()) < 0.05
    assert abs(codes.std() - 1) < 0.05
    assert len(np.unique(codes[:, 0])) == 200
    assert np.array_equal(codes * gnn_key.POINT, np.rint(codes * gnn_key.POINT))


# --- pruning ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("published", [False, True])
def test_the_lowest_neurons_are_removed_round_by_round(published):
    scenes = scenes_of(scene(), published=published, maps=6)
    training = gnn_fit._Free(scenes, gnn_fit.Settings(1, 1e6, 1e-3, published=published))
    (first,) = training.net.firsts
    for share in (0.25, 2 / 3):
        norms, gone = first.norms().numpy(), first.kept.numpy() == 0
        training.prune(share)
        kept = first.kept.numpy() > 0
        assert np.count_nonzero(~kept) == round(share * kept.size)
        assert not (kept & gone).any()
        assert norms[kept].min() >= norms[~kept & ~gone].max()


def test_removed_neurons_stay_removed_and_cost_nothing():
    samples, found = scene(), {}
    for pruned in (0.0, 2 / 3):
        scenes = scenes_of(samples, published=True, maps=8)
        settings = gnn_fit.Settings(20, 1e6, 3e-3, published=True, pruned=pruned)
        fits = gnn_fit.fit_free(scenes, settings)
        assert len(fits) == (1 + gnn_fit.ROUNDS if pruned else 1)
        weights = fits[-1].best
        steps = dict.fromkeys(weights, 2.0**-9)
        again = gnn_fit.fit_rounded(scenes, settings, weights, steps).best
        rounded = {name: quantise(t, 8 * (48 - 9)) for name, t in again.items()}
        found[pruned] = len(gnn_coding.write_first(rounded)), (again["first"] != 0).any(1)
    assert np.count_nonzero(~found[2 / 3][1]) == round(2 / 3 * found[2 / 3][1].size)
    assert found[2 / 3][0] < 0.36 * found[0.0][0]


def test_pruned_files_decode():
    samples = scene()
    codec = GnnCodec(rate_bpppc=4.0, published=True, pruned=0.5, **QUICK)
    streams = codec.encode(samples, spec_of(samples))
    cube = gnn_coding.read_first(streams["first"], (1, 1, 1), gnn_key.latent(gnn_key.PUBLIC))
    assert cube.shape == (1, 1, 1)
    assert codec.decode(streams, spec_of(samples)).shape == samples.shape


# --- secrets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("published", [False, True])
def test_a_scene_comes_back_only_with_its_secret(published):
    samples = scene()
    codec = GnnCodec(rate_bpppc=4.0, published=published, keyed=True, learning_rate=0.005, **QUICK)
    with pytest.raises(SecretError, match="needs its secret"):
        codec.encode(samples, spec_of(samples))
    with secret.use(1234):
        data = hypress.encode(samples, codec)
        decoded = hypress.decode(data)
        assert hypress.encode(samples, codec) == data
    with secret.use("1234"):
        assert np.array_equal(hypress.decode(data), decoded)
    with pytest.raises(SecretError, match="needs its secret"):
        hypress.decode(data)
    with secret.use(1235), pytest.raises(SecretError, match="not the secret"):
        hypress.decode(data)
    assert b"1234" not in data
    assert mse(samples, decoded) < samples.astype(float).var()


def test_what_a_file_says_without_its_secret_is_no_scene():
    """Whoever skips the check of the secret sees spectra, but not where they are."""
    samples = scene()
    codec = GnnCodec(rate_bpppc=4.0, keyed=True, blocks=0, **(QUICK | {"steps": 50}))
    with secret.use("it is"):
        streams = codec.encode(samples, spec_of(samples))
        decoded = codec.decode(streams, spec_of(samples))
    plan, low, high, layers = gnn_coding.read_network(streams["network"], spec_of(samples))
    cube = gnn_coding.read_cube(streams["first"], plan.cube(samples.shape), bytes(32))
    guessed = gnn_coding.samples_of(plan, layers, cube, low, high, spec_of(samples))

    def alike(other):
        bands = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(samples, other, strict=True) if b.std() > 0]
        return abs(float(np.mean(bands)))

    assert alike(decoded) > 0.8
    assert alike(guessed) < 0.15


def test_hidden_cubes_are_moved_evenly_and_come_back():
    integers = np.zeros((4, 30, 30), np.int32)
    integers[0] = 3
    hidden = gnn_key.hidden(integers, bytes(32), 3)
    assert np.array_equal(gnn_key.revealed(hidden, bytes(32), 3), integers)
    counts = np.bincount(hidden.ravel() + 3, minlength=7)
    assert counts.max() < 1.2 * counts.min()
    assert (gnn_key.hidden(integers, bytes([1]) * 32, 3) != hidden).any()


def test_two_files_are_never_hidden_by_one_sequence():
    assert gnn_key.bound(bytes(32), b"one network") != gnn_key.bound(bytes(32), b"another")


def test_secrets_reach_the_tiles_of_a_scene(tmp_path, cli):
    np.save(tmp_path / "a.npy", scene())
    (tmp_path / "key").write_text("correct horse\n")
    options = ["--codec", "gnn", "--set", "keyed=true", "--set", "steps=2", "--set", "channels=4"]
    options += ["--set", "rate_bpppc=4", "--tile", "16,34"]
    ran = cli("compress", tmp_path / "a.npy", tmp_path / "a.zarr", *options)
    assert ran.code == 2
    assert "--key-file" in ran.err
    ran = cli("compress", tmp_path / "a.npy", tmp_path / "a.zarr", *options, "--key-file", tmp_path / "key")
    assert ran.code == 0, ran.err
    store = hypress.open_scene(tmp_path / "a.zarr")
    with pytest.raises(SecretError):
        store.to_numpy()
    with secret.use("correct horse"):
        decoded = store.to_numpy()  # by threads of Dask
    for output, key, code in [("b.npy", "key", 0), ("c.npy", None, 2)]:
        given = [] if key is None else ["--key-file", tmp_path / key]
        assert cli("decompress", tmp_path / "a.zarr", tmp_path / output, *given).code == code
        assert cli("verify", tmp_path / "a.zarr", *given).code == code
        assert cli("compare", tmp_path / "a.npy", tmp_path / "a.zarr", "--no-ssim", *given).code == code
    assert np.array_equal(np.load(tmp_path / "b.npy"), decoded)
    assert not (tmp_path / "c.npy").exists()


# --- several scenes in one network ------------------------------------------------------------------


@pytest.fixture(scope="module")
def several():
    scenes = {3: scene(), 70: scene((16, 20, 41), seed=2), -1: scene()[:, ::-1, ::-1]}
    return scenes, gnn_many.encode(scenes, 2.0, channels=6, steps=60, seconds=1e6)


def test_each_scene_comes_back_by_its_integer(several):
    scenes, data = several
    assert gnn_many.numbers(data) == [3, 70, -1]
    samples = sum(s.size for s in scenes.values())
    assert 0.9 * 2.0 * samples < 8 * len(data) < 2.0 * samples + 8 * 120
    for number, wanted in scenes.items():
        found = gnn_many.decode(data, number)
        assert found.shape == wanted.shape
        assert found.dtype == wanted.dtype
        assert mse(found, wanted) < 0.6 * wanted.astype(float).var()
        others = [mse(found, other) for n, other in scenes.items() if n != number and other.shape == found.shape]
        assert all(mse(found, wanted) < other for other in others)
    with pytest.raises(ConfigurationError, match="no scene 4"):
        gnn_many.decode(data, 4)


def test_networks_of_several_scenes_are_not_trusted(several):
    _, data = several
    random = np.random.default_rng(0)
    for place in random.integers(0, len(data), 40):
        altered = bytearray(data)
        altered[place] ^= 1 << random.integers(8)
        for bad in (bytes(altered), data[:place]):
            try:
                found = [gnn_many.decode(bad, number) for number in gnn_many.numbers(bad)]
            except (CodestreamError, VersionError):
                continue
            raise AssertionError(f"byte {place} of {len(data)} went unnoticed: {len(found)}")
    with pytest.raises(LimitError):
        gnn_many.decode(data, 3, max_bytes=100)


def test_scenes_that_do_not_go_together_are_refused():
    one = scene((4, 9, 9))
    for others in ([one[:3]], [one.astype(np.int16)], [one.astype(np.float32)], [one[0]]):
        with pytest.raises(ConfigurationError):
            gnn_many.encode(dict(enumerate([one, *others])), 4.0)
    with pytest.raises(ConfigurationError):
        gnn_many.encode({}, 4.0)
    with pytest.raises(ConfigurationError, match="too small"):
        gnn_many.encode({0: scene((4, 40, 40)), 1: one}, 4.0, blocks=4)


# --- what may go wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize("published", [False, True])
def test_a_diverging_fit_says_so(published):
    samples = scene()
    codec = GnnCodec(rate_bpppc=4.0, published=published, power=4.0, learning_rate=1.0, steps=3000, channels=8)
    with pytest.raises(ConfigurationError, match=r"diverged: .* a lower learning rate may help"):
        codec.encode(samples, spec_of(samples))


def test_no_time_left_gives_what_there_is():
    samples = scene()
    data = hypress.encode(samples, GnnCodec(steps=10**6, seconds=1e-3, channels=4), hypress.Rate(bpppc=4))
    assert 8 * len(data) <= 4 * samples.size
    assert hypress.decode(data).shape == samples.shape


@pytest.mark.parametrize(
    ("shape", "blocks", "says"),
    [((3, 1, 1), 1, "only 0 works"), ((3, 9, 5), 4, "0 to 3 work"), ((3, 20, 60), 7, "0 to 5 work")],
)
def test_scenes_too_small_for_the_blocks_are_refused(shape, blocks, says):
    samples = scene(shape)
    with pytest.raises(ConfigurationError, match=says):
        GnnCodec(blocks=blocks).encode(samples, spec_of(samples))


def test_streams_that_promise_too_much_are_refused():
    samples = scene()
    codec = GnnCodec(rate_bpppc=2.0, steps=1, channels=4)
    good = codec.encode(samples, spec_of(samples))
    rest = good["network"][gnn_coding.HEAD.size :]
    for head in [
        (8, 4, 4, 1, 0, 9),
        (1, 0, 4, 1, 0, 9),
        (1, 4, 9999, 1, 0, 9),
        (1, 4, 4, 2, 0, 9),
        (0, 999, 4, 1, 0, 9),
    ]:
        with pytest.raises(CodestreamError, match="no network"):
            codec.decode(good | {"network": gnn_coding.HEAD.pack(*head) + rest}, spec_of(samples))
    for head in [(1, 4, 4, 1, 9, 0), (1, 4, 4, 1, 0, 1 << 40)]:
        with pytest.raises(CodestreamError, match="no network"):
            codec.decode(good | {"network": gnn_coding.HEAD.pack(*head) + rest}, spec_of(samples))
    for streams in ({"network": good["network"]}, good | {"key": b""}):
        with pytest.raises(CodestreamError, match="needs the streams"):
            codec.decode(streams, spec_of(samples))
    with pytest.raises(CodestreamError, match="32"):
        codec.turned(keyed=True).decode(good | {"key": b"short"}, spec_of(samples))
    with pytest.raises(CodestreamError, match="within"):
        gnn_coding.read_cube(
            gnn_coding.RANGE.pack(1) + gnn_coding.write_cube(Quantised(np.full((1, 2, 2), 5, np.int32), 9), None),
            (1, 2, 2),
            bytes(32),
        )


def test_what_is_masked_costs_little_and_comes_back():
    samples = scene().astype(np.float32)
    holes = samples.copy()
    holes[:, 5:15, 8:30] = np.nan
    codec = GnnCodec(rate_bpppc=2.0, blocks=1, **(QUICK | {"steps": 40}))
    error = {}
    for name, given in (("whole", samples), ("holes", holes)):
        decoded = hypress.decode(hypress.encode(given, codec))
        assert np.array_equal(np.isnan(decoded), np.isnan(given))
        valid = ~np.isnan(holes)
        error[name] = mse(decoded[valid], samples[valid])
    assert error["holes"] < 1.5 * error["whole"]


def test_the_evolution_can_be_watched(tmp_path, cli):
    np.save(tmp_path / "a.npy", scene())
    options = ["--codec", "gnn", "--set", "steps=60", "--set", "channels=6", "--set", "rate_bpppc=2", "--tile", "16,34"]
    ran = cli("compress", tmp_path / "a.npy", tmp_path / "a.zarr", *options, "--history", tmp_path / "h", "--json")
    assert ran.code == 0, ran.err
    lines = [json.loads(line) for line in (tmp_path / "h" / history.METRICS).read_text().splitlines()]
    assert {line["task"] for line in lines} == {"gnn", "gnn, rounded"}
    assert len({line["fit"] for line in lines}) >= 4  # two tiles
    for line in lines:
        assert (tmp_path / "h" / line["image"]).read_bytes().startswith(b"\x89PNG")
        assert line["entropy_bits"] <= 8
    first, *_, last = [line for line in lines if line["fit"] == 1]
    assert last["psnr_db"] > first["psnr_db"]
    gap = [abs(line["entropy_bits"] - line["original_entropy_bits"]) for line in (first, last)]
    assert gap[1] < gap[0]


def test_the_codestream_says_how_to_decode_it():
    samples = scene()
    header, streams = unpack(hypress.encode(samples, GnnCodec(rate_bpppc=4.0, steps=1, channels=3, published=True)))
    assert header.configuration["published"] is True
    assert hypress.decode(pack(header, streams)).shape == samples.shape
