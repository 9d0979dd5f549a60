"""HiFiC for hyperspectral images, with squeeze-and-excitation or with 3-D convolutions.

After F. Mentzer, G. Toderici, M. Tschannen and E. Agustsson, "High-fidelity generative image compression" (NeurIPS
2020), as "Generative adversarial networks for spatio-spectral compression of hyperspectral images" (arXiv 2305.08514)
has it. With n = 60 · width:

    image (band, y, x) ─► conv n k7, CN, ReLU ─► 4 × [conv k3 /2, CN, ReLU] to 16 n ─► conv M k3 ─► y (M, y/16, x/16)
    y · gain ─► round ─► ŷ / gain ─► CN ─► conv 16 n k3, CN ─┬─► residual blocks ─► + ─► 4 × [conv k3 ×2, CN, ReLU]
                                                             └─────────────────────┘      ─► conv k7 ─► image
    y · gain ─► conv k3, ReLU, conv k5 /2, ReLU, conv k5 /2 ─► round ─► ẑ ─┬─► 2 × [conv k5 ×2, ReLU], conv k3 ─► mean
                                                                           └─► the same once more ─► scale

CN is `ChannelNorm`. `squeeze` puts a `Squeeze` before the first convolution of the encoder, after its norms, or after
all norms of encoder and generator; `cubes` makes the first convolution of the encoder and the last of the generator
3-D, or every one of both (`nets.cubes`).

One network serves all target rates: each latent channel has a gain for each (Z. Cui et al., "Asymmetric gained deep
image compression with continuous rate adaptation", CVPR 2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from hypress.neural.nets.bandwise import LEAST_SCALE, PER_E, SCALES, normal
from hypress.neural.nets.cubes import Cube, Joined, Windows
from hypress.neural.nets.factorised import Factorised
from hypress.neural.nets.hific_begin import CONSTANT, begin
from hypress.neural.nets.rounding import noisy, rounded
from hypress.neural.nets.sizes import FIRST_INDEX

FILTERS = 60
"""Of the first convolution, at width 1."""
STAGES = 4
STRIDE = 2**STAGES
"""Pixels along each side of what a latent vector stands for."""
TARGETS = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Bits per pixel of all bands together."""
FIRST_GAIN = 1.0
"""The logarithm of the least gain at the start."""
ESCAPE = 17
"""Bits that a latent takes about, where its table does not hold it."""
REDUCTION = 2
"""Of the neurons in the middle of a squeeze."""
OPEN = 4.0
"""The argument of a squeeze's sigmoid at the start: weights of nearly one."""
DEPTH = 4
"""Windows of bands that a 3-D convolution of the whole image sees one by one."""


@dataclass(frozen=True)
class Architecture:
    """Sizes of a network, by default as published but for the number of bands."""

    bands: int = 32
    """Channels of the image: a multiple of 8 for `cubes`."""
    width: float = 1.0
    """Of the published 60, 120, 240, 480 and 960 channels."""
    latents: int = 220
    hyper: int = 320
    """Filters of the hyperprior."""
    blocks: int = 9
    """Residual blocks."""
    squeeze: Literal["nowhere", "first", "encoder", "norms"] = "nowhere"
    """Before the first convolution; there and after each norm of the encoder; after each norm of both."""
    cubes: Literal["nowhere", "ends", "everywhere"] = "nowhere"
    """Which convolutions are 3-D."""
    targets: tuple[float, ...] = TARGETS

    def __post_init__(self) -> None:
        if min(self.bands, self.latents, self.hyper) < 1 or self.blocks < 0 or not 0 < self.width <= 4:
            raise ValueError(f"no network has these sizes: {self}")
        if self.cubes != "nowhere" and self.bands % (2 * DEPTH):
            raise ValueError(f"3-D convolutions need a multiple of {2 * DEPTH} bands, not {self.bands}")
        if not self.targets or self.targets[0] <= 0 or list(self.targets) != sorted(set(self.targets)):
            raise ValueError(f"target rates rise from above 0, unlike {self.targets}")

    def channels(self, stage: int) -> int:
        """After `stage` halvings; a multiple of 4, so that cubes have whole maps."""
        return max(DEPTH, round(FILTERS * 2**stage * self.width / DEPTH) * DEPTH)

    @property
    def full_channels(self) -> int:
        """Of the maps of all pixels: twice as many in 3-D, whose kernels see half of the bands."""
        return self.channels(0) * (1 if self.cubes == "nowhere" else 2)


