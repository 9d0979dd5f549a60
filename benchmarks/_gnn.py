"""The tables of `docs/codecs/gnn.md`: those of the paper on public scenes, and what rounding brings.

PSNR has peak 2, of samples in [−1, 1], as Deng, Cen and Zhang have it.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from hypress.neural.gnn import key
from hypress.neural.gnn.coding import Rounded, write_first, write_network
from hypress.neural.gnn.fit import Settings, Weights, fit_free, fit_rounded
from hypress.neural.gnn.plan import Plan, most_blocks
from hypress.neural.gnn.rate import natural_steps, rounded_within, steps_of
from hypress.neural.gnn.scenes import Scenes

Loaders = Mapping[str, Callable[[], Any]]

STEPS, RATE = 300, 3e-3
"""Of each fit as published, where the paper has 15 000 and 5e-4."""
MAPS, CHANNELS = 64, 32
SETTINGS = Settings(STEPS, math.inf, RATE, published=True)
PRUNED = 2 / 3
LONGER = Settings(4000, math.inf, 5e-3, pruned=PRUNED)
"""The same network from principal axes, with a falling rate: the paper's quality in a quarter of its steps."""
SHARES = (4, 6, 8)
"""Into which of its float32 bytes a network is rounded."""
SHORTER = Settings(400, math.inf, 5e-3)
SCENES = ("samson", "jasper_ridge", "pavia_centre_crop")
"""Of table 4."""


def powers(scenes: Loaders) -> Iterator[str]:
    """Table 1."""
    yield "| p of the loss, 3 blocks, jasper_ridge | 1 | 1.5 | 2 | 3 |"
    yield "|---|---|---|---|---|"
    scene = published(scenes["jasper_ridge"](), 3)
    cells = [f"{mse(scene, fit(scene, power=p)):.2e}" for p in (1.0, 1.5, 2.0, 3.0)]
    yield f"| mean squared error | {' | '.join(cells)} |"


def forms(scenes: Loaders) -> Iterator[str]:
    """Table 2."""
    samples = scenes["jasper_ridge"]()
    yield "| blocks, jasper_ridge | PSNR | float32 | pruned | float32 | lost |"
    yield "|---|---|---|---|---|---|"
    for blocks in range(2, most_blocks(samples.shape) + 1):
        scene = published(samples, blocks)
        whole, less = fit(scene), fit(scene, pruned=PRUNED)
        before, after = db(scene, whole), db(scene, less)
        cells = f"{before:.2f} dB | {size(whole):,} | {after:.2f} dB | {size(less):,} | {before - after:.2f} dB"
        yield f"| {blocks} | {cells} |"


def several(scenes: Loaders) -> Iterator[str]:
    """Table 4."""
    yield "| 4 blocks | PSNR | float32 bytes | the scene's over these | rounded, a quarter of the bytes |"
    yield "|---|---|---|---|---|"
    for name in SCENES:
        samples = scenes[name]()
        scene = published(samples, 4)
        weights = fit_free(scene, SHORTER)[-1].best
        quarter = db(scene, values(within(scene, weights, 4)))
        cells = f"{size(weights):,} | {2 * samples.size / size(weights):.2f} | {quarter:.2f} dB"
        yield f"| {name} | {db(scene, weights):.2f} dB | {cells} |"


def rounded(scenes: Loaders) -> Iterator[str]:
    """The pruned network of four blocks as float32, and rounded and entropy coded into a share of its bytes."""
    scene = published(scenes["samson"](), 4)
    free = fit_free(scene, LONGER)[-1].best
    yield "| pruned, 4 blocks, samson | bytes | PSNR |"
    yield "|---|---|---|"
    yield f"| float32 | {size(free):,} | {db(scene, free):.2f} dB |"
    for share in SHARES:
        found = within(scene, free, share)
        yield f"| 1/{share} | {coded(scene, found):,} | {db(scene, values(found)):.2f} dB |"


def fitted_on(scenes: Loaders) -> Iterator[str]:
    """The same of a short fit, and after more steps that see rounded weights."""
    scene, settings = published(scenes["jasper_ridge"](), 4), dataclasses.replace(SETTINGS, pruned=PRUNED)
    free = fit_free(scene, settings)[-1].best
    again = fit_rounded(scene, settings.share(0.4), free, steps_of(within(scene, free, SHARES[0]))).best
    yield "| pruned, 4 blocks, jasper_ridge | bytes | PSNR | fitted on, as rounded |"
    yield "|---|---|---|---|"
    yield f"| float32 | {size(free):,} | {db(scene, free):.2f} dB | {db(scene, again):.2f} dB |"
    for share in SHARES:
        found = [within(scene, weights, share) for weights in (free, again)]
        cells = [f"{db(scene, values(f)):.2f} dB" for f in found]
        yield f"| 1/{share} | {coded(scene, found[1]):,} | {' | '.join(cells)} |"


def within(scene: Scenes, weights: Weights, share: int) -> Rounded:
    """The weights, rounded so that their streams take no more than a share of their bytes as float32."""
    natural = natural_steps(scene, weights)
    return rounded_within(weights, natural, lambda found: coded(scene, found), size(weights) // share)


def values(found: Rounded) -> Weights:
    """What a decoder reads."""
    return {name: tensor.values for name, tensor in found.items()}


def coded(scene: Scenes, found: Rounded) -> int:
    """Bytes of the streams."""
    return len(write_network(scene.plan, scene.low, scene.high, found)) + len(write_first(found))


def published(samples: Any, blocks: int) -> Scenes:
    return Scenes([samples], Plan(blocks, MAPS, CHANNELS, kernel=3), key.latent(key.PUBLIC))


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


TABLES = {"powers": powers, "blocks": forms, "scenes": several, "rounded": rounded, "fitted": fitted_on}
