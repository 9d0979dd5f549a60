"""The benchmark: goals and contenders in words, rows, peers, and a run that resumes and survives anything."""

import json
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pytest

from hypress.bench import papers, rows
from hypress.bench.entrants import default_contenders, find_contender
from hypress.bench.goals import DEFAULT_GOALS, goal_words, parse_goal
from hypress.bench.measure import Wanted, clock, measure
from hypress.bench.ours import Own
from hypress.bench.peers import PEERS
from hypress.bench.run import Options, plan, run
from hypress.bench.scenes import Source, find_sources
from hypress.errors import ConfigurationError, GoalError, HypressError, SceneError, UnknownCodecError
from hypress.goal import Lossless, MaxError, Rate

SCENES = """
import numpy as np

def scene(seed, bands=12, side=24):
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    maps = np.stack([np.sin(3 * x + seed), np.cos(4 * y), x * y, (x > 0.5) * 1.0])
    spectra = np.abs(random.normal(size=(bands, 4))).cumsum(axis=0)
    values = 400 + 90 * np.einsum("bk,kyx->byx", spectra, maps) + random.normal(0, 3, (bands, side, side))
    return np.rint(values).clip(0).astype(np.uint16)

CUBES = {"first": lambda: scene(1), "second": lambda: scene(2, side=27), "spare": lambda: scene(3)}
TEST_SCENES = ["first", "second"]
WAVELENGTHS = {"first": np.array([450, 560, 600, 665, 700, 842, 860, 1000, 1200, 1400, 1650, 1700])}
ANOMALIES = {"second": lambda: np.eye(27)}
LABELS = {"second": lambda: 1 + (np.mgrid[:27, :27][1] > 13)}
"""
TOY = """
import time, zlib
import numpy as np

def encode(samples, step=1, wait=0, crash=False, fineness=1):
    step *= round(1 / fineness)
    if crash:
        raise RuntimeError("this codec is broken")
    time.sleep(wait)
    return bytes([step]) + zlib.compress((samples.astype(np.int64) // step).astype(np.int32).tobytes())

def decode(data, shape, dtype):
    return (np.frombuffer(zlib.decompress(data[1:]), np.int32).reshape(shape) * data[0] + data[0] // 2).astype(dtype)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A module of scenes, and a Python codec that can be imported here and in other processes."""
    (tmp_path / "scenes.py").write_text(SCENES)
    (tmp_path / "toy_codec.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("toy_codec", "toys"):
        sys.modules.pop(name, None)


def toy(folder, name="toy", **lossless):
    """A contender file of the Python codec."""
    fields = ", ".join(f"{k} = {json.dumps(v)}" for k, v in ({"step": 1} | lossless).items())
    path = folder / f"{name}.toml"
    path.write_text(f'name = "{name}"\npython = "toys:codec"\nlossless = {{{fields}}}\n')
    (folder / "toys.py").write_text("import toy_codec as codec\n")
    return find_contender(str(path))


# --- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "goal", [*DEFAULT_GOALS, *map(parse_goal, ["psnr=45.5", "sam=0.25", "relative-error=1"])], ids=str
)
def test_goals_and_their_words(goal):
    assert parse_goal(goal_words(goal)) == goal


@pytest.mark.parametrize("text", ["rate", "rate=x", "rate=-1", "lossless=1", "quality=3", ""])
def test_what_is_no_goal_is_refused(text):
    with pytest.raises(GoalError):
        parse_goal(text)


def test_contenders_in_words():
    assert find_contender("jpeg2000") == Own("jpeg2000")
    configured = find_contender("pca_jpeg2000:refits=0")
    assert configured.configuration == {"codec": "pca_jpeg2000", "refits": 0}
    assert configured.name == "pca_jpeg2000, refits=0"
    assert find_contender("xz") is PEERS["xz"]
    for wrong in ("nothing", "jpeg2000:nothing=1", "jpeg2000:refits", "xz:level=3", "nowhere.toml"):
        with pytest.raises(HypressError):
            find_contender(wrong)
    with pytest.raises(UnknownCodecError, match=r"xz.*\.toml"):
        find_contender("nothing")
    names = [c.name for c in default_contenders()]
    assert len(set(names)) == len(names)
    assert {*PEERS, "rls", "pca_jpeg2000"} <= set(names)
    assert "siren" not in names  # minutes a scene


