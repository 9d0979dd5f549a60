"""All that the standard lets a user choose, resolved for one image and checked (clauses 3, 4 and 5.4).

Names are the standard's words; the symbols are given with each field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from hypress.errors import ConfigurationError

Rows: TypeAlias = tuple[tuple[int, ...], ...]
TableName: TypeAlias = Literal[
    "weight_initialization", "weight_exponent_offsets", "damping", "offset", "accumulator_initialization"
]

WIDE_NEIGHBOR, NARROW_NEIGHBOR, WIDE_COLUMN, NARROW_COLUMN = range(4)
LOCAL_SUMS = ("wide_neighbor", "narrow_neighbor", "wide_column", "narrow_column")
"""Local sum types (4.4), in the order of their codes in the header."""
STRUCTURES = ("0d", "1d", "2d_zx", "2d_yx")
"""Structures of supplementary information tables (3.5.2.4), in the order of their codes."""
TYPES = ("unsigned", "signed", "float")
"""Types of their elements (3.5.2.3)."""


def _need(holds: bool, message: str) -> None:
    if not holds:
        raise ConfigurationError(f"ccsds123: {message}")


def _within(name: str, value: int, low: int, high: int) -> None:
    _need(low <= value <= high, f"{name} must be {low} … {high} here, not {value}")


@dataclass(frozen=True)
class Table:
    """One supplementary information table (3.5)."""

    type: str
    """`unsigned`, `signed` or `float`."""
    purpose: int
    """0 scale, 1 offset, 2 wavelength, 3 full width at half maximum, 4 defect indicator, 10–15 the user's own."""
    structure: str
    """`0d`, `1d` (z), `2d_zx` or `2d_yx`."""
    values: tuple[int | tuple[int, int, int], ...]
    """Integers, or of floats triples (sign bit, exponent, significand), in coded order."""
    bits: int
    """Bits of an integer (D_I), or of a significand (D_F)."""
    exponent_bits: int = 0
    """Of floats: D_E."""
    exponent_bias: int = 0
    """Of floats: β."""
    user_data: int = 0
    """Four bits."""

    def check(self, shape: tuple[int, int, int]) -> None:
        """Raises ConfigurationError."""
        bands, rows, columns = shape
        _need(self.type in TYPES, f"a supplementary table's type is one of {TYPES}, not {self.type!r}")
        _need(self.structure in STRUCTURES, f"a supplementary table's structure is one of {STRUCTURES}")
        _within("a supplementary table's purpose", self.purpose, 0, 15)
        _need(not 5 <= self.purpose <= 9, f"supplementary table purpose {self.purpose} is reserved")
        _within("a supplementary table's user_data", self.user_data, 0, 15)
        size = (1, bands, bands * columns, rows * columns)[STRUCTURES.index(self.structure)]
        _need(len(self.values) == size, f"a {self.structure} table has {size} values here, not {len(self.values)}")
        if self.type == "float":
            _within("a float table's bits", self.bits, 1, 23)
            _within("a float table's exponent_bits", self.exponent_bits, 2, 8)
            _within("a float table's exponent_bias", self.exponent_bias, 0, 2**self.exponent_bits - 1)
            limits = (1, 2**self.exponent_bits - 1, 2**self.bits - 1)
            fits = all(
                isinstance(v, tuple) and all(0 <= p <= q for p, q in zip(v, limits, strict=True)) for v in self.values
            )
            _need(fits, "a float table's values are triples (sign, exponent, significand) within their bits")
        else:
            _within("a supplementary table's bits", self.bits, 1, 32)
            low = -(2 ** (self.bits - 1)) if self.type == "signed" else 0
            fits = all(isinstance(v, int) and low <= v < low + 2**self.bits for v in self.values)
            _need(fits, f"a supplementary table has values that do not fit into its {self.bits} bits")


@dataclass(frozen=True)
class ErrorLimits:
    """Absolute or relative error limits (4.8.2)."""

    bits: int
    """D_A or D_R."""
    values: Rows
    """For each period (one, unless updated) the limit of each band, or one for all; nothing where a header has been
    read, and the limits that it says are updated are still in the body."""
    dependent: bool = False
    """Band-dependent assignment."""

    def of(self, band: int, period: int) -> int:
        """a_z or r_z."""
        return self.values[period][band if self.dependent else 0]


