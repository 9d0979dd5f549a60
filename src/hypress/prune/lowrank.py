"""Layers of low rank: each convolution as the two thin ones that come nearest to it.

After X. Zhang, J. Zou, K. He and J. Sun, "Accelerating very deep convolutional networks for classification and
detection" (IEEE TPAMI 38, 2016), by a singular value decomposition of the weights as `(out, in · kernel)`.
"""

from __future__ import annotations

import torch
from torch import nn

from hypress.errors import ConfigurationError
from hypress.neural.nets.lowrank import TRANSPOSED, Convolution, pair
from hypress.prune.networks import floating

LEAST = 4096
"""Layers of fewer weights are left as they are."""


def make_low_rank(net: nn.Module, share: float) -> dict[str, int]:
    """Give each large layer so low a rank that it has `share` of its weights; the ranks, by the names of layers.

    What decides probabilities stays as it is, see `neural.fixedpoint`. Raises ConfigurationError where the share is not
    in (0, 1).
    """
    if not 0 < share < 1:
        raise ConfigurationError(f"low rank takes a share of the weights between 0 and 1, not {share:g}")
    ranks, parts = dict[str, int](), floating(net)
    for name, layer in list(net.named_modules()):
        inside = isinstance(net.get_submodule(name.rpartition(".")[0]), nn.Sequential)
        if not isinstance(layer, Convolution) or not inside or not name.startswith(parts):
            continue
        if layer.weight.numel() < LEAST:
            continue
        taps = layer.weight[0, 0].numel()
        if taps == 1:
            continue
        rank = int(share * layer.weight.numel() / (layer.in_channels * taps + layer.out_channels))
        if rank >= 1:
            parent, _, last = name.rpartition(".")
            net.get_submodule(parent).register_module(last, _split(layer, rank))
            ranks[name] = rank
    return ranks


@torch.no_grad()
def _split(layer: Convolution, rank: int) -> nn.Sequential:
    turned = layer.weight.transpose(0, 1) if isinstance(layer, TRANSPOSED) else layer.weight  # (out, in, …)
    left, values, right = torch.linalg.svd(turned.flatten(1), full_matrices=False)
    root = values[:rank].sqrt()
    first = (root[:, None] * right[:rank]).view(rank, *turned.shape[1:])
    both = pair(layer, rank)
    thin, point = both[0], both[1]
    assert isinstance(thin, Convolution)
    assert isinstance(point, Convolution)
    thin.weight.copy_(first.transpose(0, 1) if isinstance(layer, TRANSPOSED) else first)
    point.weight.copy_((left[:, :rank] * root).view(point.weight.shape))
    if layer.bias is not None and point.bias is not None:
        point.bias.copy_(layer.bias)
    return both
