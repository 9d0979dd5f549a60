"""Which bands make a picture: presets by wavelength, and by number for sensors whose files often state none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

REACH_NM = 40.0
"""A band further than this from the wanted wavelength does not stand for it."""


@dataclass(frozen=True)
class Preset:
    """A composite by name: wavelengths for red, green and blue in nm."""

    name: str
    wavelengths_nm: tuple[float, float, float]


PRESETS = (
    Preset("True colour", (650, 550, 460)),
    Preset("Colour infrared (vegetation is red)", (860, 650, 550)),
    Preset("Red edge", (740, 705, 665)),
    Preset("Shortwave infrared (fire, moisture)", (2200, 1650, 860)),
    Preset("Agriculture", (1610, 860, 490)),
    Preset("Minerals (clay, carbonate)", (2200, 2330, 1650)),
    Preset("Water and shallows", (560, 490, 440)),
)


@dataclass(frozen=True)
class Sensor:
    """A sensor whose scenes are passed on without wavelengths, known by their number of bands.

    `first_nm` to `last_nm` are spread evenly over the bands, which puts a preset within a band or two; it chooses
    colours and is shown nowhere as a wavelength.
    """

    name: str
    bands: tuple[int, ...]
    first_nm: float
    last_nm: float


SENSORS = (
    Sensor("AVIRIS", (224, 220, 204, 200, 198, 189, 188), 380, 2500),
    Sensor("ROSIS", (103, 102), 430, 860),
    Sensor("EnMAP", (228, 218), 420, 2450),
    Sensor("EMIT", (285,), 381, 2493),
    Sensor("Hyperion", (242, 175), 356, 2577),
    Sensor("HYDICE", (210, 191, 175, 162), 400, 2500),
    Sensor("CASI", (144, 72, 64), 365, 1050),
    Sensor("SAMSON", (156,), 401, 889),
)


def wavelengths_nm(scene: xr.DataArray) -> NDArray[np.float64] | None:
    """Wavelength of each band in nm, or None where the file does not say."""
    if "wavelength" not in scene.coords:
        return None
    values = np.asarray(scene.coords["wavelength"].to_numpy(), np.float64)
    return values if np.isfinite(values).any() else None


def good_bands(scene: xr.DataArray) -> NDArray[np.bool_]:
    """Which bands their supplier does not call bad."""
    if "good_band" not in scene.coords:
        return np.ones(scene.sizes["band"], bool)
    return np.asarray(scene.coords["good_band"].to_numpy(), bool)


def nearest(wavelengths: NDArray[np.float64], good: NDArray[np.bool_], wanted_nm: float) -> int | None:
    """The good band nearest to a wavelength, or None where none is within reach."""
    distance = np.where(good & np.isfinite(wavelengths), np.abs(wavelengths - wanted_nm), np.inf)
    best = int(np.argmin(distance))
    return best if distance[best] <= REACH_NM else None


def presets(scene: xr.DataArray) -> dict[str, tuple[int, int, int]]:
    """The presets that this scene has bands for: name to red, green and blue band, counted from 0.

    Without wavelengths, those of each sensor that is known to have as many bands, by its name.
    """
    stated, good = wavelengths_nm(scene), good_bands(scene)
    count = scene.sizes["band"]
    scales: list[tuple[str, NDArray[np.float64]]] = []
    if stated is not None:
        scales.append(("", stated))
    else:
        for sensor in SENSORS:
            if count in sensor.bands:
                scales.append((f"{sensor.name}: ", np.linspace(sensor.first_nm, sensor.last_nm, count)))
    found = {}
    for prefix, scale in scales:
        for preset in PRESETS:
            red, green, blue = (nearest(scale, good, wanted) for wanted in preset.wavelengths_nm)
            if red is not None and green is not None and blue is not None and len({red, green, blue}) == 3:
                found[prefix + preset.name] = (red, green, blue)
    return found


def default(scene: xr.DataArray) -> tuple[int, int, int]:
    """Red, green and blue band to begin with: true colour, else the first preset, else spread over the good bands."""
    known = presets(scene)
    if known:
        return next(iter(known.values()))
    usable = np.flatnonzero(good_bands(scene))
    if not usable.size:
        usable = np.arange(scene.sizes["band"])
    red, green, blue = (int(usable[int(share * (usable.size - 1))]) for share in (0.75, 0.5, 0.25))
    return red, green, blue


def parse(scene: xr.DataArray, text: str) -> tuple[int, ...]:
    """Bands from text: `29,19,9`, one number for grey, a wavelength as `650nm`, or the beginning of a preset's name.

    Raises ValueError, saying what would do.
    """
    known = presets(scene)
    wanted = text.strip()
    if wanted.lower() in ("", "default"):
        return default(scene)
    for name, triple in known.items():
        if wanted.lower() in (name.lower(), name.partition(": ")[2].lower()) or name.lower().startswith(wanted.lower()):
            return triple
    parts: list[Any] = [part.strip().lower() for part in wanted.split(",")]
    stated, good, count = wavelengths_nm(scene), good_bands(scene), scene.sizes["band"]
    try:
        if len(parts) not in (1, 3):
            raise ValueError
        chosen = []
        for part in parts:
            band: int | None
            if part.endswith("nm"):
                band = None if stated is None else nearest(stated, good, float(part[:-2]))
                if band is None:
                    raise ValueError(f"no good band lies within {REACH_NM:g} nm of {part}")
            else:
                band = int(part)
            if not 0 <= band < count:
                raise ValueError(f"there is no band {band}; the scene has bands 0 to {count - 1}")
            chosen.append(band)
        return tuple(chosen)
    except ValueError as error:
        hint = "give one or three bands (29,19,9), wavelengths (650nm,550nm,460nm)"
        offered = f", or one of: {', '.join(known)}" if known else ""
        said = f": {error}" if error.args and "invalid literal" not in str(error) else ""
        raise ValueError(f"{text!r} names no bands{said}; {hint}{offered}") from None
