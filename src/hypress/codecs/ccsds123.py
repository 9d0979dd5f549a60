"""CCSDS 123.0-B-2: the low-complexity predictor that flies, lossless and near-lossless, bit for bit.

Each sample is predicted from its neighbours in its own and the preceding bands by weights that adapt, the residual is
quantised within error limits, and its index goes to one of three entropy coders. The stream "bitstream" is the
standard's own compressed image. All of it is in `hypress.ccsds123`; this is the choice of parameters.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from hypress import ccsds123
from hypress.ccsds123.choice import Prediction, representative
from hypress.ccsds123.parameters import (
    LOCAL_SUMS,
    BlockAdaptive,
    ErrorLimits,
    Hybrid,
    Parameters,
    SampleAdaptive,
    Table,
    TableName,
)
from hypress.codec import Codec, Spec
from hypress.errors import CodestreamError, ConfigurationError

Values: TypeAlias = tuple[int, ...]
Limit: TypeAlias = int | tuple[int | Values, ...]
MOST = 65535  # an error limit has at most 16 bits


@dataclasses.dataclass(frozen=True)
class Ccsds123(Codec):
    """The standard's parameters. Where a field is None, the encoder chooses."""

    name: ClassVar[str] = "ccsds123"
    max_bits: ClassVar[int] = 32
    ending: ClassVar[str | None] = ".ccsds123"

    # --- prediction ---
    prediction_bands: Annotated[int, Meta(ge=0, le=15)] | None = None
    """P."""
    prediction_mode: Literal["full", "reduced"] | None = None
    local_sum: Literal["wide_neighbor", "narrow_neighbor", "wide_column", "narrow_column"] | None = None
    register_size: Annotated[int, Meta(ge=32, le=64)] | None = None
    """R."""
    weight_resolution: Annotated[int, Meta(ge=4, le=19)] | None = None
    """Ω."""
    weight_update_interval: Literal[16, 32, 64, 128, 256, 512, 1024, 2048] = 64
    """t_inc."""
    weight_update_initial: Annotated[int, Meta(ge=-6, le=9)] | None = None
    """ν_min."""
    weight_update_final: Annotated[int, Meta(ge=-6, le=9)] | None = None
    """ν_max."""
    weight_exponent_offsets: tuple[Values, ...] | None = None
    """For each band ς* if the mode is full, then ς of each preceding band that it uses."""
    weight_initialization: Literal["default", "fitted"] | tuple[Values, ...] | None = None
    """The standard's default, weights fitted to the tile, or Λ of each band."""
    weight_initialization_bits: Annotated[int, Meta(ge=3, le=22)] = 10
    """Q; of fitted weights at most Ω + 3 is used."""
    # --- quantisation ---
    absolute_error_limit: Limit | None = None
    """One for all bands, or one for each; with `update_period_exponent`, a list of these."""
    absolute_error_bits: Annotated[int, Meta(ge=1, le=16)] | None = None
    """D_A."""
    relative_error_limit: Limit | None = None
    """In 2^-D of the predicted value."""
    relative_error_bits: Annotated[int, Meta(ge=1, le=16)] | None = None
    """D_R."""
    relative_error_percent: Annotated[float, Meta(ge=0, le=100)] | None = None
    """The relative limit of all bands in percent of the predicted value, instead."""
    update_period_exponent: Annotated[int, Meta(ge=0, le=9)] | None = None
    """u: new limits every 2^u rows."""
    representative_resolution: Annotated[int, Meta(ge=0, le=4)] | None = None
    """Θ."""
    damping: int | Values = 0
    """φ of all bands, or of each."""
    offset: int | Values | None = None
    """ψ of all bands, or of each."""
    # --- entropy coding ---
    entropy_coder: Literal["sample_adaptive", "hybrid", "block_adaptive"] = "hybrid"
    unary_length_limit: Annotated[int, Meta(ge=8, le=32)] = 18
    """U_max."""
    rescaling_counter_size: Annotated[int, Meta(ge=4, le=11)] = 7
    """γ*."""
    initial_count_exponent: Annotated[int, Meta(ge=1, le=8)] = 1
    """γ₀."""
    accumulator_initialization: int | Values | None = None
    """Sample-adaptive: K, or k″ of each band."""
    initial_accumulators: int | Values = 0
    """Hybrid: Σ̃_z(0) of all bands, or of each. The stream does not tell it."""
    block_size: Literal[8, 16, 32, 64] = 16
    """J."""
    reference_interval: Annotated[int, Meta(ge=1, le=4096)] = 4096
    """r."""
    restricted_code_options: bool = False
    encoding_order: Literal["BI", "BSQ"] = "BI"
    interleaving_depth: Annotated[int, Meta(ge=1, le=65536)] | None = None
    """M; None is N_Z, which is BIP."""
    # --- what else the header holds ---
    dynamic_range: Annotated[int, Meta(ge=2, le=32)] | None = None
    """D; None is what the samples need."""
    output_word_size: Annotated[int, Meta(ge=1, le=8)] = 1
    """B, in bytes."""
    user_data: Annotated[int, Meta(ge=0, le=255)] = 0
    supplementary_tables: tuple[dict[str, Any], ...] = ()
    """Objects with the fields of `hypress.ccsds123.parameters.Table`."""
    omitted_tables: tuple[TableName, ...] = ()
    """Tables that are used but left out of the header; who decodes must have them."""

    def __post_init__(self) -> None:
        if self.relative_error_percent is not None and self.relative_error_limit is not None:
            raise ConfigurationError("give relative_error_limit or relative_error_percent, not both")
        if self.weight_initialization == "fitted" and self.prediction_mode == "full":
            raise ConfigurationError("weights are fitted in prediction_mode 'reduced'; give them as a table for 'full'")
        if self.update_period_exponent is not None and self.relative_error_percent is not None:
            raise ConfigurationError("limits that are updated are given as relative_error_limit, not in percent")
        self._check_limit("absolute_error_limit", self.absolute_error_limit, self.absolute_error_bits)
        self._check_limit("relative_error_limit", self.relative_error_limit, self.relative_error_bits)

    @staticmethod
    def _check_limit(name: str, limit: Limit | None, bits: int | None) -> None:
        highest = MOST if bits is None else (1 << bits) - 1
        values = [0] if limit is None else _flat(limit)
        if not values or min(values) < 0 or max(values) > highest:
            raise ConfigurationError(f"{name} must be 0 … {highest} here, or a list of such, not {limit}")

    # --- promises ---------------------------------------------------------------------------------

    def max_error(self) -> int | None:
        """The largest absolute limit; with none, 0 if there is no relative limit either."""
        if self.absolute_error_limit is not None:
            return max(_flat(self.absolute_error_limit))
        return 0 if self.relative_error_limit is None and self.relative_error_percent is None else None

    def with_max_error(self, dn: int) -> Self | None:
        """This recipe with that absolute limit, and no other."""
        limit = min(dn, MOST) or None
        fields: dict[str, Any] = {"offset": None} if limit is None else {}
        return self._limited(absolute_error_limit=limit, **fields)

    def with_relative_error(self, percent: float) -> Self | None:
        """This recipe with that relative limit, and no other."""
        return self._limited(relative_error_percent=min(percent, 100.0))

    def _limited(self, **fields: Any) -> Self:
        none = dict.fromkeys(
            ("absolute_error_limit", "absolute_error_bits", "relative_error_limit", "relative_error_bits",
             "relative_error_percent", "update_period_exponent")
        )  # fmt: skip
        return self.turned(**(none | fields))

    @classmethod
    def examples(cls) -> Iterable[Codec]:
        """The default, near-lossless, and one with each of the other coders."""
        return [
            cls(),
            cls(absolute_error_limit=2, weight_initialization="fitted", prediction_bands=4),
            cls(
                entropy_coder="sample_adaptive", prediction_mode="reduced", prediction_bands=2, encoding_order="BSQ",
                local_sum="narrow_column", representative_resolution=2, damping=1,
            ),
            cls(entropy_coder="block_adaptive", prediction_bands=1, interleaving_depth=1, local_sum="wide_column"),
        ]  # fmt: skip

    # --- streams ----------------------------------------------------------------------------------

    def encode(self, samples: NDArray[Any], spec: Spec) -> Mapping[str, bytes]:
        """The stream "bitstream"."""
        return {"bitstream": ccsds123.encode(samples, self.parameters(samples, spec))}

    def decode(self, streams: Mapping[str, bytes], spec: Spec) -> NDArray[Any]:
        """Samples of the compressed image, whose header must agree with `spec`."""
        if set(streams) != {"bitstream"}:
            raise CodestreamError(f"ccsds123 needs the stream 'bitstream', not {sorted(streams)}")
        data = streams["bitstream"]
        p, start = ccsds123.read_header(data, self._given())
        kind = np.dtype(spec.dtype)
        if p.shape != spec.shape or p.signed != (kind.kind == "i") or p.bits > max(8 * kind.itemsize, 2):
            raise CodestreamError(f"the CCSDS 123 header says {p.shape}, {p.bits} bits; expected {spec.shape}, {kind}")
        return ccsds123.decode(data, p, start, kind)

    def to_standard(self, samples: NDArray[Any], spec: Spec) -> bytes:
        """The stream "bitstream", as it is."""
        return self.encode(samples, spec)["bitstream"]

    def from_standard(self, data: bytes) -> NDArray[Any]:
        """Samples of a compressed image; tables that its header leaves out come from the fields of their names."""
        p, start = ccsds123.read_header(data, self._given())
        ccsds123.check_size(p, len(data) - start)
        size = 1 if p.bits <= 8 else 2 if p.bits <= 16 else 4
        return ccsds123.decode(data, p, start, np.dtype(f"{'i' if p.signed else 'u'}{size}"))

    def _given(self) -> ccsds123.Given:
        def table(value: object) -> Any:
            return value if isinstance(value, tuple) else None

        return ccsds123.Given(
            table(self.weight_initialization), self.weight_exponent_offsets, table(self.damping), table(self.offset),
            table(self.accumulator_initialization),
        )  # fmt: skip

    # --- parameters -------------------------------------------------------------------------------

    def parameters(self, samples: NDArray[Any], spec: Spec) -> Parameters:
        """All of the standard's parameters for these samples. Raises ConfigurationError."""
        bands, rows, _ = spec.shape
        bits = max(2, spec.bits) if self.dynamic_range is None else self.dynamic_range
        periods = 1 if self.update_period_exponent is None else -(-rows >> self.update_period_exponent)
        absolute = self._limits(self.absolute_error_limit, self.absolute_error_bits, bits, periods)
        relative_limit = self.relative_error_limit
        if self.relative_error_percent is not None:
            relative_limit = math.floor(self.relative_error_percent / 100 * (1 << bits))
        relative = self._limits(relative_limit, self.relative_error_bits, bits, periods)
        max_error = 0 if absolute is None else min(_flat(absolute.values))
        resolution, offset = self.representative_resolution, self.offset
        if offset is None:
            usual = representative(max_error) if resolution is None and not self.damping else (resolution or 0, 0)
            resolution, offset = usual
        chosen = Prediction(
            prediction_bands=self.prediction_bands,
            full=None if self.prediction_mode is None else self.prediction_mode == "full",
            local_sum=None if self.local_sum is None else LOCAL_SUMS.index(self.local_sum),
            resolution=self.weight_resolution,
            weights=self.weight_initialization,
            weight_bits=self.weight_initialization_bits,
            initial=self.weight_update_initial,
            final=self.weight_update_final,
        ).settled(samples, bits, max_error)
        register = self.register_size
        if register is None:
            register = 64 if bits + chosen["resolution"] + 2 > 32 else 32
        return Parameters(
            shape=spec.shape,
            bits=bits,
            signed=np.dtype(spec.dtype).kind == "i",
            depth=None if self.encoding_order == "BSQ" else self.interleaving_depth or bands,
            coder=self._coder(bands, bits),
            register=register,
            interval=self.weight_update_interval,
            exponent_offsets=self.weight_exponent_offsets,
            absolute=absolute,
            relative=relative,
            period=self.update_period_exponent,
            representative=resolution or 0,
            damping=self.damping,
            offset=offset,
            word_size=self.output_word_size,
            user_data=self.user_data,
            tables=tuple(_table(fields) for fields in self.supplementary_tables),
            omitted=frozenset(self.omitted_tables),
            **chosen,
        )

    def _limits(self, limit: Limit | None, width: int | None, bits: int, periods: int) -> ErrorLimits | None:
        """Limits of each period; where D is the samples', those that it does not allow are lowered to what it does."""
        if limit is None:
            return None
        given = limit if self.update_period_exponent is not None else (limit,)
        if not isinstance(given, tuple) or len(given) != periods:
            raise ConfigurationError(f"with update_period_exponent, give a list of {periods} error limits")
        allowed = min(bits - 1, 16) if width is None else width
        if self.dynamic_range is None:
            allowed = min(bits - 1, allowed)
        values = tuple(tuple(min(v, (1 << allowed) - 1) for v in _flat(each)) for each in given)
        needed = max(1, max(_flat(values)).bit_length())
        return ErrorLimits(needed if width is None else allowed, values, dependent=isinstance(given[0], tuple))

    def _coder(self, bands: int, bits: int) -> SampleAdaptive | Hybrid | BlockAdaptive:
        if self.entropy_coder == "block_adaptive":
            return BlockAdaptive(self.block_size, self.reference_interval, self.restricted_code_options)
        statistics = self.unary_length_limit, self.rescaling_counter_size, self.initial_count_exponent
        if self.entropy_coder == "sample_adaptive":
            k = self.accumulator_initialization
            return SampleAdaptive(*statistics, min(bits - 2, 5) if k is None else k)
        given = self.initial_accumulators
        return Hybrid(*statistics, given if isinstance(given, tuple) else (given,) * bands)


def _flat(limits: Any) -> list[int]:
    """All numbers of nested tuples."""
    return [limits] if isinstance(limits, int) else [n for each in limits for n in _flat(each)]


def _table(fields: dict[str, Any]) -> Table:
    try:
        return msgspec.convert(fields, Table)
    except msgspec.ValidationError as error:
        have = ", ".join(f.name for f in dataclasses.fields(Table))
        raise ConfigurationError(f"a supplementary table is an object with the fields {have}: {error}") from None
