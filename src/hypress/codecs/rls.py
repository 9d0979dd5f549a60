"""Least-squares prediction from many bands, learnt line by line, and adaptive arithmetic coding: lossless.

samples ─► predicted from 32 bands before and 12 neighbours ─► integers ─► NLMS, contexts, range coder ─► "residual"
                  ▲ weights: least squares over the lines before
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from hypress.codec import Codec, Spec
from hypress.entropy.residuals import decode_residuals, encode_residuals
from hypress.errors import CodestreamError
from hypress.transforms.regression import residuals, restore


@dataclasses.dataclass(frozen=True)
class Rls(Codec):
    """Lossless, by linear prediction whose weights are found by least squares on both sides."""

    name: ClassVar[str] = "rls"

    prediction_bands: Annotated[int, Meta(ge=0, le=255)] = 32
    """Bands before that a sample is predicted from: more are smaller by little and slower by much."""

    def max_error(self) -> int | None:
        """Nothing is lost."""
        return 0

    @classmethod
    def examples(cls) -> Iterable[Codec]:
        """The default, and few bands."""
        return [cls(), cls(prediction_bands=5)]

    def encode(self, samples: NDArray[Any], spec: Spec) -> Mapping[str, bytes]:
        """The stream "residual"."""
        return {"residual": encode_residuals(residuals(samples, self.prediction_bands), 0)[0]}

    def decode(self, streams: Mapping[str, bytes], spec: Spec) -> NDArray[Any]:
        """The samples, exactly."""
        if set(streams) != {"residual"}:
            raise CodestreamError(f"rls needs the stream 'residual', not {sorted(streams)}")
        left = decode_residuals(streams["residual"], spec.shape, 0)
        return restore(left, self.prediction_bands, np.dtype(spec.dtype))
