"""Speed of CCSDS 123.0-B-2 on one thread, beside another implementation where there is one; and sizes of whole scenes.

Speed is that of Indian Pines, lossless. The peer is a checkout of joshuadarecullen/CCSDS-HSI-Compression, whose numba
kernels are the fastest open ones that we know: it is run in turn with ours in this process, and of each the best of
several runs counts. Ours is timed with its defaults, and with the parameters that both have in common.
"""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import hypress
from _turns import fastest
from hypress.codec import Spec
from hypress.codecs.ccsds123 import Ccsds123
from hypress.levels import integer_type
from public_scenes import cubes

COMMON = Ccsds123(
    prediction_bands=3, prediction_mode="full", local_sum="wide_neighbor", weight_resolution=13,
    weight_initialization="default", weight_update_initial=-1, weight_update_final=3, rescaling_counter_size=6,
    accumulator_initialization=3,
)  # fmt: skip
"""What the peer does unless told otherwise."""


def rows(folder: Path, peer: str | None = None) -> Iterator[str]:
    """Markdown rows of speed, lossless: bpppc, Msample/s of encoder and decoder, and how often the peer's best."""
    samples = cubes(folder)["indian_pines"]()
    work = {}
    for coder in ("sample_adaptive", "hybrid"):
        if peer:
            work[f"peer, {coder}"] = _peer_work(peer, samples, coder)
        work[f"ours, {coder}, common parameters"] = _our_work(samples, COMMON.turned(entropy_coder=coder))
        work[f"ours, {coder}"] = _our_work(samples, Ccsds123(entropy_coder=coder))
    measured = fastest({name: tasks for name, (_, *tasks) in work.items()})
    best = [min((times[i] for name, times in measured.items() if "peer" in name), default=np.nan) for i in range(2)]
    yield "| CCSDS 123.0-B-2, lossless | bpppc | encode, Msample/s | decode, Msample/s | × the best peer |"
    yield "|---|---|---|---|---|"
    for name, (coding, decoding) in measured.items():
        speeds = f"{samples.size / coding / 1e6:.1f} | {samples.size / decoding / 1e6:.1f}"
        ratios = f"{best[0] / coding:.2f}, {best[1] / decoding:.2f}" if peer else "no peer here"
        yield f"| {name} | {8 * work[name][0] / samples.size:.3f} | {speeds} | {ratios} |"


def _our_work(samples: np.ndarray, codec: Ccsds123) -> tuple[int, Callable, Callable]:
    """Bytes, and what encodes and decodes."""
    dtype, bits = integer_type(int(samples.min()), int(samples.max()))
    spec = Spec(samples.shape, dtype.name, bits)
    streams = codec.encode(samples, spec)
    assert (codec.decode(streams, spec) == samples).all()
    return len(streams["bitstream"]), lambda: codec.encode(samples, spec), lambda: codec.decode(streams, spec)


def _peer_work(peer: str, samples: np.ndarray, coder: str) -> tuple[int, Callable, Callable]:
    sys.path.insert(0, peer)
    implementation = importlib.import_module("src.ccsds").CCSDS123
    codec = implementation(*samples.shape, dynamic_range=14, num_prediction_bands=3, entropy_coder=coder)
    stream = codec.compress(samples)
    assert (codec.decompress(stream) == samples).all()
    return len(stream), lambda: codec.compress(samples), lambda: codec.decompress(stream)


def sizes(folder: Path, scenes: list[str]) -> Iterator[str]:
    """Markdown rows of whole scenes: bpppc by maximum error, the whole codestream counted."""
    limits = (0, 1, 2, 4, 8, 16)
    yield "| scene | lossless, bpppc |" + "".join(f" ±{dn} |" for dn in limits[1:])
    yield "|---|" + "---|" * len(limits)
    for name in scenes:
        samples, cells = cubes(folder)[name](), []
        for dn in limits:
            data = hypress.encode(samples, "ccsds123", hypress.MaxError(dn=dn) if dn else hypress.Lossless())
            assert np.abs(hypress.decode(data).astype(np.int64) - samples).max() <= dn
            cells.append(f"{hypress.metrics.bpppc(len(data), samples.shape):.3f}")
        yield f"| {name} | " + " | ".join(cells) + " |"
