"""A scene larger than memory allows for: made from the bundled one, compressed, verified; time and peak memory.

    python benchmarks/large_scene.py FOLDER [--gigabytes 8] [--arguments "--psnr 50"]

The scene is the bundled one repeated in mirror image, each copy with its own gain and noise, so that no tile is like
another. Peak memory is the operating system's maximum resident set size of the whole process.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import hypress

ROOT = Path(__file__).parents[1]


def make(folder: Path, gigabytes: float) -> Path:
    """An ENVI scene (bsq, uint16) of that size; kept if it is there already."""
    source = hypress.open_scene(ROOT / "scenes" / "jasper_ridge.hdr")
    bands, rows, columns = source.shape
    copies = max(1, round((gigabytes * 1e9 / (2 * bands * rows * columns)) ** 0.5))
    high = max(1, round(gigabytes * 1e9 / (2 * bands * rows * columns) / copies))
    header = folder / "large.hdr"
    size = 2 * bands * rows * high * columns * copies
    if header.exists() and header.with_suffix(".img").stat().st_size == size:
        return header
    random = np.random.default_rng(0)
    gains = random.uniform(0.7, 1.3, (high, copies))
    with open(folder / "large.img", "wb") as out:
        for band in source.to_numpy():
            for y in range(high):
                strip = np.concatenate(
                    [band[:: (-1) ** y, :: (-1) ** x].astype(np.float32) * gains[y, x] for x in range(copies)],
                    axis=1,
                )
                noisy = strip + random.standard_normal(strip.shape, np.float32) * 3
                out.write(np.clip(np.rint(noisy), 0, 65535).astype("<u2").tobytes())
    wavelengths = ", ".join(repr(float(w)) for w in source.wavelength)
    header.write_text(
        f"ENVI\nsamples = {columns * copies}\nlines = {rows * high}\nbands = {bands}\nheader offset = 0\n"
        f"data type = 12\ninterleave = bsq\nbyte order = 0\nwavelength units = Nanometers\n"
        f"wavelength = {{{wavelengths}}}\n"
    )
    return header


def measured(*arguments: str) -> dict[str, object]:
    """Run `hypress ARGUMENTS --json` in a process of its own."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", "from hypress.cli import main; main()", *arguments, "--json"],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    return {
        "command": "hypress " + " ".join(arguments),
        "exit_code": os.waitstatus_to_exitcode(status),
        "seconds": round(time.monotonic() - started, 1),
        "peak_memory_gb": round(usage.ru_maxrss * 1024 / 1e9, 3),
        "result": json.loads(printed or "null"),
    }


def main() -> None:
    """Print one JSON object a step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gigabytes", type=float, default=8.0)
    parser.add_argument("--arguments", default="--lossless", help="goal and codec, as for hypress compress")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    header = make(given.folder, given.gigabytes)
    store = given.folder / "large.zarr"
    print(f"{header}: {header.with_suffix('.img').stat().st_size / 1e9:.2f} GB", flush=True)
    options = [*shlex.split(given.arguments), "--overwrite"]
    print(json.dumps(measured("compress", str(header), str(store), *options), indent=2), flush=True)
    print(json.dumps(measured("verify", str(store), "--against", str(header)), indent=2), flush=True)


if __name__ == "__main__":
    main()
