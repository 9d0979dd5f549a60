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

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from hypress.neural.nets.bandwise import LEAST_SCALE, PER_E, SCALES, normal
from hypress.neural.nets.cubes import Cube, Joined, Windows
from hypress.neural.nets.factorised import Factorised
from hypress.neural.nets.hific_begin import CONSTANT, begin
from hypress.neural.nets.hific_sizes import DEPTH, Architecture
from hypress.neural.nets.lowrank import factorise
from hypress.neural.nets.rounding import noisy, rounded
from hypress.neural.nets.sizes import FIRST_INDEX

FIRST_GAIN = 1.0
"""The logarithm of the least gain at the start."""
FIRST_SCALE = -10.0
"""Of a latent, in the logarithmic steps of scales from their usual beginning: a deviation of 0.4."""
ESCAPE = 16.5
"""Bits that a latent takes about, where its table does not hold it."""
OPEN = 0.9
"""The weights of a squeeze at the start."""


class Hific(nn.Module):
    """Encoder, generator, and the probabilities of the latents."""

    def __init__(self, sizes: Architecture | None = None) -> None:
        super().__init__()
        self.sizes = sizes = sizes or Architecture()
        hidden = sizes.hidden()
        squeezes = iter(hidden.squeezes)
        self.encoder, self.generator = Encoder(sizes, squeezes), Generator(sizes, squeezes)
        m, h = sizes.latents, sizes.hyper
        a, b = hidden.hyper_analysis
        self.hyper_analysis = nn.Sequential(
            nn.Conv2d(m, a, 3, 1, 1), nn.ReLU(),
            nn.Conv2d(a, b, 5, 2, 2), nn.ReLU(),
            nn.Conv2d(b, h, 5, 2, 2),
        )  # fmt: skip
        self.mean_synthesis = _synthesis(h, hidden.mean_synthesis, m)
        self.scale_synthesis = _synthesis(h, hidden.scale_synthesis, m)
        self.hyper_prior = Factorised(h)
        # Logarithms to base 2, for each target rate.
        self.gains = nn.Parameter(FIRST_GAIN + torch.arange(len(sizes.targets)) / 2 + torch.zeros(m, 1))
        self.inverse_gains = nn.Parameter(-self.gains.detach().clone())
        if sizes.widths is None:
            self._begin()
        factorise(self, sizes.ranks or {})

    def gain(self, place: Tensor, *, inverse: bool = False) -> Tensor:
        """Factors `(image, latent, 1, 1)` for places `(image,)` among the target rates, 0 being the first."""
        knots = self.inverse_gains if inverse else self.gains
        below = place.long().clamp(0, max(knots.shape[1] - 2, 0))
        above = (below + 1).clamp(max=knots.shape[1] - 1)
        share = place - below
        return torch.exp2(knots[:, below] * (1 - share) + knots[:, above] * share).T[:, :, None, None]

    def forward(self, images: Tensor, place: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Decoded images `(image, band, y, x)`, their latents, and twice the bits of each image.

        The first bits are, in training, those of latents with noise, of which there is a gradient; the second are what
        the coder takes, which for few bits is a third less.
        """
        latents = self.encoder(images)
        with torch.autocast(images.device.type, enabled=False):
            y = latents.float() * self.gain(place)
            z = self.hyper_analysis(y)
            mean, scale = self.distribution(rounded(z), y.shape[2:])
            taken = self.hyper_prior.bits(rounded(z)) + latent_bits(rounded(y - mean), scale)
            bits = self.hyper_prior.bits(noisy(z)) + latent_bits(noisy(y - mean), scale) if self.training else taken
            decoded = (rounded(y - mean) + mean) * self.gain(place, inverse=True)
        return self.generator(decoded), decoded, bits, taken.detach()

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

    @torch.no_grad()
    def _begin(self) -> None:
        """As `hific_begin` says. Latents that are constants are the same at every rate, and known."""
        parts = self.generator
        constants = begin(self.sizes, self.encoder, parts.head, parts.blocks, parts.tail)
        if constants is not None:
            mean, scale = ([*net.parameters()][-1] for net in (self.mean_synthesis, self.scale_synthesis))  # biases
            mean.copy_(constants)
            scale.fill_(FIRST_SCALE)
            self.gains[-2:], self.inverse_gains[-2:] = 0, 0


class Encoder(nn.Sequential):
    """`(image, band, y, x)` to `(image, latent, y / 16, x / 16)`."""

    def __init__(self, sizes: Architecture, squeezes: Iterator[int]) -> None:
        """`squeezes` gives the neurons of each squeeze."""
        widths, usual = sizes.hidden().encoder, sizes.usual().encoder
        inner = squeezes if sizes.squeeze in ("encoder", "norms") else None
        layers: list[nn.Module] = []
        if sizes.squeeze in ("first", "encoder"):
            layers.append(Squeeze(sizes.bands, next(squeezes)))
        for place, (width, of) in enumerate(zip(widths, usual, strict=True)):
            layers.append(_conv(sizes, widths[place - 1], width, stride=2) if place else _first(sizes, width))
            layers += [*_normalised(width, of, inner), nn.ReLU()]
        super().__init__(*layers, nn.Conv2d(widths[-1], sizes.latents, 3, padding=1))


class Generator(nn.Module):
    """`(image, latent, y, x)` to `(image, band, 16 y, 16 x)`."""

    def __init__(self, sizes: Architecture, squeezes: Iterator[int]) -> None:
        """`squeezes` gives the neurons of each squeeze."""
        super().__init__()
        widths, usual = sizes.hidden().generator, sizes.usual().generator
        inner, m, top = squeezes if sizes.squeeze == "norms" else None, sizes.latents, widths[0]
        self.head = nn.Sequential(
            ChannelNorm(m, m), nn.Conv2d(m, top, 3, padding=1), *_normalised(top, usual[0], inner)
        )
        self.blocks = nn.Sequential(
            *(Residual(sizes, (top, usual[0]), (widths[b], usual[b]), inner) for b in range(1, 1 + sizes.blocks))
        )
        tail: list[nn.Module] = []
        before = top
        for width, of in list(zip(widths, usual, strict=True))[1 + sizes.blocks :]:
            tail += [_conv(sizes, before, width, up=2), *_normalised(width, of, inner), nn.ReLU()]
            before = width
        self.tail = nn.Sequential(*tail, _last(sizes, before))

    def forward(self, latents: Tensor) -> Tensor:
        """As the class says."""
        head = self.head(latents)
        return self.tail(self.blocks(head) + head)


class Residual(nn.Module):
    """conv, CN, ReLU, conv, CN; added to what came in."""

    def __init__(
        self, sizes: Architecture, outer: tuple[int, int], inner: tuple[int, int], squeezes: Iterator[int] | None
    ) -> None:
        """Channels of what comes in, and between the convolutions, each with their usual number."""
        super().__init__()
        self.body = nn.Sequential(
            _conv(sizes, outer[0], inner[0]), *_normalised(*inner, squeezes), nn.ReLU(),
            _conv(sizes, inner[0], outer[0]), *_normalised(*outer, squeezes, start=0.0),
        )  # fmt: skip

    def forward(self, maps: Tensor) -> Tensor:
        """The same shape."""
        return maps + self.body(maps)


class ChannelNorm(nn.Module):
    """Each pixel brought to mean 0 and variance 1 over its channels, then scaled and shifted by channel.

    Channels that pruning took away count as zeros: what is left is normalised as it was when they were zero.
    """

    EPSILON = 1e-3

    def __init__(self, channels: int, of: int, start: float = CONSTANT) -> None:
        """`of` channels count; `start` is what the scale is at first: 0 for residuals that begin as nothing."""
        super().__init__()
        self.of = of
        self.scale, self.shift = nn.Parameter(torch.full((channels,), start)), nn.Parameter(torch.zeros(channels))

    def forward(self, maps: Tensor) -> Tensor:
        """The same shape."""
        gone = self.of - maps.shape[1]
        if gone:
            mean = maps.sum(1, keepdim=True) / self.of
            variance = ((maps - mean).square().sum(1, keepdim=True) + gone * mean.square()) / (self.of - 1)
        else:
            variance, mean = torch.var_mean(maps, 1, keepdim=True)
        factor = torch.rsqrt(variance + self.EPSILON)
        return (maps - mean) * factor * self.scale[:, None, None] + self.shift[:, None, None]


class Squeeze(nn.Module):
    """Squeeze-and-excitation: each channel times a weight in (0, 1) that the means of all channels give.

    J. Hu, L. Shen and G. Sun, "Squeeze-and-excitation networks" (CVPR 2018).
    """

    def __init__(self, channels: int, inner: int) -> None:
        """`inner` neurons in the middle."""
        super().__init__()
        self.down, self.up = nn.Linear(channels, inner), nn.Linear(inner, channels)
        nn.init.zeros_(self.up.weight)
        nn.init.constant_(self.up.bias, math.log(OPEN / (1 - OPEN)))

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


def _normalised(channels: int, of: int, squeezes: Iterator[int] | None, start: float = CONSTANT) -> list[nn.Module]:
    """The norm of channels that usually are `of`, and a squeeze, if there are any here."""
    if squeezes is None:
        return [ChannelNorm(channels, of, start)]
    return [ChannelNorm(channels, of, start / OPEN), Squeeze(channels, next(squeezes))]


def _first(sizes: Architecture, channels: int) -> nn.Module:
    if sizes.cubes == "nowhere":
        return nn.Conv2d(sizes.bands, channels, 7, padding=3)
    return Windows(sizes.bands, channels // DEPTH, 7, DEPTH)


def _last(sizes: Architecture, channels: int) -> nn.Module:
    if sizes.cubes == "nowhere":
        return nn.Conv2d(channels, sizes.bands, 7, padding=3)
    return Joined(channels // DEPTH, sizes.bands, 7, DEPTH)


def _conv(sizes: Architecture, before: int, after: int, stride: int = 1, up: int = 1) -> nn.Module:
    if sizes.cubes == "everywhere":
        return Cube(before // DEPTH, after // DEPTH, DEPTH, stride, up)
    if up > 1:
        return nn.ConvTranspose2d(before, after, 3, up, 1, output_padding=up - 1)
    return nn.Conv2d(before, after, 3, stride, 1)


def _synthesis(hyper: int, between: tuple[int, ...], latents: int) -> nn.Sequential:
    a, b = between
    last = nn.Conv2d(b, latents, 3, padding=1)
    nn.init.normal_(last.weight, std=0.1 / b)
    nn.init.zeros_(last.bias)  # type: ignore[arg-type]
    return nn.Sequential(_double(hyper, a), nn.ReLU(), _double(a, b), nn.ReLU(), last)


def _double(before: int, after: int) -> nn.Module:
    return nn.ConvTranspose2d(before, after, 5, 2, 2, output_padding=1)
