"""Exporting: graphs make what torch makes, exact parts exactly; files are the same whoever computes."""

import importlib.util
import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import hypress
from hypress.codec import Spec
from hypress.errors import ConfigurationError, OutputExistsError, WeightsError

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")
onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from torch import nn  # noqa: E402

from edge_weights import SMALL, write_scenes, write_weights  # noqa: E402
from hypress.entropy import tables  # noqa: E402
from hypress.export import fixed, graphs, int8, layers  # noqa: E402
from hypress.export.writer import sub_pixel  # noqa: E402
from hypress.jobs.export import export  # noqa: E402
from hypress.neural import autoencoder, engine, fixedpoint, pretrained  # noqa: E402
from hypress.neural.bandwise import coding as bandwise_coding  # noqa: E402
from hypress.neural.hific import coding as hific_coding  # noqa: E402
from hypress.prune import networks  # noqa: E402
from hypress.prune.groups import groups, remove  # noqa: E402
from hypress.prune.lowrank import make_low_rank  # noqa: E402

CODECS = list(SMALL)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    return {codec: write_weights(codec, folder) for codec in CODECS}


@pytest.fixture(scope="module")
def exported(weights, tmp_path_factory):
    """The folder with the graphs of all."""
    folder = tmp_path_factory.mktemp("edge")
    for path in weights.values():
        export(str(path), folder)
    return folder


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    return write_scenes(tmp_path_factory.mktemp("data") / "scenes")


def session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


# --- parity -----------------------------------------------------------------------------------------


def assert_alike(chain):
    """At two sizes and numbers of maps, since one graph takes any."""
    running = session(layers.model(chain, {}))
    for count, wider in ((1, False), (3, True)):
        maps = torch.rand(count, *networks.example(chain).shape[1:])
        maps = torch.cat([maps, maps], -1) if wider else maps
        with torch.inference_mode():
            expected = chain(maps).numpy()
        (found,) = running.run(None, {"maps": maps.numpy()})
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= 1e-5 * max(1, np.abs(expected).max())


@pytest.mark.parametrize("codec", CODECS)
def test_graphs_make_what_torch_makes(codec, weights):
    torch.manual_seed(0)
    parts = graphs.modules(pretrained.read(weights[codec]))
    floating = {name: part for name, part in parts.items() if isinstance(part, nn.Module)}
    assert {"analysis", "synthesis"} <= set(floating)
    for chain in floating.values():
        assert_alike(chain)


@pytest.mark.parametrize("codec", CODECS)
def test_graphs_of_what_was_pruned_and_factorised(codec):
    torch.manual_seed(0)
    net = networks.build(codec, SMALL[codec]).eval()
    make_low_rank(net, 0.5)
    remove(net, {group.name: [0] for group in groups(net)})
    for chain in networks.chains(net).values():
        assert_alike(chain)


@pytest.mark.parametrize("form", [{"squeeze": "encoder"}, {"cubes": "everywhere", "squeeze": "norms"}])
def test_graphs_of_the_other_placements(form):
    torch.manual_seed(0)
    net = networks.build("hific", SMALL["hific"] | form).eval()
    for chain in (net.encoder, net.generator):
        assert_alike(chain)


def test_exact_parts_are_exact():
    random = np.random.default_rng(0)
    spread = [
        fixedpoint.convolution(random.normal(size=(5, 3, 5, 5)), random.normal(size=5), up=2, rectified=True),
        fixedpoint.convolution(3 * random.normal(size=(4, 5, 3, 3)), random.normal(size=4)),
    ]
    points = [fixedpoint.convolution(random.normal(size=(6, 3, 1, 1)), random.normal(size=6), rectified=True)]
    for chain in (spread, points):
        running = session(fixed.model([chain], {}))
        for rows, columns in ((1, 1), (4, 7)):
            maps = random.integers(-(1 << 19), 1 << 19, (3, rows, columns))
            (found,) = running.run(None, {"maps": maps.astype(np.float64)})
            assert np.array_equal(found, fixedpoint.apply(chain, maps))
    running, maps = session(fixed.model([points, points[::-1]], {})), random.integers(-(1 << 19), 1 << 19, (3, 2, 5))
    (found,) = running.run(None, {"maps": maps.astype(np.float64)})
    assert np.array_equal(found, np.concatenate([fixedpoint.apply(points, maps)] * 2))


