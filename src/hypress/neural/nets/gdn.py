"""Generalised divisive normalisation: each channel divided by what its neighbours are worth.

After J. Ballé, V. Laparra and E. P. Simoncelli, "Density modeling of images using a generalized normalization
transformation" (ICLR 2016):

    y_i = x_i / √(β_i + Σ_j γ_ij x_j²)          its approximate inverse multiplies instead

β ≥ 1e-6 and γ ≥ 0; both are kept as squares of parameters, whose gradients vanish more slowly at the bound.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

LEAST = 1e-6
INITIAL = 0.1
"""γ at the start is this multiple of the identity."""
PEDESTAL = 2.0**-36
"""Keeps the square root's slope finite."""


class Gdn(nn.Module):
    """GDN over the channels of `(image, channel, y, x)`, or with `inverse` its approximate inverse."""

    def __init__(self, channels: int, *, inverse: bool = False) -> None:
        super().__init__()
        self.inverse = inverse
        self.beta = nn.Parameter(torch.sqrt(torch.ones(channels) + PEDESTAL))
        self.gamma = nn.Parameter(torch.sqrt(INITIAL * torch.eye(channels) + PEDESTAL))

    def forward(self, maps: Tensor) -> Tensor:
        """The same shape."""
        channels = maps.shape[1]
        beta = (self.beta**2 - PEDESTAL).clamp(min=LEAST)
        gamma = (self.gamma**2 - PEDESTAL).clamp(min=0)
        norm = nn.functional.conv2d(maps**2, gamma.view(channels, channels, 1, 1), beta)
        return maps * (torch.sqrt(norm) if self.inverse else torch.rsqrt(norm))
