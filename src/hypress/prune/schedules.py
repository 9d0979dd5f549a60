"""How much of the pruning is done at which moment of the tuning.

- `one_shot`: all before it begins;
- `iterative`: in equal parts, with time to heal after each (S. Han et al., NeurIPS 2015);
- `agp`: much early, ever less later: 1 − (1 − t)³ (M. Zhu and S. Gupta, "To prune, or not to prune", 2017);
- `one_cycle`: slowly, quickly, slowly, along a logistic curve (N. Hubens, M. Mancas, B. Gosselin, M. Preda and
  T. Zaharia, "One-cycle pruning", ICIP 2022).

All but the first end when three quarters of the steps are made; the rest heals.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, get_args

from hypress.errors import ConfigurationError

Name = Literal["one_shot", "iterative", "agp", "one_cycle"]
SCHEDULES: tuple[str, ...] = get_args(Name)
END = 0.75
"""Share of the steps after which all is pruned."""
ROUNDS = 4
"""Of the iterative schedule."""
STEEPNESS, OFFSET = 14.0, 5.0
"""α and β of the one-cycle schedule."""


def done(schedule: str, time: float) -> float:
    """The share of the pruning that is done at a time in [0, 1]: 1 from `END` on. Raises ConfigurationError."""
    if schedule not in SCHEDULES:
        raise ConfigurationError(f"there is no schedule {schedule!r}; there are: {', '.join(SCHEDULES)}")
    return min(1.0, _CURVES[schedule](min(time / END, 1.0)))


def _iterative(time: float) -> float:
    return math.floor(time * (ROUNDS - 1) + 1 + 1e-9) / ROUNDS


def _agp(time: float) -> float:
    return 1 - (1 - time) ** 3


def _one_cycle(time: float) -> float:
    return (1 + math.exp(-STEEPNESS + OFFSET)) / (1 + math.exp(-STEEPNESS * time + OFFSET))


_CURVES: dict[str, Callable[[float], float]] = {
    "one_shot": lambda time: 1.0,
    "iterative": _iterative,
    "agp": _agp,
    "one_cycle": _one_cycle,
}
