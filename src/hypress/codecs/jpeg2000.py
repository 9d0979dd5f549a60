"""JPEG 2000 of every band by itself, in one codestream that any decoder of the standard reads.

ISO/IEC 15444-1 without a transform across bands: what spectral methods are measured against. Each band is a
component. Lossless with the 5/3 transform, or with the 9/7 transform at a rate for which the code-blocks of
all bands compete, so that a noisy band gets no more than its share (see `hypress.jpeg2000`).

The stream "codestream" is a raw codestream, `.j2k` as it stands.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from hypress import jpeg2000
from hypress.codec import Codec, Knob, Spec
from hypress.codecs._jpeg2000 import code_within
from hypress.errors import CodestreamError, ConfigurationError
from hypress.transforms.allocation import LEAST_LEVEL, level_of_bands


@dataclasses.dataclass(frozen=True)
class Jpeg2000(Codec):
    """Band by band, lossless or at a rate."""

    name: ClassVar[str] = "jpeg2000"
    knob: ClassVar[Knob | None] = Knob("rate_bpppc", 0.001, 16.0)
    max_bits: ClassVar[int] = 24

    rate_bpppc: Annotated[float, Meta(gt=0, le=32)] | None = None
    """Bits per sample, at most; None is lossless."""
    levels: Annotated[int, Meta(ge=0, le=12)] = 5
    """Wavelet splits."""
    code_block: Annotated[int, Meta(ge=4, le=64)] = 64
    """Edge of a code-block, a power of two."""

    def __post_init__(self) -> None:
        if self.code_block & (self.code_block - 1):
            raise ConfigurationError(f"code_block must be a power of two such as 64, not {self.code_block}")

    def max_error(self) -> int | None:
        """0 without a rate."""
        return 0 if self.rate_bpppc is None else None

    def with_max_error(self, dn: int) -> Self | None:
        """The lossless form, which keeps every promise."""
        return self.turned(rate_bpppc=None)

    def lossy(self) -> Self:
        """This recipe at a rate: its own, or 1 bit per sample."""
        return self if self.rate_bpppc is not None else self.turned(rate_bpppc=1.0)

    @classmethod
    def examples(cls) -> Iterable[Codec]:
        """Lossless, and two rates."""
        return [cls(), cls(rate_bpppc=1.0), cls(rate_bpppc=0.25, levels=3, code_block=32)]

    def encode(self, samples: NDArray[Any], spec: Spec) -> Mapping[str, bytes]:
        """The stream "codestream"."""
        signed = samples.dtype.kind == "i"
        if self.rate_bpppc is None:
            lossless = jpeg2000.encode(
                samples,
                bits=spec.bits,
                signed=signed,
                reversible=True,
                levels=self.levels,
                code_block=self.code_block,
            )
            return {"codestream": lossless}
        budget = int(self.rate_bpppc * samples.size / 8)
        step = math.sqrt(12 * max(level_of_bands(samples, 8.0 * budget), LEAST_LEVEL))
        options: dict[str, Any] = {
            "bits": spec.bits,
            "signed": signed,
            "levels": self.levels,
            "code_block": self.code_block,
        }
        try:
            coded, cut = code_within(samples, step, budget, **options)
        except ConfigurationError:  # less than the headers take: as little as can be
            coded = jpeg2000.code_blocks(samples, reversible=False, step=step, **options)
            cut = coded.choose(slope=math.inf)
        return {"codestream": coded.write(cut)}

    def decode(self, streams: Mapping[str, bytes], spec: Spec) -> NDArray[Any]:
        """The decoded components, rounded and clipped to the type."""
        if set(streams) != {"codestream"}:
            raise CodestreamError(f"jpeg2000 needs the stream 'codestream', not {sorted(streams)}")
        decoded = jpeg2000.decode(streams["codestream"], shape=spec.shape)
        if decoded.dtype.kind == "f":
            np.floor(np.add(decoded, 0.5, out=decoded), out=decoded)
        limits = np.iinfo(spec.dtype)
        clipped: NDArray[Any] = np.clip(np.nan_to_num(decoded, copy=False), limits.min, limits.max)
        return clipped.astype(spec.dtype)
