"""A SIREN that is moved by a few numbers: the base network of many scenes with shift modulations.

After S. Rezasoltani and F. Z. Qureshi (ICPRAM 2025; LNCS, 2025), see `neural.siren.meta`:

    (scene, pixel, 2) ─► [linear, + β, sin ω₀·] × layers ─► linear ─► (scene, pixel, point)
                                   ▲
    (scene, latent) ── M ──────────┘
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hypress.neural.siren.meta import Architecture
from hypress.neural.siren.net import Siren

SPREAD = 1e-2
"""Standard deviation of M at the start: about as large as the weights between sine layers."""


class ModulatedSiren(nn.Module):
    """What is learnt over many scenes."""

    def __init__(self, sizes: Architecture, seed: int = 0) -> None:
        super().__init__()
        self.base = Siren(2, sizes.points, layers=sizes.layers, width=sizes.width, seed=seed)
        random = torch.Generator().manual_seed(seed)
        self.shifts = nn.Parameter(SPREAD * torch.randn(sizes.layers, sizes.width, sizes.latents, generator=random))

    def forward(self, places: Tensor, modulations: Tensor) -> Tensor:
        """Spectra `(scene, pixel, point)` at places `(scene, pixel, 2)` of scenes by modulations `(scene, latent)`."""
        *sines, last = self.base.linear
        for layer, shifts in zip(sines, self.shifts, strict=True):
            places = torch.sin(self.base.omega * (layer(places) + (modulations @ shifts.T)[:, None]))
        return torch.as_tensor(last(places))
