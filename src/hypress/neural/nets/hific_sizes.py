"""Sizes of HiFiC that coding has to know: no torch here, for machines that run exported graphs alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FILTERS = 60
"""Of the first convolution, at width 1."""
STAGES = 4
STRIDE = 2**STAGES
"""Pixels along each side of what a latent vector stands for."""
TARGETS = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Bits per pixel of all bands together."""
REDUCTION = 2
"""Of the neurons in the middle of a squeeze."""
DEPTH = 4
"""Windows of bands that a 3-D convolution of the whole image sees one by one."""


@dataclass(frozen=True)
class Widths:
    """Channels between the layers of each part, in the order in which maps go through."""

    encoder: tuple[int, ...]
    """After each convolution but the last."""
    generator: tuple[int, ...]
    """After the head, inside each residual block, and after each doubling."""
    hyper_analysis: tuple[int, ...]
    mean_synthesis: tuple[int, ...]
    scale_synthesis: tuple[int, ...]
    squeezes: tuple[int, ...] = ()
    """Neurons in the middle of each squeeze, those of the encoder first."""


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
    widths: Widths | None = None
    """What pruning left; none: as `usual` has them."""
    ranks: dict[str, int] | None = None
    """Of layers of low rank, by their names."""

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

    def usual(self) -> Widths:
        """Widths of a network that was not pruned."""
        down = (self.full_channels, *(self.channels(stage) for stage in range(1, STAGES + 1)))
        up = (down[-1], *[down[-1]] * self.blocks, *down[-2::-1])
        squeezed = [self.bands] if self.squeeze in ("first", "encoder") else []
        squeezed += down if self.squeeze in ("encoder", "norms") else []
        if self.squeeze == "norms":
            squeezed += [down[-1]] * (1 + 2 * self.blocks) + [*up[1 + self.blocks :]]
        inner = (self.hyper, self.hyper)
        return Widths(down, up, inner, inner, inner, tuple(max(1, n // REDUCTION) for n in squeezed))

    def hidden(self) -> Widths:
        """Widths of this network. Raises ValueError where `widths` are not as many as usual."""
        usual, found = self.usual(), self.widths
        if found is None:
            return usual
        for part, expected in vars(usual).items():
            given = getattr(found, part)
            if len(given) != len(expected) or any(n < 1 for n in given):
                raise ValueError(f"such a network has {len(expected)} widths of its {part}, not {given}")
        return found
