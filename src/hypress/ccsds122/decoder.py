"""Coded segments to images (CCSDS 122.0-B-2), whole or as far as they go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.ccsds122 import blocks as _blocks
from hypress.ccsds122 import dwt
from hypress.ccsds122.bits import words_of
from hypress.ccsds122.decode_segment import (
    AC_PLANE,
    AC_REFINED,
    AT,
    DC_BLOCKS,
    DC_PLANE,
    DC_REFINED,
    PROGRESS,
    STATUS,
    decode_dc,
    decode_depths,
    decode_planes,
)
from hypress.ccsds122.differences import COMPLETE, ILLEGAL
from hypress.ccsds122.encoder import quantisation
from hypress.ccsds122.header import NOTHING, Header, Known, parse
from hypress.ccsds122.layout import bit_shifts, coded_masks, places
from hypress.ccsds122.parameters import LEAST_EDGE, USUAL, WHOLE, Image, Limits
from hypress.errors import CodestreamError, LimitError

MAX_PIXELS = 1 << 27
"""Of an image, unless the caller allows more; while it is decoded each takes some twenty bytes."""


@dataclass(frozen=True)
class Segment:
    """A decoded segment."""

    header: Header
    image: Image
    known: Known
    """Header parts in force."""
    size: int
    """Bytes."""
    blocks: int
    """Blocks that it should have."""
    coefficients: NDArray[Any]
    """Those of which anything is known, `(block, 64)`, weights removed: int64, or float64 of the float transform."""
    complete: bool
    """Whether all is there that its limits ask for."""


@dataclass(frozen=True)
class Decoded:
    """A decoded image."""

    samples: NDArray[np.int32]
    """Pixels `(y, x)`."""
    image: Image
    known: Known
    """Header parts in force at its end."""
    size: int
    """Bytes of its segments."""
    complete: bool
    """Whether all segments are there, none cut before its limits."""


class Stream:
    """Bytes to decode segments from."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.words = words_of(data)


