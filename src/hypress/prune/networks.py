"""What pruning has to know of each network: its chains of layers, its sizes, and its way from a file and back.

A chain is a run of layers whose first input and last output are fixed: bands, latents, what a hyperprior says. All that
lies between may become narrower, which is why neither bitrate nor samples ever change their number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hypress.errors import ConfigurationError, WeightsError
from hypress.neural.bandwise import model as bandwise
from hypress.neural.engine_torch import AUTOENCODERS
from hypress.neural.fixedpoint import ACTIVATION_BITS, WEIGHT_BITS
from hypress.neural.hific import model as hific
from hypress.neural.nets.bandwise import KNOTS, Bandwise
from hypress.neural.nets.cae3d import Cae3d
from hypress.neural.nets.cubes import Cube, Joined, Windows
from hypress.neural.nets.hific import Hific, Squeeze
from hypress.neural.nets.hific_sizes import Architecture as HificArchitecture
from hypress.neural.nets.hific_sizes import Widths
from hypress.neural.nets.lowrank import Convolution
from hypress.neural.nets.sizes import PER_OCTAVE, QUALITIES, Architecture
from hypress.neural.networks import CODECS, HIFIC
from hypress.neural.pretrained import Weights

FITTED = 300
"""Steps in which a learned density is fitted to its tables."""

CUBES = (Windows, Joined, Cube)
"""Layers with a convolution inside, whose channels are maps at several depths."""

Chains = dict[str, nn.Module]
Layer = Convolution | Windows | Joined | Cube
Tensors = dict[str, NDArray[Any]]


def load(weights: Weights, *, fit: bool = True) -> nn.Module:
    """The network of a file of weights, ready to be trained. Raises ConfigurationError, WeightsError.

    Where there is a hyperprior, files hold tables and not the density that they came from: to be trained, that is
    fitted again.
    """
    check(weights)
    card = weights.card
    try:
        net = build(card.codec, card.architecture)
        if isinstance(net, Bandwise):
            _restore(net, {k.removeprefix("0."): v for k, v in weights.tensors.items()}, fit)
        elif isinstance(net, Hific):
            _restore_hific(net, weights.tensors, fit)
        else:
            state = {k: torch.from_numpy(v.astype(np.float32)) for k, v in weights.tensors.items()}
            net.load_state_dict(state, strict=False)
    except (KeyError, TypeError, ValueError, RuntimeError, msgspec.ValidationError) as error:
        raise WeightsError(f"the weights {weights.path} are not what their card says: {error}") from None
    return net


def check(weights: Weights) -> None:
    """Raises ConfigurationError or WeightsError for weights that cannot be pruned."""
    card = weights.card
    if card.graphs_of:
        raise WeightsError(f"{weights.path} goes with graphs and holds no network: give the weights themselves")
    if card.codec not in CODECS:
        raise ConfigurationError(f"{weights.path} is for codec {card.codec}; {', '.join(CODECS)} can be pruned")
    if card.codec == "bandwise" and card.architecture.get("models", 1) != 1:
        raise ConfigurationError(f"{weights.path} holds several networks; prune a file of one")


def build(codec: str, architecture: Mapping[str, Any]) -> nn.Module:
    """A network of that architecture, with weights not set."""
    if codec == "bandwise":
        fields = {k: v for k, v in architecture.items() if k != "models"}
        return Bandwise(msgspec.convert(fields, Architecture))
    if codec in HIFIC:
        return Hific(msgspec.convert(dict(architecture), HificArchitecture))
    net: nn.Module = AUTOENCODERS[codec](**architecture)
    return net


def tensors(net: nn.Module) -> Tensors:
    """What a file of weights holds of a network: in half precision, but for what is exact."""
    if isinstance(net, Bandwise):
        return {f"0.{key}": value for key, value in bandwise.tensors_of(net)[0].items()}
    if isinstance(net, Hific):
        return hific.tensors_of(net)[0]
    state = {k: v.detach().cpu().numpy() for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    return {k: v.astype(np.float16) for k, v in state.items()}


def chains(net: nn.Module) -> Chains:
    """The runs of layers, by their names in the network."""
    names = ["encoder", "decoder"]
    if isinstance(net, Bandwise):
        names = ["analysis", "synthesis", "probabilities"]
        names += ["hyper_analysis", "hyper_synthesis"] if net.sizes.hyper else []
    elif isinstance(net, Hific):
        names = ["encoder", "generator", "hyper_analysis", "mean_synthesis", "scale_synthesis"]
    return {name: net.get_submodule(name) for name in names}


def floating(net: nn.Module) -> tuple[str, ...]:
    """What the names of layers begin with that files hold in floating point; others decide probabilities."""
    if isinstance(net, Bandwise):
        return ("analysis.", "synthesis.", "hyper_analysis.")
    if isinstance(net, Hific):
        return ("encoder.", "generator.", "hyper_analysis.")
    return ("",)


def makers(chain: nn.Module) -> list[Layer]:
    """The convolutions of a chain, in order; of those with a convolution inside, the outer layer."""
    inside = {id(part) for layer in chain.modules() if isinstance(layer, CUBES) for part in layer.modules()}
    inside -= {id(layer) for layer in chain.modules() if isinstance(layer, CUBES)}
    return [layer for layer in chain.modules() if isinstance(layer, Layer) and id(layer) not in inside]


def inner(layer: Layer) -> Convolution:
    """The convolution itself."""
    if isinstance(layer, Windows | Joined):
        return layer.windows
    found = layer.conv if isinstance(layer, Cube) else layer
    assert isinstance(found, Convolution)
    return found


def depth(layer: nn.Module) -> int:
    """How many channels are one map."""
    return layer.depth if isinstance(layer, CUBES) else 1


def example(chain: nn.Module) -> Tensor:
    """Something that a chain takes: small, so that tracing is quick."""
    first = makers(chain)[0]
    if isinstance(first, Windows):
        return torch.zeros(1, first.stride * first.depth, 16, 16)
    assert isinstance(first, Convolution)
    sides = {1: (16,), 2: (16, 16), 3: (4, 8, 8)}[len(first.kernel_size)]
    return torch.zeros(1, first.in_channels, *sides)


def architecture(net: nn.Module, before: Mapping[str, Any]) -> dict[str, Any]:
    """The card's architecture of a network that was made narrower, or of low rank, since it had that of `before`."""
    found = {k: v for k, v in before.items() if k not in ("widths", "ranks")}
    found["widths"] = _widths(net)
    ranks = {name: _thin(layer).out_channels for name, layer in net.named_modules() if _is_pair(layer)}
    return found | ({"ranks": ranks} if ranks else {})


