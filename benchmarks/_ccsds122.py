"""Speed of CCSDS 122.0-B-2 on one thread, beside another implementation where there is one; and sizes of whole scenes.

The band is 14 bits deep, 1008 × 1008 pixels: bands of Indian Pines side by side. The peer is the executable of the
University of Nebraska's BPE, built with optimisation: it is run in turn with ours, on the same band, its start and
files included (some milliseconds). Of each the best of several runs counts.
"""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import hypress
from _turns import fastest
from hypress.ccsds122 import Image, Options, decode, encode
from public_scenes import cubes

EDGE = 1008


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
            for name, (coding, decoding) in fastest(work).items():
                speeds = f"{band.size / coding / 1e6:.1f} | {band.size / decoding / 1e6:.1f}"
                yield f"| {name} | {min(blocks, band.size // 64)} | {8 * len(stream) / band.size:.3f} | {speeds} |"


def band_of_14_bits(folder: Path) -> np.ndarray:
    """Bands of Indian Pines, side by side."""
    bands = cubes(folder)["indian_pines"]()
    mosaic = np.vstack([np.hstack(list(bands[7 * i : 7 * i + 7])) for i in range(7)])
    return np.ascontiguousarray(mosaic[:EDGE, :EDGE])


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
