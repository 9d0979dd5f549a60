"""Structural similarity (SSIM) of each band as an image.

Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image quality assessment: from error visibility to
structural similarity", IEEE Transactions on Image Processing 13(4), 2004: Gaussian window of 11×11 samples,
σ = 1.5, K₁ = 0.01, K₂ = 0.03, covariances normalised by the weights alone (population).
"""

import math
from dataclasses import dataclass
from itertools import product
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hypress.errors import ConfigurationError, SceneError
from hypress.metrics.blocks import F64, Mask, checked, checked_peak
from hypress.metrics.tally import Tally

WINDOW = 11
SIGMA = 1.5
K1, K2 = 0.01, 0.03

TILE = 256  # window positions along one side of a block: its temporaries stay in a level-2 cache


def window_for(rows: int, columns: int) -> int:
    """The window's side for an image: 11, or the largest odd side that fits a smaller one."""
    side = min(WINDOW, rows, columns)
    return max(1, side if side % 2 else side - 1)


@dataclass(frozen=True, eq=False)
class SsimTally:
    """The sum of SSIM over window positions, mergeable over strips or tiles of one scene.

    A window counts where it lies within the strip. Let neighbouring strips overlap by `window - 1` rows (and
    tiles by as many columns) and the sum holds every window of the scene once.
    """

    total: F64  # (band,) sum of SSIM over windows
    count: NDArray[np.int64]  # (band,) windows free of masked samples

    @classmethod
    def of(
        cls,
        original: ArrayLike,
        decoded: ArrayLike,
        *,
        peak: float,
        valid: ArrayLike | None = None,
        window: int = WINDOW,
    ) -> Self:
        """Compare two arrays `(band, y, x)`; `peak` is that of the whole scene, 0 only if the scene is all 0.

        `window` is the odd side of the window, `window_for` the whole scene. Windows that touch a sample that
        is not `valid`, or NaN or infinite in the original, are left out; windows that touch a valid sample
        decoded to NaN or infinity count 0. Raises `SceneError` where shapes or dtypes do not fit, and
        `ConfigurationError` for a peak or window out of range.
        """
        a, b, ok = checked(original, decoded, valid)
        if not 0 <= peak < math.inf:
            raise ConfigurationError(f"peak is {peak}; it must be a finite number of sample units, not negative")
        if window < 1 or window % 2 == 0:
            raise ConfigurationError(f"window is {window}; it must be odd and positive")
        weights = np.exp(-0.5 * (np.arange(window) - window // 2) ** 2 / SIGMA**2)
        weights /= weights.sum()
        bands, height, width = a.shape
        total, count = np.zeros(bands), np.zeros(bands, np.int64)
        corners = product(range(0, height - window + 1, TILE), range(0, width - window + 1, TILE))
        for top, left in corners:
            rows, columns = slice(top, top + TILE + window - 1), slice(left, left + TILE + window - 1)
            for band in range(bands):
                part = (band, rows, columns)
                tile_sum, tile_count = _tile(a[part], b[part], None if ok is None else ok[part], peak, weights)
                total[band] += tile_sum
                count[band] += tile_count
        return cls(total, count)

    def __add__(self, other: Self) -> Self:
        """The tally of both; `SceneError` where they hold different numbers of bands."""
        if not isinstance(other, SsimTally):
            return NotImplemented
        if self.count.shape != other.count.shape:
            raise SceneError(f"tallies of {len(self.count)} and {len(other.count)} bands cannot be added")
        return type(self)(self.total + other.total, self.count + other.count)

    @property
    def ssim_per_band(self) -> F64:
        """Mean over windows, `(band,)`; NaN for a band without a window."""
        return np.where(self.count > 0, self.total / np.maximum(self.count, 1), np.nan)

    @property
    def ssim(self) -> float:
        """Mean over the bands that have a window; NaN if none has."""
        per_band = self.ssim_per_band[self.count > 0]
        return float(per_band.mean()) if per_band.size else math.nan


def ssim(
    original: ArrayLike, decoded: ArrayLike, *, peak: float | None = None, valid: ArrayLike | None = None
) -> float:
    """Mean SSIM over window positions, then over bands; 1 where the arrays are equal.

    Arrays are `(band, y, x)` of any real dtypes, `valid` is boolean of that shape. `peak` is the data range L
    of the formula, in sample units; by default the same peak as of PSNR: the largest valid original sample
    (see `Tally.peak`). Images smaller than 11×11 take the largest odd window that fits them. NaN where no
    window is free of masked samples. Temporaries stay under 16 MB. Raises `SceneError` where shapes or dtypes
    do not fit, `ConfigurationError` where the given peak is not a positive finite number.
    """
    a, b, ok = checked(original, decoded, valid)
    if peak is None:
        peak = Tally.of(a, b, ok).peak
        if math.isnan(peak):  # no valid sample
            return math.nan
    else:
        peak = checked_peak(peak)
    return SsimTally.of(a, b, peak=peak, valid=ok, window=window_for(*a.shape[1:])).ssim


def _tile(a: NDArray[Any], b: NDArray[Any], valid: Mask | None, peak: float, weights: F64) -> tuple[float, int]:
    """Sum of SSIM over the windows within one small image, and their number."""
    with np.errstate(over="ignore", invalid="ignore"):
        x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
        if peak:  # in units of the peak the constants are plain numbers
            x, y = x / peak, y / peak
    ok = np.isfinite(x) if valid is None else np.logical_and(valid, np.isfinite(x))
    lost = ok & ~np.isfinite(y)
    if not peak:
        lost |= ok & (y != 0)  # the original is all zero: no error is small
    # Samples of 1e60 peaks are no image; bounded there, the products of their squares stay finite.
    x = np.clip(np.where(ok, x, 0), -1e60, 1e60)
    y = np.clip(np.where(ok & ~lost, y, 0), -1e60, 1e60)
    similarity = _ssim_map(x, y, weights)
    if lost.any():
        similarity[_touched(lost, len(weights))] = 0
    if not ok.all():
        similarity = similarity[~_touched(~ok, len(weights))]
    return float(similarity.sum()), similarity.size


def _ssim_map(x: F64, y: F64, weights: F64) -> F64:
    """Equation 13 of the paper, in units of the peak, at every window that lies within the image."""
    c1, c2 = K1**2, K2**2
    mean_x, mean_y = _smooth(x, weights), _smooth(y, weights)
    product_of_means = mean_x * mean_y
    power_of_means = mean_x**2 + mean_y**2
    covariance = _smooth(x * y, weights) - product_of_means
    variances = np.maximum(_smooth(x**2 + y**2, weights) - power_of_means, 0)
    # |covariance| ≤ half the sum of variances; rounding may break that where means are large.
    covariance = np.clip(covariance, -variances / 2, variances / 2)
    return (2 * product_of_means + c1) * (2 * covariance + c2) / ((power_of_means + c1) * (variances + c2))


def _smooth(image: F64, weights: F64) -> F64:
    """Weighted means over the windows that lie within the image."""
    from scipy.ndimage import correlate1d  # late, so that importing the metrics stays light

    r = len(weights) // 2
    columns = correlate1d(image, weights, axis=0, mode="constant")[r : image.shape[0] - r]
    smooth: F64 = correlate1d(columns, weights, axis=1, mode="constant")[:, r : image.shape[1] - r]
    return smooth


def _touched(flags: Mask, window: int) -> Mask:
    """Which windows within the image hold a flagged sample."""
    for axis in (0, 1):
        flags = np.any(np.lib.stride_tricks.sliding_window_view(flags, window, axis=axis), axis=-1)
    return flags