def decode(
    data: bytes | Stream,
    known: Known = NOTHING,
    *,
    at: int = 0,
    partial: bool = False,
    rows: int | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Decoded:
    """The image that begins at byte `at`; others may follow it.

    `known` supplies what the headers leave out. With `partial`, a stream that was cut or damaged decodes to what is
    there before that place: the result is not `complete`, and of as many `rows`, as coded, as the caller says there
    should be. Raises CodestreamError where the stream is cut or illegal, LimitError where the image has over
    `max_pixels`.
    """
    stream = Stream(data) if isinstance(data, bytes) else data
    segments: list[Segment] = []
    fault = False
    try:
        for segment in segments_of(stream, known, at=at, partial=partial, max_pixels=max_pixels):
            segments.append(segment)
    except CodestreamError:
        if not partial or not segments:
            raise
        fault = True
    last, image = segments[-1], segments[-1].image
    across = -(-image.width // 8)
    blocks = sum(segment.blocks for segment in segments)
    ended = last.header.last and not fault
    if ended:
        down, height = blocks // across, 8 * (blocks // across) - last.header.pad_rows
        if blocks % across or height < LEAST_EDGE:
            raise CodestreamError(f"ccsds122: {blocks} blocks are no image of {image.width} columns")
    else:
        height = max(LEAST_EDGE, 8 * (blocks // across) if rows is None else rows)
        down = -(-height // 8)
        if 64 * down * across > max_pixels:
            raise LimitError(f"{height} rows of {image.width} pixels are over {max_pixels}; raise the limit")
    pixels = dwt.inverse(_pyramid(segments, down, across))[:height, : image.width]
    if pixels.dtype.kind == "f":
        np.rint(pixels, out=pixels)
    samples = np.clip(pixels, *image.range).astype(np.int32)
    return Decoded(
        np.ascontiguousarray(samples.T) if image.transposed else samples,
        image,
        last.known,
        sum(segment.size for segment in segments),
        ended and all(segment.complete for segment in segments),
    )


def segments_of(
    stream: Stream, known: Known = NOTHING, *, at: int = 0, partial: bool = False, max_pixels: int = MAX_PIXELS
) -> Iterator[Segment]:
    """The segments of the image that begins at byte `at`. Raises as `decode`."""
    number = pixels = 0
    while True:
        header = parse(stream.data, at)
        if header.first != (number == 0) or header.count != number % 256:
            raise CodestreamError(f"ccsds122: a header at byte {at} that is not of segment {number} of an image")
        if header.image is not None and number > 0:
            raise CodestreamError("ccsds122: header part 4 comes with the first segment of an image only")
        known = known.after(header)
        if known.image is None:
            raise CodestreamError("ccsds122: header part 4 is left out, and what it would say is not known")
        pixels += 64 * (known.options or USUAL).blocks
        if pixels > max_pixels:
            raise LimitError(f"the image has more than {max_pixels} pixels; raise the limit to decode it")
        segment = decode_segment(stream, at, header, known.image, known, partial=partial)
        yield segment
        at += segment.size
        number += 1
        if header.last or (partial and not segment.complete):
            return


def decode_segment(
    stream: Stream, start: int, header: Header, image: Image, known: Known, *, partial: bool = False
) -> Segment:
    """The segment that begins at byte `start` with that header. Raises CodestreamError, unless `partial`."""
    limits, count = known.limits or WHOLE, (known.options or USUAL).blocks
    if not limits.allow(header.size, image.word_bytes):
        raise CodestreamError(f"ccsds122: a SegByteLimit of {limits.byte_limit} is illegal here")
    begin, end = 8 * (start + header.size), 8 * min(start + limits.byte_limit, len(stream.data))
    shifts, ac_depth = bit_shifts(image.shifts), header.ac_depth
    shift = int(shifts[0])
    q, n = quantisation(header.dc_depth, ac_depth, shift)
    dc, depths, signs = np.zeros((3, count), np.int64)
    progress = np.zeros(PROGRESS, np.int64)
    progress[AC_PLANE], progress[AC_REFINED] = ac_depth, count
    decode_dc(n, q, max(ac_depth, shift), stream.words, begin, end, dc, progress)
    there = int(progress[DC_BLOCKS])
    coefficients = np.zeros((there, 64), np.float64 if image.dwt == "float" else np.int64)
    if progress[STATUS] == COMPLETE and not limits.dc_stop and limits.plane_stop < ac_depth:
        decode_depths(ac_depth, stream.words, end, depths, progress)
        if progress[STATUS] == COMPLETE:
            planes = np.zeros((ac_depth, count), np.int64)
            decode_planes(
                depths, coded_masks(image.shifts), q, shift, limits.plane_stop, limits.stage_stop,
                stream.words, end, dc, planes, signs, progress,
            )  # fmt: skip
            lowest, refined = int(progress[AC_PLANE]), int(progress[AC_REFINED])
            _blocks.join_planes(planes, signs, depths, lowest, refined, shifts, coefficients)
    _set_dc(coefficients, dc[:there], progress, shift)
    size, complete = _size(progress, start, len(stream.data), limits, image)
    if not (complete or partial):
        what = "has a code that cannot be" if progress[STATUS] == ILLEGAL else "is cut short"
        raise CodestreamError(f"ccsds122: the segment at byte {start} {what}")
    return Segment(header, image, known, size, count, coefficients, complete)


def _size(progress: NDArray[np.int64], start: int, there: int, limits: Limits, image: Image) -> tuple[int, bool]:
    """Bytes of the segment, and whether it is complete."""
    if progress[STATUS] == ILLEGAL:
        return there - start, False
    size = limits.byte_limit
    if progress[STATUS] == COMPLETE and not limits.fill:
        used = -(-int(progress[AT]) // 8) - start
        size = min(-(-used // image.word_bytes) * image.word_bytes, limits.byte_limit)
    return min(size, there - start), start + size <= there


def _set_dc(coefficients: NDArray[Any], dc: NDArray[np.int64], progress: NDArray[np.int64], shift: int) -> None:
    """DC coefficients, each in the middle of the interval in which it may lie."""
    plane = np.full(len(dc), progress[DC_PLANE])
    plane[progress[DC_REFINED] :] += 1
    left = np.maximum(plane - shift, 0)
    middle = (dc >> shift) + ((1 << left) - 1) / 2
    coefficients[:, 0] = middle if coefficients.dtype.kind == "f" else np.floor(middle)


def _pyramid(segments: list[Segment], down: int, across: int) -> NDArray[Any]:
    """The pyramid of what there is; a block of which nothing is known repeats the DC coefficient before it."""
    pyramid = np.zeros((8 * down, 8 * across), segments[0].coefficients.dtype)
    start, step = places(*pyramid.shape)
    first, total = 0, down * across
    dc = pyramid.dtype.type(0)
    for i, segment in enumerate(segments):
        known = segment.coefficients[: total - first]
        _blocks.give(known, start, step, across, first, pyramid.reshape(-1))
        dc = known[-1, 0] if len(known) else dc
        beyond = total if i == len(segments) - 1 else min(first + segment.blocks, total)
        missing = np.arange(first + len(known), beyond)
        pyramid[missing // across, missing % across] = dc
        first = beyond
    return pyramid
