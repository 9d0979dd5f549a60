"""CCSDS 122.0-B-2 of every band by itself, or behind a transform across bands: wavelets and bit-planes made for space.

The stream "bitstream" is the coded segments of the standard, one image after the other; the first and the last segment
of each say so. Lossless with the integer wavelet transform; at a rate, all segments are cut at one slope of squared
error, so that bytes go to the bands where they save most. With a spectral transform the images are its components, and
the stream "spectral" holds what undoing it needs (see `hypress.ccsds122`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from hypress import ccsds122
from hypress.ccsds122 import rate, spectral
from hypress.ccsds122.decoder import MAX_PIXELS
from hypress.ccsds122.header import Known
from hypress.ccsds122.parameters import (
    LEAST_EDGE,
    MOST_BLOCKS,
    MOST_COLUMNS,
    NO_LIMIT,
    WHOLE,
    Image,
    Limits,
    Options,
)
from hypress.codec import Codec, Knob, Spec
from hypress.codestream import MAX_DECODED
from hypress.errors import CodestreamError, ConfigurationError, LimitError

UNLIMITED: dict[str, Any] = {
    "rate_bpppc": None,
    "segment_bytes": None,
    "dc_stop": False,
    "plane_stop": 0,
    "stage_stop": 4,
    "fill": False,
}
"""Fields under which all of every segment is coded."""
APART, TRANSFORMED = b"\0", b"\1"
"""First byte of the stream "spectral": whether the images are bands, or components of the transform."""

Weight = Annotated[int, Meta(ge=0, le=3)]


@dataclasses.dataclass(frozen=True)
class Ccsds122(Codec):
    """Band by band or component by component, lossless or at a rate."""

    name: ClassVar[str] = "ccsds122"
    knob: ClassVar[Knob | None] = Knob("rate_bpppc", 0.001, 16.0)
    max_bits: ClassVar[int] = 25
    ending: ClassVar[str | None] = ".ccsds122"

    rate_bpppc: Annotated[float, Meta(gt=0, le=32)] | None = None
    """Bits of all streams per sample, at most; None is lossless."""
    spectral: Literal["none", "iwt", "pot"] = "none"
    """Transform across bands: none, integer wavelet, or pairwise orthogonal."""
    dwt: Literal["integer", "float"] | None = None
    """Wavelet transform; None is the float one at a rate, else the integer one, which alone is lossless."""
    segment_blocks: Annotated[int, Meta(ge=16, le=MOST_BLOCKS)] | None = None
    """S: blocks of 8 × 8 pixels in a segment; None takes all of a band."""
    optimal_dc: bool = True
    """OptDCSelect: try every code parameter for DC coefficients instead of the heuristic."""
    optimal_ac: bool = True
    """OptACSelect: the same for the bit depths of blocks."""
    segment_bytes: Annotated[int, Meta(ge=24, lt=NO_LIMIT)] | None = None
    """SegByteLimit: bytes of a segment, at most."""
    dc_stop: bool = False
    """DCStop: code no AC coefficient."""
    plane_stop: Annotated[int, Meta(ge=0, le=31)] = 0
    """BitPlaneStop: the last bit-plane that is coded …"""
    stage_stop: Annotated[int, Meta(ge=1, le=4)] = 4
    """… and its last stage (StageStop holds one less)."""
    fill: bool = False
    """UseFill: fill every segment up to its limit."""
    transposed: bool = False
    """TransposeImg: code columns as rows."""
    word_bytes: Annotated[int, Meta(ge=1, le=8)] = 1
    """CodeWordLength: segments are whole words of so many bytes."""
    weights: Annotated[tuple[Weight, ...], Meta(min_length=10, max_length=10)] | None = None
    """Custom weights of HH1, HL1, LH1, HH2, …, LL3 as exponents of two; None for those of the standard."""
    columns: Annotated[int, Meta(ge=LEAST_EDGE, le=MOST_COLUMNS)] | None = None
    """Only to read a bare stream without header part 4: ImageWidth …"""
    bits: Annotated[int, Meta(ge=1, le=28)] | None = None
    """… pixel bit depth …"""
    signed: bool = False
    """… and SignedPixels."""

    def __post_init__(self) -> None:
        if self.rate_bpppc is not None and self.limits != WHOLE:
            raise ConfigurationError("ccsds122: rate_bpppc cuts every segment: set no limit besides it")
        if self.fill and self.segment_bytes is None:
            raise ConfigurationError("ccsds122: fill needs segment_bytes to fill segments up to")
        if (self.segment_bytes or 0) % self.word_bytes:
            raise ConfigurationError(f"ccsds122: segment_bytes must be a multiple of word_bytes, {self.word_bytes}")

    @property
    def limits(self) -> Limits:
        """Header part 2."""
        return Limits(self.segment_bytes or NO_LIMIT, self.dc_stop, self.plane_stop, self.stage_stop, self.fill)

    @property
    def options(self) -> Options:
        """Header part 3."""
        return Options(self.segment_blocks or MOST_BLOCKS, self.optimal_dc, self.optimal_ac)

    def image(self, shape: tuple[int, ...], bits: int, signed: bool) -> Image:
        """Header part 4 for images `(y, x)`. Raises ConfigurationError."""
        dwt = self.dwt or ("integer" if self.rate_bpppc is None else "float")
        width = shape[0] if self.transposed else shape[1]
        return Image(width, bits, signed, dwt, self.transposed, self.word_bytes, self.weights)

    def max_error(self) -> int | None:
        """0 where all of every segment is coded, after the integer transform."""
        return 0 if self == self._whole() else None

    def with_max_error(self, dn: int) -> Self | None:
        """The lossless form, which keeps every promise."""
        whole = self._whole()
        return self if whole == self else whole

    def _whole(self) -> Self:
        dwt = None if self.dwt == "float" else self.dwt
        return dataclasses.replace(self, dwt=dwt, **UNLIMITED)

    def lossy(self) -> Self:
        """This recipe at a rate: its own, or 1 bit per sample."""
        return self if self.rate_bpppc is not None else dataclasses.replace(self, **UNLIMITED | {"rate_bpppc": 1.0})

    @classmethod
    def examples(cls) -> Iterable[Codec]:
        """Lossless by itself and behind each spectral transform, and two rates."""
        return [
            cls(),
            cls(spectral="pot", segment_blocks=16, word_bytes=4),
            cls(rate_bpppc=1.0, spectral="iwt"),
            cls(rate_bpppc=0.5, dwt="integer", transposed=True),
        ]

    # --- codestreams ------------------------------------------------------------------------------

    def encode(self, samples: NDArray[Any], spec: Spec) -> Mapping[str, bytes]:
        """The stream "bitstream", and "spectral" where there is such a transform."""
        streams: dict[str, bytes] = {}
        planes, bits, signed = samples, spec.bits, samples.dtype.kind == "i"
        importance = np.ones(len(samples))
        if self.spectral != "none":
            streams["spectral"] = APART
            components, side = self._transform(samples.astype(np.int64))
            needed = 1 + max(int(components.max()), int(~components.min())).bit_length()
            if needed <= self.image((LEAST_EDGE, LEAST_EDGE), 1, True).most_bits:
                streams["spectral"] = TRANSFORMED + side
                planes, bits, signed = components, needed, True
                if self.spectral == "iwt":
                    importance = spectral.iwt_importance(len(samples))
        planes = _grown(planes)
        image = self.image(planes.shape[1:], bits, signed)
        budget = None
        if self.rate_bpppc is not None:
            budget = int(self.rate_bpppc * samples.size / 8) - sum(map(len, streams.values()))
        return {"bitstream": self._code(planes, image, importance, budget)} | streams

    def decode(self, streams: Mapping[str, bytes], spec: Spec) -> NDArray[Any]:
        """The decoded images, back through the spectral transform, clipped to the type."""
        names = {"bitstream"} | ({"spectral"} if self.spectral != "none" else set())
        if set(streams) != names:
            raise CodestreamError(f"ccsds122 needs the streams {sorted(names)}, not {sorted(streams)}")
        bands, rows, columns = spec.shape
        shape = (max(rows, LEAST_EDGE), max(columns, LEAST_EDGE))
        planes = np.empty((bands, rows, columns), np.int64)
        stream, known, at = ccsds122.Stream(streams["bitstream"]), Known(), 0
        most = (shape[0] + 7) // 8 * ((shape[1] + 7) // 8) * 64
        for band in range(bands):
            try:
                decoded = ccsds122.decode(stream, known, at=at, max_pixels=most)
            except LimitError as error:
                raise CodestreamError(f"ccsds122: image {band} is larger than the scene: {error}") from None
            if decoded.samples.shape != shape:
                raise CodestreamError(f"ccsds122: image {band} is of {decoded.samples.shape} pixels, not {shape}")
            planes[band] = decoded.samples[:rows, :columns]
            known, at = decoded.known, at + decoded.size
        if at != len(stream.data):
            raise CodestreamError(f"ccsds122: {len(stream.data) - at} bytes follow the last image")
        if "spectral" in streams and streams["spectral"] != APART:
            planes = self._restore(planes, streams["spectral"])
        limits = np.iinfo(spec.dtype)
        return np.clip(planes, limits.min, limits.max, out=planes).astype(spec.dtype)

    # --- the standard's own streams -----------------------------------------------------------------------------

    def to_standard(self, samples: NDArray[Any], spec: Spec) -> bytes:
        """The bands as images one after the other, each with all header parts. Raises ConfigurationError."""
        if self.spectral != "none":
            raise ConfigurationError("ccsds122: a bare stream holds bands; use spectral none")
        image = self.image(samples.shape[1:], spec.bits, samples.dtype.kind == "i")
        budget = None if self.rate_bpppc is None else int(self.rate_bpppc * samples.size / 8)
        return self._code(samples, image, np.ones(len(samples)), budget, alone=True)

    def from_standard(self, data: bytes) -> NDArray[Any]:
        """The images of a bare stream as bands `(band, y, x)`. Raises CodestreamError, LimitError."""
        image = None
        if self.columns is not None and self.bits is not None:
            dwt = self.dwt or "integer"
            image = Image(self.columns, self.bits, self.signed, dwt, self.transposed, self.word_bytes, self.weights)
        known, at, left = Known(image, self.options, self.limits), 0, MAX_DECODED // 4
        stream = ccsds122.Stream(data)
        images: list[ccsds122.Decoded] = []
        while at < len(data) or not images:
            images.append(ccsds122.decode(stream, known, at=at, max_pixels=min(left, MAX_PIXELS)))
            known, at, left = images[-1].known, at + images[-1].size, left - images[-1].samples.size
        kinds = {(i.samples.shape, i.image.bits, i.image.signed) for i in images}
        if len(kinds) > 1:
            raise CodestreamError("ccsds122: images of different size or depth are not the bands of one scene")
        _, bits, signed = kinds.pop()
        size = 1 if bits <= 8 else 2 if bits <= 16 else 4
        return np.stack([i.samples for i in images]).astype(f"{'i' if signed else 'u'}{size}")

    # --- both -------------------------------------------------------------------------------------

    def _code(
        self, planes: NDArray[Any], image: Image, importance: NDArray[Any], budget: int | None, *, alone: bool = False
    ) -> bytes:
        """Coded segments of all images, where `alone` each with all header parts."""
        known, coded, priced = Known(), [], []
        for plane, worth in zip(planes, importance, strict=True):
            if alone:
                known = Known()
            if budget is None:
                for segment in ccsds122.code(plane, image, self.options, self.limits, known):
                    known = known.after(segment.header)
                    coded.append(segment.write())
            else:
                for offer in rate.price(plane, image, self.options, known, float(worth)):
                    known = known.after(offer.coded.header)
                    priced.append(offer)
        return b"".join(coded) if budget is None else rate.share(priced, budget)

    def _transform(self, samples: NDArray[np.int64]) -> tuple[NDArray[np.int64], bytes]:
        return (spectral.iwt(samples), b"") if self.spectral == "iwt" else spectral.pot(samples)

    def _restore(self, components: NDArray[np.int64], side: bytes) -> NDArray[np.int64]:
        if side[:1] != TRANSFORMED or (self.spectral == "iwt" and side != TRANSFORMED):
            raise CodestreamError("ccsds122: the stream 'spectral' is damaged")
        if self.spectral == "iwt":
            return spectral.inverse_iwt(components)
        return spectral.inverse_pot(components, side[1:])


def _grown(planes: NDArray[Any]) -> NDArray[Any]:
    """Images of at least the standard's size: the last row and column repeat."""
    rows, columns = (max(LEAST_EDGE - size, 0) for size in planes.shape[1:])
    return np.pad(planes, ((0, 0), (0, rows), (0, columns)), mode="edge") if rows or columns else planes
