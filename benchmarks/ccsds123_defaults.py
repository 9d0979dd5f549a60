"""What the defaults of `ccsds123` were chosen by: sizes of the training scenes, with one choice changed at a time.

    python benchmarks/ccsds123_defaults.py ../shared/data

Numbers are bpppc of the whole compressed image, the mean over the scenes of a sensor. Test scenes are not looked at.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hypress.codec import Spec
from hypress.codecs.ccsds123 import Ccsds123
from hypress.levels import integer_type
from public_scenes import cubes

SENSORS = {
    "AVIRIS": (
        "abu_airport-1", "abu_airport-2", "abu_urban-1", "abu_urban-3", "abu_beach-2", "moffett", "salton_sea",
        "spechomo_aviris",
    ),
    "HySpex": ("spechomo_hyspex",),
    "EnMAP": ("enmap_potsdam_A",),
}  # fmt: skip
USUAL = {
    "weight_initialization": "default", "prediction_mode": "full", "prediction_bands": 3, "local_sum": "wide_neighbor",
    "weight_update_initial": -1, "weight_update_final": 3, "rescaling_counter_size": 6,
}  # fmt: skip
"""What much software does unless told otherwise."""
LOSSLESS = [
    {},
    USUAL,
    USUAL | {"local_sum": "wide_column", "prediction_mode": "reduced"},
    {"weight_initialization": "default"},
    *({"local_sum": kind} for kind in ("wide_neighbor", "narrow_neighbor", "wide_column", "narrow_column")),
    *({"prediction_bands": count} for count in (4, 8, 10, 15)),
    *({"weight_initialization_bits": bits} for bits in (8, 9, 12)),
    *({"weight_resolution": bits} for bits in (12, 13, 19)),
    *({"weight_update_initial": low, "weight_update_final": high} for low, high in ((5, 7), (7, 7), (7, 9), (8, 9))),
    *({"rescaling_counter_size": size} for size in (6, 8, 9)),
    *({"unary_length_limit": limit} for limit in (12, 24)),
    *({"entropy_coder": coder} for coder in ("sample_adaptive", "block_adaptive")),
    *({"representative_resolution": 3, "damping": amount} for amount in (1, 3)),
]
REPRESENTATIVES = [(0, 0, 0), (1, 0, 1), (3, 0, 1), (3, 0, 3), (3, 0, 5), (3, 1, 3), (3, 3, 3)]
"""Θ, φ and ψ."""


def size(samples: np.ndarray, codec: Ccsds123) -> float:
    """bpppc."""
    dtype, bits = integer_type(int(samples.min()), int(samples.max()))
    data = codec.encode(samples.astype(dtype), Spec(samples.shape, dtype.name, bits))["bitstream"]
    return 8 * len(data) / samples.size


def means(scenes: dict[str, list[np.ndarray]], fields: dict) -> str:
    """Of each sensor, as cells of a row."""
    codec = Ccsds123.configured(fields)
    return " | ".join(f"{np.mean([size(each, codec) for each in some]):.3f}" for some in scenes.values())


def rows(folder: Path) -> Iterator[str]:
    load = cubes(folder)
    scenes = {sensor: [load[name]() for name in names] for sensor, names in SENSORS.items()}
    head = " | ".join(f"{sensor} ({len(names)})" for sensor, names in SENSORS.items())
    yield f"| lossless, bpppc | {head} |\n|---|---|---|---|"
    for fields in LOSSLESS:
        changed = "usual" if fields is USUAL else ", ".join(f"{k} {v}" for k, v in fields.items()) or "default"
        yield f"| {changed} | {means(scenes, fields)} |"
    for limit in (1, 2, 4, 8, 16, 32):
        yield f"\n| ±{limit}, bpppc: Θ, φ, ψ | {head} |\n|---|---|---|---|"
        for resolution, damping, offset in REPRESENTATIVES:
            fields = {"representative_resolution": resolution, "damping": damping, "offset": offset}
            yield f"| {resolution}, {damping}, {offset} | {means(scenes, {'absolute_error_limit': limit} | fields)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    for row in rows(parser.parse_args().folder):
        print(row, flush=True)


if __name__ == "__main__":
    main()
