"""Lossless and near-lossless coding of the public scenes against CCSDS-123, and what each idea of `rls` brings.

    python benchmarks/lossless.py ../shared/data scenes
    python benchmarks/lossless.py ../shared/data scenes --crop 100 --scenes jasper_ridge abu_airport-1
    python benchmarks/lossless.py ../shared/data near --efforts high
    python benchmarks/lossless.py ../shared/data ablation --crop 50 --scenes abu_airport-1 enmap_potsdam_A moffett

Choices are made on the training scenes, the default of the last one. Speeds are of one core, in the processor's time.
"""

import argparse
import time
from pathlib import Path

import numpy as np

import hypress
from hypress import rls
from hypress.codecs.bounded import Bounded
from hypress.codecs.ccsds123 import Ccsds123
from hypress.codecs.pca_jpeg2000 import PcaJpeg2000
from hypress.codecs.rls import Rls
from hypress.rls.efforts import EFFORTS
from hypress.rls.period import choose_axis
from public_scenes import TEST_SCENES, cubes

CCSDS = {
    "indian_pines": 6.540, "jasper_ridge": 6.291, "pavia_centre_crop": 6.207, "samson": 2.454, "san_diego_I": 6.530,
    "salinas_a_224": 4.847, "hydice_urban_crop": 3.389, "enmap_potsdam_B": 5.964, "abu_beach-1": 3.495,
    "paris_hyperion": 6.379,
}  # fmt: skip
"""CCSDS-123 by another implementation with the hybrid coder, the better of 3 and 15 prediction bands."""
LIMITS = [1, 2, 4, 8, 16, 32, 64]
TRAINING = ["abu_airport-1", "abu_beach-2", "enmap_potsdam_A", "moffett"]


def rate(data: bytes, samples: np.ndarray) -> float:
    """Bits per sample."""
    return 8 * len(data) / samples.size


def scenes(chosen: dict[str, np.ndarray], efforts: list[str]) -> None:
    """Bits per sample of each effort, how much less than CCSDS-123, and million samples a second both ways."""
    gains: dict[str, list[float]] = {effort: [] for effort in efforts}
    for effort in efforts:  # once, so that kernels are there
        hypress.decode(hypress.encode(next(iter(chosen.values()))[:3, :20, :20], Rls(effort=effort)))
    for name, samples in chosen.items():
        other = CCSDS.get(name) or rate(hypress.encode(samples, Ccsds123()), samples)
        cells = [f"{other:.3f}"]
        for effort in efforts:
            started = time.process_time()
            data = hypress.encode(samples, Rls(effort=effort))
            encoded = time.process_time()
            decoded = hypress.decode(data)
            ended = time.process_time()
            assert np.array_equal(decoded, samples)
            gains[effort].append(100 * (1 - rate(data, samples) / other))
            decoding = ended - encoded
            encoding = encoded - started - decoding  # to encode a scene is to decode it once as well, to be sure
            speeds = [samples.size / seconds / 1e6 for seconds in (encoding, decoding)]
            cells.append(f"{rate(data, samples):.3f} (−{gains[effort][-1]:.1f} %; {speeds[0]:.2f}, {speeds[1]:.2f})")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print(f"| mean | | {' | '.join(f'−{np.mean(gains[effort]):.1f} %' for effort in efforts)} |")


def near(chosen: dict[str, np.ndarray], efforts: list[str]) -> None:
    """Bits per sample at every limit of error: our CCSDS-123, components with JPEG 2000, each effort, and `bounded`."""
    gains: dict[int, list[float]] = {limit: [] for limit in LIMITS}
    for name, samples in chosen.items():
        for limit in LIMITS:
            codecs = [Ccsds123(), PcaJpeg2000(), *(Rls(effort=effort) for effort in efforts), Bounded()]
            rates = [rate(hypress.encode(samples, c.with_max_error(limit)), samples) for c in codecs]
            gains[limit].append(100 * (rates[-1] / rates[0] - 1))
            print(f"| {name} | {limit} | {' | '.join(f'{r:.3f}' for r in rates)} |", flush=True)
    for limit, found in gains.items():
        print(f"bounded against ccsds123 at {limit}: {np.mean(found):.1f} % on average, {max(found):.1f} % at worst")


def ablation(chosen: dict[str, np.ndarray], efforts: list[str]) -> None:
    """Percent of bytes more when one idea is left out of the best effort."""
    best = EFFORTS["best"]
    first, wide, plain, short = best.predictors
    without = {
        "gaps": best,
        "mixing": best._replace(predictors=(first,)),
        "the predictor from 64 bands": best._replace(predictors=(first, plain, short)),
        "the predictor that weighs all alike": best._replace(predictors=(first, wide, short)),
        "the predictor that forgets": best._replace(predictors=(first, wide, plain)),
        "gains": best._replace(predictors=tuple(p._replace(softness=100.0) for p in best.predictors)),
        "forgetting": best._replace(predictors=tuple(p._replace(keep=1.0) for p in best.predictors)),
        "neighbours": best._replace(predictors=tuple(p._replace(round=()) for p in best.predictors)),
        "contexts of signs": best._replace(contexts=1),
        "binary decisions, but by intervals": best._replace(contexts=0),
    }
    for idea, effort in without.items():
        EFFORTS[f"without {idea}"] = effort
    for name, samples in chosen.items():
        bounds = np.zeros((3, len(samples)), np.int64)
        bounds[0], bounds[1] = samples.min((1, 2)), samples.max((1, 2))
        even = bounds.copy()
        bounds[2] = [choose_axis(band, samples[z - 1] if z else None) for z, band in enumerate(samples)]
        whole = len(rls.encode(samples, bounds, "best", 0, 0.0))
        for idea in without:
            part = len(rls.encode(samples, even if idea == "gaps" else bounds, f"without {idea}", 0, 0.0))
            print(f"| {name} | without {idea} | +{100 * (part / whole - 1):.2f} % |", flush=True)


def main() -> None:
    """Print the table asked for."""
    tables = {"scenes": scenes, "near": near, "ablation": ablation}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("table", choices=tables)
    parser.add_argument("--scenes", nargs="+")
    parser.add_argument("--efforts", nargs="+", default=list(EFFORTS))
    parser.add_argument("--crop", type=int, help="only so many rows and columns")
    given = parser.parse_args()
    load = cubes(given.folder)
    names = given.scenes or (TRAINING if given.table == "ablation" else TEST_SCENES)
    chosen = {name: np.ascontiguousarray(load[name]()[:, : given.crop, : given.crop]) for name in names}
    tables[given.table](chosen, given.efforts)


if __name__ == "__main__":
    main()
