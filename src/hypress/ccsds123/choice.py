"""What the encoder chooses where it is left to it: measured on the training scenes, see `docs/codecs/ccsds123.md`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from hypress.ccsds123.fitting import fit
from hypress.ccsds123.parameters import WIDE_COLUMN, WIDE_NEIGHBOR, Rows

SMALL = 1024
"""Pixels below which a table of weights costs more than it brings."""
NARROW_RANGE = 25
"""Dynamic range up to which 32-bit arithmetic is arranged."""
FINE = 16
"""Maximum error up to which representatives move far towards the prediction."""


@dataclass(frozen=True)
class Prediction:
    """The part of the parameters that the predictor's defaults settle; None was left to them."""

    prediction_bands: int | None
    full: bool | None
    local_sum: int | None
    resolution: int | None
    weights: Rows | str | None
    weight_bits: int
    initial: int | None
    final: int | None

    def settled(self, samples: NDArray[Any], bits: int, max_error: int) -> dict[str, Any]:
        """Parameters for these samples, `(band, y, x)`, coded to within `max_error`."""
        bands, rows, columns = samples.shape
        full = False if self.full is None else self.full
        able = not full and rows >= 2 and columns >= 3 and bands >= 2
        fitted = able and (self.weights == "fitted" or (self.weights is None and rows * columns >= SMALL))
        known = fitted or not isinstance(self.weights, str | None)
        prediction_bands = self.prediction_bands
        if prediction_bands is None:
            prediction_bands = 12 if fitted else 3
        resolution = self.resolution
        if resolution is None:
            resolution = min(15, 29 - bits) if bits <= NARROW_RANGE else 13
        local_sum, weights, weight_bits = self.local_sum, self.weights, self.weight_bits
        if fitted:
            weight_bits = min(weight_bits, resolution + 3)
            sums = (WIDE_NEIGHBOR, WIDE_COLUMN) if local_sum is None else (local_sum,)
            fits = {
                kind: fit(samples, prediction_bands, resolution, weight_bits, max_error, kind >= WIDE_COLUMN)
                for kind in sums
            }
            local_sum = min(sums, key=lambda kind: fits[kind].remainder)
            weights = fits[local_sum].weights
        if local_sum is None:
            local_sum = WIDE_COLUMN if columns == 1 else WIDE_NEIGHBOR
        initial, final = self._exponents(*((9, 9) if known else (1, 5)))
        return {
            "full": full,
            "prediction_bands": prediction_bands,
            "local_sum": local_sum,
            "resolution": resolution,
            "weights": None if isinstance(weights, str) else weights,
            "weight_bits": 0 if isinstance(weights, str | None) else weight_bits,
            "initial": initial,
            "final": final,
        }

    def _exponents(self, initial: int, final: int) -> tuple[int, int]:
        """ν_min and ν_max: where one is said, the other keeps within it."""
        if self.initial is not None:
            initial, final = self.initial, max(final, self.initial)
        if self.final is not None:
            initial, final = min(initial, self.final) if self.initial is None else initial, self.final
        return initial, final


def representative(max_error: int) -> tuple[int, int]:
    """Θ and ψ: representatives by 3/8 of the maximum error towards the prediction, unless it is large."""
    return (3, 3) if 0 < max_error <= FINE else (0, 0)
