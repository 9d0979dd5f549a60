"""ENVI: every layout, against other readers; every header that is damaged, in one clear error."""

import random
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from hypress import scene as scenes
from hypress.errors import HypressError, InputNotFoundError, ReadError, SceneError, ScenePropertyWarning
from hypress.io import envi_header, is_scene_file, open_scene, write_scene

CODES = {1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2", 13: "u4", 14: "i8", 15: "u8"}
ORDERS = {"bsq": (0, 1, 2), "bil": (1, 0, 2), "bip": (1, 2, 0)}
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
shared = pytest.mark.skipif(not DATA.is_dir(), reason="the public scenes are not here")


def header(**changes: str | None) -> str:
    """A small header; keys with underscores for spaces, None to leave one out."""
    keys: dict[str, str | None] = {
        "samples": "4", "lines": "3", "bands": "2", "header offset": "0", "data type": "12",
        "interleave": "bsq", "byte order": "0", "wavelength units": "Nanometers", "wavelength": "{400, 500}",
    }  # fmt: skip
    keys |= {key.replace("_", " "): value for key, value in changes.items()}
    return "ENVI\n" + "".join(f"{key} = {value}\n" for key, value in keys.items() if value is not None)


def put(folder: Path, text: str | bytes, size: int = 48, name: str = "a") -> Path:
    (folder / f"{name}.img").write_bytes(bytes(i % 256 for i in range(size)))
    raw = text if isinstance(text, bytes) else text.encode()
    (folder / f"{name}.hdr").write_bytes(raw)
    return folder / f"{name}.hdr"


def write_by_hand(folder: Path, samples: np.ndarray, interleave: str, order: int, offset: int) -> Path:
    code = next(c for c, t in CODES.items() if np.dtype(t) == samples.dtype)
    stored = samples.transpose(ORDERS[interleave]).astype(samples.dtype.newbyteorder("<>"[order]))
    (folder / "a.img").write_bytes(b"\7" * offset + stored.tobytes())
    bands, lines, columns = samples.shape
    text = header(samples=str(columns), lines=str(lines), bands=str(bands), data_type=str(code),
                  interleave=interleave, byte_order=str(order), header_offset=str(offset),
                  wavelength=None)  # fmt: skip
    (folder / "a.hdr").write_text(text)
    return folder / "a.hdr"


@pytest.mark.parametrize("interleave", ORDERS)
def test_every_layout_against_spectral_and_gdal(tmp_path: Path, interleave: str) -> None:
    import rasterio
    import spectral

    rng = np.random.default_rng(3)
    for dtype in CODES.values():
        raw = rng.integers(0, 256, (4, 5, 6 * np.dtype(dtype).itemsize), dtype=np.uint8)
        samples = np.nan_to_num(raw.view(dtype))
        for order in (0, 1):
            for offset in (0, 13):
                path = write_by_hand(tmp_path, samples, interleave, order, offset)
                scene = open_scene(path)
                assert scene.dtype == samples.dtype
                np.testing.assert_array_equal(scene, samples)
                if dtype[0] != "f":  # spectral casts to float where it reads odd offsets of floats
                    theirs = spectral.open_image(str(path))
                    loaded = np.asarray(theirs.open_memmap(interleave="bip"))
                    np.testing.assert_array_equal(scene.transpose("y", "x", "band"), loaded)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    if offset % np.dtype(dtype).itemsize == 0:
                        with rasterio.open(tmp_path / "a.img") as gdal:
                            np.testing.assert_array_equal(gdal.read(), samples)


@pytest.mark.parametrize("interleave", ORDERS)
def test_other_software_reads_what_we_write(tmp_path: Path, interleave: str) -> None:
    import rasterio
    import spectral

    samples = np.arange(60, dtype="i2").reshape(3, 4, 5)
    wkt = rasterio.crs.CRS.from_epsg(32633).to_wkt()
    scene = scenes.make(samples, wavelength_nm=[400.5, 500, 600], fwhm_nm=[9, 9.5, 10], good_band=[1, 0, 1],
                        nodata=-9999, crs_wkt=wkt, transform=(3.0, 2.0, 0, 9.0, 0, -2.0),
                        attrs={"description": "two {braces}"})  # fmt: skip
    write_scene(scene, tmp_path / f"a.{interleave}")
    theirs = spectral.open_image(str(tmp_path / "a.hdr"))
    np.testing.assert_array_equal(np.asarray(theirs.open_memmap()), samples.transpose(1, 2, 0))
    assert theirs.bands.centers == [400.5, 500.0, 600.0]
    assert theirs.bands.bandwidths == [9.0, 9.5, 10.0]
    assert theirs.metadata["bbl"] == [1, 0, 1] or theirs.metadata["bbl"] == ["1", "0", "1"]
    with rasterio.open(tmp_path / f"a.{interleave}") as gdal:
        np.testing.assert_array_equal(gdal.read(), samples)
        assert gdal.crs.to_epsg() == 32633
        assert gdal.transform.to_gdal() == (3.0, 2.0, 0, 9.0, 0, -2.0)
        assert gdal.nodata == -9999


def test_a_window_is_what_numpy_takes(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).integers(0, 2**16, (9, 30, 40), dtype="u2")
    keys = [
        np.s_[2:5, 3:20:4, 7], np.s_[::-1, 5, :], np.s_[[0, 8, 3], ::7, 2:3], np.s_[4:4, :, :],
        np.s_[-1, -2, -3],
        np.s_[:, [1, 1, 29], [0, 39, 5]], np.s_[:, ::-3, 10:30], np.s_[1::2, 1::2, 1::2],
    ]  # fmt: skip
    for interleave in ORDERS:
        scene = open_scene(write_by_hand(tmp_path, samples, interleave, 1, 5))
        for key in keys:
            wanted = xr.DataArray(samples, dims=("band", "y", "x"))[key]
            np.testing.assert_array_equal(scene[key], wanted)


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_window(tmp_path: Path, data: st.DataObject) -> None:
    from hypress.io import raw

    shape = data.draw(st.tuples(*[st.integers(1, 12)] * 3))
    samples = np.arange(np.prod(shape), dtype="u4").reshape(shape)
    interleave = data.draw(st.sampled_from(sorted(ORDERS)))
    scene = open_scene(write_by_hand(tmp_path, samples, interleave, 0, 3))
    key = tuple(data.draw(st.slices(size)) for size in shape)
    assume(all(range(size)[part] for size, part in zip(shape, key, strict=True)))
    gap, span = raw.GAP, raw.SPAN
    try:
        raw.GAP, raw.SPAN = data.draw(st.sampled_from([(0, 10), (8, 100), (gap, span), (10**6, 50)]))
        np.testing.assert_array_equal(scene[key], samples[key])
    finally:
        raw.GAP, raw.SPAN = gap, span


# --- what headers say ------------------------------------------------------------------------------


def test_header_syntax(tmp_path: Path) -> None:
    text = (
        "\ufeffENVI\r\n; a comment\r\nSamples=4\r\nLINES  =  3\r\nbands = 2\r\nData   Type = 12\r\n"
        "interleave = BSQ\r\nbyte order = 0\r\n\r\nwavelength units = Micrometers\r\n"
        "wavelength = {\r\n0.41824,\r\n; within\r\n  0.5 ,}\r\ndescription = {one\r\n two; three = {3}}\r\n"
        "band names = {first, second band}\r\nbbl = { 1, 0 }\r\nsensor type = AVIRIS\r\n"
        "this line says nothing\r\n"
    )
    scene = open_scene(put(tmp_path, text))
    assert scene.wavelength.values.tolist() == [418.24, 500.0]
    assert scene.good_band.values.tolist() == [True, False]
    assert scene.band_name.values.tolist() == ["first", "second band"]
    assert scene.attrs["sensor_type"] == "AVIRIS"
    assert scene.attrs["description"] == "one\n two; three = {3}"
    assert scene.shape == (2, 3, 4)


@pytest.mark.parametrize("unit", ["Unknown", "Wavenumber", "Index", "GHz", None])
def test_a_unit_that_is_no_length_is_not_guessed(tmp_path: Path, unit: str | None) -> None:
    path = put(tmp_path, header(wavelength_units=unit))
    with pytest.warns(ScenePropertyWarning, match="wavelength_as_stated"):
        scene = open_scene(path)
    assert "wavelength" not in scene.coords
    assert scene.wavelength_as_stated.values.tolist() == [400.0, 500.0]


def test_scales(tmp_path: Path) -> None:
    scene = open_scene(put(tmp_path, header(reflectance_scale_factor="10000")))
    assert scene.attrs["scale_factor"] == 0.0001
    scene = open_scene(put(tmp_path, header(data_gain_values="{0.1, 0.2}", data_offset_values="{0, 0}")))
    assert scene.band_scale_factor.values.tolist() == [0.1, 0.2]
    assert scene.attrs["add_offset"] == 0.0
    with pytest.warns(ScenePropertyWarning, match="reflectance scale factor"):
        scene = open_scene(put(tmp_path, header(reflectance_scale_factor="0")))
    assert "scale_factor" not in scene.attrs


def test_nodata(tmp_path: Path) -> None:
    assert scenes.nodata(open_scene(put(tmp_path, header(data_ignore_value="65535.0")))) == 65535
    with pytest.warns(ScenePropertyWarning, match="no sample is nodata"):
        assert scenes.nodata(open_scene(put(tmp_path, header(data_ignore_value="-9999")))) is None


@pytest.mark.parametrize(
    "info",
    [
        "{UTM, 1, 1, 716737.4, 4322229.1, 14.9, 14.9, 10, North, WGS-84, units=Meters}",
        "{UTM, 1, 1, 716737.4, 4322229.1, 14.9, 14.9, 10, North, WGS-84, rotation=71}",
        "{UTM, 3.5, 2, 716737.4, 4322229.1, 14.9, 15.1, 10, South, WGS-84}",
        "{Geographic Lat/Lon, 1, 1, 11.5, 48.25, 0.01, 0.02, WGS-84, units=Degrees}",
        "{Arbitrary, 1, 1, 0, 0, 2, 2, 0, North}",
    ],
)
def test_map_info_as_gdal_reads_it(tmp_path: Path, info: str) -> None:
    import rasterio

    path = put(tmp_path, header(map_info=info))
    scene = open_scene(path)
    with rasterio.open(tmp_path / "a.img") as gdal:
        assert scenes.transform(scene) == pytest.approx(gdal.transform.to_gdal(), rel=1e-12)
        ours = scenes.crs_wkt(scene)
        if ours is not None:
            assert rasterio.crs.CRS.from_wkt(ours) == gdal.crs
        else:
            assert "Arbitrary" in info


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"map_info": "{State Plane, 1, 1, 0, 0, 2, 2, 0404, NAD-83}"}, "not understood"),
        ({"map_info": "{UTM, 1, 1, 0, 0, 2, 2, 10, North, Mars-2000}"}, "not understood"),
        ({"map_info": "{UTM, 1, 1}"}, "not understood"),
        ({"map_info": "{Arbitrary, 1, 1, 0, 0, 0, 0}"}, "no usable transform"),
        ({"coordinate_system_string": '{PROJCS["nonsense"}'}, "no WKT"),
        ({"byte_order": None}, "byte order"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*needs 7")
def test_what_is_not_understood_is_said(tmp_path: Path, changes: dict[str, str], match: str) -> None:
    with pytest.warns(ScenePropertyWarning, match=match):
        scene = open_scene(put(tmp_path, header(**changes)))
    assert scenes.crs_wkt(scene) is None
    assert scene.to_numpy().shape == (2, 3, 4)


# --- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "error", "match"),
    [
        (header(samples=None), ReadError, "does not state 'samples'"),
        (header(bands=""), ReadError, "does not state 'bands'"),
        (header(interleave=None), ReadError, "does not state 'interleave'"),
        (header(data_type=None), ReadError, "does not state 'data type'"),
        (header(samples="four"), ReadError, "'samples' is 'four'"),
        (header(samples="-4"), ReadError, "'samples'"),
        (header(lines="0"), ReadError, "'lines'"),
        (header(lines="3.5"), ReadError, "'lines'"),
        (header(samples="1000000000000"), ReadError, "48 bytes, but a.hdr describes"),
        (header(samples="9" * 5000), ReadError, "'samples'"),
        (header(data_type="6"), SceneError, "complex64"),
        (header(data_type="9"), SceneError, "complex128"),
        (header(data_type="7"), ReadError, "'data type' is 7"),
        (header(interleave="bxq"), ReadError, "bsq, bil or bip"),
        (header(byte_order="2"), ReadError, "byte order"),
        (header(header_offset="1"), ReadError, "48 bytes, but a.hdr describes 49"),
        (header(file_compression="1"), ReadError, "gunzip"),
        (header(wavelength="{400, 500, 600}"), ReadError, "3 wavelength values for 2 bands"),
        (header(wavelength="{400, blue}"), ReadError, "'blue', which is no number"),
        (header(wavelength="{400, nan}"), ReadError, "band 1 is not finite"),
        (header(fwhm="{1}"), ReadError, "1 fwhm values for 2 bands"),
        (header(bbl="{1, 1, 1}"), ReadError, "3 bbl for 2 bands"),
        (header(band_names="{a}"), ReadError, "1 band names for 2 bands"),
        (header(data_ignore_value="none"), ReadError, "data ignore value"),
        (header(wavelength="{400, 500"), ReadError, "'wavelength' is never closed"),
        (header(map_info="{UTM, 1, 1, a, 0, 1, 1}"), ReadError, "map info"),
        (header() + "samples = 5\n", ReadError, "stated twice"),
        ("NOT ENVI\n" + header(), ReadError, "'NOT ENVI', not 'ENVI'"),
        ("", ReadError, "first line is ''"),
        (b"\xff\xfe\x00" * 30, ReadError, "no ENVI header"),
    ],
)
@pytest.mark.filterwarnings("ignore::hypress.errors.ScenePropertyWarning")
def test_a_bad_header_is_one_clear_error(tmp_path: Path, text: str, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        open_scene(put(tmp_path, text))


def test_a_key_stated_twice_is_said(tmp_path: Path) -> None:
    with pytest.warns(ScenePropertyWarning, match="sensor type"):
        scene = open_scene(put(tmp_path, header(sensor_type="A") + "sensor type = B\nsamples = 4\n"))
    assert scene.attrs["sensor_type"] == "B"


def test_trailing_bytes_are_allowed_and_missing_ones_are_not(tmp_path: Path) -> None:
    assert open_scene(put(tmp_path, header(), size=60)).size == 24
    with pytest.raises(ReadError, match=r"47 bytes, but a\.hdr describes 48"):
        open_scene(put(tmp_path, header(), size=47))
    scene = open_scene(put(tmp_path, header()))
    (tmp_path / "a.img").write_bytes(bytes(40))
    with pytest.raises(ReadError, match="the file ends at byte 40"):
        scene.to_numpy()


def test_pairs(tmp_path: Path) -> None:
    path = put(tmp_path, header())
    assert open_scene(tmp_path / "a.img").shape == open_scene(path).shape == (2, 3, 4)
    assert [p.name for p in sorted(tmp_path.iterdir()) if is_scene_file(p)] == ["a.hdr"]
    (tmp_path / "a.DAT").write_bytes(bytes(48))
    with pytest.raises(ReadError, match=r"ambiguous: it may describe a\.img, a\.DAT"):
        open_scene(path)
    assert open_scene(tmp_path / "a.DAT").sum() == 0
    (tmp_path / "b.raw").write_bytes(bytes(48))
    with pytest.raises(InputNotFoundError, match=r"b\.raw\.hdr or b\.hdr"):
        open_scene(tmp_path / "b.raw")
    (tmp_path / "b.raw.hdr").write_text(header())
    assert open_scene(tmp_path / "b.raw.hdr").shape == open_scene(tmp_path / "b.raw").shape
    (tmp_path / "plain").write_bytes(bytes(48))
    (tmp_path / "plain.HDR").write_text(header())
    assert open_scene(tmp_path / "plain").shape == open_scene(tmp_path / "plain.HDR").shape
    (tmp_path / "c.hdr").write_text(header())
    with pytest.raises(InputNotFoundError, match=r"c, c\.img"):
        open_scene(tmp_path / "c.hdr")
    with pytest.raises(InputNotFoundError, match="no such file"):
        open_scene(tmp_path / "nothing.hdr")


BASE = header(fwhm="{9, 9.5}", bbl="{1, 0}", data_ignore_value="-1", description="{a\nb}",
              data_gain_values="{1, 2}",
              map_info="{UTM, 1, 1, 500000, 4000000, 30, 30, 33, North, WGS-84, rotation=3}",
              reflectance_scale_factor="10000", band_names="{x, y}").encode()  # fmt: skip
PIECES = [
    b"{",
    b"}",
    b"=",
    b"\n",
    b",",
    b"-",
    b"nan",
    b"inf",
    b"1e400",
    b"\xff",
    b"\0",
    b";",
    b"9" * 30,
    b" ",
    b"0",
]


def test_mutated_headers_never_raise_anything_else(tmp_path: Path) -> None:
    rng = random.Random(5)
    opened = 0
    for _ in range(1500):
        raw = bytearray(BASE)
        for _ in range(rng.randint(1, 6)):
            at = rng.randrange(len(raw))
            cut = rng.randint(0, 12) if rng.random() < 0.5 else 0
            raw[at : at + cut] = rng.choice(PIECES) if rng.random() < 0.8 else b""
        path = put(tmp_path, bytes(raw))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ScenePropertyWarning)
            try:
                open_scene(path).to_numpy()
                opened += 1
            except HypressError:
                pass
    assert 100 < opened < 1400


