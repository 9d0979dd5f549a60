"""Tuning what pruning left: the codec's own training, with masks, and with the network that it was as its teacher.

A teacher is asked chain by chain: what would it have made of the maps that its pupil saw? After G. Hinton, O. Vinyals
and J. Dean, "Distilling the knowledge in a neural network" (2015), for networks whose outputs are maps.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hypress.prune.masks import Masked
from hypress.prune.networks import architecture, chains, tensors
from hypress.train.loop import Batch, Training

UNFINISHED = 1e6
"""Added to the loss of a network that is not pruned as much as it should: others are better."""
TAUGHT = 0.5
"""Weight of what the teacher says."""
SAME = 1e-4
"""Relative squared differences below this are as good as none."""


class Tuning:
    """See `loop.Training`: an ordinary training whose network is held to its masks, and exported without them."""

    def __init__(self, inner: Training, module: Masked, before: dict[str, Any]) -> None:
        """`before` is the architecture that the network has with all its channels."""
        self.inner, self.module, self.before = inner, module, before
        self.loss = f"{inner.loss}, pruned"

    def sample(self, random: np.random.Generator) -> Batch:
        """A batch."""
        return self.inner.sample(random)

    def validate(self) -> dict[str, float]:
        """Figures over the scenes held out."""
        self.module.hold()
        measured = self.inner.validate()
        return measured | {"loss": measured["loss"] + (0 if self.module.share >= 1 else UNFINISHED)}

    def export(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """The network without what is gone."""
        net = self.module.pruned()
        return tensors(net), architecture(net, self.before)


def teacher(pupil: nn.Module, original: nn.Module) -> Callable[[], Tensor]:
    """What the loss is to have added after each pass of `pupil`: how far its chains are from those of the original."""
    differences: list[Tensor] = []
    frozen = copy.deepcopy(original).requires_grad_(False).eval()
    asked = chains(frozen)

    def compare(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(chain: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            if chain.training:
                layers = asked[name].to(output.device)
                with torch.no_grad():
                    wanted = layers(inputs[0]).float()
                difference = (output.float() - wanted).square().mean() / wanted.square().mean().clamp(min=1e-12)
                differences.append(torch.log(difference + SAME))

        return hook

    for name, chain in chains(pupil).items():
        chain.register_forward_hook(compare(name))

    def term() -> Tensor:
        if not differences:
            return torch.zeros(())
        mean = torch.stack(differences).mean()
        differences.clear()
        return TAUGHT * mean

    return term
