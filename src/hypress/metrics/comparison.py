"""`compare`: every number of one comparison in one call."""

import math
from dataclasses import asdict, dataclass

from numpy.typing import ArrayLike

from hypress.metrics import structure
from hypress.metrics.blocks import checked
from hypress.metrics.tally import Tally


@dataclass(frozen=True)
class Comparison:
    """Every number of one comparison: decibels, degrees, sample units.

    Decibels are `math.inf` where the decoded scene is perfect; all are NaN where no sample was valid.
    """

    psnr_db: float
    psnr_peak: float
    mean_band_psnr_db: float
    max_error: float
    mean_error: float
    snr_db: float
    sam_deg: float
    max_sam_deg: float
    ssim: float | None  # None: not asked for

    def to_dict(self) -> dict[str, float | None]:
        """Plain numbers for JSON; infinity and NaN, which it lacks, are None. `max_error` 0 says perfect."""
        return {k: v if v is not None and math.isfinite(v) else None for k, v in asdict(self).items()}


def compare(
    original: ArrayLike,
    decoded: ArrayLike,
    *,
    valid: ArrayLike | None = None,
    peak: float | None = None,
    ssim: bool = True,
) -> Comparison:
    """Compare two arrays `(band, y, x)` of equal shape and any real dtypes.

    `valid` is boolean of that shape, True where a sample counts; NaN and infinity in the original never do.
    `peak`, in sample units, serves both PSNR and SSIM; by default it is the largest valid original sample
    (see `Tally.peak`). SSIM takes most of the time: `ssim=False` leaves it out. Raises `SceneError` where
    shapes or dtypes do not fit, `ConfigurationError` where the given peak is not positive and finite.
    """
    a, b, ok = checked(original, decoded, valid)
    tally = Tally.of(a, b, ok)
    return Comparison(
        psnr_db=tally.psnr_db(peak),
        psnr_peak=tally.peak if peak is None else float(peak),
        mean_band_psnr_db=tally.mean_band_psnr_db(peak),
        max_error=tally.max_error,
        mean_error=tally.mean_error,
        snr_db=tally.snr_db,
        sam_deg=tally.sam_deg,
        max_sam_deg=tally.max_sam_deg,
        ssim=structure.ssim(a, b, peak=peak, valid=ok) if ssim else None,
    )