def _widths(net: nn.Module) -> Any:
    """Of the hidden layers, in the order of the network's own argument."""
    if isinstance(net, Hific):
        made = {name: _outputs(chain)[:-1] for name, chain in chains(net).items()}
        up, count = made["generator"], net.sizes.blocks
        made["generator"] = [up[0], *up[1 : 1 + 2 * count : 2], *up[1 + 2 * count :]]
        squeezes = tuple(layer.down.out_features for layer in net.modules() if isinstance(layer, Squeeze))
        return asdict(Widths(**{name: tuple(part) for name, part in made.items()}, squeezes=squeezes))
    if isinstance(net, Bandwise):
        parts = [net.analysis, net.synthesis]
        parts += [net.hyper_analysis, net.hyper_synthesis] if net.sizes.hyper else []
        return [width for part in [*parts, net.probabilities] for width in _outputs(part)[:-1]]
    down, up = _outputs(net.get_submodule("encoder")), _outputs(net.get_submodule("decoder"))
    if isinstance(net, Cae3d):  # the second layer of a residual block is as wide as what it is added to
        return [*down[:2], *down[2:-1:2], up[0], *up[1:-2:2], up[-2]]
    return [*down[:-1], *up[:-1]]


def _outputs(chain: nn.Module) -> list[int]:
    """Channels that come out of each layer; two of low rank are one."""
    thin = {id(_thin(layer)) for layer in chain.modules() if _is_pair(layer)}
    return [depth(layer) * inner(layer).out_channels for layer in makers(chain) if id(layer) not in thin]


def _is_pair(layer: nn.Module) -> bool:
    return (
        type(layer) is nn.Sequential
        and len(layer) == 2
        and all(isinstance(part, Convolution) for part in layer)
        and layer[0].bias is None
    )


def _thin(both: nn.Module) -> Convolution:
    """The first of two layers of low rank."""
    assert isinstance(both, nn.Sequential)
    first = both[0]
    assert isinstance(first, Convolution)
    return first


# --- from integers back to what can be trained ------------------------------------------------------


