"""The reference of lossy coding, and codecs against it: OpenJPEG over principal components of 16 bits.

    python benchmarks/lossy_reference.py ../shared/data
    python benchmarks/lossy_reference.py ../shared/data --scenes samson --codecs pca_jpeg2000 pca_tcq:effort=best
    python benchmarks/lossy_reference.py ../shared/data --times --scenes abu_airport-1 --codecs pca_tcq pca_jpeg2000

Components are rounded to 16 bits on one scale and coded as one image with the 9/7 transform, so that OpenJPEG's rate
allocation is joint; basis and means are charged with 16 bits each; of all numbers of components the best is taken.
Samples are rounded and clipped, and the peak is the scene's maximum.

The difference in rate is that of G. Bjøntegaard (VCEG-M33, 2001), with piecewise cubic (PCHIP) interpolation, over the
quality that both curves reach between the smallest and the largest rate.

With `--times` speeds instead, in millions of samples per second by the wall and, in brackets, of processor time over
all threads; encoder and decoder alone, without the container. All take turns, and the best of several counts. The
reference's line that is "told" has the best number of components given; the other has to find it.
"""

import argparse
import math
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile
from scipy.interpolate import PchipInterpolator

import hypress
from hypress.codec import Spec
from hypress.errors import GoalError
from hypress.metrics import Tally
from hypress.transforms.pca import moments, principal_axes, project
from public_scenes import TEST_SCENES, cubes
from rate_distortion import codec_of

RATES = [0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0]
COUNTS = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 17, 20, 24, 28, 33, 39, 46, 55, 65, 77, 91, 108, 128, 152, 180, 214, 255]
REPEATS, REST = 5, 0.1
"""Of timed tasks, and seconds before each: threads of BLAS wait busily for a while after the task before."""
PATIENCE = 3
"""Numbers of components that may be worse than the best before the search ends."""


class Reference:
    """OpenJPEG over the principal components of one scene."""

    def __init__(self, samples: NDArray[np.integer]) -> None:
        self.samples = samples
        self.means, covariance = moments(samples)
        self.means = np.rint(self.means)
        _, axes = principal_axes(covariance)
        self.axes = np.rint(axes * 32767) / 32767
        self.components = project(samples, self.means, np.linalg.pinv(self.axes))
        self.lowest = self.components.min(axis=(1, 2), keepdims=True)
        self.scale = 65535 / max(float((self.components - self.lowest).max()), 1.0)

    def best(self, rate: float) -> tuple[float, int]:
        """PSNR in decibels at a rate in bits per sample with the best number of components, and that number."""
        best, worse = (-math.inf, 1), 0
        for count in [*(n for n in COUNTS if n < len(self.means)), len(self.means)]:
            data = self.encode(count, rate)
            reached = -math.inf
            if data is not None:
                reached = float(Tally.of(self.samples, self.decode(count, data)).psnr_db())
            worse = 0 if reached > best[0] else worse + 1
            best = max(best, (reached, count))
            if worse >= PATIENCE and best[0] > -math.inf:
                break
        return best

    def encode(self, count: int, rate: float) -> bytes | None:
        """The components' stream at a rate that basis and means take part of; None where they leave too little."""
        left = int(rate * self.samples.size / 8) - 2 * len(self.means) * (count + 1)
        if left < 200:
            return None
        whole = np.rint((self.components[:count] - self.lowest[:count]) * self.scale).astype(np.uint16)
        try:
            data = _openjpeg(whole, left)
        except rasterio.errors.RasterioIOError:
            return None
        return data if len(data) <= 1.01 * left else None

    def decode(self, count: int, data: bytes) -> NDArray[np.integer]:
        """Samples `(band, y, x)`."""
        with MemoryFile(data) as file, file.open() as image:
            decoded = image.read() / self.scale + self.lowest[:count]
        limits = np.iinfo(self.samples.dtype)
        spectra = self.axes[:, :count] @ decoded.reshape(count, -1) + self.means[:, None]
        out = np.clip(np.rint(spectra), limits.min, limits.max).reshape(self.samples.shape)
        return out.astype(self.samples.dtype)


def _openjpeg(planes: NDArray[np.uint16], budget: int) -> bytes:
    """A raw codestream of planes `(component, y, x)` in about `budget` bytes."""
    count, rows, columns = planes.shape
    options = {
        "driver": "JP2OpenJPEG", "CODEC": "J2K", "REVERSIBLE": "NO", "YCC": "NO", "RESOLUTIONS": "6",
        "BLOCKXSIZE": str(max(columns, 64)), "BLOCKYSIZE": str(max(rows, 64)),
        "QUALITY": str(min(100 * budget / planes.nbytes, 99.9)),
    }  # fmt: skip
    with MemoryFile() as file:
        with file.open(width=columns, height=rows, count=count, dtype="uint16", **options) as image:
            image.write(planes)
        return file.read()


