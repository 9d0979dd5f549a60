"""What one run of the explorer holds: the layers that are open, the trials, and the frame they share."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hypress import codec as codecs
from hypress import scene as scenes
from hypress.errors import HypressError, InputNotFoundError
from hypress.goal import Goal, Lossless, MaxError, Psnr, keeps
from hypress.view import bands as named
from hypress.view.blocks import StoreSource
from hypress.view.cache import Cache
from hypress.view.colours import ANCHORS
from hypress.view.layer import Layer
from hypress.view.sources import Memory
from hypress.view.trials import Trial, Trials

FIRST = 2.0
"""Seconds for which a store is decoded before anybody asks."""


class Session:
    """Layers and trials. Safe to use from several threads; `close` removes what trials made."""

    def __init__(self, paths: Sequence[str | os.PathLike[str]], *, variable: str | None = None) -> None:
        self.memory = Memory()
        self.layers = [Layer.open(path, self.memory, variable=variable) for path in paths]
        self.maps = Cache(32 << 20)
        """Maps of differences by tile, before they are coloured."""
        self.mapping = threading.Semaphore(1)
        """One map at a time: each needs all bands of two layers in memory."""
        self._lock = threading.Lock()
        self._folder = tempfile.TemporaryDirectory(prefix="hypress-view-")
        self.trials = Trials(Path(self._folder.name), self._adopt)
        threading.Thread(target=self._begin, name="hypress-begin", daemon=True).start()

    @property
    def frame(self) -> tuple[int, int]:
        """Rows and columns that hold every layer."""
        return max(x.window[0].stop for x in self.layers), max(x.window[1].stop for x in self.layers)

    def layer(self, number: int) -> Layer:
        """A layer by its number. Raises InputNotFoundError."""
        if not 0 <= number < len(self.layers):
            raise InputNotFoundError(f"no layer {number} is open; there are 0 to {len(self.layers) - 1}")
        return self.layers[number]

    def close(self) -> None:
        """Stop what runs and remove what was made."""
        self.trials.close()
        self._folder.cleanup()

    def _begin(self) -> None:
        """Decode what the page asks for first, and have the kernels compiled or loaded, while the browser starts."""
        with contextlib.suppress(HypressError, OSError):
            for layer in list(self.layers):
                if isinstance(layer.source, StoreSource):
                    layer.sample(named.default(layer.scene), until=time.monotonic() + FIRST)

    # --- what the page begins with -----------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """JSON values: frame, layers, and how many trials there are."""
        rows, columns = self.frame
        told = {"frame": [rows, columns], "colours": ANCHORS}
        return told | {"layers": [self._told(i, layer) for i, layer in enumerate(self.layers)]}

    def _told(self, number: int, layer: Layer) -> dict[str, Any]:
        scene = layer.scene
        nm = named.wavelengths_nm(scene)
        return {
            "id": number,
            "name": layer.name,
            "path": layer.path,
            "shape": list(scene.shape),
            "dtype": scene.dtype.name,
            "origin": list(layer.origin),
            "wavelength_nm": None if nm is None else [float(v) if np.isfinite(v) else None for v in nm],
            "good_band": named.good_bands(scene).tolist(),
            "presets": named.presets(scene),
            "bands": named.default(scene),
            "units": scene.attrs.get("units"),
            "nodata": scenes.nodata(scene),
            "trial": layer.about.get("trial"),
        }

    def seen(self) -> dict[int, float]:
        """Of each store, how much has been decoded so far."""
        return {i: x.source.share_seen for i, x in enumerate(self.layers) if isinstance(x.source, StoreSource)}

    # --- trials --------------------------------------------------------------------------------------

    def compress(self, number: int, codec: str | None, goal: Goal, window: tuple[int, int, int, int] | None) -> Trial:
        """Queue a compression of a layer, or of a window of the frame. Raises HypressError for what cannot be."""
        layer = self.layer(number)
        layer.source.check_there()
        if codec is not None:
            codecs.find(codec)
        origin, inner = layer.origin, None
        if window is not None:
            rows, columns = layer.window
            top, left = max(window[0], rows.start), max(window[1], columns.start)
            bottom, right = min(window[2], rows.stop), min(window[3], columns.stop)
            if top >= bottom or left >= right:
                raise InputNotFoundError(f"the window {window} shows nothing of {layer.name}")
            origin = (top, left)
            inner = (top - rows.start, left - columns.start, bottom - rows.start, right - columns.start)
        return self.trials.start(
            layer.path, layer.name, codec, goal, window=inner, variable=layer.variable, origin=origin
        )

    def _adopt(self, trial: Trial) -> None:
        """Open the result of a trial as a layer."""
        codec = (trial.report or {}).get("codec", trial.codec)
        layer = Layer.open(trial.output, self.memory, name=f"#{trial.id} {codec}, {trial.goal}", origin=trial.origin)
        layer.about = {"trial": trial.id}
        with self._lock:
            self.layers.append(layer)
            trial.layer = len(self.layers) - 1


def codec_list() -> list[dict[str, Any]]:
    """JSON values of every codec: name, summary, which goals it keeps, and what to install where it is missing."""
    return [_codec(name) for name in codecs.names()]


def _codec(name: str) -> dict[str, Any]:
    listing = codecs.listing(name)
    told: dict[str, Any] = {"name": name, "summary": listing.summary, "missing": None, "goals": []}
    try:
        recipe = codecs.find(name)()
    except (HypressError, TypeError) as error:
        return told | {"missing": str(error)}
    examples: dict[str, Goal] = {"lossless": Lossless(), "max_error": MaxError(dn=1), "psnr": Psnr(db=40)}
    able = {kind for kind, goal in examples.items() if keeps(recipe, goal)}
    if "psnr" in able:
        able |= {"rate", "sam"}
    if recipe.with_relative_error(1.0) is not None:
        able.add("relative_error")
    return told | {"goals": sorted(able)}
