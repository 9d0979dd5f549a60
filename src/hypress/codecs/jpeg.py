"""JPEG of every band by itself, in 8 or 12 bits: the weak baseline that papers compare with.

    samples ─► each band from its least sample on, in one scale for all ─► 8 or 12 bits ─► JPEG ─► "images"
                        └─────────► "ranges"

Bands stand one below the other in as few images as JPEG's 65 535 lines allow, each filled up to whole blocks, so that
tables and headers are paid for once; nothing of a band enters another. See `hypress.t81`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from hypress import t81
from hypress.codec import Codec, Knob, Spec
from hypress.codecs._step import finest_within
from hypress.entropy.integers import decode_array, encode_array
from hypress.errors import CodestreamError, ConfigurationError
from hypress.t81.coder import coefficients
from hypress.t81.markers import MOST_LINES

START = 16.0
"""First quantiser step that is tried."""


@dataclasses.dataclass(frozen=True)
class Jpeg(Codec):
    """Grey JPEG images of the bands, at a rate."""

    name: ClassVar[str] = "jpeg"
    knob: ClassVar[Knob | None] = Knob("rate_bpppc", 0.001, 16.0)

    rate_bpppc: Annotated[float, Meta(gt=0, le=32)] = 1.0
    """Bits of all streams per sample, at most."""
    bits: Literal[8, 12] = 8
    """Bits to which samples are mapped: 8 (baseline) or 12 (extended)."""

    @classmethod
    def examples(cls) -> Iterable[Codec]:
        """Both precisions."""
        return [cls(rate_bpppc=0.7), cls(rate_bpppc=3.0, bits=12)]

    def encode(self, samples: NDArray[Any], spec: Spec) -> Mapping[str, bytes]:
        """Streams "ranges" and "images"."""
        if max(spec.shape[1:]) > MOST_LINES - 7:
            raise ConfigurationError(f"jpeg takes tiles of at most {MOST_LINES - 7} rows and columns")
        lows = samples.min(axis=(1, 2)).astype(np.int64)
        widest = int((samples.max(axis=(1, 2)) - lows).max())
        ranges = encode_array(np.append(lows, widest)[None])
        mapped = _mapped(samples - lows[:, None, None], widest, self.bits)
        pages = [(page.shape, coefficients(page, self.bits)) for page in _pages(mapped)]

        def code(step: float) -> tuple[int, dict[str, bytes]]:
            table = t81.flat_table(step, self.bits)
            images = b"".join(t81.encode(made, shape, table, self.bits) for shape, made in pages)
            return len(images) + len(ranges), {"ranges": ranges, "images": images}

        return finest_within(int(self.rate_bpppc * samples.size / 8), START, code)

    def decode(self, streams: Mapping[str, bytes], spec: Spec) -> NDArray[Any]:
        """The bands, mapped back."""
        if set(streams) != {"ranges", "images"}:
            raise CodestreamError(f"jpeg needs the streams images and ranges, not {sorted(streams)}")
        bands, rows, columns = spec.shape
        limits = np.iinfo(spec.dtype)
        ranges = decode_array(streams["ranges"], (1, bands + 1))[0]
        lows, widest = np.clip(ranges[:-1], limits.min, limits.max), int(np.clip(ranges[-1], 0, 1 << 17))
        high, at, done = -(-rows // 8) * 8, 0, 0
        out = np.empty(spec.shape, spec.dtype)
        while done < bands:
            count = min(bands - done, MOST_LINES // high)
            page, at = t81.decode(streams["images"], at, count * high, columns)
            values = _unmapped(page.reshape(count, high, columns)[:, :rows], widest, self.bits)
            values += lows[done : done + count, None, None]
            out[done : done + count] = np.clip(values, limits.min, limits.max)
            done += count
        if at != len(streams["images"]):
            raise CodestreamError(f"jpeg: {len(streams['images']) - at} bytes follow the last image")
        return out


def _mapped(values: NDArray[Any], widest: int, bits: int) -> NDArray[np.int64]:
    """Values 0 … `widest` to 0 … 2^bits − 1: as they are where they fit, else in equal steps, rounded."""
    top = (1 << bits) - 1
    whole = values.astype(np.int64)
    return whole if widest <= top else (2 * whole * top + widest) // (2 * widest)


def _unmapped(values: NDArray[np.int64], widest: int, bits: int) -> NDArray[np.int64]:
    """What `_mapped` mapped, to the nearest integer."""
    top = (1 << bits) - 1
    return values if widest <= top else (2 * values * widest + top) // (2 * top)


def _pages(mapped: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """The bands `(band, y, x)` one below the other, each with its last row repeated up to whole blocks."""
    rows = mapped.shape[1]
    filled = np.pad(mapped, ((0, 0), (0, -rows % 8), (0, 0)), "edge")
    count = MOST_LINES // filled.shape[1]
    for first in range(0, len(filled), count):
        part = filled[first : first + count]
        yield part.reshape(-1, part.shape[2])
