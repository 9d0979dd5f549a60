"""Differential coding across bands, block cosine transform of what is left: a closed loop, cheap in memory.

After G. P. Abousleman, M. W. Marcellin and B. R. Hunt, "Compression of hyperspectral imagery using the 3-D DCT and
hybrid DPCM/DCT" (IEEE TGRS 33, 1995):

    band ─► minus prediction ─► 8 × 8 DCT ─► one step, dead zone ─┬─► runs ─► "coefficients"
                  ▲                                               ▼
                  └── least squares ◄── bands as decoded ◄── integer inverse DCT
                            └────────────────────────────────────────────────► "predictors"

Each band is predicted from the last decoded ones by weights that are fitted to it and sent. The loop runs on what the
decoder has, in integers, so both stay together on any machine and errors do not add up from band to band.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from hypress.codec import Codec, Knob, Spec
from hypress.codecs._step import finest_within, quantise
from hypress.codecs.pca_dct import WORTH
from hypress.entropy.blocks import decode_blocks, encode_blocks
from hypress.entropy.integers import decode_array, encode_array
from hypress.errors import CodestreamError
from hypress.transforms import dct

POINT = 10
"""Bits after the point of a weight."""
HEAVIEST = 16 << POINT
STEP_POINT = 4
"""Bits after the point of the step."""
BOUND = 1 << 20
"""Samples within the loop are below this in magnitude."""
START = 16.0
"""First step that is tried."""


@dataclasses.dataclass(frozen=True)
class DpcmDct(Codec):
    """DPCM across bands and block DCT of the residual, at a rate."""

    name: ClassVar[str] = "dpcm_dct"
    knob: ClassVar[Knob | None] = Knob("rate_bpppc", 0.001, 16.0)

    rate_bpppc: Annotated[float, Meta(gt=0, le=32)] = 0.5
    """Bits of all streams per sample, at most."""
    block: Literal[4, 8, 16, 32] = 8
    """Edge of a block."""
    prediction_bands: Annotated[int, Meta(ge=1, le=8)] = 2
    """Decoded bands from which the next is predicted."""

    @classmethod
    def examples(cls) -> Iterable[Codec]:
        """Two rates, and large blocks predicted from one band."""
        return [cls(rate_bpppc=0.3), cls(rate_bpppc=1.0, block=16, prediction_bands=1)]

    def encode(self, samples: NDArray[Any], spec: Spec) -> Mapping[str, bytes]:
        """Streams "predictors" and "coefficients"."""

        def code(step: float) -> tuple[int, dict[str, bytes]]:
            fixed = max(1, round(step * (1 << STEP_POINT)))
            weights, levels = self._loop(samples, spec, fixed)
            data = {
                "predictors": fixed.to_bytes(4, "big") + encode_array(weights.T),
                "coefficients": encode_blocks(levels),
            }
            return sum(map(len, data.values())), data

        return finest_within(int(self.rate_bpppc * samples.size / 8), START, code)

    def _loop(self, samples: NDArray[Any], spec: Spec, step: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Weights `(band, prediction_bands + 1)` and quantised coefficients `(band, block row, …)`."""
        weights = np.zeros((len(samples), self.prediction_bands + 1), np.int64)
        levels = np.zeros((len(samples), *self._blocks(spec)), np.int32)
        decoded = np.zeros((self.prediction_bands, *samples.shape[1:]), np.int64)  # the latest first
        for band, image in enumerate(samples):
            weights[band] = _fitted(image, decoded[: min(band, self.prediction_bands)], self.prediction_bands)
            predicted = _predict(weights[band], decoded)
            levels[band] = quantise(
                dct.forward((image - predicted)[None], self.block), step / (1 << STEP_POINT), **WORTH
            )[0]
            latest = _reconstruct(predicted, levels[band], step, spec)
            decoded = np.concatenate([latest[None], decoded[:-1]])
        return weights, levels

    def decode(self, streams: Mapping[str, bytes], spec: Spec) -> NDArray[Any]:
        """The bands, each from those before and its residual."""
        if set(streams) != {"predictors", "coefficients"}:
            raise CodestreamError(f"dpcm_dct needs the streams coefficients and predictors, not {sorted(streams)}")
        side = streams["predictors"]
        if len(side) < 4:
            raise CodestreamError("dpcm_dct: the stream 'predictors' is cut short")
        step = int.from_bytes(side[:4], "big")
        weights = np.clip(decode_array(side[4:], (self.prediction_bands + 1, spec.shape[0])).T, -BOUND, BOUND)
        levels = decode_blocks(streams["coefficients"], (spec.shape[0], *self._blocks(spec)))
        out = np.empty(spec.shape, spec.dtype)
        decoded = np.zeros((self.prediction_bands, *spec.shape[1:]), np.int64)
        for band in range(len(out)):
            out[band] = _reconstruct(_predict(weights[band], decoded), levels[band], step, spec)
            decoded = np.concatenate([out[band].astype(np.int64)[None], decoded[:-1]])
        return out

    def _blocks(self, spec: Spec) -> tuple[int, int, int, int]:
        return -(-spec.shape[1] // self.block), -(-spec.shape[2] // self.block), self.block, self.block


def _fitted(image: NDArray[Any], decoded: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Weights in fixed point of the decoded bands `(band, y, x)`, zero for those that are missing, and a constant."""
    inputs = decoded.reshape(len(decoded), image.size).astype(np.float64)
    target = image.reshape(-1).astype(np.float64)
    centre, mean = inputs.mean(axis=1), target.mean()
    inputs = inputs - centre[:, None]
    energy = inputs @ inputs.T
    energy[np.diag_indices(len(energy))] += target.size  # noise of a sample's rounding: no weight from nothing
    found = np.linalg.solve(energy, inputs @ (target - mean))
    weights = np.zeros(count + 1, np.int64)
    weights[: len(found)] = np.clip(np.rint(found * (1 << POINT)), -HEAVIEST, HEAVIEST)
    weights[count] = round(float(mean - weights[: len(found)] @ centre / (1 << POINT)))
    return weights


def _predict(weights: NDArray[np.int64], decoded: NDArray[np.int64]) -> NDArray[np.int64]:
    """The next band `(y, x)` from the latest ones."""
    total = np.tensordot(weights[:-1], decoded, 1) + (1 << POINT >> 1)
    return np.asarray(np.clip((total >> POINT) + weights[-1], -BOUND, BOUND))


def _reconstruct(predicted: NDArray[np.int64], levels: NDArray[np.int32], step: int, spec: Spec) -> NDArray[np.int64]:
    """The band as the decoder has it."""
    scaled = (levels.astype(np.int64) * step + (1 << STEP_POINT >> 1)) >> STEP_POINT
    limits = np.iinfo(spec.dtype)
    residual = dct.inverse_exact(scaled[None], spec.shape[1:])[0]
    return np.asarray(np.clip(predicted + residual, limits.min, limits.max))
