"""What each effort spends: its predictors and contexts, as the arrays that the kernels read."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Place = tuple[int, int, int]

CONSTANT = 64.0
"""The regressor that is always there."""
LOOSE = 1e-3
"""Ridge of its weight."""
RIDGE = 16.0
"""Ridge of the other weights, in samples of unit gain: a weight is thought to be within a quarter of the plain one."""

OWN = ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-1, 2))
"""Neighbours (row, column) in a sample's own band, nearest first: those decoded before it."""
ROUND = ((0, -1), (-1, 0), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1))
"""Neighbours in bands before, of which all is known."""


class Predictor(NamedTuple):
    """One least-squares predictor."""

    bands: int
    """Bands before whose same pixel is a regressor."""
    own: int
    """Neighbours in the own band, the first so many of `OWN`."""
    round: tuple[int, ...]
    """Neighbours in the band before, in the one before that, …, the first so many of `ROUND`."""
    keep: float
    """What a sample's gain keeps at each sample that comes after it."""
    softness: float
    """How much of the band's variance is added to the local one that divides a gain: much makes all gains alike."""
    period: int
    """Weights are renewed after this many samples."""

    def places(self) -> list[Place]:
        """Regressors but the constant: how many bands before, row and column."""
        places = [(k, 0, 0) for k in range(1, self.bands + 1)]
        places += [(0, *OWN[i]) for i in range(self.own)]
        return places + [(j, *ROUND[i]) for j, count in enumerate(self.round, 1) for i in range(count)]

    def plain(self) -> list[float]:
        """Weights of the plain predictor, the band before plus the mean gradient west and north; the constant last."""
        known = {(1, 0, 0): 1.0, (0, 0, -1): 0.5, (0, -1, 0): 0.5, (1, 0, -1): -0.5, (1, -1, 0): -0.5}
        return [known.get(place, 0.0) for place in self.places()] + [0.0]


class Effort(NamedTuple):
    """Predictors, the first being the one that the others are mixed into; and what else costs time."""

    predictors: tuple[Predictor, ...]
    learns: int
    """Once a band is known a little, one sample in so many is learnt from: 1 or 2."""
    contexts: int
    """How many contexts correct the probabilities of binary decisions; 0: samples are coded at once, by intervals."""


EFFORTS = {
    "default": Effort((Predictor(8, 3, (2,), 0.9995, 0.2, 256),), 2, 0),
    "high": Effort((Predictor(20, 4, (4, 4), 0.9995, 0.2, 128),), 1, 0),
    "best": Effort(
        (
            Predictor(32, 4, (4, 4), 0.9995, 0.2, 64),
            Predictor(64, 4, (4, 4), 0.9998, 0.2, 128),
            Predictor(16, 6, (8, 4), 0.998, 100.0, 16),
            Predictor(8, 4, (4,), 0.995, 0.02, 16),
        ),
        1,
        3,
    ),
}


class Plan(NamedTuple):
    """An effort as arrays, one row per predictor."""

    places: NDArray[np.int64]
    """`(predictor, regressor, 3)`, padded with zeros."""
    sizes: NDArray[np.int64]
    """Regressors of each, with the constant."""
    plain: NDArray[np.float64]
    """`(predictor, regressor)`: weights w₀."""
    fades: NDArray[np.float64]
    """1 / `keep`."""
    softness: NDArray[np.float64]
    periods: NDArray[np.int64]
    contexts: int
    thinned: int
    """A sample is learnt from where this has no bit in common with the sum of its row and column."""
    back: int
    """Bands before that any of them looks at."""


@cache
def plan(effort: str, bands: int) -> Plan:
    """The arrays of an effort, for a scene of so many bands."""
    chosen = EFFORTS[effort]
    predictors = [p._replace(bands=min(p.bands, bands - 1), round=p.round[: bands - 1]) for p in chosen.predictors]
    most = max(len(p.places()) for p in predictors)
    places = np.zeros((len(predictors), most, 3), np.int64)
    plain = np.zeros((len(predictors), most + 1))
    for row, predictor in enumerate(predictors):
        found = predictor.places()
        places[row, : len(found)] = np.array(found, np.int64).reshape(-1, 3)
        plain[row, : len(found) + 1] = predictor.plain()
    return Plan(
        places,
        np.array([len(p.places()) + 1 for p in predictors], np.int64),
        plain,
        np.array([1 / p.keep for p in predictors]),
        np.array([p.softness for p in predictors]),
        np.array([p.period for p in predictors], np.int64),
        chosen.contexts,
        chosen.learns - 1,
        int(places[:, :, 0].max(initial=1)),
    )
