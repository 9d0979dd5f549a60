"""One array through one codec: samples and a goal to a codestream.

    samples ─► labels ─────────────────────────────────────────► "mask" ─┐
       │         │ valid                                                  │
       └─► levels (integers) ─► fill ─► codec.encode ─► named streams ────┼─► codestream
                                              ▲                           │
                                   goal ─► solver turns the knob          │
                  tally ◄─ compared ◄─ what a decoder makes of it ◄───────┘

The encoder decodes what it is about to write: the quality that it reports is measured, and a promise that does
not hold is an error, not a file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from hypress import levels, masks
from hypress.codec import Codec
from hypress.codec import make as make_codec
from hypress.codestream import Header, pack, samples_checksum
from hypress.errors import ConfigurationError, GoalError, SceneError
from hypress.goal import (
    Aim,
    Goal,
    Lossless,
    MaxError,
    Psnr,
    Rate,
    SpectralAngle,
    bits_scale,
    default_codec,
    refusal,
    turn,
)
from hypress.levels import Levels
from hypress.metrics import Tally, bpppc
from hypress.once import once
from hypress.restore import MASK, SIDES, Restored
from hypress.scene import as_samples

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


HEADER_BYTES = 320
"""What a header takes, about and rather too much: the solver's first guess of what a rate leaves for the codec."""


@dataclass(frozen=True)
class Encoded:
    """A codestream, and how far what it decodes to is from the original."""

    data: bytes
    tally: Tally


def encode(
    array: ArrayLike,
    codec: Codec | str | None = None,
    goal: Goal | None = None,
    *,
    nodata: float | None = None,
) -> bytes:
    """One codestream of the samples `(band, y, x)`, which decodes alone.

    `codec` is a name, a configured codec, or None for the best that keeps the goal. `goal=None` means lossless, or
    what the codec is configured for where it is given as a codec. Samples equal to `nodata`, NaN and infinities
    come back exactly. Raises SceneError, GoalError, UnknownCodecError, MissingExtraError.
    """
    samples = as_samples(array)
    encoded = encode_tile(samples, codec, goal, nodata=nodata)
    if not encoded.tally.count.any():
        raise SceneError("the scene has no valid sample: all are nodata or NaN")
    return encoded.data


def resolve(codec: Codec | str | None, goal: Goal | None) -> tuple[Codec, Goal | None]:
    """The codec and goal that a caller's choices stand for; see `encode`."""
    if goal is None and not isinstance(codec, Codec):
        goal = Lossless()
    if codec is None:
        assert goal is not None
        codec = default_codec(goal)
    return make_codec(codec), goal


def encode_tile(
    samples: NDArray[Any], codec: Codec | str | None, goal: Goal | None, *, nodata: float | None = None
) -> Encoded:
    """As `encode`, for a tile of a scene: it may have no valid sample at all, and its tally comes back too."""
    chosen, goal = resolve(codec, goal)
    job = _Job.of(samples, nodata)
    if job.empty:
        return job.nothing(chosen)
    attempt = _reach(job, chosen, goal)
    return Encoded(attempt.data, attempt.tally)


# --- goals ---------------------------------------------------------------------------------------


def _reach(job: _Job, codec: Codec, goal: Goal | None) -> _Attempt:
    """The attempt that meets the goal. Raises GoalError."""
    if goal is None and codec.max_error() == 0:
        goal = Lossless()
    elif goal is None and codec.max_error() is not None and job.samples.dtype.kind != "f":
        goal = MaxError(dn=float(codec.max_error() or 0))
    if goal is None:
        return _Attempt(job, codec, levels.fine(job.samples, job.valid, codec.max_bits))
    if isinstance(goal, Lossless | MaxError):
        return _promised(job, codec, goal)
    return _turned(job, codec, goal)


def _promised(job: _Job, codec: Codec, goal: Lossless | MaxError) -> _Attempt:
    lossless = codec.with_max_error(0)
    if lossless is None:
        raise refusal(codec, goal)
    limit = goal.dn if isinstance(goal, MaxError) else 0.0
    for attempt in _promises(job, codec, lossless, limit):
        if attempt.tally.max_error <= limit:
            return attempt
    raise GoalError(f"codec {codec.name} broke its promise of {goal}: please report this, with the scene")


