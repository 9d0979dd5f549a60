"""How much each weight matters: the measures of the literature.

- `l1`, `l2`: its magnitude, or the square (S. Han, J. Pool, J. Tran and W. Dally, NeurIPS 2015; H. Li, A. Kadav,
  I. Durdanovic, H. Samet and H. P. Graf, ICLR 2017);
- `taylor`: how much the loss would change without it, to first order, |w · ∂L/∂w| (P. Molchanov, A. Mallya, S. Tyree,
  I. Frosio and J. Kautz, CVPR 2019);
- `movement`: how far training moves it away from zero, −Σ w · ∂L/∂w (V. Sanh, T. Wolf and A. Rush, NeurIPS 2020);
- `random`: nothing, which is what the others have to beat.

A channel matters as much as all the weights that make it and read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from hypress.errors import ConfigurationError
from hypress.prune.groups import Group

Name = Literal["l1", "l2", "movement", "taylor", "random"]
CRITERIA: tuple[str, ...] = get_args(Name)
Scores = dict[str, Tensor]
"""Of each weight, by the name of its parameter."""


class Criterion:
    """One measure, with what it has seen of the gradients."""

    def __init__(self, name: str, net: nn.Module, seed: int = 0) -> None:
        """Raises ConfigurationError for a measure that is none of `CRITERIA`."""
        if name not in CRITERIA:
            raise ConfigurationError(f"there is no criterion {name!r}; there are: {', '.join(CRITERIA)}")
        self.name = name
        self.told: Scores = {}
        if name == "random":
            random = torch.Generator().manual_seed(seed)
            self.told = {key: torch.rand(p.shape, generator=random) for key, p in net.named_parameters()}
        elif self.learns:
            self.told = {key: torch.zeros_like(p, requires_grad=False) for key, p in net.named_parameters()}

    @property
    def learns(self) -> bool:
        """Whether it needs gradients."""
        return self.name in ("movement", "taylor")

    @torch.no_grad()
    def see(self, net: nn.Module) -> None:
        """Take the gradients that the parameters have now into account."""
        if not self.learns:
            return
        for key, parameter in net.named_parameters():
            if parameter.grad is not None:
                product = parameter * parameter.grad
                self.told[key] += product.abs() if self.name == "taylor" else -product

    @torch.no_grad()
    def scores(self, net: nn.Module) -> Scores:
        """Of each weight."""
        if self.told:
            return self.told
        found = {key: parameter.detach().abs() for key, parameter in net.named_parameters()}
        return found if self.name == "l1" else {key: value.square() for key, value in found.items()}


def of_channels(group: Group, scores: Mapping[str, Tensor]) -> Tensor:
    """How much each channel of a group matters; one on average, so that groups compare."""
    total = torch.zeros(group.channels)
    for part in group.slices:
        if part.role != "bends":
            others = [axis for axis in range(scores[part.name].dim()) if axis != part.axis]
            score = scores[part.name].detach().cpu().float()
            total += (score.sum(others) if others else score).view(group.channels, part.each).sum(1)
    return total / total.abs().mean().clamp(min=1e-30)


def after_seeing(criterion: Criterion, module: nn.Module, net: nn.Module, batches: Iterable[dict[str, Tensor]]) -> None:
    """Show a criterion the gradients of some batches; `module` gives the loss of `net`, which stays as it is."""
    module.train()
    for number, batch in enumerate(batches):
        torch.manual_seed(number)
        module.zero_grad(set_to_none=True)
        module(batch)[0].backward()
        criterion.see(net)
    module.zero_grad(set_to_none=True)
