"""ENVI's `map info` and `coordinate system string`, to and from a CRS and an affine transform."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from hypress.io.envi_header import entries, number
from hypress.io.facts import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hypress.scene import Affine

_UTM = {
    "wgs-84": (32600, 32700), "wgs84": (32600, 32700), "wgs_1984": (32600, 32700),
    "north america 1983": (26900, None), "nad-83": (26900, None),
    "north america 1927": (26700, None), "nad-27": (26700, None),
}  # fmt: skip
_LATLON = {"wgs-84": 4326, "wgs84": 4326, "wgs_1984": 4326, "nad-83": 4269, "north america 1983": 4269}

EXACT = "affine transform"
"""Our own key, written beside `map info` where that cannot hold a transform exactly."""


def transform(keys: Mapping[str, str], path: Path | str) -> Affine | None:
    """The affine transform of a header, or None. Raises ReadError on what is no number."""
    if EXACT in keys and len(own := entries(keys[EXACT])) == 6:
        a, b, c, d, e, f = (number(item, EXACT, path) for item in own)
        return (a, b, c, d, e, f)
    if "map info" not in keys:
        return None
    items = entries(keys["map info"])
    if len(items) < 7:
        say(path, f"its map info has {len(items)} entries and needs 7: no transform")
        return None
    px, py, easting, northing, dx, dy = (number(item, "map info", path) for item in items[1:7])
    angle = 0.0
    for item in items[7:]:
        name, _, value = item.partition("=")
        if name.strip().lower() == "rotation":
            angle = -math.radians(number(value.strip(), "map info rotation", path))
    cos, sin = math.cos(angle), math.sin(angle)
    columns, rows = (cos * dx, -sin * dx), (-sin * dy, -cos * dy)
    t1, t4 = columns[0], rows[0]
    t2, t5 = columns[1], rows[1]
    if angle == 0.0:
        t2 = t4 = 0.0
    x0 = easting - (px - 1) * t1 - (py - 1) * t2 if px != 1 or py != 1 else easting
    y0 = northing - (px - 1) * t4 - (py - 1) * t5 if px != 1 or py != 1 else northing
    values = (x0, t1, t2, y0, t4, t5)
    if not all(map(math.isfinite, values)) or t1 * t5 - t2 * t4 == 0.0:
        say(path, "its map info gives no usable transform: ignored")
        return None
    return values


def crs_wkt(keys: Mapping[str, str], path: Path | str) -> str | None:
    """The CRS of a header as WKT, or None; what is stated but not understood is said."""
    if text := keys.get("coordinate system string"):
        return _from_wkt(text, path)
    if "map info" not in keys:
        return None
    items = [item.lower() for item in entries(keys["map info"])]
    name = items[0] if items else ""
    if name in ("", "arbitrary"):
        return None
    if any(item.replace(" ", "") in ("units=feet", "units=yards", "units=miles") for item in items):
        name = f"{name} (not in metres)"
    code = None
    if name == "utm" and len(items) >= 10 and items[7].isdigit() and 1 <= int(items[7]) <= 60:
        north, south = _UTM.get(items[9], (None, None))
        base = south if items[8].startswith("s") else north
        code = None if base is None else base + int(items[7])
    elif name.startswith("geographic lat") and len(items) >= 8:
        code = _LATLON.get(items[7])
    if code is None:
        say(
            path,
            f"the projection of its map info ({name}) is not understood without a coordinate system string",
        )
        return None
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    try:
        return str(CRS.from_epsg(code).to_wkt())
    except CRSError:
        say(path, f"EPSG:{code}, which its map info means, does not exist: no CRS")
        return None


def _from_wkt(text: str, path: Path | str) -> str | None:
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    esri = '"D_' in text or '"GCS_' in text
    try:
        crs = CRS.from_wkt(text, morph_from_esri_dialect=esri)
        return str(crs.to_wkt()) if esri else text
    except CRSError:
        say(path, "its coordinate system string is no WKT that PROJ understands: no CRS")
        return None


def map_keys(wkt: str | None, affine: Affine | None) -> dict[str, str | list[str]]:
    """The header's keys for a CRS and a transform."""
    keys: dict[str, str | list[str]] = {}
    if affine is not None:
        name, tail = _projection(wkt)
        x0, t1, t2, y0, t4, t5 = affine
        dx, dy = math.hypot(t1, t4), math.hypot(t2, t5)
        if t2 == t4 == 0.0:
            dx, dy = t1, -t5
        items = [name, "1", "1", repr(x0), repr(y0), repr(dx), repr(dy), *tail]
        if (t2, t4) != (0.0, 0.0):
            items.append(f"rotation={math.degrees(math.atan2(t2, t1))!r}")
        keys["map info"] = "{" + ", ".join(items) + "}"
        if transform({"map info": ", ".join(items)}, "") != affine:
            keys[EXACT] = [repr(t) for t in affine]
    if wkt is not None:
        keys["coordinate system string"] = "{" + wkt + "}"
    return keys


def _projection(wkt: str | None) -> tuple[str, list[str]]:
    """ENVI's name of a CRS, and what follows the pixel size in its map info."""
    if wkt is None:
        return "Arbitrary", []
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    try:
        crs = CRS.from_wkt(wkt)
        code = crs.to_epsg() or 0
        geographic = crs.is_geographic
    except CRSError:
        return "Arbitrary", []
    if 32601 <= code <= 32660 or 32701 <= code <= 32760:
        half = "North" if code < 32700 else "South"
        return "UTM", [str(code % 100), half, "WGS-84", "units=Meters"]
    if geographic:
        return "Geographic Lat/Lon", ["WGS-84", "units=Degrees"] if code == 4326 else ["units=Degrees"]
    return "Projected", []