@pytest.mark.parametrize(("up", "kernel", "around"), [(1, 3, 1), (2, 2, 1), (2, 5, 2), (4, 9, 4)])
def test_sub_pixels_are_what_spreading_and_convolving_makes(up, kernel, around):
    random = np.random.default_rng(0)
    weights, maps = random.normal(size=(2, 3, kernel, kernel)), random.normal(size=(3, 4, 5))
    spread = np.zeros((3, 4 * up, 5 * up))
    spread[:, ::up, ::up] = maps
    padded = np.pad(spread, [(0, 0), (around, kernel), (around, kernel)])
    expected = np.zeros((2, 4 * up, 5 * up))
    for dy in range(kernel):
        for dx in range(kernel):
            seen = padded[:, dy : dy + 4 * up, dx : dx + 5 * up]
            expected += np.einsum("oi,iyx->oyx", weights[:, :, dy, dx], seen)
    small, before, after = sub_pixel(weights, up, around)
    padded = np.pad(maps, [(0, 0), (before, after), (before, after)])
    found = np.zeros((len(small), 4, 5))
    for dy in range(small.shape[2]):
        for dx in range(small.shape[3]):
            found += np.einsum("oi,iyx->oyx", small[:, :, dy, dx], padded[:, dy : dy + 4, dx : dx + 5])
    found = found.reshape(2, up, up, 4, 5).transpose(0, 3, 1, 4, 2).reshape(expected.shape)
    assert np.allclose(found, expected)


# --- the engine -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", CODECS)
def test_files_are_the_same_whoever_computes(codec, weights, exported, scenes, monkeypatch):
    read = []

    class Watched(tables.TableDecoder):
        def read(self, chosen):
            values = super().read(chosen)
            read[-1].append(values.copy())
            return values

    for coding in (autoencoder, bandwise_coding, hific_coding):
        monkeypatch.setattr(coding, "TableDecoder", Watched)
    monkeypatch.setenv("HYPRESS_WEIGHTS", str(weights[codec].parent))
    samples = np.load(scenes / "one.npy")
    spec, kind = Spec(samples.shape, "uint16", 16), hypress.find_codec(codec)
    by_torch, by_onnx = kind(weights=str(weights[codec])), kind(weights=str(exported / f"{codec}.safetensors"))
    with engine.use("torch"):
        written = [by_torch.encode(samples, spec)]
    with engine.use("onnx"):
        written.append(by_onnx.encode(samples, spec))
    assert written[0]["weights"] == written[1]["weights"]
    for streams in written:
        decoded = []
        for who, known in (("torch", by_torch), ("onnx", by_onnx)):
            read.append([])
            with engine.use(who):
                decoded.append(known.decode(streams, spec).astype(int))
        assert all(np.array_equal(a, b) for a, b in zip(*read[-2:], strict=True))
        assert len(read[-1]) > 0
        assert np.abs(decoded[0] - decoded[1]).max() <= 1


WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "onnx", "torch_pruning"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
import numpy as np, hypress
samples = np.load(sys.argv[1])
for codec in sys.argv[3:]:
    known = hypress.find_codec(codec)(weights=f"{sys.argv[2]}/{codec}.safetensors")
    assert hypress.decode(hypress.encode(samples, known)).shape == samples.shape
assert "torch" not in sys.modules
try:
    hypress.encode(samples, hypress.find_codec("cae1d")())
except hypress.HypressError as error:
    print(type(error).__name__, error)
