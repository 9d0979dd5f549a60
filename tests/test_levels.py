"""Numbers to integers and back: exact where it says so, within the bound where it says that."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hypress import levels
from hypress.errors import SceneError
from hypress.levels import Fractions, Halves, Integers, Uniform, integer_type

INTEGERS = [np.dtype(f"{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)]
FLOATS = [np.dtype(f"f{size}") for size in (2, 4, 8)]
SHAPE = hnp.array_shapes(min_dims=3, max_dims=3, max_side=4)


def finite(dtype):
    return hnp.arrays(dtype, SHAPE, elements=hnp.from_dtype(dtype, allow_nan=False, allow_infinity=False))


def back(chosen, values):
    integers = chosen.forward(values)
    spec = chosen.spec(values.shape, values.dtype)
    assert integers.dtype == np.dtype(spec.dtype)
    assert integers.shape == spec.shape
    assert chosen.low <= integers.min()
    assert integers.max() <= chosen.high
    return chosen.inverse(integers, values.dtype)


@settings(deadline=None, max_examples=60)
@given(values=st.sampled_from(INTEGERS + FLOATS).flatmap(finite), max_bits=st.sampled_from([16, 24, 32]))
def test_exact_is_exact_for_every_type(values, max_bits):
    found = back(levels.exact(values, None, max_bits), values)
    assert found.dtype == values.dtype
    assert found.tobytes() == values.tobytes()


@settings(deadline=None, max_examples=60)
@given(values=st.sampled_from(INTEGERS).flatmap(finite), limit=st.integers(1, 1000))
def test_within_keeps_integers_within_the_limit(values, limit):
    chosen = levels.within(values, None, limit, 16)
    if chosen is None:  # the range needs more than 16 bits even so
        assert (int(values.max()) - int(values.min())) // (2 * limit + 1) >= 2**16 - 1
        return
    found = back(chosen, values)
    assert max(abs(int(a) - int(b)) for a, b in zip(found.flat, values.flat, strict=True)) <= limit


@settings(deadline=None, max_examples=60)
@given(values=st.sampled_from([np.dtype("f4"), np.dtype("f8")]).flatmap(finite), limit=st.floats(1e-3, 1e3))
def test_within_keeps_floats_within_the_limit_and_their_own_precision(values, limit):
    chosen = levels.within(values, None, limit, 16)
    if chosen is not None:
        error = np.abs(back(chosen, values).astype(float) - values.astype(float)).max()
        assert error <= limit + float(np.abs(values).max()) * 2**-23


@settings(deadline=None, max_examples=60)
@given(values=st.sampled_from(INTEGERS + FLOATS).flatmap(finite))
def test_fine_is_fine(values):
    try:
        chosen = levels.fine(values, None, 16)
    except SceneError:
        assert values.dtype == np.float64
        return
    assert not isinstance(chosen, Halves)
    assert chosen.spec(values.shape, values.dtype).bits <= 16
    span = float(values.max()) - float(values.min())
    error = np.abs(back(chosen, values).astype(float) - values.astype(float)).max()
    assert error <= span * 2**-14 + 1e-300


@pytest.mark.parametrize("divisor", [1, 10, 1402, 4412, 10_000])
def test_floats_that_hold_fractions_are_found_out(divisor):
    k = np.random.default_rng(0).integers(0, 9000, (5, 30, 31))
    values = (k / divisor).astype(np.float32)
    chosen = levels.exact(values, None, 16)
    assert chosen == Fractions(low=int(k.min()), high=int(k.max()), divisor=divisor)


def test_floats_at_the_ends_of_their_range():
    values = np.array([[[-1.7e308, 0.0, 1.7e308]]])
    assert (back(levels.exact(values, None, 16), values) == values).all()
    assert levels.within(values, None, 1.0, 16) is None


def test_a_negative_zero_is_kept():
    values = np.array([[[-0.0, 1.0, 2.0]]])
    assert np.signbit(back(levels.exact(values, None, 16), values)[0, 0, 0])


def test_what_is_invalid_does_not_widen_the_range():
    values = np.array([[[5, 7, -32768]]], np.int16)
    assert levels.exact(values, values > 0, 16) == Integers(low=5, high=7)


def test_a_constant_float_scene_has_one_level():
    values = np.full((2, 3, 4), np.float32(np.pi))
    chosen = levels.fine(values, None, 16)
    assert isinstance(chosen, Uniform)
    assert (back(chosen, values) == values).all()


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 0, ("uint8", 1)),
        (0, 255, ("uint8", 8)),
        (0, 256, ("uint16", 9)),
        (-1, 0, ("int8", 1)),
        (-128, 127, ("int8", 8)),
        (-129, 0, ("int16", 9)),
        (0, 2**64 - 1, ("uint64", 64)),
        (-(2**63), 0, ("int64", 64)),
    ],
)
def test_integer_type_is_the_smallest(low, high, expected):
    dtype, bits = integer_type(low, high)
    assert (dtype.name, bits) == expected
