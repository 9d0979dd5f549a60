"""Random legal parameters of CCSDS 123.0-B-2, and images to go with them."""

import numpy as np

from hypress.ccsds123.header import Given
from hypress.ccsds123.parameters import BlockAdaptive, ErrorLimits, Hybrid, Parameters, SampleAdaptive, Table


def draw(rng):
    """Parameters of a small image that `Parameters.check` lets pass."""
    pick = lambda *values: values[rng.integers(len(values))]  # noqa: E731
    between = lambda low, high: int(rng.integers(low, high + 1))  # noqa: E731
    shape = between(1, pick(3, 20, 40)), between(1, 9), between(1, 9)
    bands = shape[0]
    bits = pick(between(2, 32), between(8, 16))
    resolution = between(4, 19)
    least = max(32, bits + resolution + 2)
    initial = between(-6, 9)
    full = shape[2] > 1 and rng.random() < 0.6
    prediction_bands = between(0, 15)
    used = [min(z, prediction_bands) for z in range(bands)]

    def rows(low, high, more):
        return tuple(tuple(rng.integers(low, high + 1, n + more).tolist()) for n in used)

    def each(high):
        return tuple(rng.integers(0, high + 1, bands).tolist()) if rng.random() < 0.5 else between(0, high)

    depth = None if rng.random() < 0.3 else between(1, bands)
    kind = pick("lossless", "lossless", "absolute", "relative", "both")
    period = between(0, 3) if depth is not None and kind != "lossless" and rng.random() < 0.4 else None
    periods = 1 if period is None else -(-shape[1] >> period)

    def limits():
        width, dependent = between(1, min(bits - 1, 16)), bool(rng.random() < 0.5)
        most = int(rng.integers(0, 1 << between(1, width)))
        size = (periods, bands if dependent else 1)
        return ErrorLimits(width, tuple(map(tuple, rng.integers(0, most + 1, size).tolist())), dependent)

    weight_bits = between(3, resolution + 3)
    custom = rng.random() < 0.4
    theta = between(0, 4)
    statistics = between(8, 32), 0, between(1, 8)
    statistics = statistics[0], between(max(4, statistics[2] + 1), 11), statistics[2]
    k = min(bits - 2, 14)
    coder = pick(
        SampleAdaptive(*statistics, each(k)),
        Hybrid(*statistics, tuple(rng.integers(0, 1 << (bits + statistics[2]), bands).tolist())),
        Hybrid(*statistics, (0,) * bands),
        BlockAdaptive(pick(8, 16, 32, 64), pick(1, 2, 5, 65, 4096), bits <= 4 and rng.random() < 0.5),
    )
    return Parameters(
        shape=shape, bits=bits, signed=bool(rng.random() < 0.5), depth=depth, coder=coder,
        prediction_bands=prediction_bands, full=full, local_sum=between(0, 3) if shape[2] > 1 else between(2, 3),
        register=pick(least, between(least, 64), 64), resolution=resolution, interval=16 << between(0, 7),
        initial=initial, final=between(initial, 9), weight_bits=weight_bits if custom else 0,
        weights=rows(-(1 << (weight_bits - 1)), (1 << (weight_bits - 1)) - 1, 3 * full) if custom else None,
        exponent_offsets=rows(-6, 5, int(full)) if rng.random() < 0.3 else None,
        absolute=limits() if kind in ("absolute", "both") else None,
        relative=limits() if kind in ("relative", "both") else None,
        period=period, representative=theta, damping=each((1 << theta) - 1) if theta else 0,
        offset=each((1 << theta) - 1) if theta and kind != "lossless" else 0, word_size=between(1, 8),
        user_data=between(0, 255), tables=tuple(_table(rng, shape) for _ in range(pick(0, 0, 2))),
    )  # fmt: skip


def _table(rng, shape):
    structure = int(rng.integers(4))
    size = (1, shape[0], shape[0] * shape[2], shape[1] * shape[2])[structure]
    kind, bits = int(rng.integers(3)), int(rng.integers(1, 24))
    name = ("0d", "1d", "2d_zx", "2d_yx")[structure]
    if kind == 2:
        parts = (rng.integers(0, 1 << n, size).tolist() for n in (1, 5, bits))
        return Table("float", 2, name, tuple(zip(*parts, strict=True)), bits, 5, 15, 7)
    low = -(1 << (bits - 1)) if kind == 1 else 0
    values = tuple(rng.integers(low, low + (1 << bits), size).tolist())
    return Table(("unsigned", "signed")[kind], 11, name, values, bits)


def given(p):
    """All tables, for a header that leaves some out."""
    tables = p.damping, p.offset, getattr(p.coder, "accumulator", None)
    return Given(p.weights, p.exponent_offsets, *(table if isinstance(table, tuple) else None for table in tables))


def image(rng, p):
    """Samples for the parameters: noise, steps, smooth with spikes, or extremes only."""
    kind = rng.integers(4)
    span = p.high - p.low + 1
    if kind == 0:
        return rng.integers(p.low, p.high + 1, p.shape)
    if kind == 1:
        return rng.choice([p.low, p.high], p.shape)
    ramp = np.add.outer(np.arange(p.shape[0]) * 3, np.add.outer(np.arange(p.shape[1]) * 2, np.arange(p.shape[2])))
    noise = rng.integers(0, max(2, min(span // 64, 40)), p.shape)
    spikes = np.where(rng.random(p.shape) < 0.02, rng.integers(0, span, p.shape), 0)
    smooth = p.low + (ramp * (span // 128 + 1) // 8 + noise * (kind == 2) + spikes) % span
    return np.clip(smooth, p.low, p.high)
