"""What a request asks for, checked: every value has a type and a range, and a wrong one is a sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from hypress.errors import ConfigurationError


class Query:
    """The parameters of a request. Getters raise ConfigurationError."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given

    def text(self, name: str, default: str | None = None) -> str:
        """Text as it is."""
        value = self._given.get(name, default)
        if value is None:
            raise ConfigurationError(f"the request lacks {name!r}")
        return value

    def integer(self, name: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number from `low` to `high`."""
        return self.integers(name, low, high, (1,), None if default is None else str(default))[0]

    def integers(
        self, name: str, low: int, high: int, counts: Sequence[int], default: str | None = None
    ) -> tuple[int, ...]:
        """Whole numbers with commas between, as many as one of `counts` says."""
        given = self.text(name, default)
        try:
            values = tuple(int(part) for part in given.split(","))
        except ValueError:
            raise ConfigurationError(f"{name} is made of whole numbers, not {given[:40]!r}") from None
        if len(values) not in counts or not all(low <= v <= high for v in values):
            many = " or ".join(map(str, counts))
            raise ConfigurationError(f"{name} is {many} whole numbers from {low} to {high}, not {given[:40]!r}")
        return values

    def numbers(self, name: str, count: int) -> tuple[float, ...]:
        """So many finite numbers with commas between."""
        given = self.text(name)
        try:
            values = tuple(float(part) for part in given.split(","))
        except ValueError:
            raise ConfigurationError(f"{name} is made of numbers, not {given[:40]!r}") from None
        if len(values) != count or not all(math.isfinite(v) for v in values):
            raise ConfigurationError(f"{name} is {count} finite numbers, not {given[:40]!r}")
        return values

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def number(self, name: str, low: float, high: float, default: float) -> float:
        """A number from `low` to `high`."""
        value = self.numbers(name, 1)[0] if name in self._given else default
        if not low <= value <= high:
            raise ConfigurationError(f"{name} is a number from {low:g} to {high:g}, not {value:g}")
        return value
