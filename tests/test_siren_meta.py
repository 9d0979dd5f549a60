"""The codec `siren` upon a base: the base is not in the file, φ alone is, and decoding it needs no torch."""

import json
from itertools import pairwise

import msgspec
import numpy as np
import pytest

import elsewhere
import hypress
from hypress.codec import Spec
from hypress.codecs.siren import SirenCodec
from hypress.codestream import unpack
from hypress.errors import CodestreamError, ConfigurationError, GoalError, WeightsError
from hypress.metrics import psnr
from hypress.neural import history, pretrained
from hypress.neural.pretrained import Card
from hypress.neural.siren import meta as siren_meta
from hypress.neural.siren.apply import coordinates, outputs
from hypress.valid import told

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from hypress.jobs.train import train  # noqa: E402
from hypress.neural.siren import meta_fit as siren_meta_fit  # noqa: E402
from hypress.neural.siren.meta_fit import module  # noqa: E402
from hypress.testing import gallery  # noqa: E402
from hypress.train.scenes import TrainingScene  # noqa: E402
from hypress.train.siren import PIXELS, part  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::hypress.errors.ScenePropertyWarning")
SMALL = {"layers": 2, "width": 12, "latents": 5, "points": 16}
QUICK = {"steps": 6, "validate_every": 3, "checkpoint_every": 2, "warmup": 2, "validation": [], "batch": 2, "patch": 8}


def tensors(seed=0, sizes=SMALL):
    """Of a base that was learnt nowhere."""
    random, found = np.random.default_rng(seed), {}
    through = [2, *[sizes["width"]] * sizes["layers"], sizes["points"]]
    for n, (before, after) in enumerate(pairwise(through)):
        bound = 0.05 if n == 0 else np.sqrt(6 / before) / 30
        found[f"layers.{n}.weight"] = random.uniform(-bound, bound, (after, before)).astype(np.float16)
        found[f"layers.{n}.bias"] = random.uniform(-0.1, 0.1, after).astype(np.float16)
    found[f"layers.{n}.weight"] *= np.float16(6)  # so that spectra are between 0 and 1
    found[f"layers.{n}.bias"] += np.float16(0.5)
    shape = sizes["layers"], sizes["width"], sizes["latents"]
    return found | {"shifts": random.normal(0, 0.01, shape).astype(np.float16)}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HYPRESS_WEIGHTS", str(tmp_path))
    return tmp_path


@pytest.fixture
def base(folder):
    pretrained.write(folder / "small.safetensors", tensors(), Card(codec="siren", architecture=SMALL))
    return siren_meta.base_of(pretrained.find("small", "siren"))


def scene(base, bands=20, rows=24, columns=30, seed=1):
    """What the base makes of some φ between 0 and 1, and noise."""
    random = np.random.default_rng(seed)
    network = siren_meta.moved(base, random.normal(0, 1, base.shifts.shape[-1]).astype(np.float32), bands)
    clean = outputs(network, coordinates(rows, columns), 30.0).reshape(bands, rows, columns)
    clean.flat[[0, 1]] = 0, 1
    return np.rint(10000 * np.clip(clean + random.normal(0, 1e-3, clean.shape), 0, 1)).astype(np.uint16)


def spec_of(samples):
    return Spec(samples.shape, samples.dtype.name, 14)


# --- the codec --------------------------------------------------------------------------------------


def test_a_scene_is_a_few_numbers(base):
    samples = scene(base)
    for bits, most in ((32, 5 * 4), (16, 5 * 2), (8, 4 + 5)):
        codec = SirenCodec(base="small", weight_bits=bits, steps=20)
        header, streams = unpack(hypress.encode(samples, codec))
        assert set(streams) == {"weights", "modulation"}
        assert streams["weights"] == base.digest
        assert len(streams["modulation"]) <= siren_meta.HEAD.size + most + 13  # zlib's own bytes
        assert header.configuration["base"] == "small"


