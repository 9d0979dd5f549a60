"""Errors of samples as plain functions; each is one line on `Tally`, which measures several at once.

`original` and `decoded` are arrays `(band, y, x)` of equal shape and any real dtypes, `valid` a boolean array
of that shape, True where a sample counts. NaN and infinity in the original never count; decoded where the
original counts, they are an infinite error. All raise `SceneError` where shapes or dtypes do not fit.
"""

from numpy.typing import ArrayLike

from hypress.metrics.blocks import F64
from hypress.metrics.tally import Tally


def mse(original: ArrayLike, decoded: ArrayLike, *, valid: ArrayLike | None = None) -> float:
    """Mean squared error, in squared sample units."""
    return Tally.of(original, decoded, valid).mse


def psnr(
    original: ArrayLike, decoded: ArrayLike, *, peak: float | None = None, valid: ArrayLike | None = None
) -> float:
    """Peak signal-to-noise ratio in dB, all samples pooled; `math.inf` where they are equal.

    `peak` is in sample units; by default the largest valid original sample (see `Tally.peak`).
    """
    return Tally.of(original, decoded, valid).psnr_db(peak)


def psnr_per_band(
    original: ArrayLike, decoded: ArrayLike, *, peak: float | None = None, valid: ArrayLike | None = None
) -> F64:
    """PSNR of each band in dB, `(band,)` float64, all against the one peak of the scene."""
    return Tally.of(original, decoded, valid).psnr_per_band_db(peak)


def max_error(original: ArrayLike, decoded: ArrayLike, *, valid: ArrayLike | None = None) -> float:
    """Largest absolute error, in sample units; exact for integers while under 2⁵³."""
    return Tally.of(original, decoded, valid).max_error


def mean_error(original: ArrayLike, decoded: ArrayLike, *, valid: ArrayLike | None = None) -> float:
    """Mean absolute error, in sample units."""
    return Tally.of(original, decoded, valid).mean_error


def snr(original: ArrayLike, decoded: ArrayLike, *, valid: ArrayLike | None = None) -> float:
    """Signal-to-noise ratio in dB: 10·log₁₀(Σ x² / Σ e²), the mean of the original not removed."""
    return Tally.of(original, decoded, valid).snr_db