def _restore_hific(net: Hific, found: Mapping[str, NDArray[Any]], fit: bool) -> None:
    """Set a network to what its file of weights says; a file has the integers that coding uses, see `tensors_of`."""
    state = {k: torch.from_numpy(v.astype(np.float32)) for k, v in found.items()}
    own = net.state_dict()
    restored = {k: v for k, v in state.items() if k.startswith(floating(net)) or k in hific.GAINS}
    for part in hific.SYNTHESES:
        restored |= _from_integers(part, found, own, transposed=2)
    net.load_state_dict({k: v for k, v in own.items() if k.startswith("hyper_prior.")} | restored)
    if fit:
        _fit(net.hyper_prior, found)


def _from_integers(
    part: str, found: Mapping[str, NDArray[Any]], own: Mapping[str, Tensor], *, transposed: int
) -> dict[str, Tensor]:
    """Weights and biases of a part in fixed point, of which the first layers are transposed convolutions."""
    restored = {}
    for key in [k for k in own if k.startswith(f"{part}.") and k.endswith(".weight")]:
        place = int(key.split(".")[1]) // 2
        weight = found[f"integer.{part}.{place}.weights"] / (1 << WEIGHT_BITS)
        if place < transposed:
            weight = weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
        bias = found[f"integer.{part}.{place}.biases"] / (1 << (WEIGHT_BITS + ACTIVATION_BITS))
        restored[key] = torch.from_numpy(weight.astype(np.float32))
        restored[key.removesuffix("weight") + "bias"] = torch.from_numpy(bias.astype(np.float32))
    return restored


def _restore(net: Bandwise, found: Mapping[str, NDArray[Any]], fit: bool) -> None:
    """Set a network to what its file of weights says; a file has the integers that coding uses, see `tensors_of`."""
    state = {k: torch.from_numpy(v.astype(np.float32)) for k, v in found.items()}
    own = net.state_dict()
    restored = {k: v for k, v in state.items() if k.startswith(floating(net))}
    for part, transposed in (("hyper_synthesis", 2), ("probabilities", 0)):
        restored |= _from_integers(part, found, own, transposed=transposed)
    gains = found["integer.gains"] / (1 << bandwise.GAIN_BITS)
    restored["gains"] = torch.from_numpy(_knots(np.log(gains)))
    restored["inverse_gains"] = torch.from_numpy(_knots(np.log(found["inverse_gains_at"]), sign=-1))
    restored |= {k: v for k, v in own.items() if k.startswith("hyper_prior.")}
    net.load_state_dict(restored)
    if net.sizes.hyper and fit:
        _fit(net.hyper_prior, found)


def _knots(logarithms: NDArray[np.floating], sign: int = 1) -> NDArray[np.float32]:
    """What gains `(quality, latent)` are beyond a factor two an octave, at knots an octave apart."""
    beyond = logarithms - sign * (np.arange(QUALITIES)[:, None] / PER_OCTAVE - 1) * math.log(2)
    knots = np.empty((KNOTS, beyond.shape[1]))
    knots[:-1] = beyond[::PER_OCTAVE]
    share = (QUALITIES - 1) % PER_OCTAVE / PER_OCTAVE
    knots[-1] = (beyond[-1] - (1 - share) * knots[-2]) / share
    return np.ascontiguousarray(knots.T, np.float32)


def _fit(prior: nn.Module, found: Mapping[str, NDArray[Any]]) -> None:
    """Teach a learned density what its tables say: the least cross entropy over the integers that they list."""
    cumulative, start, first = (found[f"integer.prior.{k}"].astype(np.int64) for k in ("cumulative", "start", "first"))
    count = len(first)
    longest = int(np.diff(start).max()) - 2
    masses, grid = np.zeros((count, longest), np.float32), np.zeros((count, 1, longest), np.float32)
    for channel in range(count):
        run = np.diff(cumulative[start[channel] : start[channel + 1]])[:-1]
        masses[channel, : len(run)] = run / run.sum()
        grid[channel, 0] = first[channel] + np.arange(longest)
    values, wanted = torch.from_numpy(grid), torch.from_numpy(masses)
    likelihood: Callable[[Tensor], Tensor] = prior.likelihood  # type: ignore[assignment]
    optimiser = torch.optim.Adam(prior.parameters(), 0.05)
    for _ in range(FITTED):
        loss = -(wanted * torch.log(likelihood(values)[:, 0].clamp(min=2.0**-20))).sum(1).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
