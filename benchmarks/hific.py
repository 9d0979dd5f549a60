"""HiFiC, HiFiC-SE and HiFiC-3D with the weights that ship: what docs/codecs/hific.md holds.

    python benchmarks/hific.py ../shared/data --output docs/codecs/hific      Figure 4 and Figure 3, on test scenes
    python benchmarks/hific.py ../shared/data --weights hific_se=mine.safetensors      other weights than ship
    python benchmarks/hific.py ../shared/data --placements training/any       Table 2, by training each of them shortly

`load.py` in that folder turns the public files into arrays. The scenes are test scenes, which no weights have seen.
Rates are bits per pixel of all bands together and count the whole codestream; the peak of PSNR is the scene's maximum.
Files are `figure4.svg` and `figure3.png`.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

import hypress
from hypress import png
from hypress.bench.report import standing_alone
from hypress.bench.report.chart import Axis, Series, chart
from hypress.bench.report.figures import Figure
from hypress.codec import Codec
from hypress.errors import GoalError
from hypress.metrics import Tally, ssim
from hypress.neural import pretrained
from public_scenes import TEST_SCENES, cubes

TARGETS = [0.2, 0.4, 0.6, 0.8, 1.0]
GENERATIVE = ["hific", "hific_se", "hific_3d"]
OTHERS = ["jpeg2000", "pca_jpeg2000"]
SHOWN, ENLARGED = "jasper_ridge", 3
"""The scene of Figure 3, and how many pixels make one of it along a side."""
BUDGET = {"steps": 100, "validate_every": 100, "checkpoint_every": 10_000, "warmup": 30}
"""Of a training of Table 2."""
PLACEMENTS = {
    "none": {},
    "SE: first layer of the encoder": {"squeeze": "first"},
    "SE: first layer, and after norms of the encoder": {"squeeze": "encoder"},
    "SE: after norms of both": {"squeeze": "norms"},
    "SE: after norms of both, not held sparse": {"squeeze": "norms"},
    "3-D: everywhere": {"cubes": "everywhere"},
    "3-D: first of the encoder, last of the generator": {"cubes": "ends"},
}
LOSSES = {"SE: after norms of both, not held sparse": {"sparsity": 0.0}}
"""Of a placement that is trained with other weights of losses."""

Point = tuple[float, float, float, float]
"""Bits per pixel, PSNR, spectral angle, SSIM."""


def generative(codec: str, target: float, weights: dict[str, str]) -> Codec:
    """One of the three at a target, with the weights that ship or others."""
    return hypress.find_codec(codec)(bits_per_pixel=target, weights=weights.get(codec, codec))


def coded(samples: np.ndarray, codec: str, target: float, weights: dict[str, str]) -> Point | None:
    """One scene at a target rate: by its own target where there is one, else by a goal; None where it cannot."""
    try:
        if codec in GENERATIVE:
            data = hypress.encode(samples, generative(codec, target, weights))
        else:
            data = hypress.encode(samples, codec, hypress.Rate(bpppc=target / len(samples)))
    except GoalError:
        return None
    return _measured(samples, data)


def _measured(samples: np.ndarray, data: bytes) -> Point:
    decoded = hypress.decode(data)
    tally = Tally.of(samples, decoded)
    return 8 * len(data) / samples[0].size, tally.psnr_db(float(samples.max())), tally.sam_deg, ssim(samples, decoded)


def figure4(scenes: dict, names: list[str], weights: dict[str, str], output: Path | None) -> Iterator[str]:
    """Every scene, then means over those that a codec could code at a target; JPEG 2000 where it begins, too."""
    yield "| scene | codec | " + " | ".join(f"{t:g} bpp" for t in TARGETS) + " | least rate of jpeg2000 |"
    yield "|---|---|" + "---|" * (len(TARGETS) + 1)
    found: dict[str, list[list[Point | None]]] = {}
    gains: dict[str, list[float]] = {}
    for name in names:
        samples = scenes[name]()
        least = _least(samples)
        for codec in [*GENERATIVE, *OTHERS]:
            reached = [codec != "jpeg2000" or t >= least[0] for t in TARGETS]
            points = [
                coded(samples, codec, t, weights) if can else None for t, can in zip(TARGETS, reached, strict=True)
            ]
            found.setdefault(codec, []).append(points)
            beyond = ""
            if codec in GENERATIVE:
                last = points[-1]
                gains.setdefault(codec, []).append(last[1] - least[1])
                beyond = f"{last[1] - least[1]:+.2f} dB over {least[1]:.2f} dB at {least[0]:.2f} bpp"
            yield f"| {name} | {codec} | " + " | ".join(map(_cell, points)) + f" | {beyond} |"
    yield ""
    yield "| mean | codec | " + " | ".join(f"{t:g} bpp" for t in TARGETS) + " |"
    yield "|---|---|" + "---|" * len(TARGETS)
    series = []
    for place, (codec, rows) in enumerate(found.items()):
        means = [_mean([row[i] for row in rows]) for i in range(len(TARGETS))]
        yield f"| | {codec} | " + " | ".join(map(_cell, means)) + " |"
        series.append(Series(codec, [(m[0], m[1]) for m in means if m], place))
    for codec, values in gains.items():
        yield f"\n{codec} over jpeg2000 at its least rate: {min(values):.2f} … {max(values):.2f} dB"
    if output:
        drawn = chart("Means over the test scenes", Axis("bits per pixel"), Axis("PSNR, dB"), series, labels=True)
        (output / "figure4.svg").write_text(standing_alone(Figure("figure4", "PSNR over rate", svg=drawn)))


def _least(samples: np.ndarray) -> Point:
    """The smallest file that jpeg2000 makes."""
    kind = hypress.find_codec("jpeg2000")
    data = hypress.encode(samples, kind().lossy().turned(**{kind.knob.field: kind.knob.low}))
    return _measured(samples, data)


def _mean(points: list[Point | None]) -> Point | None:
    """None unless every scene could be coded."""
    return None if None in points else tuple(np.mean(points, axis=0).tolist())


def _cell(point: Point | None) -> str:
    return "–" if point is None else f"{point[1]:.2f} dB, {point[2]:.1f}°, {point[3]:.3f} at {point[0]:.2f}"


def figure3(scenes: dict, weights: dict[str, str], output: Path) -> None:
    """Original, without 3-D convolutions, and with them, side by side at the middle target."""
    samples = scenes[SHOWN]()
    panels = [samples]
    for codec in ("hific", "hific_3d"):
        panels.append(hypress.decode(hypress.encode(samples, generative(codec, 0.6, weights))))
    chosen = [int(share * len(samples)) for share in (0.16, 0.1, 0.05)]
    low, high = (np.percentile(samples[chosen], p, axis=(1, 2))[:, None, None] for p in (1, 99))
    shown = [np.clip((p[chosen] - low) / (high - low), 0, 1) for p in panels]
    gap = np.ones((3, samples.shape[1], 2))
    row = np.concatenate([shown[0], gap, shown[1], gap, shown[2]], axis=2).transpose(1, 2, 0)
    large = np.rint(255 * row).astype(np.uint8).repeat(ENLARGED, 0).repeat(ENLARGED, 1)
    (output / "figure3.png").write_bytes(png.encode(large, about=f"{SHOWN}: original, hific, hific_3d", level=9))


def placements(folder: Path) -> Iterator[str]:
    """Each placement trained with the same recipe and budget; quality on the scene held out."""
    from hypress.jobs.train import train
    from hypress.train.recipe import recipe

    shipped = recipe("hific")
    yield "| placement | parameters | PSNR at the target of 1 bpp | bpp | steps/s |"
    yield "|---|---|---|---|---|"
    for name, change in PLACEMENTS.items():
        with tempfile.TemporaryDirectory() as there:
            out = Path(there) / "w.safetensors"
            changes = {
                **BUDGET,
                "architecture": {**shipped.architecture, **change},
                "generative": {**msgspec.structs.asdict(shipped.generative), **LOSSES.get(name, {})},
            }
            result = train("hific", [folder], out, changes=changes, device="cpu")
            tensors = pretrained.read(out).tensors
        count = sum(t.size for key, t in tensors.items() if key.startswith(("encoder.", "generator.")))
        found = result.measured
        speed = result.steps / result.seconds
        yield f"| {name} | {count} | {found['decibels at 1']:.2f} | {found['bpp at 1']:.2f} | {speed:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scenes", nargs="*", default=TEST_SCENES)
    parser.add_argument("--output", type=Path, help="Folder for the figures.")
    parser.add_argument("--weights", nargs="*", default=[], metavar="CODEC=FILE")
    parser.add_argument("--placements", type=Path, help="Folder of training scenes: train the placements instead.")
    given = parser.parse_args()
    if given.placements:
        for line in placements(given.placements):
            print(line, flush=True)
        return
    scenes, weights = cubes(given.folder), dict(pair.split("=", 1) for pair in given.weights)
    if given.output:
        given.output.mkdir(parents=True, exist_ok=True)
        figure3(scenes, weights, given.output)
    for line in figure4(scenes, given.scenes, weights, given.output):
        print(line, flush=True)


if __name__ == "__main__":
    main()
