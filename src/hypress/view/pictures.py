"""Pictures without a browser: one composite, or what a page would show, as an array or a PNG file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hypress import png
from hypress import scene as scenes
from hypress.errors import ConfigurationError, OutputExistsError, SceneError, WriteError
from hypress.view import bands as named
from hypress.view.layer import Layer
from hypress.view.render import MAPS, Stretch, colours, difference, map_colours, map_top, stretch_of
from hypress.view.sources import Memory, PlainSource
from hypress.whole import write_whole

GAP = 8
"""Pixels between pictures that stand side by side."""


def composite(
    scene: str | os.PathLike[str] | xr.DataArray,
    bands: str | Sequence[int] | None = None,
    *,
    size: int = 1024,
    percent: float = 2.0,
    gamma: float = 1.0,
    stretch: Stretch | None = None,
) -> NDArray[np.uint8]:
    """A picture `(y, x, 4)`, uint8 red, green, blue and opacity, of a path or a scene.

    `bands` are one or three, counted from 0, or text as `bands.parse` reads it; None is true colour where the scene
    knows its wavelengths. Neither side is longer than `size` pixels: every n-th sample is taken. Each band is
    stretched so that `percent` of its samples are dark and as many bright, unless `stretch` is given. Places without
    data are transparent. Raises as `open_scene`, SceneError and ConfigurationError.
    """
    return _composed(_layer(scene), bands, size, percent, gamma, stretch)[0]


def quicklook(
    scene: str | os.PathLike[str],
    output: str | os.PathLike[str],
    bands: str | Sequence[int] | None = None,
    *,
    size: int = 1024,
    percent: float = 2.0,
    gamma: float = 1.0,
    variable: str | None = None,
    overwrite: bool = False,
) -> dict[str, object]:
    """Write a composite as PNG; returns what it shows. Raises as `composite`, OutputExistsError and WriteError."""
    target = _target(output, overwrite)
    layer = Layer.open(scene, variable=variable)
    picture, chosen, stretch = _composed(layer, bands, size, percent, gamma, None)
    about = f"{layer.name}: {_told(layer, chosen)}"
    _write(target, picture, about)
    return {
        "output": str(target),
        "bands": list(chosen),
        "low": list(stretch.low),
        "high": list(stretch.high),
        "rows": picture.shape[0],
        "columns": picture.shape[1],
        "about": about,
    }


def snapshot(
    paths: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    bands: str | Sequence[int] | None = None,
    *,
    size: int = 1024,
    percent: float = 2.0,
    maps: Sequence[str] = ("rms",),
    variable: str | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write what the page shows as one PNG, left to right: each scene, then each map of the last against the first.

    All scenes are stretched as the first is. Returns what stands where. Raises as `quicklook`, and SceneError where
    the scenes do not fit one another.
    """
    target = _target(output, overwrite)
    memory = Memory()
    layers = [Layer.open(path, memory, variable=variable) for path in paths]
    first = layers[0]
    for other in layers[1:]:
        if other.source.shape != first.source.shape:
            raise SceneError(
                f"{other.name} has shape {other.source.shape} and {first.name} {first.source.shape}:"
                " scenes side by side have one shape (band, y, x)"
            )
    picture, chosen, stretch = _composed(first, bands, size, percent, 1.0, None)
    pictures = [picture]
    shown: list[dict[str, object]] = [{"shows": first.name, "bands": list(chosen)}]
    for other in layers[1:]:
        pictures.append(_composed(other, chosen, size, percent, 1.0, stretch)[0])
        shown.append({"shows": other.name, "bands": list(chosen)})
    for kind in maps if len(layers) > 1 else ():
        rows, columns = _places(first, size)
        found = difference(first, layers[-1], kind, rows, columns, band=chosen[0])
        _refuse(found.problems)
        top = map_top(found.values)
        pictures.append(map_colours(found.values, top, kind))
        shown.append({"shows": f"{kind} of {layers[-1].name} against {first.name}: {MAPS[kind]}", "top": top})
    gap = np.full((picture.shape[0], GAP, 4), 0, np.uint8)
    row = [piece for each in pictures for piece in (gap, each)][1:]
    joined = np.concatenate(row, axis=1)
    _write(target, joined, "; ".join(str(each["shows"]) for each in shown))
    return {"output": str(target), "rows": joined.shape[0], "columns": joined.shape[1], "pictures": shown}


def _layer(scene: str | os.PathLike[str] | xr.DataArray) -> Layer:
    if not isinstance(scene, xr.DataArray):
        return Layer.open(scene)
    scenes.check(scene)
    return Layer("scene", "", _InMemory("", scene, Memory()))


class _InMemory(PlainSource):
    """A scene that the caller holds: no file can vanish."""

    def check_there(self) -> None:
        """It is there."""


def _composed(
    layer: Layer,
    bands: str | Sequence[int] | None,
    size: int,
    percent: float,
    gamma: float,
    stretch: Stretch | None,
) -> tuple[NDArray[np.uint8], tuple[int, ...], Stretch]:
    if size < 1 or not 0 <= percent < 50 or not gamma > 0:
        raise ConfigurationError(
            f"size must be at least 1, percent from 0 to below 50 and gamma above 0, not {size}, {percent}, {gamma}"
        )
    chosen = _bands(layer, bands)
    rows, columns = _places(layer, size)
    part = layer.read(chosen, rows, columns, glance=True)
    _refuse(part.problems)
    if stretch is None:
        stretch = stretch_of(layer, chosen, percent=percent)
    stretch = Stretch(stretch.low, stretch.high, gamma)
    return colours(part, stretch, nodata=scenes.nodata(layer.scene)), chosen, stretch


def _bands(layer: Layer, bands: str | Sequence[int] | None) -> tuple[int, ...]:
    if bands is None:
        return named.default(layer.scene)
    if isinstance(bands, str):
        try:
            return named.parse(layer.scene, bands)
        except ValueError as error:
            raise ConfigurationError(f"{layer.name}: {error}") from None
    chosen = tuple(int(band) for band in bands)
    if len(chosen) not in (1, 3) or not all(0 <= band < layer.bands for band in chosen):
        raise ConfigurationError(
            f"a picture is made of one or three bands from 0 to {layer.bands - 1}, not {', '.join(map(str, chosen))}"
        )
    return chosen


def _places(layer: Layer, size: int) -> tuple[range, range]:
    """Every n-th row and column, so that neither are more than `size`."""
    _, high, wide = layer.source.shape
    step = max(1, -(-max(high, wide) // size))
    return range(0, high, step), range(0, wide, step)


def _told(layer: Layer, bands: Sequence[int]) -> str:
    nm = named.wavelengths_nm(layer.scene)
    each = [f"band {band}" + ("" if nm is None else f" ({nm[band]:.0f} nm)") for band in bands]
    return ", ".join(each)


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise SceneError(f"{problems[0]}{more}")


def _target(output: str | os.PathLike[str], overwrite: bool) -> Path:
    target = Path(output)
    if target.suffix.lower() != ".png":
        raise ConfigurationError(f"{target}: pictures are written as .png")
    if target.exists() and not overwrite:
        raise OutputExistsError(f"{target} exists; choose another name or allow overwriting (--overwrite)")
    return target


def _write(target: Path, picture: NDArray[np.uint8], about: str) -> None:
    try:
        write_whole(target, png.encode(picture, about=about, level=6))
    except OSError as error:
        raise WriteError(f"{target} cannot be written: {error.strerror or error}") from error
