"""Three-dimensional wavelet transform, packets across bands, and context-coded coefficients: lossy or lossless.

After S. Lim, K. Sohn and C. Lee, "Compression for hyperspectral images using three dimensional wavelet transform"
(IGARSS 2001), with the spectral packets of B. Penna, T. Tillo, E. Magli and G. Olmo, "Progressive 3-D coding of
hyperspectral images based on JPEG 2000" (IEEE GRSL 3, 2006):

    samples ─► wavelet packets across bands ─► wavelet transform of planes ─► one step, dead zone ─► contexts
                        └───────────────► "head"                                 "coefficients" ◄────────┘

Coefficients are scaled by the norms of their synthesis functions, so that one step for all is the same distortion
everywhere; see `transforms.packets` for the tree and `entropy.subbands` for the coder.
"""

from __future__ import annotations

import dataclasses
import math
import struct
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from hypress.codec import Codec, Knob, Spec
from hypress.codecs._step import finest_within, quantise
from hypress.entropy.subbands import Boxes, decode_subbands, encode_subbands
from hypress.errors import CodestreamError
from hypress.transforms import dwt3d, packets
from hypress.transforms.allocation import level_of_bands
from hypress.transforms.dwt3d import Levels
from hypress.transforms.packets import Tree

HEAD = struct.Struct(">IH")
"""Start of "head": the step in 256ths, 0 if lossless; how many bits of the tree follow."""
WORTH: dict[str, Any] = {"axes": (0, 1, 2), "alone": 0.95, "nearly_alone": 0.8}
"""When a coefficient that stands alone is dropped."""
MOST_LEVELS = 8


@dataclasses.dataclass(frozen=True)
class Wavelet3d(Codec):
    """3-D wavelet coder, at a rate with the 9/7 transform or lossless with the 5/3."""

    name: ClassVar[str] = "wavelet3d"
    knob: ClassVar[Knob | None] = Knob("rate_bpppc", 0.001, 16.0)

    rate_bpppc: Annotated[float, Meta(gt=0, le=32)] | None = None
    """Bits of all streams per sample, at most; None is lossless."""
    spectral: Literal["packets", "dyadic"] = "packets"
    """Across bands: the best tree of wavelet packets for the scene, or the plain wavelet transform."""
    spectral_levels: Annotated[int, Meta(ge=0, le=MOST_LEVELS)] | None = None
    """Splits across bands, at most; None leaves two low bands."""
    spatial_levels: Annotated[int, Meta(ge=0, le=MOST_LEVELS)] = 6
    """Splits within planes, at most."""

    def max_error(self) -> int | None:
        """0 without a rate."""
        return 0 if self.rate_bpppc is None else None

    def with_max_error(self, dn: int) -> Self | None:
        """The lossless form, which keeps every promise."""
        return self.turned(rate_bpppc=None)

    def lossy(self) -> Self:
        """This recipe at a rate: its own, or 1 bit per sample."""
        return self if self.rate_bpppc is not None else self.turned(rate_bpppc=1.0)

    @classmethod
    def examples(cls) -> Iterable[Codec]:
        """Lossless, a rate, and the plain transform with few levels."""
        return [cls(), cls(rate_bpppc=1.0), cls(rate_bpppc=0.5, spectral="dyadic", spectral_levels=1, spatial_levels=2)]

    def encode(self, samples: NDArray[Any], spec: Spec) -> Mapping[str, bytes]:
        """Streams "head" and "coefficients"."""
        levels = self._levels(spec.shape)
        tree = packets.dyadic(len(samples), levels.spectral)
        if self.rate_bpppc is None:
            cube = packets.forward(samples.astype(np.int32), tree, reversible=True)
            dwt3d.forward(cube, Levels(0, levels.spatial), reversible=True)
            return {"head": _head(0, tree), "coefficients": encode_subbands(cube, _boxes(spec.shape, tree, levels))}
        budget = int(self.rate_bpppc * samples.size / 8)
        planes = dwt3d.forward(samples.astype(np.float32), Levels(0, levels.spatial), reversible=False)
        chosen = self._transformed(planes, tree, levels)
        start = self._start(chosen.cube, budget)
        scaled = planes * _spatial_norms(spec.shape, levels)
        # The search counts coefficients one by one; what the coder makes of their places decides.
        trees = {other for other in self._trees(scaled, levels.spectral, start) if other != tree}
        if trees:
            others = (self._transformed(planes, other, levels) for other in sorted(trees))
            chosen = min((chosen, *others), key=lambda each: each.cost(scaled, start))

        def code(step: float) -> tuple[int, dict[str, bytes]]:
            data = chosen.streams(step)[1]
            return sum(map(len, data.values())), data

        return finest_within(budget, start, code)

    def decode(self, streams: Mapping[str, bytes], spec: Spec) -> NDArray[Any]:
        """The inverse transforms, rounded and clipped."""
        if set(streams) != {"head", "coefficients"}:
            raise CodestreamError(f"wavelet3d needs the streams coefficients and head, not {sorted(streams)}")
        fixed, tree = _read_head(streams["head"])
        levels = self._levels(spec.shape)
        packets.runs(spec.shape[0], tree)  # is it one?
        coded = decode_subbands(streams["coefficients"], spec.shape, _boxes(spec.shape, tree, levels))
        cube: NDArray[Any] = coded
        if fixed:
            cube = coded.astype(np.float32)
            cube *= np.float32(fixed / 256) / _norms(spec.shape, tree, levels)
        dwt3d.inverse(cube, Levels(0, levels.spatial), reversible=not fixed)
        packets.inverse(cube, tree, reversible=not fixed)
        if fixed:
            np.floor(np.add(cube, 0.5, out=cube), out=cube)
            cube = np.nan_to_num(cube, copy=False)
        limits = np.iinfo(spec.dtype)
        return np.clip(cube, limits.min, limits.max).astype(spec.dtype)

    def _levels(self, shape: tuple[int, int, int]) -> Levels:
        spectral = shape[0].bit_length() - 1 if self.spectral_levels is None else self.spectral_levels
        return Levels(min(spectral, MOST_LEVELS), self.spatial_levels).useful(shape)

    def _trees(self, scaled: NDArray[np.float32], most: int, step: float) -> set[Tree]:
        """Trees across bands that may do: with as many levels as there can be, and with one less."""
        if self.spectral == "dyadic":
            return set()
        return {
            tree
            for n in (most, most - 1)
            if n > 0
            for tree in (packets.dyadic(len(scaled), n), packets.best(scaled, n, step))
        }

    @staticmethod
    def _transformed(planes: NDArray[np.float32], tree: Tree, levels: Levels) -> _Transformed:
        """Planes, transformed already, across bands as well; scaled."""
        cube = packets.forward(planes.copy(), tree, reversible=False)
        cube *= _norms(cube.shape, tree, levels)  # type: ignore[arg-type]
        return _Transformed(cube, tree, _boxes(cube.shape, tree, levels))  # type: ignore[arg-type]

    @staticmethod
    def _start(cube: NDArray[np.float32], budget: int) -> float:
        """A step that may meet the budget, from the variances of coefficients."""
        return float(np.sqrt(12 * max(level_of_bands(cube, 8.0 * budget), 2.0**-12)))


