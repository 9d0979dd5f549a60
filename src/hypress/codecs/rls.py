"""Prediction by least squares learnt on both sides, and arithmetic coding of what is left: lossless or near-lossless.

samples ─► least squares over many bands and neighbours ─► mixed ─► arithmetic coding about the prediction ─► "samples"
                 ▲ learnt from what is decoded                           ▲ gaps in the histogram ◄─────────── "bands"
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from hypress import rls
from hypress.codec import Codec, Spec
from hypress.entropy.integers import decode_array, encode_array
from hypress.errors import CodestreamError
from hypress.rls.period import choose_axis

MOST = 65535


@dataclasses.dataclass(frozen=True)
class Rls(Codec):
    """Lossless or to a maximum error, by linear prediction whose weights are found by least squares on both sides."""

    name: ClassVar[str] = "rls"

    effort: Literal["default", "high", "best"] = "default"
    """More bands, and in the end more predictors, for fewer bytes."""
    max_error_dn: Annotated[int, Meta(ge=0, le=MOST)] | None = None
    """No sample is off by more; None is 0, or any with `relative_error_percent`."""
    relative_error_percent: Annotated[float, Meta(gt=0, le=100)] | None = None
    """No sample is off by more than this part of its prediction."""

    def max_error(self) -> int | None:
        """The field `max_error_dn`; 0 without any limit, and no promise with a relative one alone."""
        return 0 if self.relative_error_percent is None and self.max_error_dn is None else self.max_error_dn

    def with_max_error(self, dn: int) -> Self | None:
        """This recipe with that limit, and no other."""
        return self.turned(max_error_dn=min(dn, MOST) or None, relative_error_percent=None)

    def with_relative_error(self, percent: float) -> Self | None:
        """This recipe with that limit, and no other."""
        return self.turned(max_error_dn=None, relative_error_percent=min(percent, 100.0))

    @classmethod
    def examples(cls) -> Iterable[Codec]:
        """Each effort, one of them near-lossless, one with errors that grow with the samples."""
        return [cls(), cls(effort="best", max_error_dn=2), cls(effort="high", relative_error_percent=1.0)]

    def encode(self, samples: NDArray[Any], spec: Spec) -> Mapping[str, bytes]:
        """Streams "bands", the range and axis of each, and "samples"."""
        bounds = np.zeros((3, len(samples)), np.int64)
        bounds[0], bounds[1] = samples.min(axis=(1, 2)), samples.max(axis=(1, 2))
        if self.max_error() == 0:
            bounds[2] = [choose_axis(band, samples[z - 1] if z else None) for z, band in enumerate(samples)]
        steps = np.diff(bounds, axis=1, prepend=0)
        steps[2] = bounds[2]
        return {"bands": encode_array(steps), "samples": rls.encode(samples, bounds, self.effort, *self._limits())}

    def decode(self, streams: Mapping[str, bytes], spec: Spec) -> NDArray[Any]:
        """The samples, within the limits of error."""
        if set(streams) != {"bands", "samples"}:
            raise CodestreamError(f"rls needs the streams 'bands' and 'samples', not {sorted(streams)}")
        bounds = decode_array(streams["bands"], (3, spec.shape[0]))
        bounds[:2] = np.cumsum(bounds[:2], axis=1)
        limits = np.iinfo(spec.dtype)
        ordered = (bounds[0] >= limits.min) & (bounds[0] <= bounds[1]) & (bounds[1] <= limits.max)
        if not (ordered & (bounds[2] >= 0) & (bounds[2] <= 1 << 16)).all():
            raise CodestreamError("rls: a band's range or axis is none that was written")
        samples = rls.decode(streams["samples"], bounds, spec.shape, self.effort, *self._limits())
        return samples.astype(spec.dtype)

    def _limits(self) -> tuple[int, float]:
        """Absolute, and relative as a part."""
        if self.relative_error_percent is None:
            return self.max_error_dn or 0, 0.0
        return MOST if self.max_error_dn is None else self.max_error_dn, self.relative_error_percent / 100
