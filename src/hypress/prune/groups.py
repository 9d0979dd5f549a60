"""Channels that stand and fall together, found by torch-pruning's dependency graph.

After G. Fang, X. Ma, M. Song, M. B. Mi and X. Wang, "DepGraph: towards any structural pruning" (CVPR 2023). A channel
of a hidden layer is a filter of the convolution that makes it, an entry of the PReLU, batch normalisation or GDN that
it passes, one of the inputs of each convolution that reads it, and the same of all layers that it is added to. How to
take a channel from a GDN, which mixes all of them, and from a PReLU is ours to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from hypress.errors import MissingExtraError
from hypress.neural.nets.gdn import Gdn
from hypress.neural.nets.lowrank import TRANSPOSED, Convolution
from hypress.prune.networks import chains, convolutions, example

try:
    import torch_pruning
    from torch_pruning.pruner.function import BasePruningFunc
except ImportError as error:
    raise MissingExtraError(f"pruning channels needs: pip install 'hypress[prune]' ({error})") from error


@dataclass(frozen=True)
class Slice:
    """Where one parameter holds the channels of a group: along `axis`."""

    name: str
    """Of the parameter, in the network."""
    axis: int
    role: Literal["makes", "reads", "bends"]
    """Whether the channels come out of it, go into it, or pass a nonlinearity of which it is a parameter."""


@dataclass(frozen=True)
class Group:
    """The channels of one hidden layer, numbered alike in all its slices."""

    chain: str
    name: str
    """Of the first convolution that makes them."""
    channels: int
    slices: tuple[Slice, ...]


class _GdnPruner(BasePruningFunc):  # type: ignore[misc]
    """A channel of a GDN: its β, and its row and its column of γ."""

    def prune_out_channels(self, layer: nn.Module, idxs: Sequence[int]) -> nn.Module:
        """Remove them."""
        assert isinstance(layer, Gdn)
        kept = _others(len(layer.beta), idxs)
        layer.beta = nn.Parameter(layer.beta.detach()[kept].clone())
        layer.gamma = nn.Parameter(layer.gamma.detach()[kept][:, kept].clone())
        return layer

    prune_in_channels = prune_out_channels

    def get_out_channels(self, layer: nn.Module) -> int:
        """How many."""
        assert isinstance(layer, Gdn)
        return len(layer.beta)

    get_in_channels = get_out_channels


class _PReluPruner(BasePruningFunc):  # type: ignore[misc]
    """A channel of a PReLU: its slope; one slope for all stays."""

    def prune_out_channels(self, layer: nn.Module, idxs: Sequence[int]) -> nn.Module:
        """Remove them."""
        assert isinstance(layer, nn.PReLU)
        if layer.num_parameters > 1:
            kept = _others(layer.num_parameters, idxs)
            layer.weight = nn.Parameter(layer.weight.detach()[kept].clone())
            layer.num_parameters = len(kept)
        return layer

    prune_in_channels = prune_out_channels

    def get_out_channels(self, layer: nn.Module) -> int | None:
        """How many; None: any."""
        assert isinstance(layer, nn.PReLU)
        return layer.num_parameters if layer.num_parameters > 1 else None

    get_in_channels = get_out_channels


def _others(count: int, removed: Sequence[int]) -> list[int]:
    gone = set(removed)
    return [i for i in range(count) if i not in gone]


def groups(net: nn.Module) -> list[Group]:
    """Of all hidden layers, in the order in which maps go through."""
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    found = []
    for chain, layers in chains(net).items():
        for root, group in _groups_of(layers):
            slices = {s: None for item, _ in group for s in _slices(item, names)}
            place = names[id(root.weight)].removesuffix(".weight")
            found.append(Group(chain, place, root.out_channels, tuple(slices)))
    return found


def remove(net: nn.Module, gone: dict[str, Sequence[int]]) -> None:
    """Take channels, by the name of their group, out of a network, which becomes narrower in place."""
    for layers in chains(net).values():
        names = {id(layer): name for name, layer in net.named_modules()}
        graph = _graph(layers)
        for root in [layer for layer in convolutions(layers) if gone.get(names[id(layer)])]:
            wanted = sorted(int(i) for i in gone[names[id(root)]])
            group = graph.get_pruning_group(root, torch_pruning.prune_conv_out_channels, idxs=wanted)
            if graph.check_pruning_group(group):
                group.prune()
    for parameter in net.parameters():
        parameter.grad = None


def _groups_of(layers: nn.Module) -> Iterator[tuple[Any, Any]]:
    """The first convolution of each group, and the group of all its channels; not of the last, which is fixed."""
    graph, seen = _graph(layers), set()
    for root in convolutions(layers)[:-1]:
        if id(root) not in seen:
            every = list(range(root.out_channels))
            group = graph.get_pruning_group(root, torch_pruning.prune_conv_out_channels, idxs=every)
            makers = [item.target.module for item, _ in group if _makes(item)]
            seen |= {id(layer) for layer in makers}
            yield root, group


def _graph(layers: nn.Module) -> Any:
    graph = torch_pruning.DependencyGraph()
    training = layers.training
    pruners = {Gdn: _GdnPruner(), nn.PReLU: _PReluPruner()}
    with torch.enable_grad():
        graph.build_dependency(layers.eval(), example(layers), customized_pruners=pruners, verbose=False)
    layers.train(training)
    return graph


def _makes(item: Any) -> bool:
    """Whether a dependency of a group is on the outputs of a convolution."""
    return isinstance(item.target.module, Convolution) and item.handler.__name__ == "prune_out_channels"


def _slices(item: Any, names: dict[int, str]) -> Iterator[Slice]:
    """Where the parameters of one layer hold the channels of a group."""
    layer = item.target.module
    if isinstance(layer, Convolution):
        makes = _makes(item)
        yield Slice(names[id(layer.weight)], int(makes == isinstance(layer, TRANSPOSED)), "makes" if makes else "reads")
        if makes and layer.bias is not None:
            yield Slice(names[id(layer.bias)], 0, "makes")
    elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
        yield Slice(names[id(layer.weight)], 0, "makes")
        yield Slice(names[id(layer.bias)], 0, "makes")
    elif isinstance(layer, nn.PReLU) and layer.num_parameters > 1:
        yield Slice(names[id(layer.weight)], 0, "bends")
    elif isinstance(layer, Gdn):
        yield Slice(names[id(layer.beta)], 0, "bends")
        yield Slice(names[id(layer.gamma)], 0, "bends")
        yield Slice(names[id(layer.gamma)], 1, "bends")
