"""A small hyperprior network for single bands, told what bands like it were.

After J. Ballé, D. Minnen, S. Singh, S. J. Hwang and N. Johnston, "Variational image compression with a scale
hyperprior" (ICLR 2018), in the small form of S. Mijares i Verdú et al. (48 filters, one band at a time):

    band ─► conv 9×9 /4, GDN ─► conv 5×5 /2 ─► · gain(quality) ─► round ─► ŷ
    ŷ ─► / gain ─► conv 5×5 ×2, IGDN ─► conv 9×9 ×4 ─► band
    |y| ─► conv 3×3 ─► conv 5×5 /2 ─► conv 5×5 /2 ─► round ─► ẑ ─► hyper-synthesis ─► features
    features, ρ₁ ŷ₁, ρ₂ ŷ₂ ─► pointwise ─► mean, scale of y

ŷ₁ and ŷ₂ are the latents of two bands that were coded before, and ρ their correlations with this one. The published
network has three layers, /4, /2, /2, and as many latents as filters: `Architecture(strides=(4, 2, 2), latents=48)`.
One network serves all qualities: each latent channel has a gain for each (Z. Cui et al., "Asymmetric gained deep image
compression with continuous rate adaptation", CVPR 2021). All that decides probabilities runs in fixed point when
coding, see `neural.fixedpoint`.

At the start the network of two layers is the 8 × 8 cosine transform: training begins where JPEG ends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hypress.neural.nets.factorised import Factorised
from hypress.neural.nets.gdn import Gdn
from hypress.neural.nets.lowrank import factorise
from hypress.neural.nets.rounding import noisy, rounded
from hypress.neural.nets.sizes import FARTHEST as FARTHEST
from hypress.neural.nets.sizes import FIRST_INDEX as FIRST_INDEX
from hypress.neural.nets.sizes import PER_OCTAVE as PER_OCTAVE
from hypress.neural.nets.sizes import QUALITIES as QUALITIES
from hypress.neural.nets.sizes import REFERENCES as REFERENCES
from hypress.neural.nets.sizes import Architecture as Architecture

LEAST_SCALE, PER_E, SCALES = 0.11, 8, 64
"""Scale i is 0.11 exp(i / 8)."""
KNOTS = 10
"""Qualities between which gains are interpolated, an octave apart."""


class Bandwise(nn.Module):
    """Analysis, synthesis, and the probabilities of the latents."""

    def __init__(self, sizes: Architecture | None = None) -> None:
        super().__init__()
        self.sizes = sizes = sizes or Architecture()
        m, h, hidden = sizes.latents, sizes.hyper, sizes.hidden()
        analysis: list[nn.Module] = []
        synthesis: list[nn.Module] = []
        last = len(sizes.strides) - 1
        downs, ups = (1, *hidden.analysis, m), (m, *hidden.synthesis, 1)
        for i, stride in enumerate(sizes.strides):
            kernel, back = 9 if i == 0 else 5, last - i
            down = nn.Conv2d(downs[i], downs[i + 1], kernel, stride, kernel // 2, bias=i < last)
            analysis += [down] if i == last else [down, Gdn(downs[i + 1])]
            up = _up(ups[back], ups[back + 1], kernel, stride)
            synthesis = [up] if i == 0 else [up, Gdn(ups[back + 1], inverse=True), *synthesis]
        self.analysis, self.synthesis = nn.Sequential(*analysis), nn.Sequential(*synthesis)
        if sizes.strides == (4, 2) and m >= 64 and sizes.filters >= 16 and sizes.widths is None:
            self._begin_as_cosine_transform()
        # Logarithms of what a gain is beyond 2^(q / 16), at each knot.
        self.gains = nn.Parameter(torch.zeros(m, KNOTS))
        self.inverse_gains = nn.Parameter(torch.zeros(m, KNOTS))
        if h:
            a, b = hidden.hyper_analysis
            self.hyper_analysis = nn.Sequential(
                nn.Conv2d(m, a, 3, 1, 1), nn.ReLU(), nn.Conv2d(a, b, 5, 2, 2), nn.ReLU(), nn.Conv2d(b, h, 5, 2, 2)
            )
            a, b = hidden.hyper_synthesis
            self.hyper_synthesis = nn.Sequential(
                _up(h, a, 5, 2), nn.ReLU(), _up(a, b, 5, 2), nn.ReLU(), nn.Conv2d(b, h, 3, 1, 1), nn.ReLU()
            )
            self.hyper_prior = Factorised(h)
        told, (a, b) = h + sizes.references * (m + 1) + 1, hidden.probabilities
        self.probabilities = nn.Sequential(
            nn.Conv2d(told, a, 1), nn.ReLU(), nn.Conv2d(a, b, 1), nn.ReLU(), nn.Conv2d(b, 2 * m, 1)
        )
        factorise(self, sizes.ranks or {})

    @torch.no_grad()
    def _begin_as_cosine_transform(self) -> None:
        """Of 8 × 8 pixels: by rows and columns of 4 × 4 first, which the second layer takes together."""
        four, eight = _cosines(4), _cosines(8)
        first = torch.einsum("ay,bx->abyx", four, four).reshape(16, 4, 4)
        for layer in (self.analysis[0], self.synthesis[-1]):
            weight = _weight(layer)
            weight *= 0.1
            weight[:16] = 0
            weight[:16, 0, 4:8, 4:8] = first
        # An 8 × 8 cosine, seen through the 4 × 4 cosines of its quarters.
        halves = torch.stack([eight[:, 4 * half : 4 * half + 4] @ four.T for half in range(2)])  # (half, 8, 4)
        second = torch.einsum("hua,kvb->uvabhk", halves, halves).reshape(64, 16, 2, 2)
        for layer in (self.analysis[-1], self.synthesis[0]):
            weight = _weight(layer)
            weight *= 0.1
            weight[:64, :16] = 0
            weight[:64, :16, 2:4, 2:4] = second
        for module in self.modules():
            if isinstance(module, Gdn):
                module.gamma.mul_(0.1)
            elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module.bias is not None:
                module.bias.zero_()

    def gain(self, quality: Tensor, *, inverse: bool = False) -> Tensor:
        """Factors `(image, latent, 1, 1)` for qualities `(image,)`."""
        knots = self.inverse_gains if inverse else self.gains
        place = (quality / PER_OCTAVE).clamp(0, KNOTS - 1 - 1e-4)
        below = place.floor().long()
        share = (place - below).unsqueeze(1)
        beyond = knots[:, below].T * (1 - share) + knots[:, below + 1].T * share
        power = (quality / PER_OCTAVE - 1).unsqueeze(1) * math.log(2)
        return torch.exp(beyond - power if inverse else beyond + power)[:, :, None, None]

    def forward(self, bands: Tensor, quality: Tensor, correlation: Tensor) -> tuple[Tensor, Tensor]:
        """For training: decoded bands `(batch, sequence, y, x)`, and the bits of each `(batch, sequence)`.

        `bands` are in their standard deviations, with qualities `(batch, sequence)`. The references of a band are
        those before it in the sequence; `correlation` with them is `(batch, sequence, reference)`.
        """
        batch, length, rows, columns = bands.shape
        flat, q = bands.reshape(-1, 1, rows, columns), quality.reshape(-1)
        gain = self.gain(q)
        y = self.analysis(flat) * gain
        hard = rounded(y)
        decoded = self.synthesis(hard * self.gain(q, inverse=True))
        features, bits = None, flat.new_zeros(len(flat))
        if self.sizes.hyper:
            z = self.hyper_analysis(torch.abs(y))
            bits = bits + self.hyper_prior.bits(noisy(z))
            features = self.hyper_synthesis(rounded(z))[:, :, : y.shape[2], : y.shape[3]]
        rho = correlation.flatten(0, 1)
        references = [r * gain.detach() for r in self._references((hard / gain).detach(), batch, length)]
        mean, scale = self.distribution(features, references, rho, q)
        bits = bits + gaussian_bits(noisy(y) - mean, scale)
        return decoded.view(batch, length, rows, columns), bits.view(batch, length)

    def distribution(
        self, features: Tensor | None, references: Sequence[Tensor], rho: Tensor, quality: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each latent; `rho (image, reference)`, `quality (image,)`."""
        told = [] if features is None else [features]
        like = references[0] if references else told[0]
        expected = [r * rho[:, i, None, None, None] for i, r in enumerate(references)]
        told += [e.clamp(-FARTHEST, FARTHEST) for e in expected]
        facts = torch.cat([rho, (quality / PER_OCTAVE).unsqueeze(1)], 1)[:, :, None, None]
        told.append(facts.expand(-1, -1, *like.shape[2:]))
        mean, index = self.probabilities(torch.cat(told, 1)).chunk(2, 1)
        if expected:
            mean = mean + expected[0]
        return mean, LEAST_SCALE * torch.exp((index + FIRST_INDEX).clamp(0, SCALES - 1) / PER_E)

    def _references(self, latents: Tensor, batch: int, length: int) -> list[Tensor]:
        """Latents of the bands before each, nearest first; zero before the first."""
        sequence = latents.view(batch, length, *latents.shape[1:])
        found = []
        for distance in range(1, self.sizes.references + 1):
            moved = torch.zeros_like(sequence)
            moved[:, distance:] = sequence[:, :-distance]
            found.append(moved.flatten(0, 1))
        return found


def gaussian_bits(values: Tensor, scale: Tensor) -> Tensor:
    """Bits of each image's values, as integers of a normal distribution."""
    magnitude = values.abs()
    likelihood = normal((0.5 - magnitude) / scale) - normal((-0.5 - magnitude) / scale)
    return -torch.log2(likelihood.clamp(min=2.0**-20)).flatten(1).sum(1)


def normal(x: Tensor) -> Tensor:
    """The normal distribution's share below x."""
    return 0.5 * torch.erfc(-(2**-0.5) * x)


def _weight(layer: nn.Module) -> Tensor:
    assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    return layer.weight


def _cosines(size: int) -> Tensor:
    """The orthonormal cosine transform `(frequency, place)`."""
    place = torch.arange(size) + 0.5
    rows = torch.cos(torch.pi / size * torch.arange(size)[:, None] * place) * math.sqrt(2 / size)
    rows[0] /= math.sqrt(2)
    return rows


def _up(before: int, after: int, kernel: int, stride: int) -> nn.Module:
    """The transposed convolution that makes `stride` times as many rows and columns."""
    return nn.ConvTranspose2d(before, after, kernel, stride, kernel // 2, output_padding=stride - 1)
