"""The other formats: satellite products in their documented layout, files of others, damaged files."""

import contextlib
import random
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio
import scipy.io
from rasterio.crs import CRS

from hypress import scene as scenes
from hypress.errors import HypressError, InputNotFoundError, ReadError, SceneError, ScenePropertyWarning
from hypress.io import is_scene_file, open_scene, write_scene

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
shared = pytest.mark.skipif(not DATA.is_dir(), reason="the public scenes are not here")
RNG = np.random.default_rng(2)


# --- EMIT ------------------------------------------------------------------------------------------


def make_emit(path: Path, name: str = "radiance") -> np.ndarray:
    samples = RNG.normal(size=(6, 5, 4)).astype("f4")
    samples[0, 0] = -9999
    with h5py.File(path, "w") as file:
        file.attrs["title"] = "EMIT L1B At-Sensor Calibrated Radiance Data 60 m V001"
        file.attrs["geotransform"] = [10.0, 0.0005, 0.0, 40.0, 0.0, -0.0005]
        file.attrs["spatial_ref"] = CRS.from_epsg(4326).to_wkt()
        cube = file.create_dataset(name, data=samples, chunks=(3, 5, 2), fillvalue=-9999.0, compression="gzip")
        cube.attrs["_FillValue"] = np.array([-9999], "f4")
        cube.attrs["units"] = "uW/cm^2/SR/nm"
        group = file.create_group("sensor_band_parameters")
        group["wavelengths"] = np.array([381.0, 388.4, 395.8, 403.2], "f4")
        group["wavelengths"].attrs["units"] = "nm"
        group["fwhm"] = np.array([8.4, 8.4, 8.4, 8.5], "f4")
        group["good_wavelengths"] = np.array([1, 0, 1, 1], "f4")
        file.create_group("location")["glt_x"] = np.zeros((7, 8), "i4")
    return samples


@pytest.mark.parametrize("name", ["radiance", "reflectance"])
def test_emit(tmp_path: Path, name: str) -> None:
    samples = make_emit(tmp_path / "EMIT_L1B.nc", name)
    scene = open_scene(tmp_path / "EMIT_L1B.nc")
    np.testing.assert_array_equal(scene, samples.transpose(2, 0, 1))
    assert scene.name == name
    assert scene.attrs["units"] == "uW/cm^2/SR/nm"
    assert scenes.nodata(scene) == -9999
    assert scene.good_band.values.tolist() == [True, False, True, True]
    assert scene.wavelength.values.tolist() == [float(np.float32(w)) for w in (381.0, 388.4, 395.8, 403.2)]
    assert scenes.transform(scene) is None
    assert scenes.crs_wkt(scene) is None
    assert scene.encoding["preferred_chunks"] == {"band": 2, "y": 3, "x": 5}
    with pytest.raises(SceneError, match=name):
        open_scene(tmp_path / "EMIT_L1B.nc", variable="mask")


# --- PRISMA ----------------------------------------------------------------------------------------


def make_prisma(path: Path, level: str = "L2D", margin: int = 1) -> tuple[np.ndarray, np.ndarray]:
    vnir = RNG.integers(0, 65535, (4, 5, 6), dtype="u2")
    swir = RNG.integers(0, 65535, (4, 3, 6), dtype="u2")
    with h5py.File(path, "w") as file:
        fields = file.create_group(f"HDFEOS/SWATHS/PRS_{level}_HCO/Data Fields")
        fields.create_dataset("VNIR_Cube", data=vnir, chunks=(2, 5, 6))
        fields.create_dataset("SWIR_Cube", data=swir, chunks=(2, 3, 6))
        file.create_group(f"HDFEOS/SWATHS/PRS_{level}_PCO/Data Fields")["Cube"] = np.zeros((24, 36), "u2")
        file.attrs["List_Cw_Vnir"] = np.array([1010.5, 950.2, 700.1, 450.9, 0.0], "f4")
        file.attrs["List_Fwhm_Vnir"] = np.array([13, 12, 11, 10, 0], "f4")
        file.attrs["List_Cw_Vnir_Flags"] = np.array([1, 1, 1, 1, 0], "i2")
        file.attrs["List_Cw_Swir"] = np.array([2500.0, 960.3, 940.1], "f4")
        file.attrs["List_Fwhm_Swir"] = np.array([9, 10, 11], "f4")
        file.attrs["List_Cw_Swir_Flags"] = np.array([1, 1, 0], "i2")
        file.attrs["Product_ID"] = np.bytes_(f"PRS_{level}_STD")
        if level == "L1":
            file.attrs.update(
                {"ScaleFactor_Vnir": 100.0, "Offset_Vnir": 0.5, "ScaleFactor_Swir": 200.0, "Offset_Swir": 0.0}
            )
        else:
            file.attrs.update({"L2ScaleVnirMin": np.float32(0.0), "L2ScaleVnirMax": np.float32(1.5)})
            file.attrs.update({"L2ScaleSwirMin": np.float32(-0.25), "L2ScaleSwirMax": np.float32(1.0)})
        if level == "L2D":
            east, south = 300000.0 + 30 * (6 - margin), 5000000.0 - 30 * (4 - margin)
            file.attrs.update({"Epsg_Code": np.uint32(32632), "Product_ULcorner_easting": 300000.0})
            file.attrs.update({"Product_ULcorner_northing": 5000000.0, "Product_LRcorner_easting": east})
            file.attrs["Product_LRcorner_northing"] = south
    return vnir, swir


