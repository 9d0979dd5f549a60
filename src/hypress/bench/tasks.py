"""Does the science survive? What analysts do with a scene, done with the original and with the decoded one.

Classification: a linear discriminant classifier (one shrunk covariance for all classes), trained on half of the
original, in a chequerboard of 8 × 8 pixels, and applied to the other half of both. Classes are the scene's labels, or
eight clusters of its principal components where it has none.
Unmixing: endmembers by successive projection from the original (Araújo et al. 2001), abundances that are not negative
and sum to one (fully constrained least squares), of both scenes with the same endmembers.
Indices: normalised differences of two bands.
Anomalies: global RX (Reed and Yu 1990), each scene with its own statistics; ROC against the targets that are known, or
against the strongest hundredth of the original's own scores.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hypress.once import once

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hypress.bench.scenes import Scene

BLOCK = 8
CLUSTERS, COMPONENTS, ROUNDS = 8, 10, 30
ENDMEMBERS = 5
UNMIXED = 4096
"""Pixels that are unmixed, evenly spread."""
STRONGEST = 0.01
INDICES = {"NDVI": (842.0, 665.0), "NDWI": (560.0, 842.0), "NDMI": (860.0, 1650.0)}
"""Pairs of wavelengths in nm: (a − b) / (a + b)."""
NEAR_NM = 30.0
"""How far a band may be from the wavelength that an index asks for."""


@dataclass(frozen=True, eq=False)
class Tasks:
    """The tasks, prepared on the original."""

    scene: Scene

    def compare(self, decoded: NDArray[Any]) -> dict[str, Any]:
        """How the decoded samples `(band, y, x)` fare, as JSON values."""
        spectra = spectra_of(decoded)
        return {
            "classification": self._classification(spectra),
            "unmixing": self._unmixing(spectra),
            "indices": self._indices(decoded),
            "anomalies": self._anomalies(spectra),
        }

    @once
    def _spectra(self) -> NDArray[np.float64]:
        return spectra_of(self.scene.samples)

    # --- classification ---

    @once
    def _classes(self) -> NDArray[np.int64]:
        """The class of each pixel, 0 where unknown."""
        if self.scene.labels is not None:
            return self.scene.labels.reshape(-1).astype(np.int64)
        return clusters(self._spectra) + 1

    @once
    def _held_out(self) -> NDArray[np.bool_]:
        rows, columns = self.scene.samples.shape[1:]
        y, x = np.mgrid[:rows, :columns] // BLOCK
        return ((y + x) % 2 == 1).reshape(-1)

    @once
    def _classifier(self) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        train = ~self._held_out & (self._classes > 0)
        return discriminant(self._spectra[train], self._classes[train])

    def _classification(self, spectra: NDArray[np.float64]) -> dict[str, Any] | None:
        test = self._held_out & (self._classes > 0)
        if not test.any() or not (~self._held_out & (self._classes > 0)).any():
            return None  # a scene of one block
        before, after = (classify(self._classifier, s[test]) for s in (self._spectra, spectra))
        told: dict[str, Any] = {
            "classes": "clusters" if self.scene.labels is None else "labels",
            "pixels": int(test.sum()),
            "agreement": float((before == after).mean()),
        }
        if self.scene.labels is not None:
            truth = self._classes[test]
            told |= {"accuracy_original": float((before == truth).mean()), "accuracy": float((after == truth).mean())}
        return told

    # --- unmixing ---

    @once
    def _unmixed(self) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Which pixels, the endmembers, and the original's abundances."""
        spectra = self._spectra
        pixels = np.unique(np.linspace(0, len(spectra) - 1, UNMIXED).astype(np.int64))
        members = spectra[extremes(spectra, ENDMEMBERS)]
        return pixels, members, abundances(spectra[pixels], members)

    def _unmixing(self, spectra: NDArray[np.float64]) -> dict[str, Any]:
        pixels, members, before = self._unmixed
        error = abundances(spectra[pixels], members) - before
        return {"endmembers": len(members), "abundance_rmse": float(np.sqrt(np.mean(error**2)))}

    # --- indices ---

    @once
    def _pairs(self) -> dict[str, tuple[int, int]]:
        """Bands of each index; where no wavelength is known, at quarters of the spectrum."""
        bands, nm = len(self.scene.samples), self.scene.wavelength_nm
        if nm is not None:
            nearest = {name: [int(np.abs(nm - w).argmin()) for w in pair] for name, pair in INDICES.items()}
            found = {
                name: (a, b)
                for name, (a, b) in nearest.items()
                if max(abs(nm[a] - INDICES[name][0]), abs(nm[b] - INDICES[name][1])) <= NEAR_NM
            }
            if found:
                return found
        quarters = [bands // 4, bands // 2, 3 * bands // 4]
        return {f"bands {a} and {b}": (a, b) for a, b in itertools.pairwise(quarters)}

    def _indices(self, decoded: NDArray[Any]) -> dict[str, dict[str, float]]:
        told = {}
        for name, (a, b) in self._pairs.items():
            before, sure = normalised_difference(self.scene.samples, a, b)
            error = np.abs(normalised_difference(decoded, a, b)[0] - before)[sure]
            if error.size:
                told[name] = {"mean_error": float(error.mean()), "error_99": float(np.quantile(error, 0.99))}
        return told

    # --- anomalies ---

    @once
    def _scores(self) -> NDArray[np.float64]:
        return rx(self._spectra)

    @once
    def _targets(self) -> NDArray[np.bool_]:
        if self.scene.anomalies is not None:
            return self.scene.anomalies.reshape(-1)
        return self._scores > np.quantile(self._scores, 1 - STRONGEST)

    @once
    def _auc_before(self) -> float | None:
        return auc(self._scores, self._targets)

    def _anomalies(self, spectra: NDArray[np.float64]) -> dict[str, Any] | None:
        after = auc(rx(spectra), self._targets)
        if after is None:
            return None
        truth = "the original's strongest 1 %" if self.scene.anomalies is None else "known targets"
        return {"truth": truth, "auc_original": self._auc_before, "auc": after}


# --- the methods ----------------------------------------------------------------------------------


def spectra_of(samples: NDArray[Any]) -> NDArray[np.float64]:
    """Samples `(band, y, x)` as spectra `(pixel, band)`."""
    return np.ascontiguousarray(samples.reshape(len(samples), -1).T, dtype=np.float64)


def clusters(spectra: NDArray[np.float64]) -> NDArray[np.int64]:
    """Cluster of each pixel, 0…7: k-means on principal components, begun at points far from each other."""
    from scipy.cluster.vq import vq

    centred = spectra - spectra.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    reduced = centred @ axes[:, ::-1][:, :COMPONENTS]
    centres = reduced[extremes(reduced, min(CLUSTERS, len(reduced)))]
    for _ in range(ROUNDS):
        nearest, _ = vq(reduced, centres)
        moved = np.array(
            [reduced[nearest == k].mean(axis=0) if (nearest == k).any() else c for k, c in enumerate(centres)]
        )
        if np.array_equal(moved, centres):
            break
        centres = moved
    return vq(reduced, centres)[0].astype(np.int64)


def discriminant(
    spectra: NDArray[np.float64], classes: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """A linear discriminant: class names, weights `(class, band)` and offsets `(class,)`."""
    names = np.unique(classes)
    means = np.array([spectra[classes == name].mean(axis=0) for name in names])
    centred = spectra - means[np.searchsorted(names, classes)]
    weights = np.linalg.solve(_shrunk(centred.T @ centred / len(centred)), means.T).T
    return names, weights, -0.5 * np.einsum("cb,cb->c", weights, means)


def classify(
    classifier: tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]], spectra: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The class of each spectrum."""
    names, weights, offsets = classifier
    return names[(spectra @ weights.T + offsets).argmax(axis=1)]


def extremes(spectra: NDArray[np.float64], count: int) -> list[int]:
    """Pixels by successive projection: each the one farthest from the span of those before."""
    left, found = spectra.copy(), []
    for _ in range(count):
        power = np.einsum("pb,pb->p", left, left)
        chosen = int(power.argmax())
        found.append(chosen)
        if power[chosen] == 0:
            continue
        direction = left[chosen] / np.sqrt(power[chosen])
        left -= np.outer(left @ direction, direction)
    return found


def abundances(spectra: NDArray[np.float64], members: NDArray[np.float64]) -> NDArray[np.float64]:
    """Abundances `(pixel, member)`, not negative, summing to one, of least squared error.

    The members are few: every set of them is tried, under the one constraint that they sum to one, and of the solutions
    without a negative abundance the best is taken. That is exact.
    """
    count = len(members)
    gram, projected = members @ members.T, spectra @ members.T
    best = np.full(len(spectra), np.inf)
    result = np.zeros((len(spectra), count))
    for size in range(1, count + 1):
        for chosen in itertools.combinations(range(count), size):
            part = np.ix_(chosen, chosen)
            inverse = np.linalg.pinv(gram[part], hermitian=True)
            free = projected[:, chosen] @ inverse
            ones = inverse.sum(axis=1)
            shares = free + np.outer((1 - free.sum(axis=1)) / (ones.sum() or 1.0), ones)
            cost = np.einsum("ps,st,pt->p", shares, gram[part], shares) - 2 * np.einsum(
                "ps,ps->p", shares, projected[:, chosen]
            )
            better = (shares >= -1e-9).all(axis=1) & (cost < best)
            best[better] = cost[better]
            result[better] = 0
            result[np.ix_(better, chosen)] = shares[better]
    return result


def normalised_difference(samples: NDArray[Any], a: int, b: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(a − b) / (a + b) of two bands, within −1…1, `(y, x)`; and where it is defined."""
    first, second = (np.maximum(samples[band].astype(np.float64), 0) for band in (a, b))
    total = first + second
    sure = total > 0
    return np.where(sure, (first - second) / np.where(sure, total, 1), 0), sure


def rx(spectra: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared Mahalanobis distance of each pixel from the mean of all."""
    centred = spectra - spectra.mean(axis=0)
    inverse = np.linalg.inv(_shrunk(centred.T @ centred / len(centred)))
    return np.einsum("pb,pb->p", centred @ inverse, centred)


def auc(scores: NDArray[np.float64], targets: NDArray[np.bool_]) -> float | None:
    """Area under the ROC curve: how often a target scores above another pixel, ties counting half."""
    from scipy.stats import rankdata

    hits = int(targets.sum())
    if hits in (0, targets.size):
        return None
    ranks = rankdata(scores)[targets].sum()
    return float((ranks - hits * (hits + 1) / 2) / (hits * (targets.size - hits)))


def _shrunk(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """With a ten-thousandth of the mean variance on its diagonal, so that it can be inverted."""
    mean = float(np.trace(covariance)) / len(covariance)
    shrunk: NDArray[np.float64] = covariance + np.eye(len(covariance)) * max(1e-4 * mean, 1e-9)
    return shrunk
