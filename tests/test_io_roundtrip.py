"""The law of files: scene → file → scene keeps what the format can hold, and what it cannot is said."""

import os
import pickle
import subprocess
import sys
import textwrap
import tracemalloc
import warnings
from pathlib import Path

import dask
import numpy as np
import pytest
import xarray as xr
from rasterio.crs import CRS

from hypress import scene as scenes
from hypress.errors import OutputExistsError, SceneError, ScenePropertyWarning, WriteError
from hypress.io import READERS, WRITERS, open_scene, strips, write_scene
from hypress.io.facts import Facts, strings

FULL = (".hdr", ".img", ".bsq", ".bil", ".bip", ".tif", ".nc", ".mat")
DTYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")
HOLDS = {".tif": DTYPES, ".nc": DTYPES, ".mat": DTYPES, ".npy": DTYPES}
ENVI_DTYPES = tuple(t for t in DTYPES if t != "i1")
UTM = CRS.from_epsg(32633).to_wkt()
LATLON = CRS.from_epsg(4326).to_wkt()
NORTH_UP = (364095.1, 30.000000000000004, 0.0, 5809965.7, 0.0, -29.999999999999996)
TURNED = (500000.3, 3.1, 0.7, 4000000.9, 0.2, -2.9)
SOUTH_UP = (10.0, 0.1, 0.0, 40.0, 0.0, 0.1)


def samples_of(dtype: str, shape: tuple[int, int, int] = (5, 7, 6)) -> np.ndarray:
    rng = np.random.default_rng(7)
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return rng.normal(size=shape).astype(kind)
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    return rng.integers(low, high, size=shape, dtype=kind, endpoint=True)


def full_scene(dtype: str = "u2", transform=NORTH_UP, wkt: str = UTM, nodata: float | None = None) -> xr.DataArray:
    samples = samples_of(dtype)
    if nodata is None:
        nodata = -1e-300 if dtype == "f8" else float(np.float32(-9999.1)) if dtype == "f4" else 3
        nodata = {"i8": -9999, "u8": 2**53, "i2": -32768, "u2": 65535}.get(dtype, nodata)
    return scenes.make(
        samples,
        wavelength_nm=[400.1, 500.0, 1 / 3 + 600, 700.123456789, 2500.0],
        fwhm_nm=[9.5, 9.6, 10 / 3, 1e-3, 12.0],
        good_band=[True, False, True, True, False],
        nodata=nodata,
        crs_wkt=wkt,
        transform=transform,
        attrs={
            "units": "uW/cm² sr nm",
            "scale_factor": 0.1 + 0.2,
            "add_offset": -1 / 3,
            "description": "A scene",
        },
    )


def assert_same(found: xr.DataArray, wanted: xr.DataArray) -> None:
    assert found.dims == ("band", "y", "x")
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found.to_numpy(), wanted.to_numpy())
    got, want = Facts.of(found), Facts.of(wanted)
    for key in ("wavelength_nm", "fwhm_nm", "good_band"):
        np.testing.assert_array_equal(getattr(got, key), getattr(want, key), err_msg=key)
    for key in ("nodata", "crs_wkt", "transform", "units", "scale_factor", "add_offset"):
        assert getattr(got, key) == getattr(want, key), key
    assert got.band.keys() == want.band.keys()
    for key, column in want.band.items():
        assert got.band[key].tolist() == column.tolist()


@pytest.mark.parametrize("ending", FULL)
def test_everything_survives(tmp_path: Path, ending: str) -> None:
    for dtype in HOLDS.get(ending, ENVI_DTYPES):
        scene = full_scene(dtype)
        path = tmp_path / f"{dtype}{ending}"
        write_scene(scene, path)
        assert_same(open_scene(path), scene)
        assert open_scene(path).attrs.get("description", "A scene") == "A scene"


@pytest.mark.parametrize("ending", FULL)
@pytest.mark.parametrize(
    ("transform", "wkt"), [(TURNED, UTM), (SOUTH_UP, LATLON), ((5.0, -2.0, 0.0, 1.0, 0.0, -2.0), UTM)]
)
def test_any_affine_transform_survives(tmp_path: Path, ending: str, transform: tuple, wkt: str) -> None:
    scene = full_scene(transform=transform, wkt=wkt)
    write_scene(scene, tmp_path / f"a{ending}")
    assert_same(open_scene(tmp_path / f"a{ending}"), scene)


@pytest.mark.parametrize("ending", FULL)
def test_what_a_scene_does_not_say_stays_unsaid(tmp_path: Path, ending: str) -> None:
    scene = scenes.make(samples_of("u2"))
    write_scene(scene, tmp_path / f"a{ending}")
    found = open_scene(tmp_path / f"a{ending}")
    assert_same(found, scene)
    assert set(found.coords) == set()
    assert set(found.attrs) == set()


