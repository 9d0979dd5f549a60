"""What segment headers say of an image and its segments (CCSDS 122.0-B-2, 4.2.3 to 4.2.5), each part a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hypress.ccsds122.layout import STANDARD_WEIGHTS, SUBBANDS
from hypress.errors import ConfigurationError

NO_LIMIT = 1 << 27
"""The largest SegByteLimit, which the field holds as 0."""
MOST_BLOCKS = MOST_COLUMNS = 1 << 20
LEAST_EDGE = 17
"""Rows and columns that an image has at least (3.2.4)."""

Dwt = Literal["integer", "float"]


def _check(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ConfigurationError(f"{name} must be {low} … {high}, not {value}")


@dataclass(frozen=True)
class Limits:
    """Part 2: how much of a segment is coded. Raises ConfigurationError where a field is out of its range."""

    byte_limit: int = NO_LIMIT
    """SegByteLimit: bytes of a segment, header included; a multiple of the word size, unless it is no limit."""
    dc_stop: bool = False
    """DCStop: nothing of the AC coefficients is coded."""
    plane_stop: int = 0
    """BitPlaneStop: the last bit-plane that is coded …"""
    stage_stop: int = 4
    """… and its last stage, 1 … 4 (StageStop holds one less)."""
    fill: bool = False
    """UseFill: zeros fill the segment up to its limit."""

    def __post_init__(self) -> None:
        _check("SegByteLimit", self.byte_limit, 1, NO_LIMIT)
        _check("BitPlaneStop", self.plane_stop, 0, 31)
        _check("the last stage", self.stage_stop, 1, 4)

    def allow(self, header_bytes: int, word_bytes: int) -> bool:
        """Whether the byte limit is one for a segment with such a header and words of that size."""
        return self.byte_limit == NO_LIMIT or (self.byte_limit >= header_bytes and self.byte_limit % word_bytes == 0)


@dataclass(frozen=True)
class Options:
    """Part 3. Raises ConfigurationError where S is out of its range."""

    blocks: int = MOST_BLOCKS
    """S: blocks of a segment. Where an image ends earlier, its last segment says how many it has."""
    optimal_dc: bool = True
    """OptDCSelect: try every code parameter for DC coefficients instead of the rule of table 4-10."""
    optimal_ac: bool = True
    """OptACSelect: the same for the AC bit depths of blocks."""

    def __post_init__(self) -> None:
        _check("S", self.blocks, 1, MOST_BLOCKS)


@dataclass(frozen=True)
class Image:
    """Part 4: what is fixed for an image. Raises ConfigurationError where a field is out of its range."""

    width: int
    """ImageWidth: columns as coded, before they are transposed back."""
    bits: int
    """Pixel bit depth R."""
    signed: bool = False
    dwt: Dwt = "integer"
    transposed: bool = False
    """TransposeImg: the image is to be transposed once it is decoded."""
    word_bytes: int = 1
    """Bytes of a code word: segments are whole numbers of them."""
    weights: tuple[int, ...] | None = None
    """Custom subband weights as exponents of two, in the order of `SUBBANDS`; None for those of the standard."""

    def __post_init__(self) -> None:
        _check("ImageWidth", self.width, LEAST_EDGE, MOST_COLUMNS)
        _check("the pixel bit depth", self.bits, 1, self.most_bits)
        _check("the code word length in bytes", self.word_bytes, 1, 8)
        if self.weights is not None and (len(self.weights) != 10 or not all(0 <= w <= 3 for w in self.weights)):
            raise ConfigurationError(f"the custom weights of {', '.join(SUBBANDS)} are ten exponents 0 … 3")

    @property
    def most_bits(self) -> int:
        """Table 3-1."""
        return 25 if self.dwt == "integer" else 28 if self.signed else 27

    @property
    def shifts(self) -> tuple[int, ...]:
        """`BitShift` of each subband: coefficients of the float transform are not weighted (3.9.2, 4.1)."""
        if self.dwt == "float":
            return (0,) * 10
        return STANDARD_WEIGHTS if self.weights is None else self.weights

    @property
    def range(self) -> tuple[int, int]:
        """The least and the largest pixel."""
        return (-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1) if self.signed else (0, (1 << self.bits) - 1)


WHOLE = Limits()
"""All of a segment is coded."""
USUAL = Options()
"""One segment, if it is not too large for one, and optimal code parameters."""
