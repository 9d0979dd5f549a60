"""A tile's picture without decoding all of it: few bands, or low resolutions, of the codecs whose streams allow it.

JPEG 2000 keeps bands and resolutions apart, so a picture of an eighth of the height and width takes a sixty-fourth of
the arithmetic decoding. At low resolution it is smoothed, where `sources` otherwise takes every n-th sample; the
components of `pca_jpeg2000` are put together in floating point. So this is good to look at, not to measure. Other
codecs have no such short cut, and their tiles are decoded whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress import masks
from hypress.codec import find
from hypress.codecs._basis import read_basis
from hypress.codestream import Header, unpack
from hypress.errors import CodestreamError, HypressError
from hypress.jpeg2000 import markers, tier1_decode, tier2
from hypress.jpeg2000.layout import layout
from hypress.jpeg2000.quantise import dequantise, halve
from hypress.restore import MASK, SIDES
from hypress.transforms import dwt


def glimpse(
    data: bytes, halvings: int, bands: Sequence[int] | None = None, *, max_bytes: int
) -> tuple[NDArray[Any], int] | None:
    """Samples `(band, y, x)` of a codestream at 2^n-th of its height and width, and that n, at most `halvings`.

    `bands`, of the tile's own, are those wanted; None: all. None is returned where the codec has no such short cut,
    or the codestream is nothing that is simply decoded: then `decode` says what it is. Raises nothing.
    """
    try:
        header, streams = unpack(data, max_bytes=max_bytes)
        return _glimpsed(header, streams, halvings, range(header.shape[0]) if bands is None else bands)
    except HypressError:
        return None


def _glimpsed(
    header: Header, streams: Mapping[str, bytes], halvings: int, bands: Sequence[int]
) -> tuple[NDArray[Any], int] | None:
    if header.levels is None or header.codec not in ("jpeg2000", "pca_jpeg2000"):
        return None
    kind = find(header.codec)
    own = {name: data for name, data in streams.items() if name not in (MASK, SIDES)}
    dtype = np.dtype(header.dtype)
    spec = header.levels.spec(header.shape, dtype)
    if header.bitstream > kind.bitstream or spec.shape != header.shape:
        return None
    if header.codec == "jpeg2000":
        values, n = reduced(own["codestream"], header.shape, halvings, bands)
    else:
        if "residual" in own:
            return None
        basis, _ = read_basis(own["basis"], header.shape[0])
        if not basis.components:
            return None
        shape = (basis.components, *header.shape[1:])
        components, n = reduced(own["components"], shape, halvings, range(basis.components))
        rows = np.asarray(bands)
        values = np.tensordot(basis.columns[rows], components, axes=1) + basis.means[rows, None, None]
    clipped = np.clip(np.floor(values + 0.5), header.levels.low, header.levels.high).astype(spec.dtype)
    samples = np.array(header.levels.inverse(clipped, dtype))
    if MASK in streams:
        labels = masks.decode(streams[MASK], header.shape)
        masks.put_back(samples, np.ascontiguousarray(labels[np.asarray(bands), :: 1 << n, :: 1 << n]), header.nodata)
    return samples, n


def reduced(data: bytes, shape: tuple[int, int, int], halvings: int, chosen: Sequence[int]) -> tuple[NDArray[Any], int]:
    """A JPEG 2000 codestream without its highest resolutions, and how many were left out (15444-1, B.5 and F.3).

    As `jpeg2000.decode`, but for the blocks of the `chosen` components and of the first subbands only.
    Raises CodestreamError.
    """
    header, start, end = markers.read(data, shape)
    n = min(halvings, header.levels)
    whole = layout(shape[1], shape[2], header.levels, *header.block)
    if end - start < shape[0] * (header.levels + 1):
        raise CodestreamError("JPEG 2000: the stream is too short for its packets")
    stream = np.frombuffer(data, np.uint8)
    planes, passes, lengths, starts = (np.zeros((shape[0], len(whole.blocks)), np.int64) for _ in range(4))
    state = tier2.read_packets(
        stream, start, end, np.array(whole.resolutions), whole.grids, whole.parents,
        np.array(header.planes), planes, passes, lengths, starts,
    )  # fmt: skip
    if state != tier2.SOUND:
        raise CodestreamError("JPEG 2000: a packet is damaged or cut short")
    high, wide = dwt.low_size(shape[1], n), dwt.low_size(shape[2], n)
    part = layout(high, wide, header.levels - n, *header.block)
    first = slice(0, len(part.blocks))  # subbands and their blocks are in order of growing resolution
    sizes = np.array(header.step_sizes)[: len(part.bands)]
    out = np.empty((len(chosen), high, wide), np.int32 if header.reversible else np.float64)
    doubled = np.empty((high, wide), np.int32)
    for i, c in enumerate(chosen):
        plane = out[i] if header.reversible else doubled
        tier1_decode.decode_plane(
            stream, part.blocks, starts[c, first], lengths[c, first], planes[c, first], passes[c, first], plane
        )
        if header.reversible:
            halve(plane)
        else:
            dequantise(doubled, part.places, sizes, out[i])
        dwt.inverse(out[i], header.levels - n, reversible=header.reversible)
    out += out.dtype.type(header.shift)
    return out, n
