"""Layers of low rank: one convolution as two, of which the first has few maps and the second a kernel of one.

After M. Jaderberg, A. Vedaldi and A. Zisserman, "Speeding up convolutional neural networks with low rank expansions"
(BMVC 2014), in the form of X. Zhang et al. (IEEE TPAMI 38, 2016) that leaves the kernel whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
Convolution = nn.modules.conv._ConvNd


def factorise(net: nn.Module, ranks: Mapping[str, int]) -> None:
    """Put `pair` in the place of the convolutions that are named, such as `encoder.2`. Raises ValueError."""
    for name, rank in ranks.items():
        try:
            layer = net.get_submodule(name)
        except AttributeError:
            raise ValueError(f"ranks names {name!r}, which is no layer") from None
        if not isinstance(layer, Convolution) or rank < 1:
            raise ValueError(f"ranks: {name} cannot have rank {rank}")
        parent, _, last = name.rpartition(".")
        net.get_submodule(parent).register_module(last, pair(layer, rank))


def pair(layer: Convolution, rank: int) -> nn.Sequential:
    """Two layers in the shape of one, with weights not set."""
    about: dict[str, Any] = {
        "kernel_size": layer.kernel_size, "stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation,
    }  # fmt: skip
    if isinstance(layer, TRANSPOSED):
        about["output_padding"] = layer.output_padding
    device = layer.weight.device
    first: Any = type(layer)(layer.in_channels, rank, bias=False, device=device, **about)
    point = CONVOLUTIONS[len(layer.kernel_size) - 1]
    return nn.Sequential(first, point(rank, layer.out_channels, 1, bias=layer.bias is not None, device=device))