class _Transformed(NamedTuple):
    """Scaled coefficients `(band, y, x)` of a tree."""

    cube: NDArray[np.float32]
    tree: Tree
    boxes: Boxes

    def streams(self, step: float) -> tuple[NDArray[np.int32], dict[str, bytes]]:
        """Coefficients in steps, and their bytes."""
        fixed = min(max(1, round(step * 256)), (1 << 32) - 1)
        whole = quantise(self.cube, fixed / 256, **WORTH)
        return whole, {"head": _head(fixed, self.tree), "coefficients": encode_subbands(whole, self.boxes)}

    def cost(self, scaled: NDArray[np.float32], step: float) -> float:
        """Squared error in squared steps, and bits at what they are worth: at fine steps a bit takes 2 ln 2 / 12.

        The error is that of `scaled`, the planes before the transform across bands, of which trees are not orthogonal.
        """
        whole, data = self.streams(step)
        made = whole / packets.norms(len(whole), self.tree).astype(np.float32)[:, None, None]
        packets.inverse(made, self.tree, reversible=False)
        error = np.square(made - scaled / np.float32(step), dtype=np.float64).sum()
        return float(error) + math.log(2) / 6 * 8 * sum(map(len, data.values()))


def _spatial_norms(shape: tuple[int, int, int], levels: Levels) -> NDArray[np.float32]:
    """Norms of the coefficients of one plane `(1, y, x)`."""
    norms = np.ones((1, *shape[1:]), np.float32)
    for band in dwt3d.subbands((1, *shape[1:]), Levels(0, levels.spatial), reversible=False):
        norms[band.where] = band.norm
    return norms


def _norms(shape: tuple[int, int, int], tree: Tree, levels: Levels) -> NDArray[np.float32]:
    """Norms of all coefficients `(band, y, x)`."""
    spectral = packets.norms(shape[0], tree).astype(np.float32)
    return np.asarray(spectral[:, None, None] * _spatial_norms(shape, levels))


def _boxes(shape: tuple[int, int, int], tree: Tree, levels: Levels) -> Boxes:
    """The subbands, for the coder."""
    plane = dwt3d.subbands((1, *shape[1:]), Levels(0, levels.spatial), reversible=False)
    coarser = {(b.spatial - 1, b.high): b for b in plane}
    rows = []
    for start, stop in packets.runs(shape[0], tree):
        for band in plane:
            _, y, x = band.where
            parent = coarser.get((band.spatial, band.high))
            fits = parent is not None and 2 * parent.shape[1] >= band.shape[1] and 2 * parent.shape[2] >= band.shape[2]
            v, u = parent.where[1:] if parent is not None and fits else (slice(-1, -1), slice(-1, -1))
            rows.append((start, stop, y.start, y.stop, x.start, x.stop, v.start, v.stop, u.start, u.stop))
    return np.array(rows, np.int64)


def _head(step: int, tree: Tree) -> bytes:
    return HEAD.pack(step, len(tree)) + np.packbits(np.array(tree, bool)).tobytes()


def _read_head(data: bytes) -> tuple[int, Tree]:
    if len(data) < HEAD.size:
        raise CodestreamError("wavelet3d: the stream 'head' is cut short")
    step, count = HEAD.unpack_from(data)
    bits = np.unpackbits(np.frombuffer(data[HEAD.size :], np.uint8))
    if bits.size < count:
        raise CodestreamError("wavelet3d: the tree in the stream 'head' is cut short")
    return step, tuple(bool(bit) for bit in bits[:count])
