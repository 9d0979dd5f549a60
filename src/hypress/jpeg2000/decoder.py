"""From a codestream back to components: the decoder's stages in their order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.errors import CodestreamError
from hypress.jpeg2000 import markers, tier1_decode, tier2
from hypress.jpeg2000.layout import layout
from hypress.jpeg2000.quantise import dequantise, halve
from hypress.transforms import dwt


def decode(data: bytes, *, shape: tuple[int, int, int]) -> NDArray[Any]:
    """Decompress a codestream (ISO/IEC 15444-1); samples are rebuilt in the middle of what is known of them.

    Args:
        data: a codestream with one tile, one layer, default precincts and no component transform.
        shape: the `(component, y, x)` it must hold; memory is only taken for that.

    Returns:
        int32 when the stream is reversible, clipped to its precision; else float64, neither rounded nor
        clipped.

    Raises:
        CodestreamError: the stream is damaged, of another shape, or uses what is not supported.
    """
    header, start, end = markers.read(data, shape)
    places = layout(shape[1], shape[2], header.levels, *header.block)
    if end - start < shape[0] * (header.levels + 1):
        raise CodestreamError("JPEG 2000: the stream is too short for its packets")
    stream = np.frombuffer(data, np.uint8)
    per_block = (shape[0], len(places.blocks))
    planes, passes, lengths, starts = (np.zeros(per_block, np.int64) for _ in range(4))
    state = tier2.read_packets(
        stream, start, end, np.array(places.resolutions), places.grids, places.parents,
        np.array(header.planes), planes, passes, lengths, starts,
    )  # fmt: skip
    if state != tier2.SOUND:
        raise CodestreamError(
            "JPEG 2000: the packets are cut short" if state == tier2.CUT else "JPEG 2000: a packet is damaged"
        )
    out = np.empty(shape, np.int32 if header.reversible else np.float64)
    doubled = np.empty(shape[1:], np.int32)
    sizes = np.array(header.step_sizes)
    for c in range(shape[0]):
        plane = out[c] if header.reversible else doubled
        tier1_decode.decode_plane(stream, places.blocks, starts[c], lengths[c], planes[c], passes[c], plane)
        if header.reversible:
            halve(plane)
        else:
            dequantise(doubled, places.places, sizes, out[c])
        dwt.inverse(out[c], header.levels, reversible=header.reversible)
    if header.shift:
        out += out.dtype.type(header.shift)
    if header.reversible and header.bits < 32:
        low = -(1 << (header.bits - 1)) if header.signed else 0
        np.clip(out, low, low + (1 << header.bits) - 1, out=out)
    return out
