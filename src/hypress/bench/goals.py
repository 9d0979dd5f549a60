"""Goals as words: `lossless`, `rate=0.5`, `psnr=45`, `max-error=4`, `sam=0.5`, `relative-error=1`."""

from __future__ import annotations

import msgspec

from hypress.errors import GoalError
from hypress.goal import Goal, Lossless, MaxError, Psnr, Rate, RelativeError, SpectralAngle

_KINDS: dict[str, tuple[type[msgspec.Struct], str, str]] = {
    "rate": (Rate, "bpppc", " bits per sample"),
    "psnr": (Psnr, "db", " dB"),
    "max-error": (MaxError, "dn", ""),
    "sam": (SpectralAngle, "deg", "°"),
    "relative-error": (RelativeError, "percent", " %"),
}

DEFAULT_GOALS: tuple[Goal, ...] = (
    *(Rate(bpppc=rate) for rate in (0.1, 0.25, 0.5, 1.0)),
    MaxError(dn=4),
    Lossless(),
)
"""Of the default matrix: four rates, enough for a curve; one bound; and nothing lost."""


def parse_goal(text: str) -> Goal:
    """The goal in words. Raises GoalError."""
    name, equals, value = text.strip().partition("=")
    if name == "lossless" and not equals:
        return Lossless()
    if name in _KINDS and equals:
        kind, field, _ = _KINDS[name]
        try:
            goal: Goal = kind(**{field: float(value)})  # type: ignore[assignment]
            return goal
        except ValueError as error:
            raise GoalError(f"{text!r}: {error}") from None
    raise GoalError(f"a goal is lossless or one of {', '.join(f'{k}=NUMBER' for k in _KINDS)}, not {text!r}")


def goal_words(goal: Goal) -> str:
    """The words that `parse_goal` takes."""
    for name, (kind, field, _) in _KINDS.items():
        if isinstance(goal, kind):
            return f"{name}={getattr(goal, field):g}"
    return "lossless"
