"""The explorer's server, by plain HTTP: what the page asks, and what nobody should get."""

import csv
import http.client
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote, urlencode, urlsplit

import numpy as np
import pytest
import rasterio

import hypress
from hypress.jobs import compress, overview
from hypress.view.pictures import composite
from hypress.view.render import Stretch
from hypress.view.server import serving

STYLE = {"layer": 0, "bands": "9,5,1", "low": "0,0,0", "high": "3000,3000,3000", "gamma": "1"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, jasper_ridge):
    """A corner of the bundled scene, and a lossy store of it in four tiles."""
    made = tmp_path_factory.mktemp("view")
    hypress.write_scene(hypress.open_scene(jasper_ridge)[::6, :40, :50], made / "small.hdr")
    hypress.compress(made / "small.hdr", made / "small.zarr", "jpeg2000", hypress.Psnr(db=40), tile=(25, 30))
    return made


class Client:
    """Requests to a server, as the page makes them."""

    def __init__(self, server):
        self.server = server
        self.base = urlsplit(server.url).path

    def ask(self, path, *, method="GET", body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=120)
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        answer.content = answer.read()
        connection.close()
        return answer

    def get(self, name, **query):
        return self.ask(f"{self.base}api/{name}?{urlencode(query)}")

    def json(self, name, **query):
        answer = self.get(name, **query)
        assert answer.status == 200, answer.content
        return json.loads(answer.content)

    def post(self, name, body):
        return self.ask(f"{self.base}api/{name}", method="POST", body=json.dumps(body))

    def tile(self, **query):
        """A picture tile, asked for until it is final."""
        for _ in range(600):
            answer = self.get("tile", **query)
            assert answer.status == 200, answer.content
            if answer.headers["X-Exact"] == "1":
                return answer
            time.sleep(0.05)
        raise AssertionError("the tile never became final")

    def trial(self, number, *states):
        """A trial, once it is in one of these states."""
        for _ in range(3000):
            found = next(t for t in self.json("trials") if t["id"] == number)
            if found["state"] in states:
                return found
            time.sleep(0.02)
        raise AssertionError(f"the trial stayed {found['state']}")


@pytest.fixture(scope="module")
def client(folder):
    with serving([folder / "small.hdr", folder / "small.zarr"]) as server:
        yield Client(server)


def pixels(data):
    with rasterio.MemoryFile(data) as file, file.open() as opened:
        return opened.read().transpose(1, 2, 0)


# --- who may ask -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/api/session", "/x/", "/x/api/session", "/favicon.ico", "//", "/%2e%2e/"])
def test_without_the_token_there_is_nothing(client, path):
    answer = client.ask(path)
    assert answer.status == 403
    assert "secret" in json.loads(answer.content)["error"]


def test_a_part_of_the_token_is_none(client):
    token = client.base.strip("/")
    for wrong in (token[:-1], token + "x", token.swapcase(), ""):
        assert client.ask(f"/{wrong}/api/session").status == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "0.0.0.0", ""])
def test_another_host_name_is_refused(client, host):
    assert client.ask(client.base, headers={"Host": host}).status == 403


def test_another_sites_page_is_refused(client):
    assert client.ask(client.base, headers={"Origin": "http://evil.example"}).status == 403
    assert client.ask(client.base, headers={"Origin": f"http://127.0.0.1:{client.server.port}"}).status == 200


def test_only_this_machine_is_listened_to(client):
    assert client.server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    "path", ["../server.py", "..%2fserver.py", "static/", "%2e%2e/__init__.py", "/etc/passwd", "api/../server.py", "."]
)
def test_nothing_outside_of_the_page_is_served(client, path):
    answer = client.ask(client.base + path)
    assert answer.status == 404
    assert b"import" not in answer.content


def test_the_page_loads_nothing_from_elsewhere_and_is_light(client):
    static = Path(hypress.__file__).parent / "view" / "static"
    assert sum(file.stat().st_size for file in static.iterdir()) < 2_000_000
    for file in static.iterdir():
        answer = client.ask(client.base + file.name)
        assert answer.status == 200
        assert answer.content == file.read_bytes()
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text
        assert "https://" not in text
    assert client.ask(client.base).headers["Content-Type"].startswith("text/html")


# --- what it answers -----------------------------------------------------------------------------------