def test_prisma(tmp_path: Path) -> None:
    vnir, swir = make_prisma(tmp_path / "PRS_L2D.he5")
    scene = open_scene(tmp_path / "PRS_L2D.he5")
    assert np.allclose(scene.wavelength, [450.9, 700.1, 950.2, 960.3, 1010.5, 2500.0])
    assert scene.band_name.values.tolist() == ["VNIR 4", "VNIR 3", "VNIR 2", "SWIR 2", "VNIR 1", "SWIR 1"]
    columns = [vnir[:, 3], vnir[:, 2], vnir[:, 1], swir[:, 1], vnir[:, 0], swir[:, 0]]
    np.testing.assert_array_equal(scene, np.stack(columns))
    np.testing.assert_array_equal(scene[::2, 1:3, 4], np.stack(columns)[::2, 1:3, 4])
    np.testing.assert_array_equal(scene.chunk(band=4, y=2).compute(), np.stack(columns))
    assert scene.band_scale_factor.values[0] == 1.5 / 65535
    assert scene.band_add_offset.values.tolist() == [0, 0, 0, -0.25, 0, -0.25]
    assert scenes.transform(scene) == (299985.0, 30.0, 0.0, 5000015.0, 0.0, -30.0)
    assert CRS.from_wkt(scenes.crs_wkt(scene)).to_epsg() == 32632
    for ending in ("hdr", "tif", "nc", "mat"):
        write_scene(scene, tmp_path / f"b.{ending}")
        np.testing.assert_array_equal(open_scene(tmp_path / f"b.{ending}"), scene)


def test_prisma_levels(tmp_path: Path) -> None:
    make_prisma(tmp_path / "a.he5", "L1")
    scene = open_scene(tmp_path / "a.he5")
    assert scenes.transform(scene) is None
    assert scene.band_scale_factor.values[[0, 3]].tolist() == [0.01, 0.005]
    assert scene.band_add_offset.values[[0, 3]].tolist() == [-0.5, 0.0]
    make_prisma(tmp_path / "b.he5", "L2D", margin=0)
    assert scenes.transform(open_scene(tmp_path / "b.he5")) == (300000.0, 30.0, 0.0, 5000000.0, 0.0, -30.0)
    make_prisma(tmp_path / "c.he5", "L2D", margin=3)
    with pytest.warns(ScenePropertyWarning, match="corners"):
        assert scenes.transform(open_scene(tmp_path / "c.he5")) is None
    with h5py.File(tmp_path / "c.he5", "r+") as file:
        del file.attrs["List_Cw_Vnir"]
    with pytest.raises(ReadError, match="List_Cw_Vnir is missing"):
        open_scene(tmp_path / "c.he5")


# --- EnMAP -----------------------------------------------------------------------------------------


