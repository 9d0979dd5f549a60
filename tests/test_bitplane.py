"""Set-partitioning coders: the kernels equal the readable reference byte for byte, and every prefix says all it can."""

import itertools

import numpy as np
import pytest

from hypress.bitplane import coder, reference, speck, spiht
from hypress.bitplane.boxes import box_trees
from hypress.bitplane.forest import NEVER, orientation_trees
from hypress.entropy import rangecoder
from hypress.transforms.dwt3d import Levels, subbands

SHAPES = [
    ((1, 1, 1), Levels(0, 0)),
    ((1, 1, 1), Levels(3, 3)),
    ((1, 5, 7), Levels(0, 2)),
    ((9, 1, 1), Levels(2, 0)),
    ((4, 1, 11), Levels(1, 3)),
    ((6, 2, 2), Levels(2, 2)),
    ((5, 6, 7), Levels(2, 2)),
    ((3, 13, 4), Levels(0, 3)),
    ((8, 8, 8), Levels(3, 3)),
]
METHODS = {
    "spiht": (orientation_trees, spiht.run, spiht.CONTEXTS, reference.code_spiht),
    "speck": (box_trees, speck.run, speck.CONTEXTS, reference.code_speck),
}


def scene(shape, levels, forest, seed):
    """Magnitudes that fall towards high frequencies, signs and floors of the nodes of a forest."""
    random = np.random.default_rng(seed)
    values, floors = np.zeros(shape, np.int32), np.zeros(shape, np.uint8)
    for band in subbands(shape, levels, reversible=True):
        floor = int(random.integers(0, 4)) if seed % 2 else 0
        scale = 200 * band.norm**2 * random.random(band.shape) ** 6
        values[band.where] = (random.laplace(0, scale).astype(np.int32) >> floor) << floor
        floors[band.where] = floor
    has = forest.places >= 0
    values = np.where(has, values.reshape(-1)[forest.places], 0).astype(np.int32)
    floors = np.where(has, floors.reshape(-1)[forest.places], np.uint8(NEVER))
    return np.abs(values), (values < 0).astype(np.uint8), floors


def kernel_encode(method, forest, magnitudes, negative, floors, planes, size, arithmetic):
    _, run, contexts, _ = METHODS[method]
    state, out = coder.writer(size, arithmetic=arithmetic)
    known = np.full(forest.nodes, NEVER, np.uint8)
    done = run(
        forest,
        floors,
        planes,
        magnitudes.copy(),
        negative.copy(),
        known,
        state,
        out,
        rangecoder.contexts(contexts),
    )
    return done, coder.written(state, out)


def kernel_decode(method, forest, floors, planes, data, arithmetic):
    _, run, contexts, _ = METHODS[method]
    state, source = coder.reader(data, arithmetic=arithmetic)
    magnitudes, negative = np.zeros(forest.nodes, np.int32), np.zeros(forest.nodes, np.uint8)
    known = np.full(forest.nodes, NEVER, np.uint8)
    done = run(forest, floors, planes, magnitudes, negative, known, state, source, rangecoder.contexts(contexts))
    return done, magnitudes, negative, known


def reference_run(method, forest, floors, planes, magnitudes, negative, talk):
    nodes = reference.Nodes(forest, floors.tolist(), magnitudes.tolist(), negative.tolist())
    try:
        METHODS[method][3](nodes, planes, talk.code)
    except reference.Ended:
        return False, nodes
    return True, nodes


def trial(method, shape, levels, seed):
    forest = METHODS[method][0](shape, levels)
    magnitudes, negative, floors = scene(shape, levels, forest, seed)
    return forest, magnitudes, negative, floors, int(magnitudes.max()).bit_length()


@pytest.mark.parametrize("arithmetic", [True, False])
@pytest.mark.parametrize("method", METHODS)
def test_kernels_are_the_reference_byte_for_byte(method, arithmetic):
    for (shape, levels), seed in itertools.product(SHAPES, range(2)):
        forest, magnitudes, negative, floors, planes = trial(method, shape, levels, seed)
        for size in (10**6, 40, 7, 1, 0):
            done, data = kernel_encode(method, forest, magnitudes, negative, floors, planes, size, arithmetic)
            writer = reference.Writer(size, METHODS[method][2], arithmetic=arithmetic)
            same, _ = reference_run(method, forest, floors, planes, magnitudes, negative, writer)
            assert (done, data) == (same, writer.written())
            assert len(data) <= size