@given(raw=st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
@pytest.mark.filterwarnings("ignore::hypress.errors.ScenePropertyWarning")
def test_any_bytes_parse_or_are_refused(raw: bytes) -> None:
    for lead in (b"", b"ENVI\n", BASE):
        try:
            keys = envi_header.parse(lead + raw)
            envi_header.layout(keys, "x")
        except HypressError:
            pass


# --- real scenes -----------------------------------------------------------------------------------


@shared
def test_real_headers() -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        aviris = open_scene(DATA / "spechomo" / "AV_mastercal_testdata.hdr")
    assert any("'Unknown', which is no length" in str(w.message) for w in said)
    assert aviris.shape == (194, 50, 50)
    assert "wavelength_as_stated" in aviris.coords
    assert scenes.transform(aviris) is not None
    hyspex = open_scene(DATA / "spechomo" / "Bavaria_farmland_LMU_Hyspex_subset_int16.bsq")
    assert hyspex.wavelength[0] == 424.709991
    assert "326" in str(scenes.crs_wkt(hyspex)) or "UTM zone 33N" in str(scenes.crs_wkt(hyspex))
    raw = np.fromfile(DATA / "spechomo" / "Bavaria_farmland_LMU_Hyspex_subset_int16.bsq", "<i2")
    np.testing.assert_array_equal(hyspex, raw.reshape(232, 50, 50))


@shared
@pytest.mark.filterwarnings("ignore::hypress.errors.ScenePropertyWarning")
def test_real_scenes_through_every_interleave(tmp_path: Path) -> None:
    scene = open_scene(DATA / "salinas_a" / "SalinasA_corrected.hdr")
    for ending in ("bsq", "bil", "bip"):
        write_scene(scene, tmp_path / f"{ending}.{ending}")
        np.testing.assert_array_equal(open_scene(tmp_path / f"{ending}.{ending}"), scene)
