"""How quickly the explorer answers over a store of any size: first picture, pan and zoom, memory, page weight.

    python benchmarks/explorer.py FOLDER [--gigabytes 8] [--codec pca_jpeg2000]
    python benchmarks/explorer.py FOLDER --side 10000 --bands 20

The store is put together from a few codestreams of the bundled scene, each with its own gain and noise, in many copies:
to a reader that decodes tiles it is like any store of that size, and it is made in a minute. It has an overview as
`hypress compress` gives one, unless `--plain` leaves it out, as in stores of before. The server runs in a process of
its own; every request is timed here, from its first byte sent to its last received, with four under way at a time as
the page does. As in the page, the first picture is the scene in one tile, and the screen's tiles follow. A tile that is
not final counts as an answer, since the page shows it; `final` says how long it took until it was. Peak memory is the
operating system's maximum resident set size.
"""

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import numpy as np
import xarray as xr

import hypress
from hypress import scene as scenes
from hypress import store
from hypress.codec import find
from hypress.jobs.overview import MOST, SHARE, Overview, thinned
from hypress.jobs.report import provenance
from hypress.metrics import Tally
from hypress.tile import encode_tile
from hypress.tiles import Grid

ROOT = Path(__file__).parents[1]
STATIC = ROOT / "src" / "hypress" / "view" / "static"
EDGE = 256
TILE = 200
DISTINCT = 4


def make(folder: Path, given: argparse.Namespace) -> Path:
    """A store of that size, unless it is there already."""
    codec = given.codec
    source = hypress.open_scene(ROOT / "scenes" / "jasper_ridge.hdr")
    if given.bands:
        source = source.isel(band=np.linspace(0, source.sizes["band"] - 1, given.bands).astype(int))
    bands = source.sizes["band"]
    side = TILE * round((given.side or (given.gigabytes * 1e9 / (2 * bands)) ** 0.5) / TILE)
    path = folder / f"{codec}_{bands}_{side}{'_plain' if given.plain else ''}.zarr"
    if path.exists():
        return path
    random = np.random.default_rng(0)
    quarter = source.to_numpy().astype(np.float32)
    upper = np.concatenate([quarter, quarter[:, :, ::-1]], axis=2)
    whole = np.concatenate([upper, upper[:, ::-1]], axis=1)
    streams, tally, decoded = [], Tally.empty(bands), []
    goal = hypress.Lossless() if codec in ("rls", "ccsds123") else hypress.Psnr(db=50)
    for gain in random.uniform(0.7, 1.3, DISTINCT):
        noisy = whole * gain + random.standard_normal(whole.shape, np.float32) * 3
        encoded = encode_tile(np.clip(np.rint(noisy), 0, 65535).astype(np.uint16), codec, goal)
        streams.append(encoded.data)
        decoded.append(hypress.decode(encoded.data))
        tally += encoded.tally
    import dask.array

    lazy = dask.array.zeros((bands, side, side), dtype=np.uint16, chunks=(bands, TILE, TILE))
    scene = scenes.make(lazy, wavelength_nm=source.wavelength.to_numpy())
    assert isinstance(scene, xr.DataArray)
    grid = Grid.of(scene.shape, (TILE, TILE))
    overview = None if given.plain else Overview.of(scene.shape, scene.dtype, find(codec)())
    writer = store.Writer(str(path))
    writer.begin({"benchmark": codec}, overwrite=True, resume=False)
    total = 0
    for tile in grid:
        which = int(random.integers(DISTINCT))
        writer.put(f"{store.ARRAY}/{tile.key}", streams[which])
        total += len(streams[which])
        if overview is not None:
            overview.put(tile, thinned(decoded[which], tile, overview.spacing))
    coarse, small = (overview and overview.coded(min(MOST, int(SHARE * total)), None)) or (None, {})
    attrs = provenance(scene, codec, {}, goal, tally, 0.0)
    writer.finish(small | store.metadata(scene, grid, attrs, coarse))
    return path


