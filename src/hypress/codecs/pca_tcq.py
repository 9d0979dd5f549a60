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
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from hypress.blas import one_thread
from hypress.codec import Codec, Knob, Spec
from hypress.codecs._basis import basis_within, read_basis, write_basis
from hypress.errors import CodestreamError
from hypress.tcq import stream
from hypress.tcq.axes import cheapest_axes
from hypress.tcq.encoder import Effort, Encoder
from hypress.tcq.halves import spectrum_of
from hypress.tcq.subbands import Layout
from hypress.transforms.allocation import LEAST_LEVEL, Plan

HEAD = struct.Struct(">fB")
"""Start of "coefficients": the lattice step, and the wavelet splits."""
UNBOUNDED = 1 << 40
"""Bytes that are enough, where an error is asked for instead of a rate."""
LEAST_MSE = 0.125
"""Squared errors below this are hardly more than that of rounding, 1/12, and no step leads there for sure."""
OUTSIDE = 0.9
"""Share of a squared error that components which are not coded may have."""
EFFORTS = {
    "default": Effort(sweeps=4, turned=48, refits=0, rounds=1),
    "best": Effort(sweeps=10, turned=96, refits=12, rounds=13),
}


@dataclasses.dataclass(frozen=True)
class PcaTcq(Codec):
    """KLT across bands, wavelets, and trellis-coded quantisation, at a rate."""

    name: ClassVar[str] = "pca_tcq"
    knob: ClassVar[Knob | None] = Knob("rate_bpppc", 0.001, 16.0)

    rate_bpppc: Annotated[float, Meta(gt=0, le=32)] = 0.5
    """Bits of all streams per sample, at most."""
    mse: Annotated[float, Meta(gt=0)] | None = None
    """Mean squared error in squared sample units, at most and nearly, whatever its rate; None: `rate_bpppc` says."""
    effort: Literal["default", "best"] = "default"
    """How much the encoder tries; decoding is the same."""
    levels: Annotated[int, Meta(ge=0, le=12)] = 5
    """Wavelet splits, at most."""

    def lossy(self) -> Self:
        """This recipe at a rate."""
        return self.turned(mse=None)

    def with_mse(self, mse: float) -> Self | None:
        """This recipe with `mse` set; None below what rounding to whole samples leaves, more or less."""
        return self.turned(mse=mse) if mse >= LEAST_MSE else None

    @classmethod
    def examples(cls) -> Iterable[Codec]:
        """A low rate, a high one with few splits, and an error."""
        return [cls(rate_bpppc=0.3), cls(rate_bpppc=2.0, effort="best", levels=2), cls(mse=20.0)]

    @one_thread()
    def encode(self, samples: NDArray[Any], spec: Spec) -> Mapping[str, bytes]:
        """Streams "basis" and "coefficients"."""
        spectrum, effort = spectrum_of(samples), EFFORTS[self.effort]
        budget = UNBOUNDED if self.mse is not None else int(self.rate_bpppc * samples.size / 8)

        def meet(plan: Plan) -> Plan:
            return (
                plan.for_bits(8.0 * budget) if self.mse is None else plan.for_error(self.mse * len(samples), spectrum)
            )

        chosen = cheapest_axes(samples, spectrum, meet, effort.sweeps, effort.turned)
        chosen, basis, head = basis_within(chosen, budget)
        while self.mse is not None and spectrum.outside(basis) > OUTSIDE * self.mse and chosen.level > LEAST_LEVEL:
            chosen, basis, head = basis_within(chosen.at(chosen.level / 2), budget)
        if basis.components:
            encoder = Encoder(samples, chosen, basis, head, write_basis, self.levels)
            if self.mse is None:
                found = encoder.within(budget - HEAD.size, effort)
            else:
                found = encoder.at_error(self.mse, spectrum.outside(basis), effort)
            if found is not None:
                return {"basis": found.head, "coefficients": HEAD.pack(found.step, self.levels) + found.data}
        return {"basis": write_basis(basis.without_components()), "coefficients": b""}

    @one_thread()
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
        components = layout.join(stream.decode(data[HEAD.size :], layout), step)
        return basis.inverse(components, spec.dtype)
