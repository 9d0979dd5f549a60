"""The default `siren` and `gnn` beside `pca_jpeg2000`, at the same rates of the whole codestream."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import hypress
from hypress.codec import find
from hypress.metrics import bpppc, psnr

SCENES = ("jasper_ridge", "samson")
RATES = (0.1, 0.4)


def rates(scenes: Mapping[str, Callable[[], Any]]) -> Iterator[str]:
    """PSNR, peak the scene's maximum, and rate."""
    siren, gnn = find("siren"), find("gnn")
    contenders = {
        "pca_jpeg2000": "pca_jpeg2000",
        "siren": siren(seconds=1e6),
        "siren without network": siren(layers=0),
        "gnn": gnn(seconds=1e6),
    }
    yield f"| scene | {' | '.join(contenders)} |"
    yield "|---" * (1 + len(contenders)) + "|"
    for name in SCENES:
        for rate in RATES:
            samples, goal = scenes[name](), hypress.Rate(bpppc=rate)
            cells = [measured(samples, hypress.encode(samples, codec, goal)) for codec in contenders.values()]
            yield f"| {name} | {' | '.join(cells)} |"


def measured(samples: Any, data: bytes) -> str:
    """PSNR, peak the scene's maximum, and rate of the whole codestream."""
    return f"{psnr(samples, hypress.decode(data)):.2f} dB at {bpppc(len(data), samples.shape):.4f}"


TABLES = {"rates": rates}