def test_sources(folder, jasper_ridge):
    module = folder / "scenes.py"
    assert [s.name for s in find_sources([str(module)])] == ["first", "second"]
    assert [s.name for s in find_sources([str(module)], ["spare", "first"])] == ["spare", "first"]
    with pytest.raises(ConfigurationError, match="first"):
        find_sources([str(module)], ["none"])
    (source,) = find_sources([str(jasper_ridge.parent)])
    scene = source.load()
    assert source.name == scene.name == "jasper_ridge"
    assert scene.wavelength_nm.shape == (198,)
    facts = scene.facts()
    assert facts["shape"] == [198, 100, 100]
    assert (facts["dtype"], facts["low"], facts["peak"]) == ("uint16", 0, 5437)
    np.save(folder / "floats.npy", np.ones((2, 3, 4), np.float32))
    with pytest.raises(SceneError, match="integers"):
        Source("floats", str(folder / "floats.npy")).load()


# --- rows -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rls", "jpeg2000", "xz"])
def test_a_row_says_what_was_measured(folder, name):
    (item,) = plan([find_contender(name)], find_sources([str(folder / "scenes.py")], ["first"]), [Lossless()])
    row = measure(item, Wanted(exhibits=str(folder / "exhibits")))
    assert row["status"] == rows.MEASURED
    assert row["kept"] is True
    assert row["bytes"] == sum(row["streams"].values())
    assert row["bpppc"] == 8 * row["bytes"] / (12 * 24 * 24)
    assert row["quality"]["max_error"] == 0
    assert row["quality"]["ssim"] == 1
    assert row["band_rmse"] == [0] * 12
    assert row["times"]["goal_s"] > 0
    assert row["scene"]["name"] == "first"
    assert {"python", "numpy", "hypress"} <= set(row["versions"])
    assert row["machine"]["cores"] >= 1
    json.dumps(rows.plain(row), allow_nan=False)
    assert (folder / "exhibits" / f"{item.key}.npz").exists()
    (timed,) = clock(item.source, [(item.key, item.contender, item.goal, row["settings"])], 3, 60)
    assert len(timed.encode_s) == len(timed.decode_s) == 3


def test_keys_tell_what_differs(folder):
    sources = find_sources([str(folder / "scenes.py")])
    contenders = [find_contender(n) for n in ("rls", "jpeg2000", "pca_jpeg2000", "pca_jpeg2000:refits=0", "xz")]
    items = plan(contenders, sources, [Lossless(), Rate(bpppc=1), Rate(bpppc=2)])
    assert len({item.key for item in items}) == len(items) == 5 * 2 * 3
    assert items[0].key == plan(contenders[:1], sources[:1], [Lossless()])[0].key
    assert items[0].key != replace(items[0], version="hypress 99").key


