"""Onboard: a push-broom sensor gives a line at a time; what is kept in memory is one strip of lines, whatever comes.

    hypress export sscnet --onnx edge/
    python examples/onboard.py scene.hdr out/ --weights edge/sscnet.safetensors

ONNX Runtime computes the network, without torch. Each strip is a file that `hypress decompress` reads.
"""

import argparse
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np

import hypress
from hypress.neural import engine, pretrained

LINES = 32
"""Of a strip."""


def sensor(path: str) -> Iterator[np.ndarray]:
    """A stand-in: the lines `(band, x)` of a scene, read one by one."""
    scene = hypress.open_scene(path)
    for y in range(scene.sizes["y"]):
        yield scene.isel(y=y).values


def onboard(lines: Iterable[np.ndarray], folder: Path, codec: object) -> Iterator[Path]:
    """Write strips of lines into a folder as they fill; the last may be lower."""
    folder.mkdir(parents=True, exist_ok=True)
    strip, filled, number = None, 0, 0
    for line in lines:
        strip = np.empty((line.shape[0], LINES, line.shape[1]), line.dtype) if strip is None else strip
        strip[:, filled] = line
        filled += 1
        if filled == LINES:
            yield write(folder / f"strip{number:06}.hyp", strip, codec)
            number, filled = number + 1, 0
    if strip is not None and filled:
        yield write(folder / f"strip{number:06}.hyp", strip[:, :filled], codec)


def write(path: Path, strip: np.ndarray, codec: object) -> Path:
    """Write one strip, and say where."""
    path.write_bytes(hypress.encode(strip, codec))
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("scene")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", help="What `hypress export` wrote; without: ccsds123, lossless.")
    given = parser.parse_args()
    name = pretrained.named(given.weights).card.codec if given.weights else "ccsds123"
    codec = hypress.find_codec(name).configured({"weights": given.weights} if given.weights else {})
    with engine.use("onnx") if given.weights else nullcontext():
        print(*onboard(sensor(given.scene), given.folder, codec), sep="\n")
