"""Goals, and the solver on knobs of many shapes."""

import math

import pytest

from hypress.codec import Knob
from hypress.errors import GoalError
from hypress.goal import (
    Aim,
    Lossless,
    MaxError,
    Psnr,
    Rate,
    SpectralAngle,
    goal_from_dict,
    goal_to_dict,
    turn,
)

GOALS = [
    Lossless(),
    MaxError(dn=2.5),
    Psnr(db=50),
    Psnr(db=50, peak=10000),
    Rate(bpppc=0.1),
    SpectralAngle(deg=0.5),
]


@pytest.mark.parametrize("goal", GOALS, ids=str)
def test_goals_survive_json(goal):
    assert goal_from_dict(goal_to_dict(goal)) == goal


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
@pytest.mark.parametrize("kind", [MaxError, Psnr, Rate, SpectralAngle])
def test_a_goal_is_a_positive_number(kind, value):
    with pytest.raises(GoalError, match="positive"):
        kind(value)


@pytest.mark.parametrize("stored", [{"goal": "wish"}, {"goal": "psnr"}, {"goal": "rate", "bpppc": "x"}, 3])
def test_what_is_no_goal_is_said(stored):
    with pytest.raises(GoalError):
        goal_from_dict(stored)


KNOBS = {
    "decibels": lambda x: 30 + 6 * math.log2(1 + 40 * x),
    "steep": lambda x: 100 / (1 + math.exp(-20 * (x - 1))),
    "flat, then steep": lambda x: x**6 + 0.01 * x,
    "stairs": lambda x: float(round(10 * x)),
}


@pytest.mark.parametrize("shape", KNOBS)
@pytest.mark.parametrize("share", [0.1, 0.37, 0.8])
def test_the_solver_hits_within_few_trials(shape, share):
    knob, measure = Knob("x", 0.01, 16), KNOBS[shape]
    goal = measure(0.01 + share * 3)
    trials = []

    def attempt(x):
        trials.append(x)
        assert knob.low * 0.999 <= x <= knob.high * 1.001
        return x

    found, kept = turn(knob, Aim(measure, goal, goal + 0.1, slope=6, start=0.5), attempt)
    assert kept
    assert measure(found) >= goal
    assert measure(found) <= goal + (1.0 if shape == "stairs" else 0.1)
    assert len(trials) <= 24


def test_a_rate_is_never_exceeded():
    knob = Knob("x", 0.01, 16)
    aim = Aim(lambda x: float(round(10 * x)), 4.9, 5.9, slope=1, start=8, never_above=True)
    found, kept = turn(knob, aim, lambda x: x)
    assert kept
    assert round(10 * found) == 5


def test_the_ends_of_the_knob_are_the_end():
    knob = Knob("x", 0.1, 2)
    _, kept = turn(knob, Aim(lambda x: x, 5, 6, slope=1, start=1), lambda x: x)
    assert not kept
    found, kept = turn(knob, Aim(lambda x: x, 0.01, 0.02, slope=1, start=1), lambda x: x)
    assert kept, "better than asked for is kept"
    assert found == pytest.approx(0.1)
