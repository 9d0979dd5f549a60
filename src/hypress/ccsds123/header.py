"""The header of a compressed image (clause 5.3), written and read.

Tables may be left out of it; a reader is then given them, as `Given`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from hypress.ccsds123.bits import BitReader, BitWriter
from hypress.ccsds123.parameters import (
    STRUCTURES,
    TYPES,
    BlockAdaptive,
    ErrorLimits,
    Hybrid,
    Parameters,
    Rows,
    SampleAdaptive,
    Table,
)
from hypress.errors import CodestreamError, ConfigurationError

T = TypeVar("T")


@dataclass(frozen=True)
class Given:
    """Tables that a header may leave out; a reader takes those that it does."""

    weight_initialization: Rows | None = None
    weight_exponent_offsets: Rows | None = None
    damping: tuple[int, ...] | None = None
    offset: tuple[int, ...] | None = None
    accumulator_initialization: tuple[int, ...] | None = None


# --- writing -------------------------------------------------------------------------------------


def write(p: Parameters) -> bytes:
    """The header of checked parameters."""
    out = BitWriter()
    _write_image(p, out)
    _write_predictor(p, out)
    _write_coder(p, out)
    return out.bytes()


def _write_image(p: Parameters, out: BitWriter) -> None:
    """Table 5-3, and the supplementary information tables of table 5-4."""
    out.put(p.user_data, 8)
    for size in reversed(p.shape):
        out.put(size, 16)
    out.put(p.signed, 1)
    out.put(0, 1)
    out.put(p.bits > 16, 1)
    out.put(p.bits, 4)
    out.put(p.depth is None, 1)
    out.put(p.depth or 0, 16)
    out.put(0, 2)
    out.put(p.word_size, 3)
    out.put((SampleAdaptive, Hybrid, BlockAdaptive).index(type(p.coder)), 2)
    out.put(0, 1)
    out.put((p.absolute is not None) + 2 * (p.relative is not None), 2)
    out.put(0, 2)
    out.put(len(p.tables), 4)
    for table in p.tables:
        out.put(TYPES.index(table.type), 2)
        out.put(0, 2)
        out.put(table.purpose, 4)
        out.put(0, 1)
        out.put(STRUCTURES.index(table.structure), 2)
        out.put(0, 1)
        out.put(table.user_data, 4)
        out.put(table.bits, 5)
        values: Any = table.values
        if table.type == "float":
            out.put(table.exponent_bits, 3)
            out.put(table.exponent_bias, table.exponent_bits)
            shifts = (table.exponent_bits + table.bits, table.bits, 0)
            whole = [sum(part << s for part, s in zip(value, shifts, strict=True)) for value in values]
            out.put_all(whole, 1 + table.exponent_bits + table.bits)
        else:
            out.put_all(values, table.bits)
        out.align()


def _write_predictor(p: Parameters, out: BitWriter) -> None:
    """Tables 5-6 to 5-12."""
    offsets, weights = p.exponent_offsets, p.weights
    offsets_here = offsets is not None and "weight_exponent_offsets" not in p.omitted
    weights_here = weights is not None and "weight_initialization" not in p.omitted
    out.put(0, 1)
    out.put(p.representative > 0, 1)
    out.put(p.prediction_bands, 4)
    out.put(not p.full, 1)
    out.put(offsets is not None, 1)
    out.put(p.local_sum, 2)
    out.put(p.register, 6)
    out.put(p.resolution - 4, 4)
    out.put(p.interval.bit_length() - 5, 4)
    out.put(p.initial + 6, 4)
    out.put(p.final + 6, 4)
    out.put(offsets_here, 1)
    out.put(weights is not None, 1)
    out.put(weights_here, 1)
    out.put(p.weight_bits if weights is not None else 0, 5)
    if weights is not None and weights_here:
        out.put_all((w for row in weights for w in row), p.weight_bits)
        out.align()
    if offsets is not None and offsets_here:
        out.put_all((o for row in offsets for o in row), 4)
        out.align()
    if not p.lossless:
        _write_limits(p, out)
    if p.representative > 0:
        _write_representative(p, out)


def _write_limits(p: Parameters, out: BitWriter) -> None:
    if p.depth is not None:
        out.put(0, 1)
        out.put(p.period is not None, 1)
        out.put(0, 2)
        out.put(p.period or 0, 4)
    for limits in (p.absolute, p.relative):
        if limits is not None:
            out.put(0, 1)
            out.put(limits.dependent, 1)
            out.put(0, 2)
            out.put(limits.bits, 4)
            if p.period is None:
                out.put_all(limits.values[0], limits.bits)
                out.align()


def _write_representative(p: Parameters, out: BitWriter) -> None:
    out.put(0, 5)
    out.put(p.representative, 3)
    named = (("damping", p.damping), ("offset", p.offset))
    for name, value in named:
        out.put(0, 1)
        out.put(isinstance(value, tuple), 1)
        out.put(isinstance(value, tuple) and name not in p.omitted, 1)
        out.put(0, 1)
        out.put(0 if isinstance(value, tuple) else value, 4)
    for name, value in named:
        if isinstance(value, tuple) and name not in p.omitted:
            out.put_all(value, p.representative)
            out.align()


def _write_coder(p: Parameters, out: BitWriter) -> None:
    """Tables 5-13 to 5-15."""
    coder = p.coder
    if isinstance(coder, BlockAdaptive):
        out.put(0, 1)
        out.put(coder.block.bit_length() - 4, 2)
        out.put(coder.restricted, 1)
        out.put(coder.interval, 12)
        return
    out.put(coder.unary_limit, 5)
    out.put(coder.rescaling - 4, 3)
    out.put(coder.initial_count, 3)
    if isinstance(coder, Hybrid):
        out.put(0, 5)
        return
    table = coder.accumulator if isinstance(coder.accumulator, tuple) else None
    here = table is not None and "accumulator_initialization" not in p.omitted
    out.put(coder.accumulator if isinstance(coder.accumulator, int) else 15, 4)
    out.put(here, 1)
    if table is not None and here:
        out.put_all(table, 4)
        out.align()


# --- reading -------------------------------------------------------------------------------------


def read(data: bytes, given: Given) -> tuple[Parameters, int]:
    """The parameters, checked, and the bytes that the header takes. Raises CodestreamError.

    Error limits that are updated periodically are in the body: here there are none.
    """
    source = BitReader(data)
    try:
        parameters = _read(source, given)
        parameters.check()
    except ConfigurationError as error:
        raise CodestreamError(f"the CCSDS 123 header has illegal parameters: {error}") from None
    return parameters, source.position // 8


def _or_highest(value: int, highest: int) -> int:
    """A value that was coded modulo `highest`, which stands as 0."""
    return value or highest


def _read(source: BitReader, given: Given) -> Parameters:
    user_data = source.take(8)
    columns, rows, bands = (_or_highest(source.take(16), 1 << 16) for _ in range(3))
    shape = bands, rows, columns
    signed = source.flag()
    source.reserved(1)
    large = source.flag()
    bits = _or_highest(source.take(4), 16) + 16 * large
    sequential = source.flag()
    depth = source.take(16)
    if sequential and depth:
        raise CodestreamError("the CCSDS 123 header gives band-sequential order an interleaving depth")
    source.reserved(2)
    word_size = _or_highest(source.take(3), 8)
    kind = source.take(2)
    source.reserved(1)
    fidelity = source.take(2)
    source.reserved(2)
    tables = tuple(_read_table(source, shape) for _ in range(source.take(4)))

    source.reserved(1)
    has_representative = source.flag()
    prediction_bands = source.take(4)
    full = not source.flag()
    has_offsets = source.flag()
    local_sum = source.take(2)
    register = _or_highest(source.take(6), 64)
    resolution = source.take(4) + 4
    interval = 1 << (source.take(4) + 4)
    initial, final = source.take(4) - 6, source.take(4) - 6
    offsets_here, has_weights, weights_here = source.flag(), source.flag(), source.flag()
    weight_bits = source.take(5)
    if (offsets_here and not has_offsets) or (weights_here and not has_weights) or bool(weight_bits) != has_weights:
        raise CodestreamError("the CCSDS 123 header contradicts itself about its weight tables")
    counts = np.minimum(np.arange(bands), prediction_bands)
    omitted: set[str] = set()
    weights = offsets = None
    if weights_here:
        weights = _read_rows(source, counts + 3 * full, weight_bits)
    elif has_weights:
        weights = _given("weight_initialization", given.weight_initialization, omitted)
    if offsets_here:
        offsets = _read_rows(source, counts + full, 4)
    elif has_offsets:
        offsets = _given("weight_exponent_offsets", given.weight_exponent_offsets, omitted)

    period = None
    if fidelity and not sequential:
        source.reserved(1)
        periodic = source.flag()
        source.reserved(2)
        exponent = source.take(4)
        if periodic:
            period = exponent
        elif exponent:
            raise CodestreamError("the CCSDS 123 header has an update period but no updating")
    absolute = _read_limits(source, bands, period is not None) if fidelity & 1 else None
    relative = _read_limits(source, bands, period is not None) if fidelity & 2 else None
    representative = 0
    damping: int | tuple[int, ...] = 0
    offset: int | tuple[int, ...] = 0
    if has_representative:
        source.reserved(5)
        representative = source.take(3)
        if not 1 <= representative <= 4:
            raise CodestreamError(f"the CCSDS 123 header has a representative resolution of {representative}")
        said = [_read_representative(source) for _ in range(2)]
        damping = _read_varying(source, "damping", *said[0], given.damping, bands, representative, omitted)
        offset = _read_varying(source, "offset", *said[1], given.offset, bands, representative, omitted)
    coder = _read_coder(source, kind, bands, given, omitted)
    return Parameters(
        shape=shape, bits=bits, signed=signed, depth=None if sequential else _or_highest(depth, 1 << 16), coder=coder,
        prediction_bands=prediction_bands, full=full, local_sum=local_sum, register=register, resolution=resolution,
        interval=interval, initial=initial, final=final, weight_bits=weight_bits, weights=weights,
        exponent_offsets=offsets, absolute=absolute, relative=relative, period=period, representative=representative,
        damping=damping, offset=offset, word_size=word_size, user_data=user_data, tables=tables,
        omitted=frozenset(omitted),
    )  # fmt: skip


def _read_table(source: BitReader, shape: tuple[int, int, int]) -> Table:
    kind = source.take(2)
    if kind > 2:
        raise CodestreamError("the CCSDS 123 header has a supplementary table of unknown type")
    source.reserved(2)
    purpose = source.take(4)
    source.reserved(1)
    structure = source.take(2)
    source.reserved(1)
    user_data = source.take(4)
    bands, rows, columns = shape
    size = (1, bands, bands * columns, rows * columns)[structure]
    bits = source.take(5)
    exponent_bits = bias = 0
    values: tuple[Any, ...]
    if TYPES[kind] == "float":
        exponent_bits = _or_highest(source.take(3), 8)
        bias = source.take(exponent_bits)
        whole = source.take_all(size, 1 + exponent_bits + bits)
        parts = (
            whole >> (exponent_bits + bits),
            (whole >> bits) & ((1 << exponent_bits) - 1),
            whole & ((1 << bits) - 1),
        )
        values = tuple(zip(*(part.tolist() for part in parts), strict=True))
    else:
        bits = _or_highest(bits, 32)
        values = tuple(source.take_all(size, bits, signed=TYPES[kind] == "signed").tolist())
    source.align()
    return Table(TYPES[kind], purpose, STRUCTURES[structure], values, bits, exponent_bits, bias, user_data)


def _read_rows(source: BitReader, counts: np.ndarray[tuple[int], np.dtype[np.int64]], width: int) -> Rows:
    flat = source.take_all(int(counts.sum()), width, signed=True)
    source.align()
    return tuple(tuple(row.tolist()) for row in np.split(flat, np.cumsum(counts)[:-1]))


def _given(name: str, value: T | None, omitted: set[str]) -> T:
    if value is None:
        raise CodestreamError(f"this CCSDS 123 stream leaves its table {name} out: give it as the codec's field {name}")
    omitted.add(name)
    return value


def _read_limits(source: BitReader, bands: int, updated: bool) -> ErrorLimits:
    """One block of limits; those that are updated follow in the body."""
    source.reserved(1)
    dependent = source.flag()
    source.reserved(2)
    bits = _or_highest(source.take(4), 16)
    if updated:
        return ErrorLimits(bits, (), dependent)
    values = tuple(source.take_all(bands if dependent else 1, bits).tolist())
    source.align()
    return ErrorLimits(bits, (values,), dependent)


def _read_representative(source: BitReader) -> tuple[bool, bool, int]:
    """Whether the value varies, whether its table is here, the fixed value."""
    source.reserved(1)
    varying, here = source.flag(), source.flag()
    source.reserved(1)
    fixed = source.take(4)
    if (here and not varying) or (fixed and varying):
        raise CodestreamError("the CCSDS 123 header contradicts itself about its sample representatives")
    return varying, here, fixed


def _read_varying(
    source: BitReader,
    name: str,
    varying: bool,
    here: bool,
    fixed: int,
    given: tuple[int, ...] | None,
    bands: int,
    width: int,
    omitted: set[str],
) -> int | tuple[int, ...]:
    if not varying:
        return fixed
    if not here:
        return _given(name, given, omitted)
    values = tuple(source.take_all(bands, width).tolist())
    source.align()
    return values


def _read_coder(
    source: BitReader, kind: int, bands: int, given: Given, omitted: set[str]
) -> SampleAdaptive | Hybrid | BlockAdaptive:
    if kind == 3:
        raise CodestreamError("the CCSDS 123 header names an unknown entropy coder")
    if kind == 2:
        source.reserved(1)
        block = 8 << source.take(2)
        restricted = source.flag()
        return BlockAdaptive(block, _or_highest(source.take(12), 4096), restricted)
    statistics = _or_highest(source.take(5), 32), source.take(3) + 4, _or_highest(source.take(3), 8)
    if kind == 1:
        source.reserved(5)
        return Hybrid(*statistics)
    accumulator: int | tuple[int, ...] = source.take(4)
    here = source.flag()
    if here:
        if accumulator != 15:
            raise CodestreamError("the CCSDS 123 header has both an accumulator table and a constant")
        accumulator = tuple(source.take_all(bands, 4).tolist())
        source.align()
    elif accumulator == 15:
        accumulator = _given("accumulator_initialization", given.accumulator_initialization, omitted)
    return SampleAdaptive(*statistics, accumulator)