def _promises(job: _Job, codec: Codec, lossless: Codec, limit: float) -> Iterator[_Attempt]:
    """Attempts from the smallest on: near-lossless in the codec's own loop, else coarser levels, else lossless."""
    exact = levels.exact(job.samples, job.valid, codec.max_bits)
    if limit > 0 and not isinstance(exact, levels.Halves):
        units = math.floor(limit * exact.divisor) if isinstance(exact, levels.Fractions) else math.floor(limit)
        for dn in (units, units - 1) if job.samples.dtype.kind == "f" else (units,):
            native = codec.with_max_error(dn) if dn > 0 else None
            if native is not None and native.max_error() == dn:
                yield _Attempt(job, native, exact)
    if limit >= 1 or (limit > 0 and job.samples.dtype.kind == "f"):
        coarse = levels.within(job.samples, job.valid, limit, codec.max_bits)
        if coarse is not None:
            yield _Attempt(job, lossless, coarse)
    yield _Attempt(job, lossless, exact)


def _turned(job: _Job, codec: Codec, goal: Psnr | Rate | SpectralAngle) -> _Attempt:
    lossy, knob = codec.lossy(), codec.knob
    if knob is None:
        raise refusal(codec, goal)
    fine = levels.fine(job.samples, job.valid, codec.max_bits)
    best, kept = turn(knob, aim_of(goal, job), lambda x: _Attempt(job, lossy.turned(**{knob.field: x}), fine))
    spent = not isinstance(goal, Rate) or best.bpppc > 0.97 * goal.bpppc
    if kept and spent:
        return best
    lossless = codec.with_max_error(0)  # better than what was asked for, where the knob ends below it
    if lossless is not None:
        spare = _Attempt(job, lossless, levels.exact(job.samples, job.valid, codec.max_bits))
        if not isinstance(goal, Rate) or spare.bpppc <= goal.bpppc:
            return spare
    if kept:
        return best
    raise GoalError(f"codec {codec.name} cannot reach {goal} here: the nearest that it comes is {best.describe(goal)}")


def aim_of(goal: Psnr | Rate | SpectralAngle, job: _Job) -> Aim[_Attempt]:
    """What the solver is to look for. Quality is in decibels, angles included; a rate is on the knob's own scale."""
    if isinstance(goal, Rate):
        low, high = bits_scale(0.99 * goal.bpppc), bits_scale(goal.bpppc)
        around = bpppc(HEADER_BYTES + sum(map(len, job.mask.values())), job.samples.shape)
        start = max(goal.bpppc - around, goal.bpppc / 2)
        return Aim(lambda a: bits_scale(a.bpppc), low, high, slope=1.0, start=start, never_above=True)
    if isinstance(goal, Psnr):
        top = goal.peak or job.peak
        return Aim(lambda a: a.tally.psnr_db(top), goal.db, goal.db + 0.1, slope=6.0, start=0.5)

    def decibels(deg: float) -> float:
        return -20 * math.log10(deg) if deg > 0 else math.inf

    low, high = decibels(goal.deg), decibels(0.97 * goal.deg)
    return Aim(lambda a: decibels(a.tally.sam_deg), low, high, slope=6.0, start=0.5)


# --- one job, one attempt ------------------------------------------------------------------------


