"""What a network costs: parameters, and multiplications with an addition (MACs) for each sample, there and back."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hypress.neural.nets.bandwise import Bandwise
from hypress.neural.nets.cae1d import Cae1d
from hypress.neural.nets.gdn import Gdn
from hypress.neural.nets.hific import Hific
from hypress.neural.nets.lowrank import TRANSPOSED, Convolution
from hypress.neural.nets.sscnet import SscNet

EDGE = 64
"""Pixels along each side, and bands where their number is free, of the scene that is counted on."""


@dataclass(frozen=True)
class Counts:
    """Of one network."""

    parameters: int
    nonzero: int
    macs_per_sample: float


def counts(net: nn.Module) -> Counts:
    """Parameters are what training sets; MACs are those of convolutions and GDNs, zeros among the weights included.

    Samples are those of the network: of hific, whatever the bands of a scene, those of its channels.
    """
    every = list(net.parameters())
    return Counts(
        parameters=sum(p.numel() for p in every),
        nonzero=sum(int(torch.count_nonzero(p)) for p in every),
        macs_per_sample=_macs(net),
    )


@torch.no_grad()
def _macs(net: nn.Module) -> float:
    """Counted on the shapes alone: nothing is computed."""
    total = 0

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(layer, Convolution):
            over = inputs[0] if isinstance(layer, TRANSPOSED) else output
            total += math.prod(over.shape) // over.shape[1] * layer.weight.numel()
        elif isinstance(layer, Gdn):
            total += math.prod(output.shape) * output.shape[1]

    ghost = copy.deepcopy(net).to("meta").eval()
    for layer in ghost.modules():
        layer.register_forward_hook(count)
    samples = _pass(ghost)
    return total / samples


def _pass(net: nn.Module) -> int:
    """Send a scene through every chain once, as coding does; how many samples it has."""
    if isinstance(net, Bandwise):
        y = net.analysis(torch.zeros(1, 1, EDGE, EDGE, device="meta"))
        told = [y.new_zeros(1, net.sizes.references * (net.sizes.latents + 1) + 1, *y.shape[2:])]
        if net.sizes.hyper:
            told.append(net.hyper_synthesis(net.hyper_analysis(y))[:, :, : y.shape[2], : y.shape[3]])
        net.probabilities(torch.cat(told, 1))
        net.synthesis(y)
        return EDGE**2
    if isinstance(net, Hific):
        y = net.encoder(torch.zeros(1, net.sizes.bands, EDGE, EDGE, device="meta"))
        z = net.hyper_analysis(y)
        for part in (net.mean_synthesis, net.scale_synthesis):
            part(z)
        net.generator(y)
        return net.sizes.bands * EDGE**2
    net(torch.zeros(_shape(net), device="meta"))
    return math.prod(_shape(net))


def _shape(net: nn.Module) -> tuple[int, ...]:
    """Of a batch of one."""
    if isinstance(net, Cae1d):
        return 1, 1, EDGE
    if isinstance(net, SscNet):
        return 1, net.bands, EDGE, EDGE
    return 1, 1, EDGE, EDGE, EDGE
