"""What `spiht3d` and `speck3d` share: everything but which sets are told of, and in which order."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from hypress.bitplane import coder
from hypress.bitplane.coefficients import MAX_PLANES, analyse, floors_of, gather, synthesise
from hypress.bitplane.forest import NEVER, Forest
from hypress.codec import Codec, Knob, Spec
from hypress.entropy import rangecoder
from hypress.errors import CodestreamError, ConfigurationError
from hypress.transforms.dwt3d import Levels

MOST_LEVELS = 8
MOST_SAMPLES = 1 << 29
"""What 32 bits can number, sets included."""
_STREAMS = {"head", "planes"}


class Method(NamedTuple):
    """One way to partition sets."""

    forest: Callable[[tuple[int, int, int], Levels], Forest]
    """The sets of a transformed cube of that shape."""
    run: Callable[..., bool]
    """The kernel; see `bitplane.spiht.run`."""
    contexts: int


@dataclasses.dataclass(frozen=True)
class SetPartitioning(Codec):
    """Wavelet transform of the cube, then its bit-planes by set partitioning: embedded, lossy to lossless."""

    knob: ClassVar[Knob | None] = Knob("rate_bpppc", 0.001, 16.0)
    embedded: ClassVar[str | None] = "planes"

    rate_bpppc: Annotated[float, Meta(gt=0, le=32)] | None = None
    """Bits per sample, at most; None codes all that there is."""
    wavelet: Literal["auto", "5/3", "9/7"] = "auto"
    """5/3 ends lossless, 9/7 is better before; auto: 9/7 at a rate, else 5/3."""
    spectral_levels: Annotated[int, Meta(ge=0, le=MOST_LEVELS)] | None = None
    """Wavelet splits across bands; None leaves two to four low bands."""
    spatial_levels: Annotated[int, Meta(ge=0, le=MOST_LEVELS)] | None = None
    """Wavelet splits within bands; None: as many as there can be, up to 8."""
    arithmetic: bool = True
    """Adaptive arithmetic coding of the decisions, instead of plain bits."""

    @classmethod
    def method(cls) -> Method:
        """How sets are partitioned."""
        raise NotImplementedError

    @property
    def reversible(self) -> bool:
        """Whether the 5/3 transform is used."""
        return self.wavelet == "5/3" or (self.wavelet == "auto" and self.rate_bpppc is None)

    def max_error(self) -> int | None:
        """0 for the 5/3 without a rate."""
        return 0 if self.reversible and self.rate_bpppc is None else None

    def with_max_error(self, dn: int) -> Self | None:
        """The lossless form, which keeps every promise."""
        wavelet = "auto" if self.wavelet == "9/7" else self.wavelet
        return self.turned(rate_bpppc=None, wavelet=wavelet)

    def lossy(self) -> Self:
        """This recipe at a rate: its own, or 1 bit per sample."""
        return self if self.rate_bpppc is not None else self.turned(rate_bpppc=1.0)

    @classmethod
    def examples(cls) -> Iterable[Codec]:
        """Lossless, at a rate, and both without arithmetic coding; the second by the 5/3 with few levels."""
        return [
            cls(),
            cls(rate_bpppc=1.0),
            cls(arithmetic=False),
            cls(rate_bpppc=0.5, wavelet="5/3", spectral_levels=1, spatial_levels=2, arithmetic=False),
        ]

    def encode(self, samples: NDArray[Any], spec: Spec) -> Mapping[str, bytes]:
        """Streams "head" (how many planes) and "planes"."""
        if samples.size > MOST_SAMPLES:
            raise ConfigurationError(f"{self.name} takes tiles of at most {MOST_SAMPLES} samples")
        method, levels = self.method(), self._levels(spec.shape)
        forest = method.forest(spec.shape, levels)
        magnitudes, negative = np.empty(forest.nodes, np.int32), np.empty(forest.nodes, np.uint8)
        cube = analyse(samples, spec.bits, levels, reversible=self.reversible)
        gather(cube.reshape(-1), forest.places, magnitudes, negative)
        floors = floors_of(forest, spec.shape, spec.bits, levels, reversible=self.reversible)
        planes = int(magnitudes.max()).bit_length()
        head = bytes([planes])
        size = (planes + 4) * samples.size // 8 + 64
        if self.rate_bpppc is not None:
            size = max(0, int(self.rate_bpppc * samples.size / 8) - len(head))
        while True:
            known = np.full(forest.nodes, NEVER, np.uint8)
            state, out = coder.writer(size, arithmetic=self.arithmetic)
            nodes = (magnitudes, negative, known)
            contexts = rangecoder.contexts(method.contexts)
            done = method.run(forest, floors, planes, *nodes, state, out, contexts)
            if done or self.rate_bpppc is not None:
                return {"head": head, "planes": coder.written(state, out)}
            size *= 2

    def decode(self, streams: Mapping[str, bytes], spec: Spec) -> NDArray[Any]:
        """What the bytes tell, rounded and clipped to the type."""
        if set(streams) != _STREAMS:
            raise CodestreamError(f"{self.name} needs the streams {sorted(_STREAMS)}, not {sorted(streams)}")
        if len(streams["head"]) != 1 or streams["head"][0] > MAX_PLANES:
            raise CodestreamError(f"stream head must be one number of planes, at most {MAX_PLANES}")
        planes = streams["head"][0]
        if math.prod(spec.shape) > MOST_SAMPLES:
            raise CodestreamError(f"{self.name} codes tiles of at most {MOST_SAMPLES} samples")
        method, levels = self.method(), self._levels(spec.shape)
        forest = method.forest(spec.shape, levels)
        floors = floors_of(forest, spec.shape, spec.bits, levels, reversible=self.reversible)
        nodes = (
            np.zeros(forest.nodes, np.int32),
            np.zeros(forest.nodes, np.uint8),
            np.full(forest.nodes, NEVER, np.uint8),
        )
        state, data = coder.reader(streams["planes"], arithmetic=self.arithmetic)
        contexts = rangecoder.contexts(method.contexts)
        method.run(forest, floors, planes, *nodes, state, data, contexts)
        decoded = synthesise(*nodes, floors, forest, spec.shape, spec.bits, levels, reversible=self.reversible)
        limits = np.iinfo(spec.dtype)
        rounded = np.floor(decoded + 0.5) if decoded.dtype.kind == "f" else decoded
        return np.clip(rounded, limits.min, limits.max).astype(spec.dtype)

    def _levels(self, shape: tuple[int, int, int]) -> Levels:
        spectral = max(0, shape[0].bit_length() - 2) if self.spectral_levels is None else self.spectral_levels
        spatial = MOST_LEVELS if self.spatial_levels is None else self.spatial_levels
        return Levels(min(spectral, MOST_LEVELS), spatial).useful(shape)