def make_enmap(folder: Path, bands: int = 3, name: str = "SPECTRAL_IMAGE", gains: tuple = (1e-4,) * 5) -> np.ndarray:
    samples = RNG.integers(-100, 10000, (bands, 4, 5), dtype="i2")
    stem = folder / "ENMAP01-____L2A-DT0000001"
    with rasterio.open(
        f"{stem}-{name}.TIF", "w", driver="GTiff", count=bands, height=4, width=5, dtype="int16",
        nodata=-32768,
        crs=CRS.from_epsg(32633), transform=rasterio.Affine(30, 0, 364095, 0, -30, 5809965),
    ) as file:  # fmt: skip
        file.write(samples)
    rows = "".join(
        f'<bandID number="{i + 1}"><wavelengthCenterOfBand>{418.24 + 5 * i!r}</wavelengthCenterOfBand>'
        f"<FWHMOfBand>{6.99561 + i}</FWHMOfBand><GainOfBand>{gains[i]}</GainOfBand>"
        f"<OffsetOfBand>0</OffsetOfBand></bandID>"
        for i in range(5)
    )
    Path(f"{stem}-METADATA.XML").write_text(
        '<?xml version="1.0" encoding="UTF-8"?><level_X><base><level>L2A</level><temporalCoverage>'
        "<startTime>2022-07-24T10:45:26Z</startTime></temporalCoverage></base><specific>"
        "<vnirProductQuality><expectedChannelsList>1,3,5</expectedChannelsList></vnirProductQuality>"
        "<swirProductQuality><expectedChannelsList>2,4</expectedChannelsList></swirProductQuality>"
        f"<deadPixels><bandID>7</bandID></deadPixels><bandCharacterisation>{rows}</bandCharacterisation>"
        "</specific></level_X>"
    )
    Path(f"{stem}-QL_PIXELMASK.TIF").touch()
    return samples


def test_enmap(tmp_path: Path) -> None:
    samples = make_enmap(tmp_path, bands=5)
    xml, image = sorted(p for p in tmp_path.iterdir() if "QL" not in p.name)
    for path in (tmp_path, xml, image):
        scene = open_scene(path)
        np.testing.assert_array_equal(scene, samples)
        assert scene.wavelength[0] == 418.24
        assert scene.attrs["scale_factor"] == 1e-4
        assert "add_offset" not in scene.attrs
        assert scenes.nodata(scene) == -32768
        assert scene.attrs["acquisition_time"] == "2022-07-24T10:45:26Z"
        assert scenes.transform(scene) == (364095.0, 30.0, 0.0, 5809965.0, 0.0, -30.0)
    assert [p for p in sorted(tmp_path.iterdir()) if is_scene_file(p)] == [image]


def test_enmap_detectors(tmp_path: Path) -> None:
    make_enmap(tmp_path, bands=3, name="SPECTRAL_IMAGE_VNIR", gains=(1, 2, 3, 4, 5))
    make_enmap(tmp_path, bands=2, name="SPECTRAL_IMAGE_SWIR", gains=(1, 2, 3, 4, 5))
    with pytest.raises(ReadError, match="several spectral images"):
        open_scene(tmp_path)
    vnir, swir = (open_scene(next(tmp_path.glob(f"*_{d}.TIF"))) for d in ("VNIR", "SWIR"))
    assert vnir.wavelength.values.tolist() == [418.24, 428.24, 438.24]
    assert swir.band_scale_factor.values.tolist() == [2.0, 4.0]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda t: t.replace("<level_X>", '<!DOCTYPE a [<!ENTITY x "y">]><level_X>', 1), "document type"),
        (lambda t: t[:300], "well-formed"),
        (lambda t: t.replace("wavelengthCenterOfBand", "w"), "bandCharacterisation"),
        (lambda t: t.replace("418.24<", "blue<"), "no number"),
        (lambda t: t.replace("418.24<", "nan<"), "not finite"),
    ],
)
def test_enmap_xml_is_not_trusted(tmp_path: Path, change, match: str) -> None:
    make_enmap(tmp_path, bands=5)
    xml = next(tmp_path.glob("*.XML"))
    xml.write_text(change(xml.read_text()))
    with pytest.raises(ReadError, match=match):
        open_scene(tmp_path)


def test_enmap_band_count(tmp_path: Path) -> None:
    make_enmap(tmp_path, bands=4)
    with pytest.raises(ReadError, match=r"characterises 5 bands, but .* has 4"):
        open_scene(tmp_path)


# --- NetCDF and HDF5 of others ---------------------------------------------------------------------


