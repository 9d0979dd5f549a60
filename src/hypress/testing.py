"""The laws that every codec keeps, public: run them on your own.

    from hypress.testing import check
    check(MyCodec)                      # every law, every example configuration, every scene of the gallery

or, one test each under pytest:

    @pytest.mark.parametrize(("law", "codec", "case"), hypress.testing.trials(MyCodec), ids=str)
    def test_laws(law, codec, case):
        law(codec, case)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.codec import Codec
from hypress.codestream import inspect, pack, shortened, unpack
from hypress.errors import CodestreamError, GoalError, HypressError
from hypress.goal import Lossless, MaxError, Psnr, Rate, RelativeError, SpectralAngle, keeps
from hypress.metrics import Tally
from hypress.restore import decode
from hypress.tile import encode


@dataclass(frozen=True, eq=False)
class Case:
    """An awkward scene."""

    name: str
    samples: NDArray[Any]
    nodata: float | None = None

    def __str__(self) -> str:
        return self.name

    def with_bands(self, count: int) -> Case:
        """The same with its bands repeated until there are so many."""
        rows, columns = self.samples.shape[1:]
        return Case(self.name, np.resize(self.samples, (count, rows, columns)), self.nodata)

    @property
    def special(self) -> NDArray[np.bool_]:
        """Samples that carry no value and must come back exactly."""
        special = ~np.isfinite(self.samples)
        return special if self.nodata is None else special | (self.samples == self.nodata)


@cache
def gallery() -> tuple[Case, ...]:
    """Small awkward scenes: odd sizes, one of everything, every sample type, extremes, gaps."""
    random = np.random.default_rng(20261120)
    real = _realistic(12, 21, 18, random)
    holes = real.copy()
    holes[:, :5, :] = -9999
    holes[3] = -9999
    reflectance = (real / 10000).astype(np.float32)
    ragged = real.astype(np.float32) * np.float32(1.7) + random.normal(size=real.shape).astype(np.float32)
    dotted = ragged.copy()
    dotted[random.random(real.shape) < 0.05] = np.nan
    dotted[0, 0, :3] = np.inf, -np.inf, np.nan
    zero_is_nodata = (real // 900 - 2).astype(np.int16)
    return (
        Case("realistic", real.astype(np.uint16)),
        Case("odd_size", real[:5, :7, :13].astype(np.uint16)),
        Case("one_band", real[:1].astype(np.uint16)),
        Case("one_pixel", real[:, :1, :1].astype(np.uint16)),
        Case("one_row", real[:, :1].astype(np.int16)),
        Case("one_sample", np.full((1, 1, 1), 7, np.uint8)),
        Case("constant", np.full((4, 9, 10), 1234, np.uint16)),
        Case("zeros", np.zeros((3, 8, 8), np.int16)),
        Case("8_bit", (real >> 6).astype(np.uint8)),
        Case("signed_8_bit", ((real >> 6) - 60).astype(np.int8)),
        Case("12_bit", (real >> 1).astype(np.int16)),
        Case("signed", (real - 3000).astype(np.int16)),
        Case("big_endian", (real - 3000).astype(">i2")),
        Case("noise_16_bit", random.integers(0, 2**16, (3, 11, 12)).astype(np.uint16)),
        Case("extremes_16_bit", random.choice(np.array([-(2**15), 2**15 - 1], np.int16), (3, 9, 8))),
        Case("small_int64", (real - 50).astype(np.int64)),
        Case("offset_int32", (real + 2_000_000_000).astype(np.int32)),
        Case("wide_uint32", (real.astype(np.uint32) * np.uint32(300_007))),
        Case("extremes_int64", random.choice(np.array([-(2**63), 0, 2**63 - 1], np.int64), (2, 5, 6))),
        Case("extremes_uint64", random.choice(np.array([0, 2**64 - 1], np.uint64), (2, 5, 6))),
        Case("float_integers", real.astype(np.float32)),
        Case("float_decimals", reflectance),
        Case("float32", ragged),
        Case("float64", ragged.astype(np.float64) * np.pi),
        Case("float16", (ragged / 10000).astype(np.float16)),
        Case("float_tiny_and_signed_zero", np.array([[[-0.0, 0.0, 1e-40, -1e30, 3.5]]], np.float32)),
        Case("nodata", holes.astype(np.int16), nodata=-9999),
        Case("nodata_never_met", real.astype(np.int16), nodata=-9999),
        Case("nodata_amid_the_values", zero_is_nodata, nodata=0),
        Case("nan_and_infinities", dotted),
        Case("nan_and_nodata", np.where(holes == -9999, np.float32(-9999), dotted), nodata=-9999.0),
    )


def _realistic(bands: int, rows: int, columns: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Mixed smooth spectra under smooth abundances, with an edge and sensor noise: 0 … about 8000."""
    y, x = np.mgrid[:rows, :columns] / max(rows, columns)
    wave = np.linspace(0, 1, bands)[:, None]
    spectra = np.array([np.sin(3 * wave + p) + 1.2 for p in (0.0, 1.1, 2.3)])[:, :, 0]
    shares = np.array([x, y, (x + y > 0.9) * 1.0])
    clean = 1200 * np.einsum("kb,kyx->byx", spectra, shares) + 200
    return np.clip(np.rint(clean + random.normal(0, 6, clean.shape)), 0, 8000).astype(np.int64)


