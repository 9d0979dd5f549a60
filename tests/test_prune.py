"""Pruning: what goes, when, that latents and bands stay, and that the weights are ordinary weights afterwards."""

import copy
import json

import numpy as np
import pytest

import hypress
from hypress.codec import Spec
from hypress.errors import ConfigurationError, OutputExistsError, WeightsError

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")
pytest.importorskip("torch_pruning")

from torch import nn  # noqa: E402

from edge_weights import SMALL, write_scenes, write_weights  # noqa: E402
from hypress.jobs.prune import Pruning, prune  # noqa: E402
from hypress.neural import packed, pretrained  # noqa: E402
from hypress.neural.nets.gdn import Gdn  # noqa: E402
from hypress.prune import choice, eight, networks, schedules  # noqa: E402
from hypress.prune.counts import counts  # noqa: E402
from hypress.prune.criteria import CRITERIA, Criterion, of_channels  # noqa: E402
from hypress.prune.groups import groups, remove  # noqa: E402
from hypress.prune.lowrank import make_low_rank  # noqa: E402
from hypress.prune.masks import Masked, Plan  # noqa: E402
from hypress.prune.tuning import SAME, TAUGHT, teacher  # noqa: E402

CODECS = list(SMALL)
AUTOENCODERS = ["cae1d", "cae3d", "sscnet"]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    return write_scenes(tmp_path_factory.mktemp("data") / "scenes")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    return {codec: write_weights(codec, folder) for codec in CODECS}


def network(codec):
    torch.manual_seed(0)
    net = networks.build(codec, SMALL[codec]).eval()
    for name, parameter in net.named_parameters():
        if ".1." in name or parameter.dim() == 1:
            nn.init.uniform_(parameter, 0.5, 1.5)
    return net


def ran(net):
    """What each chain makes of the same noise."""
    random = torch.Generator().manual_seed(3)
    with torch.no_grad():
        return {
            name: chain(torch.rand(networks.example(chain).shape, generator=random))
            for name, chain in networks.chains(net).items()
        }


# --- channels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", CODECS)
def test_a_channel_removed_is_a_channel_that_was_zero(codec):
    net = network(codec)
    plan = Plan(0.4, "channel", "global", "l1", "one_shot", 1)
    masked = Masked(nn.Identity(), net, plan, Criterion("l1", net)).train()
    before = sum(p.numel() for p in net.parameters())
    masked.advance()
    masked.hold()
    zeroed = ran(net)
    narrow = masked.pruned()
    assert sum(p.numel() for p in narrow.parameters()) <= 0.6 * before
    for name, values in ran(narrow).items():
        assert values.shape == zeroed[name].shape
        assert (values - zeroed[name]).abs().max() <= 3e-5 * zeroed[name].abs().max(), name


@pytest.mark.parametrize("codec", CODECS)
def test_a_narrow_network_is_built_again_from_its_card(codec):
    net = network(codec)
    remove(net, {group.name: [0, 2, 3] for group in groups(net)})
    architecture = networks.architecture(net, SMALL[codec])
    again = networks.build(codec, json.loads(json.dumps(architecture))).eval()
    again.load_state_dict(net.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(ran(net).values(), ran(again).values(), strict=True))


@pytest.mark.parametrize("form", [{"squeeze": "encoder"}, {"cubes": "everywhere", "squeeze": "norms", "blocks": 2}])
def test_the_other_placements_are_narrowed_too(form):
    torch.manual_seed(0)
    net = networks.build("hific", SMALL["hific"] | form).eval()
    masked = Masked(
        nn.Identity(), net, Plan(0.4, "channel", "local", "l1", "one_shot", 1), Criterion("l1", net)
    ).train()
    masked.advance()
    narrow = masked.pruned()
    assert sum(p.numel() for p in narrow.parameters()) <= 0.6 * sum(p.numel() for p in net.parameters())
    for name, values in ran(narrow).items():
        expected = ran(net)[name]
        assert (values - expected).abs().max() <= 3e-5 * expected.abs().max(), name
    again = networks.build("hific", networks.architecture(narrow, SMALL["hific"] | form))
    again.load_state_dict(narrow.state_dict())


