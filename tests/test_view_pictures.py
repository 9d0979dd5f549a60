"""Pictures of scenes: composites, stretches, maps of differences, and the PNG that holds them."""

import zlib

import numpy as np
import pytest
import rasterio

import hypress
from hypress import png
from hypress import scene as scenes
from hypress.errors import ConfigurationError, OutputExistsError, SceneError
from hypress.view import bands, composite, quicklook, snapshot
from hypress.view.colours import ANCHORS, table
from hypress.view.layer import Layer
from hypress.view.render import Stretch, difference, map_colours, map_top, stretch_of

WAVELENGTHS = np.linspace(400, 1000, 21)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A scene with nodata and a bad band, and a lossy store of it in tiles that do not divide it."""
    folder = tmp_path_factory.mktemp("pair")
    random = np.random.default_rng(3)
    samples = (random.integers(0, 60, (21, 37, 53)) + 10 * np.arange(37)[None, :, None] + 5).astype(np.uint16)
    samples[:, 30:, 40:] = 0
    good = np.ones(21, bool)
    good[10] = False
    scene = scenes.make(samples, wavelength_nm=WAVELENGTHS, good_band=good, nodata=0)
    hypress.write_scene(scene, folder / "scene.nc")
    hypress.compress(scene, folder / "lossy.zarr.zip", "jpeg2000", hypress.Psnr(db=35), tile=(16, 20))
    hypress.compress(scene, folder / "exact.zarr", tile=(7, 16, 20))
    return folder, samples


def decoded(path):
    with rasterio.open(path) as file:
        return file.read().transpose(1, 2, 0)


# --- PNG ---------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (64, 3), (77, 50)])
def test_any_reader_reads_the_png(tmp_path, shape):
    picture = np.random.default_rng(1).integers(0, 256, (*shape, 4)).astype(np.uint8)
    (tmp_path / "a.png").write_bytes(png.encode(picture, about="ρ ≤ 1"))
    assert np.array_equal(decoded(tmp_path / "a.png"), picture)


def test_chunks_of_a_png_are_whole():
    data = png.encode(np.zeros((3, 4, 4), np.uint8), about="text")
    at, kinds = 8, []
    while at < len(data):
        size = int.from_bytes(data[at : at + 4])
        kinds.append(data[at + 4 : at + 8])
        assert zlib.crc32(data[at + 4 : at + 8 + size]) == int.from_bytes(data[at + 8 + size : at + 12 + size])
        at += 12 + size
    assert kinds == [b"IHDR", b"iTXt", b"IDAT", b"IEND"]


@pytest.mark.parametrize("picture", [np.zeros((2, 2, 2), np.uint8), np.zeros((0, 2, 4), np.uint8), np.zeros((2, 2, 4))])
def test_what_is_no_picture_is_refused(picture):
    with pytest.raises(ValueError, match="picture"):
        png.encode(picture)


# --- bands -------------------------------------------------------------------------------------------


def test_presets_follow_wavelengths_and_avoid_bad_bands(pair):
    scene = hypress.open_scene(pair[0] / "scene.nc")
    for triple in bands.presets(scene).values():
        assert 10 not in triple
    for wanted, band in zip((860, 650, 550), bands.presets(scene)["Colour infrared (vegetation is red)"], strict=True):
        assert abs(WAVELENGTHS[band] - wanted) <= 15


def test_sensors_without_wavelengths_are_known_by_their_number_of_bands():
    pavia = scenes.make(np.ones((103, 2, 2), np.uint16))
    assert any(name.startswith("ROSIS") for name in bands.presets(pavia))
    assert bands.presets(scenes.make(np.ones((17, 2, 2), np.uint16))) == {}


@pytest.mark.parametrize(
    ("text", "chosen"),
    [("3,2,1", (3, 2, 1)), ("7", (7,)), ("600nm,500nm,400nm", (7, 3, 0)), ("", None), ("colour infra", (15, 8, 5))],
)
def test_bands_as_text(pair, text, chosen):
    scene = hypress.open_scene(pair[0] / "scene.nc")
    assert bands.parse(scene, text) == (chosen or bands.default(scene))


@pytest.mark.parametrize("text", ["21", "-1,2,3", "1,2", "purple", "5000nm", "1,2,3,4", "1400nm"])
def test_bands_that_are_not_there(pair, text):
    with pytest.raises(ValueError, match="names no bands"):
        bands.parse(hypress.open_scene(pair[0] / "scene.nc"), text)


def test_a_scene_of_one_band_has_a_picture():
    picture = composite(scenes.make(np.arange(12, dtype=np.uint8).reshape(1, 3, 4)))
    assert picture.shape == (3, 4, 4)


# --- composites --------------------------------------------------------------------------------------


def test_a_composite_is_the_stretched_samples(pair):
    folder, samples = pair
    stretch = Stretch((0.0, 100.0, 50.0), (400.0, 300.0, 450.0))
    picture = composite(folder / "scene.nc", (4, 9, 2), stretch=stretch)
    for channel, band in enumerate((4, 9, 2)):
        low, high = stretch.low[channel], stretch.high[channel]
        expected = np.rint(255 * np.clip((samples[band] - low) / (high - low), 0, 1))
        assert np.abs(picture[..., channel] - expected).max() <= 1
    assert np.array_equal(picture[..., 3] == 255, samples[4] != 0)


@pytest.mark.parametrize("size", [53, 52, 20, 9, 1])
def test_small_pictures_take_every_nth_sample(pair, size):
    folder, samples = pair
    step = -(-53 // size)
    picture = composite(folder / "exact.zarr", (5,), size=size, stretch=Stretch((0.0,), (255.0,)))
    assert picture.shape[:2] == samples[0, ::step, ::step].shape
    assert np.array_equal(picture[..., 0], np.minimum(samples[5, ::step, ::step], 255))


def test_gamma_brightens_and_stretch_is_of_valid_samples_only(pair):
    folder, samples = pair
    found = stretch_of(Layer.open(folder / "scene.nc"), (3,), percent=5)
    valid = samples[3][samples[3] != 0]
    assert found.low[0] == pytest.approx(np.percentile(valid, 5))
    assert found.high[0] == pytest.approx(np.percentile(valid, 95))
    flat, bright = (composite(folder / "scene.nc", (3,), gamma=g)[..., 0].astype(int) for g in (1.0, 2.0))
    assert (bright >= flat).all()
    assert bright.sum() > flat.sum()


def test_floats_with_gaps_and_constant_scenes():
    samples = np.full((3, 8, 8), 2.5, np.float32)
    samples[:, 0, 0] = np.nan
    picture = composite(scenes.make(samples))
    assert picture[0, 0, 3] == 0
    assert (picture[1:, 1:, 3] == 255).all()
    assert composite(scenes.make(np.full((3, 4, 4), np.nan, np.float32)))[..., 3].max() == 0


@pytest.mark.parametrize(
    "options", [{"size": 0}, {"percent": 50}, {"gamma": 0}, {"bands": (1, 2)}, {"bands": (0, 1, 99)}]
)
def test_impossible_pictures_are_refused(pair, options):
    with pytest.raises(ConfigurationError):
        composite(pair[0] / "scene.nc", **options)


# --- differences -------------------------------------------------------------------------------------


def both(folder):
    return Layer.open(folder / "scene.nc"), Layer.open(folder / "lossy.zarr.zip")


def test_maps_are_what_numpy_says(pair):
    folder, samples = pair
    first, second = both(folder)
    error = hypress.open_scene(folder / "lossy.zarr.zip").to_numpy().astype(float) - samples
    valid = samples[0] != 0
    rows, columns = range(0, 37, 2), range(1, 53, 2)
    at = np.ix_(rows, columns)
    expected = {
        "rms": np.sqrt((error**2).mean(axis=0)),
        "max": np.abs(error).max(axis=0),
        "band": error[6],
        "angle": hypress.metrics.spectral_angle_map_deg(samples, samples + error),
    }
    for kind, values in expected.items():
        found = difference(first, second, kind, rows, columns, band=6)
        assert found.exact
        assert np.array_equal(np.isnan(found.values), ~valid[at])
        assert np.allclose(found.values[valid[at]], values[at][valid[at]])


def test_maps_need_layers_of_as_many_bands(pair):
    folder, _ = pair
    first, _ = both(folder)
    other = Layer("x", "", Layer.open(folder / "exact.zarr").source)
    other.source.shape = (20, 37, 53)
    with pytest.raises(SceneError, match="cannot be subtracted"):
        difference(first, other, "rms", range(3), range(3))
    with pytest.raises(SceneError, match="no map"):
        difference(first, first, "heat", range(3), range(3))


def test_colours_of_maps_order_and_centre():
    values = np.array([[0.0, 1.0, 2.0, np.nan]])
    sizes = map_colours(values, 2.0, "rms")
    brightness = sizes[0, :3, :3].astype(int).sum(axis=1)
    assert (np.diff(brightness) > 0).all()
    assert sizes[0, 3, 3] == 0
    signed = map_colours(np.array([[-1.0, 0.0, 1.0]]), 1.0, "band")
    assert signed[0, 1, :3].min() > 240
    assert signed[0, 0, 2] > signed[0, 0, 0]
    assert signed[0, 2, 0] > signed[0, 2, 2]
    assert map_top(np.zeros((2, 2))) == 1.0
    assert map_top(np.full((2, 2), np.nan)) == 1.0


@pytest.mark.parametrize("name", sorted(set(ANCHORS) - {"balance"}))
def test_colour_maps_rise_in_lightness(name):
    """So that they order without colour: relative luminance of sRGB, as WCAG 2 defines it."""
    linear = (table(name) / 255.0) ** 2.2
    assert (np.diff(linear @ [0.2126, 0.7152, 0.0722]) >= -1e-3).all()


# --- files -------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_snapshot_shows_scenes_and_maps_left_to_right(pair, tmp_path):
    folder, _ = pair
    told = snapshot([folder / "scene.nc", folder / "lossy.zarr.zip"], tmp_path / "s.png", maps=("rms", "angle"))
    assert [each["shows"].partition(" ")[0] for each in told["pictures"]] == [
        "scene.nc",
        "lossy.zarr.zip",
        "rms",
        "angle",
    ]
    picture = decoded(tmp_path / "s.png")
    assert picture.shape[:2] == (told["rows"], told["columns"]) == (37, 4 * 53 + 3 * 8)
    assert np.array_equal(picture[:, :53], composite(folder / "scene.nc"))
    assert (picture[:, 53:61, 3] == 0).all()


def test_scenes_of_two_shapes_are_no_snapshot(pair, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((3, 4, 5)))
    with pytest.raises(SceneError, match="one shape"):
        snapshot([pair[0] / "scene.nc", tmp_path / "a.npy"], tmp_path / "s.png")
    assert not (tmp_path / "s.png").exists()


def test_pictures_are_png_and_replace_nothing_unasked(pair, tmp_path):
    scene = pair[0] / "scene.nc"
    with pytest.raises(ConfigurationError, match=r"\.png"):
        quicklook(scene, tmp_path / "a.jpg")
    quicklook(scene, tmp_path / "a.png")
    with pytest.raises(OutputExistsError):
        quicklook(scene, tmp_path / "a.png")
    assert quicklook(scene, tmp_path / "a.png", "9", overwrite=True)["bands"] == [9]


def test_a_damaged_tile_is_said(pair, tmp_path):
    hypress.compress(pair[0] / "scene.nc", tmp_path / "a.zarr", tile=(16, 20))
    tile = tmp_path / "a.zarr" / "scene" / "c" / "0" / "1" / "1"
    tile.write_bytes(tile.read_bytes()[:-3])
    with pytest.raises(SceneError, match=r"tile \(0, 1, 1\)"):
        quicklook(tmp_path / "a.zarr", tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()
