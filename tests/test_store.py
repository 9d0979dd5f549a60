"""Stores: what is written comes back through xarray alone; interrupted jobs go on; nothing half-made looks whole."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import xarray as xr

import hypress
from hypress import scene as scenes
from hypress.errors import GoalError, InputNotFoundError, OutputExistsError, ReadError, SceneError, WriteError
from hypress.jobs import overview
from hypress.jobs.describe import describe
from hypress.store import Chunks, size_on_disk
from hypress.testing import gallery
from hypress.tiles import Grid
from hypress.zarr_codec import HypressCodec

pytestmark = pytest.mark.filterwarnings("ignore:scene.hyp. a .hyp holds samples only")

KINDS = ["scene.zarr", "scene.zarr.zip"]
GOALS = [hypress.Psnr(db=48), hypress.Rate(bpppc=3), hypress.SpectralAngle(deg=0.4), hypress.MaxError(dn=4)]


@pytest.fixture
def scene():
    """A georeferenced scene with everything that can be said of one."""
    case = next(c for c in gallery() if c.name == "nodata")
    samples = np.tile(case.samples, (1, 3, 3))
    return scenes.make(
        samples,
        wavelength_nm=np.linspace(400.125, 2500, len(samples)),
        fwhm_nm=np.linspace(5, 10, len(samples)),
        good_band=np.arange(len(samples)) != 4,
        nodata=-9999,
        crs_wkt="EPSG:32610",
        transform=(500000.0, 30.0, 0.0, 4200000.0, 0.0, -30.0),
        attrs={"units": "1", "scale_factor": 1e-4, "add_offset": 0.0, "description": "a test"},
    )


def assert_same_scene(found, expected):
    assert found.dtype == expected.dtype
    assert np.array_equal(found.to_numpy(), expected.to_numpy())
    for name in ("wavelength", "fwhm", "good_band", "y", "x"):
        assert np.array_equal(found.coords[name], expected.coords[name]), name
        assert found.coords[name].dtype == expected.coords[name].dtype
    assert scenes.nodata(found) == scenes.nodata(expected)
    assert scenes.crs_wkt(found) == scenes.crs_wkt(expected)
    assert scenes.transform(found) == scenes.transform(expected)
    for name in ("units", "scale_factor", "add_offset", "description"):
        assert found.attrs[name] == expected.attrs[name]


@pytest.mark.parametrize("kind", KINDS)
def test_everything_comes_back(tmp_path, scene, kind):
    report = hypress.compress(scene, tmp_path / kind, tile=(20, 25))
    assert report.max_error == 0
    assert_same_scene(hypress.open_scene(tmp_path / kind), scene)
    assert os.listdir(tmp_path) == [kind], "nothing else is left"


@pytest.mark.parametrize("kind", KINDS)
def test_the_report_counts_every_byte(tmp_path, scene, kind):
    report = hypress.compress(scene, tmp_path / kind, tile=(20, 25))
    files = [p for p in (tmp_path / kind).rglob("*") if p.is_file()] or [tmp_path / kind]
    assert report.bytes == sum(p.stat().st_size for p in files) == sum(report.streams.values())
    assert report.bpppc == 8 * report.bytes / scene.size


@pytest.mark.parametrize(
    ("kind", "call"),
    [("scene.zarr", "open_zarr"), ("scene.zarr.zip", "open_dataset"), ("scene.hyp", "open_dataset")],
)
def test_xarray_reads_it_in_a_process_that_never_names_us(tmp_path, scene, kind, call):
    hypress.compress(scene, tmp_path / kind)
    program = (
        f"import xarray as xr; d = xr.{call}({str(tmp_path / kind)!r})['scene'];"
        "print(float(d[2, 30, 30]), d.dtype.kind, d.shape)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    factor = 1e-4 if kind != "scene.hyp" else 1.0  # a bare codestream has no scale
    value = float(done.stdout.split()[0])
    assert value == pytest.approx(float(scene[2, 30, 30]) * factor)
    assert done.stdout.split()[1] == "f", "nodata is masked as xarray does"


def test_a_window_decodes_only_its_tiles(tmp_path, scene, monkeypatch):
    hypress.compress(scene, tmp_path / "scene.zarr", tile=(20, 25))
    for tile in Chunks.of(tmp_path / "scene.zarr").grid:
        if tile.index != (0, 1, 1):
            (tmp_path / "scene.zarr" / "scene" / tile.key).write_bytes(b"broken")
    found = hypress.open_scene(tmp_path / "scene.zarr")[:, 22:30, 26:40].to_numpy()
    assert np.array_equal(found, scene[:, 22:30, 26:40])


def test_nodata_that_is_not_stated_is_not_made_up(tmp_path):
    for dtype in (np.float32, np.uint16):
        plain = scenes.make(np.arange(24).reshape(2, 3, 4).astype(dtype))
        hypress.compress(plain, tmp_path / "scene.zarr", overwrite=True)
        assert scenes.nodata(hypress.open_scene(tmp_path / "scene.zarr")) is None


def test_lossy_scenes_say_so(tmp_path, scene):
    report = hypress.compress(scene, tmp_path / "scene.zarr", goal=hypress.Psnr(db=45))
    attrs = hypress.open_scene(tmp_path / "scene.zarr").attrs
    assert attrs["compression"] == "lossy"
    assert attrs["compression_codec"] == report.codec
    assert attrs["compression_goal"] == "PSNR 45 dB"
    assert attrs["compression_psnr_db"] == pytest.approx(report.psnr_db)
    assert attrs["compression_psnr_peak"] == report.psnr_peak == float(scene.max())
    assert attrs["compression_max_error"] == report.max_error > 0
    assert attrs["compression_mean_spectral_angle_deg"] == pytest.approx(report.sam_deg)


def test_once_lossy_is_lossy(tmp_path, scene):
    hypress.compress(scene, tmp_path / "first.zarr", goal=hypress.Psnr(db=45))
    hypress.compress(tmp_path / "first.zarr", tmp_path / "second.zarr")
    attrs = hypress.open_scene(tmp_path / "second.zarr").attrs
    assert attrs["compression"] == "lossy"
    assert attrs["compression_max_error"] == 0, "of this step"
    assert json.loads(attrs["compression_before"])["compression_goal"] == "PSNR 45 dB"


def test_a_scene_of_zeros(tmp_path):
    """Its peak is 0, of which no decibels can be told."""
    zeros = np.zeros((3, 20, 20), np.uint16)
    assert hypress.compress(zeros, tmp_path / "scene.zarr").psnr_peak == 0
    assert not hypress.open_scene(tmp_path / "scene.zarr").to_numpy().any()


@pytest.mark.parametrize("kind", [*KINDS, "scene.hyp"])
@pytest.mark.parametrize("goal", GOALS, ids=str)
def test_goals_hold_for_the_whole_file(tmp_path, scene, kind, goal):
    report = hypress.compress(scene, tmp_path / kind, goal=goal, tile=None if kind.endswith("hyp") else (32, 32))
    compared = hypress.compare(scene, tmp_path / kind)
    assert compared.psnr_db == pytest.approx(report.psnr_db)
    assert compared.max_error == report.max_error
    assert compared.sam_deg == pytest.approx(report.sam_deg)
    if isinstance(goal, hypress.Psnr):
        assert 48 <= compared.psnr_db <= 48.2
    elif isinstance(goal, hypress.Rate):
        assert report.bpppc <= 3
    elif isinstance(goal, hypress.SpectralAngle):
        assert compared.sam_deg <= 0.4
    else:
        assert compared.max_error <= 4


def test_a_rate_below_the_metadata_is_refused(tmp_path, scene):
    with pytest.raises(GoalError, match="metadata"):
        hypress.compress(scene, tmp_path / "scene.zarr", goal=hypress.Rate(bpppc=0.01))
    assert not os.listdir(tmp_path)


def test_bands_may_be_tiled_too(tmp_path, scene):
    hypress.compress(scene, tmp_path / "scene.zarr", tile=(5, 40, 40))
    assert_same_scene(hypress.open_scene(tmp_path / "scene.zarr"), scene)
    assert hypress.verify(tmp_path / "scene.zarr").ok


def test_any_fsspec_url(scene):
    url = "memory://somewhere/scene.zarr"
    hypress.compress(scene, url, tile=(20, 25))
    assert_same_scene(hypress.open_scene(url), scene)
    assert hypress.verify(url).ok
    with pytest.raises(OutputExistsError):
        hypress.compress(scene, url)
    hypress.compress(scene, url, overwrite=True)


def test_a_zip_needs_a_local_disk(scene):
    with pytest.raises(WriteError, match="local"):
        hypress.compress(scene, "memory://somewhere/scene.zarr.zip")


def test_the_same_input_gives_the_same_file(tmp_path, scene):
    for name in ("a.zarr.zip", "b.zarr.zip"):
        hypress.compress(scene, tmp_path / name, tile=(20, 25), workers=3)
    assert (tmp_path / "a.zarr.zip").read_bytes() == (tmp_path / "b.zarr.zip").read_bytes()


@pytest.mark.filterwarnings("ignore:Consolidated metadata")
def test_zarr_and_xarray_write_through_the_codec(tmp_path, scene):
    plain = scene.copy()
    for name in ("_FillValue", "scale_factor", "add_offset"):
        plain.attrs.pop(name)
    encoding = {
        "serializer": HypressCodec("jpeg2000"),
        "compressors": (),
        "chunks": (12, 40, 40),
        "fill_value": -9999,
    }
    plain.encoding = {}
    plain.to_dataset(name="scene").to_zarr(tmp_path / "x.zarr", encoding={"scene": encoding | {"_FillValue": -9999}})
    found = xr.open_zarr(tmp_path / "x.zarr", mask_and_scale=False)["scene"]
    assert np.array_equal(found, scene)
    assert hypress.verify(tmp_path / "x.zarr").ok


# --- the overview of a large scene -------------------------------------------------------------------


@pytest.fixture
def large(monkeypatch):
    """A scene that counts as large, with a corner that has no data."""
    monkeypatch.setattr(overview, "LARGE", 1000)
    monkeypatch.setattr(overview, "FINEST", 2)
    random = np.random.default_rng(7)
    y, x = np.mgrid[:211, :190]
    waves = [np.sin(y / (19 + b)) * np.cos(x / (22 + b)) for b in range(9)]
    samples = (9000 + 4000 * np.array(waves) + random.normal(0, 20, (9, 211, 190))).astype(np.int16)
    samples[:, 150:, :70] = -9999
    samples[3, 10:30, 100:] = -9999
    return scenes.make(samples, wavelength_nm=np.linspace(400, 900, 9), nodata=-9999)


@pytest.mark.parametrize("spacing", [2, 4, 32])
@pytest.mark.parametrize("tile", [(9, 64, 33), (5, 7, 190), (2, 211, 3)])
def test_an_overview_is_gathered_from_tiles_of_any_size(large, tile, spacing):
    samples = large.to_numpy()
    gathered = overview.Overview(np.zeros_like(samples[:, ::spacing, ::spacing]), spacing)
    for each in Grid.of(samples.shape, tile):
        gathered.put(each, overview.thinned(samples[each.window], each, spacing))
    assert np.array_equal(gathered.samples, samples[:, ::spacing, ::spacing])


@pytest.mark.parametrize("codec", ["jpeg2000", "ccsds123"])
def test_a_large_scene_gets_an_overview(tmp_path, large, codec):
    report = hypress.compress(large, tmp_path / "scene.zarr", codec, tile=(70, 64))
    chunks = Chunks.of(tmp_path / "scene.zarr")
    small = chunks.overview(large.dtype)
    assert report.bytes == sum(report.streams.values())
    assert 0 < report.streams["overview"] <= 0.01 * report.bytes
    assert describe(tmp_path / "scene.zarr")["streams"] == report.streams
    assert small.grid.shape == (9, -(-211 // small.spacing), -(-190 // small.spacing))
    found = xr.open_zarr(tmp_path / "scene.zarr", group="overview", mask_and_scale=False)["scene"].to_numpy()
    wanted = large.to_numpy()[:, :: small.spacing, :: small.spacing]
    assert np.array_equal(found == -9999, wanted == -9999)
    assert np.abs(found.astype(int) - wanted).mean() < 500, "of samples that span 8000"


def test_an_overview_is_in_nobodys_way(tmp_path, large):
    hypress.compress(large, tmp_path / "scene.zarr", tile=(70, 64))
    assert list(xr.open_zarr(tmp_path / "scene.zarr").data_vars) == ["scene"]
    assert set(xr.open_datatree(tmp_path / "scene.zarr", engine="zarr").groups) == {"/", "/overview"}
    assert np.array_equal(hypress.open_scene(tmp_path / "scene.zarr"), large)
    assert hypress.verify(tmp_path / "scene.zarr").ok
    hypress.compress(tmp_path / "scene.zarr", tmp_path / "again.zarr.zip", tile=(70, 64))
    assert np.array_equal(hypress.open_scene(tmp_path / "again.zarr.zip"), large)
    assert Chunks.of(tmp_path / "again.zarr.zip").overview(large.dtype) is not None


@pytest.mark.parametrize("kind", KINDS)
def test_a_rate_counts_the_overview(tmp_path, large, kind):
    report = hypress.compress(large, tmp_path / kind, "jpeg2000", hypress.Rate(bpppc=4), tile=(110, 100))
    assert report.streams["overview"] > 0
    assert 3.8 <= report.bpppc <= 4
    assert report.bpppc == 8 * size_on_disk(tmp_path / kind) / large.size


def test_small_scenes_and_secret_ones_have_no_overview(tmp_path, scene, large):
    hypress.compress(scene.isel(band=[0], x=slice(0, 20), y=slice(0, 20)), tmp_path / "small.zarr")
    assert Chunks.of(tmp_path / "small.zarr").overview(scene.dtype) is None
    assert not (tmp_path / "small.zarr" / "overview").exists()
    keyed = hypress.find_codec("gnn")(keyed=True)
    assert overview.Overview.of(large.shape, large.dtype, keyed) is None
    assert overview.Overview.of(large.shape, large.dtype, hypress.find_codec("gnn")()) is not None


@pytest.mark.parametrize("shape", [(198, 4400, 4400), (20, 10_000, 10_000), (1, 70_000, 90), (3000, 300, 300)])
@pytest.mark.parametrize("itemsize", [1, 8])
def test_an_overview_is_small_however_large_the_scene(shape, itemsize):
    spacing = overview.spacing_for(shape, itemsize)
    assert spacing & (spacing - 1) == 0
    bands, rows, columns = shape[0], -(-shape[1] // spacing), -(-shape[2] // spacing)
    assert max(rows, columns) <= 1024
    assert bands * rows * columns * itemsize <= 1 << 26


@pytest.mark.parametrize(
    "wrong", [{"spacing": 3}, {"spacing": "2"}, {"spacing": 1}, {}, {"spacing": 0}, {"spacing": 1 << 70}]
)
def test_an_overview_that_does_not_fit_the_scene_is_none(tmp_path, large, wrong):
    hypress.compress(large, tmp_path / "scene.zarr", tile=(70, 64))
    about = tmp_path / "scene.zarr" / "overview" / "scene" / "zarr.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {"attributes": wrong}))
    assert Chunks.of(tmp_path / "scene.zarr").overview(large.dtype) is None
    about.write_text("no JSON")
    assert Chunks.of(tmp_path / "scene.zarr").overview(large.dtype) is None
    assert "overview" not in describe(tmp_path / "scene.zarr")["streams"]


def test_verify_finds_a_damaged_overview(tmp_path, large):
    hypress.compress(large, tmp_path / "scene.zarr", "jpeg2000", tile=(70, 64))
    key = tmp_path / "scene.zarr" / "overview" / "scene" / "c" / "0" / "0" / "0"
    data = bytearray(key.read_bytes())
    data[-5] ^= 1
    key.write_bytes(data)
    verdict = hypress.verify(tmp_path / "scene.zarr")
    assert [problem.split(":")[0] for problem in verdict.problems] == ["overview, tile (0, 0, 0)"]
    key.unlink()
    assert hypress.verify(tmp_path / "scene.zarr").problems == ["overview, tile (0, 0, 0): it is missing"]
    assert np.array_equal(hypress.open_scene(tmp_path / "scene.zarr"), large), "the scene is none the worse"


def test_an_interrupted_job_still_gets_its_overview(tmp_path, large, monkeypatch):
    from hypress.jobs import compress as job

    monkeypatch.setattr(job, "encode_tile", interrupted := Interrupted(job.encode_tile, after=5))
    with pytest.raises(KeyboardInterrupt):
        hypress.compress(large, tmp_path / "scene.zarr", "jpeg2000", tile=(70, 64), workers=1)
    interrupted.after = 1000
    hypress.compress(large, tmp_path / "scene.zarr", "jpeg2000", tile=(70, 64), workers=1, resume=True)
    assert interrupted.calls < 12 + 5, "what was there was kept"
    hypress.compress(large, tmp_path / "whole.zarr", "jpeg2000", tile=(70, 64))
    key = "overview/scene/c/0/0/0"
    assert (tmp_path / "scene.zarr" / key).read_bytes() == (tmp_path / "whole.zarr" / key).read_bytes()


class Interrupted:
    """Ctrl-C after so many calls."""

    def __init__(self, real, after):
        self.real, self.after, self.calls = real, after, 0

    def __call__(self, *arguments, **options):
        self.calls += 1
        if self.calls > self.after:
            raise KeyboardInterrupt
        return self.real(*arguments, **options)


# --- what stands in the way --------------------------------------------------------------------------


def test_an_output_that_exists_is_kept(tmp_path, scene):
    (tmp_path / "scene.zarr.zip").write_text("precious")
    with pytest.raises(OutputExistsError, match="overwrit"):
        hypress.compress(scene, tmp_path / "scene.zarr.zip")
    assert (tmp_path / "scene.zarr.zip").read_text() == "precious"
    hypress.compress(scene, tmp_path / "scene.zarr.zip", overwrite=True)
    assert hypress.verify(tmp_path / "scene.zarr.zip").ok


@pytest.mark.parametrize("kind", [*KINDS, "scene.hyp"])
def test_a_scene_without_a_valid_sample_leaves_nothing(tmp_path, kind):
    empty = scenes.make(np.full((3, 4, 5), np.nan, np.float32))
    with pytest.raises(SceneError, match="no valid sample"):
        hypress.compress(empty, tmp_path / kind)
    assert not os.listdir(tmp_path)


def test_a_store_that_is_not_there():
    with pytest.raises(InputNotFoundError):
        hypress.open_scene("nowhere.zarr")
    with pytest.raises(InputNotFoundError):
        hypress.open_scene("nowhere.zarr.zip")


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 and then nothing"])
def test_a_zip_that_is_none(tmp_path, content):
    (tmp_path / "x.zarr.zip").write_bytes(content)
    with pytest.raises(ReadError):
        hypress.open_scene(tmp_path / "x.zarr.zip")


def test_a_truncated_zip(tmp_path, scene):
    hypress.compress(scene, tmp_path / "x.zarr.zip")
    data = (tmp_path / "x.zarr.zip").read_bytes()
    (tmp_path / "x.zarr.zip").write_bytes(data[: len(data) // 2])
    with pytest.raises(ReadError):
        hypress.open_scene(tmp_path / "x.zarr.zip")
    assert not hypress.verify(tmp_path / "x.zarr.zip").ok


def test_verify_names_a_tile_that_cannot_be_read(tmp_path, scene):
    hypress.compress(scene, tmp_path / "x.zarr.zip", tile=(20, 25))
    chunks = Chunks.of(tmp_path / "x.zarr.zip")
    tiles = list(chunks.grid)
    data, tile = (tmp_path / "x.zarr.zip").read_bytes(), chunks.read(tiles[1])
    damaged = data.replace(tile, tile[:-1] + bytes([tile[-1] ^ 1]))  # the archive's own checksum fails
    assert damaged != data
    (tmp_path / "x.zarr.zip").write_bytes(damaged)
    (problem,) = hypress.verify(tmp_path / "x.zarr.zip").problems
    assert f"tile {tiles[1].index}" in problem
    assert "cannot be read" in problem


def test_verify_finds_every_damaged_and_missing_tile(tmp_path, scene):
    hypress.compress(scene, tmp_path / "scene.zarr", tile=(20, 25))
    tiles = list(Chunks.of(tmp_path / "scene.zarr").grid)
    first, second = (tmp_path / "scene.zarr" / "scene" / t.key for t in (tiles[1], tiles[4]))
    damaged = bytearray(first.read_bytes())
    damaged[-1] ^= 1
    first.write_bytes(damaged)
    second.unlink()
    verdict = hypress.verify(tmp_path / "scene.zarr")
    assert len(verdict.problems) == 2
    assert "checksum" in verdict.problems[0]
    assert "missing" in verdict.problems[1]


# --- interruption ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_killed_leaves_nothing_whole_and_resume_goes_on(tmp_path, kind):
    """A process killed in the midst: no output; the tiles it had put are kept, byte for byte, by --resume."""
    random = np.random.default_rng(5)
    np.save(tmp_path / "scene.npy", random.integers(0, 4000, (16, 300, 300)).astype(np.uint16))
    output = tmp_path / kind
    arguments = ["compress", str(tmp_path / "scene.npy"), str(output), "--tile", "25,25", "--workers", "1"]
    command = [sys.executable, "-c", "from hypress.cli import main; main()", *arguments]
    work = output.with_name(output.name + ".part")
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 120
    while len(list(work.glob("scene/c/0/*/*[0-9]"))) < 3 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not output.exists()
    done = {p: p.stat().st_mtime_ns for p in work.glob("scene/c/0/*/*") if not p.name.endswith("writing")}
    assert 3 <= len(done) < 144
    torn = next(iter(done))
    torn.write_bytes(torn.read_bytes()[:-5])  # as a machine that lost power may leave it

    kept = work.with_name("kept")
    shutil.copytree(work, kept)
    other = subprocess.run([*command, "--resume", "--psnr", "40"], capture_output=True, text=True, check=False)
    assert other.returncode == 2
    assert "goal" in other.stderr
    resumed = subprocess.run([*command, "--resume", "--json"], capture_output=True, text=True, check=True)
    assert json.loads(resumed.stdout)["max_error"] == 0
    assert not work.exists()
    assert np.array_equal(hypress.open_scene(output), np.load(tmp_path / "scene.npy"))


def test_a_failure_leaves_nothing(tmp_path, scene, monkeypatch):
    from hypress.jobs import compress as job

    real, calls = job.encode_tile, []

    def fails_at_the_third(*arguments, **options):
        calls.append(1)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        return real(*arguments, **options)

    monkeypatch.setattr(job, "encode_tile", fails_at_the_third)
    with pytest.raises(OSError, match="No space"):
        hypress.compress(scene, tmp_path / "scene.zarr", tile=(20, 25))
    assert not os.listdir(tmp_path)


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path):
    """The process may write no file above 20 kB: what a full disk does, without filling one."""
    random = np.random.default_rng(5)
    np.save(tmp_path / "scene.npy", random.integers(0, 60000, (16, 100, 100)).astype(np.uint16))
    program = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "import hypress, hypress.io, hypress.jobs.compress, hypress.codecs.jpeg2000;"
        "hypress.encode(__import__('numpy').zeros((2, 5, 5), 'u2'), 'jpeg2000');"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)); from hypress.cli import main; main()"
    )
    for kind in [*KINDS, "scene.hyp"]:
        command = [
            sys.executable,
            "-c",
            program,
            "compress",
            str(tmp_path / "scene.npy"),
            str(tmp_path / kind),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2, done.stderr
        assert "cannot be written" in done.stderr
        assert "Traceback" not in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert os.listdir(tmp_path) == ["scene.npy"]


# --- elsewhere ---------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")  # distributed's own, at start and end of its processes
def test_a_dask_cluster_by_address(tmp_path, scene):
    distributed = pytest.importorskip("distributed", reason="the extra cluster is not installed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        address = cluster.scheduler_address
        report = hypress.compress(scene, tmp_path / "a.zarr.zip", tile=(20, 25), scheduler=address)
    hypress.compress(scene, tmp_path / "b.zarr.zip", tile=(20, 25))
    assert report.max_error == 0
    assert (tmp_path / "a.zarr.zip").read_bytes() == (tmp_path / "b.zarr.zip").read_bytes()
