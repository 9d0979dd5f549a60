"""HiFiC: the published sizes, the control of its rate, its schedule, and integers that hang on nothing."""

import csv
from pathlib import Path

import msgspec
import numpy as np
import pytest

import elsewhere
import hypress
from counted_bits import count_bits
from hypress.codec import Spec
from hypress.codestream import unpack
from hypress.errors import CodestreamError, ConfigurationError, GoalError, WeightsError
from hypress.testing import gallery

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors.torch import save_file  # noqa: E402

from hypress.jobs.train import train  # noqa: E402
from hypress.neural import pretrained  # noqa: E402
from hypress.neural.hific import coding as hific_coding  # noqa: E402
from hypress.neural.hific.bands import Bands, resampled, resampling  # noqa: E402
from hypress.neural.hific.model import UNIT, HificModel, tensors_of  # noqa: E402
from hypress.neural.nets.cubes import Joined, Windows  # noqa: E402
from hypress.neural.nets.hific import ChannelNorm, Hific, Squeeze, latent_bits  # noqa: E402
from hypress.neural.nets.hific_sizes import DEPTH, Architecture  # noqa: E402
from hypress.neural.nets.patchgan import PatchGan  # noqa: E402
from hypress.train.hific import HificTraining, WithLosses  # noqa: E402
from hypress.train.losses import RateControl, similarity  # noqa: E402
from hypress.train.perceptual import Derivatives, Photographic  # noqa: E402
from hypress.train.recipe import Generative, recipe  # noqa: E402
from hypress.train.scenes import TrainingScene  # noqa: E402

CODECS = ["hific", "hific_se", "hific_3d"]
TINY = {"width": 0.05, "bands": 16, "latents": 8, "hyper": 8, "blocks": 1}
QUICK = {
    "architecture": TINY, "steps": 5, "batch": 2, "patch": 16, "validate_every": 3, "checkpoint_every": 2, "warmup": 2,
    "validation": [], "precision": "float32", "generative": {"discriminator_width": 0.1, "adversarial_from": 0.5},
}  # fmt: skip


def realistic(repeated=1):
    return np.tile(next(c for c in gallery() if c.name == "realistic").samples, (1, repeated, repeated))


def parameters(net):
    return sum(p.numel() for p in net.parameters())


def default(codec):
    return hypress.find_codec(codec)()


# --- networks -----------------------------------------------------------------------------------------------