"""


def test_no_torch_is_needed_where_there_are_graphs(exported, scenes, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(scenes / "one.npy"), str(exported), *CODECS],
        capture_output=True, text=True, check=False, env=os.environ | {"HYPRESS_WEIGHTS": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("WeightsError engine onnx needs the graphs of the weights 'cae1d'")


def test_engines_are_chosen_and_told_apart(weights, exported, scenes, tmp_path, cli):
    with pytest.raises(ConfigurationError, match=r"'abacus'; there are: torch, onnx"), engine.use("abacus"):
        pass
    assert engine.chosen() == "torch"
    with engine.use("onnx"):
        assert engine.chosen() == "onnx"
    samples = np.load(scenes / "one.npy")
    with engine.use("onnx"), pytest.raises(WeightsError, match="hypress export"):
        hypress.encode(samples, hypress.find_codec("cae1d")(weights=str(weights["cae1d"])))
    alone = tmp_path / "cae1d.safetensors"
    alone.write_bytes((exported / "cae1d.safetensors").read_bytes())
    with pytest.raises(WeightsError, match="--engine onnx"):
        hypress.encode(samples, hypress.find_codec("cae1d")(weights=str(alone)))
    out, back = tmp_path / "scene.hyp", tmp_path / "back.npy"
    setting = f"weights={exported / 'cae1d.safetensors'}"
    rate = ("--set", "steps_per_unit=16", "--engine", "onnx")
    ran = cli("compress", scenes / "one.npy", out, "--codec", "cae1d", "--set", setting, *rate)
    assert ran.code == 0, ran.err
    ran = cli("decompress", out, back, "--engine", "onnx")
    assert ran.code == 0, ran.err
    assert np.load(back).shape == samples.shape


def test_graphs_of_other_weights_are_not_taken(weights, exported, scenes, tmp_path):
    other = tmp_path / "cae1d.safetensors"
    found = pretrained.read(weights["cae1d"])
    pretrained.write(other, {k: v + np.float16(0.01) for k, v in found.tensors.items()}, found.card)
    for part in ("analysis", "synthesis"):
        (tmp_path / f"cae1d.{part}.onnx").write_bytes((exported / f"cae1d.{part}.onnx").read_bytes())
    with engine.use("onnx"), pytest.raises(WeightsError, match="needs the graphs"):
        hypress.encode(np.load(scenes / "one.npy"), hypress.find_codec("cae1d")(weights=str(other)))
    (tmp_path / "cae1d.analysis.onnx").write_bytes(b"no graph")
    with engine.use("onnx"), pytest.raises(WeightsError, match="cannot be run"):
        hypress.encode(np.load(scenes / "one.npy"), hypress.find_codec("cae1d")(weights=str(other)))


# --- eight bits -----------------------------------------------------------------------------------------


def test_eight_bits_are_static_and_by_channel(weights, exported, scenes, tmp_path):
    done = export(str(weights["sscnet"]), tmp_path, int8=True, data=[scenes])
    model = onnx.load(tmp_path / "sscnet.analysis.onnx")
    kinds = {node.op_type for node in model.graph.node}
    assert "DynamicQuantizeLinear" not in kinds
    arrays = {c.name: onnx.numpy_helper.to_array(c) for c in model.graph.initializer}
    kernels = [a for a in arrays.values() if a.ndim == 4]
    assert kernels
    assert all(a.dtype == np.int8 for a in kernels)
    assert any(a.shape == (20,) and a.dtype == np.float32 for a in arrays.values())  # a scale for each filter
    assert done.graphs["analysis"] < 0.6 * (exported / "sscnet.analysis.onnx").stat().st_size
    samples = np.load(scenes / "one.npy")
    kind = hypress.find_codec("sscnet")
    plain, coarse = (kind(weights=str(f / "sscnet.safetensors")) for f in (exported, tmp_path))
    with engine.use("onnx"):
        data = hypress.encode(samples, coarse)
        decoded = [hypress.decode(data), hypress.decode(hypress.encode(samples, plain))]
    reach = int(samples.max()) - int(samples.min())
    assert np.abs(decoded[0].astype(int) - decoded[1]).mean() < 0.05 * reach
    with pytest.raises(ConfigurationError, match="give --data"):
        export(str(weights["sscnet"]), tmp_path, int8=True, overwrite=True)


def test_norms_stay_in_floating_point_and_weights_get_small(weights, exported, scenes, tmp_path, monkeypatch):
    monkeypatch.setattr(int8, "LEAST", 1000)
    export(str(weights["bandwise"]), tmp_path, int8=True, data=[scenes])
    model = onnx.load(tmp_path / "bandwise.analysis.onnx")
    assert "QuantizeLinear" not in {node.op_type for node in model.graph.node}
    arrays = {c.name: onnx.numpy_helper.to_array(c) for c in model.graph.initializer}
    kernels = [a for a in arrays.values() if a.ndim == 4]
    assert {a.dtype == np.int8 for a in kernels if a.size >= 1000} == {True}
    assert {a.dtype == np.int8 for a in kernels if a.size < 1000} == {False}
    maps = np.random.default_rng(0).normal(size=(1, 1, 32, 32)).astype(np.float32)
    small, whole = (
        session(onnx.load(folder / "bandwise.analysis.onnx")).run(None, {"maps": maps})[0]
        for folder in (tmp_path, exported)
    )
    assert 0 < np.abs(small - whole).max() < 0.05 * np.abs(whole).max()


@pytest.mark.parametrize("codec", ["sscnet", "hific"])
def test_calibration_sees_scenes_that_were_coded_before(codec, weights, scenes, tmp_path):
    for folder in (tmp_path / "once", tmp_path / "again"):
        export(str(weights[codec]), folder, int8=True, data=[scenes])
    for part in ("analysis", "synthesis"):
        first, second = ((tmp_path / f / f"{codec}.{part}.onnx").read_bytes() for f in ("once", "again"))
        assert first == second
        assert b"DequantizeLinear" in first


# --- what is written, what is refused ---------------------------------------------------------------------


def test_what_is_written_and_what_is_refused(cli, weights, exported, tmp_path):
    names = sorted(p.name for p in exported.glob("bandwise.*"))
    parts = ("analysis.onnx", "hyper_analysis.onnx", "hyper_synthesis.onnx", "probabilities.onnx", "safetensors")
    assert names == [f"bandwise.{part}" for part in (*parts, "synthesis.onnx")]
    card = pretrained.read(exported / "bandwise.safetensors").card
    assert card.graphs_of == pretrained.read(weights["bandwise"]).digest.hex()
    with pytest.raises(OutputExistsError, match="overwrite"):
        export(str(weights["cae1d"]), exported)
    with pytest.raises(WeightsError, match="goes with graphs"):
        export(str(exported / "cae1d.safetensors"), tmp_path)
    foreign = tmp_path / "foreign.safetensors"
    pretrained.write(foreign, {"a": np.ones(3)}, pretrained.Card(codec="gnn", architecture={}))
    with pytest.raises(ConfigurationError, match="codec gnn cannot be exported"):
        export(str(foreign), tmp_path)
    ran = cli("export", weights["cae1d"], "--onnx", tmp_path / "new", "--json")
    assert set(json.loads(ran.out)["graphs"]) == {"analysis", "synthesis"}


# --- the example ------------------------------------------------------------------------------------------


def test_the_onboard_example_holds_one_strip(exported, scenes, tmp_path):
    path = Path(__file__).parents[1] / "examples" / "onboard.py"
    spec = importlib.util.spec_from_file_location("onboard", path)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    assert len(path.read_text().splitlines()) <= 60
    samples = np.load(scenes / "one.npy")
    codec = hypress.find_codec("cae1d")(weights=str(exported / "cae1d.safetensors"))

    def sensor(lines):
        return (np.ascontiguousarray(samples[:, y % samples.shape[1]]) for y in range(lines))

    def peak(lines, folder):
        tracemalloc.start()
        with engine.use("onnx"):
            paths = list(example.onboard(sensor(lines), folder, codec))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return paths, most

    peak(32, tmp_path / "warm")
    few, little = peak(64, tmp_path / "few")
    many, much = peak(8 * 64 + 5, tmp_path / "many")
    assert (len(few), len(many)) == (2, 17)
    assert much < 1.2 * little
    with engine.use("onnx"):
        decoded = [hypress.decode(p.read_bytes()) for p in many]
    assert [d.shape[1] for d in decoded] == [32] * 16 + [5]