def test_netcdf_of_others(tmp_path: Path) -> None:
    import xarray as xr

    samples = RNG.integers(0, 99, (3, 4, 5), dtype="i4")
    array = xr.DataArray(
        samples, dims=("lat", "lon", "wavelength"),
        coords={"lat": [40.0, 39.9, 39.8], "lon": [10.0, 10.5, 11.0, 11.5],
                "wavelength": ("wavelength", [0.4, 0.5, 0.6, 0.7, 0.8], {"units": "um"})},
        attrs={"units": "1", "long_name": "reflectance"},
    )  # fmt: skip
    array.to_dataset(name="r").to_netcdf(tmp_path / "a.nc", engine="h5netcdf", encoding={"r": {"_FillValue": -1}})
    scene = open_scene(tmp_path / "a.nc")
    np.testing.assert_array_equal(scene, samples.transpose(2, 0, 1))
    assert scene.wavelength.values.tolist() == [400.0, 500.0, 600.0, 700.0, 800.0]
    assert scenes.nodata(scene) == -1
    np.testing.assert_allclose(scene.y, array.lat)
    np.testing.assert_allclose(scene.x, array.lon)
    assert scene.attrs["long_name"] == "reflectance"


def test_hdf5_of_others(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["deep/one"] = np.zeros((2, 3, 4), ">i2")
        file["flat"] = np.zeros((3, 4))
    with pytest.warns(ScenePropertyWarning, match=r"taken as \(band, y, x\)"):
        assert open_scene(path).shape == (2, 3, 4)
    with h5py.File(path, "r+") as file:
        file["two"] = np.ones((5, 3, 4), "c8")
    with pytest.raises(SceneError, match=r"deep/one \(2, 3, 4\), two \(5, 3, 4\)"):
        open_scene(path)
    with pytest.warns(ScenePropertyWarning), pytest.raises(SceneError, match="complex"):
        open_scene(path, variable="two")
    with pytest.raises(SceneError, match="no variable 'three'"):
        open_scene(path, variable="three")
    with h5py.File(path, "w") as file:
        file["flat"] = np.zeros((3, 4))
    with pytest.raises(SceneError, match="three axes"):
        open_scene(path)
    (tmp_path / "classic.nc").write_bytes(b"CDF\x01" + bytes(50))
    with pytest.raises(ReadError, match="nccopy"):
        open_scene(tmp_path / "classic.nc")


# --- MATLAB of others ------------------------------------------------------------------------------


def test_matlab_of_others(tmp_path: Path) -> None:
    cube = RNG.integers(0, 99, (4, 5, 6), dtype="u2")
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"img": cube, "truth": np.zeros((4, 5)), "meta": {"a": 1}})
    with pytest.warns(ScenePropertyWarning, match=r"taken as \(rows, columns, bands\)"):
        scene = open_scene(path)
    np.testing.assert_array_equal(scene, cube.transpose(2, 0, 1))
    assert scene.name == "img"
    scipy.io.savemat(path, {"img": cube, "other": cube})
    with pytest.raises(SceneError, match=r"img \(4, 5, 6\), other \(4, 5, 6\)"):
        open_scene(path)
    scipy.io.savemat(path, {"Y": np.zeros((6, 20)), "s": {"a": 1}})
    with pytest.raises(SceneError, match="nRow and nCol"):
        open_scene(path)
    scipy.io.savemat(path, {"Y": np.zeros((6, 20)), "nRow": 4, "nCol": 6})
    with pytest.raises(SceneError, match="nRow and nCol"):
        open_scene(path)
    scipy.io.savemat(path, {"img": cube + 1j})
    with pytest.raises(SceneError, match="complex"):
        open_scene(path)


