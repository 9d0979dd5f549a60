"""One way to code a tile: its bytes, and what a decoder makes of them.

Job (samples, mask, dense integers) ─► Attempt (codec, levels) ─► streams ─► decoded ─► tally
                                            └─► cut (first bytes of an embedded stream)
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from hypress import masks
from hypress.codec import Codec
from hypress.codestream import Embedded, Header, Mark, pack, samples_checksum
from hypress.errors import ConfigurationError
from hypress.goal import Psnr, Rate, SpectralAngle
from hypress.levels import Fractions, Levels
from hypress.metrics import Tally, bpppc
from hypress.once import once
from hypress.restore import MASK, SIDES, Restored
from hypress.valid import told

if TYPE_CHECKING:
    from numpy.typing import NDArray


PSNR_ABOVE = 0.05
"""Decibels by which one encoding at an error may be above its goal; if it is not, a knob is turned, to 0.1 dB."""
LARGEST_MSE = 2.0**62
"""A mean squared error that no codec's integers exceed."""


@dataclass
class Job:
    """Samples and what is known of them, shared by all attempts to code them."""

    samples: NDArray[Any]
    labels: NDArray[np.uint8] | None
    valid: NDArray[np.bool_] | None
    nodata: float | None
    _dense: tuple[Levels, NDArray[Any]] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, samples: NDArray[Any], nodata: float | None) -> Job:
        """Samples `(band, y, x)` of any type; those equal to `nodata`, NaN and infinities are masked."""
        nodata = _as_stored(nodata, samples.dtype)
        labels = masks.label(samples, nodata)
        return cls(samples, labels, None if labels is None else labels == masks.VALID, nodata)

    @property
    def empty(self) -> bool:
        """Whether no sample is valid."""
        return self.valid is not None and not self.valid.any()

    @once
    def peak(self) -> float:
        """The largest valid sample; if none is positive, the largest magnitude."""
        chosen = self.samples if self.valid is None else self.samples[self.valid]
        top = float(chosen.max())
        return top if top > 0 else float(np.abs(chosen.astype(np.float64)).max()) or 1.0

    @once
    def mask(self) -> dict[str, bytes]:
        """The stream that says where no value is, if any is needed."""
        return {} if self.labels is None else {MASK: masks.encode(self.labels)}

    def dense(self, chosen: Levels) -> NDArray[Any]:
        """The codec's integers, without gaps."""
        if self._dense is None or self._dense[0] != chosen:
            if self.valid is None:
                integers = chosen.forward(self.samples)
            else:
                anything = self.samples[self.valid][0]
                integers = chosen.forward(np.where(self.valid, self.samples, anything))
                integers = masks.fill(integers, self._valid(chosen))
            self._dense = (chosen, np.ascontiguousarray(integers))
        return self._dense[1]

    def coded(self, codec: Codec, chosen: Levels) -> dict[str, bytes]:
        """The codec's streams of those integers."""
        spec = chosen.spec(self.samples.shape, self.samples.dtype)  # type: ignore[arg-type]
        with told(None if self.valid is None else self._valid(chosen)):
            return dict(codec.encode(self.dense(chosen), spec))

    def _valid(self, chosen: Levels) -> NDArray[np.bool_]:
        """Of the codec's integers, those that are real."""
        return np.tile(self.valid, (chosen.parts(self.samples.dtype), 1, 1))  # type: ignore[arg-type]

    def header(self, codec: Codec, chosen: Levels | None) -> Header:
        """What the codestream says before its streams."""
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


