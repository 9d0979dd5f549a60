"""Why is the published figure of PCA-DCT so low?  python benchmarks/pca_dct_published.py SCENE [--rate 0.1]

Rezasoltani and Qureshi (2023) give PCA-DCT 26.8 dB at 0.1 bits per sample on Jasper Ridge and do not say how bits were
counted. This takes from our codec, one after the other, what such an accounting leaves out, and prints the PSNR (peak:
the scene's maximum) of each at the same rate. Only the first row is a file; the others are bits as counted.
"""

from __future__ import annotations

import argparse

import numpy as np

import hypress
from hypress.codecs._step import finest_within, quantise
from hypress.codecs.pca_dct import WORTH
from hypress.entropy.blocks import encode_blocks
from hypress.metrics import Tally
from hypress.transforms import dct
from hypress.transforms.allocation import Spectrum

COUNTS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene")
    parser.add_argument("--rate", type=float, default=0.1, help="bits per sample")
    arguments = parser.parse_args()
    samples = hypress.open_scene(arguments.scene).to_numpy()
    budget = int(arguments.rate * samples.size / 8)
    spectrum = Spectrum.of(samples)

    def row(name: str, decoded: np.ndarray) -> None:
        print(f"{Tally.of(samples, decoded).psnr_db():6.2f} dB  {name}")

    row(
        "pca_dct, the whole file",
        hypress.decode(hypress.encode(samples, "pca_dct", hypress.Rate(bpppc=arguments.rate))),
    )
    for bits in (16, 32):
        best = max(
            (coded(samples, spectrum, k, budget - (k + 1) * len(samples) * bits // 8, 8) for k in COUNTS),
            key=lambda decoded: Tally.of(samples, decoded).psnr_db(),
        )
        row(f"basis and mean in {bits} bits each, best number of components", best)
    for size in (8, max(samples.shape[1:])):
        kept = {
            k: truncated(samples, spectrum, k, (8 * budget - 32 * (k + 1) * len(samples)) // 32, size) for k in COUNTS
        }
        scores = {k: Tally.of(samples, decoded).psnr_db() for k, decoded in kept.items()}
        best_count = max(scores, key=lambda k: scores[k])
        where = "8 × 8 blocks" if size == 8 else "the whole image"
        name = f"coefficients kept as 32-bit floats, the lowest of {where}, no coder"
        row(f"{name}, best number of components ({best_count})", kept[best_count])
        for k in (3, 10, 20):
            row(f"  with {k}", kept[k])


def coded(samples: np.ndarray, spectrum: Spectrum, count: int, budget: int, size: int) -> np.ndarray:
    """Components in our coder, the basis being paid for elsewhere."""
    coefficients = dct.forward(projected(samples, spectrum, count), size)

    def code(step: float) -> tuple[int, np.ndarray]:
        levels = quantise(coefficients, step, **WORTH)
        return len(encode_blocks(levels)), levels * step

    return back(samples, spectrum, count, finest_within(max(budget, 0), 64.0, code))


def truncated(samples: np.ndarray, spectrum: Spectrum, count: int, kept: int, size: int) -> np.ndarray:
    """Components of which the lowest `kept` coefficients, counted over all blocks, are stored as they are."""
    coefficients = dct.forward(projected(samples, spectrum, count), size)
    blocks = coefficients[..., 0, 0].size
    lowest = dct.zigzag(size)[: max(kept, 0) // blocks]
    mask = np.zeros(size * size, bool)
    mask[lowest] = True
    return back(samples, spectrum, count, coefficients * mask.reshape(size, size))


def projected(samples: np.ndarray, spectrum: Spectrum, count: int) -> np.ndarray:
    centred = samples - spectrum.means[:, None, None]
    return np.tensordot(spectrum.axes[:, :count].T, centred, 1)


def back(samples: np.ndarray, spectrum: Spectrum, count: int, coefficients: np.ndarray) -> np.ndarray:
    components = dct.inverse(coefficients, samples.shape[1:])
    spectra = np.tensordot(spectrum.axes[:, :count], components, 1) + spectrum.means[:, None, None]
    limits = np.iinfo(samples.dtype)
    return np.clip(np.rint(spectra), limits.min, limits.max).astype(samples.dtype)


if __name__ == "__main__":
    main()