@pytest.mark.parametrize("ending", FULL)
def test_band_columns_survive(tmp_path: Path, ending: str) -> None:
    columns = {
        "band_name": strings(["a", "b é", "c d", "4", "SWIR 5"]),
        "band_scale_factor": np.array([1.0, 2.0, 1 / 3, 4.0, 0.1]),
        "band_add_offset": np.array([0.0, -1 / 3, 0.0, 1.0, 2.0]),
    }
    scene = scenes.make(samples_of("i2")).assign_coords({k: ("band", v) for k, v in columns.items()})
    write_scene(scene, tmp_path / f"a{ending}")
    assert_same(open_scene(tmp_path / f"a{ending}"), scene)
    part = open_scene(tmp_path / f"a{ending}").isel(band=[4, 1])
    assert part.band_name.values.tolist() == ["SWIR 5", "b é"]


@pytest.mark.parametrize("ending", FULL)
def test_wavelengths_without_a_unit_stay_so(tmp_path: Path, ending: str) -> None:
    scene = scenes.make(samples_of("u1")).assign_coords(wavelength_as_stated=("band", [1.0, 2.0, 3.5, 4.0, 5.0]))
    write_scene(scene, tmp_path / f"a{ending}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ScenePropertyWarning)
        found = open_scene(tmp_path / f"a{ending}")
    assert "wavelength" not in found.coords
    assert found.wavelength_as_stated.values.tolist() == [1.0, 2.0, 3.5, 4.0, 5.0]


@pytest.mark.parametrize("ending", FULL)
@pytest.mark.parametrize(("dtype", "nodata"), [("f4", np.nan), ("i2", 0), ("f8", np.inf), ("u1", 255)])
def test_awkward_nodata(tmp_path: Path, ending: str, dtype: str, nodata: float) -> None:
    write_scene(scenes.make(samples_of(dtype), nodata=nodata), tmp_path / f"a{ending}")
    np.testing.assert_equal(scenes.nodata(open_scene(tmp_path / f"a{ending}")), nodata)


@pytest.mark.parametrize("ending", [".hdr", ".nc", ".mat"])
@pytest.mark.parametrize(("dtype", "nodata"), [("i8", -(2**60) - 1), ("u8", 2**64 - 1)])
def test_nodata_of_64_bits(tmp_path: Path, ending: str, dtype: str, nodata: int) -> None:
    write_scene(scenes.make(samples_of(dtype), nodata=nodata), tmp_path / f"a{ending}")
    assert scenes.nodata(open_scene(tmp_path / f"a{ending}")) == nodata


def test_nodata_of_64_bits_in_geotiff_is_said(tmp_path: Path) -> None:
    with pytest.warns(ScenePropertyWarning, match="cannot hold the nodata value"):
        write_scene(scenes.make(samples_of("i8"), nodata=-(2**60) - 1), tmp_path / "a.tif")
    assert scenes.nodata(open_scene(tmp_path / "a.tif")) == -(2**60) - 1


def test_npy_holds_samples_only_and_says_so(tmp_path: Path) -> None:
    with pytest.warns(ScenePropertyWarning, match="wavelength"):
        write_scene(full_scene("i1"), tmp_path / "a.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), samples_of("i1"))
    np.testing.assert_array_equal(open_scene(tmp_path / "a.npy"), samples_of("i1"))


@pytest.mark.parametrize("ending", FULL)
def test_a_part_keeps_its_place(tmp_path: Path, ending: str) -> None:
    write_scene(full_scene().isel(x=slice(2, 5), y=slice(1, None), band=slice(0, 2)), tmp_path / f"a{ending}")
    found = open_scene(tmp_path / f"a{ending}")
    np.testing.assert_allclose(found.x, full_scene().x[2:5], rtol=1e-12)
    np.testing.assert_allclose(found.y, full_scene().y[1:], rtol=1e-12)
    assert found.wavelength.values.tolist() == [400.1, 500.0]


@pytest.mark.parametrize("ending", FULL)
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 300, 2), (3, 1, 300), (200, 1, 1), (4, 257, 259)])
def test_odd_shapes(tmp_path: Path, ending: str, shape: tuple[int, int, int]) -> None:
    samples = samples_of("i2", shape)
    write_scene(scenes.make(samples), tmp_path / f"a{ending}")
    np.testing.assert_array_equal(open_scene(tmp_path / f"a{ending}"), samples)


@pytest.mark.parametrize("ending", [*FULL, ".npy"])
def test_strips(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips, "AT_ONCE", 1000)
    monkeypatch.setattr(strips, "CHUNK_ROW", 2000)
    samples = samples_of("u2", (3, 50, 40))
    for chunks in (None, {"y": 7, "x": 9}, {"y": 50, "x": 3}):
        scene = scenes.make(samples)
        write_scene(scene if chunks is None else scene.chunk(chunks), tmp_path / f"a{ending}", overwrite=True)
        np.testing.assert_array_equal(open_scene(tmp_path / f"a{ending}"), samples)