def test_rows_survive_a_torn_line(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows.append(path, {"key": "a", "status": "measured", "value": float("inf"), "array": np.float32(2)})
    rows.append(path, {"key": "b", "status": "failed"})
    with path.open("a") as file:
        file.write('{"key": "c", "sta')
    assert list(rows.read(path)) == ["a", "b"]
    rows.mend(path)
    rows.append(path, {"key": "a", "status": "measured", "value": 3})
    found = rows.read(path)
    assert found["a"]["value"] == 3
    assert found["a"] != found["b"]
    path.write_text("nonsense\n" + path.read_text())
    with pytest.raises(HypressError, match="line 1"):
        rows.read(path)


# --- a run ----------------------------------------------------------------------------------------


def test_a_run_goes_on_whatever_happens_and_resumes(folder):
    sources = find_sources([str(folder / "scenes.py")], ["first"])
    graded = folder / "graded.toml"
    graded.write_text('name = "graded"\npython = "toys:codec"\nlossless = {}\n')
    graded.write_text(graded.read_text() + 'knob = {field = "fineness", low = 0.004, high = 1}\n')
    contenders = [
        find_contender(str(graded)),
        find_contender("xz"),
        toy(folder),
        toy(folder, "broken", crash=True),
        toy(folder, "slow", wait=60),
        toy(folder, "lossy", step=4),
    ]
    absent = folder / "absent.toml"
    absent.write_text('name = "absent"\nencode = "no-such-program {input}"\ndecode = "no-such-program"\n')
    items = plan([*contenders, find_contender(str(absent))], sources, [Lossless(), Rate(bpppc=2)])
    heard = []
    options = Options(workers=2, limit_s=6, timed=(Lossless(),), repetitions=2, wanted=Wanted(ssim=False, tasks=False))
    found = run(items, folder / "bench", options, heard.append)
    by_name = {(r["contender"], r["goal"]["goal"]): r for r in found.values()}
    said = {key: row["status"] for key, row in by_name.items()}
    assert said["graded", "lossless"] == said["graded", "rate"] == said["toy", "lossless"] == rows.MEASURED
    assert said["xz", "rate"] == said["toy", "rate"] == rows.REFUSED
    assert said["slow", "lossless"] == rows.LATE
    assert said["broken", "lossless"] == rows.FAILED
    assert "this codec is broken" in by_name["broken", "lossless"]["reason"]
    assert said["absent", "lossless"] == rows.MISSING
    assert "no-such-program" in by_name["absent", "lossless"]["reason"]
    assert by_name["toy", "lossless"]["kept"] is True
    assert by_name["lossy", "lossless"]["kept"] is False  # it said so, and it is not: measured here
    assert by_name["graded", "lossless"]["times"]["repetitions"] == 2
    assert "encode_s" not in by_name["graded", "rate"]["times"]
    assert rows.read(folder / "bench" / "rows.jsonl") == json.loads(json.dumps(rows.plain(found)))

    again = []
    run(items, folder / "bench", options, again.append)
    assert {row["status"] for row in again} <= {rows.MISSING, rows.FAILED}  # only what may have been mended since
    assert len(again) < len(heard)


def test_a_process_that_dies_becomes_a_row(folder):
    (folder / "toys.py").write_text(
        "import os\n\nclass codec:\n    encode = staticmethod(lambda s, **k: os._exit(9))\n"
    )
    path = folder / "dies.toml"
    path.write_text('name = "dies"\npython = "toys:codec"\nlossless = {}\n')
    sys.modules.pop("toys", None)
    items = plan([find_contender(str(path))], find_sources([str(folder / "scenes.py")], ["first"]), [Lossless()])
    (row,) = run(items, folder / "bench", Options(limit_s=60)).values()
    assert row["status"] == rows.FAILED
    assert "code 9" in row["reason"]


COMMAND = """
import sys, zlib
way, source, target = sys.argv[1:4]
data = open(source, "rb").read()
open(target, "wb").write(zlib.compress(data, int(sys.argv[4])) if way == "encode" else zlib.decompress(data))
"""


def test_a_command_line_takes_part(folder):
    (folder / "coder.py").write_text(COMMAND)
    path = folder / "theirs.toml"
    path.write_text(
        textwrap.dedent(f"""
        name = "theirs"
        version = "theirs 1"
        encode = "{sys.executable} {folder / "coder.py"} encode {{input}} {{output}} {{level}}"
        decode = "{sys.executable} {folder / "coder.py"} decode {{input}} {{output}}"
        lossless = {{level = 9}}
        """)
    )
    (item,) = plan([find_contender(str(path))], find_sources([str(folder / "scenes.py")], ["second"]), [Lossless()])
    row = measure(item, Wanted(ssim=False))
    assert row["status"] == rows.MEASURED, row.get("reason")
    assert row["kept"] is True
    assert row["family"] == "external"
    assert row["version"] == "theirs 1"
    path.write_text(path.read_text().replace("{level}", "{unknown}"))
    (item,) = plan([find_contender(str(path))], [item.source], [Lossless()])
    assert "unknown" in measure(item, Wanted())["reason"]
    path.write_text('name = "neither"\n')
    with pytest.raises(ConfigurationError, match="python"):
        find_contender(str(path))


# --- peers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(PEERS))
def test_peers_keep_what_they_promise(folder, name):
    if name != "xz":
        pytest.importorskip("imagecodecs", reason="the peers need the extra 'bench'")
    peer = PEERS[name]
    samples = find_sources([str(folder / "scenes.py")], ["second"])[0].load().samples
    for signed in (samples, samples.astype(np.int16) - 500):
        for goal, limit in ((Lossless(), 0), (MaxError(dn=5), 5)):
            try:
                met = peer.meet(signed, goal)
            except GoalError:
                assert name in ("pca_jpegxl", "jpegxl", "htj2k")
                continue
            decoded = peer.decode(met.data, signed.shape, signed.dtype)
            assert decoded.dtype == signed.dtype
            assert np.abs(decoded.astype(int) - signed).max() <= limit
            assert peer.encode(signed, met.settings) == met.data
    if peer.knob is None:
        with pytest.raises(GoalError):
            peer.meet(samples, Rate(bpppc=3))
    else:
        met = peer.meet(samples, Rate(bpppc=5))
        assert 8 * len(met.data) / samples.size <= 5
        assert peer.decode(met.data, samples.shape, samples.dtype).shape == samples.shape


# --- the papers' tables ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", papers.presets())
def test_presets_are_whole(name):
    preset = papers.read_preset(name)
    cells = papers.cells_of(preset, [])  # no scene given: every row says why
    assert cells
    for cell in cells:
        parse_goal(cell.block.goal)
        assert cell.block.figure in papers.UNITS
        assert cell.remark, f"{cell.method}: nothing says what differs"
        if cell.contender:
            name = cell.contender.partition(":")[0]
            assert find_contender(cell.contender).name.startswith(name)
    table = papers.side_by_side(name, preset, cells, {})
    assert len(table.rows) == len(cells)


def test_the_presets_are_those_of_the_papers():
    assert set(papers.presets()) == {"inr-table", "gnn-tables", "hific-figure4", "bandwise-slides", "sscnet-poster"}
    with pytest.raises(ConfigurationError, match="inr-table"):
        papers.read_preset("none")


def test_a_preset_sets_printed_and_measured_side_by_side(folder):
    block = papers.Block(
        table="1",
        scene="theirs",
        ours="first",
        goal="rate=2",
        peak=65535,
        differs="another scene",
        rows=[["JPEG 2000", 40.0, "jpeg2000"], ["new", 50, "not_yet_there"], ["video", 30, "", "no video coder"]],
    )
    preset = papers.Preset(title="t", source="s.", note="n.", block=[block, replace_block(block, ours="elsewhere")])
    cells = papers.cells_of(preset, find_sources([str(folder / "scenes.py")]))
    found = run(papers.items_of(cells), folder / "bench", Options(wanted=Wanted(ssim=False, tasks=False)))
    table = papers.side_by_side("test", preset, cells, found)
    (row,) = found.values()
    by_method = {line[0]: line for line in table.rows[:3]}
    decibels = 20 * np.log10(65535) - 10 * np.log10(row["quality"]["mse"])
    assert by_method["JPEG 2000"][6] == f"{decibels:.2f} at {row['bpppc']:.4f}"
    assert by_method["JPEG 2000"][-1] == "another scene"
    assert "not installed" in by_method["new"][-1]
    assert by_method["video"][-1] == "no video coder"
    assert "elsewhere was not given" in table.rows[3][-1]
    papers.keep(folder / "bench", table)
    (kept,) = papers.kept(folder / "bench")
    assert kept.markdown() == table.markdown()


def replace_block(block, **changes):
    import msgspec

    return msgspec.structs.replace(block, **changes)


# --- the command line -----------------------------------------------------------------------------


def test_bench_and_report_commands(cli, folder):
    out = folder / "bench"
    ran = cli(
        "bench", folder / "scenes.py", "--scene", "first", "--contender", "jpeg2000", "--contender", "xz", "--goal",
        "lossless", "--goal", "rate=2", "--time", "lossless", "--repetitions", "1", "--workers", "1", "-o", out,
        "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.json["counts"] == {"measured": 3, "refused": 1}
    reported = cli("report", out, "--json")
    assert reported.code == 0, reported.err
    assert reported.json["rows"] == 4
    assert (out / "report.html").stat().st_size > 10_000
    assert cli("report", folder / "nowhere").code == 2
    assert cli("bench", folder / "scenes.py", "--goal", "fast").code == 2
    assert cli("bench", folder / "scenes.py", "--preset", "inr-table", "--goal", "lossless").code == 2