def test_3d_convolutions_lose_whole_maps_and_squeezes_neurons():
    net = networks.build("hific", SMALL["hific"] | {"cubes": "ends", "squeeze": "norms"}).eval()
    first, norm, squeeze, *_ = net.encoder
    neurons, kept = squeeze.down.weight.detach().clone(), [0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15]
    remove(net, {"encoder.0": [1], "encoder.2": [0, 3]})
    assert first.windows.out_channels == 3
    assert len(norm.scale) == 12
    assert norm.of == 16
    assert torch.equal(net.encoder[2].down.weight, neurons[[1, 2, 4, 5, 6, 7]][:, kept])
    assert net.encoder[4].in_channels == 12


def test_a_gdn_loses_a_row_and_a_column():
    net = network("bandwise")
    before = net.analysis[1]
    beta, gamma = before.beta.detach().clone(), before.gamma.detach().clone()
    remove(net, {"analysis.0": [1, 5]})
    after, kept = net.analysis[1], [i for i in range(12) if i not in (1, 5)]
    assert isinstance(after, Gdn)
    assert torch.equal(after.beta, beta[kept])
    assert torch.equal(after.gamma, gamma[kept][:, kept])
    assert net.synthesis[1].beta.shape == (12,)


@pytest.mark.parametrize("context", choice.CONTEXTS)
@pytest.mark.parametrize("codec", CODECS)
def test_the_ratio_of_parameters_is_reached_and_not_far_exceeded(codec, context):
    net = network(codec)
    found, total = groups(net), sum(p.numel() for p in net.parameters())
    masks = choice.channels(net, found, Criterion("l2", net).scores(net), 0.426, context)
    remove(net, {name: torch.nonzero(~mask)[:, 0].tolist() for name, mask in masks.items()})
    left = sum(p.numel() for p in net.parameters()) / total
    assert 0.426 <= 1 - left < 0.55
    assert all(mask.any() for mask in masks.values())


def test_wide_layers_keep_a_multiple_of_eight():
    net = networks.build("sscnet", {"bands": 12, "latents": 6})
    found = groups(net)
    masks = choice.channels(net, found, Criterion("l1", net).scores(net), 0.5, "local")
    assert all(int(mask.sum()) % 8 == 0 for mask in masks.values())


@pytest.mark.parametrize("context", choice.CONTEXTS)
def test_what_rounding_takes_too_much_is_given_back(context):
    net = networks.build("sscnet", {"bands": 12, "latents": 6})
    found, total = groups(net), sum(p.numel() for p in net.parameters())
    masks = choice.channels(net, found, Criterion("l1", net).scores(net), 0.426, context)
    remove(net, {name: torch.nonzero(~mask)[:, 0].tolist() for name, mask in masks.items()})
    assert 0.426 <= 1 - sum(p.numel() for p in net.parameters()) / total < 0.429


@pytest.mark.parametrize("codec", ["sscnet", "cae1d", "bandwise"])
def test_what_is_gone_stays_gone(codec):
    net = network(codec)
    found, scores = groups(net), Criterion("l1", net).scores(net)
    masks = None
    for ratio in np.linspace(0.05, 0.6, 40):
        after = choice.channels(net, found, scores, ratio, "local", masks)
        assert masks is None or all((masks[name] | ~mask).all() for name, mask in after.items())
        masks = after


def test_too_much_is_refused_with_what_would_work():
    net = network("sscnet")
    with pytest.raises(ConfigurationError, match=r"ratio 0\.999.*latents and bands stay"):
        choice.channels(net, groups(net), Criterion("l1", net).scores(net), 0.999, "local")


# --- criteria ---------------------------------------------------------------------------------------


