"""Spectral partition: the intervals that are there are found, by any price."""

import itertools

import numpy as np
import pytest

from hypress.transforms.partition import correlations, intervals, references


def blocks(sizes, pixels=400, noise=0.2, seed=0):
    random = np.random.default_rng(seed)
    parts = [random.standard_normal((1, pixels)) + noise * random.standard_normal((n, pixels)) for n in sizes]
    return (1000 + 100 * np.concatenate(parts)).astype(np.int16).reshape(sum(sizes), 20, -1)


@pytest.mark.parametrize("sizes", [[12], [10, 20], [9, 30, 14, 25], [40, 56, 59, 10, 59]])
def test_blocks_of_correlated_bands_are_found(sizes):
    found = intervals(correlations(blocks(sizes)))
    assert found == np.cumsum(sizes).tolist()


def test_the_partition_is_the_best_of_all():
    random = np.random.default_rng(3)
    likeness = np.abs(np.corrcoef(random.standard_normal((9, 6))))
    price = 0.7

    def cost(ends):
        total = 0.0
        for low, high in itertools.pairwise([0, *ends]):
            total += price + (high - low) - likeness[low:high, low:high].sum(0).max()
        return total

    every = (
        [*cut, 9] for n in range(9) for cut in itertools.combinations(range(1, 9), n)
    )  # all partitions of nine bands
    assert cost(intervals(likeness, price)) == pytest.approx(min(map(cost, every)))


def test_correlations_agree_with_numpy_and_spare_constant_bands():
    samples = blocks([5, 4])
    samples[3] = 77
    found = correlations(samples)
    live = [i for i in range(9) if i != 3]
    assert np.allclose(found[np.ix_(live, live)], np.corrcoef(samples[live].reshape(8, -1)), atol=1e-9)
    assert (found[3] == 0).all()


def test_references_are_the_likest_bands_before():
    correlation = np.array([[1, 0.2, -0.9, 0.5], [0.2, 1, 0.3, 0.5], [-0.9, 0.3, 1, 0.0], [0.5, 0.5, 0.0, 1]])
    assert references(correlation, 2).tolist() == [[-1, -1], [0, -1], [0, 1], [1, 0]]


def test_one_band_is_one_interval():
    assert intervals(correlations(np.zeros((1, 4, 4), np.uint8))) == [1]