class Server:
    """`hypress view` in a process of its own."""

    def __init__(self, path: Path) -> None:
        self.started = time.monotonic()
        program = "from hypress.cli import main; main()"
        command = [sys.executable, "-c", program, "view", str(path), "--no-browser", "--json"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline() for _ in range(3)]
        self.url = urlsplit(json.loads("".join(lines))["url"])
        self.ready = time.monotonic() - self.started
        self.local = threading.local()

    def get(self, name: str, **query: object) -> tuple[bytes, bool, float]:
        """Body, whether it is final, and seconds."""
        began = time.monotonic()
        if not hasattr(self.local, "connection"):
            self.local.connection = http.client.HTTPConnection(self.url.netloc)
        address = f"{self.url.path}api/{name}?{urlencode(query)}"
        try:
            self.local.connection.request("GET", address)
            answer = self.local.connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError):  # kept open for too long
            self.local.connection.close()
            self.local.connection.request("GET", address)
            answer = self.local.connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        return body, answer.headers.get("X-Exact") != "0", time.monotonic() - began

    def cpu(self) -> float | None:
        """Seconds of processor time so far, which do not depend on what else the machine does; Linux says so."""
        about = Path(f"/proc/{self.process.pid}/stat")
        if not about.exists():
            return None
        return sum(map(int, about.read_text().rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> float:
        """Stop it; its peak memory in bytes."""
        self.process.terminate()
        _, _, usage = os.wait4(self.process.pid, 0)
        return usage.ru_maxrss * 1024


def window(frame: int, y: float, x: float, scale: float) -> tuple[int, list[tuple[int, int]]]:
    """Level and tiles of a screen of 1000 × 800 pixels around a place, at so many screen pixels a sample."""
    level = max(0, int(np.floor(np.log2(1 / scale) + 1e-9)))
    span, last = EDGE << level, (frame - 1) // (EDGE << level)
    rows, columns = (
        range(max(0, int((at - half / scale) // span)), min(last, int((at + half / scale) // span)) + 1)
        for at, half in ((y, 400), (x, 500))
    )
    return level, [(r, c) for r in rows for c in columns]


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gigabytes", type=float, default=8.0)
    parser.add_argument("--side", type=int, help="rows and columns, instead of gigabytes")
    parser.add_argument("--bands", type=int, help="so many of the bundled scene's 198 bands")
    parser.add_argument("--codec", default="pca_jpeg2000")
    parser.add_argument("--plain", action="store_true", help="without an overview")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    path = make(given.folder, given)
    server = Server(path)
    session = json.loads(server.get("session")[0])
    frame, layer = session["frame"][0], session["layers"][0]
    bands = ",".join(map(str, layer["bands"]))
    stretch = json.loads(server.get("stretch", layer=0, bands=bands, percent=2)[0])
    style = {"layer": 0, "bands": bands, "low": ",".join(map(str, stretch["low"])),
             "high": ",".join(map(str, stretch["high"])), "gamma": 1}  # fmt: skip
    pool = ThreadPoolExecutor(4)

    def look(y: float, x: float, scale: float, patience: float) -> tuple[list[float], list[float]]:
        """Seconds of the first answers, and until each tile was final (as far as `patience` goes)."""
        level, open_tiles = window(frame, y, x, scale)
        began, first, final, asked = time.monotonic(), [], [], 0
        while open_tiles and time.monotonic() - began < patience:
            replies = list(pool.map(lambda t: server.get("tile", **style, z=level, y=t[0], x=t[1]), open_tiles))
            first += [seconds for _, _, seconds in replies] if not asked else []
            final += [time.monotonic() - began for _, exact, _ in replies if exact]
            open_tiles = [t for t, (_, exact, _) in zip(open_tiles, replies, strict=True) if not exact]
            asked += 1
            time.sleep(0.3 if open_tiles else 0)
        return first, final

    fit = 800 / frame
    coarsest = max(0, (frame - 1).bit_length() - EDGE.bit_length() + 1)
    sure = server.get("tile", **style, z=coarsest, y=0, x=0)[1]
    first_picture, first_cpu = time.monotonic() - server.started, server.cpu()
    first_tiles, _ = look(frame / 2, frame / 2, fit, 0.01)
    first_screen = time.monotonic() - server.started
    _, whole = look(frame / 2, frame / 2, fit, 60)
    seen = json.loads(server.get("seen")[0])["0"]
    steps: list[tuple[list[float], list[float]]] = []
    at = frame / 3
    for scale in (0.25, 0.5, 1.0, 2.0):  # zoom in
        steps.append(look(at, at, scale, 3))
    for _ in range(12):  # and pan, a third of a screen each
        at += 330
        steps.append(look(frame / 3, at % frame, 1.0, 3))
    answers = [seconds for first, _ in steps for seconds in first]
    finals = [seconds for _, final in steps for seconds in final]
    spectrum = server.get("spectra", region=f"{frame // 2},{frame // 2},{frame // 2 + 1},{frame // 2 + 1}", layers=0)[2]
    rounded = {
        "store_gb": round(layer["shape"][0] * frame * frame * 2 / 1e9, 2),
        "codec": given.codec,
        "tiles": (frame // TILE) ** 2,
        "server_ready_s": server.ready,
        "first_picture_s": first_picture,
        "first_picture_cpu_s": first_cpu,
        "first_picture_whole": sure,
        "first_screen_s": first_screen,
        "whole_picture_final_s": max(whole, default=None) if seen == 1 else None,
        "share_seen_after_60_s": seen,
        "answer_median_s": statistics.median(answers),
        "answer_95_percent_s": sorted(answers)[int(0.95 * len(answers))],
        "answers": len(answers),
        "final_median_s": statistics.median(finals) if finals else None,
        "final_within_3_s": len(finals) / len(answers),
        "spectrum_s": spectrum,
        "peak_memory_gb": server.end() / 1e9,
        "page_kb": sum(f.stat().st_size for f in STATIC.iterdir()) / 1e3,
        "first_answers_s": statistics.median(first_tiles),
        "load": os.getloadavg()[0],
    }
    print(json.dumps({k: round(v, 3) if isinstance(v, float) else v for k, v in rounded.items()}, indent=2))


if __name__ == "__main__":
    main()
