"""Embedded codestreams: a goal is met by cutting, and a reader takes no more than it needs."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated, ClassVar

import numpy as np
import pytest
from click.testing import CliRunner
from msgspec import Meta

import hypress
from hypress import prefix
from hypress.cli import group
from hypress.codec import Codec, Knob
from hypress.codestream import measure, shortened, span, unpack
from hypress.errors import CodestreamError, GoalError
from hypress.metrics import Tally
from hypress.testing import check


@dataclass(frozen=True)
class BitPlanes(Codec):
    """Raw bit planes, the most significant first: as plain as an embedded codec can be."""

    name: ClassVar[str] = "bit_planes"
    knob: ClassVar[Knob | None] = Knob("rate_bpppc", 0.001, 16.0)
    embedded: ClassVar[str | None] = "planes"

    rate_bpppc: Annotated[float, Meta(gt=0)] | None = None

    def encode(self, samples, spec):
        type(self).encodings += 1
        shifted = samples.astype(np.int64) - np.iinfo(spec.dtype).min
        width = 8 * np.dtype(spec.dtype).itemsize
        planes = [(shifted >> (width - 1 - p)) & 1 for p in range(width)]
        stream = np.packbits(np.stack(planes).astype(np.uint8)).tobytes()
        return {"planes": stream if self.rate_bpppc is None else stream[: int(self.rate_bpppc * samples.size / 8)]}

    def decode(self, streams, spec):
        width, count = 8 * np.dtype(spec.dtype).itemsize, math.prod(spec.shape)
        bits = np.unpackbits(np.frombuffer(streams["planes"], np.uint8))[: width * count]
        planes = np.zeros(width * count, np.int64)
        planes[: bits.size] = bits
        value = sum(plane << (width - 1 - p) for p, plane in enumerate(planes.reshape(width, count)))
        return (value + np.iinfo(spec.dtype).min).reshape(spec.shape).astype(spec.dtype)

    def max_error(self):
        return 0 if self.rate_bpppc is None else None

    def with_max_error(self, dn):
        return self.turned(rate_bpppc=None)

    def lossy(self):
        return self if self.rate_bpppc is not None else self.turned(rate_bpppc=1.0)

    @classmethod
    def examples(cls) -> Iterable[Codec]:
        return [cls(), cls(rate_bpppc=3.0)]


BitPlanes.encodings = 0


@pytest.fixture(autouse=True)
def _installed(monkeypatch):
    point = SimpleNamespace(module=__name__, load=lambda: BitPlanes)
    monkeypatch.setattr("hypress.codec._plugins", lambda: {"bit_planes": point})
    BitPlanes.encodings = 0


@pytest.fixture
def samples():
    y, x = np.mgrid[:40, :50]
    return np.stack([100 * b + 20 * y + 7 * x for b in range(12)]).astype(np.uint16)


def test_laws():
    check(BitPlanes)


def test_a_rate_is_hit_to_the_byte_by_coding_once(samples):
    for rate in (0.5, 2.0, 7.3):
        BitPlanes.encodings = 0
        data = hypress.encode(samples, "bit_planes", hypress.Rate(bpppc=rate))
        budget = int(rate * samples.size / 8)
        assert budget - 40 <= len(data) <= budget
        assert BitPlanes.encodings == 1


def test_a_quality_is_met_by_cutting(samples):
    data = hypress.encode(samples, "bit_planes", hypress.Psnr(db=30))
    assert BitPlanes.encodings <= 4
    assert Tally.of(samples, hypress.decode(data)).psnr_db() >= 30
    assert len(data) < 0.8 * len(hypress.encode(samples, "bit_planes"))


def test_marks_say_what_is_decoded_there(samples):
    data = hypress.encode(samples, "bit_planes")
    header, _ = measure(data)
    assert header.embedded.peak == samples.max()
    *inner, last = header.embedded.marks
    assert len(inner) >= 3
    assert last.error_cdb is None
    for mark in inner:
        decoded = hypress.decode(shortened(data, mark.size))
        assert 0 <= mark.error_cdb - 1000 * math.log10(Tally.of(samples, decoded).mse) < 1


def test_cutting_reads_only_the_beginning_and_verifies_it(samples):
    data = hypress.encode(samples, "bit_planes")
    goal = hypress.Rate(bpppc=1.0)
    count = prefix.needed(data[: prefix.HEAD_BYTES], goal)
    assert count < len(data) / 4
    short = hypress.cut(data[:count], goal)
    assert short == hypress.cut(data, goal)
    assert abs(8 * len(short) / samples.size - 1.0) < 0.1
    header, streams = unpack(data)
    _, left = unpack(short)
    assert streams["planes"].startswith(left["planes"])
    damaged = bytearray(data[:count])
    damaged[count - 3] ^= 1
    with pytest.raises(CodestreamError, match="damaged"):
        hypress.cut(bytes(damaged), goal)
    with pytest.raises(CodestreamError, match="cut"):
        hypress.cut(data[: count - 1], goal)
    assert span(header, len(streams["planes"])) == len(streams["planes"])


def test_a_quality_is_kept_by_the_mark_that_has_it(samples):
    data = hypress.encode(samples, "bit_planes")
    for db in (10, 25, 40):
        short = hypress.cut(data, hypress.Psnr(db=db))
        assert Tally.of(samples, hypress.decode(short)).psnr_db() >= db
        assert len(short) < len(data)
    assert np.array_equal(hypress.decode(hypress.cut(data, hypress.Psnr(db=300))), samples)
    lossy = hypress.encode(samples, "bit_planes", hypress.Rate(bpppc=6))
    with pytest.raises(GoalError, match="holds"):
        hypress.cut(lossy, hypress.Psnr(db=100))


def test_what_is_not_embedded_can_only_be_read_whole(samples):
    data = hypress.encode(samples, "jpeg2000")
    with pytest.raises(GoalError, match="not embedded"):
        hypress.cut(data, hypress.Rate(bpppc=1.0))


def test_masks_survive_the_cut(samples):
    holes = samples.astype(np.int16)
    holes[:, :9] = -1
    data = hypress.encode(holes, "bit_planes", nodata=-1)
    decoded = hypress.decode(hypress.cut(data, hypress.Rate(bpppc=4.0)))
    assert np.array_equal(decoded == -1, holes == -1)


@pytest.mark.parametrize("ending", ["zarr", "zarr.zip", "hyp"])
def test_decompress_reads_a_part(samples, tmp_path, ending):
    np.save(tmp_path / "scene.npy", samples)
    packed = tmp_path / f"scene.{ending}"
    hypress.compress(samples, packed, BitPlanes(), tile=None if ending == "hyp" else (16, 25))
    run = CliRunner().invoke(group, ["decompress", str(packed), str(tmp_path / "a.npy"), "--psnr", "30"])
    assert run.exit_code == 0, run.output
    assert 30 <= Tally.of(samples, np.load(tmp_path / "a.npy")).psnr_db() < 60
    run = CliRunner().invoke(group, ["decompress", str(packed), str(tmp_path / "b.npy"), "--rate", "7"])
    assert run.exit_code == 0, run.output
    part = Tally.of(samples, np.load(tmp_path / "b.npy"))
    assert part.mse > 0
    finer = hypress.open_scene(packed, goal=hypress.Rate(bpppc=11)).to_numpy()
    assert Tally.of(samples, finer).mse < part.mse
    assert np.array_equal(hypress.open_scene(packed).to_numpy(), samples)


def test_decompress_refuses_what_it_cannot_do(samples, tmp_path):
    hypress.compress(samples, tmp_path / "scene.zarr", BitPlanes())
    for options in (["--rate", "1", "--psnr", "30"], ["--peak", "5"]):
        run = CliRunner().invoke(group, ["decompress", str(tmp_path / "scene.zarr"), str(tmp_path / "a.npy"), *options])
        assert run.exit_code == 2
    np.save(tmp_path / "scene.npy", samples)
    with pytest.raises(GoalError, match="in part"):
        hypress.open_scene(tmp_path / "scene.npy", goal=hypress.Rate(bpppc=1))
