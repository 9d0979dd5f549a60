"""What users otherwise reach for: image and array coders of other projects, as `imagecodecs` and Python bring them.

Image coders see one band at a time, as they do inside GeoTIFF; array coders see the whole cube. All bytes are
counted, and of images the length of each. A value of the knob `fineness` is one over the coder's own step, so that more
costs more. Where the coder works in floating point, a bound of `dn + 0.49` and rounding bound integers by `dn`.
"""

from __future__ import annotations

import importlib
import lzma
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import numpy as np

from hypress.bench.contender import Settings, Shape
from hypress.bench.tuned import Tuned, to_type
from hypress.codec import Knob
from hypress.errors import MissingExtraError

if TYPE_CHECKING:
    from numpy.typing import NDArray

IMAGECODECS: dict[str, str] = {
    "jpegxl": "libjxl", "jpegls": "charls", "htj2k": "openjph", "zfp": "zfp", "sz3": "sz3", "sperr": "sperr",
    "lerc": "lerc", "blosc2": "c-blosc2",
}  # fmt: skip
"""Codec in `imagecodecs` to the library that does it."""


def imagecodecs() -> Any:
    """The package. Raises MissingExtraError."""
    try:
        return importlib.import_module("imagecodecs")
    except ImportError as error:
        raise MissingExtraError("the peers need: pip install 'hypress[bench]'") from error


class Peer(Tuned):
    """A codec of `imagecodecs`."""

    library: ClassVar[str]

    @property
    def name(self) -> str:
        """Name of the class's coder."""
        return self.library

    def version(self) -> str:
        """The library that does the work, as `imagecodecs` names it."""
        codecs = imagecodecs()
        if not getattr(codecs, self.library.upper()).available:
            raise MissingExtraError(f"this imagecodecs was built without {self.library}")
        wanted = IMAGECODECS[self.library] + "-"
        said = next((part for part in codecs.version().split(", ") if part.startswith(wanted)), wanted + "?")
        return f"{said.replace('-', ' ')} (imagecodecs {codecs.__version__})"


# --- images, band by band -------------------------------------------------------------------------


