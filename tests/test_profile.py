"""Profiles: counts are those of the layers, memory is that of a process of its own, models are told side by side."""

import json
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from hypress.errors import ConfigurationError, WeightsError

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

from edge_weights import write_weights  # noqa: E402
from hypress.jobs import footprint  # noqa: E402
from hypress.jobs.export import export  # noqa: E402
from hypress.jobs.footprint import Peak  # noqa: E402
from hypress.jobs.on_gpu import OnGpu  # noqa: E402
from hypress.jobs.profile import profile  # noqa: E402
from hypress.neural import engine, pretrained  # noqa: E402
from hypress.train import loop  # noqa: E402


def test_models_side_by_side(tmp_path, cli, monkeypatch):
    weights = write_weights("sscnet", tmp_path)
    export(str(weights), tmp_path / "edge")
    monkeypatch.setattr(footprint, "peak", lambda *job: Peak(1_000_000, None))  # a process each takes its time
    names = [str(weights), str(tmp_path / "edge" / "sscnet.safetensors")]
    ran = cli("profile", *names, "--tile", "16,24", "--repeats", "1", "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told["tile"] == [16, 24]
    first, second = told["models"]
    assert (first["engine"], second["engine"]) == ("torch", "onnx")
    assert first["parameters"] == second["parameters"]
    assert first["bytes"] == weights.stat().st_size
    assert second["bytes"] > sum(p.stat().st_size for p in (tmp_path / "edge").glob("*.onnx"))
    seconds = (first["encode_ms"] + first["decode_ms"]) / 1e3
    assert first["msamples_per_s"] == pytest.approx(12 * 16 * 24 / seconds / 1e6)
    table = cli("profile", *names, "--tile", "16,24", "--repeats", "1").out
    assert len({len(line) for line in table.splitlines()}) == 1
    assert "MACs/sample" in table
    assert "GPU" not in table


def test_bandwise_is_profiled_with_its_hyperprior(tmp_path, monkeypatch):
    monkeypatch.setattr(footprint, "peak", lambda *job: Peak(None, None))
    (row,) = profile([write_weights("bandwise", tmp_path)], tile=(16, 16), repeats=1)
    assert row.peak_bytes is None
    assert row.encode_ms > 0
    n, m, h = 12, 10, 6  # filters, latents, hyperprior: per pixel, GDNs included
    analysis = 81 * n / 16 + n * n / 16 + 25 * n * m / 64
    hyper = (9 * m * h + 25 * h * h / 4 + 25 * h * h / 16) / 64
    hyper += (25 * h * h / 16 + 25 * h * h / 4 + 9 * h * h) / 64
    told = h + 2 * (m + 1) + 1
    probabilities = (told * 96 + 96 * 96 + 96 * 2 * m) / 64
    expected = 2 * analysis + hyper + probabilities
    assert row.macs_per_sample == pytest.approx(expected)


def test_hific_is_profiled_in_samples_of_its_channels(tmp_path, monkeypatch):
    monkeypatch.setattr(footprint, "peak", lambda *job: Peak(None, None))
    weights = write_weights("hific", tmp_path)
    export(str(weights), tmp_path / "edge")
    row, other = profile([weights, tmp_path / "edge" / "hific.safetensors"], tile=(20, 30), repeats=1)
    assert row.macs_per_sample == other.macs_per_sample
    bands, m, h, widths = 16, 16, 8, (8, 12, 24, 48, 96)  # per pixel: both ends, stages there and back, the bottom
    ends = 2 * 49 * bands * widths[0]
    stages = sum(2 * 9 * a * b / 4**n for n, (a, b) in enumerate(pairwise(widths), 1))
    bottom = (2 * 9 * m * widths[-1] + 2 * 9 * widths[-1] ** 2) / 4**4
    hyper = (9 * m * h + 25 * h * h / 4 + 25 * h * h / 16 + 2 * (25 * h * h / 16 + 25 * h * h / 4 + 9 * h * m)) / 4**4
    assert row.macs_per_sample == pytest.approx((ends + stages + bottom + hyper) / bands)
    assert (row.engine, other.engine) == ("torch", "onnx")
    assert other.bytes > sum(p.stat().st_size for p in (tmp_path / "edge").glob("*analysis.onnx"))


def test_memory_is_measured_in_a_process_of_its_own(tmp_path):
    weights = write_weights("cae1d", tmp_path)
    peak = footprint.peak(str(weights), "torch", (12, 64, 64))
    assert peak.allocated is None
    if peak.resident is None:
        pytest.skip("this system does not tell what is resident")
    assert 4 * 64 * 64 * 12 < peak.resident < 1 << 30


@pytest.mark.parametrize("codec", ["bandwise", "cae1d", "sscnet", "hific"])
def test_a_copy_of_the_network_is_what_goes_to_a_gpu(codec, tmp_path):
    # The processor stands for the GPU: what matters is that all parts go, and the network of codecs stays.
    weights = pretrained.read(write_weights(codec, tmp_path))
    net = engine.network(weights)
    copy = OnGpu(net, "cpu")
    assert copy.key != net.key
    given = {id(p) for part in net.parts.values() for p in getattr(part, "__self__", part).parameters()}
    for part in copy.parts.values():
        assert not given & {id(p) for p in getattr(part, "__self__", part).parameters()}
    random = np.random.default_rng(0)
    shapes = {"bandwise": (2, 1, 16, 16), "cae1d": (3, 1, 12), "sscnet": (1, 12, 16, 16), "hific": (1, 16, 32, 32)}
    batch = random.random(shapes[codec], np.float32)
    there = net.run("analysis", batch)
    # Sums in another order: the copy has as many threads as torch likes, and its weights lie elsewhere in memory.
    close = partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)
    close(copy.run("analysis", batch), there)
    close(copy.run("synthesis", there), net.run("synthesis", there))


def test_memory_of_a_gpu_is_what_tensors_hold(tmp_path, cli):
    if not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    weights = write_weights("sscnet", tmp_path)
    ran = cli("profile", str(weights), "--tile", "64,64", "--repeats", "1", "--device", "cuda", "--json")
    (row,) = json.loads(ran.out)["models"]
    assert row["device"] == "cuda"
    assert 4 * row["parameters"] + 4 * 64 * 64 * 12 <= row["gpu_bytes"] < 1 << 28
    assert "of the GPU" in cli("profile", str(weights), "--repeats", "1", "--device", "cuda").out


def test_wrong_wishes_are_one_sentence(cli, tmp_path):
    with pytest.raises(ConfigurationError, match="give names or paths"):
        profile([])
    with pytest.raises(WeightsError, match="nothing_of_the_kind"):
        profile(["nothing_of_the_kind"])
    with pytest.raises(ConfigurationError, match="a pixel"):
        profile(["cae1d"], tile=(0, 4))
    assert cli("profile", "cae1d", "--tile", "wide").code == 2
    with pytest.raises(ConfigurationError, match="no device 'tape'"):
        profile(["cae1d"], device="tape")
    if not torch.cuda.is_available():
        with pytest.raises(ConfigurationError, match="no GPU"):
            profile(["cae1d"], device="cuda")


def test_graphs_are_not_for_a_gpu(tmp_path, monkeypatch):
    export(str(write_weights("sscnet", tmp_path)), tmp_path / "edge")
    monkeypatch.setattr(loop, "device_named", lambda name: torch.device("cuda"))
    with pytest.raises(ConfigurationError, match="run by the processor"):
        profile([tmp_path / "edge" / "sscnet.safetensors"], device="cuda")
