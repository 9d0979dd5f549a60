"""Karhunen-Loève transform across bands, then a block cosine transform of its components.

The transform coder of the textbooks, as the papers compare with, and as good as it gets:

    samples ─► KLT ─► quantised basis ────────────────────────────────► "basis"
        └────► components ─► 8 × 8 DCT ─► one step, dead zone ─► runs ─► "coefficients"

One step for all coefficients is what rate-distortion theory asks of an orthonormal transform; the basis is quantised to
what its entries deserve (`transforms.pca`); components that are not worth their bits are left out
(`transforms.allocation`); and quantised blocks are coded by `entropy.blocks`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from hypress.codec import Codec, Knob, Spec
from hypress.codecs._basis import basis_within, read_basis
from hypress.codecs._step import finest_within, quantise
from hypress.entropy.blocks import decode_blocks, encode_blocks
from hypress.errors import CodestreamError
from hypress.transforms import dct
from hypress.transforms.allocation import Spectrum, plan
from hypress.transforms.pca import project

WORTH: dict[str, Any] = {"axes": (1, 2, 3, 4), "alone": 0.8, "nearly_alone": 0.7}
"""When a coefficient that stands alone, in its block and beside the same one of other blocks, is dropped."""
STEP_BITS = 16
"""Bits after the point of the stored step."""


@dataclasses.dataclass(frozen=True)
class PcaDct(Codec):
    """KLT across bands and block DCT over the components, at a rate."""

    name: ClassVar[str] = "pca_dct"
    knob: ClassVar[Knob | None] = Knob("rate_bpppc", 0.001, 16.0)

    rate_bpppc: Annotated[float, Meta(gt=0, le=32)] = 0.5
    """Bits of all streams per sample, at most."""
    block: Literal[4, 8, 16, 32] = 8
    """Edge of a block."""

    @classmethod
    def examples(cls) -> Iterable[Codec]:
        """Two rates, and large blocks."""
        return [cls(rate_bpppc=0.3), cls(rate_bpppc=1.0, block=16)]

    def encode(self, samples: NDArray[Any], spec: Spec) -> Mapping[str, bytes]:
        """Streams "basis" and "coefficients"."""
        budget = int(self.rate_bpppc * samples.size / 8)
        chosen = plan(samples, Spectrum.of(samples), bits=8.0 * budget, sweeps=0)
        chosen, basis, head = basis_within(chosen, budget)
        if not basis.components:
            return {"basis": head, "coefficients": b""}
        coefficients = dct.forward(project(samples, basis.means, basis.analysis()), self.block)

        def code(step: float) -> tuple[int, bytes]:
            stored = round(step * (1 << STEP_BITS))
            data = stored.to_bytes(6, "big") + encode_blocks(quantise(coefficients, stored / (1 << STEP_BITS), **WORTH))
            return len(data) + len(head), data

        return {"basis": head, "coefficients": finest_within(budget, chosen.step, code)}

    def decode(self, streams: Mapping[str, bytes], spec: Spec) -> NDArray[Any]:
        """The inverse transforms, rounded and clipped."""
        if set(streams) != {"basis", "coefficients"}:
            raise CodestreamError(f"pca_dct needs the streams basis and coefficients, not {sorted(streams)}")
        bands, rows, columns = spec.shape
        basis, _ = read_basis(streams["basis"], bands)
        data = streams["coefficients"]
        components = np.zeros((basis.components, rows, columns))
        if data and basis.components:
            step = int.from_bytes(data[:6], "big") / (1 << STEP_BITS)
            blocks = (-(-rows // self.block), -(-columns // self.block), self.block, self.block)
            levels = decode_blocks(data[6:], (basis.components, *blocks))
            components = dct.inverse(levels * step, (rows, columns))
        return basis.inverse(components, spec.dtype)
