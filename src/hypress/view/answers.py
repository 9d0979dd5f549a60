"""What the page may ask, and the answers. Layers are named by number: no request names a path."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import numpy as np

from hypress import png
from hypress import scene as scenes
from hypress.errors import ConfigurationError, InputNotFoundError, SceneError
from hypress.goal import goal_from_dict
from hypress.view import facts, render
from hypress.view.query import Query
from hypress.view.session import Session, codec_list
from hypress.view.spectra import Region, as_csv, spectra

TILE = 256
"""Pixels of a picture tile's edge."""
LEVELS = 16
"""Coarsest level: every 2^16-th sample."""
PATIENCE = 0.12
"""Seconds after which a picture tile is sent as far as it is known; the page asks again for the rest."""
SPECTRA_PATIENCE = 5.0
"""The same for the spectra of a region, which may lie on many blocks."""
FIRST_LOOK = 0.3
"""The same for the stretch, which the first picture waits for."""
MAP_PATIENCE = 2.0
"""The same for a map, which needs all bands of two layers."""


@dataclass(frozen=True)
class Answer:
    """What is sent back."""

    body: bytes
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200


def as_json(value: Any, status: int = 200) -> Answer:
    """An answer of JSON values."""
    return Answer(json.dumps(value, allow_nan=False).encode(), status=status)


