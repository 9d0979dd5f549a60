"""Training: a step is a function of recipe and number, a killed training goes on, processes agree."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hypress
from counted_bits import count_bits
from hypress.errors import ConfigurationError, InputNotFoundError, OutputExistsError, SceneError

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from hypress.jobs.train import train  # noqa: E402
from hypress.metrics import Tally  # noqa: E402
from hypress.neural import pretrained  # noqa: E402
from hypress.testing import gallery  # noqa: E402
from hypress.train import hyspecnet, loop  # noqa: E402
from hypress.train.recipe import Recipe, names, recipe  # noqa: E402
from hypress.train.scenes import TrainingScene, read_folder  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::hypress.errors.ScenePropertyWarning")
SMALL = {
    "bandwise": {"architecture": {"filters": 16, "latents": 64, "hyper": 8}, "patch": 16, "batch": 2},
    "cae1d": {"patch": 8, "batch": 1},
    "cae3d": {"patch": 8, "batch": 1, "architecture": {"latents": 2}},
    "sscnet": {"patch": 8, "batch": 1, "architecture": {"bands": 12, "latents": 4}},
}
QUICK = {"steps": 6, "validate_every": 3, "checkpoint_every": 2, "warmup": 2, "validation": [], "precision": "float32"}


@pytest.fixture
def scenes(tmp_path):
    folder = tmp_path / "scenes"
    folder.mkdir()
    realistic = next(c for c in gallery() if c.name == "realistic").samples
    np.save(folder / "one.npy", realistic)
    np.save(folder / "two.npy", realistic[:, ::-1].copy())
    (folder / "notes.txt").write_text("no scene")
    return folder


def small(name, **changes):
    return {**QUICK, **SMALL[name], **changes}


@pytest.mark.parametrize("name", list(SMALL))
def test_a_training_makes_weights_that_code(name, scenes, tmp_path):
    out = tmp_path / "w.safetensors"
    result = train(name, [scenes], out, changes=small(name), device="cpu")
    assert result.steps == 6
    assert result.digest == pretrained.read(out).digest.hex()
    samples = np.load(scenes / "one.npy")
    codec = hypress.find_codec(name)(weights=str(out))
    decoded = hypress.decode(hypress.encode(samples, codec))
    assert decoded.shape == samples.shape
    with (tmp_path / "w.csv").open() as file:
        logged = {row[1] for row in csv.reader(file)}
    assert {"validation loss", "validation bpppc", "validation decibels"} <= logged


@pytest.mark.parametrize("name", ["bandwise", "cae3d"])
def test_a_killed_training_ends_where_it_would_have(name, scenes, tmp_path):
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    train(name, [scenes], whole, changes=small(name), device="cpu")

    class KilledError(Exception):
        pass

    def kill(step):
        if step.done >= 4:
            raise KilledError

    from hypress.progress import listen

    with pytest.raises(KilledError), listen(kill):
        train(name, [scenes], parts, changes=small(name), device="cpu")
    resumed = train(name, [scenes], parts, changes=small(name), device="cpu", resume=True)
    assert resumed.steps == 6
    first, second = (pretrained.read(p).tensors for p in (whole, parts))
    assert all(np.array_equal(first[key], second[key]) for key in first)


def test_another_recipe_does_not_go_on(scenes, tmp_path):
    out = tmp_path / "w.safetensors"
    train("cae3d", [scenes], out, changes=small("cae3d"), device="cpu")
    with pytest.raises(ConfigurationError, match="another recipe"):
        train("cae3d", [scenes], out, changes=small("cae3d", seed=5), device="cpu", resume=True)
    with pytest.raises(OutputExistsError):
        train("cae3d", [scenes], out, changes=small("cae3d"), device="cpu")
    with pytest.raises(ConfigurationError, match="no checkpoint"):
        train("cae3d", [scenes], tmp_path / "none.safetensors", changes=small("cae3d"), device="cpu", resume=True)


def test_training_learns(scenes, tmp_path):
    measured = [
        train("cae3d", [scenes], tmp_path / f"{n}.safetensors", changes=small("cae3d", steps=n, warmup=1), device="cpu")
        for n in (1, 40)
    ]
    assert measured[1].measured["loss"] < measured[0].measured["loss"] - 0.2


def test_patience_ends_a_training(scenes, tmp_path):
    changes = small("cae3d", steps=60, validate_every=1, patience=2, learning_rate=1e-12)
    result = train("cae3d", [scenes], tmp_path / "w.safetensors", changes=changes, device="cpu")
    assert result.stopped_early
    assert result.steps < 60


def test_two_processes_train_one_network(scenes, tmp_path):
    out = tmp_path / "w.safetensors"
    settings = [f"{k}={v}" for k, v in small("cae3d").items() if k not in ("architecture", "validation")]
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python",
        str(Path(sys.executable).with_name("hypress")), "train", "cae3d", "--data", str(scenes), "--out", str(out),
        "--device", "cpu", *(part for s in settings for part in ("--set", s)),
    ]  # fmt: skip
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=alone)
    assert done.returncode == 0, done.stderr[-2000:]
    assert pretrained.read(out).card.steps > 0
    alone = tmp_path / "alone.safetensors"
    train("cae3d", [scenes], alone, changes=small("cae3d", architecture={"latents": 16}), device="cpu")
    # Two processes see twice the patches: they cannot end where one does.
    together = pretrained.read(out).tensors
    assert any(not np.array_equal(v, together[k]) for k, v in pretrained.read(alone).tensors.items())


# --- recipes, devices and data ----------------------------------------------------------------------------


def test_our_recipes_are_typed():
    for name in names():
        assert isinstance(recipe(name), Recipe)
    for wrong, says in (({"steps": 0}, "steps"), ({"colour": "red"}, "colour"), ({"precision": "int3"}, "precision")):
        with pytest.raises(ConfigurationError, match=says):
            recipe("bandwise", wrong)
    with pytest.raises(ConfigurationError, match="bandwise"):
        recipe("unheard_of")


def test_a_device_that_is_not_there_is_named():
    if not torch.cuda.is_available():
        with pytest.raises(ConfigurationError, match="no GPU"):
            loop.device_named("cuda")
    with pytest.raises(ConfigurationError, match="no device"):
        loop.device_named("abacus")
    assert loop.device_named("auto").type in ("cpu", "cuda")


def test_folders_without_scenes_are_refused(tmp_path):
    with pytest.raises(InputNotFoundError):
        read_folder(tmp_path / "none")
    (tmp_path / "notes.txt").write_text("no scene")
    with pytest.raises(SceneError, match="no scene"):
        read_folder(tmp_path)
    with pytest.raises(SceneError, match="varies"):
        TrainingScene.of("flat", np.zeros((3, 4, 4), np.int16))


def test_a_number_of_bands_that_does_not_fit_is_named(scenes, tmp_path):
    with pytest.raises(ConfigurationError, match="12 bands"):
        train("sscnet", [scenes], tmp_path / "w.safetensors", changes=QUICK, device="cpu")


@pytest.fixture
def hyspecnet_folder(tmp_path):
    root = tmp_path / "hyspecnet-11k"
    random = np.random.default_rng(0)
    for part, count in (("train", 2), ("val", 1), ("test", 1)):
        rows = []
        for i in range(count):
            patch = f"T1/{part}{i}/{part}{i}-DATA.npy"
            path = root / "patches" / patch
            path.parent.mkdir(parents=True)
            spectrum = np.linspace(0.1, 0.6, 202)[:, None, None]
            np.save(path, (spectrum * (1 + 0.3 * random.random((1, 16, 16)))).astype(np.float32))
            rows.append([patch])
        (root / "splits" / "easy").mkdir(parents=True, exist_ok=True)
        with (root / "splits" / "easy" / f"{part}.csv").open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    return root


def test_hyspecnet_is_read_by_its_splits(hyspecnet_folder, tmp_path):
    patches = hyspecnet.Patches(hyspecnet_folder, "easy", "train")
    assert len(patches) == 2
    assert patches[0].whole.shape == (202, 16, 16)
    assert patches[0].whole.dtype == np.int16
    changes = small("sscnet", architecture={"latents": 4})
    result = train("sscnet", [hyspecnet_folder], tmp_path / "w.safetensors", changes=changes, device="cpu")
    assert pretrained.read(Path(result.path)).card.bands == 202
    with pytest.raises(InputNotFoundError, match="easy"):
        hyspecnet.Patches(hyspecnet_folder, "middling")


def test_hyspecnet_images_lose_the_bands_of_water_vapour(hyspecnet_folder):
    import rasterio

    name = hyspecnet.Patches(hyspecnet_folder, "easy", "train").names[0]
    path = hyspecnet_folder / "patches" / name
    whole = np.arange(224, dtype=np.int16)[:, None, None] * 40 + np.arange(16, dtype=np.int16)
    whole = np.broadcast_to(whole, (224, 16, 16)).copy()
    image = path.with_name(path.name.replace("-DATA.npy", "-SPECTRAL_IMAGE.TIF"))
    about = {"width": 16, "height": 16, "count": 224, "dtype": "int16", "transform": rasterio.Affine.scale(30, -30)}
    with rasterio.open(image, "w", "GTiff", **about) as file:
        file.write(whole)
    path.unlink()
    kept = hyspecnet.Patches(hyspecnet_folder, "easy", "train")[0].whole
    removed = [*range(126, 141), *range(160, 167)]
    assert np.array_equal(kept, np.delete(whole, removed, axis=0))


def test_the_rate_in_the_loss_is_that_of_the_file(monkeypatch):
    # On the scene that the laws use, with the weights that ship.
    from hypress.codecs.bandwise import Bandwise
    from hypress.neural.bandwise import coding as bandwise_coding

    samples = np.tile(next(c for c in gallery() if c.name == "realistic").samples, (1, 4, 4))
    told = count_bits(monkeypatch, bandwise_coding)
    data = hypress.encode(samples, Bandwise(steps_per_dn=1 / 16))
    expected, found = (sum(pair[i] for pair in told) for i in range(2))
    assert found == pytest.approx(expected, rel=0.01)
    assert Tally.of(samples, hypress.decode(data)).psnr_db(float(samples.max())) > 30
