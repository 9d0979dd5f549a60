"""The trained codecs with the weights that ship: rate and distortion, the papers' accounting and real bytes, speed.

    python benchmarks/trained.py ../shared/data [--scenes jasper_ridge samson]

`load.py` in that folder turns the public files into arrays. The scenes are test scenes, which no weights have seen. The
peak of PSNR is the scene's maximum; rates count the whole codestream.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import hypress
from hypress.codec import Spec
from hypress.levels import integer_type
from hypress.metrics import bpppc, psnr
from public_scenes import TEST_SCENES, cubes

RATES = [0.1, 0.25, 0.5, 1.0]
AUTOENCODERS = ["cae1d", "cae3d", "sscnet"]
FLOAT = 2.0**14
"""Steps in a unit of the latents that lose as little as float32 does."""
LOSS = 0.1
"""dB that rounding and coding may cost."""


def band_by_band(scenes: dict, names: list[str]) -> Iterator[str]:
    """PSNR of `bandwise` beside what codes single bands too, and beside the best that does not."""
    codecs = ["bandwise", "jpeg2000", "ccsds122", "pca_jpeg2000"]
    yield "| scene | codec | " + " | ".join(f"{rate:g}" for rate in RATES) + " | bandwise needs |"
    yield "|---|---|" + "---|" * (len(RATES) + 1)
    for name in names:
        samples, curves = scenes[name](), {}
        for codec in codecs:
            curves[codec] = [point(samples, hypress.encode(samples, codec, hypress.Rate(bpppc=r))) for r in RATES]
        for codec in codecs:
            cells = " | ".join(f"{quality:.2f}" for _, quality in curves[codec])
            saved = "" if codec == "bandwise" else difference(curves[codec], curves["bandwise"])
            yield f"| {name} | {codec} | {cells} | {saved} |"


def point(samples: np.ndarray, data: bytes) -> tuple[float, float]:
    """Rate and PSNR."""
    return bpppc(len(data), samples.shape), psnr(samples, hypress.decode(data))


def difference(anchor: list, curve: list) -> str:
    """Bytes at equal PSNR in percent, by Bjøntegaard's method with piecewise cubics (PCHIP) over what both reach."""
    from scipy.interpolate import PchipInterpolator

    (r0, q0), (r1, q1) = (np.array(sorted(c, key=lambda p: p[1])).T for c in (anchor, curve))
    low, high = max(q0[0], q1[0]), min(q0[-1], q1[-1])
    if high <= low:
        return "no PSNR in common"
    means = [PchipInterpolator(q, np.log(r)).integrate(low, high) / (high - low) for r, q in ((r0, q0), (r1, q1))]
    return f"{100 * (np.exp(means[1] - means[0]) - 1):+.1f} % bytes"


def accounting(scenes: dict, names: list[str]) -> Iterator[str]:
    """What the papers count, float32 latents; what rounding and coding make of them; `pca_jpeg2000` at that rate."""
    yield "| scene | codec | float32 latents | rounded and coded | share | pca_jpeg2000 at that rate |"
    yield "|---|---|---|---|---|---|"
    for codec in AUTOENCODERS:
        for name in names:
            samples = scenes[name]()
            kind = hypress.find_codec(codec)()
            if kind.bands and len(samples) not in kind.bands:
                continue
            whole = hypress.decode(hypress.encode(samples, kind.turned(steps_per_unit=FLOAT)))
            counted, best = 32 * latents(codec, samples.shape) / samples.size, psnr(samples, whole)
            steps = FLOAT
            while steps > 2.0**-4:
                data = hypress.encode(samples, kind.turned(steps_per_unit=steps / 2))
                if psnr(samples, hypress.decode(data)) < best - LOSS:
                    break
                steps /= 2
            data = hypress.encode(samples, kind.turned(steps_per_unit=steps))
            rate, quality = point(samples, data)
            other = point(samples, hypress.encode(samples, "pca_jpeg2000", hypress.Rate(bpppc=rate)))
            yield (
                f"| {name} | {codec} | {best:.2f} dB at {counted:.3f} | {quality:.2f} dB at {rate:.3f} "
                f"| {rate / counted:.2f} | {other[1]:.2f} dB |"
            )


def latents(codec: str, shape: tuple[int, int, int]) -> int:
    """Numbers in the latents of a scene."""
    from hypress.neural import autoencoder, pretrained

    weights = pretrained.find(codec, codec)
    bands = weights.card.bands or shape[0]
    maps = hypress.find_codec(codec)()._net(weights).maps(Spec((bands, *shape[1:]), "uint16", 16))
    assert autoencoder.STREAMS
    return int(np.prod(maps))


def speed(scenes: dict, name: str) -> Iterator[str]:
    """Msample/s of encoder and decoder on one thread, best of three; a GPU is not used."""
    samples = scenes[name]()
    dtype, bits = integer_type(int(samples.min()), int(samples.max()))
    yield "| codec | encode, Msample/s | decode, Msample/s |"
    yield "|---|---|---|"
    for codec in ["bandwise", *AUTOENCODERS]:
        kind = hypress.find_codec(codec)()
        cube = np.resize(samples, (kind.bands[0], *samples.shape[1:])) if kind.bands else samples
        spec, times = Spec(cube.shape, dtype.name, bits), []
        for repeat in range(3):
            fresh = np.roll(cube, repeat, 2)  # analyses of the same samples are remembered
            started = time.perf_counter()
            streams = kind.encode(fresh, spec)
            coded = time.perf_counter()
            kind.decode(streams, spec)
            times.append((coded - started, time.perf_counter() - coded))
        best = [cube.size / min(t[i] for t in times) / 1e6 for i in range(2)]
        yield f"| {codec} | {best[0]:.2f} | {best[1]:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scenes", nargs="*", default=TEST_SCENES)
    given = parser.parse_args()
    scenes = cubes(given.folder)
    scenes["enmap_potsdam_B_224"] = lambda: enmap(given.folder)
    tables = band_by_band(scenes, given.scenes), accounting(scenes, [*given.scenes, "enmap_potsdam_B_224"])
    for table in (*tables, speed(scenes, given.scenes[0])):
        for row in table:
            print(row, flush=True)
        print()


def enmap(folder: Path) -> np.ndarray:
    """EnMAP Potsdam B with all 224 bands; those without data are 0."""
    import rasterio

    out = np.empty((224, 64, 128), np.int16)
    for x in range(0, 128, 32):
        for y in range(0, 64, 32):
            tile = folder / "enmap_potsdam" / "tiles" / f"enmap_potsdam_tile_{96 + x}_{96 + y}.tif"
            with rasterio.open(tile) as file:
                out[:, y : y + 32, x : x + 32] = file.read()
    return np.where(out == -32768, np.int16(0), out)


if __name__ == "__main__":
    main()
