"""How far a decoded scene is from its original, and what it cost. The conventions: `docs/metrics.md`."""

from hypress.metrics.comparison import Comparison, compare
from hypress.metrics.error import max_error, mean_error, mse, psnr, psnr_per_band, snr
from hypress.metrics.rate import bpppc, ratio
from hypress.metrics.spectral import spectral_angle_deg, spectral_angle_map_deg
from hypress.metrics.structure import SsimTally, ssim, window_for
from hypress.metrics.tally import Tally

__all__ = [
    "Comparison",
    "SsimTally",
    "Tally",
    "bpppc",
    "compare",
    "max_error",
    "mean_error",
    "mse",
    "psnr",
    "psnr_per_band",
    "ratio",
    "snr",
    "spectral_angle_deg",
    "spectral_angle_map_deg",
    "ssim",
    "window_for",
]