# --- the laws --------------------------------------------------------------------------------------


def law_file_alone(codec: Codec, case: Case) -> None:
    """The codestream alone gives back shape and type, the special values exactly, and what was promised."""
    decoded = decode(encode(case.samples, codec, nodata=case.nodata))
    assert decoded.shape == case.samples.shape
    assert decoded.dtype == case.samples.dtype.newbyteorder("=")
    special = case.special
    assert np.array_equal(decoded[special], case.samples[special], equal_nan=decoded.dtype.kind == "f")
    if case.nodata is not None:
        assert not (decoded[~special] == case.nodata).any(), "a valid sample came back as nodata"
    promise = codec.max_error()
    if promise == 0:
        _assert_same(decoded, case.samples)
    elif promise is not None and case.samples.dtype.kind in "iu" and inspect(encode(case.samples, codec)).levels:
        assert Tally.of(case.samples, decoded, ~special).max_error <= promise


def law_deterministic(codec: Codec, case: Case) -> None:
    """The same samples give the same bytes, the same bytes the same samples, and no argument is changed."""
    samples = case.samples.copy()
    first, second = (encode(samples, codec, nodata=case.nodata) for _ in range(2))
    assert first == second, "two encodings differ"
    _assert_same(samples, case.samples)
    _assert_same(decode(first), decode(first))


def law_configuration_survives(codec: Codec, case: Case) -> None:
    """The configuration survives JSON, and the file carries it."""
    fields = json.loads(json.dumps(codec.configuration()))
    assert type(codec).configured(fields) == codec
    header = inspect(encode(case.samples, codec, nodata=case.nodata))
    assert header.codec == codec.name
    assert type(codec).configured(header.configuration) == codec


def law_damage_is_detected(codec: Codec, case: Case) -> None:
    """A byte changed or cut anywhere is a CodestreamError."""
    data = encode(case.samples, codec, nodata=case.nodata)
    random = np.random.default_rng(len(data))
    for position in random.integers(0, len(data), 12):
        damaged = bytearray(data)
        damaged[position] ^= int(random.integers(1, 256))
        _assert_refused(bytes(damaged))
        _assert_refused(data[:position])
    _assert_refused(data + b"\0")


def law_streams_are_not_trusted(codec: Codec, case: Case) -> None:
    """Streams altered under fresh checksums give a HypressError or samples of the right shape, never a crash."""
    header, streams = unpack(encode(case.samples, codec, nodata=case.nodata))
    random = np.random.default_rng(header.samples)
    for name, stream in streams.items():
        for _ in range(6):
            altered = bytearray(stream)
            for position in random.integers(0, max(1, len(stream)), 3):
                if altered:
                    altered[position] = int(random.integers(0, 256))
            for piece in (bytes(altered), stream[: int(random.integers(0, len(stream) + 1))]):
                try:
                    decoded = decode(pack(header, streams | {name: piece}))
                except HypressError:
                    continue
                assert decoded.shape == case.samples.shape