class Answers:
    """Answers by name of the request, over one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.get: dict[str, Callable[[Query], Answer]] = {
            "session": lambda q: as_json(self._session.to_dict()),
            "codecs": lambda q: as_json(codec_list()),
            "seen": lambda q: as_json(self._session.seen()),
            "tile": self.tile,
            "stretch": self.stretch,
            "map-top": self.map_top,
            "spectra": lambda q: as_json(self._spectra(q, time.monotonic() + SPECTRA_PATIENCE)),
            "spectra.csv": self.spectra_csv,
            "facts": lambda q: as_json(_finite(facts.facts(self._layer(q)))),
            "histogram": self.histogram,
            "trials": lambda q: as_json(_finite([t.to_dict() for t in self._session.trials.all()])),
            "result": self.result,
        }
        self.post: dict[str, Callable[[dict[str, Any]], Answer]] = {"compress": self.compress, "cancel": self.cancel}

    # --- pictures ----------------------------------------------------------------------------------

    def tile(self, q: Query) -> Answer:
        """A picture tile as PNG: of one layer, or the map of two.

        `X-Exact: 0` where it will get better, `X-Overview: 1` where it shows the store's coarse copy.
        """
        rows, columns = self._places(q)
        headers = {}
        if "against" in q:
            picture, exact, problems = self._map(q, rows, columns)
        else:
            layer = self._layer(q)
            bands = q.integers("bands", 0, layer.bands - 1, (1, 3))
            stretch = render.Stretch(
                q.numbers("low", len(bands)), q.numbers("high", len(bands)), q.number("gamma", 0.1, 10, 1)
            )
            part = layer.read(bands, rows, columns, until=time.monotonic() + PATIENCE, glance=True)
            picture = render.colours(
                part, stretch, nodata=scenes.nodata(layer.scene), colour_map=_colour_map(q.text("map", "grey"))
            )
            exact, problems = part.exact, part.problems
            if part.overview:
                headers["X-Overview"] = "1"
        headers["X-Exact"] = str(int(exact))
        if problems:
            headers["X-Problem"] = quote(problems[0][:300])
        if exact and not problems:
            headers["Cache-Control"] = "private, max-age=3600"
        return Answer(png.encode(picture), "image/png", headers)

    def _places(self, q: Query) -> tuple[range, range]:
        step = 1 << q.integer("z", 0, LEVELS)
        high, wide = self._session.frame
        edge = TILE * step
        y = q.integer("y", 0, (high - 1) // edge) * edge
        x = q.integer("x", 0, (wide - 1) // edge) * edge
        return range(y, min(y + edge, high), step), range(x, min(x + edge, wide), step)

    def _map(self, q: Query, rows: range, columns: range) -> tuple[Any, bool, tuple[str, ...]]:
        """One map at a time; what was computed is kept, so that another top costs nothing."""
        kind = q.text("kind")
        key = (*self._pair(q), kind, q.text("band", "0"), rows, columns)
        found = self._session.maps.get(key)
        exact, problems = True, tuple[str, ...]()
        if found is None:
            fresh = self._difference(q, rows, columns)
            found, exact, problems = fresh.values, fresh.exact, fresh.problems
            if exact and not problems:
                self._session.maps.put(key, found)
        return render.map_colours(found, q.number("top", 1e-30, 1e30, 1), kind), exact, problems

    def _difference(self, q: Query, rows: range, columns: range) -> render.Difference:
        first, second = (self._session.layer(n) for n in self._pair(q))
        band = q.integer("band", 0, first.bands - 1, 0)
        with self._session.mapping:
            until = time.monotonic() + MAP_PATIENCE
            return render.difference(first, second, q.text("kind"), rows, columns, band=band, until=until)

    def stretch(self, q: Query) -> Answer:
        """Sample values that become dark and bright."""
        layer = self._layer(q)
        bands = q.integers("bands", 0, layer.bands - 1, (1, 3))
        percent = q.number("percent", 0, 49, 2)
        until = time.monotonic() + FIRST_LOOK
        part = layer.sample(bands, until=until)
        while not part.known.any() and not part.problems and time.monotonic() < until + MAP_PATIENCE:
            part = layer.sample(bands, until=time.monotonic() + PATIENCE)
        found = render.stretch_from(part, layer, percent)
        return as_json({"low": found.low, "high": found.high, "exact": part.exact})

    def map_top(self, q: Query) -> Answer:
        """The value that a map's brightest colour should stand for, found from an even sample of it."""
        high, wide = self._session.frame
        step = max(1, math.ceil(math.sqrt(high * wide / (1 << 14))))
        step = 1 << math.ceil(math.log2(step))
        found = self._difference(q, range(0, high, step), range(0, wide, step))
        known = found.values[np.isfinite(found.values)]
        return as_json(
            {"top": render.map_top(found.values), "mean": float(known.mean()) if known.size else None,
             "most": float(np.abs(known).max()) if known.size else None}
        )  # fmt: skip

    # --- numbers -----------------------------------------------------------------------------------

    def _spectra(self, q: Query, until: float | None = None) -> dict[str, Any]:
        high, wide = self._session.frame
        top, left, bottom, right = q.integers("region", 0, max(high, wide), (4,))
        if not (top < bottom <= high and left < right <= wide):
            raise ConfigurationError(f"the region {top},{left},{bottom},{right} does not lie in {high} × {wide} pixels")
        numbers = q.integers("layers", 0, len(self._session.layers) - 1, range(1, 9))
        return spectra([self._session.layer(n) for n in numbers], Region(top, left, bottom, right), until=until)

    def spectra_csv(self, q: Query) -> Answer:
        """The same for a spreadsheet."""
        return _file(as_csv(self._spectra(q)).encode(), "text/csv; charset=utf-8", "spectra.csv")

    def histogram(self, q: Query) -> Answer:
        """A band's histogram."""
        layer = self._layer(q)
        band = q.integer("band", 0, layer.bands - 1)
        return as_json(facts.histogram(layer, band, until=time.monotonic() + 1.0))

    # --- trials ------------------------------------------------------------------------------------

    def compress(self, given: dict[str, Any]) -> Answer:
        """Queue a compression: `layer`, `codec` (or null), `goal`, `window` (or null)."""
        codec, window, layer = given.get("codec"), given.get("window"), given.get("layer")
        if not isinstance(layer, int) or not (codec is None or isinstance(codec, str)):
            raise ConfigurationError("a compression needs a layer's number, and a codec's name or null")
        if window is not None and not (
            isinstance(window, list) and len(window) == 4 and all(isinstance(v, int) and v >= 0 for v in window)
        ):
            raise ConfigurationError("a window is top, left, bottom and right in whole pixels, or null")
        goal = goal_from_dict(given.get("goal") or {})
        trial = self._session.compress(layer, codec, goal, None if window is None else tuple(window))
        return as_json(_finite(trial.to_dict()), 201)

    def cancel(self, given: dict[str, Any]) -> Answer:
        """Stop a trial."""
        trial = self._session.trials.find(given.get("id") if isinstance(given.get("id"), int) else -1)  # type: ignore[arg-type]
        if trial is None:
            raise InputNotFoundError("there is no such trial")
        self._session.trials.cancel(trial)
        return as_json(_finite(trial.to_dict()))

    def result(self, q: Query) -> Answer:
        """The store that a trial made, to save."""
        trial = self._session.trials.find(q.integer("id", 0, 1 << 30))
        if trial is None or trial.report is None or not trial.output.is_file():
            raise InputNotFoundError("this trial has no result to save")
        return _file(trial.output.read_bytes(), "application/zip", trial.output.name)

    # --- helpers -----------------------------------------------------------------------------------

    def _layer(self, q: Query) -> Any:
        return self._session.layer(q.integer("layer", 0, len(self._session.layers) - 1))

    def _pair(self, q: Query) -> tuple[int, int]:
        most = len(self._session.layers) - 1
        return q.integer("layer", 0, most), q.integer("against", 0, most)


def _colour_map(name: str) -> str:
    from hypress.view.colours import ANCHORS

    if name not in ANCHORS:
        raise SceneError(f"there is no colour map {name[:40]!r}; there are: {', '.join(ANCHORS)}")
    return name


def _file(body: bytes, kind: str, name: str) -> Answer:
    return Answer(body, kind, {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"})


def _finite(value: Any) -> Any:
    """JSON has no infinity and no NaN: they become null."""
    if isinstance(value, dict):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
