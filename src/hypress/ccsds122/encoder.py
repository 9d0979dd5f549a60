"""Images to coded segments (CCSDS 122.0-B-2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.ccsds122 import blocks as _blocks
from hypress.ccsds122 import dwt
from hypress.ccsds122.bits import bytes_of
from hypress.ccsds122.encode_segment import encode_dc, encode_depths, encode_planes, most_bits
from hypress.ccsds122.header import NOTHING, Header, Known
from hypress.ccsds122.layout import bit_shifts, coded_masks, places
from hypress.ccsds122.parameters import LEAST_EDGE, USUAL, WHOLE, Image, Limits, Options
from hypress.errors import ConfigurationError


@dataclass(frozen=True)
class Coded:
    """A segment: its header, its data up to where the limits end it, and where stages end in them."""

    header: Header
    limits: Limits
    """In force, stated or not."""
    data: bytes
    word_bytes: int
    ends: NDArray[np.int64]
    """Bits of the data when a stage is done, `(plane, stage)`, −1 for one that is not coded; in a last row, for a
    plane above all others, the bits of DC coefficients and block depths."""

    @property
    def size(self) -> int:
        """Bytes, header and fill included."""
        whole = self.header.size + len(self.data)
        if self.limits.fill:
            return self.limits.byte_limit
        return min(-(-whole // self.word_bytes) * self.word_bytes, self.limits.byte_limit)

    def write(self) -> bytes:
        """The coded segment: cut at the byte limit, or zeros up to the end of a word or to the limit."""
        return (self.header.pack() + self.data)[: self.size].ljust(self.size, b"\0")


def encode(
    samples: NDArray[Any],
    image: Image,
    options: Options = USUAL,
    limits: Limits | Sequence[Limits] = WHOLE,
    known: Known = NOTHING,
) -> bytes:
    """Code pixels `(y, x)`, integers, as the segments of one image.

    `limits` may differ from segment to segment: the last of a sequence holds for all that follow. A header states
    part 4 in the first segment, part 2 where the limits and part 3 where S or the options are not those in force
    before, and in a last segment that is shorter, both; what the reader has `known` is not stated. Raises
    ConfigurationError where the standard does not allow the image or a parameter.
    """
    return b"".join(segment.write() for segment in code(samples, image, options, limits, known))


def code(
    samples: NDArray[Any],
    image: Image,
    options: Options = USUAL,
    limits: Limits | Sequence[Limits] = WHOLE,
    known: Known = NOTHING,
) -> Iterator[Coded]:
    """The segments of `encode`, one after the other."""
    for block, header, held, here in blocks_of(samples, image, options, limits, known):
        yield code_segment(block, header, image, held, here)


def blocks_of(
    samples: NDArray[Any], image: Image, options: Options, limits: Limits | Sequence[Limits], known: Known
) -> Iterator[tuple[NDArray[np.int64], Header, Options, Limits]]:
    """Weighted coefficients `(block, 64)` of each segment, its header without depths, and parts 3 and 2 in force."""
    all_limits = [limits] if isinstance(limits, Limits) else list(limits)
    pyramid, pad_rows = transform(samples, image)
    across = pyramid.shape[1] // 8
    total = pyramid.size // 64
    if options.blocks < 16 and options.blocks < total:
        raise ConfigurationError(f"segments but the last have at least 16 blocks, not {options.blocks}")
    weights = bit_shifts(image.shifts)
    start, step = places(*pyramid.shape)
    held = replace(options, blocks=min(options.blocks, total))
    for number, first in enumerate(range(0, total, held.blocks)):
        here = all_limits[min(number, len(all_limits) - 1)]
        shorter = total - first < held.blocks
        if shorter:
            held = replace(held, blocks=total - first)
        header = Header(
            first=number == 0,
            last=first + held.blocks == total,
            count=number % 256,
            pad_rows=pad_rows if first + held.blocks == total else 0,
            limits=here if here != known.limits or shorter else None,
            options=held if held != known.options or shorter else None,
            image=image if number == 0 and image != known.image else None,
        )
        known = known.after(header)
        block = np.empty((held.blocks, 64), np.int64)
        _blocks.take(pyramid.reshape(-1), start, step, weights, across, first, block)
        yield block, header, held, here


def transform(samples: NDArray[Any], image: Image) -> tuple[NDArray[np.int64], int]:
    """Unweighted coefficients, as integers, in a pyramid; and the rows that were added (3.2.5)."""
    if image.transposed:
        samples = samples.T
    height, width = samples.shape
    low, high = image.range
    if width != image.width or min(height, width) < LEAST_EDGE:
        raise ConfigurationError(
            f"an image of {height} rows and {width} columns: the header says {image.width} columns, and the standard"
            f" asks for at least {LEAST_EDGE} of both"
        )
    if samples.min() < low or samples.max() > high:
        raise ConfigurationError(
            f"pixels {samples.min()} … {samples.max()} do not fit {low} … {high} of {image.bits} bits"
        )
    pad_rows, pad_columns = -height % 8, -width % 8
    padded = np.pad(samples, ((0, pad_rows), (0, pad_columns)), mode="edge")
    if image.dwt == "integer":
        return dwt.forward(padded), pad_rows
    return np.rint(dwt.forward(padded.astype(np.float64))).astype(np.int64), pad_rows


def code_segment(block: NDArray[np.int64], header: Header, image: Image, options: Options, limits: Limits) -> Coded:
    """Code the weighted coefficients of blocks `(block, 64)`; the depths in `header` are filled in."""
    if not limits.allow(header.size, image.word_bytes):
        raise ConfigurationError(
            f"a SegByteLimit of {limits.byte_limit} is no multiple of {image.word_bytes}, or too small for the header"
        )
    count = len(block)
    depths = np.empty(count, np.int64)
    dc_depth, ac_depth = _blocks.measure(block, depths)
    if dc_depth > 32 or ac_depth > 31:
        raise ConfigurationError(f"weighted coefficients have {max(dc_depth, ac_depth + 1)} bits; the standard has 32")
    dc = np.ascontiguousarray(block[:, 0])
    limit = 8 * (limits.byte_limit - header.size)
    shift = image.shifts[-1]
    q, n = quantisation(dc_depth, ac_depth, shift)
    words = np.zeros(most_bits(count, ac_depth) // 64 + 2, np.uint64)
    at = encode_dc(dc, n, q, max(ac_depth, shift), options.optimal_dc, words, 0)
    ends = np.full((ac_depth + 1, 5), -1, np.int64)
    if not limits.dc_stop and limits.plane_stop < ac_depth:
        at = encode_depths(depths, ac_depth, options.optimal_ac, words, at)
        ends[-1] = at
        planes, signs = np.empty((ac_depth, count), np.int64), np.empty(count, np.int64)
        _blocks.slice_planes(block, depths, planes, signs)
        coded = coded_masks(image.shifts)
        at = encode_planes(
            planes, signs, depths, coded, dc, q, shift,
            limits.plane_stop, limits.stage_stop, limit, words, at, ends,
        )  # fmt: skip
    data = bytes_of(words, -(-min(at, limit) // 8))
    return Coded(replace(header, dc_depth=dc_depth, ac_depth=ac_depth), limits, data, image.word_bytes, ends)


def quantisation(dc_depth: int, ac_depth: int, shift: int) -> tuple[int, int]:
    """The DC quantisation factor q (table 4-8, equation 15) and the bits N of a quantised coefficient (equation 17)."""
    half = 1 + ac_depth // 2
    if dc_depth <= 3:
        q = 0
    elif dc_depth - half <= 1:
        q = dc_depth - 3
    elif dc_depth - half > 10:
        q = dc_depth - 10
    else:
        q = half
    q = max(q, shift)
    return q, max(dc_depth - q, 1)
