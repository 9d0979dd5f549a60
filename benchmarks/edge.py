"""Smaller networks, measured: pruned, tuned, exported, in eight bits; SSCNet as on the FasterAI poster, and others.

    python benchmarks/training_scenes.py ../shared/data training/
    python benchmarks/edge.py ../shared/data training/ work/

What is in `work/` already is not made again. SSCNet with 1024 latents (13,783,242 parameters) is trained by its recipe,
on eight tiles of EnMAP; two are held out. Since tuning is training too, it is also tuned without being pruned. The test
tiles are those of EnMAP Potsdam B, which are only reported on. Times are those of networks on one thread, in turns, the
best of several; memory is measured in processes of their own.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hypress.jobs.export import export
from hypress.jobs.profile import profile
from hypress.jobs.prune import Pruning, prune
from hypress.jobs.train import train
from hypress.neural import engine, pretrained
from hypress.prune.quality import shown, through
from hypress.train.scenes import TrainingScene, read_folder
from trained import enmap

HELD_OUT = ["enmap_potsdam_tile_128_32", "enmap_potsdam_tile_192_160"]
RATIOS = {"-42.6 %": 0.426, "-75 %": 0.75}
CHANGES = {"sscnet": {}, "cae1d": {}, "bandwise": {"learning_rate": 1e-4}}
CRITERION = {"sscnet": "l1", "cae1d": "l1", "bandwise": "taylor"}
"""Magnitude, as on the poster; bandwise begins as a cosine transform, of which small weights matter too."""
TRAINED = {"architecture": {"bands": 202, "latents": 1024}, "steps": 4000, "batch": 4}
"""What of the recipe is changed: its 404 latents, and how long."""
STEPS = {"sscnet": (400, 400), "cae1d": (600, 1200), "bandwise": (300, 600)}
"""Of tuning, for each ratio."""
TILE = {"sscnet": (32, 32), "cae1d": (32, 32), "bandwise": (64, 64)}


def base_of(codec: str, training: Path, work: Path) -> Path:
    """The network that is pruned: SSCNet is trained here, the others ship."""
    if codec != "sscnet":
        return pretrained.named(codec).path
    path = work / "base.safetensors"
    if not path.exists():
        train("sscnet", [training / "enmap"], path, changes=TRAINED, device="cpu")
    return path


def models(codec: str, training: Path, work: Path) -> dict[str, Path]:
    """The files of weights of one codec: as it was, smaller ones, and graphs of them."""
    base = base_of(codec, training, work)
    data = training / ("enmap" if codec == "sscnet" else "any")
    found = {"float32, torch": base}
    for (name, ratio), steps in zip(RATIOS.items(), STEPS[codec], strict=True):
        path = found[f"{name}, torch"] = work / f"{codec}{name.split()[0]}.safetensors"
        if not path.exists():
            how = Pruning(ratio, criterion=CRITERION[codec], fine_tune=str(steps), distil=True)
            prune(str(base), path, [data], how, changes=CHANGES[codec])
    if codec == "sscnet":
        path = found["tuned as long, torch"] = work / "sscnet-0.safetensors"
        if not path.exists():
            prune(str(base), path, [data], Pruning(0, fine_tune=str(STEPS[codec][0])))
    for name, path in list(found.items())[:2]:
        for kind, eight in (("onnx", False), ("onnx int8", True)):
            folder = work / f"{path.stem}-{kind.replace(' ', '-')}"
            graphs = found[name.replace("torch", kind)] = folder / path.name
            if not graphs.exists():
                seen = [next(data.glob("*_64_0.npy" if codec == "sscnet" else "abu_beach*.npy"))]
                export(str(path), folder, int8=eight, data=seen)
    return found


def table(codec: str, found: dict[str, Path], scenes: dict[str, list[np.ndarray]]) -> Iterator[str]:
    """One row a model; ratios are to the first."""
    rows = profile(list(found.values()), tile=TILE[codec], repeats=15)
    first = rows[0]
    quality = " | ".join(f"{name}: PSNR | SSIM | SAM | bpppc" for name in scenes)
    yield f"| {codec} | parameters | file, MB | MACs/sample | latency, ms | ratio | memory, MB | ratio | {quality} |"
    yield "|---" * (8 + 4 * len(scenes)) + "|"
    for (name, path), row in zip(found.items(), rows, strict=True):
        latency, before = row.encode_ms + row.decode_ms, first.encode_ms + first.decode_ms
        cells = [name, f"{row.parameters:,}", f"{row.bytes / 1e6:.2f}", f"{row.macs_per_sample:,.0f}"]
        cells += [f"{latency:.1f}", f"{latency / before:.2f}"]
        cells += [f"{row.peak_bytes / 1e6:.0f}", f"{row.peak_bytes / first.peak_bytes:.2f}"]
        with engine.use(row.engine):
            for samples in scenes.values():
                rate, psnr, ssim, sam = through(codec, path, samples)
                cells += [f"{psnr:.2f}", f"{ssim:.4f}", f"{sam:.2f}", f"{rate:.3f}"]
        yield "| " + " | ".join(cells) + " |"


def scenes_of(codec: str, data: Path, training: Path) -> dict[str, list[np.ndarray]]:
    """Scenes held out in tuning, and test scenes."""
    folder = training / ("enmap" if codec == "sscnet" else "any")
    held = HELD_OUT if codec == "sscnet" else ["abu_urban-3"]
    bands = 202 if codec == "sscnet" else None
    seen = shown([scene for name in held for scene in read_folder(folder / f"{name}.npy")], bands)
    test = enmap(data)
    tiles = [test[:, y : y + 32, x : x + 32] for y in range(0, 64, 32) for x in range(0, 128, 32)]
    return {"held out": seen, "EnMAP B": shown([TrainingScene.of("B", tile) for tile in tiles], bands)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("training", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--codecs", nargs="*", default=list(STEPS))
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    for codec in given.codecs:
        found = models(codec, given.training, given.work)
        for row in table(codec, found, scenes_of(codec, given.data, given.training)):
            print(row, flush=True)
        print()


if __name__ == "__main__":
    main()