@dataclass
class _Job:
    """Samples and what is known of them, shared by all attempts to code them."""

    samples: NDArray[Any]
    labels: NDArray[np.uint8] | None
    valid: NDArray[np.bool_] | None
    nodata: float | None
    _dense: tuple[Levels, NDArray[Any]] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, samples: NDArray[Any], nodata: float | None) -> _Job:
        nodata = _as_stored(nodata, samples.dtype)
        labels = masks.label(samples, nodata)
        return cls(samples, labels, None if labels is None else labels == masks.VALID, nodata)

    @property
    def empty(self) -> bool:
        return self.valid is not None and not self.valid.any()

    @once
    def peak(self) -> float:
        chosen = self.samples if self.valid is None else self.samples[self.valid]
        top = float(chosen.max())
        return top if top > 0 else float(np.abs(chosen.astype(np.float64)).max()) or 1.0

    @once
    def mask(self) -> dict[str, bytes]:
        return {} if self.labels is None else {MASK: masks.encode(self.labels)}

    def dense(self, chosen: Levels) -> NDArray[Any]:
        """The codec's integers, without gaps."""
        if self._dense is None or self._dense[0] != chosen:
            if self.valid is None:
                integers = chosen.forward(self.samples)
            else:
                anything = self.samples[self.valid][0]
                integers = chosen.forward(np.where(self.valid, self.samples, anything))
                valid = np.tile(self.valid, (chosen.parts(self.samples.dtype), 1, 1))
                integers = masks.fill(integers, valid)
            self._dense = (chosen, np.ascontiguousarray(integers))
        return self._dense[1]

    def header(self, codec: Codec, chosen: Levels | None) -> Header:
        bands, rows, columns = self.samples.shape
        return Header(
            codec=codec.name,
            bitstream=codec.bitstream,
            configuration=codec.configuration(),
            shape=(bands, rows, columns),
            dtype=self.samples.dtype.name,
            levels=chosen,
            nodata=self.nodata,
        )

    def nothing(self, codec: Codec) -> Encoded:
        """The codestream of a tile without any valid sample."""
        return Encoded(pack(self.header(codec, None), self.mask), Tally.empty(len(self.samples)))


@dataclass
class _Attempt:
    """One way to code a job: its bytes, and what a decoder makes of them, each found when asked for."""

    job: _Job
    codec: Codec
    chosen: Levels

    @once
    def streams(self) -> dict[str, bytes]:
        job, spec = self.job, self.chosen.spec(self.job.samples.shape, self.job.samples.dtype)  # type: ignore[arg-type]
        coded = dict(self.codec.encode(job.dense(self.chosen), spec))
        if reserved := {MASK, SIDES} & set(coded):
            raise ConfigurationError(f"codec {self.codec.name} names a stream {reserved}, which is taken")
        return job.mask | coded

    @once
    def _restored(self) -> tuple[dict[str, bytes], NDArray[Any]]:
        """Streams, with the sides of collisions with nodata where they must be told, and decoded samples."""
        job, streams = self.job, self.streams
        restored = Restored.of(job.header(self.codec, self.chosen), streams, job.labels)
        if restored.collisions is not None and job.nodata is not None:
            above = job.samples[restored.collisions] > job.nodata
            if not above.all():
                streams = streams | {SIDES: np.packbits(above).tobytes()}
                restored = Restored.of(job.header(self.codec, self.chosen), streams, job.labels)
        return streams, restored.samples

    @once
    def tally(self) -> Tally:
        return Tally.of(self.job.samples, self._restored[1], self.job.valid)

    @property
    def bpppc(self) -> float:
        """Found without decoding, unless decoding may add a stream of sides."""
        header = self.job.header(self.codec, self.chosen)
        data = pack(header, self.streams) if self.job.nodata is None else self.data
        return bpppc(len(data), self.job.samples.shape)

    @once
    def data(self) -> bytes:
        streams, samples = self._restored
        header = self.job.header(self.codec, self.chosen)
        if self.codec.max_error() is not None:
            header = _with_checksum(header, samples)
        return pack(header, streams)

    def describe(self, goal: Psnr | Rate | SpectralAngle) -> str:
        if isinstance(goal, Rate):
            return f"{self.bpppc:.4g} bpppc"
        if isinstance(goal, Psnr):
            return f"{self.tally.psnr_db(goal.peak or self.job.peak):.2f} dB"
        return f"{self.tally.sam_deg:.4g}°"


def _with_checksum(header: Header, samples: NDArray[Any]) -> Header:
    return msgspec.structs.replace(header, checksum=samples_checksum(samples))


def _as_stored(nodata: float | None, dtype: np.dtype[Any]) -> float | None:
    """Nodata as a number of the samples' own kind; None where no sample can have that value."""
    if nodata is None:
        return None
    if dtype.kind == "f":
        return float(dtype.type(nodata))
    limits = np.iinfo(dtype)
    if not math.isfinite(nodata) or nodata != int(nodata) or not limits.min <= int(nodata) <= limits.max:
        return None
    return int(nodata)