def test_criteria_are_what_their_papers_say():
    net = network("sscnet")
    layer = net.encoder[0]
    for parameter in net.parameters():
        parameter.grad = torch.full_like(parameter, 2.0)
    for name, expected in (
        ("l1", layer.weight.abs()), ("l2", layer.weight**2), ("taylor", 2 * layer.weight.abs()),
        ("movement", -2 * layer.weight),
    ):  # fmt: skip
        criterion = Criterion(name, net)
        criterion.see(net)
        assert torch.allclose(criterion.scores(net)["encoder.0.weight"], expected), name
    one, same, other = (Criterion("random", net, seed).scores(net)["encoder.0.weight"] for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    with pytest.raises(ConfigurationError, match=r"'size'.*taylor"):
        Criterion("size", net)
    assert set(CRITERIA) == {"l1", "l2", "movement", "taylor", "random"}


def test_the_channel_that_is_least_goes_first():
    net = network("sscnet")
    with torch.no_grad():
        for parameter in (net.encoder[0].weight, net.encoder[0].bias):
            parameter[7] *= 1e-3
        net.encoder[2].weight[:, 7] *= 1e-3
    group = groups(net)[0]
    assert int(of_channels(group, Criterion("l1", net).scores(net)).argmin()) == 7


# --- schedules --------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", schedules.SCHEDULES)
def test_schedules_rise_to_all_and_leave_time_to_heal(schedule):
    shares = [schedules.done(schedule, t / 100) for t in range(101)]
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)
    assert shares[75:] == pytest.approx([1.0] * 26)
    assert (shares[0] == 1) == (schedule == "one_shot")


def test_schedules_follow_their_formulas():
    assert [schedules.done("iterative", t) for t in (0, 0.24, 0.26, 0.51, 0.75)] == [0.25, 0.25, 0.5, 0.75, 1]
    assert schedules.done("agp", 0.375) == pytest.approx(1 - 0.5**3)
    assert schedules.done("one_cycle", 0.375) == pytest.approx((1 + np.exp(-9)) / (1 + np.exp(-2)))
    with pytest.raises(ConfigurationError, match=r"'weekly'.*one_cycle"):
        schedules.done("weekly", 0.5)


# --- files with fewer bytes ---------------------------------------------------------------------------


def test_packed_tensors_come_back():
    random = np.random.default_rng(0)
    dense, sparse = random.normal(size=(8, 6, 3, 3)).astype(np.float16), random.normal(size=(40, 50)).astype(np.float16)
    sparse[random.random(sparse.shape) < 0.9] = 0
    given = {"dense": dense, "sparse": sparse, "bias": np.zeros(5, np.float16), "empty": np.zeros((0, 3), np.float32)}
    stored = packed.packed(given)
    again = packed.unpacked(stored)
    assert set(again) == set(given)
    assert all(np.array_equal(again[key], given[key]) for key in given)
    places = len(stored["sparse::places"])
    share = np.mean(sparse != 0)
    entropy = -(share * np.log2(share) + (1 - share) * np.log2(1 - share))
    assert places <= entropy * sparse.size / 8 + 8
    eight = packed.packed(given, {"dense": 1, "sparse": 0})
    assert eight["dense::values"].dtype == np.int8
    back = packed.unpacked(eight)["dense"]
    assert (np.abs(back - dense).max(axis=(0, 2, 3)) <= 1.01 * np.abs(dense).max(axis=(0, 2, 3)) / 254).all()


def test_damaged_packing_is_told():
    stored = packed.packed({"a": np.eye(30, dtype=np.float32)})
    about = stored["a::about"]
    for wrong in (
        {"a::values": stored["a::values"][:-1]},
        {"a::about": np.array([about[0], 1 << 40, 30])},
        {"a::about": np.array([0, 30, 30])},
        {"a::about": np.array([about[0], -1, 30])},
        {"a::scales": np.ones((7, 1), np.float32)},
    ):
        with pytest.raises(ValueError):
            packed.unpacked(stored | wrong)


@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_biases_make_good_what_eight_bits_do_to_the_mean(kind):
    class Module(nn.Module):
        def forward(self, batch):
            return net(batch["maps"])

    torch.manual_seed(0)
    net = nn.Sequential(kind(24, 16, 3, padding=1).half().float())  # as files hold it
    batches = [{"maps": 5 + torch.rand(2, 24, 40, 40)} for _ in range(3)]
    bias = eight.biases(net, Module(), batches)["0.bias"]
    with torch.no_grad():
        expected = net(batches[0]["maps"])
        values, scales = packed.eight_bits(net[0].weight.numpy(), eight.channels(net)["0.weight"])
        net[0].weight.copy_(torch.from_numpy(values * scales))
        errors = [(net(batches[0]["maps"]) - expected).mean((0, 2, 3)).abs().max()]
        net[0].bias.copy_(torch.from_numpy(bias))
        errors.append((net(batches[0]["maps"]) - expected).mean((0, 2, 3)).abs().max())
    assert errors[1] < 0.3 * errors[0]