def test_numbers_of_fewer_bits_are_worse_by_little(base):
    samples, found = scene(base), {}
    for bits in (32, 16, 8):
        codec = SirenCodec(base="small", weight_bits=bits, steps=300, seconds=1e6)
        found[bits] = psnr(samples, hypress.decode(hypress.encode(samples, codec)))
    assert abs(found[32] - found[16]) < 0.1
    assert found[32] - found[8] < 1.5


def test_the_fit_finds_what_moved_the_base(base):
    samples = scene(base)
    few, many = (
        psnr(samples, hypress.decode(hypress.encode(samples, SirenCodec(base="small", steps=steps, seconds=1e6))))
        for steps in (0, 400)
    )
    assert many > few + 6


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 4), (16, 3, 7), (53, 1, 9)])
def test_any_number_of_bands_and_pixels(base, shape):
    samples = np.random.default_rng(0).integers(0, 900, shape).astype(np.uint16)
    data = hypress.encode(samples, SirenCodec(base="small", steps=3))
    assert hypress.decode(data).shape == shape


def test_encoding_is_deterministic(base):
    samples, codec = scene(base), SirenCodec(base="small", steps=30, seconds=1e6)
    first = hypress.encode(samples, codec)
    siren_meta_fit._fits._found.clear()
    assert hypress.encode(samples, codec) == first


def test_samples_that_are_not_real_have_no_say(base):
    samples, codec = scene(base), SirenCodec(base="small", steps=40, seconds=1e6)
    valid = np.random.default_rng(2).random(samples.shape) > 0.3
    other = np.where(valid, samples, samples[:, ::-1, ::-1])
    other[~valid] = np.clip(other[~valid], samples[valid].min(), samples[valid].max())
    other.flat[[0, 1]], samples.flat[[0, 1]] = (samples.min(), samples.max()), (samples.min(), samples.max())
    valid.flat[[0, 1]] = True
    with told(valid):
        streams = [codec.encode(s, spec_of(s)) for s in (samples, other)]
    assert streams[0] == streams[1]
    assert codec.encode(samples, spec_of(samples)) != codec.encode(other, spec_of(other))


def test_the_evolution_can_be_watched(base, tmp_path):
    samples, codec = scene(base), SirenCodec(base="small", steps=60, seconds=1e6, seed=3)
    with history.record(tmp_path / "seen"):
        decoded = codec.decode(codec.encode(samples, spec_of(samples)), spec_of(samples))
    lines = [json.loads(line) for line in (tmp_path / "seen" / history.METRICS).read_text().splitlines()]
    assert len(lines) == 4
    assert max(line["psnr_db"] for line in lines) == pytest.approx(psnr(samples, decoded), abs=0.1)


def test_the_rate_has_no_say_and_a_quality_out_of_reach_is_refused(base):
    samples = scene(base)
    codec = SirenCodec(base="small", steps=5, seconds=1e6)
    assert 8 * len(hypress.encode(samples, codec, hypress.Rate(bpppc=1.0))) < 0.7 * samples.size
    with pytest.raises(GoalError, match="cannot reach"):
        hypress.encode(samples, codec, hypress.Psnr(db=90))


@pytest.mark.parametrize("sizes", [{"layers": 3}, {"width": 9}])
def test_a_base_brings_its_own_sizes(base, sizes):
    with pytest.raises(ConfigurationError, match="layers and a width of its own"):
        hypress.encode(scene(base), SirenCodec(base="small", **sizes))


# --- the network ------------------------------------------------------------------------------------


def test_the_moved_network_is_that_of_the_training(base):
    bands, modulation = 23, np.random.default_rng(3).normal(0, 1, 5).astype(np.float32)
    place = coordinates(6, 11)
    found = outputs(siren_meta.moved(base, modulation, bands), place, 30.0)
    net = module(base, bands)
    with torch.no_grad():
        expected = net(torch.from_numpy(place.T[None].copy()), torch.from_numpy(modulation[None]))[0].numpy().T
    assert np.abs(found - expected).max() < 1e-4


