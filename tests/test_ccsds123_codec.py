"""The codec ccsds123: what it promises, what it chooses, bare streams."""

import numpy as np
import pytest

import hypress
from hypress import ccsds123
from hypress.ccsds123 import fitting
from hypress.ccsds123.parameters import NARROW_COLUMN, WIDE_COLUMN, WIDE_NEIGHBOR
from hypress.codec import Spec
from hypress.codecs.ccsds123 import Ccsds123
from hypress.errors import CodestreamError, ConfigurationError, LimitError

CODERS = ("sample_adaptive", "hybrid", "block_adaptive")


def cube(bands, rows, columns, *, dtype="uint16", seed=0, noise=3.0):
    """Spectra that are alike but for strength and tilt, under smooth abundances, with noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns]
    wave = np.linspace(0, 1, bands)[:, None, None]
    field = 1.2 + np.sin(y / 9 + x / 14) + 0.4 * np.cos(x / 5) * wave
    samples = np.rint(20 + 600 * field * (1 + wave) + rng.normal(0, noise, (bands, rows, columns)))
    low = -4096 if np.dtype(dtype).kind == "i" else 0
    return (samples - (1500 if low else 0)).clip(low, 4095).astype(dtype)


def spec_of(samples, bits=None):
    return Spec(samples.shape, samples.dtype.name, bits or 8 * samples.dtype.itemsize)


def through(codec, samples, bits=None):
    spec = spec_of(samples, bits)
    streams = codec.encode(samples, spec)
    return codec.decode(streams, spec), sum(map(len, streams.values()))


def largest_error(samples, decoded):
    return abs(decoded.astype(np.int64) - samples).max()


# --- promises ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("coder", CODERS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 50), (7, 20, 1), (40, 1, 1), (32, 40, 40)])
@pytest.mark.parametrize("dtype", ["uint16", "int16"])
def test_lossless(dtype, shape, coder):
    samples = cube(*shape, dtype=dtype)
    decoded, _ = through(Ccsds123(entropy_coder=coder), samples, 14)
    assert decoded.dtype == samples.dtype
    np.testing.assert_array_equal(decoded, samples)


@pytest.mark.parametrize("coder", CODERS)
def test_errors_stay_within_the_limit_and_pay(coder):
    samples, sizes = cube(12, 40, 40, noise=9.0), []
    for limit in (1, 2, 5, 20, 100):
        codec = Ccsds123(entropy_coder=coder).with_max_error(limit)
        assert codec.max_error() == limit
        decoded, size = through(codec, samples, 13)
        assert limit // 2 < largest_error(samples, decoded) <= limit
        sizes.append(size)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] < 0.8 * through(Ccsds123(entropy_coder=coder), samples, 13)[1]


def test_limits_of_bands_and_periods():
    samples = cube(6, 40, 30, noise=9.0)
    limits = ((0, 1, 2, 3, 4, 5), (9, 9, 9, 0, 0, 0), (7,) * 6)
    codec = Ccsds123(absolute_error_limit=limits, update_period_exponent=4)
    assert codec.max_error() == 9
    errors = abs(through(codec, samples, 13)[0].astype(int) - samples)
    for period, row in enumerate(limits):
        found = errors[:, 16 * period : 16 * (period + 1)].max(axis=(1, 2))
        assert (found <= row).all()
        assert found.sum() > sum(row) // 2


def test_relative_limits_follow_the_samples():
    samples = cube(8, 40, 40, dtype="int16")
    sizes = [through(Ccsds123(), samples, 14)[1]]
    for percent in (0.5, 2.0, 10.0):
        codec = Ccsds123().with_relative_error(percent)
        assert codec.max_error() is None
        decoded, size = through(codec, samples, 14)
        errors = abs(decoded.astype(int) - samples)
        # The limit is a share of the prediction, which is never far off here: no more than 100 and a quarter.
        assert (errors <= percent / 100 * (1.25 * abs(samples.astype(int)) + 100)).all()
        assert errors[abs(samples) > 1000].max() > 0.6 * percent / 100 * 1000
        assert size < sizes[-1]
        sizes.append(size)


def test_of_both_limits_the_stricter_one_holds():
    samples = cube(8, 30, 30)
    both = Ccsds123(absolute_error_limit=4, relative_error_percent=1.0)
    assert both.max_error() == 4
    decoded, size = through(both, samples, 13)
    assert largest_error(samples, decoded) <= 4
    for one in (Ccsds123(absolute_error_limit=4), Ccsds123(relative_error_percent=1.0)):
        assert through(one, samples, 13)[1] < size


def test_goals():
    samples = cube(10, 30, 30)
    lossless = hypress.encode(samples, "ccsds123", hypress.Lossless())
    np.testing.assert_array_equal(hypress.decode(lossless), samples)
    near = hypress.encode(samples, "ccsds123", hypress.MaxError(dn=3))
    assert largest_error(samples, hypress.decode(near)) == 3
    share = hypress.encode(samples, "ccsds123", hypress.RelativeError(percent=1))
    assert 3 < largest_error(samples, hypress.decode(share)) < 0.013 * samples.max()
    assert len(share) < len(near) < len(lossless)


def test_a_goal_looser_than_the_samples_allow_is_kept():
    samples = np.random.default_rng(0).integers(0, 8, (3, 9, 9), np.uint8)
    for limit in (3, 4, 300, 70000):
        codec = Ccsds123(relative_error_percent=1.0).with_max_error(limit)
        decoded, _ = through(codec, samples, 3)
        assert largest_error(samples, decoded) <= 3
    decoded, _ = through(Ccsds123().with_relative_error(99.0), samples, 3)
    assert decoded.shape == samples.shape


# --- what is chosen ---------------------------------------------------------------------------------------


def test_fitted_weights_pay():
    samples = cube(32, 48, 48)
    plain = through(Ccsds123(weight_initialization="default"), samples, 13)[1]
    assert through(Ccsds123(), samples, 13)[1] < 0.97 * plain
    chosen = Ccsds123().parameters(samples, spec_of(samples, 13))
    assert (chosen.full, chosen.prediction_bands, chosen.register) == (False, 12, 32)
    assert [len(row) for row in chosen.weights] == [min(z, 12) for z in range(32)]


def test_small_images_have_no_table_of_weights():
    for shape in ((6, 20, 20), (1, 60, 60), (5, 1, 2000), (5, 2000, 2)):
        samples = cube(*shape)
        chosen = Ccsds123().parameters(samples, spec_of(samples))
        assert chosen.weights is None
        np.testing.assert_array_equal(through(Ccsds123(), samples)[0], samples)
        np.testing.assert_array_equal(through(Ccsds123(weight_initialization="fitted"), samples)[0], samples)


@pytest.mark.parametrize("columns", [False, True])
def test_weights_are_those_of_least_squares(columns):
    """Against numpy's solver, on differences as equations 20 to 24 have them."""
    samples = np.random.default_rng(0).integers(0, 900, (9, 30, 25))
    samples[1:] += samples[:-1]
    here, north = samples[:, 1:, 1:-1], samples[:, :-1, 1:-1]
    around = samples[:, 1:, :-2] + samples[:, :-1, :-2] + north + samples[:, :-1, 2:]
    differences = (4 * here - (4 * north if columns else around)).reshape(9, -1)
    found = fitting.fit(samples.astype(np.uint16), 4, 13, 16, 0, columns)
    energies = []
    for z in range(9):
        before = differences[max(0, z - 4) : z][::-1]
        best, *_ = np.linalg.lstsq(before.T.astype(float), differences[z].astype(float), rcond=None)
        np.testing.assert_allclose(np.array(found.weights[z]) / (1 << 13), best, atol=2e-3)
        energies.append(np.log2(np.sum((differences[z] - before.T @ best) ** 2)))
    assert found.remainder == pytest.approx(np.mean(energies), abs=1e-3)