class Planes(Peer):
    """An image coder: each band an unsigned image, shifted so that its smallest sample is not negative."""

    def encode(self, samples: NDArray[Any], settings: Settings) -> bytes:
        """Each band on its own."""
        low = min(0, int(samples.min()))
        code = self.plane_coder(settings)
        planes = [code(np.ascontiguousarray((band.astype(np.int32) - low).astype(np.uint16))) for band in samples]
        return msgspec.msgpack.encode([low, planes])

    def decode(self, data: bytes, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Each band on its own."""
        low, planes = msgspec.msgpack.decode(data)
        read = self.plane_reader()
        return to_type(np.stack([read(p).reshape(shape[1:]).astype(np.int32) for p in planes]) + low, dtype)

    def plane_coder(self, settings: Settings) -> Callable[[NDArray[np.uint16]], bytes]:
        """How one band is coded."""
        raise NotImplementedError

    def plane_reader(self) -> Callable[[bytes], NDArray[Any]]:
        """How one band is read."""
        read: Callable[[bytes], NDArray[Any]] = getattr(imagecodecs(), f"{self.library}_decode")
        return read


@dataclass(frozen=True)
class JpegXl(Planes):
    """JPEG XL (ISO/IEC 18181): modular where lossless, VarDCT by its distance otherwise; effort 5."""

    library = "jpegxl"
    knob = Knob("fineness", 1 / 25, 100)

    def within(self, dn: int) -> Settings | None:
        """It knows lossless only."""
        return {"lossless": True} if dn == 0 else None

    def plane_coder(self, settings: Settings) -> Callable[[NDArray[np.uint16]], bytes]:
        """Distance is one over fineness."""
        encode = imagecodecs().jpegxl_encode
        if settings.get("lossless"):
            return lambda plane: encode(plane, lossless=True, effort=5)
        return lambda plane: encode(plane, distance=1 / settings["fineness"], effort=5)


@dataclass(frozen=True)
class JpegLs(Planes):
    """JPEG-LS (ISO/IEC 14495-1), whose NEAR bounds every error; NEAR is one over fineness, rounded."""

    library = "jpegls"
    knob = Knob("fineness", 1 / 255, 1)

    def within(self, dn: int) -> Settings | None:
        """Its own promise."""
        return {"near": dn} if dn <= 255 else None

    def plane_coder(self, settings: Settings) -> Callable[[NDArray[np.uint16]], bytes]:
        """NEAR as set."""
        near = settings["near"] if "near" in settings else round(1 / settings["fineness"])
        encode = imagecodecs().jpegls_encode
        return lambda plane: encode(plane, level=near)


@dataclass(frozen=True)
class Htj2k(Planes):
    """High-throughput JPEG 2000 (ISO/IEC 15444-15): 5/3 where reversible, else 9/7 with a quantisation step."""

    library = "htj2k"
    knob = Knob("fineness", 1.0, 1e6)

    def within(self, dn: int) -> Settings | None:
        """It knows lossless only."""
        return {"lossless": True} if dn == 0 else None

    def plane_coder(self, settings: Settings) -> Callable[[NDArray[np.uint16]], bytes]:
        """The step, relative to the full range, is one over fineness."""
        encode = imagecodecs().htj2k_encode
        if settings.get("lossless"):
            return lambda plane: encode(plane, reversible=True)
        return lambda plane: encode(plane, level=1 / settings["fineness"], reversible=False)


@dataclass(frozen=True)
class Lerc(Planes):
    """LERC (Esri): blocks quantised within a maximum error."""

    library = "lerc"
    knob = Knob("fineness", 1e-5, 2)

    def within(self, dn: int) -> Settings | None:
        """Its own promise."""
        return {"tolerance": dn}

    def plane_coder(self, settings: Settings) -> Callable[[NDArray[np.uint16]], bytes]:
        """The tolerance as set."""
        tolerance = settings["tolerance"] if "tolerance" in settings else 1 / settings["fineness"]
        encode = imagecodecs().lerc_encode
        return lambda plane: encode(plane, level=tolerance)


# --- whole arrays ---------------------------------------------------------------------------------


class Bounded(Peer):
    """A coder of float32 arrays within a tolerance, on the whole cube."""

    knob = Knob("fineness", 1e-5, 4)

    def within(self, dn: int) -> Settings | None:
        """Rounding brings an error below `dn + 0.5` to `dn`."""
        return {"tolerance": dn + 0.49}

    @staticmethod
    def tolerance(settings: Settings) -> float:
        """As set, or one over fineness."""
        return float(settings["tolerance"]) if "tolerance" in settings else 1 / settings["fineness"]


@dataclass(frozen=True)
class Zfp(Bounded):
    """ZFP (Lindstrom 2014) in three dimensions, fixed accuracy."""

    library = "zfp"

    def encode(self, samples: NDArray[Any], settings: Settings) -> bytes:
        """Fixed-accuracy mode."""
        data: bytes = imagecodecs().zfp_encode(samples.astype(np.float32), self.tolerance(settings), mode="a")
        return bytes(data)

    def decode(self, data: bytes, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Rounded."""
        return to_type(imagecodecs().zfp_decode(data).reshape(shape), dtype)


@dataclass(frozen=True)
class Sz3(Bounded):
    """SZ3 (Liang et al. 2023) in three dimensions, absolute bound."""

    library = "sz3"

    def encode(self, samples: NDArray[Any], settings: Settings) -> bytes:
        """Absolute error bound."""
        return bytes(imagecodecs().sz3_encode(samples.astype(np.float32), mode="abs", abs=self.tolerance(settings)))

    def decode(self, data: bytes, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Rounded."""
        return to_type(imagecodecs().sz3_decode(data, shape, np.dtype(np.float32)), dtype)


@dataclass(frozen=True)
class Sperr(Bounded):
    """SPERR (Li, Lindstrom, Clyne 2023): wavelets and SPECK in three dimensions; at a rate, or within a tolerance."""

    library = "sperr"
    knob = Knob("rate_bpppc", 1e-4, 32)

    def encode(self, samples: NDArray[Any], settings: Settings) -> bytes:
        """By bits per sample, or point by point."""
        level, mode = (settings["rate_bpppc"], "bpp") if "rate_bpppc" in settings else (settings["tolerance"], "pwe")
        return bytes(imagecodecs().sperr_encode(samples.astype(np.float32), level, mode))

    def decode(self, data: bytes, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Rounded."""
        return to_type(imagecodecs().sperr_decode(data).reshape(shape), dtype)


@dataclass(frozen=True)
class Blosc2(Peer):
    """Blosc2: bits shuffled, then Zstandard at level 9. Lossless."""

    library = "blosc2"

    def within(self, dn: int) -> Settings | None:
        """Lossless, whatever the bound."""
        return {}

    def encode(self, samples: NDArray[Any], settings: Settings) -> bytes:
        """The whole cube, band by band as it lies."""
        options = {"compressor": "zstd", "shuffle": "bitshuffle", "typesize": samples.itemsize}
        return bytes(imagecodecs().blosc2_encode(np.ascontiguousarray(samples), 9, **options))

    def decode(self, data: bytes, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
        """As it was."""
        return np.frombuffer(imagecodecs().blosc2_decode(data), dtype).reshape(shape)


@dataclass(frozen=True)
class Xz(Tuned):
    """xz -9 (LZMA2), of Python's own library. Lossless."""

    @property
    def name(self) -> str:
        """xz."""
        return "xz"

    def version(self) -> str:
        """Python's."""
        import platform

        return f"xz -9 (Python {platform.python_version()})"

    def within(self, dn: int) -> Settings | None:
        """Lossless, whatever the bound."""
        return {}

    def encode(self, samples: NDArray[Any], settings: Settings) -> bytes:
        """The bytes as they lie."""
        return lzma.compress(np.ascontiguousarray(samples).tobytes(), preset=9)

    def decode(self, data: bytes, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
        """As it was."""
        return np.frombuffer(lzma.decompress(data), dtype).reshape(shape)


# --- principal components before an image coder ---------------------------------------------------


@dataclass(frozen=True)
class PcaJpegXl(JpegXl):
    """Principal components, each a JPEG XL image, all at one distance; the basis in float32.

    The knob is one over the step in sample units: components that vary by less than `DROP` of it are left out, and
    the distance is set in proportion. Both constants were chosen on the training scenes.
    """

    knob = Knob("fineness", 1e-4, 4)
    DROP: ClassVar[float] = 0.35
    DISTANCE: ClassVar[float] = 7.0
    """Distance for a step as large as the largest component is."""

    @property
    def name(self) -> str:
        """Both its parts."""
        return "pca_jpegxl"

    def within(self, dn: int) -> Settings | None:
        """It promises nothing."""
        return None

    def encode(self, samples: NDArray[Any], settings: Settings) -> bytes:
        """Means, axes and components in one message."""
        from hypress.transforms.pca import moments, principal_axes

        step = 1 / settings["fineness"]
        means, covariance = moments(samples)
        variances, axes = principal_axes(covariance)
        kept = max(1, int((np.sqrt(variances) > self.DROP * step).sum()))
        axes = axes[:, :kept].astype(np.float32)
        components = axes.T.astype(np.float64) @ (samples.reshape(len(samples), -1) - means[:, None])
        top = max(float(np.abs(components).max()), 1.0)
        whole = np.rint(components / top * 32767 + 32768).astype(np.uint16).reshape(kept, *samples.shape[1:])
        distance = min(25.0, max(0.01, self.DISTANCE * step / top))
        planes = [imagecodecs().jpegxl_encode(np.ascontiguousarray(c), distance=distance, effort=5) for c in whole]
        return msgspec.msgpack.encode([top, means.astype(np.float32).tobytes(), axes.tobytes(), planes])

    def decode(self, data: bytes, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
        """The basis times the components, rounded."""
        top, means, axes, planes = msgspec.msgpack.decode(data)
        basis = np.frombuffer(axes, np.float32).reshape(shape[0], len(planes)).astype(np.float64)
        whole = np.stack([imagecodecs().jpegxl_decode(p).reshape(math.prod(shape[1:])) for p in planes])
        components = (whole.astype(np.float64) - 32768) / 32767 * top
        return to_type((basis @ components + np.frombuffer(means, np.float32)[:, None]).reshape(shape), dtype)


PEERS: dict[str, Tuned] = {
    peer.name: peer
    for peer in (JpegXl(), PcaJpegXl(), JpegLs(), Htj2k(), Zfp(), Sz3(), Sperr(), Lerc(), Blosc2(), Xz())
}
"""By name."""