def test_small_layers_are_left_as_they_are():
    net = networks.build("hific", SMALL["hific"])
    axes = eight.channels(net)
    assert axes["generator.head.1.weight"] == 0
    assert axes["generator.tail.0.weight"] == 1
    assert "generator.tail.9.weight" not in axes
    assert not any("synthesis" in name for name in axes)


# --- the whole way ------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", CODECS)
def test_pruned_weights_are_ordinary_weights(codec, weights, scenes, tmp_path):
    out = tmp_path / "small.safetensors"
    done = prune(str(weights[codec]), out, [scenes], Pruning(0.4, fine_tune="2", distil=True))
    before, _, tuned = done.stages
    assert tuned["parameters"] <= 0.6 * before["parameters"]
    assert tuned["macs_per_sample"] < before["macs_per_sample"]
    assert out.stat().st_size < weights[codec].stat().st_size
    assert (done.scenes, done.held_out, done.steps) == (1, True, 2)
    samples = np.load(scenes / "one.npy")
    data = hypress.encode(samples, hypress.find_codec(codec)(weights=str(out)))
    assert hypress.decode(data).shape == samples.shape
    report = json.loads(out.with_suffix(".json").read_text())
    assert [stage["stage"] for stage in report["stages"]] == ["original", "pruned", "fine-tuned"]
    assert out.with_suffix(".svg").read_text().startswith("<svg")
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".csv", ".json", ".safetensors", ".svg"]
    if codec in AUTOENCODERS:
        spec = Spec(samples.shape, "uint16", 16)
        old, new = (
            hypress.find_codec(codec)()._net(pretrained.named(str(p))).maps(spec) for p in (weights[codec], out)
        )
        assert old == new


@pytest.mark.parametrize("codec", ["bandwise", "cae1d"])
def test_single_weights_are_not_stored_when_they_are_zero(codec, weights, scenes, tmp_path):
    out = tmp_path / "sparse.safetensors"
    how = Pruning(0.8, granularity="weight", context="global", schedule="agp", fine_tune="8")
    _, pruned, tuned = prune(str(weights[codec]), out, [scenes], how).stages
    net = networks.load(pretrained.read(out), fit=False)
    kernels = [p for p in net.parameters() if p.dim() > 2]
    zeros = sum(int((p == 0).sum()) for p in kernels) / sum(p.numel() for p in kernels)
    assert zeros > 0.7
    assert tuned["parameters"] == pruned["parameters"]
    assert tuned["nonzero"] < 0.5 * tuned["parameters"]
    if codec == "cae1d":  # the other also holds tables and gains
        assert tuned["bytes"] < 0.5 * weights[codec].stat().st_size


@pytest.mark.parametrize(("schedule", "criterion"), [("one_cycle", "taylor"), ("iterative", "movement")])
def test_channels_go_while_the_network_learns(schedule, criterion, weights, scenes, tmp_path):
    how = Pruning(0.4, context="global", schedule=schedule, criterion=criterion, fine_tune="8")
    out = tmp_path / "w.safetensors"
    stages = prune(str(weights["sscnet"]), out, [scenes], how).stages
    assert stages[-1]["parameters"] <= 0.6 * stages[0]["parameters"]
    measured = pretrained.read(out).card.measured
    assert measured["loss"] < 1e5  # no network that was pruned too little was kept