def test_sums_are_chosen_by_what_they_leave():
    """Across striped columns a neighbour in the same column tells more."""
    samples = cube(8, 40, 40)
    assert Ccsds123().parameters(samples, spec_of(samples)).local_sum == WIDE_NEIGHBOR
    stripes = np.random.default_rng(0).integers(0, 900, (8, 1, 40), np.uint16)
    striped = samples + stripes
    assert Ccsds123().parameters(striped, spec_of(striped)).local_sum == WIDE_COLUMN
    asked = Ccsds123(local_sum="narrow_column").parameters(samples, spec_of(samples))
    assert asked.local_sum == NARROW_COLUMN
    assert asked.weights is not None


def test_representatives_are_chosen_by_the_limit():
    samples = cube(4, 40, 40)
    for limit, wanted in ((0, (0, 0)), (1, (3, 3)), (16, (3, 3)), (17, (0, 0))):
        p = Ccsds123().with_max_error(limit).parameters(samples, spec_of(samples))
        assert (p.representative, p.offset) == wanted
    said = Ccsds123(absolute_error_limit=2, representative_resolution=2).parameters(samples, spec_of(samples))
    assert (said.representative, said.offset) == (2, 0)


def test_one_exponent_said_moves_the_other():
    for fields in ({"weight_update_initial": 9}, {"weight_update_final": -6}, {"weight_update_initial": -6}):
        samples = cube(3, 40, 40)
        p = Ccsds123(**fields).parameters(samples, spec_of(samples))
        p.check()
        assert p.initial <= p.final


