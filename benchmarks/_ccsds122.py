"""Speed of CCSDS 122.0-B-2 on one thread, beside another implementation where there is one; and sizes of whole scenes.

    python benchmarks/_ccsds122.py ../shared/data [--peer PATH] [--scenes indian_pines jasper_ridge]

The band is 14 bits deep, 1008 × 1008 pixels: bands of Indian Pines side by side. `--peer`, or the environment variable
`HYPRESS_PEER_122`, is the executable of the University of Nebraska's BPE, built with optimisation: it is run in turn
with ours, on the same band, its start and files included (some milliseconds). Of each the best of several runs counts.
"""

import argparse
import importlib.util
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import hypress
from hypress.ccsds122 import Image, Options, decode, encode

EDGE = 1008
REPEATS = 7
TEST_SCENES = [
    "indian_pines", "jasper_ridge", "pavia_centre_crop", "samson", "san_diego_I", "salinas_a_224", "hydice_urban_crop",
    "enmap_potsdam_B", "abu_beach-1", "paris_hyperion",
]  # fmt: skip


def rows(folder: Path, peer: str | None = None) -> Iterator[str]:
    """Markdown rows of speed, lossless: blocks of a segment, bits a pixel, Mpixel/s of encoder and decoder."""
    band = band_of_14_bits(folder)
    yield "| CCSDS 122.0-B-2, lossless, 14 bits | S | bits/pixel | encode, Mpixel/s | decode, Mpixel/s |"
    yield "|---|---|---|---|---|"
    for blocks in (64, 256, 1 << 20):
        image, options = Image(EDGE, 14), Options(blocks)
        stream = encode(band, image, options)
        assert (decode(stream).samples == band).all()
        work = {"ours": (lambda i=image, o=options: encode(band, i, o), lambda s=stream: decode(s))}
        with tempfile.TemporaryDirectory() as scratch:
            if peer:
                work["peer"] = _peer_work(peer, Path(scratch), band, min(blocks, band.size // 64))
            for name, (coding, decoding) in _fastest(work).items():
                speeds = f"{band.size / coding / 1e6:.1f} | {band.size / decoding / 1e6:.1f}"
                yield f"| {name} | {min(blocks, band.size // 64)} | {8 * len(stream) / band.size:.3f} | {speeds} |"


def band_of_14_bits(folder: Path) -> np.ndarray:
    """Bands of Indian Pines, side by side."""
    bands = cubes(folder)["indian_pines"]()
    mosaic = np.vstack([np.hstack(list(bands[7 * i : 7 * i + 7])) for i in range(7)])
    return np.ascontiguousarray(mosaic[:EDGE, :EDGE])


def cubes(folder: Path) -> dict:
    """Scene name to a function that loads its samples."""
    spec = importlib.util.spec_from_file_location("load", folder / "load.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CUBES


def _peer_work(peer: str, scratch: Path, band: np.ndarray, blocks: int) -> tuple[Callable, Callable]:
    raw, coded, decoded = (scratch / name for name in ("band.raw", "band.bpe", "band.out"))
    band.astype("<u2").tofile(raw)
    size = ["-w", band.shape[1], "-h", band.shape[0], "-b", 14, "-f", 0, "-t", 1, "-r", 0, "-s", blocks, "-g", 0]

    def run(*arguments: object) -> None:
        subprocess.run([peer, *map(str, arguments)], check=False, capture_output=True)

    run("-e", raw, "-o", coded, *size)
    run("-d", coded, "-o", decoded)
    assert decoded.read_bytes() == raw.read_bytes(), "the peer does not decode what it wrote"
    return (lambda: run("-e", raw, "-o", coded, *size)), (lambda: run("-d", coded, "-o", decoded))


def _fastest(work: dict[str, tuple[Callable, Callable]]) -> dict[str, list[float]]:
    """Seconds of each task of each name, the best of runs taken in turn."""
    best = {name: [np.inf] * len(tasks) for name, tasks in work.items()}
    for _ in range(REPEATS):
        for name, tasks in work.items():
            for i, task in enumerate(tasks):
                started = time.perf_counter()
                task()
                best[name][i] = min(best[name][i], time.perf_counter() - started)
    return best


def sizes(folder: Path, scenes: list[str]) -> Iterator[str]:
    """Markdown rows of whole scenes: lossless bpppc and dB at 0.5 bpppc, by the transform across bands."""
    transforms = ("none", "iwt", "pot")
    yield (
        "| scene |" + "".join(f" {t}, bpppc |" for t in transforms) + "".join(f" {t}, dB at 0.5 |" for t in transforms)
    )
    yield "|---|" + "---|" * 6
    for name in scenes:
        samples, cells = cubes(folder)[name](), []
        for transform in transforms:
            data = hypress.encode(samples, hypress.find_codec("ccsds122")(spectral=transform), hypress.Lossless())
            assert (hypress.decode(data) == samples).all()
            cells.append(f"{hypress.metrics.bpppc(len(data), samples.shape):.3f}")
        for transform in transforms:
            codec = hypress.find_codec("ccsds122")(spectral=transform)
            data = hypress.encode(samples, codec, hypress.Rate(bpppc=0.5))
            cells.append(f"{hypress.metrics.psnr(samples, hypress.decode(data)):.2f}")
        yield f"| {name} | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--peer", default=os.environ.get("HYPRESS_PEER_122"))
    parser.add_argument("--scenes", nargs="*", default=TEST_SCENES)
    given = parser.parse_args()
    for row in (*rows(given.folder, given.peer), ""):
        print(row, flush=True)
    for row in sizes(given.folder, given.scenes):
        print(row, flush=True)


if __name__ == "__main__":
    main()
