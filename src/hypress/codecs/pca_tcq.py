"""Karhunen-Loève transform, wavelets, trellis-coded quantisation, and contexts across components.

    samples ─► KLT ─► rotation ─► quantised basis ─────────────────────────────────────────────► "basis"
        └────────► least-squares components ─► wavelets ─► trellis ─► contexts ─► range coder ─► "coefficients"

The transform is that of `pca_jpeg2000`. Its coefficients are quantised along a trellis and coded by a coder that knows
what earlier components have in the same place; see `hypress.tcq`.
"""

from __future__ import annotations

import dataclasses
import math
import struct
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from hypress.codec import Codec, Knob, Spec
from hypress.codecs._basis import basis_within, read_basis, write_basis
from hypress.errors import CodestreamError
from hypress.tcq import encoder, stream
from hypress.tcq.axes import cheapest_axes
from hypress.tcq.encoder import Effort
from hypress.tcq.subbands import Layout
from hypress.tcq.trellis import reconstruct
from hypress.transforms.allocation import Spectrum

HEAD = struct.Struct(">fB")
"""Start of "coefficients": the lattice step, and the wavelet splits."""
EFFORTS = {
    "default": Effort(sweeps=4, refits=0, rounds=1),
    "best": Effort(sweeps=10, refits=3, rounds=5),
}


@dataclasses.dataclass(frozen=True)
class PcaTcq(Codec):
    """KLT across bands, wavelets, and trellis-coded quantisation, at a rate."""

    name: ClassVar[str] = "pca_tcq"
    knob: ClassVar[Knob | None] = Knob("rate_bpppc", 0.001, 16.0)

    rate_bpppc: Annotated[float, Meta(gt=0, le=32)] = 0.5
    """Bits of all streams per sample, at most."""
    effort: Literal["default", "best"] = "default"
    """How much the encoder tries; decoding is the same."""
    levels: Annotated[int, Meta(ge=0, le=12)] = 5
    """Wavelet splits, at most."""

    @classmethod
    def examples(cls) -> Iterable[Codec]:
        """A low rate, and a high one with few splits."""
        return [cls(rate_bpppc=0.3), cls(rate_bpppc=2.0, effort="best", levels=2)]

    def encode(self, samples: NDArray[Any], spec: Spec) -> Mapping[str, bytes]:
        """Streams "basis" and "coefficients"."""
        budget = int(self.rate_bpppc * samples.size / 8)
        effort = EFFORTS[self.effort]
        chosen = cheapest_axes(samples, Spectrum.of(samples), 8.0 * budget, effort.sweeps)
        chosen, basis, _ = basis_within(chosen, budget)
        if basis.components:
            left = budget - HEAD.size
            found = encoder.within(samples, chosen, basis, write_basis, levels=self.levels, budget=left, effort=effort)
            if found is not None:
                return {"basis": found.head, "coefficients": HEAD.pack(found.step, self.levels) + found.data}
        return {"basis": write_basis(basis.without_components()), "coefficients": b""}

    def decode(self, streams: Mapping[str, bytes], spec: Spec) -> NDArray[Any]:
        """The inverse transforms, rounded and clipped."""
        if set(streams) != {"basis", "coefficients"}:
            raise CodestreamError(f"pca_tcq needs the streams basis and coefficients, not {sorted(streams)}")
        bands, rows, columns = spec.shape
        basis, _ = read_basis(streams["basis"], bands)
        if not basis.components:
            return basis.inverse(np.zeros((0, rows, columns)), spec.dtype)
        data = streams["coefficients"]
        if len(data) < HEAD.size:
            raise CodestreamError("pca_tcq: the stream of coefficients is cut short")
        step, levels = HEAD.unpack_from(data)
        if not (math.isfinite(step) and step > 0):
            raise CodestreamError("pca_tcq: the step of the coefficients is damaged")
        layout = Layout((basis.components, rows, columns), levels)
        indices = stream.decode(data[HEAD.size :], layout)
        components = layout.join([reconstruct(band) for band in indices], step)
        return basis.inverse(components, spec.dtype)
