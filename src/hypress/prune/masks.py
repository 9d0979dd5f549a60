"""A network with its loss while it is pruned: what is gone is held at zero, and more goes as the schedule says.

A channel whose weights, biases and scales are all zero is zero wherever it is read, so removing it afterwards changes
nothing. Masks, steps and what the criterion has seen are buffers: a checkpoint holds them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hypress.prune import choice
from hypress.prune.choice import Masks
from hypress.prune.criteria import Criterion
from hypress.prune.groups import Group, groups, remove
from hypress.prune.schedules import done

UPDATES = 40
"""Times that a schedule that never rests is followed in a tuning, at most."""


@dataclass(frozen=True)
class Plan:
    """What is pruned, how much, and when."""

    ratio: float
    granularity: str
    context: str
    criterion: str
    schedule: str
    steps: int

    def masks(self, net: nn.Module, found: list[Group], criterion: Criterion, share: float, gone: Masks) -> Masks:
        """What stays at a share of the ratio."""
        scores = criterion.scores(net)
        if self.granularity == "weight":
            return choice.weights(net, scores, share * self.ratio, self.context, gone)
        return choice.channels(net, found, scores, share * self.ratio, self.context, gone)


class Masked(nn.Module):
    """`inner` is the network `net` with its loss; `also` adds a term to that, such as what a teacher says."""

    step: Tensor

    def __init__(
        self, inner: nn.Module, net: nn.Module, plan: Plan | None, criterion: Criterion | None = None,
        also: Callable[[], Tensor] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.inner, self.plan, self.criterion, self.also = inner, plan, criterion, also
        self._net = [net]  # in `inner` already: not a part once more
        self.groups = groups(net) if plan and plan.granularity == "channel" else []
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))
        self._names: list[str] = []
        if plan is not None and criterion is not None:
            criterion = self.criterion = copy.deepcopy(criterion)
            for name, mask in plan.masks(net, self.groups, criterion, 0.0, {}).items():
                self.register_buffer(f"mask{len(self._names)}", mask)
                self._names.append(name)
            for number, name in enumerate(criterion.told):
                self.register_buffer(f"told{number}", criterion.told[name])

    @property
    def share(self) -> float:
        """Of the pruning, done."""
        return 1.0 if self.plan is None else done(self.plan.schedule, int(self.step) / self.plan.steps)

    @property
    def masks(self) -> Masks:
        """What stays."""
        return {name: self.get_buffer(f"mask{number}") for number, name in enumerate(self._names)}

    def forward(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and what the log shows."""
        if self.training:
            self.advance()
        self.hold()
        loss, shown = self.inner(batch)
        return (loss if self.also is None else loss + self.also()), shown

    @torch.no_grad()
    def hold(self) -> None:
        """Set what is gone to zero: the last step of the optimiser has moved it."""
        parameters = dict(self._net[0].named_parameters())
        if self.plan is not None and self.plan.granularity == "weight":
            for name, mask in self.masks.items():
                parameters[name].mul_(mask)
            return
        masks = self.masks
        for group in self.groups:
            for part in group.slices:
                if part.role == "makes":
                    shape = [-1 if axis == part.axis else 1 for axis in range(parameters[part.name].dim())]
                    parameters[part.name].mul_(masks[group.name].repeat_interleave(part.each).view(shape))

    def pruned(self) -> nn.Module:
        """A copy of the network without the channels that are gone."""
        self.hold()
        net = copy.deepcopy(self._net[0])
        masks = self.masks
        remove(net, {group.name: torch.nonzero(~masks[group.name])[:, 0].tolist() for group in self.groups})
        return net

    def advance(self) -> None:
        """Follow the schedule before a step."""
        if self.plan is None or self.criterion is None:
            return
        self.criterion.told = {name: self.get_buffer(f"told{n}") for n, name in enumerate(self.criterion.told)}
        self.criterion.see(self._net[0])
        step, every = int(self.step), max(1, self.plan.steps // UPDATES)
        before = done(self.plan.schedule, max(0, step - every) / self.plan.steps) if step else 0.0
        if step % every == 0 and self.share > before:
            found = self.plan.masks(self._net[0], self.groups, self.criterion, self.share, self.masks)
            for name, mask in found.items():
                self.masks[name].copy_(mask)
        self.step += 1
