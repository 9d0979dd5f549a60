"""Trained codecs: the integers that a decoder reads hang on nothing; wrong input is one clear sentence."""

import hashlib

import numpy as np
import pytest

import elsewhere
import hypress
from hypress.codec import Spec, listing
from hypress.codestream import unpack
from hypress.errors import CodestreamError, ConfigurationError, WeightsError
from hypress.testing import gallery
from hypress.transforms import dropped

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from hypress.codecs.bandwise import Bandwise  # noqa: E402
from hypress.codecs.sscnet import DROPPED, SscNetCodec  # noqa: E402
from hypress.neural import pretrained  # noqa: E402
from hypress.neural.bandwise import coding as bandwise_coding  # noqa: E402
from hypress.neural.bandwise.coding import Facts  # noqa: E402
from hypress.neural.bandwise.model import UNIT, tensors_of  # noqa: E402
from hypress.neural.nets.bandwise import Architecture  # noqa: E402
from hypress.neural.nets.bandwise import Bandwise as Net  # noqa: E402

CODECS = ["bandwise", "cae1d", "cae3d", "sscnet"]


def default(codec):
    return hypress.find_codec(codec)()


def realistic(codec):
    case = next(c for c in gallery() if c.name == "realistic")
    bands = hypress.find_codec(codec).bands
    return case.with_bands(bands[0]).samples if bands else case.samples


# --- exact everywhere ---------------------------------------------------------------------------------------

WAYS = [
    {}, {"threads": 1}, {"threads": 5}, {"mkldnn": False}, {"mkldnn": False, "threads": 2}, {"channels_last": True},
]  # fmt: skip


@pytest.mark.parametrize("codec", CODECS)
def test_integers_are_the_same_however_torch_computes(codec, tmp_path):
    samples, path = realistic(codec), tmp_path / "scene.hyp"
    path.write_bytes(hypress.encode(samples, default(codec)))
    expected = hypress.decode(path.read_bytes()).astype(np.int64)
    found = set()
    for how, extra in [*((w, {}) for w in WAYS), ({}, elsewhere.OTHER_PROCESSOR)]:
        digest, decoded = elsewhere.integers(path, how, extra)
        found.add(digest)
        assert np.abs(decoded.astype(np.int64) - expected).max() <= 1, (how, extra)
    assert len(found) == 1
    assert found != {hashlib.sha256().hexdigest()}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_a_gpu_reads_the_same_integers():
    # Fixed point never goes there; analysis and synthesis may.
    net = Net().eval()
    maps = torch.rand(2, 64, 5, 5)
    with torch.inference_mode():
        assert torch.allclose(net.synthesis(maps), net.cuda().synthesis(maps.cuda()).cpu(), atol=1e-3)


def test_fixed_point_follows_the_network_that_was_trained(tmp_path):
    torch.manual_seed(0)
    net = Net(Architecture(filters=16, hyper=8)).eval()
    tensors, architecture = tensors_of(net)
    path = tmp_path / "w.safetensors"
    card = pretrained.Card(codec="bandwise", architecture=architecture | {"models": 1})
    pretrained.write(path, {f"0.{k}": v for k, v in tensors.items()}, card)
    model = bandwise_coding.model(pretrained.read(path), 0)
    z = torch.randint(-4, 5, (1, 8, 2, 3)).float()
    before = [torch.randn(1, 64, 7, 9) * 5 for _ in range(2)]
    rho = torch.tensor([[100 / 127, -50 / 127]])
    with torch.no_grad():
        features = net.hyper_synthesis(z)[:, :, :7, :9]
        mean, scale = net.distribution(features, before, rho, torch.tensor([64.0]))
    told = [(np.rint(b[0].numpy() * UNIT).astype(np.int64), 64, r) for b, r in zip(before, (100, -50), strict=True)]
    exact = model.features(z[0].numpy().astype(np.int64), 7, 9)
    means, scales = model.distribution(exact, told, 64, (7, 9))
    assert np.abs(means / UNIT - mean[0].numpy()).max() < 0.1
    assert np.abs(0.11 * np.exp(scales / 8) / scale[0].numpy() - 1).max() < 0.08


def test_the_network_begins_as_the_cosine_transform():
    net = Net()
    with torch.no_grad():
        bands = torch.randn(2, 1, 32, 40)
        latents = net.analysis(bands)
        assert (net.synthesis(latents) - bands).square().mean() < 1e-3
    # An orthonormal transform keeps the energy.
    assert float(latents.square().sum() / bands.square().sum()) == pytest.approx(1, abs=0.02)