def test_memory_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips, "AT_ONCE", 2**20)
    monkeypatch.setattr("hypress.io.matlab_write.LARGEST_V5", 2**40)
    write_scene(scenes.make(samples_of("u2", (50, 400, 500))), tmp_path / "source.bip")  # 20 MB
    for ending in (*FULL[2:], ".npy"):
        scene = open_scene(tmp_path / "source.bip")
        tracemalloc.start()
        write_scene(scene, tmp_path / f"{ending[1:]}{ending}")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 12 * 2**20, ending


def test_strips_follow_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips, "AT_ONCE", 1000)
    monkeypatch.setattr(strips, "CHUNK_ROW", 2500)
    scene = scenes.make(np.zeros((1, 100, 100), np.uint8))
    assert [s.stop for s in strips.cuts(scene, "y")] == list(range(10, 101, 10))
    assert [s.stop for s in strips.cuts(scene.chunk(y=4), "y")] == [*range(8, 97, 8), 100]
    assert [s.stop for s in strips.cuts(scene.chunk(y=20), "y")] == [20, 40, 60, 80, 100]
    assert [s.stop for s in strips.cuts(scene.chunk(y=50), "y")] == list(range(10, 101, 10))
    scene.encoding["preferred_chunks"] = {"band": 1, "y": 25, "x": 10}
    assert [s.stop for s in strips.cuts(scene, "y")] == [25, 50, 75, 100]


def test_a_scene_written_while_read_from_the_same_format(tmp_path: Path) -> None:
    for ending in FULL:
        name = ending[1:]
        write_scene(full_scene(), tmp_path / f"{name}{ending}")
        write_scene(open_scene(tmp_path / f"{name}{ending}"), tmp_path / f"{name}{ending}", overwrite=True)
        assert_same(open_scene(tmp_path / f"{name}{ending}"), full_scene())


def test_v7_3_above_2_gb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hypress.io.matlab_write.LARGEST_V5", 10)
    for dtype in DTYPES:
        write_scene(full_scene(dtype), tmp_path / "a.mat", overwrite=True)
        assert (tmp_path / "a.mat").read_bytes()[:10] == b"MATLAB 7.3"
        assert_same(open_scene(tmp_path / "a.mat"), full_scene(dtype))


def test_lazy_picklable_and_threaded(tmp_path: Path) -> None:
    wanted = samples_of("u2", (12, 40, 50))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ScenePropertyWarning)
        for ending in (*FULL, ".npy"):
            write_scene(scenes.make(wanted), tmp_path / f"{ending[1:]}{ending}")
    for ending in (*FULL, ".npy"):
        path = tmp_path / f"{ending[1:]}{ending}"
        scene = open_scene(path)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(scene)), wanted)  # noqa: S301
        chunked = scene.chunk(band=5, y=16, x=17)
        with dask.config.set(scheduler="threads", num_workers=4):
            np.testing.assert_array_equal(chunked.compute(), wanted)
        if ending != ".mat":
            assert not isinstance(scene.variable._data, np.ndarray)
        scene[0, 0, 0] = 7  # copies, and leaves the file alone
        assert scene[0, 0, 0] == 7
        np.testing.assert_array_equal(open_scene(path), wanted)


# --- what must not happen --------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [*FULL, ".npy"])
def test_existing_files_are_kept(tmp_path: Path, ending: str) -> None:
    write_scene(scenes.make(samples_of("u1")), tmp_path / f"a{ending}")
    with pytest.raises(OutputExistsError):
        write_scene(scenes.make(samples_of("u2")), tmp_path / f"a{ending}")
    assert open_scene(tmp_path / f"a{ending}").dtype == np.uint8
    write_scene(scenes.make(samples_of("u2")), tmp_path / f"a{ending}", overwrite=True)
    assert open_scene(tmp_path / f"a{ending}").dtype == np.uint16


