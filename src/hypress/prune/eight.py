"""Weights in eight bits: which, and biases that make good what rounding did to the mean of what a layer makes.

Maps that are far from zero make a bias of the errors of the weights that read them. After M. Nagel, M. van Baalen,
T. Blankevoort and M. Welling, "Data-free quantization through weight equalization and bias correction" (ICCV 2019).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hypress.neural.nets.lowrank import TRANSPOSED, Convolution
from hypress.neural.packed import eight_bits
from hypress.prune.networks import floating

SMALL = 0.02
"""Layers with a smaller share of all weights stay in half precision: they are little to gain."""


def channels(net: nn.Module) -> dict[str, int]:
    """The axis of outgoing channels of the weights, by their names in the network, that are to be of eight bits."""
    layers = {
        name: layer
        for name, layer in net.named_modules()
        if isinstance(layer, Convolution | nn.Linear) and name.startswith(floating(net))
    }
    least = SMALL * sum(layer.weight.numel() for layer in layers.values())
    chosen = {name: layer for name, layer in layers.items() if layer.weight.numel() >= least}
    return {f"{name}.weight": int(isinstance(layer, TRANSPOSED)) for name, layer in chosen.items()}


@torch.no_grad()
def biases(net: nn.Module, module: nn.Module, batches: Iterable[Mapping[str, Tensor]]) -> dict[str, NDArray[Any]]:
    """The biases that layers of eight bits should have, by their names; `module` runs the network on batches."""
    axes, sums, counts = channels(net), dict[str, Tensor](), dict[str, int]()
    layers = {name: layer for name, layer in net.named_modules() if f"{name}.weight" in axes}
    hooks = []
    for name, layer in layers.items():

        def see(_: nn.Module, inputs: tuple[Tensor, ...], name: str = name) -> None:
            maps = inputs[0].float().flatten(2) if inputs[0].dim() > 2 else inputs[0].float()[:, :, None]
            sums[name] = sums.get(name, 0) + maps.mean((0, 2))
            counts[name] = counts.get(name, 0) + 1

        hooks.append(layer.register_forward_pre_hook(see))
    module.eval()
    for number, batch in enumerate(batches):
        torch.manual_seed(number)
        module(batch)
    for hook in hooks:
        hook.remove()
    found = {}
    for name in sums:
        layer, axis = layers[name], axes[f"{name}.weight"]
        if not isinstance(layer.bias, Tensor):
            continue
        weights = layer.weight.detach().cpu().numpy().astype(np.float16).astype(np.float32)  # type: ignore[operator]
        values, scales = eight_bits(weights, axis)
        error = np.moveaxis(values * scales - weights, axis, 0).reshape(
            weights.shape[axis], weights.shape[1 - axis], -1
        )
        # Of a transposed convolution each output meets one of so many taps.
        share = 1 / math.prod(layer.stride) if isinstance(layer, TRANSPOSED) else 1
        mean = (sums[name] / counts[name]).cpu().numpy()
        found[f"{name}.bias"] = layer.bias.detach().cpu().numpy() - share * (error.sum(2) @ mean)
    return found
