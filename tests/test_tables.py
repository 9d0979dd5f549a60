"""Table-driven coding: the kernel against its reference, the tables against SciPy, any bytes against the decoder."""

import hashlib

import numpy as np
import pytest
from scipy.stats import norm

from hypress.entropy.gaussian import SCALES, gaussian_tables
from hypress.entropy.tables import (
    TOTAL,
    TableDecoder,
    TableEncoder,
    Tables,
    decode_reference,
    encode_reference,
    quantised_frequencies,
)
from hypress.errors import CodestreamError


def drawn(count, seed=0, spread=1.3):
    """Integers of random scales, some far outside of their tables."""
    random = np.random.default_rng(seed)
    chosen = random.integers(0, SCALES, count)
    values = np.rint(random.standard_normal(count) * 0.11 * np.exp(chosen / 8) * spread).astype(np.int64)
    values[::37] *= 50
    values[::101] = random.choice([-(1 << 28), 1 << 28, 12345678], len(values[::101]))
    return values, chosen


def encoded(values, chosen, tables):
    coder = TableEncoder(tables)
    coder.add(values, chosen)
    return coder.finish()


@pytest.mark.parametrize("seed", range(4))
def test_the_kernel_writes_and_reads_what_the_reference_does(seed):
    tables = gaussian_tables()
    values, chosen = drawn(3000, seed)
    data = encoded(values, chosen, tables)
    assert data == encode_reference(values.tolist(), chosen.tolist(), tables)
    assert np.array_equal(TableDecoder(data, tables).read(chosen), values)
    assert decode_reference(data, chosen.tolist(), tables) == values.tolist()


def test_runs_are_read_as_they_were_added():
    tables = gaussian_tables()
    values, chosen = drawn(600)
    coder = TableEncoder(tables)
    for part in np.split(np.arange(600).reshape(3, 200), 3):
        coder.add(values[part], chosen[part])
    decoder = TableDecoder(coder.finish(), tables)
    for part in np.split(np.arange(600).reshape(3, 200), 3):
        assert np.array_equal(decoder.read(chosen[part]), values[part])


def test_the_estimate_is_what_the_file_takes():
    values, chosen = drawn(40_000, spread=1.0)
    tables = gaussian_tables()
    assert tables.bits(values, chosen) == pytest.approx(8 * len(encoded(values, chosen, tables)), rel=2e-3)


def test_nothing_takes_nothing():
    assert TableEncoder(gaussian_tables()).finish() == b""
    assert TableDecoder(b"", gaussian_tables()).read(np.zeros((3, 0), np.int64)).shape == (3, 0)


def test_integers_of_thirty_bits_are_refused():
    with pytest.raises(ValueError, match="30 bits"):
        TableEncoder(gaussian_tables()).add(np.array([1 << 30]), np.array([5]))


@pytest.mark.parametrize("seed", range(30))
def test_any_bytes_decode_or_are_refused(seed):
    random = np.random.default_rng(seed)
    data = random.choice([random.bytes(400), b"", b"\xff" * 300, bytes(50)])
    try:
        values = TableDecoder(bytes(data), gaussian_tables()).read(random.integers(0, SCALES, 2000))
    except CodestreamError:
        return
    assert np.abs(values).max() <= 1 << 31


# --- tables -------------------------------------------------------------------------------------------


def test_gaussian_tables_agree_with_scipy():
    tables = gaussian_tables()
    for scale in range(SCALES):
        run = np.diff(tables.cumulative[tables.start[scale] : tables.start[scale + 1]]) / TOTAL
        place = np.arange(len(run) - 1) + tables.first[scale]
        deviation = 0.11 * np.exp(scale / 8)
        expected = norm.cdf((place + 0.5) / deviation) - norm.cdf((place - 0.5) / deviation)
        assert np.abs(run[:-1] - expected).max() < 3 * len(run) / TOTAL
        assert np.array_equal(place, -place[::-1])


def test_gaussian_tables_are_what_they_always_were():
    # Streams hang on every one of these numbers.
    tables = gaussian_tables()
    joined = b"".join(part.astype(">i8").tobytes() for part in (tables.cumulative, tables.start, tables.first))
    assert hashlib.sha256(joined).hexdigest() == "ce28f73a4833a59221aa9aea6517e7cd4457faca538948de0aaa32c98cd7bbba"


def test_frequencies_add_up_and_leave_nothing_out():
    for weights in ([1, 0, 0], [0, 0, 1, 10**12], list(range(1, 300)), [5]):
        frequencies = quantised_frequencies(weights)
        assert sum(frequencies) == TOTAL
        assert min(frequencies) >= 1
        assert np.argmax(frequencies) == np.argmax(weights)


@pytest.mark.parametrize("wrong", [[TOTAL - 1, 0], [TOTAL], [TOTAL - 5, 4]])
def test_tables_that_a_coder_would_stumble_over_are_refused(wrong):
    with pytest.raises(ValueError, match="65536"):
        Tables.of([wrong if len(wrong) > 1 else [TOTAL + 1, -1]], [0])