@dataclass(frozen=True)
class SampleAdaptive:
    """The sample-adaptive entropy coder (5.4.3.2)."""

    unary_limit: int
    """U_max."""
    rescaling: int
    """γ*."""
    initial_count: int
    """γ₀."""
    accumulator: int | tuple[int, ...]
    """K, or k″ of each band."""

    def check(self, parameters: Parameters) -> None:
        """Raises ConfigurationError."""
        _check_statistics(self.unary_limit, self.rescaling, self.initial_count)
        table = self.accumulator if isinstance(self.accumulator, tuple) else (self.accumulator,) * parameters.bands
        _need(len(table) == parameters.bands, "accumulator_initialization has one value for all bands, or one for each")
        for value in set(table):
            _within("accumulator_initialization (K)", value, 0, min(parameters.bits - 2, 14))


@dataclass(frozen=True)
class Hybrid:
    """The hybrid entropy coder (5.4.3.3)."""

    unary_limit: int
    rescaling: int
    initial_count: int
    accumulator: tuple[int, ...] | None = None
    """Σ̃_z(0) of each band. The stream does not hold it and the decoder needs it not: None where it is unknown."""

    def check(self, parameters: Parameters) -> None:
        """Raises ConfigurationError."""
        _check_statistics(self.unary_limit, self.rescaling, self.initial_count)
        if self.accumulator is not None:
            _need(len(self.accumulator) == parameters.bands, "initial accumulators: one for each band")
            for value in set(self.accumulator):
                _within("an initial accumulator", value, 0, 2 ** (parameters.bits + self.initial_count) - 1)


@dataclass(frozen=True)
class BlockAdaptive:
    """The block-adaptive entropy coder (5.4.3.4), which is that of CCSDS 121.0."""

    block: int
    """J."""
    interval: int
    """r: reference sample interval, in blocks."""
    restricted: bool = False
    """The restricted set of code options."""

    def check(self, parameters: Parameters) -> None:
        """Raises ConfigurationError."""
        _need(self.block in (8, 16, 32, 64), f"block_size (J) must be 8, 16, 32 or 64, not {self.block}")
        _within("reference_interval (r)", self.interval, 1, 4096)
        _need(not self.restricted or parameters.bits <= 4, "the restricted code options are for at most 4 bits")


def _check_statistics(unary_limit: int, rescaling: int, initial_count: int) -> None:
    _within("unary_length_limit (U_max)", unary_limit, 8, 32)
    _within("initial_count_exponent (γ₀)", initial_count, 1, 8)
    _within("rescaling_counter_size (γ*)", rescaling, max(4, initial_count + 1), 11)