@dataclass
class Attempt:
    """One way to code a job, each part of it found when asked for."""

    job: Job
    codec: Codec
    chosen: Levels
    cut_from: tuple[Attempt, int] | None = None
    """Another attempt, and the bytes of its embedded stream that are kept; None: coded afresh."""

    def cut(self, size: int) -> Attempt:
        """This attempt with only the first bytes of its embedded stream."""
        return Attempt(self.job, self.codec, self.chosen, (self, size))

    @once
    def _coded(self) -> dict[str, bytes]:
        """The codec's own streams."""
        if self.cut_from is not None:
            whole, size = self.cut_from
            *_, last = whole._coded
            return whole._coded | {last: whole._coded[last][:size]}
        coded = self.job.coded(self.codec, self.chosen)
        if reserved := {MASK, SIDES} & set(coded):
            raise ConfigurationError(f"codec {self.codec.name} names a stream {reserved}, which is taken")
        if self.codec.embedded is not None and [*coded][-1:] != [self.codec.embedded]:
            raise ConfigurationError(f"codec {self.codec.name} does not put its stream {self.codec.embedded!r} last")
        return coded

    @once
    def _restored(self) -> tuple[dict[str, bytes], NDArray[Any]]:
        """Streams, with the sides of collisions with nodata where they must be told, and decoded samples."""
        job, streams = self.job, self.job.mask | self._coded
        restored = Restored.of(self._header, streams, job.labels)
        if restored.collisions is not None and job.nodata is not None:
            above = job.samples[restored.collisions] > job.nodata
            if not above.all():
                streams = job.mask | {SIDES: np.packbits(above).tobytes()} | self._coded
                restored = Restored.of(self._header, streams, job.labels)
        return streams, restored.samples

    @property
    def _header(self) -> Header:
        return self.job.header(self.codec, self.chosen)

    @once
    def tally(self) -> Tally:
        """How far what a decoder makes of it is from the original."""
        return Tally.of(self.job.samples, self._restored[1], self.job.valid)

    @property
    def bpppc(self) -> float:
        """Found without decoding, unless decoding may add a stream of sides or must measure marks."""
        if self.job.nodata is None and self.codec.embedded is None:
            return bpppc(len(pack(self._header, self._coded | self.job.mask)), self.job.samples.shape)
        return bpppc(len(self.data), self.job.samples.shape)

    @once
    def data(self) -> bytes:
        """The codestream."""
        streams, samples = self._restored
        header = self._header
        if self.codec.max_error() is not None:
            header = _with_checksum(header, samples)
        if self.codec.embedded is not None:
            header = msgspec.structs.replace(header, embedded=self._marked(streams))
        return pack(header, streams)

    # --- of an embedded codec ---

    @property
    def embedded_size(self) -> int:
        """Bytes of the embedded stream."""
        *_, last = self._coded.values()
        return len(last)

    @property
    def size_at_most(self) -> int:
        """What the codestream takes, or a few bytes more; found without measuring its marks."""
        if self.job.nodata is not None:
            return len(self.data)
        dear = tuple(Mark(n, 2**32 - 1, -(2**15)) for n in marked_sizes(self.embedded_size))
        header = msgspec.structs.replace(self._header, embedded=Embedded(self.job.peak, dear) if dear else None)
        return len(pack(header, self.job.mask | self._coded))

    def _marked(self, streams: dict[str, bytes]) -> Embedded | None:
        """What the header says of the embedded stream: its error at each mark, measured. None for a short stream."""
        *_, last = streams
        stream = streams[last]
        marks = [
            Mark(size, zlib.crc32(stream[:size]), _centidecibels(self._error_at(size, streams)))
            for size in marked_sizes(len(stream))
        ]
        return Embedded(self.job.peak, tuple(marks)) if marks else None

    def _error_at(self, size: int, streams: dict[str, bytes]) -> float:
        *_, last = streams
        if size == len(streams[last]):
            return self.tally.mse
        restored = Restored.of(self._header, streams | {last: streams[last][:size]}, self.job.labels)
        return _mse(self.job.samples, restored.samples, self.job.valid)

    def describe(self, goal: Psnr | Rate | SpectralAngle) -> str:
        """What it comes to, in the goal's unit."""
        if isinstance(goal, Rate):
            return f"{self.bpppc:.4g} bpppc"
        if isinstance(goal, Psnr):
            return f"{self.tally.psnr_db(goal.peak or self.job.peak):.2f} dB"
        return f"{self.tally.sam_deg:.4g}°"


def by_itself(job: Job, codec: Codec, chosen: Levels, goal: Psnr) -> Attempt | None:
    """The attempt of a codec that comes to a PSNR in one encoding, where it does; see `Codec.with_mse`."""
    peak = goal.peak or job.peak
    unit = 1 / chosen.divisor if isinstance(chosen, Fractions) else getattr(chosen, "step", 1)
    native = codec.with_mse(min((peak / unit) ** 2 / 10 ** (goal.db / 10), LARGEST_MSE))
    if native is None:
        return None
    attempt = Attempt(job, native, chosen)
    return attempt if goal.db <= attempt.tally.psnr_db(peak) <= goal.db + PSNR_ABOVE else None


def marked_sizes(size: int) -> list[int]:
    """Where an embedded stream of `size` bytes is marked: at powers of two from 1/64 of it or 1 kB on, and its end."""
    least = max(size // 64, 1024)
    grid = (1 << k for k in range(10, size.bit_length()))
    return [*(n for n in grid if least <= n < size), size] if size >= least else []


def _mse(original: NDArray[Any], decoded: NDArray[Any], valid: NDArray[np.bool_] | None) -> float:
    """Mean squared error of valid samples; what a `Tally` says too, with much more."""
    total, count = 0.0, 0
    with np.errstate(over="ignore", invalid="ignore"):
        for band in range(len(original)):
            error = original[band].astype(np.float64) - decoded[band]
            if valid is not None:
                error = error[valid[band]]
            total += float(np.vdot(error, error))
            count += error.size
    return total / max(count, 1) if math.isfinite(total) else math.inf


def _centidecibels(mse: float) -> int | None:
    """The error of a mark; see `Mark`."""
    return None if mse == 0 else math.ceil(1000 * math.log10(min(mse, 1e300)))


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
