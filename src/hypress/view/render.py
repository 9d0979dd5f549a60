"""Samples to colours: composites, and maps of how far one layer is from another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress import scene as scenes
from hypress.errors import SceneError
from hypress.metrics import spectral_angle_map_deg
from hypress.view.colours import table
from hypress.view.layer import Layer
from hypress.view.sources import Part

F64 = NDArray[np.float64]

MAPS = {
    "rms": "root mean square error of a pixel's bands, in sample units",
    "max": "largest error of a pixel's bands, in sample units",
    "angle": "spectral angle, in degrees",
    "band": "error of one band with its sign: second layer less first, in sample units",
}
"""Ways to show the difference of two layers."""
SIGNED = ("band",)
STRIP = 32
"""Rows of which all bands are in memory at once for a map."""


@dataclass(frozen=True)
class Stretch:
    """Sample values that become dark and bright, for each band shown; between them `((s − low)/(high − low))^(1/γ)`."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    gamma: float = 1.0

    def apply(self, samples: NDArray[Any]) -> NDArray[np.uint8]:
        """Samples `(band, y, x)` as brightness 0 to 255."""
        out = np.empty(samples.shape, np.uint8)
        for i, plane in enumerate(samples):
            low, high = self.low[i], self.high[i]
            with np.errstate(invalid="ignore", over="ignore"):
                share = (plane.astype(np.float32) - np.float32(low)) * np.float32(1 / max(high - low, 1e-12))
                share = np.clip(np.nan_to_num(share, nan=0.0), 0.0, 1.0)
                if self.gamma != 1.0:
                    share **= np.float32(1 / self.gamma)
            out[i] = np.rint(share * 255).astype(np.uint8)
        return out


def valid(part: Part, nodata: float | None) -> NDArray[np.bool_]:
    """Which samples `(band, y, x)` of a part are known, and are numbers."""
    ok = np.broadcast_to(part.known, part.samples.shape).copy()
    if nodata is not None:
        ok &= part.samples != nodata
    if part.samples.dtype.kind == "f":
        ok &= np.isfinite(part.samples)
    return ok


def stretch_of(layer: Layer, bands: Sequence[int], *, percent: float = 2.0) -> Stretch:
    """The stretch that leaves `percent` of the valid samples of each band dark and as many bright."""
    return stretch_from(layer.sample(bands), layer, percent)


def stretch_from(part: Part, layer: Layer, percent: float) -> Stretch:
    """The same, from as much of a sample of the layer as is known."""
    ok = valid(part, scenes.nodata(layer.scene))
    lows, highs = [], []
    for plane, good in zip(part.samples, ok, strict=True):
        values = plane[good].astype(np.float64)
        low, high = (float(v) for v in np.percentile(values, (percent, 100 - percent))) if values.size else (0.0, 1.0)
        if not high > low:
            low, high = (float(values.min()), float(values.max())) if values.size else (low, high)
        lows.append(low)
        highs.append(high if high > low else low + 1)
    return Stretch(tuple(lows), tuple(highs))


def colours(part: Part, stretch: Stretch, *, nodata: float | None, colour_map: str = "grey") -> NDArray[np.uint8]:
    """One or three bands of a part as a picture `(y, x, 4)`; a pixel that lacks a sample is transparent."""
    bright = stretch.apply(part.samples)
    if len(bright) not in (1, 3):
        raise SceneError(f"a picture is made of one or three bands, not {len(bright)}")
    picture = np.empty((*bright.shape[1:], 4), np.uint8)
    picture[..., :3] = table(colour_map)[bright[0]] if len(bright) == 1 else bright.transpose(1, 2, 0)
    picture[..., 3] = 255 * valid(part, nodata).all(axis=0)
    return picture


# --- differences -----------------------------------------------------------------------------------


@dataclass
class Difference:
    """A map `(y, x)` of how far a layer is from another, NaN where it is not known."""

    values: F64
    exact: bool = True
    problems: tuple[str, ...] = ()


def difference(
    first: Layer,
    second: Layer,
    kind: str,
    rows: range,
    columns: range,
    *,
    band: int = 0,
    until: float | None = None,
) -> Difference:
    """The map of this `kind` (see `MAPS`) at places of the frame, strip by strip. Raises SceneError."""
    if kind not in MAPS:
        raise SceneError(f"there is no map {kind!r}; there are: {', '.join(MAPS)}")
    if first.bands != second.bands:
        raise SceneError(
            f"{first.name} has {first.bands} bands and {second.name} {second.bands}: they cannot be subtracted"
        )
    bands = [band] if kind == "band" else range(first.bands)
    nodata = scenes.nodata(first.scene)
    found = Difference(np.full((len(rows), len(columns)), np.nan))
    for start in range(0, len(rows), STRIP):
        part = rows[start : start + STRIP]
        a, b = (layer.read(bands, part, columns, until=until) for layer in (first, second))
        ok = valid(a, nodata) & b.known
        found.values[start : start + STRIP] = _measured(kind, a.samples, b.samples, ok)
        found.exact &= a.exact and b.exact
        found.problems += a.problems + b.problems
    found.problems = tuple(dict.fromkeys(found.problems))
    return found


def _measured(kind: str, a: NDArray[Any], b: NDArray[Any], ok: NDArray[np.bool_]) -> F64:
    if kind == "angle":
        return spectral_angle_map_deg(a, b, valid=ok)
    with np.errstate(invalid="ignore", over="ignore"):
        error = b.astype(np.float64) - a
    error[~ok] = 0.0
    count = ok.sum(axis=0)
    if kind == "max":
        values = np.abs(error).max(axis=0)
    elif kind == "rms":
        values = np.sqrt(np.einsum("byx,byx->yx", error, error) / np.maximum(count, 1))
    else:
        values = error[0]
    return np.where(count > 0, values, np.nan)


def map_colours(values: F64, top: float, kind: str) -> NDArray[np.uint8]:
    """A map as a picture `(y, x, 4)`: from 0 to `top`, or from −top to top where it has a sign; NaN is transparent."""
    top = top if top > 0 and math.isfinite(top) else 1.0
    share = np.nan_to_num(values / top, nan=0.0)
    if kind in SIGNED:
        share = (share + 1) / 2
    picture = np.empty((*values.shape, 4), np.uint8)
    picture[..., :3] = table("balance" if kind in SIGNED else "cividis")[
        np.rint(np.clip(share, 0, 1) * 255).astype(int)
    ]
    picture[..., 3] = 255 * np.isfinite(values)
    return picture


def map_top(values: F64) -> float:
    """A good top for a map's colours: the 99th percentile of its magnitudes, rounded up to two digits."""
    known = np.abs(values[np.isfinite(values)])
    top = float(np.percentile(known, 99)) if known.size else 0.0
    if top == 0:
        top = float(known.max()) if known.size else 0.0
    if top == 0 or not math.isfinite(top):
        return 1.0
    digit = 10.0 ** (math.floor(math.log10(top)) - 1)
    return math.ceil(top / digit) * digit
