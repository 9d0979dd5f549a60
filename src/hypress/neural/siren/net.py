"""SIREN: a multilayer perceptron with sine activations, from coordinates to spectra.

After V. Sitzmann, J. Martel, A. Bergman, D. Lindell and G. Wetzstein, "Implicit neural representations with periodic
activation functions" (NeurIPS 2020), as S. Rezasoltani and F. Qureshi use it for hyperspectral images (IEEE TGRS,
2024):

    (pixel, in) ─► [linear, sin ω₀·] × layers ─► linear ─► (pixel, out)

The first layer's weights start in ±1/in, the others' in ±√(6/in)/ω₀ (Sitzmann et al., section 3.2 and supplement 1.5),
so that at any depth the arguments of the sines are distributed as a normal variable of variance one.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

OMEGA = 30.0
"""ω₀ for coordinates in [−1, 1] (Sitzmann et al., section 3.2)."""


class Siren(nn.Module):
    """Sine layers of one width, and a linear one."""

    def __init__(
        self, inputs: int, outputs: int, *, layers: int, width: int, omega: float = OMEGA, seed: int = 0
    ) -> None:
        super().__init__()
        sizes = [inputs, *[width] * layers, outputs]
        self.omega = omega
        self.linear = [nn.Linear(before, after) for before, after in pairwise(sizes)]
        self.layers = nn.ModuleList(self.linear)
        random = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for n, layer in enumerate(self.linear):
                bound = 1 / layer.in_features if n == 0 else math.sqrt(6 / layer.in_features) / omega
                layer.weight.uniform_(-bound, bound, generator=random)
                bound = 1 / math.sqrt(layer.in_features)
                layer.bias.uniform_(-bound, bound, generator=random)

    def forward(self, inputs: Tensor, quantum: float = 0.0) -> Tensor:
        """`(pixel, in)` to `(pixel, out)`; with a `quantum`, by parameters rounded to its multiples."""
        *hidden, last = self.linear
        for layer in hidden:
            inputs = torch.sin(self.omega * _linear(layer, inputs, quantum))
        return _linear(last, inputs, quantum)

    def bits(self, quantum: float) -> Tensor:
        """About what its parameters take once rounded: the entropy of a Laplace distribution for each layer."""
        found = torch.zeros(())
        for layer in self.linear:
            magnitudes = torch.cat([layer.weight.abs().ravel(), layer.bias.abs()])
            found = found + magnitudes.numel() * torch.log2(1 + 2 * math.e / quantum * magnitudes.mean())
        return found


def _linear(layer: nn.Linear, inputs: Tensor, quantum: float) -> Tensor:
    if not quantum:
        return F.linear(inputs, layer.weight, layer.bias)
    return F.linear(inputs, _rounded(layer.weight, quantum), _rounded(layer.bias, quantum))


def _rounded(parameter: Tensor, quantum: float) -> Tensor:
    """Rounded on the way there, and the gradient passed straight through (Bengio, Léonard and Courville, 2013)."""
    return parameter + (torch.round(parameter / quantum) * quantum - parameter).detach()