def test_low_rank_and_eight_bits_go_with_pruning(weights, scenes, tmp_path):
    out = tmp_path / "w.safetensors"
    how = Pruning(0.2, low_rank=0.5, int8=True, fine_tune="2")
    stages = prune(str(weights["cae1d"]), out, [scenes], how).stages
    card = pretrained.read(out).card
    assert card.architecture["ranks"]
    assert card.compressed["int8"]
    assert card.compressed["of"] == pretrained.read(weights["cae1d"]).digest.hex()
    assert stages[-1]["stage"] == "int8"
    assert stages[-1]["bytes"] < 0.8 * stages[-2]["bytes"]
    assert stages[-1]["psnr_db"] == pytest.approx(stages[-2]["psnr_db"], abs=0.5)
    # Once more: what was pruned, factorised and quantised is weights like others.
    prune(str(out), tmp_path / "again.safetensors", [scenes], Pruning(0.2))


def test_a_killed_pruning_ends_where_it_would_have(weights, scenes, tmp_path):
    from hypress.progress import listen

    class KilledError(Exception):
        pass

    def kill(step):
        if step.task == "train" and step.done >= 5:
            raise KilledError

    how = Pruning(0.4, schedule="agp", criterion="movement", fine_tune="8")
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    changes = {"validate_every": 2, "checkpoint_every": 2}
    prune(str(weights["cae1d"]), whole, [scenes], how, changes=changes)
    with pytest.raises(KilledError), listen(kill):
        prune(str(weights["cae1d"]), parts, [scenes], how, changes=changes)
    prune(str(weights["cae1d"]), parts, [scenes], how, changes=changes, resume=True)
    first, second = (pretrained.read(p).tensors for p in (whole, parts))
    assert all(np.array_equal(first[key], second[key]) for key in first)


# --- parts ----------------------------------------------------------------------------------------------


def test_a_layer_of_low_rank_loses_nothing_where_two_are_enough():
    torch.manual_seed(0)
    for kind in (nn.Conv2d, nn.ConvTranspose2d):
        layer = kind(24, 24, 3, padding=1)
        thin = torch.einsum("ar,rbyx->abyx", torch.randn(24, 5), torch.randn(5, 24, 3, 3))
        with torch.no_grad():
            layer.weight.copy_(thin if kind is nn.Conv2d else thin.transpose(0, 1))
        net = nn.Sequential(layer)
        maps = torch.rand(1, 24, 6, 7)
        expected = net(maps)
        ranks = make_low_rank(net, 0.25)
        assert 5 <= ranks["0"] < 24
        assert torch.allclose(net(maps), expected, atol=1e-3)


@pytest.mark.parametrize("codec", ["bandwise", "hific"])
def test_what_decides_probabilities_keeps_its_rank(codec, weights, scenes, tmp_path, monkeypatch):
    monkeypatch.setattr("hypress.prune.lowrank.LEAST", 100)
    out = tmp_path / "thin.safetensors"
    before, thin = prune(str(weights[codec]), out, [scenes], Pruning(0, low_rank=0.5, int8=True)).stages[:2]
    assert thin["parameters"] < 0.9 * before["parameters"]
    ranks = pretrained.read(out).card.architecture["ranks"]
    assert {name.split(".")[0] for name in ranks} <= {"analysis", "synthesis", "encoder", "generator", "hyper_analysis"}
    samples = np.load(scenes / "one.npy")
    data = hypress.encode(samples, hypress.find_codec(codec)(weights=str(out)))
    assert hypress.decode(data).shape == samples.shape
    first, second = (pretrained.read(path).tensors for path in (weights[codec], out))
    assert all(np.array_equal(first[key], second[key]) for key in first if "integer." in key)


def test_a_teacher_has_nothing_to_say_to_its_equal():
    net = network("sscnet").train()
    term = teacher(net, copy.deepcopy(net))
    net(torch.rand(1, 12, 16, 16))
    assert term().item() == pytest.approx(TAUGHT * np.log(SAME), rel=1e-3)
    with torch.no_grad():
        net.encoder[0].weight.mul_(3)
    net(torch.rand(1, 12, 16, 16))
    assert term().item() > TAUGHT * np.log(SAME) + 0.5