def test_bands_are_read_between_the_points(base):
    """Interpolated weights give interpolated outputs."""
    modulation, place = np.linspace(-1, 1, 5).astype(np.float32), coordinates(4, 5)
    points = outputs(siren_meta.moved(base, modulation, SMALL["points"]), place, 30.0)
    for bands in (1, 2, 7, 40):
        found = outputs(siren_meta.moved(base, modulation, bands), place, 30.0)
        at = np.linspace(0, SMALL["points"] - 1, bands) if bands > 1 else [(SMALL["points"] - 1) / 2]
        expected = [np.interp(at, np.arange(SMALL["points"]), spectrum) for spectrum in points.T]
        assert np.abs(found.T - expected).max() < 1e-5


def test_decoding_needs_no_torch_and_does_not_hang_on_threads(base, tmp_path):
    path = tmp_path / "scene.hyp"
    path.write_bytes(hypress.encode(scene(base), SirenCodec(base="small", steps=10, seconds=1e6)))
    assert len({elsewhere.checksums([path], threads) for threads in (1, 3)}) == 1


# --- weights that are not there, or not right -------------------------------------------------------


def test_a_missing_base_is_named(base, folder):
    samples = scene(base)
    with pytest.raises(WeightsError, match="no weights 'unheard_of'"):
        hypress.encode(samples, SirenCodec(base="unheard_of"))
    data = hypress.encode(samples, SirenCodec(base="small", steps=1))
    (folder / "small.safetensors").unlink()
    with pytest.raises(WeightsError, match=base.digest.hex()):
        hypress.decode(data)


def test_another_base_decodes_nothing(base, folder):
    data = hypress.encode(scene(base), SirenCodec(base="small", steps=1))
    pretrained.write(folder / "small.safetensors", tensors(seed=9), Card(codec="siren", architecture=SMALL))
    with pytest.raises(WeightsError, match=base.digest.hex()) as error:
        hypress.decode(data)
    assert pretrained.find("small", "siren").digest.hex() in str(error.value)


def test_weights_of_another_codec_are_refused(base):
    with pytest.raises(WeightsError, match="for codec cae1d, not siren"):
        hypress.encode(scene(base), SirenCodec(base="cae1d"))


@pytest.mark.parametrize("wrong", [{"width": 13}, {"latents": 6}, {"layers": 3}, {"colour": 1}, {"points": 1}])
def test_a_card_that_does_not_fit_its_tensors_is_refused(folder, wrong):
    pretrained.write(folder / "odd.safetensors", tensors(), Card(codec="siren", architecture=SMALL | wrong))
    with pytest.raises(WeightsError, match="not what their card says"):
        siren_meta.base_of(pretrained.find("odd", "siren"))


def test_streams_that_were_altered_are_refused(base):
    samples, codec = scene(base), SirenCodec(base="small", steps=1)
    good = codec.encode(samples, spec_of(samples))
    size = siren_meta.HEAD.size
    head, numbers = good["modulation"][:size], good["modulation"][size:]
    heads = [siren_meta.HEAD.pack(*wrong) for wrong in ((12, 0, 9), (32, 9, 0), (32, 0, 1 << 40))]
    for modulation in (*(wrong + numbers for wrong in heads), b"", head, head + numbers[:-6], head + b"x"):
        with pytest.raises(CodestreamError):
            codec.decode(good | {"modulation": modulation}, spec_of(samples))
    with pytest.raises(CodestreamError, match="bytes, not 16"):
        codec.decode(good | {"weights": b"short"}, spec_of(samples))
    with pytest.raises(CodestreamError, match="needs the streams"):
        codec.decode({"network": b""}, spec_of(samples))
    with pytest.raises(CodestreamError, match="needs the streams"):
        SirenCodec(features=False).decode(good, spec_of(samples))


# --- training ---------------------------------------------------------------------------------------


@pytest.fixture
def scenes(tmp_path):
    folder = tmp_path / "scenes"
    folder.mkdir()
    realistic = next(c for c in gallery() if c.name == "realistic").samples
    np.save(folder / "one.npy", realistic)
    np.save(folder / "two.npy", realistic[:, ::-1].copy())
    return folder


