"""Standards' own streams: written, read and described by every command, with nothing of ours around them."""

import numpy as np
import pytest
from click.testing import CliRunner

import hypress
from hypress.cli import group
from hypress.codec import find, listing, names
from hypress.errors import CodestreamError, ConfigurationError, SceneError
from hypress.metrics import Tally
from hypress.testing import gallery

EXCHANGED = [name for name in names() if listing(name).ending]
SCENE = next(c for c in gallery() if c.name == "realistic").samples


@pytest.fixture(params=EXCHANGED)
def codec(request):
    return request.param


def test_there_are_some():
    assert "ccsds122" in EXCHANGED


def test_round_trip(codec, tmp_path):
    path = tmp_path / f"scene{listing(codec).ending}"
    report = hypress.compress(SCENE, path)
    assert (report.codec, report.max_error, report.bytes) == (codec, 0, path.stat().st_size)
    assert not path.read_bytes().startswith(b"\x89HYP")
    assert np.array_equal(hypress.open_scene(path).to_numpy(), SCENE)
    hypress.decompress(path, tmp_path / "back.npy")
    assert np.array_equal(np.load(tmp_path / "back.npy"), SCENE)


def test_a_goal_is_kept(codec, tmp_path):
    path = tmp_path / f"scene{listing(codec).ending}"
    report = hypress.compress(SCENE, path, goal=hypress.MaxError(dn=3))
    decoded = hypress.open_scene(path).to_numpy()
    assert report.max_error == Tally.of(SCENE, decoded).max_error <= 3


def test_commands(codec, tmp_path):
    np.save(tmp_path / "scene.npy", SCENE)
    path = tmp_path / f"scene{listing(codec).ending}"
    for arguments in (
        ["compress", str(tmp_path / "scene.npy"), str(path)],
        ["info", str(path)],
        ["compare", str(path), str(tmp_path / "scene.npy")],
        ["decompress", str(path), str(tmp_path / "scene.tif")],
    ):
        run = CliRunner().invoke(group, arguments)
        assert run.exit_code == 0, run.output


def test_what_it_cannot_hold_is_refused(codec, tmp_path):
    path = tmp_path / f"scene{listing(codec).ending}"
    with pytest.raises(ConfigurationError, match="is written by"):
        hypress.compress(SCENE, path, "jpeg2000")
    with pytest.raises(SceneError, match="integers"):
        hypress.compress(SCENE.astype(np.float32) / 7, path)
    assert not path.exists()


def test_damage_is_refused_or_samples_come_back(codec, tmp_path):
    path = tmp_path / f"scene{listing(codec).ending}"
    hypress.compress(SCENE, path)
    sound = path.read_bytes()
    random = np.random.default_rng(0)
    for _ in range(40):
        damaged = bytearray(sound)
        damaged[random.integers(0, len(sound))] ^= int(random.integers(1, 256))
        path.write_bytes(bytes(damaged))
        try:
            assert hypress.open_scene(path).ndim == 3
        except hypress.HypressError:
            continue
    path.write_bytes(b"")
    with pytest.raises(CodestreamError):
        hypress.open_scene(path)


def test_settings_say_what_a_header_leaves_out_and_nothing_else(tmp_path):
    hypress.compress(SCENE, tmp_path / "scene.hyp")
    run = CliRunner().invoke(
        group, ["decompress", str(tmp_path / "scene.hyp"), str(tmp_path / "scene.npy"), "--set", "columns=18"]
    )
    assert run.exit_code == 2
    assert find("ccsds122")().configured({"columns": 18}).columns == 18
