"""CCSDS 123.0-B-2, low-complexity lossless and near-lossless multispectral and hyperspectral image compression.

    samples ─► predictor ─► mapped quantiser indices ─► entropy coder ─► body, after a header
               (clause 4)                               (clause 5.4)                 (5.3)

- `parameters`: all that the standard lets a user choose; `header` writes and reads it.
- `reference`, `reference_coders`: the standard to be read, in plain Python.
- `predictor` and `quantiser` on `lanes`, and `sample_adaptive`, `hybrid`, `block_adaptive`: the same, fast.

`encode` and `decode` turn an array into the standard's own stream and back.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress.ccsds123 import block_adaptive, header, hybrid, sample_adaptive
from hypress.ccsds123.header import Given
from hypress.ccsds123.lanes import Lanes
from hypress.ccsds123.parameters import BlockAdaptive, Hybrid, Parameters, SampleAdaptive
from hypress.ccsds123.predictor import lane_type, map_lanes, unmap_lanes
from hypress.codestream import MAX_DECODED
from hypress.errors import CodestreamError, ConfigurationError, LimitError

__all__ = ["Given", "Parameters", "check_size", "decode", "encode", "read_header"]

_CODERS: dict[type[Any], Any] = {
    SampleAdaptive: sample_adaptive,
    Hybrid: hybrid,
    BlockAdaptive: block_adaptive,
}


def encode(samples: NDArray[Any], p: Parameters) -> bytes:
    """The compressed image of integers `(band, y, x)`. Raises ConfigurationError where the standard forbids it."""
    p.check()
    if isinstance(p.coder, Hybrid) and p.coder.accumulator is None:
        raise ConfigurationError("ccsds123: the hybrid coder needs initial accumulators, which no stream tells")
    if not all(limits.values for limits in (p.absolute, p.relative) if limits is not None):
        raise ConfigurationError("ccsds123: error limits that are updated are needed for each period")
    if samples.shape != p.shape:
        raise ConfigurationError(f"ccsds123: the samples are {samples.shape}, the parameters are for {p.shape}")
    if samples.size and (int(samples.min()) < p.low or int(samples.max()) > p.high):
        kind = "signed" if p.signed else "unsigned"
        raise ConfigurationError(f"ccsds123: there are samples that do not fit into {p.bits} {kind} bits")
    lanes = Lanes(p.bands, p.pixels, lane_type(p))
    lanes.load(np.ascontiguousarray(samples))
    map_lanes(lanes, p)
    stream = header.write(p) + _CODERS[type(p.coder)].encode(lanes, p)
    return stream + bytes(-len(stream) % p.word_size)


def read_header(data: bytes, given: Given | None = None) -> tuple[Parameters, int]:
    """The parameters of a compressed image, and the bytes of its header. Raises CodestreamError."""
    return header.read(data, given or Given())


def check_size(p: Parameters, size: int) -> None:
    """Whether a body of `size` bytes can be one of that shape. Raises CodestreamError, LimitError.

    Nobody vouches for the shape in a bare stream: what it asks for must be in proportion.
    """
    samples = p.bands * p.pixels
    # The most samples a bit can stand for: one, 256 zeros of low-entropy code 15, or a segment of zero blocks.
    most = {SampleAdaptive: 1, Hybrid: 256, BlockAdaptive: 64 * 64}[type(p.coder)]
    if samples > 8 * size * most:
        raise CodestreamError(f"the CCSDS 123 header says {p.shape}, more samples than {size} bytes can hold")
    limits = 2 * p.bands * p.periods if p.period is not None else 0
    wanted = samples * (8 if lane_type(p) is np.int64 else 4) + 32 * limits
    if wanted > MAX_DECODED:
        raise LimitError(f"decoding the CCSDS 123 stream takes {wanted} bytes, above the limit of {MAX_DECODED}")


def decode(data: bytes, p: Parameters, start: int, dtype: Any) -> NDArray[Any]:
    """Samples `(band, y, x)` of the compressed image whose header was read. Raises CodestreamError.

    The shape is taken as it is: whoever calls has made sure that there is room for it.
    """
    lanes = Lanes(p.bands, p.pixels, lane_type(p))
    limits = _CODERS[type(p.coder)].decode(data[start:], lanes, p)
    unmap_lanes(lanes, limits.put_into(p))
    samples = np.empty(p.shape, dtype)
    lanes.unload(samples)
    return samples
