"""A network on a GPU, to be timed and weighed. Codecs compute on the processor, where tiles are coded side by side."""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import numpy as np
import torch

from hypress.neural.engine_torch import TorchNetwork
from hypress.neural.networks import Maps

T = TypeVar("T")


class OnGpu:
    """See `networks.Network`: a copy of a network of torch's. What goes there and comes back is timed with it."""

    def __init__(self, net: TorchNetwork, device: str) -> None:
        self._key, self.device, self.parts = (net.key, device), device, copy.deepcopy(net.parts)
        for part in self.parts.values():
            module: Any = getattr(part, "__self__", part)  # it is one of its methods, or itself
            module.to(device)

    @property
    def key(self) -> Hashable:
        """Of the weights, and of the device."""
        return self._key

    def run(self, part: str, batch: Maps) -> Maps:
        """Back when it is done."""
        with torch.inference_mode():
            out: Maps = self.parts[part](torch.from_numpy(np.ascontiguousarray(batch)).to(self.device)).cpu().numpy()
        return out


def warm(device: str) -> None:
    """Let libraries load what they load once."""
    for layer, shape in ((torch.nn.Conv1d, (1, 16, 16)), (torch.nn.Conv2d, (1, 16, 16, 16))):
        layer(16, 16, 3).to(device)(torch.zeros(shape, device=device)).cpu()


def peak_allocated(work: Callable[[], T], device: str) -> tuple[T, int]:
    """What `work` returns, and how many bytes more were allocated on the GPU at most than before."""
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    return work(), torch.cuda.max_memory_allocated(device) - before