@pytest.mark.parametrize("arithmetic", [True, False])
@pytest.mark.parametrize("method", METHODS)
def test_decoders_find_what_was_coded(method, arithmetic):
    for (shape, levels), seed in itertools.product(SHAPES, range(6)):
        forest, magnitudes, negative, floors, planes = trial(method, shape, levels, seed)
        done, data = kernel_encode(method, forest, magnitudes, negative, floors, planes, 10**6, arithmetic)
        assert done
        done, found, signs, known = kernel_decode(method, forest, floors, planes, data, arithmetic)
        assert done
        np.testing.assert_array_equal(found, magnitudes)
        np.testing.assert_array_equal(signs[found > 0], negative[found > 0])
        np.testing.assert_array_equal(known[found > 0], floors[found > 0])
        assert (known[found == 0] == NEVER).all()


@pytest.mark.parametrize("arithmetic", [True, False])
@pytest.mark.parametrize("method", METHODS)
def test_every_prefix_tells_the_truth_and_more_than_a_shorter_one(method, arithmetic):
    forest, magnitudes, negative, floors, planes = trial(method, (5, 6, 7), Levels(2, 2), 1)
    _, data = kernel_encode(method, forest, magnitudes, negative, floors, planes, 10**6, arithmetic)
    before = np.zeros(forest.nodes, np.int32)
    for size in range(len(data) + 1):
        done, found, signs, known = kernel_decode(method, forest, floors, planes, data[:size], arithmetic)
        assert done == (size == len(data)) or size > len(data) - 3
        told = known != NEVER
        np.testing.assert_array_equal(found[told] >> known[told], magnitudes[told] >> known[told])
        np.testing.assert_array_equal(signs[told], negative[told])
        assert (found >= before).all()
        before = found
        reader = reference.Reader(data[:size], METHODS[method][2], arithmetic=arithmetic)
        zeros = np.zeros(forest.nodes, int)
        _, nodes = reference_run(method, forest, floors, planes, zeros, zeros, reader)
        assert nodes.magnitudes == found.tolist()
        assert nodes.known == {n: int(known[n]) for n in np.flatnonzero(told)}


@pytest.mark.parametrize("method", METHODS)
def test_a_budget_is_a_prefix_for_plain_bits_and_as_good_as_one_for_the_arithmetic_coder(method):
    forest, magnitudes, negative, floors, planes = trial(method, (8, 8, 8), Levels(3, 3), 0)
    _, whole = kernel_encode(method, forest, magnitudes, negative, floors, planes, 10**6, False)
    for size in range(0, len(whole), 17):
        assert kernel_encode(method, forest, magnitudes, negative, floors, planes, size, False) == (False, whole[:size])
    _, whole = kernel_encode(method, forest, magnitudes, negative, floors, planes, 10**6, True)
    for size in range(0, len(whole), 17):
        _, short = kernel_encode(method, forest, magnitudes, negative, floors, planes, size, True)
        assert len(short) == size
        told = [
            int((8 * planes - known[known != NEVER].astype(int)).sum())
            for data in (whole[:size], short)
            for _, _, _, known in [kernel_decode(method, forest, floors, planes, data, True)]
        ]
        assert abs(told[0] - told[1]) <= 8 * planes * 4  # a handful of decisions around the cut


