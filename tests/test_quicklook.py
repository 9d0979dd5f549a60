"""`hypress quicklook` and `hypress view --snapshot`, as a user meets them."""

import numpy as np
import pytest

import hypress


@pytest.fixture(scope="module")
def small(tmp_path_factory, jasper_ridge):
    folder = tmp_path_factory.mktemp("small")
    hypress.write_scene(hypress.open_scene(jasper_ridge)[::6, :40, :50], folder / "small.hdr")
    hypress.compress(folder / "small.hdr", folder / "small.zarr.zip", goal=hypress.Psnr(db=40))
    return folder


def test_a_quicklook_says_what_it_shows(cli, small, tmp_path):
    ran = cli("quicklook", small / "small.zarr.zip", tmp_path / "a.png", "--bands", "650nm,550nm,460nm")
    assert ran.code == 0, ran.err
    assert "40 × 50" in ran.out
    assert "nm)" in ran.out
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    told = cli("quicklook", small / "small.hdr", tmp_path / "b.png", "--size", "10", "--bands", "7", "--json").json
    assert (told["rows"], told["columns"], told["bands"]) == (8, 10, [7])


def test_a_snapshot_says_what_it_shows(cli, small, tmp_path):
    paths = small / "small.hdr", small / "small.zarr.zip"
    ran = cli("view", *paths, "--snapshot", tmp_path / "a.png", "--map", "angle", "--map", "max")
    assert ran.code == 0, ran.err
    assert "spectral angle" in ran.out
    assert len(ran.out.splitlines()) == 5
    told = cli("view", *paths, "--snapshot", tmp_path / "b.png", "--json").json
    assert told["columns"] == 3 * 50 + 2 * 8


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--bands", "1,2"], "names no bands"),
        (["--bands", "purple"], "True colour"),
        (["--percent", "70"], "percent"),
        (["--gamma", "-1"], "gamma"),
    ],
)
def test_wrong_requests_are_one_clear_sentence(cli, small, tmp_path, arguments, says):
    ran = cli("quicklook", small / "small.hdr", tmp_path / "a.png", *arguments)
    assert ran.code == 2
    assert says in ran.err
    assert "Traceback" not in ran.err
    assert not list(tmp_path.iterdir())


def test_files_that_are_not_there(cli, small, tmp_path):
    assert "no such file" in cli("quicklook", tmp_path / "none.hdr", tmp_path / "a.png").err
    assert "no such file" in cli("view", tmp_path / "none.hdr", "--no-browser").err
    assert cli("quicklook", small / "small.hdr", tmp_path / "no" / "a.png").code == 2


def test_a_standards_own_stream_has_a_picture(cli, tmp_path):
    samples = np.random.default_rng(0).integers(0, 900, (3, 20, 30)).astype(np.uint16)
    (tmp_path / "a.hyp").write_bytes(hypress.encode(samples))
    assert cli("quicklook", tmp_path / "a.hyp", tmp_path / "a.png").code == 0
