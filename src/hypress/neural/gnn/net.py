"""The generative network of Deng, Cen and Zhang (Remote Sensing 12, 3657, 2020): one latent code to one scene.

    latent (50), N(0, 1) ─► [fully connected] ─► cube (map, y / 2^B, x / 2^B)
                         ─► [conv 3 × 3, BN, ReLU, bilinear × 2] × B
                         ─► [conv 3 × 3, BN, ReLU] × 2 ─► conv ─► (band, y, x) in [−1, 1]

The paper draws no convolution after the last doubling; the sizes in its Table 2 leave room for some 0.8 million
weights that do not depend on the number of blocks, and without them nothing finer than two pixels can be drawn.

The latent being what it is, the fully connected layer always yields the same cube. So there are two forms of it:
`Full`, its weights, as published; and `Folded`, the cube itself, of which each number takes the place of 51 weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hypress.neural.gnn.blocks import HEAD, Block

Shape = tuple[int, int, int]


class Full(nn.Module):
    """The fully connected layer; `kept` is 0 for the neurons that were removed."""

    def __init__(self, shape: Shape, latent: Tensor) -> None:
        super().__init__()
        self.shape = shape
        self.linear = nn.Linear(latent.numel(), shape[0] * shape[1] * shape[2])
        self.latent = nn.Buffer(latent)
        self.kept = nn.Buffer(torch.ones(self.linear.out_features))

    def forward(self) -> Tensor:
        """The cube `(map, y, x)`."""
        return (self.linear(self.latent) * self.kept).reshape(self.shape)

    def norms(self) -> Tensor:
        """By which neurons are ranked: the L1 norm of each one's weights."""
        return self.linear.weight.detach().abs().sum(1)


class Folded(nn.Module):
    """The cube itself; `kept` is 0 for the neurons that were removed."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.cube = nn.Parameter(torch.zeros(shape))
        self.kept = nn.Buffer(torch.ones(self.cube.numel()))

    def forward(self) -> Tensor:
        """The cube `(map, y, x)`."""
        return self.cube * self.kept.reshape(self.cube.shape)

    def norms(self) -> Tensor:
        """Magnitudes: all that is left of a neuron's weights."""
        return self.cube.detach().abs().flatten()


First = Full | Folded


class Norm(nn.Module):
    """Batch normalisation over a single image, down to one of a single pixel, which PyTorch's own refuses."""

    EPSILON = 1e-5

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.seen: list[tuple[Tensor, Tensor]] | None = None
        """Means and variances, while they are collected."""

    def forward(self, maps: Tensor) -> Tensor:
        """`(1, channel, y, x)`, each channel brought to mean `shift` and deviation `scale`."""
        if self.seen is not None:
            self.seen.append((maps.mean((0, 2, 3)), maps.var((0, 2, 3), correction=0)))
        return torch.batch_norm(maps, self.scale, self.shift, None, None, True, 0.0, self.EPSILON, False)


class Gnn(nn.Module):
    """From first layers, one for each scene, to scenes."""

    def __init__(
        self, firsts: Sequence[First], maps: int, channels: int, bands: int, *, blocks: int, kernel: int, seed: int = 0
    ) -> None:
        """`kernel` is the edge of the last convolution: 1, or 3 as published."""
        super().__init__()
        inputs = [maps, *[channels] * (blocks + HEAD - 1)]
        self.firsts, self.convolutions = [*firsts], [nn.Conv2d(i, channels, 3, padding=1, bias=False) for i in inputs]
        self.norms = [Norm(channels) for _ in inputs]
        self.output = nn.Conv2d(channels, bands, kernel, padding=kernel // 2)
        self.layers = nn.ModuleList([*firsts, *self.convolutions, *self.norms])
        self._draw(torch.Generator().manual_seed(seed))

    def _draw(self, random: torch.Generator) -> None:
        """Start as PyTorch does, but from a generator of our own."""
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_uniform_(layer.weight, 5**0.5, generator=random)
                if layer.bias is not None:
                    bound = layer.weight[0].numel() ** -0.5
                    nn.init.uniform_(layer.bias, -bound, bound, generator=random)
            elif isinstance(layer, Folded):
                nn.init.normal_(layer.cube, generator=random)

    def forward(self, scene: int, block: Block) -> Tensor:
        """A block `(band, y, x)` of a scene."""
        weights = [(layer.weight, None) for layer in self.convolutions]
        return generate(self.firsts[scene](), weights, self.output.weight, self.output.bias, block, self.norms)

    @torch.no_grad()
    def folded(self, blocks: Sequence[tuple[int, Block]]) -> list[tuple[Tensor, Tensor]]:
        """Weights and biases of the convolutions, with batch normalisation as over these blocks of scenes folded in."""
        for norm in self.norms:
            norm.seen = []
        for scene, block in blocks:
            self(scene, block)
        found = []
        for layer, norm in zip(self.convolutions, self.norms, strict=True):
            means, variances = zip(*norm.seen or [], strict=True)
            mean, variance = torch.stack(means).mean(0), torch.stack(variances).mean(0)
            scale = norm.scale * torch.rsqrt(variance + norm.EPSILON)
            found.append((layer.weight * scale[:, None, None, None], norm.shift - mean * scale))
            norm.seen = None
        return found


def generate(
    cube: Tensor,
    layers: Sequence[tuple[Tensor, Tensor | None]],
    output: Tensor,
    bias: Tensor | None,
    block: Block,
    norms: Sequence[Norm] | None = None,
) -> Tensor:
    """A block `(band, y, x)` of a scene; without `norms` they are folded into weights and biases."""
    maps = cube[None, :, block.y.window, block.x.window]
    crops = [*zip(block.y.crops(), block.x.crops(), strict=True)]
    for place, (weight, offset) in enumerate(layers):
        maps = F.conv2d(maps, weight, offset, padding=1)
        maps = F.relu(maps if norms is None else norms[place](maps))
        if place < len(crops):
            rows, columns = crops[place]
            maps = F.interpolate(maps, scale_factor=2.0, mode="bilinear", align_corners=False)[:, :, rows, columns]
    found = F.conv2d(maps, output, bias, padding=output.shape[-1] // 2)
    return found[0, :, block.y.inner, block.x.inner]
