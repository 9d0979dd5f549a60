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


class RelativeError(_Goal, frozen=True, tag="relative_error"):
    """No sample is off by more than `percent` of the value that the codec predicts for it.

    The relative limit of CCSDS 123.0-B-2, 4.8.2.1.2: the decoder knows a prediction, not the sample, so the limit is
    a share of that. Where prediction is good it is nearly a share of the sample; it is rounded down to whole numbers.
    """

    percent: Annotated[float, Meta(gt=0, lt=100)]

    def __str__(self) -> str:
        return f"relative error {self.percent:g} %"


class Psnr(_Goal, frozen=True, tag="psnr"):
    """At least `db`, and no more than 0.1 dB above where the codec's steps allow it.

    A codec that codes at a squared error (`Codec.with_mse`) comes within 0.05 dB.

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


Goal = Lossless | MaxError | RelativeError | Psnr | Rate | SpectralAngle


def goal_to_dict(goal: Goal) -> dict[str, Any]:
    """A goal as JSON values."""
    return {k: v for k, v in msgspec.to_builtins(goal).items() if v is not None}


def goal_from_dict(stored: Mapping[str, Any]) -> Goal:
    """A goal from JSON values. Raises GoalError."""
    try:
        return msgspec.convert(stored, Goal)
    except msgspec.ValidationError as error:
        raise GoalError(f"this is no goal: {error}") from None


DEFAULT_LOSSLESS = "rls"
DEFAULT_LOSSY = "pca_tcq"
DEFAULT_BOUNDED = "bounded"
DEFAULT_RELATIVE = "ccsds123"


def default_codec(goal: Goal) -> str:
    """The codec that keeps this goal best, among those that ship."""
    if isinstance(goal, RelativeError):
        return DEFAULT_RELATIVE
    if isinstance(goal, MaxError):
        return DEFAULT_BOUNDED
    return DEFAULT_LOSSLESS if isinstance(goal, Lossless) else DEFAULT_LOSSY


def keeps(codec: Codec, goal: Goal) -> bool:
    """Whether some configuration of this codec can keep the goal."""
    if isinstance(goal, Lossless | MaxError):
        return codec.with_max_error(0) is not None
    if isinstance(goal, RelativeError):
        return codec.with_relative_error(goal.percent) is not None
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


def bits_scale(rate: float) -> float:
    """A rate in bits, bent so that quality is near linear in it: as its logarithm when small, as itself when large."""
    return math.log(math.expm1(min(rate, 500.0)))


@dataclass(frozen=True)
class Aim(Generic[A]):
    """What the solver wants of an attempt: `low ≤ measure(attempt) ≤ high`, where a larger knob measures more."""

    measure: Callable[[A], float]
    low: float
    high: float
    slope: float
    """About how much the measure grows with a unit of the knob's scale: the first stride."""
    start: float
    """A first guess of the knob."""
    never_above: bool = False
    """Which side may be missed when no attempt falls between: False for a quality, True for a rate."""

    def kept(self, value: float) -> bool:
        """Whether the value keeps the promise, if perhaps with something in hand."""
        return value <= self.high if self.never_above else value >= self.low


def turn(knob: Knob, aim: Aim[A], attempt: Callable[[float], A], *, trials: int = 24) -> tuple[A, bool]:
    """The best attempt at `aim` found by turning the knob, and whether it keeps the promise.

    Secants until the aim is bracketed, then regula falsi with the Illinois rule, and a bisection where that creeps;
    on the scale of `bits_scale` for a knob in bits, of the logarithm for any other. Returns the first attempt inside
    the aim; failing that the nearest that keeps the promise; failing that the nearest of all.
    """
    in_bits = knob.field.endswith("_bpppc")
    bent = bits_scale if in_bits else math.log
    straight = (lambda z: math.log1p(math.exp(z)) if z < 500 else z) if in_bits else math.exp
    bottom, top = bent(knob.low), bent(knob.high)
    middle = (aim.low + aim.high) / 2
    left: tuple[float, float] | None = None  # (scaled knob, distance from the middle), nearest below the aim
    right: tuple[float, float] | None = None  # and above it
    best: tuple[tuple[bool, float], A] | None = None
    slope, width, streak, was_under = aim.slope, math.inf, 0, False
    x = min(top, max(bottom, bent(aim.start)))
    for _ in range(trials):
        tried = attempt(straight(x))
        value = aim.measure(tried)
        rank = (not aim.kept(value), abs(value - middle))
        if best is None or rank < best[0]:
            best = (rank, tried)
        if aim.low <= value <= aim.high:
            break
        under, distance = value < aim.low, value - middle
        streak, was_under = (streak + 1 if under == was_under else 1), under
        previous = left if under else right
        if under:
            left = (x, distance)
        else:
            right = (x, distance)
        if (left and left[0] >= top) or (right and right[0] <= bottom):
            break
        if left is None or right is None:
            if previous is not None and (distance - previous[1]) * (x - previous[0]) > 0:
                slope = max((distance - previous[1]) / (x - previous[0]), aim.slope / 8)
            x = min(top, max(bottom, x + max(-3.0, min(3.0, -distance / slope))))
            continue
        if streak > 1:  # Illinois: the end that stays counts for half
            left, right = (left, (right[0], right[1] / 2)) if under else ((left[0], left[1] / 2), right)
        last, width = width, right[0] - left[0]
        if width < 1e-5:
            break
        share = -left[1] / (right[1] - left[1]) if math.isfinite(right[1] - left[1]) else 0.5
        x = left[0] + width * (0.5 if streak > 2 and width > 0.5 * last else share)
    assert best is not None
    return best[1], not best[0][0]