def test_the_published_sizes():
    net = Hific(Architecture(bands=3))
    convolutions = [m for m in net.encoder if isinstance(m, torch.nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == [60, 120, 240, 480, 960, 220]
    assert [c.kernel_size[0] for c in convolutions] == [7, 3, 3, 3, 3, 3]
    assert [c.stride[0] for c in convolutions] == [1, 2, 2, 2, 2, 1]
    assert len(net.generator.blocks) == 9
    # Two 3 × 3 convolutions with biases, and two norms, in each block.
    assert parameters(net.generator.blocks) == 9 * (2 * (960 * 960 * 9 + 960) + 4 * 960)
    tail = [m for m in net.generator.tail if isinstance(m, torch.nn.ConvTranspose2d)]
    assert [c.out_channels for c in tail] == [480, 240, 120, 60]
    assert net.generator.tail[-1].weight.shape == (3, 60, 7, 7)
    hyper = [m for m in net.hyper_analysis if isinstance(m, torch.nn.Conv2d)]
    assert [(c.out_channels, c.kernel_size[0], c.stride[0]) for c in hyper] == [(320, 3, 1), (320, 5, 2), (320, 5, 2)]
    for synthesis in (net.mean_synthesis, net.scale_synthesis):
        layers = [m for m in synthesis if not isinstance(m, torch.nn.ReLU)]
        assert [(c.out_channels, c.kernel_size[0], c.stride[0]) for c in layers] == [
            (320, 5, 2), (320, 5, 2), (220, 3, 1),
        ]  # fmt: skip


def test_the_published_discriminator():
    net = PatchGan(3, 220)
    layers = [m for m in net.layers if isinstance(m, torch.nn.Conv2d)]
    assert [(c.out_channels, c.kernel_size[0], c.stride[0]) for c in layers] == [
        (64, 4, 2), (128, 4, 2), (256, 4, 2), (512, 4, 1), (1, 4, 1),
    ]  # fmt: skip
    assert net.condition[0].out_channels == 12
    assert layers[0].in_channels == 3 + 12
    logits = net(torch.rand(2, 3, 64, 64), torch.rand(2, 220, 4, 4))
    assert logits.shape == (2, 1, 8, 8)
    # Spectral normalisation: once its power iteration has settled, no direction is stretched.
    for _ in range(50):
        net(torch.rand(1, 3, 64, 64), torch.rand(1, 220, 4, 4))
    for layer in layers:
        assert float(torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("squeeze", ["nowhere", "first", "encoder", "norms"])
@pytest.mark.parametrize("cubes", ["nowhere", "ends", "everywhere"])
def test_every_placement_codes(squeeze, cubes):
    net = Hific(Architecture(**TINY, squeeze=squeeze, cubes=cubes))
    decoded, latents, bits, taken = net(torch.rand(2, 16, 32, 48), torch.tensor([0.0, 3.5]))
    assert decoded.shape == (2, 16, 32, 48)
    assert latents.shape == (2, 8, 2, 3)
    assert bits.shape == taken.shape == (2,)
    assert torch.isfinite(decoded).all()
    (decoded.square().mean() + bits.mean()).backward()
    assert all(p.grad is not None for p in net.parameters())


@pytest.mark.parametrize("form", [{}, {"squeeze": "norms"}, {"cubes": "ends"}, {"cubes": "everywhere"}])
def test_the_network_begins_as_a_transform(form):
    torch.manual_seed(0)
    net = Hific(Architecture(width=0.25, latents=120, hyper=8, blocks=1, **form)).eval()
    places = torch.nn.functional.interpolate(torch.randn(1, 3, 6, 6), (96, 96), mode="bilinear")
    spectra = torch.cos(torch.linspace(0, 3, 32)[:, None] * torch.arange(3))
    images = torch.einsum("bk,nkyx->nbyx", spectra, places)
    with torch.no_grad():
        decoded = net.generator(net.encoder(images))
    together = torch.corrcoef(torch.stack([decoded.flatten(), images.flatten()]))
    assert float(together[0, 1]) > 0.9


def test_squeezes_stand_after_every_norm():
    for squeeze, encoder, generator in (("nowhere", 0, 0), ("first", 1, 0), ("encoder", 6, 0), ("norms", 5, 7)):
        net = Hific(Architecture(**TINY, squeeze=squeeze))
        found = [sum(isinstance(m, Squeeze) for m in part.modules()) for part in (net.encoder, net.generator)]
        assert found == [encoder, generator], squeeze
        assert (float(net.sparsity().detach()) > 0) == (squeeze != "nowhere")
    assert all(m.down.out_features == m.down.in_features // 2 for m in net.modules() if isinstance(m, Squeeze))
    norms = [m for m in net.encoder if isinstance(m, ChannelNorm)]
    assert len(norms) == 5


def test_channel_norm_is_the_published():
    norm = ChannelNorm(6, 6, start=1.0)
    maps = torch.randn(2, 6, 3, 4) * 5 + 3
    mean = maps.mean(1, keepdim=True)
    expected = (maps - mean) / torch.sqrt(((maps - mean) ** 2).sum(1, keepdim=True) / 5 + 1e-3)
    assert torch.allclose(norm(maps), expected, atol=1e-5)


def test_windows_are_3d_convolutions():
    bands, maps, stride = 16, 3, 16 // DEPTH
    images = torch.randn(2, bands, 9, 8)
    first, last = Windows(bands, maps, 7, DEPTH), Joined(maps, bands, 7, DEPTH)
    seen = torch.nn.functional.conv3d(
        images[:, None], first.windows.weight[:, None], first.windows.bias, (stride, 1, 1), (stride // 2, 3, 3)
    )
    assert torch.allclose(first(images), seen.flatten(1, 2), atol=1e-4)
    # The transpose spreads each depth over its window. Its kernel is flipped in space, as any transpose's.
    weight = last.windows.weight.transpose(0, 1)[:, None].flip(3, 4)
    made = torch.nn.functional.conv_transpose3d(seen, weight, None, (stride, 1, 1), (stride // 2, 3, 3))
    assert torch.allclose(last(seen.flatten(1, 2)), made[:, 0], atol=1e-4)


def test_gains_pass_through_each_target():
    net = Hific(Architecture(**TINY))
    with torch.no_grad():
        net.gains.copy_(torch.arange(5.0) * torch.ones(8, 1))
        assert net.gain(torch.tensor([0.0, 2.0, 4.0]))[:, 0, 0, 0].tolist() == [1, 4, 16]
        assert float(net.gain(torch.tensor([1.5]))[0, 0, 0, 0]) == pytest.approx(2**1.5)


@pytest.mark.parametrize("wrong", [{"bands": 0}, {"width": 0}, {"targets": (1.0, 0.5)}, {"targets": ()}])
def test_impossible_sizes_are_refused(wrong):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(TINY | wrong, Architecture)


# --- bands ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bands", [1, 2, 3, 12, 63, 64])
def test_fewer_bands_than_channels_lose_nothing(bands):
    spectra = np.random.default_rng(0).normal(size=(bands, 3, 4)).astype(np.float32)
    there = resampled(spectra, resampling(bands, 64))
    assert there.shape == (64, 3, 4)
    assert np.abs(resampled(there, resampling(64, bands)) - spectra).max() < 1e-3


@pytest.mark.parametrize("bands", [65, 102, 224, 369])
def test_smooth_spectra_of_more_bands_lose_little(bands):
    wave = np.linspace(0, 1, bands)[:, None, None]
    spectra = np.concatenate([np.sin(9 * wave + p) for p in (0.0, 1.0, 2.0)], axis=2).astype(np.float32)
    there = resampled(spectra, resampling(bands, 64))
    assert np.abs(resampled(there, resampling(64, bands)) - spectra).max() < 0.05


def test_bands_survive_and_damage_is_told():
    samples = realistic()
    bands = Bands.of(samples)
    again = Bands.read(bands.write(), len(samples))
    assert again.step == bands.step
    assert np.array_equal(again.means, bands.means)
    assert np.array_equal(again.deviations, bands.deviations)
    channels = bands.channels(samples, 64)
    assert 0.5 < channels.std() < 2
    spec = Spec(samples.shape, samples.dtype.name, 16)
    assert np.abs(bands.samples(channels, spec).astype(int) - samples).max() <= 1
    for wrong in (b"", b"\xff", bytes([99]) + bands.write()[1:]):
        with pytest.raises(CodestreamError):
            Bands.read(wrong, len(samples))


# --- losses --------------------------------------------------------------------------------------------------


def test_the_rate_weight_follows_equation_5():
    control = RateControl([0.5, 1.0], Generative(rate=4, rate_ratio=8))
    places = torch.tensor([0, 1])
    for _ in range(99):
        control.see(torch.tensor([0.6, 0.9]), places)
    assert control.rates.tolist() == pytest.approx([0.6, 0.9], abs=0.01)
    assert control.weights(places).tolist() == [8, 0.5]  # above its target, 4 / 0.5; below, 4 / 8 / 1
    control.see(torch.tensor([0.0, 3.0]), places)
    assert control.weights(places).tolist() == [8, 4]
    assert torch.all((control.middle(places) > 0.5) & (control.middle(places) < 8))


def test_similarity_is_that_of_images():
    random = torch.Generator().manual_seed(0)
    images = torch.rand(2, 3, 32, 32, generator=random)
    assert torch.allclose(similarity(images, images), torch.ones(2))
    noisy = images + 0.3 * torch.randn(images.shape, generator=random)
    assert (similarity(noisy, images) < 0.9).all()
    assert (similarity(images + 0.05, images) > similarity(noisy, images)).all()


def test_derivatives_see_edges_and_absorptions_not_brightness():
    distance = Derivatives()
    y, x = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    wave = torch.linspace(0, 6, 24)[:, None, None]
    image = (0.4 + 0.1 * torch.sin(wave) * (x > 15) + 0.2 * (y > 15))[None]
    assert float(distance(image, image)) == 0
    brighter = float(distance(image + 0.1, image))
    smooth = float(distance(torch.nn.functional.avg_pool2d(image, 9, 1, 4, count_include_pad=False), image))
    other_spectrum = float(distance((0.4 + 0.1 * torch.cos(wave) * (x > 15) + 0.2 * (y > 15))[None], image))
    assert brighter < 1e-6
    assert smooth > 0.01
    assert other_spectrum > 0.1


def photographic_stack(path):
    random = torch.Generator().manual_seed(0)
    shapes = {0: (4, 3, 3, 3), 2: (4, 4, 3, 3), 5: (6, 4, 3, 3)}
    tensors = {f"features.{n}.weight": torch.randn(s, generator=random) * 0.2 for n, s in shapes.items()}
    tensors |= {f"features.{n}.bias": torch.zeros(s[0]) for n, s in shapes.items()}
    save_file(tensors | {"lin.1.weight": torch.ones(1, 6, 1, 1)}, path)


def test_a_photographic_network_is_plugged_in_by_path(tmp_path):
    path = tmp_path / "vgg.safetensors"
    photographic_stack(path)
    distance = Photographic(path)
    images = torch.rand(2, 20, 16, 16)
    levels = distance._features(images[:, :12].view(2, 4, 3, 16, 16))
    assert [tuple(level.shape) for level in levels] == [(8, 4, 16, 16), (8, 6, 8, 8)]
    assert torch.allclose(distance(images, images), torch.zeros(2))
    assert (distance(images + 0.2 * torch.randn_like(images), images) > 0).all()
    assert not list(distance.parameters())
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"none")
    with pytest.raises(WeightsError, match="broken"):
        Photographic(broken)
    save_file({"features.0.weight": torch.zeros(4, 5, 3, 3)}, broken)
    with pytest.raises(WeightsError, match="three bands"):
        Photographic(broken)


# --- training ------------------------------------------------------------------------------------------------


@pytest.fixture
def scenes(tmp_path):
    folder = tmp_path / "scenes"
    folder.mkdir()
    np.save(folder / "one.npy", realistic())
    np.save(folder / "two.npy", realistic()[:, ::-1].copy())
    return folder


def logged(path):
    with path.open() as file:
        return {(row[0], row[1]): row[2] for row in csv.reader(file)}


@pytest.mark.parametrize("codec", CODECS)
def test_a_training_makes_weights_that_code(codec, scenes, tmp_path, monkeypatch):
    monkeypatch.setattr("hypress.train.loop.LOG_EVERY", 1)
    out = tmp_path / "w.safetensors"
    result = train(codec, [scenes], out, changes=QUICK, device="cpu")
    assert result.steps == 5
    card = pretrained.read(out).card
    assert (card.architecture["squeeze"], card.architecture["cubes"]) == {
        "hific": ("nowhere", "nowhere"), "hific_se": ("norms", "nowhere"), "hific_3d": ("nowhere", "ends"),
    }[codec]  # fmt: skip
    samples = realistic()
    decoded = hypress.decode(hypress.encode(samples, hypress.find_codec(codec)(weights=str(out))))
    assert decoded.shape == samples.shape
    log = logged(tmp_path / "w.csv")
    # Without a discriminator before half of the steps, with it after them.
    assert float(log["2", "adversarial weight"]) == float(log["2", "discriminator loss"]) == 0
    assert float(log["5", "adversarial weight"]) > 0
    assert float(log["5", "discriminator loss"]) > 0
    assert {"learning_rate", "rate weight", "bpp", "validation bpp at 0.2", "validation decibels at 1"} <= {
        what for _, what in log
    }
    assert [float(log[step, "validation phase"]) for step in ("3", "5")] == [1, 3]


def test_a_killed_training_ends_where_it_would_have(scenes, tmp_path):
    from hypress.progress import listen

    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    train("hific_se", [scenes], whole, changes=QUICK, device="cpu")

    class KilledError(Exception):
        pass

    def kill(step):
        if step.done >= 4:
            raise KilledError

    with pytest.raises(KilledError), listen(kill):
        train("hific_se", [scenes], parts, changes=QUICK, device="cpu")
    train("hific_se", [scenes], parts, changes=QUICK, device="cpu", resume=True)
    first, second = (pretrained.read(p).tensors for p in (whole, parts))
    assert all(np.array_equal(first[key], second[key]) for key in first)


def test_the_control_sees_what_rounding_takes(monkeypatch):
    scene = TrainingScene.of("one", realistic())
    training = HificTraining(recipe("hific", QUICK), [scene], [])
    module, batch, seen = training.module.train(), training.sample(np.random.default_rng(0)), []
    monkeypatch.setattr(module.control, "see", lambda rates, places: seen.append(rates))
    torch.manual_seed(0)
    module(batch)
    net, pixels = module.net.eval(), batch["images"][0, 0].numel()
    with torch.no_grad():
        _, _, bits, taken = net(batch["images"], batch["place"].float())
        assert torch.equal(bits, taken)
        assert torch.allclose(seen[0], taken / pixels)
        _, _, proxy, again = net.train()(batch["images"], batch["place"].float())
    assert torch.allclose(taken, again)
    assert not torch.allclose(proxy, taken, rtol=0.01)


def test_generator_and_discriminator_do_not_pull_at_each_other():
    changes = {**QUICK, "generative": {"discriminator_width": 0.1, "adversarial_from": 0.0, "adversarial": 0.15}}
    scene = TrainingScene.of("one", realistic())
    training = HificTraining(recipe("hific", changes), [scene], [])
    module, batch = training.module, training.sample(np.random.default_rng(0))
    decoded, latents, *_ = module.net(batch["images"], batch["place"].float())
    opinion, discriminator = module._opinions(batch["images"], decoded, latents.detach())
    theirs = list(module.discriminator.parameters())
    assert all(g is None for g in torch.autograd.grad(opinion, theirs, retain_graph=True, allow_unused=True))
    ours = list(module.net.generator.parameters())
    assert all(g is None for g in torch.autograd.grad(discriminator, ours, retain_graph=True, allow_unused=True))
    assert any(g is not None for g in torch.autograd.grad(opinion, ours, allow_unused=True))


def test_recipes_say_what_is_wrong(scenes, tmp_path):
    for wrong, says in (
        ({"patch": 20}, "multiple of 16"),
        ({"architecture": {"squeeze": "everywhere"}}, "squeeze"),
        ({"architecture": {"colour": "red"}}, "colour"),
        ({"generative": {"adversarial": -1}}, "adversarial"),
    ):
        with pytest.raises(ConfigurationError, match=says):
            train("hific", [scenes], tmp_path / "w.safetensors", changes=QUICK | wrong, device="cpu")
    loss = WithLosses(Hific(Architecture(**TINY)), recipe("hific", {"generative": {"adversarial": 0.0}}))
    loss.step.add_(10**6)
    assert not loss.adversarial


# --- bytes ---------------------------------------------------------------------------------------------------


def tiny_weights(path: Path, codec="hific", **sizes) -> Path:
    torch.manual_seed(0)
    tensors, architecture = tensors_of(Hific(Architecture(**TINY | sizes)).eval())
    pretrained.write(path, tensors, pretrained.Card(codec=codec, architecture=architecture))
    return path


def test_fixed_point_follows_the_network_that_was_trained(tmp_path):
    model = HificModel(pretrained.read(tiny_weights(tmp_path / "w.safetensors")))
    torch.manual_seed(0)
    net = Hific(Architecture(**TINY)).eval()
    z = torch.randint(-4, 5, (1, 8, 2, 3)).float()
    with torch.no_grad():
        mean, scale = net.distribution(z, torch.Size([7, 9]))
    means, scales = model.distribution(z[0].numpy().astype(np.int64), (7, 9))
    assert np.abs(means / UNIT - mean[0].numpy()).max() < 0.1
    assert np.abs(0.11 * np.exp(scales / 8) / scale[0].numpy() - 1).max() < 0.08


@pytest.mark.parametrize("codec", CODECS)
def test_the_rate_in_the_loss_is_that_of_the_file(codec, monkeypatch):
    told = count_bits(monkeypatch, hific_coding)
    hypress.encode(realistic(16), default(codec))
    ((estimated, real),) = told
    assert real == pytest.approx(estimated, rel=0.01)


def test_the_rate_of_a_validation_is_that_of_the_file(tmp_path):
    # At the least rate: latents of an untrained network would be escapes, whose bits the density knows roughly.
    samples, sizes = realistic(24), {"latents": 32, "width": 0.1}
    path = tiny_weights(tmp_path / "w.safetensors", **sizes)
    model = HificModel(pretrained.read(path))
    torch.manual_seed(0)
    net = Hific(Architecture(**TINY | sizes)).eval()
    rows, columns = samples.shape[1] // 16 * 16, samples.shape[2] // 16 * 16
    samples = np.ascontiguousarray(samples[:, :rows, :columns])
    codec = hypress.find_codec("hific")(weights=str(path), bits_per_pixel=0.2)
    streams = codec.encode(samples, Spec(samples.shape, samples.dtype.name, 14))
    images = torch.from_numpy(Bands.of(samples).channels(samples, model.sizes.bands))[None]
    with torch.no_grad():
        *_, bits = net(images, torch.tensor([0.0]))
    assert 8 * len(streams["latents"]) == pytest.approx(float(bits[0]), rel=0.01)


@pytest.mark.parametrize("codec", CODECS)
def test_tables_cost_what_the_density_of_the_training_says(codec):
    # The loss counts bits of a density in floating point; the file has tables in integers, and escapes beyond them.
    weights = pretrained.find(codec, codec)
    samples, model = realistic(16), hific_coding.model(weights)
    bands = Bands.of(samples)
    gain = model.gains(len(model.sizes.targets) - 1)
    y = model.encoder(bands.channels(samples, model.sizes.bands)) * gain
    z = model.hyper_analysis(y)
    means, scales = model.distribution(z, y.shape[1:])
    values = np.rint(y - means / UNIT).astype(np.int64)
    from hypress.entropy.gaussian import gaussian_tables

    deviations = 0.11 * np.exp(scales / 8)
    inside = np.abs(values) < 3 * deviations
    assert inside.mean() > 0.8
    values, scales, deviations = (part[inside] for part in (values, scales, deviations))
    density = float(latent_bits(torch.from_numpy(values[None]).double(), torch.from_numpy(deviations[None]))[0])
    assert gaussian_tables().bits(values, scales) == pytest.approx(density, rel=0.01)


WAYS = [{}, {"threads": 5}, {"mkldnn": False}, {"mkldnn": False, "channels_last": True}]


@pytest.mark.parametrize(("codec", "ways"), [("hific", WAYS), ("hific_se", WAYS[-1:]), ("hific_3d", WAYS[-1:])])
def test_integers_are_the_same_however_torch_computes(codec, ways, tmp_path):
    path = tmp_path / "scene.hyp"
    path.write_bytes(hypress.encode(realistic(2), default(codec)))
    expected = hypress.decode(path.read_bytes()).astype(np.int64)
    found = set()
    for how, extra in [*((w, {}) for w in ways), ({}, elsewhere.OTHER_PROCESSOR)]:
        digest, decoded = elsewhere.integers(path, how, extra)
        found.add(digest)
        assert np.abs(decoded.astype(np.int64) - expected).max() <= 1, (how, extra)
    assert len(found) == 1


@pytest.mark.parametrize("codec", CODECS)
def test_a_higher_target_costs_more_and_loses_less(codec):
    samples = realistic(8)
    files = [hypress.encode(samples, default(codec).turned(bits_per_pixel=b)) for b in (0.2, 0.45, 1.0)]
    errors = [float(np.mean((hypress.decode(data).astype(float) - samples) ** 2)) for data in files]
    assert [len(f) for f in files] == sorted(len(f) for f in files)
    assert errors[2] < errors[0]


def test_targets_beyond_the_trained_are_cut_to_them(tmp_path):
    codec = hypress.find_codec("hific")(weights=str(tiny_weights(tmp_path / "w.safetensors")))
    samples = realistic()
    (low, least), (high, most) = (
        [hypress.encode(samples, codec.turned(bits_per_pixel=b)) for b in pair] for pair in ((0.001, 0.2), (64.0, 1.0))
    )
    assert unpack(low)[1] == unpack(least)[1]
    assert unpack(high)[1] == unpack(most)[1]
    with pytest.raises(GoalError, match="hific"):
        hypress.encode(samples, codec, hypress.Psnr(db=90))


@pytest.mark.parametrize("codec", CODECS)
def test_other_weights_are_named_and_nothing_is_decoded(codec, tmp_path, monkeypatch):
    data = hypress.encode(realistic(), default(codec))
    monkeypatch.setattr(pretrained, "PACKAGED", tmp_path)
    monkeypatch.setenv("HYPRESS_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match=unpack(data)[1]["weights"].hex()):
        hypress.decode(data)


def test_weights_that_are_not_what_they_say_are_refused(tmp_path):
    sound = pretrained.read(tiny_weights(tmp_path / "sound.safetensors"))
    tensors, card = dict(sound.tensors), sound.card
    several = {"hyper": card.architecture | {"hyper": 9}, "kind": card.architecture | {"squeeze": "norms"}}
    for name, architecture in several.items():
        path = tmp_path / f"{name}.safetensors"
        pretrained.write(path, tensors, pretrained.Card(codec="hific", architecture=architecture))
        with pytest.raises(WeightsError, match="card"):
            HificModel(pretrained.read(path))
    del tensors["integer.prior.first"]
    pretrained.write(path, tensors, card)
    with pytest.raises(WeightsError, match="card"):
        HificModel(pretrained.read(path))


def test_damaged_streams_are_told(tmp_path):
    samples = realistic()
    codec = hypress.find_codec("hific")(weights=str(tiny_weights(tmp_path / "w.safetensors")))
    spec = Spec(samples.shape, samples.dtype.name, 14)
    streams = dict(codec.encode(samples, spec))
    for wrong in ({"bands": b""}, {"bands": b"\x00"}, {"weights": b"short"}):
        with pytest.raises(CodestreamError):
            codec.decode(streams | wrong, spec)
    with pytest.raises(CodestreamError, match="latents"):
        codec.decode({k: v for k, v in streams.items() if k != "latents"}, spec)
