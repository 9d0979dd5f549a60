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
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypress import levels
from hypress.attempt import Attempt, Job, by_itself
from hypress.codec import Codec, Knob
from hypress.codec import make as make_codec
from hypress.codestream import pack
from hypress.errors import GoalError, SceneError
from hypress.goal import (
    Aim,
    Goal,
    Lossless,
    MaxError,
    Psnr,
    Rate,
    RelativeError,
    SpectralAngle,
    bits_scale,
    default_codec,
    refusal,
    turn,
)
from hypress.levels import Levels
from hypress.metrics import Tally, bpppc
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
    job = Job.of(samples, nodata)
    if job.empty:
        return Encoded(pack(job.header(chosen, None), job.mask), Tally.empty(len(samples)))
    attempt = _reach(job, chosen, goal)
    return Encoded(attempt.data, attempt.tally)


# --- goals ---------------------------------------------------------------------------------------


def _reach(job: Job, codec: Codec, goal: Goal | None) -> Attempt:
    """The attempt that meets the goal. Raises GoalError."""
    if goal is None and codec.max_error() == 0:
        goal = Lossless()
    elif goal is None and codec.max_error() is not None and job.samples.dtype.kind != "f":
        goal = MaxError(dn=float(codec.max_error() or 0))
    if goal is None:
        return Attempt(job, codec, levels.fine(job.samples, job.valid, codec.max_bits))
    if isinstance(goal, Lossless | MaxError):
        return _promised(job, codec, goal)
    if isinstance(goal, RelativeError):
        return _relative(job, codec, goal)
    return _turned(job, codec, goal)


def _promised(job: Job, codec: Codec, goal: Lossless | MaxError) -> Attempt:
    lossless = codec.with_max_error(0)
    if lossless is None:
        raise refusal(codec, goal)
    limit = goal.dn if isinstance(goal, MaxError) else 0.0
    for attempt in _promises(job, codec, lossless, limit):
        if attempt.tally.max_error <= limit:
            return attempt
    raise GoalError(f"codec {codec.name} broke its promise of {goal}: please report this, with the scene")


def _relative(job: Job, codec: Codec, goal: RelativeError) -> Attempt:
    """By the codec's own loop, since only it knows what the limit is relative to; where levels shift, losslessly."""
    native = codec.with_relative_error(goal.percent)
    if native is None:
        raise refusal(codec, goal)
    exact = levels.exact(job.samples, job.valid, codec.max_bits)
    as_they_are = isinstance(exact, levels.Fractions) or exact == levels.Integers(exact.low, exact.high)
    lossless = codec.with_max_error(0)
    assert lossless is not None
    return Attempt(job, native if as_they_are else lossless, exact)


def _promises(job: Job, codec: Codec, lossless: Codec, limit: float) -> Iterator[Attempt]:
    """Attempts from the smallest on: near-lossless in the codec's own loop, else coarser levels, else lossless."""
    exact = levels.exact(job.samples, job.valid, codec.max_bits)
    if limit > 0 and not isinstance(exact, levels.Halves):
        units = math.floor(limit * exact.divisor) if isinstance(exact, levels.Fractions) else math.floor(limit)
        for dn in (units, units - 1) if job.samples.dtype.kind == "f" else (units,):
            native = codec.with_max_error(dn) if dn > 0 else None
            if native is not None and native.max_error() == dn:
                yield Attempt(job, native, exact)
    if limit >= 1 or (limit > 0 and job.samples.dtype.kind == "f"):
        coarse = levels.within(job.samples, job.valid, limit, codec.max_bits)
        if coarse is not None:
            yield Attempt(job, lossless, coarse)
    yield Attempt(job, lossless, exact)


def _turned(job: Job, codec: Codec, goal: Psnr | Rate | SpectralAngle) -> Attempt:
    lossy, knob = codec.lossy(), codec.knob
    if knob is None:
        raise refusal(codec, goal)
    fine = levels.fine(job.samples, job.valid, codec.max_bits)
    if isinstance(goal, Psnr) and (attempt := by_itself(job, lossy, fine, goal)) is not None:
        return attempt
    if codec.embedded is not None:
        best, kept = _cut(job, lossy, knob, fine, goal)
    else:
        best, kept = turn(knob, aim_of(goal, job), lambda x: Attempt(job, lossy.turned(**{knob.field: x}), fine))
    spent = not isinstance(goal, Rate) or best.bpppc > 0.97 * goal.bpppc
    if kept and spent:
        return best
    lossless = codec.with_max_error(0)  # better than what was asked for, where the knob ends below it
    if lossless is not None:
        spare = Attempt(job, lossless, levels.exact(job.samples, job.valid, codec.max_bits))
        if not isinstance(goal, Rate) or spare.bpppc <= goal.bpppc:
            return spare
    if kept:
        return best
    raise GoalError(f"codec {codec.name} cannot reach {goal} here: the nearest that it comes is {best.describe(goal)}")


def _cut(job: Job, codec: Codec, knob: Knob, chosen: Levels, goal: Psnr | Rate | SpectralAngle) -> tuple[Attempt, bool]:
    """As `turn`, for an embedded codec: coded once, at a rate or at one that is enough, and then only cut."""
    if isinstance(goal, Rate):
        rate = min(max(goal.bpppc, knob.low), knob.high)
        whole = Attempt(job, codec.turned(**{knob.field: rate}), chosen)
        budget, size = int(goal.bpppc * job.samples.size / 8), whole.embedded_size
        while size > 0 and (over := whole.cut(size).size_at_most - budget) > 0:
            size = max(0, size - over)
        cut = whole.cut(size)
        return cut, cut.size_at_most <= budget
    coded: list[tuple[float, Attempt]] = []

    def attempt(rate: float) -> Attempt:
        if not coded or coded[-1][0] < rate:
            enough = min(knob.high, max(1.0, 2 * rate))
            coded.append((enough, Attempt(job, codec.turned(**{knob.field: enough}), chosen)))
        whole = coded[-1][1]
        return whole.cut(min(whole.embedded_size, math.ceil(rate * job.samples.size / 8)))

    return turn(knob, aim_of(goal, job), attempt)


def aim_of(goal: Psnr | Rate | SpectralAngle, job: Job) -> Aim[Attempt]:
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
