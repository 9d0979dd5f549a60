"""How tiles go through each published autoencoder: as spectra, images or cubes. See `autoencoder.Autoencoder`."""

from __future__ import annotations

import numpy as np

from hypress.codec import Spec
from hypress.errors import ConfigurationError, WeightsError
from hypress.neural.autoencoder import Maps, padded
from hypress.neural.engine import network
from hypress.neural.nets.sizes import (
    CUBE_DEPTH,
    CUBE_LATENTS,
    CUBE_SIDE,
    HALVINGS,
    SSCNET_BANDS,
    SSCNET_LATENTS,
    SSCNET_STRIDE,
)
from hypress.neural.networks import Network
from hypress.neural.pretrained import Weights

TOGETHER = 1 << 19
"""Samples that a network of spectra sees at once."""


class Spectra:
    """1D-CAE: every pixel by itself. A map of latents is one place along the shortened spectrum."""

    def __init__(self, weights: Weights) -> None:
        self.net: Network = network(weights)
        self.multiple = 2 ** _size(weights, "halvings", HALVINGS)

    def maps(self, spec: Spec) -> tuple[int, int, int]:
        """A map for every `2 ** halvings` bands."""
        bands, rows, columns = spec.shape
        return -(-bands // self.multiple), rows, columns

    def encode(self, tile: Maps) -> Maps:
        """Zeros go before the first band where their number is no multiple, as published."""
        bands, rows, columns = tile.shape
        spectra = np.pad(tile, [(-bands % self.multiple, 0), (0, 0), (0, 0)]).reshape(-1, rows * columns)
        return self._pixels("analysis", spectra).reshape(-1, rows, columns)

    def decode(self, latents: Maps, spec: Spec) -> Maps:
        """Spectra of all pixels."""
        spectra = self._pixels("synthesis", latents.reshape(len(latents), -1))
        return spectra[len(spectra) - spec.shape[0] :].reshape(spec.shape)

    def _pixels(self, part: str, values: Maps) -> Maps:
        """`(value, pixel)` to `(value, pixel)`."""
        size = max(1, TOGETHER // len(values))
        starts = range(0, values.shape[1], size)
        parts = [self.net.run(part, values[:, i : i + size].T[:, None])[:, 0].T for i in starts]
        return np.concatenate(parts, axis=1)


class Images:
    """SSCNet: an image whose channels are the bands."""

    def __init__(self, weights: Weights) -> None:
        self.net: Network = network(weights)
        self.bands = _size(weights, "bands", SSCNET_BANDS)
        self.latents = _size(weights, "latents", SSCNET_LATENTS)

    def maps(self, spec: Spec) -> tuple[int, int, int]:
        """A map for each latent, an eighth as high and as wide."""
        self._check(spec.shape[0])
        _, rows, columns = spec.shape
        return self.latents, -(-rows // SSCNET_STRIDE), -(-columns // SSCNET_STRIDE)

    def encode(self, tile: Maps) -> Maps:
        """Raises ConfigurationError where the tile has another number of bands than the weights."""
        self._check(len(tile))
        return self.net.run("analysis", padded(tile, 1, SSCNET_STRIDE)[None])[0]

    def decode(self, latents: Maps, spec: Spec) -> Maps:
        """All bands."""
        _, rows, columns = spec.shape
        return self.net.run("synthesis", latents[None])[0, :, :rows, :columns]

    def _check(self, bands: int) -> None:
        if bands != self.bands:
            raise ConfigurationError(
                f"these weights are for {self.bands} bands, or all 224 of EnMAP where they are 202; the tile has "
                f"{bands}. Train others with `hypress train sscnet`, or take cae1d, cae3d or bandwise"
            )


class Cubes:
    """3D-CAE: a cube of one channel. A map of latents is a channel at one depth."""

    def __init__(self, weights: Weights) -> None:
        self.net: Network = network(weights)
        self.latents = _size(weights, "latents", CUBE_LATENTS)

    def maps(self, spec: Spec) -> tuple[int, int, int]:
        """A map for each latent and four bands, an eighth as high and as wide."""
        bands, rows, columns = spec.shape
        return self.latents * -(-bands // CUBE_DEPTH), -(-rows // CUBE_SIDE), -(-columns // CUBE_SIDE)

    def encode(self, tile: Maps) -> Maps:
        """Bands and sides are continued to multiples."""
        cube = padded(tile, CUBE_DEPTH, CUBE_SIDE)
        found = self.net.run("analysis", cube[None, None])[0]
        return found.reshape(-1, *found.shape[2:])

    def decode(self, latents: Maps, spec: Spec) -> Maps:
        """All bands."""
        bands, rows, columns = spec.shape
        cube = latents.reshape(1, self.latents, -1, *latents.shape[1:])
        return self.net.run("synthesis", cube)[0, 0, :bands, :rows, :columns]


def _size(weights: Weights, name: str, default: int) -> int:
    size = weights.card.architecture.get(name, default)
    if not isinstance(size, int) or not 0 < size <= 1 << 16:
        raise WeightsError(f"the weights {weights.path} are not what their card says: {name} is {size!r}")
    return size