@pytest.mark.parametrize("codec", ["bandwise", "hific_se"])
def test_networks_with_a_hyperprior_can_be_trained_again_from_their_files(codec, weights):
    found = pretrained.read(weights[codec])
    again = networks.tensors(networks.load(found))
    for key, tensor in found.tensors.items():
        if "prior" not in key:
            scale = float(np.abs(tensor).max()) or 1
            assert np.abs(again[key].astype(float) - tensor).max() <= 1e-4 * scale, key
    (table,) = (key for key in found.tensors if key.endswith("prior.cumulative"))
    costs = [np.log2(65536 / np.diff(t[table].astype(int)).clip(1)).mean() for t in (found.tensors, again)]
    assert costs[1] == pytest.approx(costs[0], rel=0.1)


def test_macs_are_those_of_the_layers():
    net = networks.build("sscnet", {"bands": 5, "latents": 3, "widths": [4, 6, 7, 8, 9, 10, 11, 12]})
    full, half, quarter, eighth = 1, 1 / 4, 1 / 16, 1 / 64
    per_pixel = (
        9 * (5 * 4 + 4 * 6) * full + 9 * 6 * 7 * half + 9 * 7 * 8 * quarter + 9 * 8 * 3 * eighth
        + 9 * 3 * 9 * eighth + 4 * 9 * 10 * eighth + 4 * 10 * 11 * quarter + 4 * 11 * 12 * half + 9 * 12 * 5 * full
    )  # fmt: skip
    assert counts(net).macs_per_sample == pytest.approx(per_pixel / 5)
    assert counts(networks.build("sscnet", {})).parameters == 13_783_242


# --- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "says"),
    [
        (Pruning(1.0), "below 1, not 1"),
        (Pruning(-0.1), "at least 0"),
        (Pruning(criterion="size"), "no criterion 'size'; there are: l1"),
        (Pruning(granularity="kernel"), "no granularity 'kernel'; there are: channel, weight"),
        (Pruning(context="universal"), "no context"),
        (Pruning(schedule="weekly"), "no schedule"),
        (Pruning(schedule="agp"), "say for how many steps"),
        (Pruning(fine_tune="long"), "such as 500 or 3epochs"),
        (Pruning(low_rank=1.5), "between 0 and 1"),
    ],
)
def test_wrong_wishes_are_one_sentence(how, says, weights, scenes, tmp_path):
    with pytest.raises(ConfigurationError, match=says):
        prune(str(weights["sscnet"]), tmp_path / "w.safetensors", [scenes], how)


def test_wrong_files_are_one_sentence(weights, scenes, tmp_path):
    out = tmp_path / "w.safetensors"
    with pytest.raises(ConfigurationError, match="give --data"):
        prune(str(weights["sscnet"]), out, [])
    with pytest.raises(WeightsError, match="nothing_of_the_kind"):
        prune("nothing_of_the_kind", out, [scenes])
    with pytest.raises(ConfigurationError, match="safetensors"):
        prune(str(weights["sscnet"]), tmp_path / "w.bin", [scenes])
    out.write_bytes(b"")
    with pytest.raises(OutputExistsError):
        prune(str(weights["sscnet"]), out, [scenes])
    foreign = tmp_path / "foreign.safetensors"
    pretrained.write(foreign, {"a": np.ones(3)}, pretrained.Card(codec="gnn", architecture={}))
    with pytest.raises(ConfigurationError, match="for codec gnn; bandwise, cae1d"):
        prune(str(foreign), out, [scenes], overwrite=True)


def test_the_command_tells_what_came_of_it(cli, weights, scenes, tmp_path):
    out = tmp_path / "w.safetensors"
    ran = cli("prune", weights["cae1d"], "--data", scenes, "--ratio", "0.3", "--out", out)
    assert ran.code == 0, ran.err
    assert "original" in ran.out
    assert "pruned" in ran.out
    zeros = ("--granularity", "weight", "--out", tmp_path / "z.safetensors")
    assert cli("prune", weights["cae1d"], "--data", scenes, "--ratio", "0.9", *zeros).code == 0
    assert (tmp_path / "z.safetensors").stat().st_size < 0.5 * weights["cae1d"].stat().st_size
    refused = cli("prune", weights["cae1d"], "--data", scenes, "--ratio", "2", "--out", out, "--overwrite")
    assert refused.code == 2
    assert refused.err.strip().count("\n") == 0