def small(**changes):
    return {**QUICK, "architecture": SMALL, **changes}


def test_a_training_makes_a_base_that_codes(scenes, tmp_path):
    out = tmp_path / "w.safetensors"
    result = train("siren", [scenes], out, changes=small(), device="cpu")
    card = pretrained.read(out).card
    assert (card.codec, card.architecture, card.bands) == ("siren", SMALL, None)
    assert {"loss", "decibels"} <= set(result.measured)
    samples = np.load(scenes / "one.npy")
    assert hypress.decode(hypress.encode(samples, SirenCodec(base=str(out), steps=3))).shape == samples.shape
    assert "validation decibels" in out.with_suffix(".csv").read_text()


def test_a_killed_training_ends_where_it_would_have(scenes, tmp_path):
    from hypress.progress import listen

    class KilledError(Exception):
        pass

    def kill(step):
        if step.done >= 4:
            raise KilledError

    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    train("siren", [scenes], whole, changes=small(), device="cpu")
    with pytest.raises(KilledError), listen(kill):
        train("siren", [scenes], parts, changes=small(), device="cpu")
    train("siren", [scenes], parts, changes=small(), device="cpu", resume=True)
    first, second = (pretrained.read(p).tensors for p in (whole, parts))
    assert all(np.array_equal(first[key], second[key]) for key in first)


def test_training_learns(scenes, tmp_path):
    decibels = {}
    for steps in (1, 60):
        changes, out = small(steps=steps, learning_rate=1e-3), tmp_path / f"{steps}.safetensors"
        decibels[steps] = train("siren", [scenes], out, changes=changes, device="cpu").measured["decibels"]
    assert decibels[60] > decibels[1] + 1


def test_an_architecture_that_is_none_is_refused(scenes, tmp_path):
    with pytest.raises(ConfigurationError, match="architecture of siren"):
        train("siren", [scenes], tmp_path / "w.safetensors", changes=small(architecture={"depth": 3}), device="cpu")


def test_parts_of_a_scene_keep_places_and_spectra_together():
    y, x = np.mgrid[0:40, 0:50]
    bands = np.arange(9)[:, None, None]
    learnt = TrainingScene.of("planes", (1000 + 10 * x + 0 * y + 100 * bands).astype(np.int16))
    for seed in range(20):
        places, spectra = part(learnt, 16, 30, np.random.default_rng(seed))
        assert places.shape == (PIXELS, 2)
        assert spectra.shape == (PIXELS, 30)
        assert np.abs(places).max() <= 1
        assert 0 <= spectra.min() <= spectra.max() <= 1
        assert np.linalg.svd(spectra, compute_uv=False)[2] < 1e-4  # a + b t in the bands, times a gain
        level = spectra[:, 0]
        fits = [np.abs(np.corrcoef(level, axis)[0, 1]) for axis in places.T]
        assert max(fits) == pytest.approx(1, abs=1e-4)  # and along one side, whichever way the part was turned


# --- what ships -------------------------------------------------------------------------------------


def test_the_base_that_ships_says_what_it_is():
    found = pretrained.find("siren", "siren")
    assert found.path.parent == pretrained.PACKAGED
    assert found.path.stat().st_size <= 1_000_000
    card = msgspec.to_builtins(found.card)
    for key in ("data", "licence", "loss", "recipe", "measured", "steps"):
        assert card[key], key
    base = siren_meta.base_of(found)
    assert base.shifts.shape[-1] == 32


def test_the_base_that_ships_is_worth_having(jasper_ridge):
    """On a scene that it has not seen, it beats one number for all samples, and its own start, clearly."""
    samples = hypress.open_scene(jasper_ridge).values[:, ::2, ::2]
    start, fitted = (
        hypress.decode(hypress.encode(samples, SirenCodec(base="siren", steps=steps, seconds=1e6))) for steps in (0, 60)
    )
    constant = np.full_like(samples, round(float(samples.mean())))
    assert psnr(samples, fitted) > max(psnr(samples, constant), psnr(samples, start)) + 3
