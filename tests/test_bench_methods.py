"""The benchmark's methods: Bjøntegaard's difference, confidence, and what becomes of an analyst's tasks."""

import numpy as np
import pytest
from scipy.optimize import nnls

from hypress.bench import tasks
from hypress.bench.scenes import Scene
from hypress.bench.statistics import bd_rate, mean, pooled_bd_rate


def samples(seed, side):
    """A scene of four mixed spectra, 12 bands, with a little noise."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    maps = np.stack([np.sin(3 * x + seed), np.cos(4 * y), x * y, (x > 0.5) * 1.0])
    spectra = np.abs(random.normal(size=(12, 4))).cumsum(axis=0)
    values = 400 + 90 * np.einsum("bk,kyx->byx", spectra, maps) + random.normal(0, 3, (12, side, side))
    return np.rint(values).clip(0).astype(np.uint16)


NM = np.array([450.0, 560, 600, 665, 700, 842, 860, 1000, 1200, 1400, 1650, 1700])
FIELD = Scene("field", samples(1, 24), wavelength_nm=NM)
TOWN = Scene("town", samples(2, 27), labels=1 + (np.mgrid[:27, :27][1] > 13), anomalies=np.eye(27) > 0)


# --- statistics -----------------------------------------------------------------------------------


def curve(factor, slope=6.0, rates=(0.1, 0.25, 0.5, 1.0)):
    return [(factor * rate, 50 + slope * np.log2(rate)) for rate in rates]


def test_bd_rate_of_shifted_curves_is_the_shift():
    assert bd_rate(curve(1.2), curve(1)) == pytest.approx(0.2)
    assert bd_rate(curve(0.5), curve(1)) == pytest.approx(-0.5)
    assert bd_rate(curve(1), curve(1, rates=(0.2, 0.4, 0.8, 1.6))) == pytest.approx(0, abs=1e-12)  # only where both are
    both = pooled_bd_rate([(curve(2), curve(1)), (curve(0.5), curve(1))])
    assert both.value == pytest.approx(0)  # twice and half: geometric
    assert both.count == 2
    assert both.low < 0 < both.high


def test_bd_rate_is_the_area_between_the_curves():
    # Against straight interpolation of log rate over a fine grid: curves so dense that PCHIP is straight too.
    rates = np.geomspace(0.05, 2, 200)
    one = [(r, 40 + 5 * np.log2(r) + np.sin(r)) for r in rates]
    two = [(r, 38 + 5.5 * np.log2(r)) for r in rates]
    low, high = max(one[0][1], two[0][1]), min(one[-1][1], two[-1][1])
    grid = np.linspace(low, high, 20001)
    logs = [np.interp(grid, [q for _, q in c], np.log([r for r, _ in c])) for c in (one, two)]
    assert bd_rate(one, two) == pytest.approx(np.expm1(np.mean(logs[0] - logs[1])), abs=1e-4)


def test_bd_rate_is_undefined_without_enough_in_common():
    assert bd_rate(curve(1)[:2], curve(1)) is None
    assert bd_rate([(r, q + 100) for r, q in curve(1)], curve(1)) is None
    assert bd_rate([(r, float("inf")) for r, _ in curve(1)], curve(1)) is None
    assert pooled_bd_rate([(curve(1)[:1], curve(1))]) is None
    dented = sorted([*curve(1), (0.3, 20.0)])  # costs more than another and is worse
    assert bd_rate(dented, curve(1)) == pytest.approx(0)


def test_confidence_is_over_the_values():
    values = [1.0, 2.0, 3.0, 10.0, None, float("inf")]
    found = mean(values)
    assert found.value == 4
    assert found.count == 4
    assert 1 <= found.low < 4 < found.high <= 10
    assert mean([5.0]).low == mean([5.0]).high == 5
    assert mean([None]) is None


# --- tasks ----------------------------------------------------------------------------------------


def test_nothing_lost_is_no_harm():
    for scene in (FIELD, TOWN):
        told = tasks.Tasks(scene).compare(scene.samples)
        assert told["classification"]["agreement"] == 1
        assert told["unmixing"]["abundance_rmse"] == 0
        assert all(index["error_99"] == 0 for index in told["indices"].values())
        assert told["anomalies"]["auc"] == told["anomalies"]["auc_original"]
    assert set(told["indices"]) == {"bands 3 and 6", "bands 6 and 9"}  # no wavelengths: at quarters
    assert told["classification"]["classes"] == "labels"
    assert told["anomalies"]["truth"] == "known targets"


def test_noise_harms():
    scene = FIELD
    prepared = tasks.Tasks(scene)
    random = np.random.default_rng(0)

    def noisy(sigma):
        return np.clip(scene.samples + random.normal(0, sigma, scene.samples.shape), 0, 65535).astype(np.uint16)

    little, much = (prepared.compare(noisy(sigma)) for sigma in (2, 200))
    assert set(little["indices"]) == {"NDVI", "NDWI", "NDMI"}
    assert 1 >= little["classification"]["agreement"] > much["classification"]["agreement"]
    assert 0 < little["unmixing"]["abundance_rmse"] < much["unmixing"]["abundance_rmse"]
    assert little["indices"]["NDVI"]["mean_error"] < much["indices"]["NDVI"]["mean_error"]
    assert little["anomalies"]["auc"] > much["anomalies"]["auc"]


def test_abundances_are_those_of_constrained_least_squares():
    random = np.random.default_rng(1)
    members = random.uniform(0, 1, (5, 20))
    spectra = random.dirichlet(np.ones(5), 40) @ members + random.normal(0, 0.2, (40, 20))
    found = tasks.abundances(spectra, members)
    assert (found >= -1e-9).all()
    assert found.sum(axis=1) == pytest.approx(1)
    heavy = 1e4  # the usual trick: a row of ones, weighted
    for spectrum, ours in zip(spectra, found, strict=True):
        theirs, _ = nnls(np.vstack([members.T, heavy * np.ones(5)]), np.append(spectrum, heavy))
        assert ours == pytest.approx(theirs, abs=1e-4)


def test_extremes_auc_and_classifier():
    spectra = np.array([[1.0, 1.0], [9.0, 0.0], [0.0, 5.0], [2.0, 1.0]])
    assert tasks.extremes(spectra, 2) == [1, 2]
    scores, targets = np.array([1.0, 4.0, 2.0, 2.0, 0.0]), np.array([False, True, True, False, False])
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[targets] for b in scores[~targets]]
    assert tasks.auc(scores, targets) == pytest.approx(np.mean(pairs))
    assert tasks.auc(scores, np.zeros(5, bool)) is None
    random = np.random.default_rng(2)
    classes = np.repeat([3, 7], 50)
    apart = random.normal(0, 1, (100, 4)) + 20 * (classes[:, None] == 7)
    assert np.array_equal(tasks.classify(tasks.discriminant(apart, classes), apart), classes)


def test_flat_and_tiny_scenes_are_no_trouble():
    for shape in ((1, 1, 1), (3, 9, 2), (4, 20, 20)):
        flat = Scene("flat", np.full(shape, 7, np.uint16))
        told = tasks.Tasks(flat).compare(flat.samples)
        assert told["unmixing"]["abundance_rmse"] == 0
