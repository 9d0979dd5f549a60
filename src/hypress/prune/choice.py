"""Which channels, or single weights, are pruned, so that a share of them all is gone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from hypress.errors import ConfigurationError
from hypress.neural.nets.lowrank import Convolution
from hypress.prune.criteria import Scores, of_channels
from hypress.prune.groups import Group

Context = Literal["local", "global"]
CONTEXTS: tuple[str, ...] = get_args(Context)
WIDE, MULTIPLE = 64, 8
"""Layers of so many channels keep a multiple of `MULTIPLE`: processors work on that many at once."""

Masks = dict[str, Tensor]
"""What stays, by the name of a group (channels) or of a parameter (weights)."""


def channels(
    net: nn.Module, groups: Sequence[Group], scores: Scores, ratio: float, context: str, gone: Masks | None = None
) -> Masks:
    """The channels that stay where at least `ratio` of the network's parameters goes, those with the least score first.

    `local` takes the same share of every layer, `global` what matters least of all, wherever it is; what is `gone`
    stays so. Raises ConfigurationError where so much cannot go.
    """
    if ratio <= 0:
        return {group.name: torch.ones(group.channels, dtype=torch.bool) for group in groups}
    found = {group.name: of_channels(group, scores) for group in groups}
    if gone:
        found = {name: score.masked_fill(~gone[name].cpu(), -math.inf) for name, score in found.items()}
    sizes, total = _Sizes(net, groups), sum(p.numel() for p in net.parameters())
    least = sizes.parameters({group.name: 1 for group in groups})
    if least > (1 - ratio) * total:
        raise ConfigurationError(
            f"ratio {ratio:g} cannot be reached: with one channel left in each layer {1 - least / total:.1%} of the "
            "parameters are gone, since latents and bands stay"
        )
    every = torch.cat(list(found.values())).sort().values
    alive = {group.name: int(gone[group.name].sum()) if gone else group.channels for group in groups}

    def wanted(share: float) -> dict[str, float]:
        """Channels that would stay in each group when this share of them goes, were they not rounded."""
        if context == "local":
            return {group.name: (1 - share) * group.channels for group in groups}
        bound = every[min(int(share * len(every)), len(every) - 1)]
        return {group.name: float((found[group.name] >= bound).sum()) for group in groups}

    def kept(share: float) -> dict[str, int]:
        """Likewise, rounded."""
        exact = wanted(share)
        return {g.name: min(alive[g.name], _rounded(g.channels, exact[g.name])) for g in groups}

    most = (1 - ratio) * total
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if sizes.parameters(kept(middle)) <= most else (middle, high)
    stay, exact = kept(high), wanted(high)
    # All layers are rounded at once, which overshoots: those that lost most by it get a step back while there is room.
    for group in sorted(groups, key=lambda g: stay[g.name] - exact[g.name]):
        wider = stay | {group.name: min(alive[group.name], stay[group.name] + _step(group.channels))}
        if sizes.parameters(wider) <= most:
            stay = wider
    return {group.name: _largest(found[group.name], stay[group.name]) for group in groups}


def weights(net: nn.Module, scores: Scores, ratio: float, context: str, gone: Masks | None = None) -> Masks:
    """The weights of convolutions that stay where `ratio` of them goes, in each layer or of all together."""
    names = [f"{name}.weight" for name, layer in net.named_modules() if isinstance(layer, Convolution)]
    found = {name: scores[name].detach().cpu().float() for name in names}
    if gone:
        found = {name: score.masked_fill(~gone[name].cpu(), -math.inf) for name, score in found.items()}
    if context == "local":
        return {name: _largest(score.flatten(), _rest(score, ratio)).view_as(score) for name, score in found.items()}
    every = torch.cat([score.flatten() / score.clamp(min=0).mean().clamp(min=1e-30) for score in found.values()])
    stays = _largest(every, _rest(every, ratio))
    parts = torch.split(stays, [score.numel() for score in found.values()])  # type: ignore[no-untyped-call]
    return {name: part.view_as(found[name]) for name, part in zip(found, parts, strict=True)}


def _rest(scores: Tensor, ratio: float) -> int:
    return scores.numel() - round(ratio * scores.numel())


def _largest(scores: Tensor, count: int) -> Tensor:
    """Which are the `count` largest; of equal ones, the first."""
    if count >= len(scores):
        return torch.ones(len(scores), dtype=torch.bool)
    bound = scores.kthvalue(len(scores) - count).values
    stays = scores > bound
    stays[torch.nonzero(scores == bound)[: count - int(stays.sum()), 0]] = True
    return stays


def _rounded(channels: int, kept: float) -> int:
    step = _step(channels)
    return max(1, min(channels, step * round(kept / step)))


def _step(channels: int) -> int:
    return MULTIPLE if channels >= WIDE else 1


class _Sizes:
    """How many parameters a network has when its groups keep so many channels."""

    def __init__(self, net: nn.Module, groups: Sequence[Group]) -> None:
        self.shapes = {name: list(p.shape) for name, p in net.named_parameters()}
        self.slices = [(part, group.name) for group in groups for part in group.slices]

    def parameters(self, kept: Mapping[str, int]) -> int:
        """In all."""
        shapes = {name: list(shape) for name, shape in self.shapes.items()}
        for part, group in self.slices:
            shapes[part.name][part.axis] = part.each * kept[group]
        return sum(math.prod(shape) for shape in shapes.values())