def test_matlab_5_against_scipy(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    for dtype in ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"):
        for packed in (False, True):
            cube = RNG.integers(0, 99, (4, 5, 6)).astype(dtype)
            other = {
                "s": {"a": [1, 2]},
                "c": np.array(["x", 1], dtype=object),
                "t": "text",
                "b": cube[0] > 3,
                "e": [],
            }
            scipy.io.savemat(path, {"aRatherLongName": cube, **other}, do_compression=packed)
            with pytest.warns(ScenePropertyWarning, match="taken as"):
                scene = open_scene(path)
            assert scene.dtype == np.dtype(dtype)
            np.testing.assert_array_equal(scene, cube.transpose(2, 0, 1))
            assert isinstance(scene.variable._data, np.ndarray) == packed


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_matlab_pixels_run_down_the_columns(tmp_path: Path, version: str) -> None:
    cube = RNG.integers(0, 99, (6, 4, 5), dtype="u2")
    pixels = np.stack([band.reshape(-1, order="F") for band in cube])
    path = tmp_path / "a.mat"
    if version == "5":
        scipy.io.savemat(path, {"Y": pixels, "nRow": 4, "nCol": 5, "nBand": 6})
    else:
        with h5py.File(path, "w", userblock_size=512) as file:
            file["Y"] = pixels.T
            file["nRow"], file["nCol"] = np.array([[4.0]]), np.array([[5.0]])
    np.testing.assert_array_equal(open_scene(path), cube)


def test_matlab_v7_3_of_others(tmp_path: Path) -> None:
    cube = RNG.integers(0, 99, (6, 5, 4), dtype="u2")
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        file["img"] = cube
        file.create_group("#refs#")
    with pytest.warns(ScenePropertyWarning, match="taken as"):
        scene = open_scene(tmp_path / "a.mat")
    np.testing.assert_array_equal(scene, cube.transpose(0, 2, 1))


# --- npy, GeoTIFF ----------------------------------------------------------------------------------


def test_npy(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    cube = RNG.integers(0, 99, (4, 5, 6), dtype="i4")
    for array in (cube, np.asfortranarray(cube), cube.astype(">i4"), cube.astype("f2")):
        for version in ((1, 0), (2, 0), (3, 0)):
            with path.open("wb") as file, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                np.lib.format.write_array(file, array, version=version)
            scene = open_scene(path)
            np.testing.assert_array_equal(scene[1:3, ::2, 3:], cube[1:3, ::2, 3:])
            assert scene.dtype.isnative
    bad = [
        (np.zeros((3, 4)), SceneError, r"shape \(1, y, x\)"),
        (np.zeros((3, 4, 2), "c8"), SceneError, "complex"),
        (np.array([[[{}]]]), SceneError, "never unpickled"),
        (np.zeros((3, 4, 2), "M8[s]"), SceneError, "not supported"),
        (np.zeros((3, 4, 2), bool), SceneError, "not supported"),
        (np.zeros((0, 4, 2)), SceneError, "at least one sample"),
    ]
    for array, error, match in bad:
        np.save(path, array, allow_pickle=True)
        with pytest.raises(error, match=match):
            open_scene(path)
    np.save(path, cube)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ReadError, match="truncated"):
        open_scene(path)


def test_geotiff_of_others(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    profile = {
        "driver": "GTiff",
        "count": 2,
        "height": 3,
        "width": 4,
        "transform": rasterio.Affine(2, 0, 1, 0, -2, 9),
    }
    with rasterio.open(path, "w", dtype="complex64", **profile):
        pass
    with pytest.raises(SceneError, match="complex"):
        open_scene(path)
    with rasterio.open(path, "w", dtype="uint8", **profile) as file:
        file.update_tags(1, wavelength="0.4", wavelength_units="Micrometers")
        file.update_tags(2, wavelength="0.5", wavelength_units="Micrometers")
        file.scales = (1.0, 2.0)
    scene = open_scene(path)
    assert scene.wavelength.values.tolist() == [400.0, 500.0]
    assert scene.band_scale_factor.values.tolist() == [1.0, 2.0]
    with rasterio.open(path, "w", dtype="uint8", **profile) as file:
        for band in (1, 2):
            file.update_tags(band, ns="IMAGERY", CENTRAL_WAVELENGTH_UM=f"0.{band}", FWHM_UM="0.009")
    assert open_scene(path).fwhm.values.tolist() == [9.0, 9.0]
    with rasterio.open(path, "w", dtype="uint8", **profile) as file:
        file.update_tags(1, wavelength="x")
        file.update_tags(2, wavelength="y")
    with pytest.raises(ReadError, match="no number"):
        open_scene(path)


# --- damaged and strange files ---------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["tif", "nc", "mat", "npy", "h5", "he5", "img", "xyz", "xml", "hdr"])
def test_a_file_that_is_something_else(tmp_path: Path, ending: str) -> None:
    for content in (b"", b"hello", bytes(2000)):
        (tmp_path / f"a.{ending}").write_bytes(content)
        with pytest.raises((ReadError, SceneError, InputNotFoundError)):
            open_scene(tmp_path / f"a.{ending}")


def test_content_goes_before_ending(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((2, 3, 4)))
    (tmp_path / "a.npy").rename(tmp_path / "a")
    assert open_scene(tmp_path / "a").shape == (2, 3, 4)
    with pytest.raises(InputNotFoundError):
        open_scene(tmp_path / "nothing.tif")
    with pytest.raises(SceneError, match="no variable 'b' to choose"):
        open_scene(tmp_path / "a", variable="b")
    with pytest.raises(ReadError, match="folder"):
        open_scene(tmp_path)


@pytest.mark.parametrize("ending", ["tif", "nc", "mat", "npy", "he5"])
def test_cut_and_altered_files(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    if ending == "he5":
        make_prisma(path)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ScenePropertyWarning)
            write_scene(scenes.make(np.arange(60, dtype="u2").reshape(3, 4, 5), wavelength_nm=[1, 2, 3]), path)
    whole = path.read_bytes()
    rng = random.Random(1)
    for trial in range(80):
        raw = bytearray(whole)
        if trial % 2 or ending in ("nc", "he5"):  # altered HDF5 can crash its own library
            del raw[rng.randrange(len(raw)) :]
        else:
            for _ in range(4):
                raw[rng.randrange(len(raw))] = rng.randrange(256)
        path.write_bytes(raw)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ScenePropertyWarning)
            with contextlib.suppress(HypressError):
                open_scene(path).to_numpy()


# --- real scenes -----------------------------------------------------------------------------------


@shared
def test_real_matlab_scenes() -> None:
    y = scipy.io.loadmat(DATA / "jasper_ridge" / "JasperRidge2_R198.mat")["Y"]
    jasper = open_scene(DATA / "jasper_ridge" / "JasperRidge2_R198.mat")
    assert (jasper.shape, jasper.dtype) == ((198, 100, 100), np.uint16)
    np.testing.assert_array_equal(jasper, np.stack([band.reshape(100, 100, order="F") for band in y]))
    assert open_scene(DATA / "samson" / "Samson.mat").shape == (156, 95, 95)
    with pytest.warns(ScenePropertyWarning, match="taken as"):
        assert open_scene(DATA / "san_diego" / "san_diego_I.mat").shape == (189, 100, 100)
    with pytest.raises(SceneError, match=r"HSim \(72, 72, 128\)"):
        open_scene(DATA / "paris_hyperion" / "paris_data_hs_ms.mat")


def test_the_bundled_scene() -> None:
    scene = open_scene(Path(__file__).resolve().parents[1] / "scenes" / "jasper_ridge.hdr")
    assert (scene.shape, scene.dtype) == ((198, 100, 100), np.uint16)
    assert (int(scene.min()), int(scene.max())) == (0, 5437)
    assert scene.wavelength.values[[0, -1]].tolist() == [408.52, 2452.466]
    assert "nominal" in scene.attrs["description"]
    if DATA.is_dir():
        np.testing.assert_array_equal(scene, open_scene(DATA / "jasper_ridge" / "JasperRidge2_R198.mat"))


@shared
def test_real_geotiff(tmp_path: Path) -> None:
    path = DATA / "enmap_potsdam" / "tiles" / "enmap_potsdam_tile_64_0.tif"
    scene = open_scene(path)
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(scene, file.read())
    assert scene.wavelength[0] == 418.24
    assert scene.fwhm[0] == 6.99561
    assert scene.attrs["scale_factor"] == 0.0001
    assert scenes.nodata(scene) == -32768
    assert scene.good_band.dtype == bool
    assert scenes.transform(scene) == (364095.0, 30.0, 0.0, 5809965.0, 0.0, -30.0)
    for ending in ("tif", "nc", "hdr", "mat"):
        write_scene(scene, tmp_path / f"a.{ending}")
        again = open_scene(tmp_path / f"a.{ending}")
        np.testing.assert_array_equal(again, scene)
        np.testing.assert_array_equal(again.wavelength, scene.wavelength)
        assert scenes.crs_wkt(again) == scenes.crs_wkt(scene)