@pytest.mark.parametrize("arithmetic", [True, False])
@pytest.mark.parametrize("method", METHODS)
def test_any_bytes_decode_as_by_the_reference(method, arithmetic):
    random = np.random.default_rng(5)
    for (shape, levels), seed in itertools.product(SHAPES, range(4)):
        forest, _, _, floors, _ = trial(method, shape, levels, seed)
        data = random.integers(0, 256, int(random.integers(0, 60)), np.uint8).tobytes()
        planes = int(random.integers(0, 32))
        done, found, signs, _known = kernel_decode(method, forest, floors, planes, data, arithmetic)
        reader = reference.Reader(data, METHODS[method][2], arithmetic=arithmetic)
        zeros = np.zeros(forest.nodes, int)
        same, nodes = reference_run(method, forest, floors, planes, zeros, zeros, reader)
        assert (done, found.tolist(), signs.tolist()) == (same, nodes.magnitudes, nodes.negative)
        assert (found >= 0).all()


def test_arithmetic_coding_is_worth_it():
    for method in METHODS:
        forest, magnitudes, negative, floors, planes = trial(method, (16, 24, 24), Levels(3, 3), 0)
        _, plain = kernel_encode(method, forest, magnitudes, negative, floors, planes, 10**6, False)
        _, coded = kernel_encode(method, forest, magnitudes, negative, floors, planes, 10**6, True)
        assert len(coded) < 0.97 * len(plain)


# --- trees ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [orientation_trees, box_trees])
def test_every_coefficient_is_in_one_place_and_parents_come_first(make):
    for shape, levels in [*SHAPES, ((13, 7, 30), Levels(2, 3)), ((5, 64, 3), Levels(8, 8))]:
        forest = make(shape, levels)
        places = forest.places[forest.places >= 0]
        assert sorted(places.tolist()) == list(range(int(np.prod(shape))))
        assert forest.first[-1] == forest.nodes
        assert (forest.first[:-1] > np.arange(forest.nodes)).all()
        assert (np.diff(forest.first) >= 0).all()


def test_orientation_trees_are_those_of_the_paper_where_sizes_are_even():
    shape, levels = (8, 16, 16), Levels(2, 3)
    forest = orientation_trees(shape, levels)
    at = [tuple(int(i) for i in np.unravel_index(place, shape)) for place in forest.places]
    children = {at[n]: {at[k] for k in range(forest.first[n], forest.first[n + 1])} for n in range(forest.nodes)}
    assert set(at[: forest.first[0]]) == set(itertools.product(range(2), range(2), range(2)))
    # Low-low: the details at its place, and across bands itself one subband finer.
    assert children[0, 1, 0] == {(0, 3, 0), (0, 1, 2), (0, 3, 2), (2, 1, 0)}
    assert children[3, 1, 0] == {(3, 3, 0), (3, 1, 2), (3, 3, 2), (6, 1, 0), (7, 1, 0)}
    assert children[7, 1, 0] == {(7, 3, 0), (7, 1, 2), (7, 3, 2)}
    # Details: four, twice as far out in the same plane.
    assert children[5, 1, 2] == {(5, 2, 4), (5, 2, 5), (5, 3, 4), (5, 3, 5)}
    assert children[5, 9, 12] == set()


def test_boxes_are_subbands_halved_across_bands_then_quartered():
    shape, levels = (6, 8, 8), Levels(1, 1)
    forest = box_trees(shape, levels)
    assert forest.first[0] == 2  # the lowest subband and the rest

    def members(n):
        kids = range(forest.first[n], forest.first[n + 1])
        return [m for k in kids for m in members(k)] if kids else [int(forest.places[n])]

    def box(n):
        where = np.unravel_index(members(n), shape)
        return tuple((int(w.min()), int(w.max()) + 1) for w in where)

    assert box(0) == ((0, 3), (0, 4), (0, 4))
    first, second = range(forest.first[0], forest.first[1])
    assert box(first) == ((0, 2), (0, 4), (0, 4))
    assert box(second) == ((2, 3), (0, 4), (0, 4))
    quarters = [box(k) for k in range(forest.first[second], forest.first[second + 1])]
    assert quarters == [((2, 3), y, x) for y in ((0, 2), (2, 4)) for x in ((0, 2), (2, 4))]
    rest = [box(k) for k in range(forest.first[1], forest.first[2])]
    wanted = subbands(shape, levels, reversible=True)[1:]
    assert rest == [tuple((s.start, s.stop) for s in band.where) for band in wanted]
