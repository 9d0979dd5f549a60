"""The memory that codec `gnn` takes for one large codestream.  python benchmarks/gnn_memory.py

The scene is synthetic, 2048 × 2048 pixels of 100 bands, 0.78 GiB; few steps suffice, since every step takes the same.
"""

import resource

import numpy as np

import hypress
from hypress.codec import find

EDGE, BANDS = 2048, 100


def scene() -> np.ndarray:
    """Four smooth or sharp planes mixed in every band, and noise: made band by band."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:EDGE, :EDGE].astype(np.float32) / EDGE
    planes = np.stack([np.sin(9 * x * y), np.cos(7 * y), (x + y) % 0.2 < 0.1, np.sin(40 * x)])
    samples = np.empty((BANDS, EDGE, EDGE), np.uint16)
    for band in range(BANDS):
        mixed = 300 * np.einsum("k,kyx->yx", np.sin(band / 17 + np.arange(4)), planes)
        samples[band] = np.rint(3000 + mixed + random.normal(0, 5, (EDGE, EDGE)))
    return samples


def peak() -> str:
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB at most so far"


def main() -> None:
    samples = scene()
    print(f"scene made: {peak()}", flush=True)
    data = hypress.encode(samples, find("gnn")(rate_bpppc=0.05, channels=8, steps=12, seconds=1e6))
    print(f"encoded to {len(data)} bytes: {peak()}", flush=True)
    hypress.decode(data)
    print(f"decoded: {peak()}")


if __name__ == "__main__":
    main()