def fewer_bytes(rates: Sequence[float], ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Difference in rate, in percent, of the curve `ours` against `theirs`, both in decibels at these rates."""
    lines = []
    for curve in (ours, theirs):
        quality, logs = np.asarray(curve), np.log(rates)
        rising = np.concatenate([[True], np.diff(np.maximum.accumulate(quality)) > 0])
        lines.append((PchipInterpolator(quality[rising], logs[rising]), quality[rising]))
    low = max(quality.min() for _, quality in lines)
    high = min(quality.max() for _, quality in lines)
    first, second = (float(line.integrate(low, high)) for line, _ in lines)
    return 100 * math.expm1((first - second) / (high - low))


def speeds(work: Sequence[Callable[[], object]], samples: int) -> list[str]:
    """Speed of each task, all of them taken in turn: by the wall, and of processor time."""
    wall, processor = ([math.inf] * len(work) for _ in range(2))
    for _ in range(REPEATS):
        for i, task in enumerate(work):
            time.sleep(REST)
            started, spent = time.perf_counter(), time.process_time()
            task()
            wall[i] = min(wall[i], time.perf_counter() - started)
            processor[i] = min(processor[i], time.process_time() - spent)
    return [f"{samples / 1e6 / w:.1f} ({samples / 1e6 / p:.1f})" for w, p in zip(wall, processor, strict=True)]


def print_speeds(samples: NDArray[np.integer], codecs: Sequence[str], rates: Sequence[float]) -> None:
    """One line for the reference and each codec: encoding and decoding at each rate."""
    spec = Spec(samples.shape, samples.dtype.name, 8 * samples.dtype.itemsize)
    names, columns = ["reference", "reference, told", *codecs], []
    for rate in rates:
        reference = Reference(samples)
        _, count = reference.best(rate)
        data = reference.encode(count, rate)
        work: list[Callable[[], object]] = [
            partial(lambda rate: Reference(samples).best(rate), rate),
            partial(reference.decode, count, data),
            partial(lambda count, rate: Reference(samples).encode(count, rate), count, rate),
            partial(reference.decode, count, data),
        ]
        for name in codecs:
            codec = codec_of(name).turned(rate_bpppc=rate)
            streams = codec.encode(samples, spec)
            work += [partial(codec.encode, samples, spec), partial(codec.decode, streams, spec)]
        cells = speeds(work, samples.size)
        columns += [cells[0::2], cells[1::2]]
    print(f"| | {' | '.join(f'{r:g}: encoding | decoding' for r in rates)} |\n|---|{'---|' * len(columns)}")
    for name, *cells in zip(names, *columns, strict=True):
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    warnings.simplefilter("ignore", NotGeoreferencedWarning)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scenes", nargs="*", default=TEST_SCENES)
    parser.add_argument("--codecs", nargs="*", default=[])
    parser.add_argument("--rates", nargs="*", type=float, default=RATES)
    parser.add_argument("--times", action="store_true")
    given = parser.parse_args()
    load, differences = cubes(given.folder), dict[str, list[float]]()
    for name in given.scenes:
        samples = load[name]()
        if given.times:
            print(f"\n{name} ({samples.size / 1e6:.2f} million samples)\n")
            print_speeds(samples, given.codecs, given.rates)
            continue
        started = time.perf_counter()
        reference = Reference(samples)
        theirs = [reference.best(rate)[0] for rate in given.rates]
        seconds = time.perf_counter() - started
        print(f"\n{name} (peak {samples.max()})\n\n| codec | {' | '.join(f'{r:g}' for r in given.rates)} | bytes |")
        print("|---|" + "---|" * (len(given.rates) + 1))
        print(f"| reference, {seconds:.0f} s | {' | '.join(f'{p:.2f}' for p in theirs)} | |", flush=True)
        for codec in given.codecs:
            ours, cells = [], []
            for rate in given.rates:
                try:
                    data = hypress.encode(samples, codec_of(codec), hypress.Rate(bpppc=rate))
                except GoalError:
                    ours.append(math.nan)
                    cells.append("–")
                    continue
                tally = Tally.of(samples, hypress.decode(data))
                ours.append(tally.psnr_db())
                cells.append(f"{tally.psnr_db():.2f} / {tally.sam_deg:.2f}°")
            here = [i for i, p in enumerate(ours) if math.isfinite(p) and math.isfinite(theirs[i])]
            ratio = fewer_bytes(*([row[i] for i in here] for row in (given.rates, ours, theirs)))
            differences.setdefault(codec, []).append(ratio)
            print(f"| {codec} | {' | '.join(cells)} | {ratio:+.1f} % |", flush=True)
    for codec, ratios in differences.items():
        print(f"\n{codec}: {np.mean(ratios):+.1f} % bytes on average, {min(ratios):+.1f} … {max(ratios):+.1f} %")


if __name__ == "__main__":
    main()
