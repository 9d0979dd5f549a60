"""Work in two threads, one half beside the other; and so what the encoder does to all samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hypress.transforms.allocation import Spectrum
from hypress.transforms.pca import moments, principal_axes, row_blocks

LARGE = 1 << 17
"""Numbers from which on a second thread is worth its start."""
T = TypeVar("T")
R = TypeVar("R")


def side_by_side(work: Callable[[T], R], parts: Sequence[T]) -> list[R]:
    """`work` of each part, two at a time, in threads of their own."""
    if len(parts) == 1:
        return [work(parts[0])]
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(work, parts))


def halves(length: int, size: int) -> list[slice]:
    """All of `length` places of an array of `size` numbers, in two halves if they are large."""
    middle = length // 2 if size >= LARGE else 0
    return [part for part in (slice(0, middle), slice(middle, length)) if part.stop > part.start]


def spectrum_of(samples: NDArray[Any]) -> Spectrum:
    """The KLT of samples `(band, y, x)`."""
    parts = halves(samples.shape[1], samples.size)
    found = side_by_side(lambda rows: moments(samples[:, rows]), parts)
    shares = [(part.stop - part.start) / samples.shape[1] for part in parts]
    means = sum(share * mean for share, (mean, _) in zip(shares, found, strict=True))
    within = sum(
        share * (covariance + np.outer(mean - means, mean - means))
        for share, (mean, covariance) in zip(shares, found, strict=True)
    )
    return Spectrum(np.asarray(means), *principal_axes(np.asarray(within)))


def project(samples: NDArray[Any], means: NDArray[np.float64], analysis: NDArray[np.float64]) -> NDArray[np.float32]:
    """Components `(component, y, x)`: the rows of `analysis (component, band)` times samples minus means.

    As `transforms.pca.project`, but summed as float32, which is as fine as the components are kept.
    """
    components = np.empty((len(analysis), *samples.shape[1:]), np.float32)
    matrix, middle = analysis.astype(np.float32), means.astype(np.float32)[:, None, None]

    def fill(block: slice) -> None:
        centred = np.subtract(samples[:, block], middle, dtype=np.float32)
        components[:, block] = np.tensordot(matrix, centred, 1)

    side_by_side(fill, [*row_blocks(samples.shape)])
    return components
