"""`Tally`: what is needed to say how far a decoded scene is from its original, summed tile by tile.

Formulas and conventions: `docs/metrics.md`.
"""

import math
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hypress.errors import SceneError
from hypress.metrics.blocks import F64, Block, angles_deg, blocks, checked, checked_peak

_SUMS = ("count", "squared_error", "absolute_error", "total", "total_square")


@dataclass(frozen=True, eq=False)
class Tally:
    """The comparison of two arrays, small enough to keep, and mergeable with that of other tiles.

    `Tally.of(a, b) + Tally.of(c, d)` is the tally of both tiles, to float64 rounding. Arrays are `(band,)`
    float64 in sample units; `count` is int64. The results are in decibels, degrees or sample units; they are
    `math.inf` where the decoded scene is perfect, and NaN where no sample was valid.
    """

    count: NDArray[np.int64]  # valid samples
    squared_error: F64  # Σ e²
    absolute_error: F64  # Σ |e|
    largest_error: F64  # max |e|
    total: F64  # Σ x, of the original as all below
    total_square: F64  # Σ x²
    smallest: F64  # min x; +inf where the band has no valid sample
    largest: F64  # max x; −inf there
    pixels: int  # pixels whose spectral angle was measured
    angle_sum_deg: float
    angle_max_deg: float

    @classmethod
    def empty(cls, bands: int) -> Self:
        """The tally of no pixel at all: the start of a sum."""
        return cls(
            count=np.zeros(bands, np.int64),
            squared_error=np.zeros(bands),
            absolute_error=np.zeros(bands),
            largest_error=np.zeros(bands),
            total=np.zeros(bands),
            total_square=np.zeros(bands),
            smallest=np.full(bands, np.inf),
            largest=np.full(bands, -np.inf),
            pixels=0,
            angle_sum_deg=0.0,
            angle_max_deg=0.0,
        )

    @classmethod
    def of(cls, original: ArrayLike, decoded: ArrayLike, valid: ArrayLike | None = None) -> Self:
        """Compare two arrays `(band, y, x)` of equal shape and any real dtypes.

        `valid` is a boolean array of that shape, True where a sample counts. NaN and infinity in the original
        never count. NaN or infinity decoded where the original counts is an infinite error, and an angle of
        180°. Temporaries stay under 16 MB. Raises `SceneError` where shapes or dtypes do not fit.
        """
        a, b, ok = checked(original, decoded, valid)
        return sum((cls._of_block(block) for block in blocks(a, b, ok)), start=cls.empty(len(a)))

    @classmethod
    def _of_block(cls, block: Block) -> Self:
        x, error, valid = block.x, block.error, block.valid
        angle = angles_deg(x, block.y)
        if block.lost is not None:
            angle[block.lost] = 180.0
        if valid is None:
            count = np.full(len(x), x.shape[1])
            low = high = x
        else:
            count = valid.sum(axis=1)
            low, high = np.where(valid, x, np.inf), np.where(valid, x, -np.inf)
            angle = angle[valid.any(axis=0)]
        magnitude = np.abs(error)
        with np.errstate(over="ignore", invalid="ignore"):
            return cls(
                count=count,
                squared_error=np.vecdot(error, error),
                absolute_error=magnitude.sum(axis=1),
                largest_error=magnitude.max(axis=1),
                total=x.sum(axis=1),
                total_square=np.vecdot(x, x),
                smallest=low.min(axis=1),
                largest=high.max(axis=1),
                pixels=angle.size,
                angle_sum_deg=float(angle.sum()),
                angle_max_deg=float(angle.max(initial=0.0)),
            )

    def __add__(self, other: Self) -> Self:
        """The tally of both; `SceneError` where they count different numbers of bands."""
        if not isinstance(other, Tally):
            return NotImplemented
        if self.count.shape != other.count.shape:
            raise SceneError(
                f"tallies of {len(self.count)} and {len(other.count)} bands cannot be added; "
                "place both in the whole scene first with Tally.placed"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            sums = {name: getattr(self, name) + getattr(other, name) for name in _SUMS}
        return type(self)(
            **sums,
            largest_error=np.maximum(self.largest_error, other.largest_error),
            smallest=np.minimum(self.smallest, other.smallest),
            largest=np.maximum(self.largest, other.largest),
            pixels=self.pixels + other.pixels,
            angle_sum_deg=self.angle_sum_deg + other.angle_sum_deg,
            angle_max_deg=max(self.angle_max_deg, other.angle_max_deg),
        )

    def placed(self, first: int, bands: int) -> Self:
        """This tally of some bands as one of a scene of `bands` bands, in which its own start at `first`.

        So tiles that hold different bands of one scene can be added. The angle between whole spectra cannot
        be had from parts of them: unless this tally holds every band, its angles are dropped, and the angles
        of the sum are NaN if no tile held whole spectra. Raises `SceneError` where the bands do not fit.
        """
        last = first + len(self.count)
        if not 0 <= first <= last <= bands:
            raise SceneError(f"bands {first} to {last} do not lie in a scene of {bands} bands")
        if last - first == bands:
            return self
        scene = type(self).empty(bands)
        for name, part in vars(self).items():
            if isinstance(part, np.ndarray):
                getattr(scene, name)[first:last] = part
        return scene

    # --- results ---------------------------------------------------------------------------------

    @property
    def peak(self) -> float:
        """The default peak: the largest valid original sample; if none is positive, the largest magnitude."""
        if not self.count.any():
            return math.nan
        highest = float(self.largest.max())
        return highest if highest > 0 else abs(float(self.smallest.min()))

    @property
    def mse(self) -> float:
        """Mean squared error over all valid samples, in squared sample units."""
        return _ratio(_sum(self.squared_error), self._samples)

    @property
    def max_error(self) -> float:
        """Largest absolute error, in sample units; exact for integers while under 2⁵³."""
        return float(self.largest_error.max()) if self._samples else math.nan

    @property
    def mean_error(self) -> float:
        """Mean absolute error over all valid samples, in sample units."""
        return _ratio(_sum(self.absolute_error), self._samples)

    @property
    def snr_db(self) -> float:
        """10·log₁₀(Σ x² / Σ e²) over all valid samples."""
        if not self._samples:
            return math.nan
        return _db(math.sqrt(_sum(self.total_square)), _sum(self.squared_error))

    @property
    def sam_deg(self) -> float:
        """Mean spectral angle over pixels, in degrees."""
        return _ratio(self.angle_sum_deg, self.pixels)

    @property
    def max_sam_deg(self) -> float:
        """Largest spectral angle of a pixel, in degrees."""
        return self.angle_max_deg if self.pixels else math.nan

    def psnr_db(self, peak: float | None = None) -> float:
        """10·log₁₀(peak² / mse), all valid samples pooled; `peak` defaults to the property of that name.

        Raises `ConfigurationError` where the given peak is not a positive finite number.
        """
        return _db(self._peak(peak), self.mse)

    def psnr_per_band_db(self, peak: float | None = None) -> F64:
        """PSNR of each band `(band,)` against the one peak of the scene; NaN for a band without samples."""
        peak = self._peak(peak)
        pairs = zip(self.squared_error.tolist(), self.count.tolist(), strict=True)
        return np.array([_db(peak, _ratio(squares, count)) for squares, count in pairs], dtype=np.float64)

    def mean_band_psnr_db(self, peak: float | None = None) -> float:
        """Mean of `psnr_per_band_db` over bands with valid samples; one perfect band makes it infinite."""
        per_band = self.psnr_per_band_db(peak)
        per_band = per_band[~np.isnan(per_band)]
        if not per_band.size:
            return math.nan
        # A band decoded to NaN must show, even beside a perfect one.
        return -math.inf if np.isneginf(per_band).any() else float(per_band.mean())

    @property
    def _samples(self) -> int:
        return int(self.count.sum())

    def _peak(self, peak: float | None) -> float:
        return self.peak if peak is None else checked_peak(peak)

    # --- keeping ---------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers for JSON, which has no infinity: those are the strings "inf" and "-inf"."""
        return {
            f.name: value.tolist()
            if f.name == "count"
            else [_plain(v) for v in value.tolist()]
            if isinstance(value, np.ndarray)
            else _plain(value)
            for f in fields(self)
            for value in (getattr(self, f.name),)
        }

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Self:
        """The tally that `to_dict` described, bit for bit."""
        values: dict[str, Any] = {}
        for f in fields(cls):
            value = plain[f.name]
            if isinstance(value, list):
                kind = np.int64 if f.name == "count" else np.float64
                values[f.name] = np.array([kind(v) for v in value], dtype=kind)
            else:
                values[f.name] = int(value) if f.name == "pixels" else float(value)
        return cls(**values)


def _db(amplitude: float, power: float) -> float:
    """10·log₁₀(amplitude² / power), without squaring what may be large."""
    if math.isnan(amplitude) or math.isnan(power):
        return math.nan
    if power == 0:
        return math.inf
    if amplitude == 0 or math.isinf(power):
        return -math.inf
    return 20 * math.log10(amplitude) - 10 * math.log10(power)


def _sum(values: F64) -> float:
    with np.errstate(over="ignore"):
        return float(values.sum())


def _ratio(total: float, count: int) -> float:
    return total / count if count else math.nan


def _plain(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)