@pytest.mark.parametrize("ending", [*FULL, ".npy"])
def test_nothing_is_left_of_a_failure(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import dask.array

    def fail(block: np.ndarray) -> np.ndarray:
        raise RuntimeError("a tile is damaged")

    lazy = dask.array.map_blocks(fail, dask.array.zeros((2, 8, 8), dtype="u2"), dtype="u2")
    with pytest.raises((RuntimeError, WriteError), match="a tile is damaged"):
        write_scene(scenes.make(lazy), tmp_path / f"a{ending}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", [".hdr", ".bil", ".tif", ".nc", ".mat", ".npy"])
def test_a_full_disk(tmp_path: Path, ending: str) -> None:
    program = f"""
        import resource, numpy as np
        from hypress import scene
        from hypress.errors import WriteError
        from hypress.io import write_scene
        image = scene.make(np.random.default_rng(1).integers(0, 9999, (30, 300, 300)).astype("u2"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        try:
            write_scene(image, r"{tmp_path}/a{ending}")
        except WriteError as error:
            print("refused", error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
    assert done.stdout.startswith("refused"), done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_bad_targets(tmp_path: Path) -> None:
    scene = scenes.make(samples_of("u2"))
    with pytest.raises(WriteError, match=r"\.bsq"):
        write_scene(scene, tmp_path / "a.jpg")
    with pytest.raises(WriteError, match="No such file"):
        write_scene(scene, tmp_path / "missing" / "a.npy")
    (tmp_path / "a.npy").mkdir()
    with pytest.raises(OutputExistsError):
        write_scene(scene, tmp_path / "a.npy", overwrite=True)
    with pytest.raises(SceneError):
        write_scene(scene[0], tmp_path / "b.npy")
    for ending in (".hdr", ".tif", ".mat"):
        with pytest.raises(WriteError, match="cannot hold float16"):
            write_scene(scenes.make(samples_of("f4").astype("f2")), tmp_path / f"c{ending}")
    with pytest.raises(WriteError, match="cannot hold int8"):
        write_scene(scenes.make(samples_of("i1")), tmp_path / "c.hdr")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npy"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(WriteError, match="Permission"):
        write_scene(scenes.make(samples_of("u2")), tmp_path / "a.npy")


def test_a_header_must_describe_one_file(tmp_path: Path) -> None:
    scene = scenes.make(samples_of("u2"))
    write_scene(scene, tmp_path / "a.bil")
    with pytest.raises(OutputExistsError):
        write_scene(scene, tmp_path / "a.bip")
    with pytest.raises(OutputExistsError, match="also describe"):
        write_scene(scene, tmp_path / "a.bip", overwrite=True)


def test_endings_are_listed() -> None:
    assert set(WRITERS) <= set(READERS)
    assert WRITERS[".bil"] == "ENVI"


def test_importing_imports_no_format() -> None:
    program = "import sys, hypress.io; print(*[m for m in ('rasterio', 'h5py', 'scipy.io') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_other_software_reads_netcdf(tmp_path: Path) -> None:
    import rasterio
    import rioxarray  # noqa: F401

    scene = full_scene("i2")
    write_scene(scene, tmp_path / "a.nc")
    dataset = xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf", mask_and_scale=False, decode_coords="all")
    array = dataset["scene"]
    np.testing.assert_array_equal(array, scene)
    assert array.dims == scene.dims
    np.testing.assert_array_equal(array.wavelength, scene.wavelength)
    assert array.good_band.dtype == bool
    assert array.rio.crs.to_epsg() == 32633
    assert array.rio.transform().to_gdal() == pytest.approx(NORTH_UP)
    physical = xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf")["scene"].to_numpy()
    wanted = np.where(scene == -32768, np.nan, scene.to_numpy() * (0.1 + 0.2) - 1 / 3)
    np.testing.assert_allclose(physical, wanted, rtol=1e-6)
    with rasterio.open(f"netcdf:{tmp_path}/a.nc:scene") as gdal:
        assert gdal.crs.to_epsg() == 32633
        assert gdal.transform.to_gdal() == pytest.approx(NORTH_UP)
        np.testing.assert_array_equal(gdal.read(), scene)


def test_other_software_reads_matlab(tmp_path: Path) -> None:
    from scipy.io import loadmat, whosmat

    for dtype in DTYPES:
        scene = full_scene(dtype)
        write_scene(scene, tmp_path / "a.mat", overwrite=True)
        found = loadmat(tmp_path / "a.mat")
        np.testing.assert_array_equal(found["scene"], scene.to_numpy().transpose(1, 2, 0))
        assert found["scene"].dtype == scene.dtype
        np.testing.assert_array_equal(found["wavelength_nm"][0], scene.wavelength)
        assert ("axes", (1,), "char") in whosmat(tmp_path / "a.mat")
        assert str(found["axes"][0]) == "y, x, band"


def test_other_software_reads_geotiff(tmp_path: Path) -> None:
    import rasterio

    scene = full_scene("i2")
    write_scene(scene, tmp_path / "a.tif")
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]
    with rasterio.open(tmp_path / "a.tif") as gdal:
        np.testing.assert_array_equal(gdal.read(), scene)
        assert gdal.nodata == -32768
        assert gdal.crs.to_epsg() == 32633
        assert gdal.scales[0] == 0.1 + 0.2
        assert gdal.tags(1, ns="IMAGERY") == {"CENTRAL_WAVELENGTH_UM": "0.4001", "FWHM_UM": "0.0095"}
        assert gdal.tags(2)["bbl"] == "0"
