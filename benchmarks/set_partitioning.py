"""How fast are spiht3d and speck3d?  python benchmarks/set_partitioning.py SCENE [--rate 1]

The codec alone on one core, transforms included, in million samples a second: the best of several runs, after one that
compiles and cuts the sets of this shape. Beside it `jpeg2000` in the same run, since times mean little by themselves.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

import hypress
from hypress.codec import Spec, find


def best_of(run: Callable[[], object], times: int = 5) -> float:
    """Least seconds of several runs."""
    found = []
    for _ in range(times):
        started = time.perf_counter()
        run()
        found.append(time.perf_counter() - started)
    return min(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene")
    parser.add_argument("--rate", type=float, default=1.0, help="bits per sample")
    arguments = parser.parse_args()
    samples = np.ascontiguousarray(hypress.open_scene(arguments.scene).to_numpy())
    bits = int(np.abs(samples.astype(np.int64)).max()).bit_length() + (samples.dtype.kind == "i")
    spec = Spec(samples.shape, samples.dtype.name, bits)
    print("| codec | encoding, Msample/s | decoding |")
    print("|---|---|---|")
    for name, fields in (
        ("spiht3d", {}),
        ("spiht3d", {"arithmetic": False}),
        ("speck3d", {}),
        ("speck3d", {"arithmetic": False}),
        ("jpeg2000", {}),
    ):
        codec = find(name)(rate_bpppc=arguments.rate, **fields)
        streams = codec.encode(samples, spec)
        codec.decode(streams, spec)
        seconds = best_of(lambda codec=codec: codec.encode(samples, spec))
        back = best_of(lambda codec=codec, streams=streams: codec.decode(streams, spec))
        label = name + "".join(f", {k}={v}" for k, v in fields.items())
        print(f"| {label} | {samples.size / seconds / 1e6:.1f} | {samples.size / back / 1e6:.1f} |", flush=True)


if __name__ == "__main__":
    main()
