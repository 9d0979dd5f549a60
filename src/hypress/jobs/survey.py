"""What must be known of a whole scene before its tiles can be worked on."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from hypress import scene as scenes
from hypress.errors import SceneError
from hypress.progress import Task
from hypress.tiles import Grid


def peak(scene: xr.DataArray, grid: Grid) -> float:
    """The largest valid sample, found tile by tile; where none is positive, the largest magnitude.

    Raises SceneError where no sample is valid.
    """
    nodata = scenes.nodata(scene)
    task = Task("looking for the peak", scene.size, "samples")
    low, high = math.inf, -math.inf
    for tile in grid:
        samples = scene.variable[tile.window].to_numpy()
        if nodata is not None:
            samples = samples[samples != nodata]
        if samples.dtype.kind == "f":
            samples = samples[np.isfinite(samples)]
        if samples.size:
            low, high = min(low, float(samples.min())), max(high, float(samples.max()))
        task.advance(tile.samples)
    if not math.isfinite(high):
        raise SceneError("the scene has no valid sample: all are nodata or NaN")
    return high if high > 0 else -low if low < 0 else 1.0
