"""How tiles go through each published autoencoder: as spectra, images or cubes. See `autoencoder.Autoencoder`."""

from __future__ import annotations

import numpy as np

from hypress.codec import Spec
from hypress.errors import ConfigurationError
from hypress.neural.autoencoder import Maps, apply, padded
from hypress.neural.nets import cae3d
from hypress.neural.nets.cae1d import Cae1d
from hypress.neural.nets.cae3d import Cae3d
from hypress.neural.nets.sscnet import STRIDE, SscNet

TOGETHER = 1 << 19
"""Samples that a network of spectra sees at once."""


class Spectra:
    """1D-CAE: every pixel by itself. A map of latents is one place along the shortened spectrum."""

    def __init__(self, net: Cae1d) -> None:
        self.net, self.multiple = net, 2**net.halvings

    def maps(self, spec: Spec) -> tuple[int, int, int]:
        """A map for every `2 ** halvings` bands."""
        bands, rows, columns = spec.shape
        return -(-bands // self.multiple), rows, columns

    def encode(self, tile: Maps) -> Maps:
        """Zeros go before the first band where their number is no multiple, as published."""
        bands, rows, columns = tile.shape
        spectra = np.pad(tile, [(-bands % self.multiple, 0), (0, 0), (0, 0)]).reshape(-1, rows * columns)
        return self._pixels(self.net.encode, spectra).reshape(-1, rows, columns)

    def decode(self, latents: Maps, spec: Spec) -> Maps:
        """Spectra of all pixels."""
        spectra = self._pixels(self.net.decode, latents.reshape(len(latents), -1))
        return spectra[len(spectra) - spec.shape[0] :].reshape(spec.shape)

    def _pixels(self, layers: object, values: Maps) -> Maps:
        """`(value, pixel)` to `(value, pixel)`."""
        size = max(1, TOGETHER // len(values))
        parts = [apply(layers, values[:, i : i + size].T[:, None])[:, 0].T for i in range(0, values.shape[1], size)]
        return np.concatenate(parts, axis=1)


class Images:
    """SSCNet: an image whose channels are the bands."""

    def __init__(self, net: SscNet) -> None:
        self.net = net

    def maps(self, spec: Spec) -> tuple[int, int, int]:
        """A map for each latent, an eighth as high and as wide."""
        self._check(spec.shape[0])
        _, rows, columns = spec.shape
        return self.net.latents, -(-rows // STRIDE), -(-columns // STRIDE)

    def encode(self, tile: Maps) -> Maps:
        """Raises ConfigurationError where the tile has another number of bands than the weights."""
        self._check(len(tile))
        return apply(self.net.encode, padded(tile, 1, STRIDE)[None])[0]

    def decode(self, latents: Maps, spec: Spec) -> Maps:
        """All bands."""
        _, rows, columns = spec.shape
        return apply(self.net.decode, latents[None])[0, :, :rows, :columns]

    def _check(self, bands: int) -> None:
        if bands != self.net.bands:
            raise ConfigurationError(
                f"these weights are for {self.net.bands} bands, or all 224 of EnMAP where they are 202; the tile has "
                f"{bands}. Train others with `hypress train sscnet`, or take cae1d, cae3d or bandwise"
            )


class Cubes:
    """3D-CAE: a cube of one channel. A map of latents is a channel at one depth."""

    def __init__(self, net: Cae3d) -> None:
        self.net = net

    def maps(self, spec: Spec) -> tuple[int, int, int]:
        """A map for each latent and four bands, an eighth as high and as wide."""
        bands, rows, columns = spec.shape
        depth, side = cae3d.SPECTRAL_STRIDE, cae3d.SPATIAL_STRIDE
        return self.net.latents * -(-bands // depth), -(-rows // side), -(-columns // side)

    def encode(self, tile: Maps) -> Maps:
        """Bands and sides are continued to multiples."""
        cube = padded(tile, cae3d.SPECTRAL_STRIDE, cae3d.SPATIAL_STRIDE)
        found = apply(self.net.encode, cube[None, None])[0]
        return found.reshape(-1, *found.shape[2:])

    def decode(self, latents: Maps, spec: Spec) -> Maps:
        """All bands."""
        bands, rows, columns = spec.shape
        cube = latents.reshape(1, self.net.latents, -1, *latents.shape[1:])
        return apply(self.net.decode, cube)[0, 0, :bands, :rows, :columns]