def law_goals_are_met_or_refused(codec: Codec, case: Case) -> None:
    """Every goal is met, or refused with a GoalError; a goal that the codec keeps is not refused in vain."""
    samples, valid = case.samples, ~case.special
    if keeps(codec, Lossless()):
        _assert_same(decode(encode(samples, codec, Lossless(), nodata=case.nodata)), samples)
        limit = 3.0 if samples.dtype.kind in "iu" else 0.01
        near = decode(encode(samples, codec, MaxError(dn=limit), nodata=case.nodata))
        assert Tally.of(samples, near, valid).max_error <= limit
    else:
        _assert_goal_error(lambda: encode(samples, codec, Lossless(), nodata=case.nodata))
    for goal in (Psnr(db=40), Rate(bpppc=2.0), SpectralAngle(deg=1.0), RelativeError(percent=2)):
        try:
            data = encode(samples, codec, goal, nodata=case.nodata)
        except GoalError:
            # A header of some hundred bytes is more than two bits for each of a few samples; nothing else may fail.
            assert (
                not keeps(codec, goal)
                or (isinstance(goal, Rate) and samples.size < 4000)
                or not keeps(codec, Lossless())
            )
            continue
        tally = Tally.of(samples, decode(data), valid)
        if isinstance(goal, Psnr):
            assert tally.psnr_db() >= goal.db - 1e-9
        elif isinstance(goal, RelativeError):
            assert tally.psnr_db() > 20  # the limit itself only the codec knows
        elif isinstance(goal, Rate):
            assert 8 * len(data) <= goal.bpppc * samples.size
        else:
            assert tally.sam_deg <= goal.deg + 1e-9


def law_embedded_prefixes_decode(codec: Codec, case: Case) -> None:
    """Of an embedded codec every prefix decodes, masks intact; what is left out was worth its bytes."""
    assert codec.embedded is not None
    data = encode(case.samples, codec, nodata=case.nodata)
    header, streams = unpack(data)
    if header.levels is None:
        return
    stream = streams[codec.embedded]
    random = np.random.default_rng(len(data))
    valid, whole = ~case.special, Tally.of(case.samples, decode(data), ~case.special)
    for size in {0, 1, len(stream) // 2, max(0, len(stream) - 1), *random.integers(0, len(stream) + 1, 4).tolist()}:
        decoded = decode(shortened(data, min(size, len(stream))))
        assert np.array_equal(decoded[case.special], case.samples[case.special], equal_nan=decoded.dtype.kind == "f")
        part = Tally.of(case.samples, decoded, valid)
        assert size > len(stream) // 2 or part.mse >= 0.999 * whole.mse


Law = Callable[[Codec, Case], None]

LAWS: tuple[Law, ...] = (
    law_file_alone,
    law_deterministic,
    law_configuration_survives,
    law_damage_is_detected,
    law_streams_are_not_trusted,
    law_goals_are_met_or_refused,
    law_embedded_prefixes_decode,
)

ONCE = (
    law_configuration_survives,
    law_damage_is_detected,
    law_streams_are_not_trusted,
    law_embedded_prefixes_decode,
)
"""Laws that hang little on the scene: `trials` runs them on a few."""


def trials(codec: type[Codec]) -> Iterator[tuple[Law, Codec, Case]]:
    """Every law with every example configuration and every scene it is worth trying on."""
    few = {"realistic", "one_sample", "constant", "nodata", "float32"}
    cases = gallery()
    if codec.bands:  # wide samples are split into more bands than it takes
        cases = tuple(c.with_bands(codec.bands[0]) for c in cases if c.samples.dtype.itemsize <= 2)
    for example in codec.examples():
        for case in cases:
            for law in LAWS:
                if law is law_embedded_prefixes_decode and example.embedded is None:
                    continue
                if law not in ONCE or case.name in few:
                    yield law, example, case


def check(codec: type[Codec]) -> None:
    """Run all trials. Raises AssertionError, saying which law, configuration and scene."""
    for law, example, case in trials(codec):
        try:
            law(example, case)
        except AssertionError as error:
            error.add_note(f"{law.__name__} fails for {example} on the scene {case.name!r}: {law.__doc__}")
            raise


def _assert_same(found: NDArray[Any], expected: NDArray[Any]) -> None:
    native = np.ascontiguousarray(expected.astype(expected.dtype.newbyteorder("=")))
    if native.dtype.kind == "f":  # bit for bit, but for the payload of a NaN
        unsigned = f"u{native.dtype.itemsize}"
        same = (np.ascontiguousarray(found).view(unsigned) == native.view(unsigned)) | (
            np.isnan(found) & np.isnan(native)
        )
    else:
        same = found == native
    assert same.all(), f"{np.count_nonzero(~same)} of {same.size} samples differ"


def _assert_refused(data: bytes) -> None:
    try:
        decode(data)
    except CodestreamError:
        return
    raise AssertionError("damage went unnoticed")


def _assert_goal_error(work: Callable[[], Any]) -> None:
    try:
        work()
    except GoalError:
        return
    raise AssertionError("a goal that the codec cannot keep was not refused")
