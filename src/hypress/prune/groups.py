"""Channels that stand and fall together, found by torch-pruning's dependency graph.

After G. Fang, X. Ma, M. Song, M. B. Mi and X. Wang, "DepGraph: towards any structural pruning" (CVPR 2023). A channel
of a hidden layer is a filter of the convolution that makes it, an entry of the PReLU, batch normalisation or GDN that
it passes, one of the inputs of each convolution that reads it, and the same of all layers that it is added to. How to
take a channel from our own layers is ours to say: from a GDN, which mixes all of them, from a PReLU, a norm over
channels, a squeeze, and from 3-D convolutions, whose channels go by whole maps, since one kernel makes them at all
depths. What is inside such a layer is not traced.

The neurons in the middle of a squeeze are a group too, which no other layer knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from hypress.errors import MissingExtraError
from hypress.neural.nets.cubes import Cube, Joined, Windows
from hypress.neural.nets.gdn import Gdn
from hypress.neural.nets.hific import ChannelNorm, Squeeze
from hypress.neural.nets.lowrank import TRANSPOSED
from hypress.prune.networks import CUBES, Layer, chains, depth, example, inner, makers

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
    each: int = 1
    """Places along the axis that are one channel of the group."""


@dataclass(frozen=True)
class Group:
    """The channels of one hidden layer, numbered alike in all its slices."""

    chain: str
    name: str
    """Of the first layer that makes them."""
    channels: int
    """Of 3-D convolutions, maps."""
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


class _ChannelNormPruner(BasePruningFunc):  # type: ignore[misc]
    """A channel of a norm: its scale and its shift."""

    def prune_out_channels(self, layer: nn.Module, idxs: Sequence[int]) -> nn.Module:
        """Remove them."""
        assert isinstance(layer, ChannelNorm)
        kept = _others(len(layer.scale), idxs)
        layer.scale, layer.shift = (nn.Parameter(p.detach()[kept].clone()) for p in (layer.scale, layer.shift))
        return layer

    prune_in_channels = prune_out_channels

    def get_out_channels(self, layer: nn.Module) -> int:
        """How many."""
        assert isinstance(layer, ChannelNorm)
        return len(layer.scale)

    get_in_channels = get_out_channels


class _SqueezePruner(BasePruningFunc):  # type: ignore[misc]
    """A channel of a squeeze: what is read of it, and its weight."""

    def prune_out_channels(self, layer: nn.Module, idxs: Sequence[int]) -> nn.Module:
        """Remove them."""
        assert isinstance(layer, Squeeze)
        kept = _others(layer.down.in_features, idxs)
        layer.down, layer.up = _linear(layer.down, columns=kept), _linear(layer.up, rows=kept)
        return layer

    prune_in_channels = prune_out_channels

    def get_out_channels(self, layer: nn.Module) -> int:
        """How many."""
        assert isinstance(layer, Squeeze)
        return int(layer.down.in_features)

    get_in_channels = get_out_channels


class _CubePruner(BasePruningFunc):  # type: ignore[misc]
    """Channels of a layer with a convolution inside: those of one map, at all depths, at once."""

    def prune_out_channels(self, layer: nn.Module, idxs: Sequence[int]) -> nn.Module:
        """Remove them; the bands that come out of `Joined` stay."""
        assert isinstance(layer, Windows | Cube)
        self._prune(layer, idxs, torch_pruning.prune_conv_out_channels)
        return layer

    def prune_in_channels(self, layer: nn.Module, idxs: Sequence[int]) -> nn.Module:
        """Remove them; the bands that go into `Windows` stay."""
        assert isinstance(layer, Joined | Cube)
        self._prune(layer, idxs, torch_pruning.prune_conv_in_channels)
        return layer

    def get_out_channels(self, layer: nn.Module) -> int:
        """How many."""
        assert isinstance(layer, CUBES)
        return layer.stride * layer.depth if isinstance(layer, Joined) else layer.depth * inner(layer).out_channels

    def get_in_channels(self, layer: nn.Module) -> int:
        """How many."""
        assert isinstance(layer, CUBES)
        return layer.stride * layer.depth if isinstance(layer, Windows) else layer.depth * inner(layer).in_channels

    @staticmethod
    def _prune(layer: Layer, idxs: Sequence[int], prune: Any) -> None:
        prune(inner(layer), sorted({i // depth(layer) for i in idxs}))


class _Opaque(torch.autograd.Function):
    """What a layer made of maps, as if by one operation."""

    @staticmethod
    def forward(_: Any, maps: Tensor, made: Tensor) -> Tensor:
        return made.clone()

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> Any:
        raise NotImplementedError("this is for tracing")


PRUNERS: dict[type[nn.Module], Any] = {
    Gdn: _GdnPruner(), nn.PReLU: _PReluPruner(), ChannelNorm: _ChannelNormPruner(), Squeeze: _SqueezePruner(),
    **dict.fromkeys(CUBES, _CubePruner()),
}  # fmt: skip
OURS = (ChannelNorm, Squeeze, *CUBES)
"""Layers that are traced as one operation."""


def groups(net: nn.Module) -> list[Group]:
    """Of all hidden layers, in the order in which maps go through."""
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    places = {id(layer): name for name, layer in net.named_modules()}
    found = []
    for chain, layers in chains(net).items():
        for root, group in _groups_of(layers):
            unit = max(depth(item.target.module) for item, _ in group)
            slices = {s: None for item, _ in group for s in _slices(item, names, unit)}
            count = PRUNERS[type(root)].get_out_channels(root) if type(root) in PRUNERS else root.out_channels
            found.append(Group(chain, places[id(root)], count // unit, tuple(slices)))
        for layer in layers.modules():
            if isinstance(layer, Squeeze):
                makes = tuple(Slice(names[id(p)], 0, "makes") for p in (layer.down.weight, layer.down.bias))
                reads = Slice(names[id(layer.up.weight)], 1, "reads")
                found.append(Group(chain, places[id(layer)], layer.down.out_features, (*makes, reads)))
    return found


def remove(net: nn.Module, gone: dict[str, Sequence[int]]) -> None:
    """Take channels, by the name of their group, out of a network, which becomes narrower in place."""
    for layers in chains(net).values():
        names = {id(layer): name for name, layer in net.named_modules()}
        graph = _graph(layers)
        for root, every in list(_groups_of(layers, graph)):
            unit = max(depth(item.target.module) for item, _ in every)
            wanted = [unit * int(i) + d for i in sorted(gone.get(names[id(root)], ())) for d in range(unit)]
            if not wanted:
                continue
            group = graph.get_pruning_group(root, _function(root), idxs=wanted)
            if graph.check_pruning_group(group):
                group.prune()
        for layer in layers.modules():
            if isinstance(layer, Squeeze) and (neurons := gone.get(names[id(layer)])):
                kept = _others(layer.down.out_features, neurons)
                layer.down, layer.up = _linear(layer.down, rows=kept), _linear(layer.up, columns=kept)
    for parameter in net.parameters():
        parameter.grad = None


def _groups_of(layers: nn.Module, graph: Any = None) -> Iterator[tuple[Any, Any]]:
    """The first convolution of each group, and the group of all its channels; not of the last, which is fixed."""
    graph, seen = graph or _graph(layers), set()
    for root in makers(layers)[:-1]:
        if id(root) not in seen:
            every = list(range(depth(root) * inner(root).out_channels))
            group = graph.get_pruning_group(root, _function(root), idxs=every)
            seen |= {id(item.target.module) for item, _ in group if _makes(item)}
            yield root, group


def _function(root: Layer) -> Any:
    """What takes channels from it."""
    return PRUNERS[type(root)].prune_out_channels if type(root) in PRUNERS else torch_pruning.prune_conv_out_channels


def _graph(layers: nn.Module) -> Any:
    graph = torch_pruning.DependencyGraph()
    training = layers.training
    ours = [layer for layer in layers.modules() if isinstance(layer, OURS)]
    for layer in ours:
        layer.forward = _opaque(layer)  # type: ignore[method-assign]
    try:
        with torch.enable_grad():
            graph.build_dependency(layers.eval(), example(layers), customized_pruners=PRUNERS, verbose=False)
    finally:
        for layer in ours:
            del layer.forward
    layers.train(training)
    return graph


def _opaque(layer: nn.Module) -> Any:
    def forward(maps: Tensor) -> Tensor:
        with torch.no_grad():
            made = type(layer).forward(layer, maps)
        traced = maps if maps.requires_grad else maps.detach().requires_grad_()
        found: Tensor = _Opaque.apply(traced, made)  # type: ignore[no-untyped-call]
        return found

    return forward


def _makes(item: Any) -> bool:
    """Whether a dependency of a group is on the outputs of a convolution."""
    return isinstance(item.target.module, Layer) and item.handler.__name__ == "prune_out_channels"


def _slices(item: Any, names: dict[int, str], unit: int) -> Iterator[Slice]:
    """Where the parameters of one layer hold the channels of a group."""
    layer = item.target.module
    if isinstance(layer, Layer):
        convolution, each = inner(layer), unit // depth(layer)
        makes = _makes(item)
        axis = int(makes == isinstance(convolution, TRANSPOSED))
        yield Slice(names[id(convolution.weight)], axis, "makes" if makes else "reads", each)
        if makes and convolution.bias is not None:
            yield Slice(names[id(convolution.bias)], 0, "makes", each)
    elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
        yield Slice(names[id(layer.weight)], 0, "makes")
        yield Slice(names[id(layer.bias)], 0, "makes")
    elif isinstance(layer, ChannelNorm):
        yield Slice(names[id(layer.scale)], 0, "makes", unit)
        yield Slice(names[id(layer.shift)], 0, "makes", unit)
    elif isinstance(layer, Squeeze):
        yield Slice(names[id(layer.down.weight)], 1, "bends", unit)
        yield Slice(names[id(layer.up.weight)], 0, "bends", unit)
        yield Slice(names[id(layer.up.bias)], 0, "bends", unit)
    elif isinstance(layer, nn.PReLU) and layer.num_parameters > 1:
        yield Slice(names[id(layer.weight)], 0, "bends")
    elif isinstance(layer, Gdn):
        yield Slice(names[id(layer.beta)], 0, "bends")
        yield Slice(names[id(layer.gamma)], 0, "bends")
        yield Slice(names[id(layer.gamma)], 1, "bends")


def _linear(layer: nn.Linear, *, rows: Sequence[int] | None = None, columns: Sequence[int] | None = None) -> nn.Linear:
    """A layer of some of its outputs and inputs."""
    weight, bias = layer.weight.detach(), layer.bias.detach()
    weight, bias = (weight, bias) if rows is None else (weight[rows], bias[rows])
    weight = weight if columns is None else weight[:, columns]
    made = nn.Linear(weight.shape[1], weight.shape[0], device=weight.device)
    made.weight, made.bias = nn.Parameter(weight.clone()), nn.Parameter(bias.clone())
    return made


def _others(count: int, removed: Sequence[int]) -> list[int]:
    gone = set(removed)
    return [i for i in range(count) if i not in gone]
