"""Spectra of a pixel or a region in every layer: mean, smallest and largest, and how far each is from the first."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypress import scene as scenes
from hypress.errors import SceneError
from hypress.metrics import Tally
from hypress.view.bands import good_bands, wavelengths_nm
from hypress.view.layer import Layer
from hypress.view.render import valid

PIXELS = 1 << 12
"""A region of more pixels is sampled evenly at about so many."""


@dataclass(frozen=True)
class Region:
    """A rectangle of the frame, stops excluded. One pixel is a region too."""

    top: int
    left: int
    bottom: int
    right: int

    def places(self, pixels: int = PIXELS) -> tuple[range, range]:
        """Rows and columns, every n-th so that there are no more than `pixels`."""
        high, wide = self.bottom - self.top, self.right - self.left
        step = max(1, math.ceil(math.sqrt(high * wide / pixels)))
        return range(self.top, self.bottom, step), range(self.left, self.right, step)

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return (self.bottom - self.top) * (self.right - self.left)


def spectra(layers: Sequence[Layer], region: Region, *, until: float | None = None) -> dict[str, Any]:
    """JSON values: wavelengths, good bands, and of each layer the mean, smallest and largest sample by band.

    A value is None where no sample of the band is valid. What is not decoded by `until`, of the monotonic clock, is
    left out, and `exact` is False. Raises SceneError and ReadError.
    """
    rows, columns = region.places()
    first = layers[0]
    nm = wavelengths_nm(first.scene)
    found: dict[str, Any] = {
        "region": {"top": region.top, "left": region.left, "bottom": region.bottom, "right": region.right},
        "pixels": len(rows) * len(columns),
        "pixels_in_region": region.pixels,
        "wavelength_nm": None if nm is None else _plain(nm),
        "good_band": good_bands(first.scene).tolist(),
        "units": first.scene.attrs.get("units"),
        "exact": True,
        "layers": [],
    }
    original: tuple[NDArray[Any], NDArray[np.bool_]] | None = None
    for layer in layers:
        part = layer.read(range(layer.bands), rows, columns, until=until)
        if part.problems:
            raise SceneError(f"{layer.name}: {part.problems[0]}")
        ok = valid(part, scenes.nodata(layer.scene))
        found["exact"] &= part.exact
        told: dict[str, Any] = {"name": layer.name, **_statistics(part.samples, ok)}
        if original is not None and original[0].shape == part.samples.shape:
            told["against_first"] = _against(*original, part.samples, part.known)
        found["layers"].append(told)
        original = (part.samples, ok) if original is None else original
    return found


def _statistics(samples: NDArray[Any], ok: NDArray[np.bool_]) -> dict[str, list[float | None]]:
    values = np.where(ok, samples.astype(np.float64), np.nan).reshape(len(samples), -1)
    any_valid = ok.reshape(len(ok), -1).any(axis=1)
    means, lows, highs = (np.full(len(values), np.nan) for _ in range(3))
    some = values[any_valid]
    means[any_valid], lows[any_valid] = np.nanmean(some, axis=1), np.nanmin(some, axis=1)
    highs[any_valid] = np.nanmax(some, axis=1)
    return {"mean": _plain(means), "min": _plain(lows), "max": _plain(highs)}


def _against(
    original: NDArray[Any], ok: NDArray[np.bool_], decoded: NDArray[Any], known: NDArray[np.bool_]
) -> dict[str, Any]:
    """How far decoded samples are from the original's valid ones, over all and by band."""
    both = ok & known
    tally = Tally.of(original, decoded, both)
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.where(both, decoded.astype(np.float64) - original, 0.0).reshape(len(original), -1)
    count = np.maximum(both.reshape(len(both), -1).sum(axis=1), 1)
    return {
        "rms_error": _number(math.sqrt(tally.mse)) if both.any() else None,
        "max_error": _number(tally.max_error) if both.any() else None,
        "sam_deg": _number(tally.sam_deg) if both.any() else None,
        "rms_by_band": _plain(np.sqrt((error**2).sum(axis=1) / count)),
        "max_by_band": _plain(np.abs(error).max(axis=1)),
        "bias_by_band": _plain(error.sum(axis=1) / count),
    }


def as_csv(found: dict[str, Any]) -> str:
    """What `spectra` found, a line a band; of one pixel a column a layer, of a region three."""
    one = found["pixels"] == 1
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    kinds = ("mean",) if one else ("mean", "min", "max")
    heads = [layer["name"] if one else f"{layer['name']} {kind}" for layer in found["layers"] for kind in kinds]
    writer.writerow(["band", "wavelength_nm", "good", *heads])
    most = max(len(layer["mean"]) for layer in found["layers"])
    nm, good = found["wavelength_nm"], found["good_band"]
    for band in range(most):
        values = [
            layer[kind][band] if band < len(layer["mean"]) else None for layer in found["layers"] for kind in kinds
        ]
        inside = band < len(good)
        writer.writerow(
            [band, nm[band] if nm and inside else "", int(good[band]) if inside else "", *(_cell(v) for v in values)]
        )
    return out.getvalue()


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _plain(values: NDArray[Any]) -> list[float | None]:
    return [_number(float(value)) for value in values]
