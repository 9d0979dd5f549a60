"""The loop that networks are fitted in: its bounds, what it keeps, and what it says."""

import math
import time

import pytest

from hypress import progress
from hypress.errors import ConfigurationError
from hypress.neural import fitting
from hypress.neural.fitting import fit


class Descent:
    """A fit of one number to zero, whose quality is the loss in decibels."""

    def __init__(self, rate=0.1):
        self.at, self.rate, self.shares = 1.0, rate, []

    def step(self, share):
        self.shares.append(share)
        loss = self.at**2
        self.at -= self.rate * 2 * self.at
        return loss

    def evaluate(self):
        return -20 * math.log10(abs(self.at))

    def fit(self, **bounds):
        return fit(self.step, self.evaluate, lambda: self.at, **bounds)


def test_steps_bound_a_fit_and_shares_tell_how_far_it_is():
    descent = Descent()
    found = descent.fit(steps=100, every=10)
    assert found.ended == "steps"
    assert descent.shares == [i / 100 for i in range(100)]
    assert [c.steps for c in found.history] == list(range(0, 101, 10))
    assert found.best == descent.at == pytest.approx(0.8**100)
    assert found.quality == found.history[-1]


def test_the_best_state_is_kept_not_the_last():
    states, quality = iter("abcde"), iter([1.0, 5.0, 3.0, 4.0, 2.0])
    found = fit(lambda share: 1.0, lambda: next(quality), lambda: next(states), steps=4, every=1)
    assert (found.best, found.quality.psnr_db, found.quality.steps) == ("b", 5.0, 1)


def test_no_time_left_gives_the_network_as_it_is_with_its_quality():
    descent = Descent()
    found = descent.fit(steps=100, seconds=0)
    assert (found.ended, found.best, found.quality.psnr_db) == ("seconds", 1.0, 0.0)
    assert descent.shares == []


def test_seconds_bound_a_fit(monkeypatch):
    clock = iter(range(10_000))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    descent = Descent()
    found = descent.fit(steps=10**6, seconds=50, every=7)
    assert found.ended == "seconds"
    assert 0 < found.quality.steps <= 50
    assert all(0 <= share < 1 for share in descent.shares)
    assert sorted(descent.shares) == descent.shares


@pytest.mark.parametrize("rate", [1.2, math.nan])
def test_a_diverging_fit_stops_early_and_says_so(rate):
    descent = Descent(rate)
    with pytest.raises(ConfigurationError, match=r"diverged: its loss was 1 at first .* lower learning rate"):
        descent.fit(steps=10_000)
    assert len(descent.shares) < 20


def test_a_loss_that_starts_at_nothing_may_rise():
    losses = iter([0.0, 0.5, 0.2])
    assert fit(lambda share: next(losses), lambda: 0.0, lambda: None, steps=3).ended == "steps"


def test_a_watcher_ends_a_fit():
    found = Descent().fit(steps=100, every=10, watch=lambda c: c.psnr_db > 20)
    assert found.ended == "watch"
    assert found.quality.steps < 100


def test_progress_tells_loss_quality_and_time_left():
    heard = []
    with progress.listen(heard.append):
        Descent().fit(steps=20, every=10, task="siren")
    assert {s.task for s in heard} == {"siren"}
    assert (heard[-1].done, heard[-1].total) == (20, 20)
    assert "loss" in heard[-1].note
    assert "dB" in heard[-1].note
    assert heard[-1].note.endswith("0 s left")


def test_threads_are_fixed_and_put_back():
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    with fitting.threads(1):
        assert torch.get_num_threads() == 1
        with fitting.threads(1):
            pass
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
