"""A codestream back to samples: streams to integers to numbers, and the places without a number put back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hypress import levels, masks
from hypress.codec import find
from hypress.codestream import Header, samples_checksum, unpack
from hypress.errors import CodestreamError, ConfigurationError, VersionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MASK, SIDES = "mask", "sides"
"""The streams that are not the codec's own."""


def decode(data: bytes | memoryview, *, max_bytes: int | None = None) -> NDArray[Any]:
    """Samples `(band, y, x)` of a codestream, in the sensor's own type.

    Raises CodestreamError where a byte was altered or cut, VersionError for a newer format, LimitError where the
    samples would take more than `max_bytes` (default 4 GiB), UnknownCodecError and MissingExtraError.
    """
    header, streams = unpack(data, max_bytes=max_bytes)
    return Restored.of(header, streams).samples


@dataclass(frozen=True)
class Restored:
    """Decoded samples, and where a valid sample had come out as nodata and was moved beside it."""

    samples: NDArray[Any]
    collisions: NDArray[np.bool_] | None

    @classmethod
    def of(cls, header: Header, streams: Mapping[str, bytes], labels: NDArray[np.uint8] | None = None) -> Restored:
        """From header and streams; `labels` where the caller knows the mask already. Raises as `decode`."""
        dtype = np.dtype(header.dtype)
        if labels is None and MASK in streams:
            labels = masks.decode(streams[MASK], header.shape)
        if header.levels is None:
            samples = np.zeros(header.shape, dtype)
            if labels is None or (labels == masks.VALID).any():
                raise CodestreamError("the codestream says that no sample is valid, but its mask does not")
        else:
            samples = _decoded(header, streams)
        collisions = None
        if header.nodata is not None:
            collisions = _step_aside(samples, labels, header.nodata, streams.get(SIDES))
        if labels is not None:
            masks.put_back(samples, labels, header.nodata)
        if header.checksum is not None and header.checksum != samples_checksum(samples):
            raise CodestreamError(
                f"codec {header.codec} decoded other samples than were encoded: the file is sound, the codec is not"
            )
        return cls(samples, collisions)


def _decoded(header: Header, streams: Mapping[str, bytes]) -> NDArray[Any]:
    assert header.levels is not None
    dtype = np.dtype(header.dtype)
    kind = find(header.codec)
    if header.bitstream > kind.bitstream:
        raise VersionError(
            f"codec {header.codec} bitstream {header.bitstream} is newer than this hypress reads"
            f" (up to {kind.bitstream}): upgrade"
        )
    try:
        codec = kind.configured(header.configuration)
    except ConfigurationError as error:
        raise CodestreamError(f"the codestream's configuration does not fit: {error}") from None
    if isinstance(header.levels, levels.Integers) != (dtype.kind in "iu") and not isinstance(
        header.levels, levels.Halves
    ):
        raise CodestreamError(f"the codestream maps its levels to a type that {dtype} is not")
    spec = header.levels.spec(header.shape, dtype)
    if spec.bits > kind.max_bits:
        raise CodestreamError(f"the codestream has levels of {spec.bits} bits; {header.codec} has {kind.max_bits}")
    own = {name: data for name, data in streams.items() if name not in (MASK, SIDES)}
    integers = codec.decode(own, spec)
    if integers.shape != spec.shape or integers.dtype != np.dtype(spec.dtype):
        raise CodestreamError(
            f"codec {header.codec} decoded {integers.dtype} {integers.shape} instead of {spec.dtype} {spec.shape}"
        )
    clipped = np.clip(integers, header.levels.low, header.levels.high)
    samples = header.levels.inverse(clipped, dtype)
    return samples if samples.flags.writeable else samples.copy()


def _step_aside(
    samples: NDArray[Any], labels: NDArray[np.uint8] | None, nodata: float, sides: bytes | None
) -> NDArray[np.bool_] | None:
    """Move valid samples that came out as nodata beside it, in place: up, unless `sides` says down."""
    collisions = samples == nodata
    if labels is not None:
        collisions &= labels == masks.VALID
    count = int(np.count_nonzero(collisions))
    if count == 0:
        return None
    above = np.ones(count, bool)
    if sides is not None:
        told = np.unpackbits(np.frombuffer(sides, np.uint8))[:count].astype(bool)
        above[: told.size] = told
    if samples.dtype.kind == "f":
        neighbours = [np.nextafter(samples.dtype.type(nodata), samples.dtype.type(s)) for s in (-np.inf, np.inf)]
    else:
        limits = np.iinfo(samples.dtype)
        down, up = max(limits.min, int(nodata) - 1), min(limits.max, int(nodata) + 1)
        neighbours = [down if down != nodata else up, up if up != nodata else down]
    samples[collisions] = np.where(above, neighbours[1], neighbours[0]).astype(samples.dtype)
    return collisions
