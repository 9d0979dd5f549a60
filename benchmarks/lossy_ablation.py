"""What each idea of `pca_tcq` brings, in percent of bytes at the same quality, beginning with JPEG 2000 over the KLT.

    python benchmarks/lossy_ablation.py ../shared/data
    python benchmarks/lossy_ablation.py ../shared/data --scenes abu_airport-1 moffett

Each line adds one idea to the line above. The default scenes are small, and for training: nothing is tuned to the
others, but no choice should be made on them either. It takes about five minutes: kernels are compiled anew for the two
lines without a trellis.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numba import njit

from hypress.codec import Codec, Spec
from hypress.codecs import pca_tcq
from hypress.codecs.pca_jpeg2000 import PcaJpeg2000
from hypress.codecs.pca_tcq import PcaTcq
from hypress.metrics import Tally
from hypress.tcq import axes, band, expectations, trellis
from lossy_reference import fewer_bytes
from public_scenes import cubes

SCENES = ["enmap_potsdam_A", "salton_sea", "spechomo_hyspex"]
RATES = [0.05, 0.1, 0.2, 0.5, 1.0, 2.0]
DEAD_ZONE = 0.42
"""What is added to a coefficient that is quantised plainly, in steps, before it is cut."""


def _alone() -> None:
    """Expectations without other components, the other orientations, or their means."""
    neighbours = 100 - expectations.LATELY
    expectations.SIDE, expectations.CORNER, expectations.FURTHER = (neighbours * w // 34 for w in (10, 3, 4))
    expectations.ACTIVITY = expectations.LAST = expectations.SIBLING = 0


def _without_trellis() -> None:
    """Plain quantisation with a dead zone: the trellis never leaves its first state."""
    band.quantise = plainly
    trellis.NEXT[:] = 0


@njit(nogil=True)
def plainly(values, _classes, _costs, inverse, _weight, indices, lattice):
    """As `trellis.quantise`, with a dead zone instead of a trellis."""
    squares = 0.0
    for y, x in np.ndindex(values.shape):
        magnitude = abs(values[y, x]) * inverse
        index = int(magnitude * 0.5 + DEAD_ZONE)
        lattice[y, x], indices[y, x] = 2 * index, index if values[y, x] >= 0 else -index
        squares += (magnitude - 2 * index) ** 2
    return squares


def _few_components() -> None:
    """The same price of a component at all rates."""
    axes.CHEAPEST = axes.DEAREST


def _unturned() -> None:
    pca_tcq.EFFORTS["default"] = replace(pca_tcq.EFFORTS["default"], sweeps=0)


def _best() -> None:
    pca_tcq.EFFORTS["default"] = pca_tcq.EFFORTS["best"]


STAGES: list[tuple[str, bool, list[Callable[[], None]]]] = [
    ("JPEG 2000 over the KLT, its basis quantised", False, []),
    ("a context coder within components", True, [_unturned, _few_components, _without_trellis, _alone]),
    ("contexts across components and orientations", True, [_unturned, _few_components, _without_trellis]),
    ("trellis-coded quantisation", True, [_unturned, _few_components]),
    ("rotated axes", True, [_few_components]),
    ("more components at low rates: effort default", True, []),
    ("more of it, and a refitted basis: effort best", True, [_best]),
]


def curve(samples: np.ndarray, codec_at: Callable[[float], Codec]) -> list[float]:
    """PSNR at each rate, of the codec's own streams."""
    spec, reached = Spec(samples.shape, samples.dtype.name, 16), []
    for rate in RATES:
        codec = codec_at(rate)
        reached.append(Tally.of(samples, codec.decode(codec.encode(samples, spec), spec)).psnr_db())
    return reached


def one(stage: int, folder: Path, scene: str) -> None:
    """Print the curve of one stage on one scene. It has a process of its own, for kernels keep their constants."""
    _, ours, changes = STAGES[stage]
    for change in changes:
        change()

    def codec_at(rate: float) -> Codec:
        return PcaTcq(rate_bpppc=rate) if ours else PcaJpeg2000(rate_bpppc=rate, sweeps=0, refits=0)

    print(*curve(cubes(folder)[scene](), codec_at))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scenes", nargs="*", default=SCENES)
    parser.add_argument("--stage", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.stage is not None:
        one(given.stage, given.folder, given.scenes[0])
        return
    curves: dict[tuple[int, str], list[float]] = {}
    print(f"| | {' | '.join(given.scenes)} | bytes | against the first |\n|---|{'---|' * (len(given.scenes) + 2)}")
    for stage, (name, _, changes) in enumerate(STAGES):
        with tempfile.TemporaryDirectory() as kernels:
            changed = {_alone, _without_trellis} & set(changes)
            place = {"NUMBA_CACHE_DIR": kernels} if changed else {}
            for scene in given.scenes:
                command = [sys.executable, __file__, str(given.folder), "--stage", str(stage), "--scenes", scene]
                said = subprocess.run(command, env=os.environ | place, check=True, capture_output=True, text=True)
                curves[stage, scene] = [float(word) for word in said.stdout.split()]
        before, first = (
            np.mean([fewer_bytes(RATES, curves[stage, s], curves[other, s]) for s in given.scenes])
            for other in (max(stage - 1, 0), 0)
        )
        cells = " | ".join(f"{fewer_bytes(RATES, curves[stage, s], curves[0, s]):+.1f} %" for s in given.scenes)
        print(f"| {name} | {cells} | {before:+.1f} % | {first:+.1f} % |", flush=True)


if __name__ == "__main__":
    main()
