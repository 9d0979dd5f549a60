"""The figures on the codecs' pages: PSNR at rates, and lossless rates, of every codec on the public scenes.

    python benchmarks/rate_distortion.py ../shared/data [--scenes jasper_ridge indian_pines] [--rates 0.1 0.2]

`load.py` in that folder turns the public files into arrays. Rates count the whole codestream; the peak of PSNR is the
scene's maximum. One Markdown row a scene and codec; speeds are of this machine, in Msample/s, decoding included in
encoding, because the encoder decodes what it writes.
"""

import argparse
import importlib.util
import time
from pathlib import Path

import hypress

TEST_SCENES = [
    "indian_pines", "jasper_ridge", "pavia_centre_crop", "samson", "san_diego_I", "salinas_a_224", "hydice_urban_crop",
    "enmap_potsdam_B", "abu_beach-1", "paris_hyperion",
]  # fmt: skip


def cubes(folder: Path) -> dict:
    """Scene name to a function that loads its samples."""
    spec = importlib.util.spec_from_file_location("load", folder / "load.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CUBES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scenes", nargs="*", default=TEST_SCENES)
    parser.add_argument("--codecs", nargs="*", default=hypress.codec_names())
    parser.add_argument("--rates", nargs="*", type=float, default=[0.1, 0.2, 0.5, 1.0])
    given = parser.parse_args()
    load = cubes(given.folder)
    print("| scene | codec |", " | ".join(f"{r:g} bpppc" for r in given.rates), "| lossless, bpppc | Msample/s |")
    print("|---|---|" + "---|" * (len(given.rates) + 2))
    for name in given.scenes:
        samples = load[name]()
        for codec in given.codecs:
            cells = []
            for rate in given.rates:
                data = hypress.encode(samples, codec, hypress.Rate(bpppc=rate))
                cells.append(f"{hypress.metrics.psnr(samples, hypress.decode(data)):.2f} dB")
            started = time.perf_counter()
            data = hypress.encode(samples, codec, hypress.Lossless())
            seconds = time.perf_counter() - started
            assert (hypress.decode(data) == samples).all()
            cells.append(f"{hypress.metrics.bpppc(len(data), samples.shape):.3f}")
            cells.append(f"{samples.size / seconds / 1e6:.1f}")
            print(f"| {name} | {codec} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
