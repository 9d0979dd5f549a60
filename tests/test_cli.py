"""The command line, as a user meets it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hypress
from hypress.cli import group

COMMANDS = group.list_commands(None)
REPORT = {"codec", "bytes", "bpppc", "ratio", "psnr_db", "max_error", "sam_deg", "seconds"}
DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A corner of the bundled scene, as ENVI with its wavelengths."""
    folder = tmp_path_factory.mktemp("small")
    scene = hypress.open_scene(Path(__file__).parents[1] / "scenes" / "jasper_ridge.hdr")
    hypress.write_scene(scene[::6, :40, :50], folder / "small.hdr")
    return folder / "small.hdr"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_is_documented(cli, command):
    ran = cli(command, "--help")
    assert ran.code == 0
    assert f"hypress {command}" in (DOCS / "command-line.md").read_text()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_speaks_json(command):
    assert "--json" in {o for p in group.get_command(None, command).params for o in p.opts}


@pytest.mark.parametrize("arguments", [["--help"], ["codecs"], ["compress", "--help"]])
def test_help_and_listing_import_nothing_heavy(arguments):
    program = (
        "import sys\nfrom hypress.cli import main\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'xarray', 'numba', 'zarr', 'dask', 'rasterio', 'torch', 'scipy', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_compress_verify_decompress_compare(cli, small, tmp_path):
    store, back = tmp_path / "a.zarr.zip", tmp_path / "a.hdr"
    ran = cli("compress", small, store, "--psnr", "50", "--json")
    assert ran.code == 0, ran.err
    assert set(ran.json) >= REPORT
    assert 50 <= ran.json["psnr_db"] <= 50.1
    assert ran.json["bytes"] == store.stat().st_size
    assert cli("verify", store, "--against", small, "--json").json["psnr_db"] == pytest.approx(ran.json["psnr_db"])
    assert cli("decompress", store, back, "--json").json["shape"] == [33, 40, 50]
    compared = cli("compare", small, back, "--json").json
    assert compared["psnr_db"] == pytest.approx(ran.json["psnr_db"])
    assert compared["max_error"] == ran.json["max_error"]
    assert 0.9 < compared["ssim"] < 1
    compared = cli("compare", small, store, "--json").json
    assert set(compared) >= REPORT
    assert compared["codec"] == ran.json["codec"]
    found = hypress.open_scene(back)
    assert np.array_equal(found.wavelength, hypress.open_scene(small).wavelength)


def test_lossless_is_the_default(cli, small, tmp_path):
    ran = cli("compress", small, tmp_path / "a.zarr.zip", "--json")
    assert ran.json["max_error"] == 0
    assert ran.json["psnr_db"] is None
    assert ran.json["goal"] == {"goal": "lossless"}


def test_a_bare_codestream_keeps_shape_and_type(cli, tmp_path):
    samples = np.random.default_rng(0).integers(-500, 500, (5, 6, 7)).astype(np.int16)
    np.save(tmp_path / "a.npy", samples)
    assert cli("compress", tmp_path / "a.npy", tmp_path / "a.hyp").code == 0
    assert cli("decompress", tmp_path / "a.hyp", tmp_path / "b.npy").code == 0
    back = np.load(tmp_path / "b.npy")
    assert back.dtype == samples.dtype
    assert np.array_equal(back, samples)


@pytest.mark.parametrize(
    ("arguments", "index"),
    [
        (["--bands", "3:9"], np.s_[3:9]),
        (["--bands", "4,2,30"], np.s_[[4, 2, 30]]),
        (["--rows", "5:20", "--columns", "7:8"], np.s_[:, 5:20, 7:8]),
        (["--bands", "7"], np.s_[7:8]),
    ],
)
def test_a_part_of_a_scene(cli, small, tmp_path, arguments, index):
    cli("compress", small, tmp_path / "a.zarr", "--tile", "16,16")
    assert cli("decompress", tmp_path / "a.zarr", tmp_path / "part.npy", *arguments).code == 0
    assert np.array_equal(np.load(tmp_path / "part.npy"), hypress.open_scene(small).to_numpy()[index])


@pytest.mark.parametrize(
    "arguments",
    [["--bands", "40"], ["--rows", "30:60"], ["--rows", "5:5"], ["--columns", "-1:4"], ["--bands", "x"]],
)
def test_a_part_that_is_not_there(cli, small, tmp_path, arguments):
    cli("compress", small, tmp_path / "a.hyp")
    ran = cli("decompress", tmp_path / "a.hyp", tmp_path / "part.npy", *arguments)
    assert ran.code == 2
    assert not (tmp_path / "part.npy").exists()


def test_fields_can_be_set(cli, small, tmp_path):
    ran = cli("compress", small, tmp_path / "a.hyp", "--codec", "pca_jpeg2000", "--set", "rate_bpppc=1", "--json")
    assert ran.json["configuration"]["rate_bpppc"] == 1
    assert ran.json["goal"] is None
    assert ran.json["bpppc"] < 1.1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--set", "nonsense=1"], "no field"),
        (["--set", "rate_bpppc=-1"], "rate_bpppc"),
        (["--set", "rate_bpppc"], "field=value"),
        (["--codec", "nonsense"], "jpeg2000"),
        (["--psnr", "40", "--rate", "1"], "one goal"),
        (["--psnr", "-3"], "positive"),
        (["--rate", "nan"], "positive"),
        (["--peak", "100"], "--psnr"),
        (["--tile", "0,5"], "at least 1"),
        (["--tile", "a"], "ROWS,COLUMNS"),
    ],
)
def test_wrong_requests_are_one_clear_sentence(cli, small, tmp_path, arguments, says):
    ran = cli("compress", small, tmp_path / "a.zarr", *arguments)
    assert ran.code == 2
    assert says in ran.err
    assert "Traceback" not in ran.err
    assert not list(tmp_path.iterdir())


