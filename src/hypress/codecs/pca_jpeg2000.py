"""Karhunen-Loève transform across bands, then JPEG 2000: the strongest classical baseline.

After Q. Du and J. E. Fowler, "Hyperspectral image compression using JPEG2000 and principal component
analysis" (IEEE GRSL 4, 2007) and B. Penna, T. Tillo, E. Magli and G. Olmo, "Transform coding techniques for
lossy hyperspectral data compression" (IEEE TGRS 45, 2007), with all that they leave open settled by rate:

    samples ─► moments ─► KLT ─► rotation ─► quantised basis ──────────────► "basis"
        │      (pca)             (rotation)   (allocation)     (integers)
        └──────────────────► least-squares components ─► JPEG 2000 ────────► "components"
                                          └─► exact inverse ─► error ─► LMS ► "residual", if promised

- The basis is more coefficients: quantised with their step and entropy coded, see `transforms.pca`.
- The axes within the leading subspace are turned to where a wavelet coder spends least, see
  `transforms.rotation`; then they are fitted again, a few times, to the components as the decoder has them.
- One codestream holds all components, which compete for bytes.
- With `max_error_dn` the components, coded losslessly with the 5/3 transform, become a predictor, computed in
  exact arithmetic, whose error is coded to the promise, see `entropy.residuals`.
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
from hypress.codecs._basis import basis_within, read_basis, write_basis
from hypress.codecs._jpeg2000 import code_within
from hypress.entropy.residuals import decode_residuals, encode_residuals
from hypress.errors import CodestreamError, ConfigurationError
from hypress.jpeg2000.layout import MAX_SIZE
from hypress.transforms.allocation import Plan, Spectrum, plan
from hypress.transforms.pca import Basis, products, project, quantised_basis

NOISE_STEP = 8
"""Promised errors: quantiser step of the components, in standard deviations of the noise.