def test_the_session_says_what_is_open(client, folder):
    told = client.json("session")
    assert told["frame"] == [40, 50]
    assert [layer["name"] for layer in told["layers"]] == ["small.hdr", "small.zarr"]
    scene = hypress.open_scene(folder / "small.hdr")
    assert np.allclose(told["layers"][1]["wavelength_nm"], scene.wavelength)
    assert told["layers"][0]["presets"]


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("layer", [0, 1])
def test_a_tile_is_the_composite(client, folder, layer):
    path = folder / ("small.hdr", "small.zarr")[layer]
    expected = composite(path, (9, 5, 1), stretch=Stretch((0.0,) * 3, (3000.0,) * 3))
    found = pixels(client.tile(**STYLE | {"layer": layer}, z=0, y=0, x=0).content)
    assert np.array_equal(found, expected)
    coarse = pixels(client.tile(**STYLE | {"layer": layer}, z=2, y=0, x=0).content)
    assert coarse.shape == (10, 13, 4)
    assert np.array_equal(coarse, expected[::4, ::4])


def test_a_tile_says_that_it_shows_the_overview(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(overview, "LARGE", 1000)
    monkeypatch.setattr(overview, "FINEST", 2)
    monkeypatch.setattr(compress, "SHARE", 2.0)  # of so little, the usual share would be nothing
    hypress.compress(folder / "small.hdr", tmp_path / "large.zarr.zip", "jpeg2000", tile=(25, 30))
    with serving([tmp_path / "large.zarr.zip"]) as server:
        client = Client(server)
        assert client.tile(**STYLE, z=1, y=0, x=0).headers["X-Overview"] == "1"
        assert client.tile(**STYLE, z=0, y=0, x=0).headers["X-Overview"] is None
        told = client.json("facts", layer=0)
        assert told["streams"]["overview"] > 0
        assert sum(told["streams"].values()) == told["bytes"]


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_map_is_an_image_too(client):
    top = client.json("map-top", layer=0, against=1, kind="rms")["top"]
    answer = client.tile(layer=0, against=1, kind="rms", top=top, z=0, y=0, x=0)
    assert pixels(answer.content).shape == (40, 50, 4)
    same = pixels(client.tile(layer=0, against=0, kind="max", top=1, z=0, y=0, x=0).content)
    assert len(np.unique(same.reshape(-1, 4), axis=0)) == 1


def test_spectra_of_a_pixel_and_a_region(client, folder):
    samples = hypress.open_scene(folder / "small.hdr").to_numpy().astype(float)
    decoded = hypress.open_scene(folder / "small.zarr").to_numpy().astype(float)
    found = client.json("spectra", region="7,11,8,12", layers="0,1")
    assert found["layers"][0]["mean"] == samples[:, 7, 11].tolist()
    assert found["layers"][1]["mean"] == decoded[:, 7, 11].tolist()
    assert found["layers"][1]["against_first"]["max_error"] == np.abs(samples - decoded)[:, 7, 11].max()
    found = client.json("spectra", region="20,20,30,40", layers="1,0")
    part = samples[:, 20:30, 20:40].reshape(len(samples), -1)
    assert np.allclose(found["layers"][1]["mean"], part.mean(axis=1))
    assert found["layers"][1]["min"] == part.min(axis=1).tolist()
    assert found["layers"][1]["max"] == part.max(axis=1).tolist()
    error = (samples - decoded)[:, 20:30, 20:40].reshape(len(samples), -1)
    assert np.allclose(found["layers"][1]["against_first"]["rms_by_band"], np.sqrt((error**2).mean(axis=1)))


def test_spectra_as_csv(client, folder):
    answer = client.get("spectra.csv", region="7,11,8,12", layers="0,1")
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    samples = hypress.open_scene(folder / "small.hdr")
    assert [float(row["small.hdr"]) for row in rows] == samples.to_numpy()[:, 7, 11].tolist()
    assert float(rows[3]["wavelength_nm"]) == pytest.approx(float(samples.wavelength[3]))
    head = client.get("spectra.csv", region="1,1,4,4", layers="1").content.decode().splitlines()[0]
    assert head == "band,wavelength_nm,good,small.zarr mean,small.zarr min,small.zarr max"


def test_facts_of_a_store_add_up(client, folder):
    told = client.json("facts", layer=1)
    files = [f for f in (folder / "small.zarr").rglob("*") if f.is_file()]
    assert told["bytes"] == sum(told["streams"].values()) == sum(f.stat().st_size for f in files)
    assert told["tile_map"]["rows"] * told["tile_map"]["columns"] == len(told["tile_map"]["bytes"]) == 4
    tiles = sorted((folder / "small.zarr" / "scene" / "c").rglob("*"))
    assert sum(told["tile_map"]["bytes"]) == sum(f.stat().st_size for f in tiles if f.is_file())
    assert told["compression_goal"] == "PSNR 40 dB"
    assert client.json("facts", layer=0)["shape"] == [33, 40, 50]


def test_a_histogram_counts_every_sample(client, folder):
    told = client.json("histogram", layer=0, band=4)
    plane = hypress.open_scene(folder / "small.hdr")[4].to_numpy()
    assert sum(told["counts"]) == plane.size
    assert (told["low"], told["high"]) == (plane.min(), plane.max())


@pytest.mark.parametrize(
    ("name", "query", "status"),
    [
        ("tile", STYLE | {"z": 0, "y": 9, "x": 0}, 400),
        ("tile", STYLE | {"z": 99, "y": 0, "x": 0}, 400),
        ("tile", STYLE | {"bands": "1,2", "z": 0, "y": 0, "x": 0}, 400),
        ("tile", STYLE | {"bands": "33", "z": 0, "y": 0, "x": 0}, 400),
        ("tile", STYLE | {"low": "nan,0,0", "z": 0, "y": 0, "x": 0}, 400),
        ("tile", {"z": 0, "y": 0, "x": 0}, 400),
        ("tile", {"layer": 0, "against": 1, "kind": "x", "top": 1, "z": 0, "y": 0, "x": 0}, 409),
        ("spectra", {"region": "0,0,41,1", "layers": "0"}, 400),
        ("spectra", {"region": "5,5,5,6", "layers": "0"}, 400),
        ("spectra", {"region": "0,0,1,1", "layers": "0,7"}, 400),
        ("facts", {"layer": "../../etc/passwd"}, 400),
        ("histogram", {"layer": 0, "band": -1}, 400),
        ("result", {"id": 77}, 404),
        ("nothing", {}, 404),
    ],
)
def test_wrong_questions_are_one_clear_sentence(client, name, query, status):
    answer = client.get(name, **query)
    assert answer.status == status
    assert json.loads(answer.content)["error"]
    assert client.get("session").status == 200


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"[" * 5000, b'{"layer": "0"}', b'{"layer": 0, "goal": {"goal": "psnr", "db": -1}}',
             b'{"layer": 0, "codec": "nothing", "goal": {"goal": "lossless"}}', b"x" * 100_000,
             b'{"layer": 0, "goal": {"goal": "lossless"}, "window": [90, 90, 95, 95]}'],
)  # fmt: skip
def test_wrong_orders_are_one_clear_sentence(client, body):
    answer = client.ask(f"{client.base}api/compress", method="POST", body=body)
    assert answer.status in (400, 404, 409)
    assert json.loads(answer.content)["error"]
    assert client.ask(f"{client.base}api/session", method="POST", body=b"{}").status == 404