class Hific(nn.Module):
    """Encoder, generator, and the probabilities of the latents."""

    def __init__(self, sizes: Architecture | None = None) -> None:
        super().__init__()
        self.sizes = sizes = sizes or Architecture()
        self.encoder, self.generator = Encoder(sizes), Generator(sizes)
        m, h = sizes.latents, sizes.hyper
        self.hyper_analysis = nn.Sequential(
            nn.Conv2d(m, h, 3, 1, 1), nn.ReLU(),
            nn.Conv2d(h, h, 5, 2, 2), nn.ReLU(),
            nn.Conv2d(h, h, 5, 2, 2),
        )  # fmt: skip
        self.mean_synthesis, self.scale_synthesis = _synthesis(m, h), _synthesis(m, h)
        self.hyper_prior = Factorised(h)
        # Logarithms to base 2, for each target rate.
        self.gains = nn.Parameter(FIRST_GAIN + torch.arange(len(sizes.targets)) / 2 + torch.zeros(m, 1))
        self.inverse_gains = nn.Parameter(-self.gains.detach().clone())
        begin(self)

    def gain(self, place: Tensor, *, inverse: bool = False) -> Tensor:
        """Factors `(image, latent, 1, 1)` for places `(image,)` among the target rates, 0 being the first."""
        knots = self.inverse_gains if inverse else self.gains
        below = place.long().clamp(0, max(knots.shape[1] - 2, 0))
        above = (below + 1).clamp(max=knots.shape[1] - 1)
        share = place - below
        return torch.exp2(knots[:, below] * (1 - share) + knots[:, above] * share).T[:, :, None, None]

    def forward(self, images: Tensor, place: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Decoded images `(image, band, y, x)`, their latents, and the bits of each image.

        In training the bits are those of latents with noise, of which there is a gradient; else what the coder takes.
        """
        varied = noisy if self.training else rounded
        latents = self.encoder(images)
        with torch.autocast(images.device.type, enabled=False):
            y = latents.float() * self.gain(place)
            z = self.hyper_analysis(y)
            bits = self.hyper_prior.bits(varied(z))
            mean, scale = self.distribution(rounded(z), y.shape[2:])
            bits = bits + latent_bits(varied(y - mean), scale)
            decoded = (rounded(y - mean) + mean) * self.gain(place, inverse=True)
        return self.generator(decoded), decoded, bits

    def distribution(self, z: Tensor, size: torch.Size) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each latent, of so many rows and columns."""
        mean, index = (net(z)[:, :, : size[0], : size[1]] for net in (self.mean_synthesis, self.scale_synthesis))
        return mean, LEAST_SCALE * torch.exp((index + FIRST_INDEX).clamp(0, SCALES - 1) / PER_E)

    def sparsity(self) -> Tensor:
        """The L1 norm of the weights of all squeezes, per weight."""
        layers = [w for module in self.modules() if isinstance(module, Squeeze) for w in module.matrices()]
        if not layers:
            return self.gains.new_zeros(())
        return sum((w.abs().sum() for w in layers), start=self.gains.new_zeros(())) / sum(w.numel() for w in layers)


class Encoder(nn.Sequential):
    """`(image, band, y, x)` to `(image, latent, y / 16, x / 16)`."""

    def __init__(self, sizes: Architecture) -> None:
        squeezed = sizes.squeeze in ("encoder", "norms")
        layers: list[nn.Module] = []
        if sizes.squeeze in ("first", "encoder"):
            layers.append(Squeeze(sizes.bands))
        widths = [sizes.full_channels, *(sizes.channels(stage) for stage in range(1, STAGES + 1))]
        layers += [_first(sizes), *_normalised(widths[0], squeezed), nn.ReLU()]
        for before, after in pairwise(widths):
            layers += [_conv(sizes, before, after, stride=2), *_normalised(after, squeezed), nn.ReLU()]
        super().__init__(*layers, nn.Conv2d(sizes.channels(STAGES), sizes.latents, 3, padding=1))


class Generator(nn.Module):
    """`(image, latent, y, x)` to `(image, band, 16 y, 16 x)`."""

    def __init__(self, sizes: Architecture) -> None:
        super().__init__()
        squeezed, top = sizes.squeeze == "norms", sizes.channels(STAGES)
        self.head = nn.Sequential(
            ChannelNorm(sizes.latents), nn.Conv2d(sizes.latents, top, 3, padding=1), *_normalised(top, squeezed)
        )
        self.blocks = nn.Sequential(*(Residual(sizes, top, squeezed) for _ in range(sizes.blocks)))
        tail: list[nn.Module] = []
        widths = [sizes.full_channels, *(sizes.channels(stage) for stage in range(1, STAGES + 1))]
        for before, after in pairwise(reversed(widths)):
            tail += [_conv(sizes, before, after, up=2), *_normalised(after, squeezed), nn.ReLU()]
        self.tail = nn.Sequential(*tail, _last(sizes))

    def forward(self, latents: Tensor) -> Tensor:
        """As the class says."""
        head = self.head(latents)
        return self.tail(self.blocks(head) + head)


class Residual(nn.Module):
    """conv, CN, ReLU, conv, CN; added to what came in."""

    def __init__(self, sizes: Architecture, width: int, squeezed: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _conv(sizes, width, width), *_normalised(width, squeezed), nn.ReLU(),
            _conv(sizes, width, width), *_normalised(width, squeezed, start=0.0),
        )  # fmt: skip

    def forward(self, maps: Tensor) -> Tensor:
        """The same shape."""
        return maps + self.body(maps)


class ChannelNorm(nn.Module):
    """Each pixel brought to mean 0 and variance 1 over its channels, then scaled and shifted by channel."""

    EPSILON = 1e-3

    def __init__(self, channels: int, start: float = CONSTANT) -> None:
        """`start` is what the scale is at first; 0 for residuals that begin as nothing."""
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.full((channels,), start)), nn.Parameter(torch.zeros(channels))

    def forward(self, maps: Tensor) -> Tensor:
        """The same shape."""
        variance, mean = torch.var_mean(maps, 1, keepdim=True)
        factor = torch.rsqrt(variance + self.EPSILON)
        return (maps - mean) * factor * self.scale[:, None, None] + self.shift[:, None, None]


