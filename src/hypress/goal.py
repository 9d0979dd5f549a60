"""Goals: what the user wants, in units; and the solver that turns a codec's one knob until a goal is met."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta

from hypress.errors import GoalError, MissingExtraError

if TYPE_CHECKING:
    from hypress.codec import Codec, Knob

_Positive = Annotated[float, Meta(gt=0)]


class _Goal(msgspec.Struct, frozen=True, tag_field="goal"):
    def __post_init__(self) -> None:
        for field in self.__struct_fields__:
            value = getattr(self, field)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise GoalError(f"{type(self).__name__}: {field} must be a positive number, not {value}")


class Lossless(_Goal, frozen=True, tag="lossless"):
    """Every sample comes back as it was, bit for bit."""

    def __str__(self) -> str:
        return "lossless"


class MaxError(_Goal, frozen=True, tag="max_error"):
    """No sample is off by more than `dn`, in the sample's own unit."""

    dn: _Positive

    def __str__(self) -> str:
        return f"maximum error {self.dn:g}"


class Psnr(_Goal, frozen=True, tag="psnr"):
    """At least `db`, and no more than 0.1 dB above where the codec's steps allow it.

    `peak` is the signal's peak in sample units; None takes the scene's largest valid sample.
    """

    db: _Positive
    peak: _Positive | None = None

    def __str__(self) -> str:
        return f"PSNR {self.db:g} dB"


class Rate(_Goal, frozen=True, tag="rate"):
    """At most `bpppc` bits per sample (per pixel per channel), and at least 99 % of it where it is of use."""

    bpppc: _Positive

    def __str__(self) -> str:
        return f"rate {self.bpppc:g} bpppc"


class SpectralAngle(_Goal, frozen=True, tag="sam"):
    """A mean spectral angle of at most `deg` degrees, and at least 97 % of it where the codec's steps allow it."""

    deg: _Positive

    def __str__(self) -> str:
        return f"spectral angle {self.deg:g}°"


Goal = Lossless | MaxError | Psnr | Rate | SpectralAngle


def goal_to_dict(goal: Goal) -> dict[str, Any]:
    """A goal as JSON values."""
    return {k: v for k, v in msgspec.to_builtins(goal).items() if v is not None}


def goal_from_dict(stored: Mapping[str, Any]) -> Goal:
    """A goal from JSON values. Raises GoalError."""
    try:
        return msgspec.convert(stored, Goal)
    except msgspec.ValidationError as error:
        raise GoalError(f"this is no goal: {error}") from None


DEFAULT_EXACT = "pca_jpeg2000"
DEFAULT_LOSSY = "pca_jpeg2000"


def default_codec(goal: Goal) -> str:
    """The codec that keeps this goal best, among those that ship."""
    return DEFAULT_EXACT if isinstance(goal, Lossless | MaxError) else DEFAULT_LOSSY


def keeps(codec: Codec, goal: Goal) -> bool:
    """Whether some configuration of this codec can keep the goal."""
    if isinstance(goal, Lossless | MaxError):
        return codec.with_max_error(0) is not None
    return codec.knob is not None


def refusal(codec: Codec, goal: Goal) -> GoalError:
    """The error for a goal that this codec cannot keep; it names the codecs that can."""
    from hypress.codec import find, names

    able = []
    for name in names():
        try:
            if keeps(find(name)(), goal):
                able.append(name)
        except MissingExtraError:
            continue
    return GoalError(f"codec {codec.name} cannot keep the goal {goal}; these can: {', '.join(able) or 'none'}")


# --- the solver ----------------------------------------------------------------------------------

A = TypeVar("A")


@dataclass(frozen=True)
class Aim(Generic[A]):
    """What the solver wants of an attempt: `low ≤ measure(attempt) ≤ high`, where a larger knob measures more."""

    measure: Callable[[A], float]
    low: float
    high: float
    slope: float
    """About how much the measure grows when the knob grows e-fold: the first stride."""
    start: float
    """A first guess of the knob."""
    never_above: bool = False
    """Which side may be missed when no attempt falls between: False for a quality, True for a rate."""

    def kept(self, value: float) -> bool:
        """Whether the value keeps the promise, if perhaps with something in hand."""
        return value <= self.high if self.never_above else value >= self.low


def turn(knob: Knob, aim: Aim[A], attempt: Callable[[float], A], *, trials: int = 24) -> tuple[A, bool]:
    """The best attempt at `aim` found by turning the knob, and whether it keeps the promise.

    A secant search on the logarithm of the knob, kept inside its bracket by bisection. Returns the first attempt
    inside the aim; failing that the nearest that keeps the promise; failing that the nearest of all.
    """
    bottom, top = math.log(knob.low), math.log(knob.high)
    middle = (aim.low + aim.high) / 2
    left: tuple[float, float] | None = None  # (log knob, value) nearest below the aim, and above it
    right: tuple[float, float] | None = None
    last: tuple[float, float] | None = None
    best: tuple[tuple[bool, float], A] | None = None
    x = min(top, max(bottom, math.log(aim.start)))
    was_under, streak = False, 0  # trials in a row on one side of the aim: the secant creeps, so bisect
    for _ in range(trials):
        tried = attempt(math.exp(x))
        value = aim.measure(tried)
        rank = (not aim.kept(value), abs(value - middle))
        if best is None or rank < best[0]:
            best = (rank, tried)
        if aim.low <= value <= aim.high:
            break
        under = value < aim.low
        streak = streak + 1 if under == was_under else 1
        was_under = under
        if under:
            left = (x, value)
        else:
            right = (x, value)
        if (left and left[0] >= top) or (right and right[0] <= bottom):
            break
        if left and right and right[0] - left[0] < 1e-5:
            break
        slope = aim.slope
        if last is not None and x != last[0] and (value - last[1]) / (x - last[0]) > 0:
            slope = (value - last[1]) / (x - last[0])
        last = (x, value)
        guess = x + max(-3.0, min(3.0, (middle - value) / slope))
        if left and right and (streak > 1 or not left[0] < guess < right[0]):
            guess = (left[0] + right[0]) / 2
        x = min(top, max(bottom, guess))
    assert best is not None
    return best[1], not best[0][0]