def test_configurations_that_contradict_themselves_are_refused():
    for fields in (
        {"relative_error_limit": 3, "relative_error_percent": 1.0},
        {"weight_initialization": "fitted", "prediction_mode": "full"},
        {"update_period_exponent": 1, "relative_error_percent": 1.0},
        {"absolute_error_limit": -1},
        {"absolute_error_limit": 70000},
        {"absolute_error_limit": []},
        {"absolute_error_limit": 16, "absolute_error_bits": 4},
        {"relative_error_limit": [[1, 2], [3, 9]], "relative_error_bits": 3},
        {"prediction_bands": 16},
        {"entropy_coder": "huffman"},
        {"block_size": 24},
        {"weight_update_interval": 100},
        {"omitted_tables": ["weights"]},
    ):
        with pytest.raises(ConfigurationError):
            Ccsds123.configured(fields)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"dynamic_range": 10}, "do not fit"),
        ({"register_size": 33, "weight_resolution": 19}, "register_size"),
        ({"interleaving_depth": 5}, "interleaving_depth"),
        ({"damping": 1}, "damping"),
        ({"offset": 1, "representative_resolution": 2}, "offset"),
        ({"absolute_error_limit": (1, 2)}, "one for each"),
        ({"absolute_error_limit": ((1, 2), 3), "update_period_exponent": 4}, "one value"),
        ({"absolute_error_limit": 3, "update_period_exponent": 4}, "a list of 2"),
        ({"absolute_error_limit": ((), (1,)), "update_period_exponent": 4}, "one for each"),
        ({"absolute_error_limit": 3, "absolute_error_bits": 13, "dynamic_range": 13}, "bits of absolute"),
        ({"update_period_exponent": 4}, "error limits"),
        ({"weight_initialization": ((1,), (1,))}, "a row for each"),
        ({"weight_initialization": ((), (1,), (1, 1), (1,) * 3), "weight_initialization_bits": 22}, "_bits"),
        ({"restricted_code_options": True, "entropy_coder": "block_adaptive"}, "restricted"),
        ({"accumulator_initialization": 15, "entropy_coder": "sample_adaptive"}, "accumulator"),
        ({"initial_accumulators": -1}, "accumulator"),
        ({"supplementary_tables": ({"type": "unsigned"},)}, "purpose"),
        ({"supplementary_tables": ({"type": "unsigned", "values": ["x"]},)}, "values"),
    ],
)
def test_parameters_that_do_not_go_with_the_samples_are_refused(fields, said):
    samples = cube(4, 20, 20)
    with pytest.raises(ConfigurationError, match=said):
        Ccsds123.configured(fields).encode(samples, spec_of(samples, 13))


# --- streams ----------------------------------------------------------------------------------------------


def test_the_stream_is_the_standards():
    samples = cube(4, 40, 40)
    codec = Ccsds123(user_data=9)
    data = codec.to_standard(samples, spec_of(samples, 13))
    assert codec.encode(samples, spec_of(samples, 13)) == {"bitstream": data}
    p, _ = ccsds123.read_header(data)
    assert (p.shape, p.bits, p.user_data) == (samples.shape, 13, 9)


@pytest.mark.parametrize(
    ("dtype", "bits", "read_as"),
    [
        ("uint8", 1, "uint8"), ("int8", 8, "int8"), ("uint16", 9, "uint16"), ("int16", 5, "int8"),
        ("uint32", 17, "uint32"), ("int32", 32, "int32"), ("uint32", 32, "uint32"),
    ],
)  # fmt: skip
def test_bare_streams_come_back(dtype, bits, read_as):
    low = -(1 << (bits - 1)) if np.dtype(dtype).kind == "i" else 0
    samples = np.random.default_rng(0).integers(low, low + (1 << bits), (3, 8, 9)).astype(dtype)
    data = Ccsds123().to_standard(samples, spec_of(samples, bits))
    decoded = Ccsds123().from_standard(data)
    assert decoded.dtype == read_as
    np.testing.assert_array_equal(decoded, samples)


def test_a_stream_that_is_not_what_was_expected_is_refused():
    samples = cube(4, 20, 20)
    spec = spec_of(samples, 13)
    streams = Ccsds123().encode(samples, spec)
    for other in (Spec((4, 20, 21), "uint16", 13), Spec((4, 20, 20), "int16", 13), Spec((4, 20, 20), "uint8", 8)):
        with pytest.raises(CodestreamError, match="expected"):
            Ccsds123().decode(streams, other)
    for names in ({}, streams | {"more": b""}, {"stream": streams["bitstream"]}):
        with pytest.raises(CodestreamError, match="needs the stream"):
            Ccsds123().decode(names, spec)


def test_fields_say_what_a_header_leaves_out():
    samples = cube(3, 20, 20)
    codec = Ccsds123(
        entropy_coder="sample_adaptive", accumulator_initialization=(5, 6, 7), representative_resolution=2,
        damping=(1, 0, 3), omitted_tables=("accumulator_initialization", "damping"),
    )  # fmt: skip
    data = codec.to_standard(samples, spec_of(samples, 13))
    with pytest.raises(CodestreamError, match="damping"):
        Ccsds123().from_standard(data)
    reader = Ccsds123(accumulator_initialization=(5, 6, 7), damping=(1, 0, 3))
    np.testing.assert_array_equal(reader.from_standard(data), samples)


def test_a_bare_stream_may_not_ask_for_more_than_allowed(monkeypatch):
    samples = cube(4, 40, 40)
    data = Ccsds123().to_standard(samples, spec_of(samples, 13))
    monkeypatch.setattr("hypress.ccsds123.MAX_DECODED", 4 * samples.size - 1)
    with pytest.raises(LimitError):
        Ccsds123().from_standard(data)
    monkeypatch.setattr("hypress.ccsds123.MAX_DECODED", 4 * samples.size)
    np.testing.assert_array_equal(Ccsds123().from_standard(data), samples)
