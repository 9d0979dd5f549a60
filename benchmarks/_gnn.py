"""The tables of `docs/codecs/gnn.md`: those of the paper on public scenes, what rounding brings, the default form."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

import hypress
from hypress.codec import find
from hypress.metrics import bpppc, psnr
from hypress.neural import gnn_key
from hypress.neural.gnn_coding import write_first, write_network
from hypress.neural.gnn_fit import Settings, Weights, fit_free, fit_rounded
from hypress.neural.gnn_plan import Plan, most_blocks
from hypress.neural.gnn_rate import natural_steps, rounded_within, steps_of
from hypress.neural.gnn_scenes import Scenes

Loaders = Mapping[str, Callable[[], Any]]

STEPS, RATE = 300, 3e-3
"""Of each fit as published, where the paper has 15 000 and 5e-4."""
MAPS, CHANNELS = 64, 32
SETTINGS = Settings(STEPS, math.inf, RATE, published=True)
PRUNED = 2 / 3
FASTER = Settings(1500, math.inf, 5e-3, pruned=PRUNED)
"""The same network from principal axes, with a falling rate: nearer to the paper's quality in the time there is."""
AT_RATES = [("jasper_ridge", 0.1), ("abu_airport-1", 0.1)]


def rows(scenes: Loaders) -> Iterator[str]:
    """Tables 1, 2 and 4 of Deng, Cen and Zhang; PSNR with peak 2 of samples in [−1, 1], as they have it."""
    yield from powers(scenes["jasper_ridge"]())
    yield from forms(scenes["jasper_ridge"]())
    yield from several(scenes)
    yield from rounded("jasper_ridge", scenes["jasper_ridge"](), dataclasses.replace(SETTINGS, pruned=PRUNED))
    yield from rounded("samson", scenes["samson"](), FASTER)
    yield from at_rates(scenes)


def powers(samples: Any) -> Iterator[str]:
    """Table 1."""
    yield "| p of the loss, 3 blocks, jasper_ridge | 1 | 1.5 | 2 | 3 |"
    yield "|---|---|---|---|---|"
    scene = published(samples, 3)
    cells = [f"{mse(scene, fit(scene, power=p)):.2e}" for p in (1.0, 1.5, 2.0, 3.0)]
    yield f"| mean squared error | {' | '.join(cells)} |"
    yield ""


def forms(samples: Any) -> Iterator[str]:
    """Table 2."""
    yield "| blocks, jasper_ridge | PSNR | float32 | pruned | float32 | lost |"
    yield "|---|---|---|---|---|---|"
    for blocks in range(2, most_blocks(samples.shape) + 1):
        scene = published(samples, blocks)
        whole, less = fit(scene), fit(scene, pruned=PRUNED)
        before, after = db(scene, whole), db(scene, less)
        cells = f"{before:.2f} dB | {size(whole):,} | {after:.2f} dB | {size(less):,} | {before - after:.2f} dB"
        yield f"| {blocks} | {cells} |"
    yield ""


def several(scenes: Loaders) -> Iterator[str]:
    """Table 4."""
    yield "| scene | 3 blocks | 4 blocks |"
    yield "|---|---|---|"
    for name in ("samson", "pavia_centre_crop", "abu_airport-1"):
        samples, cells = scenes[name](), []
        for blocks in (3, 4):
            scene = published(samples, blocks)
            weights = fit(scene)
            cells.append(f"{db(scene, weights):.2f} dB, {samples.nbytes / size(weights):.2f} times smaller")
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""


def rounded(name: str, samples: Any, settings: Settings) -> Iterator[str]:
    """The pruned network of four blocks, rounded and entropy coded into a share of its float32 bytes."""
    scene = published(samples, 4)
    free = fit_free(scene, settings)[-1].best
    natural, whole = natural_steps(scene, free), size(free)
    yield f"| pruned, 4 blocks, {name} | bytes | PSNR | fitted as rounded |"
    yield "|---|---|---|---|"
    yield f"| float32 | {whole:,} | {db(scene, free):.2f} dB | |"

    def coded(found: Any) -> int:
        return len(write_network(scene.plan, scene.low, scene.high, found)) + len(write_first(found))

    for share in (4, 6, 8):
        at_once = rounded_within(free, natural, coded, whole // share)
        again = fit_rounded(scene, settings.share(0.4), free, steps_of(at_once)).best
        both = at_once, rounded_within(again, natural, coded, whole // share)
        cells = [f"{db(scene, {name: q.values for name, q in found.items()}):.2f} dB" for found in both]
        yield f"| a {share}th | {coded(both[1]):,} | {' | '.join(cells)} |"
    yield ""


def at_rates(scenes: Loaders) -> Iterator[str]:
    """The default form beside `pca_jpeg2000`; PSNR has the scene's maximum as peak, rates count all."""
    yield "| scene | gnn | pca_jpeg2000 |"
    yield "|---|---|---|"
    for name, rate in AT_RATES:
        samples, cells = scenes[name](), []
        for codec in (find("gnn")(seconds=1e6), "pca_jpeg2000"):
            data = hypress.encode(samples, codec, hypress.Rate(bpppc=rate))
            quality = psnr(samples, hypress.decode(data))
            cells.append(f"{quality:.2f} dB at {bpppc(len(data), samples.shape):.4f}")
        yield f"| {name} | {' | '.join(cells)} |"


def published(samples: Any, blocks: int) -> Scenes:
    return Scenes([samples], Plan(blocks, MAPS, CHANNELS, kernel=3), gnn_key.latent(gnn_key.PUBLIC))


def fit(scene: Scenes, **settings: float) -> Weights:
    return fit_free(scene, dataclasses.replace(SETTINGS, **settings))[-1].best


def mse(scene: Scenes, weights: Weights) -> float:
    return scene.mse({name: torch.from_numpy(t) for name, t in weights.items()})


def db(scene: Scenes, weights: Weights) -> float:
    """PSNR, peak 2, of samples in [−1, 1]."""
    return 10 * math.log10(4 / mse(scene, weights))


def size(weights: Weights) -> int:
    """Bytes of a network as float32, without the neurons that were removed."""
    kept = int((weights["first"] != 0).any(1).sum())
    first = weights["first"].shape[1] + 1
    return 4 * (kept * first + sum(t.size for name, t in weights.items() if not name.startswith("first")))
