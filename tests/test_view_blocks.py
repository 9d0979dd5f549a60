"""What the explorer decodes, remembers and forgets: sources, glimpses, the cache and the workers."""

import shutil
import threading
import time

import numpy as np
import pytest

import hypress
from hypress import scene as scenes
from hypress.errors import ReadError
from hypress.jobs import compress, overview
from hypress.view import blocks
from hypress.view.blocks import StoreSource
from hypress.view.cache import Cache
from hypress.view.glimpse import glimpse
from hypress.view.layer import Layer
from hypress.view.sources import Memory, PlainSource
from hypress.view.workers import Workers


@pytest.fixture(scope="module")
def cube():
    """Smooth bands with some noise, and a corner without data."""
    random = np.random.default_rng(5)
    y, x = np.mgrid[:70, :90]
    waves = [np.sin(y / (9 + b)) * np.cos(x / (12 + b)) for b in range(12)]
    samples = (2000 + 900 * np.array(waves) + random.normal(0, 5, (12, 70, 90))).astype(np.uint16)
    samples[:, 60:, :20] = 0
    return samples


@pytest.fixture(scope="module")
def stores(cube, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    scene = scenes.make(cube, nodata=0)
    for codec in ("pca_jpeg2000", "jpeg2000", "speck3d"):
        hypress.compress(scene, folder / f"{codec}.zarr", codec, hypress.Psnr(db=45), tile=(32, 32))
    hypress.compress(scene, folder / "bands.zarr", tile=(5, 32, 32))
    hypress.compress(scene, folder / "lossless.zarr.zip", "jpeg2000", tile=(33, 27))
    return folder


def memory(room=1 << 30):
    return Memory(Workers(2), Cache(room), Cache(room))


# --- sources -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bands.zarr", "lossless.zarr.zip"])
@pytest.mark.parametrize("coarse", [False, True], ids=["fine overview", "coarse overview"])
@pytest.mark.parametrize("room", [1 << 30, 30_000, 0], ids=["room", "little room", "no room"])
def test_a_store_reads_as_its_array(stores, cube, monkeypatch, name, coarse, room):
    """At any place, spacing and phase, however little is remembered of it."""
    if coarse:
        monkeypatch.setattr(blocks, "OVERVIEW_BYTES", cube.nbytes // 50)
    layer = Layer.open(stores / name, memory(room))
    assert isinstance(layer.source, StoreSource)
    assert layer.source.spacing == (8 if coarse else 1)
    random = np.random.default_rng(room % 997)
    for _ in range(15):
        step = int(random.choice([1, 2, 3, 4, 8, 16]))
        top, left = (int(random.integers(n)) for n in (69, 89))
        bottom, right = int(random.integers(top + 1, 71)), int(random.integers(left + 1, 91))
        bands = random.choice(12, int(random.integers(1, 4)), replace=False).tolist()
        part = layer.read(bands, range(top, bottom, step), range(left, right, step))
        assert part.exact
        assert part.known.all()
        assert np.array_equal(part.samples, cube[bands, top:bottom:step, left:right:step])


def test_a_layer_lies_where_it_was_cut(stores, cube):
    layer = Layer.open(stores / "bands.zarr", memory(), origin=(100, 50))
    part = layer.read([3], range(96, 180, 4), range(48, 150, 4))
    rows, columns = np.arange(96, 180, 4) - 100, np.arange(48, 150, 4) - 50
    inside = np.logical_and.outer((rows >= 0) & (rows < 70), (columns >= 0) & (columns < 90))
    assert np.array_equal(part.known, inside)
    assert np.array_equal(part.samples[0][inside], cube[3][np.ix_(rows % 70, columns % 90)][inside])
    assert not layer.read([3], range(50), range(50)).known.any()


def test_what_is_not_decoded_in_time_is_not_known(stores, monkeypatch):
    hold = threading.Event()
    decode = blocks.decode
    monkeypatch.setattr(blocks, "decode", lambda *a, **k: hold.wait(60) and decode(*a, **k))
    layer = Layer.open(stores / "bands.zarr", memory())
    part = layer.read([0], range(70), range(90), until=time.monotonic() + 0.05)
    assert not part.exact
    assert not part.known.any()
    hold.set()
    assert layer.read([0], range(70), range(90)).known.all()


def test_an_overview_stands_in_until_a_tile_is_decoded(stores, cube, monkeypatch):
    monkeypatch.setattr(blocks, "OVERVIEW_BYTES", cube.nbytes // 50)
    layer = Layer.open(stores / "bands.zarr", memory(9000))
    assert layer.read([0], range(0, 70, 8), range(0, 90, 8)).exact
    assert layer.source.share_seen == pytest.approx(1 / 3)  # of three layers of tiles, one has band 0
    monkeypatch.setattr(blocks, "decode", lambda *a, **k: time.sleep(1) or (_ for _ in ()).throw(ReadError("late")))
    part = layer.read([0], range(70), range(90), until=time.monotonic() + 0.01)
    assert not part.exact
    assert part.known.all()
    assert np.array_equal(part.samples[0, :, 3], cube[0][np.arange(70) // 8 * 8, 0])


def test_other_zarr_stores_are_read_too(tmp_path, cube):
    scenes.make(cube).to_dataset(name="cube").to_zarr(tmp_path / "plain.zarr", consolidated=False)
    layer = Layer.open(tmp_path / "plain.zarr", memory())
    assert isinstance(layer.source, PlainSource)
    assert np.array_equal(layer.read([1, 4], range(5, 70, 3), range(90)).samples, cube[[1, 4], 5::3])


# --- the store's own overview ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def with_overview(cube, tmp_path_factory):
    """A store that counts as large, in a codec that cannot be decoded in part."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overview, "LARGE", 1000)
        patch.setattr(overview, "FINEST", 2)
        patch.setattr(compress, "SHARE", 2.0)  # of so little, the usual share would be nothing
        path = tmp_path_factory.mktemp("large") / "scene.zarr"
        hypress.compress(scenes.make(cube, nodata=0), path, "ccsds123", tile=(16, 16))
    return path


def test_far_out_the_stores_own_overview_is_all_that_is_decoded(with_overview, cube, monkeypatch):
    monkeypatch.setattr(blocks, "decode", fails)
    layer = Layer.open(with_overview, memory())
    spacing = layer.source.stored.spacing
    for step in (spacing, 2 * spacing, 2 * spacing + 1):
        part = layer.read([7, 2, 7], range(0, 70, step), range(0, 90, step), glance=True)
        assert part.exact
        assert part.overview
        wanted = cube[[7, 2, 7], ::step, ::step].astype(int)
        assert part.samples.shape == wanted.shape
        if step % spacing == 0:
            assert np.array_equal(part.samples == 0, wanted == 0), "where there is no data"
            assert np.abs(part.samples - wanted).mean() < 30, "of samples that span 1800"
    assert layer.source.share_seen == 0


def test_an_overview_stands_in_for_tiles_to_look_at_and_never_to_measure(with_overview, cube, monkeypatch):
    layer = Layer.open(with_overview, memory())
    hold = threading.Event()
    real = blocks.decode
    monkeypatch.setattr(blocks, "decode", lambda *a, **k: (hold.wait(), real(*a, **k))[1])
    part = layer.read([3], range(70), range(90), until=time.monotonic() + 0.05, glance=True)
    assert (part.exact, part.overview, part.known.all()) == (False, True, True)
    assert np.abs(part.samples[0, :60] - cube[3, :60].astype(int)).mean() < 200, "spaced more widely, yet the scene"
    assert not layer.read([3], range(70), range(90), until=time.monotonic() + 0.05).known.any()
    hold.set()
    part = layer.read([3], range(70), range(90), glance=True)
    assert (part.exact, part.overview) == (True, False)
    assert np.array_equal(part.samples[0], cube[3])


def test_a_damaged_tile_is_not_painted_over_by_the_overview(with_overview, tmp_path):
    shutil.copytree(with_overview, tmp_path / "scene.zarr")
    (tmp_path / "scene.zarr" / "scene" / "c" / "0" / "1" / "2").write_bytes(b"broken")
    part = Layer.open(tmp_path / "scene.zarr", memory()).read([3], range(70), range(90), glance=True)
    assert len(part.problems) == 1
    assert not part.known[16:32, 32:48].any()
    assert part.known.sum() == 70 * 90 - 256


@pytest.mark.parametrize("content", [b"", b"broken", None], ids=["empty", "no codestream", "missing"])
def test_a_damaged_overview_leaves_the_tiles(with_overview, tmp_path, cube, content):
    shutil.copytree(with_overview, tmp_path / "scene.zarr")
    for chunk in (tmp_path / "scene.zarr" / "overview").rglob("c/*/*/*"):
        chunk.unlink() if content is None else chunk.write_bytes(content)
    layer = Layer.open(tmp_path / "scene.zarr", memory())
    part = layer.read([3], range(0, 70, 8), range(0, 90, 8), glance=True)
    assert (part.exact, part.overview, part.problems) == (True, False, ())
    assert np.array_equal(part.samples[0], cube[3, ::8, ::8])


def fails(*arguments, **options):
    raise AssertionError("nothing is to be decoded")


# --- glimpses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["jpeg2000", "pca_jpeg2000"])
def test_a_glimpse_of_some_bands_is_what_decoding_says(cube, codec):
    data = hypress.encode(cube, codec, hypress.Psnr(db=45), nodata=0)
    whole = hypress.decode(data).astype(int)
    samples, halvings = glimpse(data, 0, [7, 2], max_bytes=cube.nbytes)
    assert halvings == 0
    assert samples.dtype == cube.dtype
    assert np.abs(samples - whole[[7, 2]]).max() <= 1
    assert np.array_equal(samples == 0, cube[[7, 2]] == 0)


@pytest.mark.parametrize("codec", ["jpeg2000", "pca_jpeg2000"])
@pytest.mark.parametrize("halvings", [1, 2, 3])
def test_a_glimpse_is_near_the_samples_at_its_places(cube, codec, halvings):
    smooth = np.repeat(np.repeat(cube[:, :8, 40:48], 10, axis=1), 10, axis=2)[:, :77, :73]
    data = hypress.encode(smooth, codec, hypress.Psnr(db=60))
    samples, told = glimpse(data, halvings, max_bytes=smooth.nbytes)
    assert 1 <= told <= halvings
    places = smooth[:, :: 1 << told, :: 1 << told].astype(float)
    assert samples.shape == places.shape
    assert np.abs(samples - places).mean() < 0.2 * smooth.std()


def test_a_glimpse_of_a_lossless_jpeg2000_is_exact(cube):
    data = hypress.encode(cube, "jpeg2000")
    samples, _ = glimpse(data, 0, [3], max_bytes=cube.nbytes)
    assert np.array_equal(samples[0], cube[3])


def test_what_has_no_short_cut_or_is_damaged_is_left_to_decode(cube):
    for codec in ("rls", "speck3d"):
        assert glimpse(hypress.encode(cube[:, :20, :20], codec), 2, max_bytes=cube.nbytes) is None
    assert glimpse(hypress.encode(cube, "pca_jpeg2000"), 2, max_bytes=cube.nbytes) is None  # has a residual
    data = bytearray(hypress.encode(cube, "jpeg2000", hypress.Psnr(db=40)))
    data[-40] ^= 8
    assert glimpse(bytes(data), 2, max_bytes=cube.nbytes) is None
    assert glimpse(b"", 0, max_bytes=1) is None
    assert glimpse(bytes(data), 0, max_bytes=10) is None


@pytest.mark.parametrize("name", ["jpeg2000.zarr", "pca_jpeg2000.zarr", "speck3d.zarr"])
def test_what_is_measured_is_never_a_glimpse(stores, cube, monkeypatch, name):
    monkeypatch.setattr(blocks, "OVERVIEW_BYTES", cube.nbytes // 50)
    whole = hypress.open_scene(stores / name).to_numpy()
    layer = Layer.open(stores / name, memory())
    rows, columns = range(0, 70, 8), range(0, 90, 8)
    glance = layer.read([0, 5], rows, columns, glance=True)
    assert glance.exact
    assert np.abs(glance.samples.astype(float) - whole[[0, 5], ::8, ::8]).mean() < 0.5 * whole.std()
    assert np.array_equal(layer.read([0, 5], rows, columns).samples, whole[[0, 5], ::8, ::8])
    assert np.array_equal(layer.read([0, 5], rows, columns, glance=True).samples, whole[[0, 5], ::8, ::8])
    assert np.array_equal(layer.read(range(12), range(3, 40), range(90)).samples, whole[:, 3:40])


# --- memory and threads --------------------------------------------------------------------------------


def test_a_cache_keeps_within_its_room_what_was_used_last():
    cache = Cache(100)
    for i in range(5):
        cache.put(i, np.zeros(40, np.uint8))
        cache.get(0)
    assert cache.used <= 100
    assert 0 in cache
    assert 4 in cache
    assert 2 not in cache
    cache.put("large", np.zeros(101, np.uint8))
    assert "large" not in cache
    cache.put(4, np.zeros(60, np.uint8))
    assert cache.used == 100


def test_work_is_done_once_however_many_ask():
    workers, done, hold = Workers(2), [], threading.Event()
    for _ in range(5):
        workers.wish("a", lambda: hold.wait(10) and done.append(1))
        time.sleep(0.01)
    assert not workers.wait(["a"], time.monotonic() + 0.05)
    hold.set()
    assert workers.wait(["a"], time.monotonic() + 10)
    assert done == [1]


def test_the_latest_wish_comes_first():
    workers, order, hold, begun = Workers(1), [], threading.Event(), threading.Event()
    workers.wish("first", lambda: begun.set() or hold.wait(10))
    begun.wait(10)
    for name in "abc":
        workers.wish(name, lambda name=name: order.append(name))
        time.sleep(0.01)
    workers.wish("a", lambda: order.append("a"))
    hold.set()
    workers.wait(["first", "a", "b", "c"], time.monotonic() + 10)
    assert order == ["a", "c", "b"]


def test_a_failure_is_told_for_a_while_and_then_tried_again(monkeypatch):
    workers, tries = Workers(1), []

    def fail():
        tries.append(1)
        raise ReadError("gone")

    workers.wish("a", fail)
    workers.wait(["a"], time.monotonic() + 10)
    workers.wish("a", fail)
    workers.wait(["a"], time.monotonic() + 10)
    assert len(tries) == 1
    assert "gone" in str(workers.failure("a"))
    monkeypatch.setattr("hypress.view.workers.REMEMBERED", 0.0)
    workers.wish("a", fail)
    workers.wait(["a"], time.monotonic() + 10)
    assert len(tries) == 2
