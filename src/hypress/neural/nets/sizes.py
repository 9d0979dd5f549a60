"""Sizes of networks that coding has to know: no torch here, for machines that run exported graphs alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

# --- bandwise ---------------------------------------------------------------------------------------

PER_OCTAVE = 16
"""Qualities to a factor two in the quantiser's step."""
QUALITIES = 9 * PER_OCTAVE
"""Quality q asks for a step of 2^(1 − q / 16) standard deviations of the band."""
REFERENCES = 2
"""Bands coded before that the probabilities know."""
FIRST_INDEX = 20
"""What a scale index is at the start."""
FARTHEST = 64
"""Latents of references are told no larger than this."""
HIDDEN = 96
"""Maps between the layers that give the probabilities."""


@dataclass(frozen=True)
class Architecture:
    """Sizes of a network of codec bandwise."""

    filters: int = 48
    latents: int = 64
    strides: tuple[int, ...] = (4, 2)
    hyper: int = 48
    """Filters of the hyperprior; 0: none, the probabilities know the bands before alone."""
    references: int = REFERENCES
    widths: tuple[int, ...] | None = None
    """Of the hidden layers where pruning left fewer: see `hidden`."""
    ranks: dict[str, int] | None = None
    """Of layers of low rank, by their names."""

    @property
    def stride(self) -> int:
        """Pixels along each side of what a latent vector stands for."""
        return math.prod(self.strides)

    def hidden(self) -> Hidden:
        """Widths of all hidden layers. Raises ValueError where `widths` are not as many."""
        inner = len(self.strides) - 1
        counts = (inner, inner, 2, 2, 2) if self.hyper else (inner, inner, 0, 0, 2)
        usual = [self.filters] * (2 * inner) + [self.hyper] * (4 if self.hyper else 0) + [HIDDEN] * 2
        widths = list(usual if self.widths is None else self.widths)
        if len(widths) != len(usual):
            raise ValueError(f"such a network has {len(usual)} widths, not {len(widths)}")
        parts = []
        for count in counts:
            parts.append(tuple(widths[:count]))
            del widths[:count]
        return Hidden(*parts)


@dataclass(frozen=True)
class Hidden:
    """Widths between the layers of each part, in the order in which maps go through."""

    analysis: tuple[int, ...]
    synthesis: tuple[int, ...]
    hyper_analysis: tuple[int, ...]
    hyper_synthesis: tuple[int, ...]
    probabilities: tuple[int, ...]


# --- the published autoencoders ---------------------------------------------------------------------

HALVINGS = 2
"""Of cae1d, as published."""
SSCNET_STRIDE = 8
"""Pixels along each side of what a latent vector of sscnet stands for."""
SSCNET_BANDS, SSCNET_LATENTS = 202, 1024
"""Bands of HySpecNet-11k, without EnMAP's bands 127–141 and 161–167."""
CUBE_DEPTH, CUBE_SIDE = 4, 8
"""Bands, and pixels along each side, of what a latent vector of cae3d stands for."""
CUBE_LATENTS = 16