@dataclass(frozen=True)
class Parameters:
    """One image's parameters. `check` says whether the standard allows them."""

    # --- the image (3) ---
    shape: tuple[int, int, int]
    """N_Z, N_Y, N_X."""
    bits: int
    """Dynamic range D."""
    signed: bool
    depth: int | None
    """Sub-frame interleaving depth M of band-interleaved order; None is band-sequential order."""
    coder: SampleAdaptive | Hybrid | BlockAdaptive
    # --- prediction (4.2–4.7) ---
    prediction_bands: int = 3
    """P."""
    full: bool = True
    local_sum: int = WIDE_NEIGHBOR
    register: int = 64
    """Register size R."""
    resolution: int = 13
    """Weight component resolution Ω."""
    # --- weights (4.6.3, 4.10) ---
    interval: int = 64
    """Weight update scaling exponent change interval t_inc."""
    initial: int = -1
    """ν_min."""
    final: int = 3
    """ν_max."""
    weight_bits: int = 0
    """Weight initialisation resolution Q."""
    weights: Rows | None = None
    """Λ_z of each band; None is the default initialisation."""
    exponent_offsets: Rows | None = None
    """Of each band, ς*_z if the mode is full, then ς_z of each preceding band."""
    # --- quantisation (4.8) and sample representatives (4.9) ---
    absolute: ErrorLimits | None = None
    relative: ErrorLimits | None = None
    period: int | None = None
    """Error limit update period exponent u; None: one period."""
    representative: int = 0
    """Sample representative resolution Θ."""
    damping: int | tuple[int, ...] = 0
    """φ of all bands, or of each."""
    offset: int | tuple[int, ...] = 0
    """ψ of all bands, or of each."""
    # --- what else the header holds (5.3) ---
    word_size: int = 1
    """Output word size B, in bytes."""
    user_data: int = 0
    tables: tuple[Table, ...] = ()
    """Supplementary information tables."""
    omitted: frozenset[str] = frozenset()
    """Names of tables that are in use but left out of the header."""

    @property
    def bands(self) -> int:
        """N_Z."""
        return self.shape[0]

    @property
    def pixels(self) -> int:
        """Samples of a band, N_X · N_Y."""
        return self.shape[1] * self.shape[2]

    @property
    def low(self) -> int:
        """s_min (equations 9 and 10)."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """s_max."""
        return self.low + (1 << self.bits) - 1

    @property
    def middle(self) -> int:
        """s_mid."""
        return 0 if self.signed else 1 << (self.bits - 1)

    @property
    def lossless(self) -> bool:
        """Whether no error limit is in use."""
        return self.absolute is None and self.relative is None

    @property
    def periods(self) -> int:
        """How many sets of error limits there are."""
        return 1 if self.period is None else -(-self.shape[1] >> self.period)

    def components(self, band: int) -> int:
        """C_z, the length of a band's weight vector (equation 19)."""
        return min(band, self.prediction_bands) + 3 * self.full

    def of_bands(self, value: int | tuple[int, ...]) -> tuple[int, ...]:
        """A value for each band."""
        return value if isinstance(value, tuple) else (value,) * self.bands

    def check(self) -> None:
        """Raises ConfigurationError."""
        for name, size in zip(("bands", "rows", "columns"), self.shape, strict=True):
            _within(f"the number of {name}", size, 1, 1 << 16)
        _within("dynamic_range (D)", self.bits, 2, 32)
        if self.depth is not None:
            _within("interleaving_depth (M)", self.depth, 1, self.bands)
        _within("output_word_size (B)", self.word_size, 1, 8)
        _within("user_data", self.user_data, 0, 255)
        _need(len(self.tables) <= 15, "there are at most 15 supplementary tables")
        for table in self.tables:
            table.check(self.shape)
        self._check_prediction()
        self._check_quantisation()
        self.coder.check(self)

    def _check_prediction(self) -> None:
        _within("prediction_bands (P)", self.prediction_bands, 0, 15)
        _within("local_sum", self.local_sum, 0, 3)
        if self.shape[2] == 1:
            _need(not self.full, "an image one sample wide needs prediction_mode 'reduced'")
            _need(self.local_sum >= WIDE_COLUMN, "an image one sample wide needs a column-oriented local_sum")
        _within("weight_resolution (Ω)", self.resolution, 4, 19)
        _within("register_size (R)", self.register, max(32, self.bits + self.resolution + 2), 64)
        _need(
            self.interval in [1 << n for n in range(4, 12)], "weight_update_interval (t_inc): a power of 2, 16 … 2048"
        )
        _within("weight_update_initial (ν_min)", self.initial, -6, self.final)
        _within("weight_update_final (ν_max)", self.final, self.initial, 9)
        if self.weights is not None:
            _within("weight_initialization_bits (Q)", self.weight_bits, 3, self.resolution + 3)
            half = 1 << (self.weight_bits - 1)
            self._check_rows("weight_initialization", self.weights, -half, half - 1, 3 * self.full)
        if self.exponent_offsets is not None:
            self._check_rows("weight_exponent_offsets", self.exponent_offsets, -6, 5, int(self.full))

    def _check_rows(self, name: str, rows: Rows, low: int, high: int, more: int) -> None:
        _need(len(rows) == self.bands, f"{name} has a row for each of {self.bands} bands, not {len(rows)}")
        for band, row in enumerate(rows):
            count = min(band, self.prediction_bands) + more
            _need(len(row) == count, f"{name} of band {band} has {count} values here, not {len(row)}")
            if row:
                _within(name, min(row), low, high)
                _within(name, max(row), low, high)

    def _check_quantisation(self) -> None:
        for name, limits in (("absolute_error_limit", self.absolute), ("relative_error_limit", self.relative)):
            if limits is None:
                continue
            _within(f"bits of {name}", limits.bits, 1, min(self.bits - 1, 16))
            to_come = self.period is not None and not limits.values
            _need(to_come or len(limits.values) == self.periods, f"{name} has {self.periods} periods")
            for period in limits.values:
                count = self.bands if limits.dependent else 1
                _need(len(period) == count, f"{name} has one value for all bands, or one for each")
                for value in set(period):
                    _within(name, value, 0, (1 << limits.bits) - 1)
        if self.period is not None:
            _within("update_period_exponent (u)", self.period, 0, 9)
            _need(not self.lossless, "periodic updating needs error limits")
            _need(self.depth is not None, "periodic updating of error limits needs encoding_order 'BI'")
        _within("representative_resolution (Θ)", self.representative, 0, 4)
        for name, given in (("damping (φ)", self.damping), ("offset (ψ)", self.offset)):
            _need(len(self.of_bands(given)) == self.bands, f"{name} has one value for all bands, or one for each")
            for each in set(self.of_bands(given)):
                _within(name, each, 0, (1 << self.representative) - 1)
        no_offset = not any(self.of_bands(self.offset))
        _need(not self.lossless or no_offset, "offset (ψ) must be 0 where there are no error limits")