The residual is coded anyway: what a coarse component leaves, it takes up at little more than the price.
"""
CANDIDATE = 3
"""Promised errors: components are candidates from this variance on, in distortions of that step …"""
NOISE_ENERGY = 24
"""… and kept, once rotated, from this energy on."""


@dataclasses.dataclass(frozen=True)
class PcaJpeg2000(Codec):
    """KLT across bands and JPEG 2000 over the components, at a rate or to a maximum error."""

    name: ClassVar[str] = "pca_jpeg2000"
    knob: ClassVar[Knob | None] = Knob("rate_bpppc", 0.001, 16.0)

    rate_bpppc: Annotated[float, Meta(gt=0, le=32)] = 0.5
    """Bits of all streams per sample, at most; unused with `max_error_dn`."""
    max_error_dn: Annotated[int, Meta(ge=0, le=32767)] | None = None
    """None: as good as the rate allows. Otherwise no sample is off by more; 0 is lossless."""
    levels: Annotated[int, Meta(ge=0, le=12)] | None = None
    """Wavelet splits; None tries those that suit the tile."""
    code_block: Annotated[int, Meta(ge=4, le=64)] = 64
    """Edge of JPEG 2000's code-blocks, a power of two."""
    sweeps: Annotated[int, Meta(ge=0, le=16)] = 6
    """Rounds of plane rotations away from the KLT; 0 keeps the plain KLT."""
    refits: Annotated[int, Meta(ge=0, le=16)] = 2
    """How often the basis is fitted again to the decoded components; each codes them once more."""

    def __post_init__(self) -> None:
        if self.code_block & (self.code_block - 1):
            raise ConfigurationError(f"code_block must be a power of two such as 64, not {self.code_block}")

    def max_error(self) -> int | None:
        """The field `max_error_dn`."""
        return self.max_error_dn

    def with_max_error(self, dn: int) -> Self | None:
        """This recipe with `max_error_dn` set."""
        return self.turned(max_error_dn=min(dn, 32767))

    def lossy(self) -> Self:
        """This recipe without a promise."""
        return self.turned(max_error_dn=None)

    @classmethod
    def examples(cls) -> Iterable[Codec]:
        """A low rate, lossless, and the plain KLT."""
        return [cls(rate_bpppc=0.3), cls(max_error_dn=0), cls(rate_bpppc=1.0, sweeps=0, refits=0, levels=3)]

    # --- at a rate --------------------------------------------------------------------------------

    def encode(self, samples: NDArray[Any], spec: Spec) -> Mapping[str, bytes]:
        """Streams "basis" and "components", and "residual" where an error is promised."""
        if max(samples.shape[1:]) > MAX_SIZE:
            raise ConfigurationError(f"pca_jpeg2000 takes tiles of at most {MAX_SIZE} rows and columns")
        if self.max_error_dn is not None:
            return self._encode_promised(samples, self.max_error_dn)
        budget = int(self.rate_bpppc * samples.size / 8)
        chosen = plan(samples, Spectrum.of(samples), bits=8.0 * budget, sweeps=self.sweeps)
        chosen, basis, _ = basis_within(chosen, budget)
        return min(self._fitted(samples, chosen, basis, budget), key=lambda trial: trial[0])[1]

    def _fitted(
        self, samples: NDArray[Any], chosen: Plan, basis: Basis, budget: int
    ) -> Iterable[tuple[float, dict[str, bytes]]]:
        """Expected squared error and streams, of the first basis and of each refit."""
        candidates = self._levels(samples.shape)
        for trial in range(self.refits + 1):
            head = write_basis(basis)
            components = project(samples, basis.means, basis.analysis())
            best = math.inf
            for levels in candidates if basis.components else []:
                try:
                    coded, cut = code_within(
                        components,
                        chosen.step,
                        budget - len(head),
                        levels=levels,
                        code_block=self.code_block,
                    )
                except ConfigurationError:  # not even its headers fit
                    continue
                if cut.squared_error < best:
                    best, candidates, stream = cut.squared_error, [levels], coded.write(cut)
            if best == math.inf:
                if trial == 0:
                    yield 0.0, {"basis": write_basis(basis.without_components()), "components": b""}
                return
            decoded = jpeg2000.decode(stream, shape=components.shape)
            cross, energy = products(samples, basis.means, decoded)
            fit = basis.columns
            # |x − Q c|², up to |x|², which all trials share.
            error = np.sum((fit.T @ fit) * energy) - 2 * np.sum(fit * cross)
            yield float(error), {"basis": head, "components": stream}
            if trial < self.refits:
                # The regression of samples on decoded components, as a new set of axes.
                axes = cross @ np.linalg.pinv(energy, hermitian=True)
                norms = np.maximum(np.linalg.norm(axes, axis=0), 1e-12)
                energies = np.diag(energy) / chosen.pixels * norms**2
                basis = quantised_basis(chosen.means, axes / norms, energies, chosen.pixels, chosen.step)

    def _levels(self, shape: tuple[int, ...]) -> list[int]:
        if self.levels is not None:
            return [self.levels]
        most = int(np.clip(math.log2(min(shape[1:])) - 3.5, 0, 5))
        return [most] if most < 2 else [most, most - 1]

    # --- to a promise -----------------------------------------------------------------------------

    def _encode_promised(self, samples: NDArray[Any], dn: int) -> dict[str, bytes]:
        basis, step16 = self._predictor(samples, dn)
        streams = {"basis": write_basis(basis, step16), "components": b""}
        components = np.zeros((0, *samples.shape[1:]))
        if basis.components:
            step = step16 / 16
            whole = np.rint(project(samples, basis.means, basis.analysis()) / step).astype(np.int32)
            levels = self._levels(whole.shape)[0]
            streams["components"] = jpeg2000.encode(whole, reversible=True, levels=levels, code_block=self.code_block)
            components = whole * step
        predicted = basis.inverse(components, samples.dtype)
        residual = np.subtract(samples, predicted, dtype=np.int32)
        streams["residual"], _ = encode_residuals(residual, dn)
        return streams

    def _predictor(self, samples: NDArray[Any], dn: int) -> tuple[Basis, int]:
        """The basis for a promise, and the step of its components in sixteenths."""
        spectrum = Spectrum.of(samples)
        noise = math.sqrt(spectrum.noise(max(dn + 0.5, 1) ** 2 / 12))
        step16 = min(round(16 * NOISE_STEP * noise), 1 << 31)
        level = (step16 / 16) ** 2 / 12
        chosen = plan(samples, spectrum, level=level, least=CANDIDATE, sweeps=self.sweeps)
        kept = chosen.energies > NOISE_ENERGY * level
        axes, energies = chosen.axes[:, kept], chosen.energies[kept]
        return quantised_basis(chosen.means, axes, energies, chosen.pixels, chosen.step), step16

    # --- back -------------------------------------------------------------------------------------

    def decode(self, streams: Mapping[str, bytes], spec: Spec) -> NDArray[Any]:
        """The inverse transform of the decoded components, plus the residual where there is one."""
        names = {"basis", "components"} | ({"residual"} if self.max_error_dn is not None else set())
        if set(streams) != names:
            raise CodestreamError(f"pca_jpeg2000 needs the streams {sorted(names)}, not {sorted(streams)}")
        bands, rows, columns = spec.shape
        basis, step16 = read_basis(streams["basis"], bands)
        shape = (basis.components, rows, columns)
        if basis.components:
            decoded = jpeg2000.decode(streams["components"], shape=shape)
        else:
            decoded = np.zeros(shape)
        if self.max_error_dn is None:
            return basis.inverse(decoded, spec.dtype)
        predicted = basis.inverse(decoded * (step16 / 16), spec.dtype)
        residual = decode_residuals(streams["residual"], spec.shape, self.max_error_dn)
        residual += predicted
        limits = np.iinfo(spec.dtype)
        return np.clip(residual, limits.min, limits.max, out=residual).astype(spec.dtype)