def test_info_says_what_is_not_stated(cli, small, tmp_path):
    np.save(tmp_path / "a.npy", np.arange(60, dtype=np.uint16).reshape(3, 4, 5))
    assert "not stated" in cli("info", tmp_path / "a.npy").out
    told = cli("info", small, "--json").json
    assert told["shape"] == [33, 40, 50]
    assert told["wavelength_nm"]["from"] > 300
    assert told["nodata"] is None
    cli("compress", small, tmp_path / "a.zarr.zip", "--rate", "1")
    told = cli("info", tmp_path / "a.zarr.zip", "--json").json
    assert told["compression"] == "lossy"
    assert sum(told["streams"].values()) == told["bytes"] == (tmp_path / "a.zarr.zip").stat().st_size
    cli("compress", small, tmp_path / "a.hyp", "--codec", "jpeg2000")
    assert cli("info", tmp_path / "a.hyp", "--json").json["codec"] == "jpeg2000"


def test_codecs_are_listed_and_shown(cli):
    listed = {c["name"]: c for c in cli("codecs", "--json").json}
    assert {"jpeg2000", "pca_jpeg2000"} <= set(listed)
    assert all(c["summary"] for c in listed.values())
    assert cli("codecs", "pca_jpeg2000", "--json").json["fields"]["rate_bpppc"]["knob"]
    assert cli("codecs", "nonsense").code == 2


def test_verify_fails_with_one(cli, small, tmp_path):
    cli("compress", small, tmp_path / "a.hyp")
    data = bytearray((tmp_path / "a.hyp").read_bytes())
    data[-1] ^= 1
    (tmp_path / "a.hyp").write_bytes(data)
    ran = cli("verify", tmp_path / "a.hyp", "--json")
    assert ran.code == 1
    assert ran.json["problems"]
    assert cli("verify", small).code == 2


# --- archives ----------------------------------------------------------------------------------------


def test_an_archive_goes_on_after_a_failure(cli, small, tmp_path):
    inputs = tmp_path / "flight"
    inputs.mkdir()
    scene = hypress.open_scene(small)
    hypress.write_scene(scene, inputs / "one.hdr")
    np.save(inputs / "two.npy", scene[:10])
    np.save(inputs / "three.npy", np.zeros((4, 5)))
    (inputs / "notes.txt").write_text("no scene")
    ran = cli("compress", inputs, tmp_path / "archive", "--json")
    assert ran.code == 2
    assert {Path(s["output"]).name for s in ran.json["scenes"]} == {"one.zarr.zip", "two.zarr.zip"}
    ((failed, reason),) = ran.json["failed"].items()
    assert failed.endswith("three.npy")
    assert "three dimensions" in reason
    assert {p.name for p in (tmp_path / "archive").iterdir()} == {"one.zarr.zip", "two.zarr.zip"}
    again = cli("compress", f"{inputs}/*.hdr", tmp_path / "archive", "--resume", "--json")
    assert again.code == 0
    assert len(again.json["skipped"]) == 1
    several = cli("compress", inputs / "one.hdr", inputs / "two.npy", tmp_path / "b", "--to", ".hyp", "--rate", "2")
    assert several.code == 0
    assert "2 compressed" in several.out


def test_two_scenes_of_one_name_are_refused(cli, small, tmp_path):
    np.save(tmp_path / "small.npy", hypress.open_scene(small))
    ran = cli("compress", small, tmp_path / "small.npy", tmp_path / "out")
    assert ran.code == 2
    assert "both become" in ran.err


def test_an_empty_folder_is_said(cli, tmp_path):
    assert "no scene" in cli("compress", tmp_path, tmp_path / "out").err


# --- progress ------------------------------------------------------------------------------------------


def test_progress_reaches_whoever_listens(small, tmp_path):
    steps = []
    with hypress.listen(steps.append):
        hypress.compress(small, tmp_path / "a.zarr", goal=hypress.Psnr(db=40), tile=(20, 20))
    compressing = [s for s in steps if s.task == "compressing"]
    assert compressing[0].done == 0
    assert compressing[-1].done == compressing[-1].total == 33 * 40 * 50
    assert [s.done for s in compressing] == sorted(s.done for s in compressing)
    assert "bpppc" in compressing[-1].note


@pytest.mark.parametrize("name", ["b.hdr", "b.tif", "b.nc", "b.mat", "b.npy"])
@pytest.mark.filterwarnings("ignore::hypress.errors.ScenePropertyWarning")
def test_writing_reports_progress_too(small, tmp_path, name):
    steps = []
    with hypress.listen(steps.append):
        hypress.write_scene(hypress.open_scene(small), tmp_path / name)
    writing = [s for s in steps if s.task == "writing"]
    assert writing[-1].done == writing[-1].total == 33 * 40 * 50


def test_json_is_nothing_but_json(hypress_command, small, tmp_path):
    ran = hypress_command("compress", small, tmp_path / "a.zarr", "--json")
    assert json.loads(ran.out)
    assert ran.err == ""
