"""Weights: found by name, known by hash, refused when they are the wrong ones, and never executed."""

import json
import pickle

import msgspec
import numpy as np
import pytest

import hypress
from hypress.errors import WeightsError
from hypress.neural import pretrained
from hypress.neural.pretrained import Card

pytest.importorskip("safetensors")
CARD = Card(codec="bandwise", architecture={"models": 1}, data="nothing")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HYPRESS_WEIGHTS", str(tmp_path))
    return tmp_path


def put(path, value=1.0, card=CARD):
    pretrained.write(path, {"tensor": np.full((2, 3), value, np.float32)}, card)
    return pretrained.read(path)


def test_what_is_written_is_read(folder):
    found = put(folder / "mine.safetensors")
    assert found.card == CARD
    assert np.array_equal(found.tensors["tensor"], np.ones((2, 3), np.float32))
    assert pretrained.find("mine", "bandwise").digest == found.digest
    assert pretrained.find(str(folder / "mine.safetensors"), "bandwise").digest == found.digest


def test_the_package_comes_before_the_folder_and_names_are_listed(folder):
    put(folder / "mine.safetensors")
    with pytest.raises(WeightsError, match="mine"):
        pretrained.find("yours", "bandwise")


def test_weights_of_another_codec_are_refused(folder):
    put(folder / "mine.safetensors")
    with pytest.raises(WeightsError, match="for codec bandwise, not cae1d"):
        pretrained.find("mine", "cae1d")


def test_they_are_found_by_hash_under_another_name(folder):
    digest = put(folder / "mine.safetensors").digest
    put(folder / "other.safetensors", 2.0)
    (folder / "mine.safetensors").rename(folder / "renamed.safetensors")
    assert pretrained.find_by_hash("mine", "bandwise", digest).name == "renamed"
    assert pretrained.find_by_hash("/gone/mine.safetensors", "bandwise", digest).name == "renamed"


def test_wrong_weights_are_named_and_nothing_is_decoded(folder):
    put(folder / "mine.safetensors")
    with pytest.raises(WeightsError, match="0102") as error:
        pretrained.find_by_hash("mine", "bandwise", bytes(range(16)))
    assert pretrained.read(folder / "mine.safetensors").digest.hex() in str(error.value)


def test_a_changed_file_is_read_again(folder):
    first = put(folder / "mine.safetensors", 1.0)
    second = put(folder / "mine.safetensors", 2.0)
    assert first.digest != second.digest
    assert second.tensors["tensor"][0, 0] == 2.0


@pytest.mark.parametrize("size", [0, 1, 7, 40, 200])
def test_cut_files_are_refused(folder, size):
    put(folder / "mine.safetensors")
    data = (folder / "mine.safetensors").read_bytes()
    (folder / "mine.safetensors").write_bytes(data[: min(size, len(data) - 1)])
    with pytest.raises(WeightsError):
        pretrained.find("mine", "bandwise")


def test_pickles_are_never_opened(folder):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("it was executed",))

    (folder / "mine.safetensors").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(WeightsError):
        pretrained.find("mine", "bandwise")


def test_tensors_without_a_card_are_refused(folder):
    from safetensors.numpy import save

    (folder / "mine.safetensors").write_bytes(save({"a": np.zeros(3, np.float32)}))
    with pytest.raises(WeightsError, match="card"):
        pretrained.find("mine", "bandwise")
    (folder / "mine.safetensors").write_bytes(save({"a": np.zeros(3, np.float32)}, {"hypress": json.dumps({"x": 1})}))
    with pytest.raises(WeightsError, match="card"):
        pretrained.find("mine", "bandwise")


def test_an_address_that_gives_nothing_says_so(folder):
    with pytest.raises(WeightsError, match="cannot be fetched"):
        pretrained.find("https://localhost:1/mine.safetensors", "bandwise")
    assert not list(folder.iterdir())


def test_what_was_fetched_is_kept(folder, monkeypatch):
    data = (put(folder / "mine.safetensors") and folder / "mine.safetensors").read_bytes()
    (folder / "mine.safetensors").unlink()

    class Answer:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def read(self, _):
            return data

    asked = []
    monkeypatch.setattr(pretrained.urllib.request, "urlopen", lambda url, timeout: asked.append(url) or Answer())
    for _ in range(2):
        assert pretrained.find("https://example.org/w/mine.safetensors", "bandwise").card == CARD
    assert asked == ["https://example.org/w/mine.safetensors"]


@pytest.mark.parametrize("name", ["bandwise", "cae1d", "cae3d", "sscnet"])
def test_shipped_weights_say_what_they_are(name):
    found = pretrained.find(name, name)
    assert found.path.parent == pretrained.PACKAGED
    card = msgspec.to_builtins(found.card)
    for key in ("data", "licence", "loss", "recipe", "measured", "steps"):
        assert card[key], key
    codec = hypress.find_codec(name)()
    assert codec.weights == name


def test_what_ships_is_small():
    sizes = {p.name: p.stat().st_size for p in pretrained.PACKAGED.glob("*.safetensors")}
    assert sum(n for name, n in sizes.items() if name.startswith("bandwise")) <= 12_000_000
    assert sum(n for name, n in sizes.items() if name.startswith("hific")) <= 3 * 15_000_000
    assert sum(sizes.values()) <= 45_000_000
