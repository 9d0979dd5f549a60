"""Numbers to integers and back: how samples of any type reach a codec that only knows integers.

Four invertible maps, tried in this order; the file says which was taken and with what constants:

- `Integers`: value = offset + step · k, for integer samples. With offset 0 and step 1 the codec sees the
  samples as they are; a step of 2n + 1 makes any lossless codec near-lossless with maximum error n.
- `Fractions`: value = k / divisor, for floats that hold integers or decimals exactly, as reflectance often does.
- `Halves`: the bit pattern itself, in 16-bit parts stacked along the bands, most significant first. Any number
  of any type survives, at the price of coding mantissa noise.
- `Uniform`: value = offset + step · k in float64, a fine uniform quantiser for floats under a lossy goal.

The inverse uses only integer arithmetic or single IEEE 754 operations, so it is the same on any machine.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from hypress.codec import Spec
from hypress.errors import CodestreamError, SceneError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Shape = tuple[int, int, int]

PART_BITS = 16
_HUGE = float(np.finfo(np.float64).max)
_DIVISORS = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)


class _Levels(msgspec.Struct, frozen=True, tag_field="map"):
    low: int
    """Least and greatest integer that the codec is given; what it decodes is clipped to them."""
    high: int

    def parts(self, dtype: np.dtype[Any]) -> int:
        """Integers per sample."""
        return 1

    def spec(self, shape: Shape, dtype: np.dtype[Any]) -> Spec:
        """What the codec is told: the smallest integer type that holds `low … high`."""
        bands, rows, columns = shape
        coded, bits = integer_type(self.low, self.high)
        return Spec(shape=(bands * self.parts(dtype), rows, columns), dtype=coded.name, bits=bits)


class Integers(_Levels, frozen=True, tag="integers"):
    """value = offset + step · k, all integers."""

    offset: int = 0
    step: Annotated[int, Meta(ge=1)] = 1

    def forward(self, values: NDArray[Any]) -> NDArray[Any]:
        """Nearest k. `values` is an integer array `(band, y, x)`; the result fits in `spec().dtype`."""
        coded = integer_type(self.low, self.high)[0]
        if self.offset == 0 and self.step == 1:
            return values.astype(coded, copy=False)
        whole, rest = np.divmod(_difference(values, self.offset), np.uint64(self.step))
        return (whole + (rest >= np.uint64(self.step - self.step // 2))).astype(coded)

    def inverse(self, levels: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Values of `dtype`, kept within its range."""
        limits = np.iinfo(dtype)
        if self.offset == 0 and self.step == 1:
            return levels.astype(dtype, copy=False)
        room = limits.max - self.offset
        if self.offset < limits.min or room < 0:
            raise CodestreamError(f"offset {self.offset} does not fit samples of type {dtype}")
        k = levels.astype(np.uint64)
        with np.errstate(over="ignore"):  # two's complement: exact modulo 2^64
            distance = np.where(k > np.uint64(room // self.step), np.uint64(room), k * np.uint64(self.step))
            values = distance + np.uint64(self.offset % 2**64)
        return values.view(np.int64).astype(dtype) if limits.min < 0 else values.astype(dtype)


class Fractions(_Levels, frozen=True, tag="fractions"):
    """value = k / divisor, correctly rounded to the sample type."""

    divisor: Annotated[int, Meta(ge=1)] = 1

    def forward(self, values: NDArray[Any]) -> NDArray[Any]:
        """Nearest k of finite floats `(band, y, x)`."""
        k = np.rint(values.astype(np.float64) * self.divisor)
        return np.clip(k, self.low, self.high).astype(integer_type(self.low, self.high)[0])

    def inverse(self, levels: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Values of the float type `dtype`."""
        return (levels.astype(np.float64) / self.divisor).astype(dtype)


class Uniform(_Levels, frozen=True, tag="uniform"):
    """value = offset + step · k in float64, for floats that may lose something."""

    offset: Annotated[float, Meta(ge=-_HUGE, le=_HUGE)] = 0.0
    step: Annotated[float, Meta(gt=0, le=_HUGE)] = 1.0

    def forward(self, values: NDArray[Any]) -> NDArray[Any]:
        """Nearest k of finite floats `(band, y, x)`."""
        k = np.rint((values.astype(np.float64) - self.offset) / self.step)
        return np.clip(k, self.low, self.high).astype(integer_type(self.low, self.high)[0])

    def inverse(self, levels: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Values of the float type `dtype`, kept finite."""
        limit = float(np.finfo(dtype).max)
        with np.errstate(over="ignore"):
            values = self.offset + self.step * levels.astype(np.float64)
        return np.clip(values, -limit, limit).astype(dtype)


class Halves(_Levels, frozen=True, tag="halves"):
    """The bit pattern, ordered as the numbers are, in 16-bit parts stacked along the bands."""

    def parts(self, dtype: np.dtype[Any]) -> int:
        """Two parts for 32-bit samples, four for 64-bit ones."""
        return max(1, dtype.itemsize * 8 // PART_BITS)

    def forward(self, values: NDArray[Any]) -> NDArray[Any]:
        """`(parts · band, y, x)` uint16."""
        pattern = _ordered_bits(values)
        width = 8 * values.dtype.itemsize
        shifts = range(width - PART_BITS, -1, -PART_BITS) if width > PART_BITS else [0]
        return np.concatenate([(pattern >> pattern.dtype.type(s)).astype(np.uint16) for s in shifts])

    def inverse(self, levels: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Values of `dtype`, bit for bit."""
        unsigned = np.dtype(f"u{dtype.itemsize}")
        pieces = np.split(levels, self.parts(dtype))
        pattern = np.zeros(pieces[0].shape, unsigned)
        for piece in pieces:
            if len(pieces) > 1:
                pattern <<= unsigned.type(PART_BITS)
            pattern |= piece.astype(unsigned)
        return _from_ordered_bits(pattern, dtype)


Levels = Integers | Fractions | Uniform | Halves


# --- choosing ------------------------------------------------------------------------------------


def exact(values: NDArray[Any], valid: NDArray[np.bool_] | None, max_bits: int) -> Levels:
    """The map that loses nothing: the narrowest integers that the codec takes, else the bit pattern.

    `values` `(band, y, x)`; `valid` marks the samples that count, None for all of them.
    """
    chosen = values if valid is None else values[valid]
    if values.dtype.kind == "f":
        fractions = _fractions(chosen, max_bits)
        return fractions if fractions is not None else Halves(low=0, high=2**PART_BITS - 1)
    low, high = int(chosen.min()), int(chosen.max())
    if integer_type(low, high)[1] <= max_bits:
        return Integers(low=low, high=high)
    if (high - low).bit_length() <= max_bits:
        return Integers(low=0, high=high - low, offset=low)
    return Halves(low=0, high=2**PART_BITS - 1)


def within(values: NDArray[Any], valid: NDArray[np.bool_] | None, max_error: float, max_bits: int) -> Levels | None:
    """The coarsest uniform levels within `max_error` of every value, or None where they need too many bits."""
    chosen = values if valid is None else values[valid]
    if values.dtype.kind == "f":
        # Half a percent of a step in hand pays for the rounding of the sample type itself.
        low, step = float(chosen.min()), 2.0 * max_error * (1 - 2**-8)
        count = (float(chosen.max()) - low) / step if step > 0 else math.inf
        return Uniform(low=0, high=math.ceil(count), offset=low, step=step) if count < 2**max_bits - 1 else None
    low_int, step_int = int(chosen.min()), 2 * int(max_error) + 1
    count = (int(chosen.max()) - low_int + step_int // 2) // step_int
    return Integers(low=0, high=count, offset=low_int, step=step_int) if count < 2**max_bits else None


def fine(values: NDArray[Any], valid: NDArray[np.bool_] | None, max_bits: int) -> Levels:
    """The map for a lossy codec: exact where that fits into `max_bits`, else uniform with a power-of-two step.

    Raises SceneError where floats are so far apart that their difference overflows.
    """
    levels = exact(values, valid, max_bits)
    if not isinstance(levels, Halves):
        return levels
    chosen = values if valid is None else values[valid]
    if values.dtype.kind == "f":
        low, high = float(chosen.min()), float(chosen.max())
        span = high - low
        if not math.isfinite(4 * span):
            raise SceneError(f"samples from {low:g} to {high:g} are too far apart for a lossy goal; lossless works")
        step = 2.0 ** math.ceil(math.log2(span / (2**max_bits - 2))) if span > 0 else 1.0
        return Uniform(low=0, high=math.ceil(span / step), offset=low, step=step)
    offset, span_int = int(chosen.min()), int(chosen.max()) - int(chosen.min())
    step_int = 1 << max(0, span_int.bit_length() - max_bits + 1)
    return Integers(low=0, high=(span_int + step_int // 2) // step_int, offset=offset, step=step_int)


def integer_type(low: int, high: int) -> tuple[np.dtype[Any], int]:
    """The smallest integer type that holds `low … high`, and the significant bits."""
    if low >= 0:
        bits = max(1, high.bit_length())
        kind = "u"
    else:
        bits = 1 + max((-low - 1).bit_length(), high.bit_length() if high > 0 else 0)
        kind = "i"
    size = next((s for s in (1, 2, 4, 8) if bits <= 8 * s), None)
    if size is None:
        raise CodestreamError(f"no integer type holds {low} … {high}")
    return np.dtype(f"{kind}{size}"), bits


def _fractions(chosen: NDArray[Any], max_bits: int) -> Fractions | None:
    """`k / divisor` with the least divisor that gives every value back bit for bit, or None."""
    few = chosen.reshape(-1)[:: max(1, chosen.size // 4096)]
    gaps = np.diff(np.unique(few.astype(np.float64)))
    guess = 1
    if gaps.size and 1e-9 < gaps.min() < 1:
        guess = round(1 / gaps[gaps < 1.5 * gaps.min()].mean())  # the mean evens out the rounding
    for divisor in sorted({*_DIVISORS, guess}):
        if not (_is_fraction(few, divisor) and _is_fraction(chosen, divisor)):
            continue
        low = round(float(chosen.min()) * divisor)
        high = round(float(chosen.max()) * divisor)
        if integer_type(low, high)[1] <= max_bits:
            return Fractions(low=low, high=high, divisor=divisor)
    return None


def _is_fraction(values: NDArray[Any], divisor: int) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        k = np.rint(values.astype(np.float64) * divisor)
        if not (np.abs(k) < 2**31).all():
            return False
        back = (k / divisor).astype(values.dtype)
    # Compared as bit patterns: a negative zero is not zero here. k keeps no sign of zero, so it must be found out.
    return bool((_bits(back + 0) == _bits(values)).all())


def _bits(values: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}")


def _difference(values: NDArray[Any], offset: int) -> NDArray[Any]:
    """values − offset as uint64, for offset ≤ values: exact for every integer type."""
    with np.errstate(over="ignore"):
        wide = values.astype(np.int64).view(np.uint64) if values.dtype.kind == "i" else values.astype(np.uint64)
        return wide - np.uint64(offset % 2**64)


def _ordered_bits(values: NDArray[Any]) -> NDArray[Any]:
    """Unsigned integers that sort as the values do."""
    pattern = _bits(values)
    top = pattern.dtype.type(1 << (8 * pattern.dtype.itemsize - 1))
    if values.dtype.kind == "u":
        return pattern
    if values.dtype.kind == "i":
        return pattern ^ top
    return np.where(pattern & top != 0, ~pattern, pattern | top)


def _from_ordered_bits(pattern: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    top = pattern.dtype.type(1 << (8 * pattern.dtype.itemsize - 1))
    if dtype.kind == "u":
        return pattern.astype(dtype, copy=False)
    if dtype.kind == "i":
        return (pattern ^ top).view(dtype)
    return np.where(pattern & top != 0, pattern ^ top, ~pattern).view(dtype)
