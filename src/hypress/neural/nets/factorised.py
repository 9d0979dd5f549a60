"""A density for each channel, learned: the factorised prior.

After J. Ballé et al., "Variational image compression with a scale hyperprior" (ICLR 2018), appendix 6.1: the cumulative
distribution of a channel is a small monotone network, here of widths 1, 3, 3, 1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

WIDTHS = (1, 3, 3, 1)
SPREAD = 10.0
"""Of the densities at the start."""


class Factorised(nn.Module):
    """Densities of `channels` channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        layers = len(WIDTHS) - 1
        scale = SPREAD ** (1 / layers)
        self.matrices, self.biases, self.factors = nn.ParameterList(), nn.ParameterList(), nn.ParameterList()
        for i in range(layers):
            start = torch.log(torch.expm1(torch.tensor(1 / scale / WIDTHS[i + 1])))
            self.matrices.append(nn.Parameter(torch.full((channels, WIDTHS[i + 1], WIDTHS[i]), float(start))))
            self.biases.append(nn.Parameter(torch.rand(channels, WIDTHS[i + 1], 1) - 0.5))
            if i < layers - 1:
                self.factors.append(nn.Parameter(torch.zeros(channels, WIDTHS[i + 1], 1)))

    def logits(self, values: Tensor) -> Tensor:
        """Logits of the cumulative distribution; values `(channel, 1, n)`."""
        for i, (matrix, bias) in enumerate(zip(self.matrices, self.biases, strict=True)):
            values = nn.functional.softplus(matrix) @ values + bias
            if i < len(self.factors):
                values = values + torch.tanh(self.factors[i]) * torch.tanh(values)
        return values

    def likelihood(self, values: Tensor) -> Tensor:
        """Probability of the unit interval around each value; `(channel, 1, n)`."""
        below, above = self.logits(values - 0.5), self.logits(values + 0.5)
        sign = -torch.sign(below + above).detach()
        return torch.abs(torch.sigmoid(sign * above) - torch.sigmoid(sign * below))

    def bits(self, latents: Tensor) -> Tensor:
        """Bits of each of `(item, channel, …)`."""
        flat = latents.transpose(0, 1).reshape(self.channels, 1, -1)
        found = -torch.log2(self.likelihood(flat).clamp(min=2.0**-20))
        return found.view(self.channels, len(latents), -1).sum((0, 2))
