"""How HiFiC begins: as a wavelet packet transform, so that training improves on something.

From random weights the generator's first lesson is that its input is noise; it learns to ignore it, and no gradient
reaches the encoder any more. Here the network is at first nearly linear and roughly its own inverse:

- the first convolution takes cosines of the spectrum, the last puts them together again;
- every halving is a Haar transform of 2 × 2 pixels, of which the parts that are likely to be large are kept;
- maps come in mirrored halves, so that behind a ReLU nothing is lost (D. Balduzzi et al., "The shattered gradients
  problem", ICML 2017);
- a norm over channels would take away how much a pixel differs from the mean, so two of its maps are large constants;
- residual blocks begin as nothing, squeezes as weights that the norms before them make good.

All of it is learnt further, and the weights that are zero in this begin as a little noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hypress.neural.nets.cubes import Cube, Joined, Windows
from hypress.neural.nets.hific_sizes import STAGES, Architecture

CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)
CONSTANT = 2.0
"""What the constants add to the deviation that a norm divides by."""
NOISE = 0.002
"""Of the other weights, in the deviation that keeps the scale of random signals."""
HAAR = torch.tensor([[[1, 1], [1, 1]], [[1, 1], [-1, -1]], [[1, -1], [1, -1]], [[1, -1], [-1, 1]]]).float()
SMOOTH, ROUGH = (0.8, 0.085, 0.085, 0.03), (0.28, 0.28, 0.26, 0.18)
"""How the variance of a map divides among its means and differences: of an image, and of differences themselves."""
WAVES = (1.0, 0.05, 0.04, 0.02, 0.006)
"""Variances of the cosines of spectra whose bands have a deviation of one; the last for all that follow."""


@dataclass(frozen=True)
class Signal:
    """What a pair of mirrored maps holds at first."""

    variance: float
    shares: tuple[float, ...] = SMOOTH


@dataclass(frozen=True)
class Maps:
    """Mirrored halves of `count` maps, of which the last `constants` of each half are constant."""

    count: int
    constants: int = 1

    @property
    def signals(self) -> int:
        """Pairs that hold something."""
        return max(0, self.count // 2 - self.constants)

    @property
    def bias(self) -> Tensor:
        """Which makes the constants."""
        bias, half = torch.zeros(self.count), self.count // 2
        value = CONSTANT * math.sqrt(self.count / (2 * self.constants))
        bias[self.signals : half], bias[half + self.signals : 2 * half] = value, -value
        return bias

    def spread(self, rows: Tensor) -> Tensor:
        """Rows, one for each signal, as rows of all maps: with the other sign in the second half."""
        out, half = rows.new_zeros(self.count, *rows.shape[1:]), self.count // 2
        out[: len(rows)], out[half : half + len(rows)] = rows, -rows
        return out


@torch.no_grad()
def begin(
    sizes: Architecture, encoder: nn.Module, head: nn.Module, blocks: nn.Module, tail: nn.Module
) -> Tensor | None:
    """Set the weights of an encoder, and of the three parts of its generator.

    What comes back are the constants among the latents: `(latent,)`, of which the last two are not zero; None where
    there are no maps for them, or for any signal.
    """
    down, up = _layers(encoder), _layers(tail)
    depth = 1 if sizes.cubes == "nowhere" else _depth(down[0])
    each = depth if sizes.cubes == "everywhere" else 1
    first = Maps(sizes.full_channels, depth)
    if not first.signals:
        return None
    for part in (encoder, head, blocks, tail):
        for module in part.modules():
            if isinstance(module, CONVOLUTIONS):
                _make_noise(module)
    signals, matrix = _spectrum(down[0], up[-1], first, sizes.cubes == "ends")
    maps = first if each == 1 else Maps(first.count // each)
    for stage, (layer, back) in enumerate(zip(down[1:-1], up[-2::-1], strict=True)):
        after = Maps(_outputs(layer))
        parts = [(s.variance * share, j, k) for j, s in enumerate(signals) for k, share in enumerate(s.shares)]
        chosen = sorted(parts, key=lambda part: -part[0])[: after.signals]
        forwards, backwards = (torch.zeros(len(chosen), maps.signals, 2, 2) for _ in range(2))
        for row, (_, j, k) in enumerate(chosen):
            forwards[row, j], backwards[row, j] = HAAR[k] / 4, HAAR[k]
        if stage == 0 and matrix is not None:
            forwards = torch.einsum("ojyx,ji->oiyx", forwards, matrix)
            backwards = torch.einsum("ojyx,ij->oiyx", backwards, torch.linalg.inv(matrix))
        _kernel(layer)[:, :, 1:, 1:] += after.spread(maps.spread(forwards.transpose(0, 1)).transpose(0, 1))
        # What comes to the generator's first doubling is mirrored, not rectified, and its head twice.
        doubled = 4 if stage == len(down) - 3 else 1
        _kernel(back)[:, :, 1:, 1:] += after.spread(maps.spread(backwards.transpose(0, 1)).transpose(0, 1)) / doubled
        _bias(layer).copy_(after.bias)
        _bias(back).copy_(maps.bias)
        signals = [Signal(v, signals[j].shares if k == 0 else ROUGH) for v, j, k in chosen]
        maps = after
    return _bottleneck(sizes, down[-1], _layers(head)[0], each)


def _spectrum(encode: nn.Module, decode: nn.Module, maps: Maps, mixed: bool) -> tuple[list[Signal], Tensor | None]:
    """Set the ends; what the maps hold then, and how they are to be mixed before they are."""
    if isinstance(encode, Windows) and isinstance(decode, Joined):
        # Cosines of each window's own bands; then, for 2-D layers, cosines along the windows.
        stride, depth, count = encode.stride, encode.depth, maps.signals // encode.depth
        inside = slice(stride // 2, stride // 2 + stride)
        there, back = _cosines(count, stride)
        one = Maps(maps.count // depth)
        encode.windows.weight[:, inside, 3, 3] += one.spread(there)
        decode.windows.weight[inside, :, 3, 3] += one.spread(back.T).T
        _bias(encode.windows).copy_(one.bias)
        if mixed:
            waves = [Signal(_wave(depth * j + d)) for j in range(count) for d in range(depth)]
            return waves, torch.kron(torch.eye(count), _cosines(depth, depth)[0])
        return [Signal(_wave(depth * j)) for j in range(count)], None
    assert isinstance(encode, nn.Conv2d)
    assert isinstance(decode, nn.Conv2d)
    there, back = _cosines(maps.signals, encode.in_channels)
    encode.weight[:, :, 3, 3] += maps.spread(there)
    decode.weight[:, :, 3, 3] += maps.spread(back.T).T
    _bias(encode).copy_(maps.bias)
    return [Signal(_wave(k)) for k in range(maps.signals)], None


def _bottleneck(sizes: Architecture, last: nn.Module, head: nn.Module, each: int) -> Tensor | None:
    """Latents are the signals, and two constants, which come back; the head takes them back."""
    m, top = sizes.latents, sizes.channels(STAGES)
    assert isinstance(last, nn.Conv2d)
    assert isinstance(head, nn.Conv2d)
    maps = Maps(top // each)
    kept = min(maps.signals * each, m - 2)
    if kept < 1:
        return None
    half = top // 2
    for i in range(kept):
        last.weight[i, i, 1, 1], last.weight[i, half + i, 1, 1] = 1, -1
        head.weight[i, i, 1, 1], head.weight[half + i, i, 1, 1] = 1, -1
    constant = round(CONSTANT * math.sqrt(m / 2))
    constants = torch.zeros(m)
    constants[-2], constants[-1] = constant, -constant
    _bias(last).copy_(constants)
    _bias(head).copy_(maps.bias.repeat_interleave(each))
    return constants


def _cosines(count: int, length: int) -> tuple[Tensor, Tensor]:
    """The means `(cosine, place)` that take a spectrum apart, and `(place, cosine)` that put it together."""
    place = torch.arange(length) + 0.5
    waves = torch.cos(torch.pi / length * torch.arange(count)[:, None] * place)
    weight = torch.tensor([1.0] + [2.0] * (count - 1))
    return waves / length, (waves * weight[:, None]).T


def _wave(number: int) -> float:
    return WAVES[min(number, len(WAVES) - 1)]


def _make_noise(layer: nn.Module) -> None:
    assert isinstance(layer, CONVOLUTIONS)
    inputs = layer.weight.numel() / layer.out_channels
    layer.weight.normal_(0, NOISE * math.sqrt(2 / inputs))
    if layer.bias is not None:
        layer.bias.zero_()


def _layers(part: nn.Module) -> list[nn.Module]:
    """Convolutions, in order."""
    kinds = (*CONVOLUTIONS, Windows, Joined, Cube)
    return [m for m in part.children() if isinstance(m, kinds)]


def _depth(first: nn.Module) -> int:
    assert isinstance(first, Windows)
    return first.depth


def _plain(layer: nn.Module) -> nn.Module:
    return layer.conv if isinstance(layer, Cube) else layer


def _outputs(layer: nn.Module) -> int:
    plain = _plain(layer)
    assert isinstance(plain, CONVOLUTIONS)
    return plain.out_channels


def _kernel(layer: nn.Module) -> Tensor:
    """Weights as a view `(a, b, 3, 3)`, of a 3-D layer those of the same depth."""
    weight = _plain(layer).weight
    assert isinstance(weight, Tensor)
    return weight[:, :, 1] if weight.ndim == 5 else weight


def _bias(layer: nn.Module) -> Tensor:
    bias = _plain(layer).bias
    assert isinstance(bias, Tensor)
    return bias