def test_noise_on_the_line_is_survived(client):
    for noise in (b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\0" * 70000):
        with socket.create_connection(("127.0.0.1", client.server.port), timeout=20) as line:
            line.sendall(noise)
    assert client.get("session").status == 200


# --- compressing ---------------------------------------------------------------------------------------


def test_a_trial_becomes_a_layer_and_a_file(client, folder, tmp_path):
    order = {"layer": 0, "codec": "jpeg2000", "goal": {"goal": "rate", "bpppc": 2.0}, "window": [5, 10, 35, 45]}
    trial = json.loads(client.post("compress", order).content)
    done = client.trial(trial["id"], "done", "failed")
    assert done["state"] == "done", done["message"]
    assert done["report"]["shape"] == [33, 30, 35]
    assert 1.9 < done["report"]["bpppc"] <= 2.0
    layer = client.json("session")["layers"][done["layer"]]
    assert layer["origin"] == [5, 10]
    saved = client.get("result", id=done["id"])
    (tmp_path / "saved.zarr.zip").write_bytes(saved.content)
    assert len(saved.content) == done["report"]["bytes"]
    decoded = hypress.open_scene(tmp_path / "saved.zarr.zip").to_numpy()
    spectra = client.json("spectra", region="8,12,9,13", layers=f"0,{layer['id']}")
    assert spectra["layers"][1]["mean"] == decoded[:, 3, 2].tolist()
    outside = client.json("spectra", region="0,0,1,1", layers=f"0,{layer['id']}")
    assert set(outside["layers"][1]["mean"]) == {None}
    assert "crop" in done["command"]


def test_the_command_makes_the_same_file(client, tmp_path, monkeypatch, cli):
    order = {"layer": 0, "codec": None, "goal": {"goal": "lossless"}, "window": None}
    trial = json.loads(client.post("compress", order).content)
    done = client.trial(trial["id"], "done", "failed")
    assert done["report"]["max_error"] == 0
    import shlex

    name, *arguments = shlex.split(done["command"])
    monkeypatch.chdir(tmp_path)
    assert name == "hypress"
    assert cli(*arguments).code == 0
    assert (tmp_path / done["report"]["output"]).read_bytes() == client.get("result", id=done["id"]).content


def test_a_trial_that_cannot_be_says_why(client):
    order = {"layer": 0, "codec": "rls", "goal": {"goal": "rate", "bpppc": 1.0}, "window": None}
    trial = json.loads(client.post("compress", order).content)
    failed = client.trial(trial["id"], "done", "failed")
    assert failed["state"] == "failed"
    assert "cannot keep the goal" in failed["message"]


def test_a_trial_is_cancelled_at_once(client):
    order = {"layer": 0, "codec": "pca_jpeg2000", "goal": {"goal": "psnr", "db": 60}, "window": None}
    first, second = (json.loads(client.post("compress", order).content)["id"] for _ in range(2))
    client.trial(first, "running")
    assert client.post("cancel", {"id": second}).status == 200
    assert client.post("cancel", {"id": first}).status == 200
    assert client.trial(first, "cancelled")["report"] is None
    assert client.trial(second, "cancelled")
    assert client.post("cancel", {"id": 999}).status == 404
    assert client.get("result", id=first).status == 404


def test_codecs_say_which_goals_they_keep(client):
    told = {codec["name"]: codec for codec in client.json("codecs")}
    assert set(told) == set(hypress.codec_names())
    assert "rate" not in told["rls"]["goals"]
    assert {"psnr", "rate", "sam", "lossless", "max_error"} <= set(told["pca_jpeg2000"]["goals"])
    assert "relative_error" in told["ccsds123"]["goals"]


# --- things go wrong -------------------------------------------------------------------------------------


def test_a_damaged_tile_spoils_no_other(folder, tmp_path):
    shutil.copytree(folder / "small.zarr", tmp_path / "bad.zarr")
    tile = tmp_path / "bad.zarr" / "scene" / "c" / "0" / "1" / "1"
    tile.write_bytes(tile.read_bytes()[:100] + b"\0\0\0\0")
    (tmp_path / "bad.zarr" / "scene" / "c" / "0" / "0" / "1").unlink()
    with serving([tmp_path / "bad.zarr"]) as server:
        client = Client(server)
        for _ in range(200):
            answer = client.get("tile", **STYLE, z=0, y=0, x=0)
            if "X-Problem" in answer.headers:
                break
        assert "tile (0, " in unquote(answer.headers["X-Problem"])
        assert client.json("spectra", region="1,1,2,2", layers="0")["layers"][0]["mean"][0] is not None
        assert client.get("spectra", region="39,49,40,50", layers="0").status == 409
        facts = client.json("facts", layer=0)
        assert facts["tile_map"]["codecs"] == ["jpeg2000", "missing", "jpeg2000", "damaged"]


@pytest.mark.parametrize("name", ["small.zarr", "small.hdr"])
def test_a_scene_that_vanishes_is_said(folder, tmp_path, name):
    for file in folder.iterdir():
        (shutil.copytree if file.is_dir() else shutil.copy)(file, tmp_path / file.name)
    with serving([tmp_path / name]) as server:
        client = Client(server)
        for file in tmp_path.iterdir():
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        problems = set()
        for _ in range(50):
            answer = client.get("tile", **STYLE | {"bands": "8,7,6"}, z=0, y=0, x=0)
            told = unquote(answer.headers.get("X-Problem", "")) or answer.content.decode(errors="replace")
            problems.add("vanished" in told)
            if True in problems:
                break
        assert True in problems
        for question in ("facts", "spectra"):
            answer = client.get(question, layer=0, region="0,0,1,1", layers="0")
            assert answer.status == 409
            assert "vanished" in json.loads(answer.content)["error"]
        assert client.get("session").status == 200


def test_a_malformed_store_is_refused_at_once(tmp_path, cli):
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "zarr.json").write_text("{")
    ran = cli("view", tmp_path / "a.zarr", "--no-browser")
    assert ran.code == 2
    assert "no readable Zarr store" in ran.err


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent as a POSIX signal")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_interrupted_and_leaves_nothing(folder, tmp_path, ending):
    # Where the tests are a shell's background job, Ctrl-C is ignored, and children would inherit that.
    heeding = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program = [sys.executable, "-c", f"{heeding}; from hypress.cli import main; main()"]
    command = [*program, "view", str(folder / "small.hdr"), "--no-browser", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"TMPDIR": str(tmp_path)})
    url = urlsplit(json.loads("".join(process.stdout.readline() for _ in range(3)))["url"])
    connection = http.client.HTTPConnection(url.netloc, timeout=60)
    connection.request("GET", url.path)
    assert connection.getresponse().status == 200
    connection.close()
    assert list(tmp_path.glob("hypress-view-*"))
    process.send_signal(ending)
    assert process.wait(60) in (0, 130)
    process.stdout.close()
    assert not list(tmp_path.glob("hypress-view-*"))


def test_a_taken_port_is_said(client, folder, cli):
    ran = cli("view", folder / "small.hdr", "--no-browser", "--port", client.server.port)
    assert ran.code == 2
    assert "cannot" in ran.err or "no page can be served" in ran.err