class Squeeze(nn.Module):
    """Squeeze-and-excitation: each channel times a weight in (0, 1) that the means of all channels give.

    J. Hu, L. Shen and G. Sun, "Squeeze-and-excitation networks" (CVPR 2018).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(1, channels // REDUCTION)
        self.down, self.up = nn.Linear(channels, inner), nn.Linear(inner, channels)
        nn.init.constant_(self.up.bias, OPEN)

    def forward(self, maps: Tensor) -> Tensor:
        """The same shape."""
        weight = torch.sigmoid(self.up(torch.relu(self.down(maps.mean((2, 3))))))
        return maps * weight[:, :, None, None]

    def matrices(self) -> tuple[Tensor, Tensor]:
        """Whose entries are to be few."""
        return self.down.weight, self.up.weight


def latent_bits(values: Tensor, scale: Tensor) -> Tensor:
    """Bits of each image's values, as integers of a normal distribution, or as escapes from it."""
    magnitude = values.abs()
    likelihood = normal((0.5 - magnitude) / scale) - normal((-0.5 - magnitude) / scale)
    return -torch.log2(likelihood.clamp(min=2.0**-ESCAPE)).flatten(1).sum(1)


# --- parts ------------------------------------------------------------------------------------------------


def _normalised(channels: int, squeezed: bool, start: float = CONSTANT) -> list[nn.Module]:
    return [ChannelNorm(channels, start), *([Squeeze(channels)] if squeezed else [])]


def _first(sizes: Architecture) -> nn.Module:
    if sizes.cubes == "nowhere":
        return nn.Conv2d(sizes.bands, sizes.full_channels, 7, padding=3)
    return Windows(sizes.bands, sizes.full_channels // DEPTH, 7, DEPTH)


def _last(sizes: Architecture) -> nn.Module:
    if sizes.cubes == "nowhere":
        return nn.Conv2d(sizes.full_channels, sizes.bands, 7, padding=3)
    return Joined(sizes.full_channels // DEPTH, sizes.bands, 7, DEPTH)


def _conv(sizes: Architecture, before: int, after: int, stride: int = 1, up: int = 1) -> nn.Module:
    if sizes.cubes == "everywhere":
        return Cube(before // DEPTH, after // DEPTH, DEPTH, stride, up)
    if up > 1:
        return nn.ConvTranspose2d(before, after, 3, up, 1, output_padding=up - 1)
    return nn.Conv2d(before, after, 3, stride, 1)


def _synthesis(latents: int, hyper: int) -> nn.Sequential:
    last = nn.Conv2d(hyper, latents, 3, padding=1)
    nn.init.normal_(last.weight, std=0.1 / hyper)
    nn.init.zeros_(last.bias)  # type: ignore[arg-type]
    return nn.Sequential(_double(hyper), nn.ReLU(), _double(hyper), nn.ReLU(), last)


def _double(hyper: int) -> nn.Module:
    return nn.ConvTranspose2d(hyper, hyper, 5, 2, 2, output_padding=1)