# --- the contract of input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", CODECS)
def test_other_weights_are_named_and_nothing_is_decoded(codec, tmp_path, monkeypatch):
    data = hypress.encode(realistic(codec), default(codec))
    monkeypatch.setattr(pretrained, "PACKAGED", tmp_path)
    monkeypatch.setenv("HYPRESS_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match=unpack(data)[1]["weights"].hex()):
        hypress.decode(data)


def test_a_wrong_number_of_bands_is_one_sentence():
    with pytest.raises(ConfigurationError, match="202 bands"):
        hypress.encode(realistic("cae1d"), default("sscnet"))


@pytest.mark.parametrize("codec", ["bandwise", "cae1d", "cae3d"])
def test_constant_bands_and_single_pixels_come_back(codec):
    samples = realistic(codec).copy()
    samples[3] = 77
    decoded = hypress.decode(hypress.encode(samples, default(codec)))
    if codec == "bandwise":
        assert (decoded[3] == 77).all()
    one = samples[:, :1, :1]
    assert hypress.decode(hypress.encode(one, default(codec))).shape == one.shape


def test_a_finer_step_loses_less_and_costs_more():
    samples = np.tile(realistic("bandwise"), (1, 3, 3))
    sizes, errors = [], []
    for steps in (1 / 64, 1 / 16, 1 / 4):
        data = hypress.encode(samples, Bandwise(steps_per_dn=steps))
        sizes.append(len(data))
        errors.append(float(np.mean((hypress.decode(data).astype(float) - samples) ** 2)))
    assert sizes == sorted(sizes)
    assert errors == sorted(errors, reverse=True)


def test_aviris_intervals_are_for_aviris():
    samples = np.random.default_rng(0).integers(0, 999, (224, 9, 8)).astype(np.uint16)
    decoded = hypress.decode(hypress.encode(samples, Bandwise(intervals="aviris")))
    assert decoded.shape == samples.shape
    with pytest.raises(ConfigurationError, match="224"):
        hypress.encode(samples[:200], Bandwise(intervals="aviris"))


def test_several_networks_in_one_file(tmp_path):
    first = pretrained.find("bandwise", "bandwise")
    torch.manual_seed(1)
    other, _ = tensors_of(Net().eval())
    tensors = dict(first.tensors) | {f"1.{k}": v for k, v in other.items()}
    path = tmp_path / "two.safetensors"
    architecture = first.card.architecture | {"models": 2}
    pretrained.write(path, tensors, pretrained.Card(codec="bandwise", architecture=architecture))
    samples = np.tile(realistic("bandwise"), (1, 2, 2))
    data = hypress.encode(samples, Bandwise(weights=str(path)))
    facts = Facts.read(unpack(data)[1]["bands"], len(samples))
    assert set(facts.networks) <= {0, 1}
    # The trained one codes better than one that was not, and each band is told about by those of its own network.
    assert 0 in facts.networks
    alone = hypress.encode(samples, Bandwise())
    assert np.abs(hypress.decode(data).astype(int) - hypress.decode(alone)).max() < 400


def test_facts_survive_and_damage_is_told():
    random = np.random.default_rng(0)
    references = np.array([[-1, -1], [0, -1], [1, 0], [2, 1], [0, 3]])
    facts = Facts(
        -300, [2, 5], [0, 1], random.integers(-9999, 9999, 5), random.integers(-90, 200, 5), references,
        random.integers(-127, 128, (5, 2)),
    )  # fmt: skip
    data = facts.write()
    again = Facts.read(data, 5)
    for name, value in vars(facts).items():
        assert np.array_equal(getattr(again, name), value), name
    for wrong in (b"", data[:3], data[:6]):
        with pytest.raises(CodestreamError):
            Facts.read(wrong, 5)
    with pytest.raises(CodestreamError, match="7 bands"):
        Facts.read(data, 7)


# --- bands that are left out -------------------------------------------------------------------------------------


def test_dropped_bands_come_back_from_their_neighbours():
    random = np.random.default_rng(0)
    base = random.integers(100, 5000, (9, 12)).astype(np.float64)
    samples = np.stack([base * (1 + 0.01 * b) + 3 * b for b in range(20)]).astype(np.int16)
    left_out = (0, 7, 8, 9, 19)
    kept = dropped.without(samples, left_out)
    coefficients = dropped.read_dropped(dropped.write_dropped(samples, left_out), 5)
    assert np.abs(dropped.restored(kept, left_out, coefficients).astype(int) - samples).max() <= 1
    with pytest.raises(CodestreamError):
        dropped.read_dropped(b"123", 5)


def test_a_whole_enmap_image_goes_through_sscnet():
    samples = next(c for c in gallery() if c.name == "realistic").with_bands(224).samples
    data = hypress.encode(samples, default("sscnet"))
    _, streams = unpack(data)
    assert len(streams["dropped"]) == 12 * len(DROPPED)
    assert hypress.decode(data).shape == samples.shape
    codec, spec = SscNetCodec(), Spec((224, *samples.shape[1:]), "uint16", 16)
    with pytest.raises(CodestreamError, match="dropped"):
        codec.decode({k: v for k, v in streams.items() if k != "dropped"}, spec)


@pytest.mark.parametrize("codec", CODECS)
def test_listing_says_what_they_need(codec):
    assert listing(codec).needs == "neural"
