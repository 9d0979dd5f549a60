"""Several scenes of one sensor in one generative network: one file, from which each comes back by its integer.

    data = many.encode({3: morning, 7: evening}, rate_bpppc=0.1)
    evening = many.decode(data, 7)

In the paper (Deng, Cen and Zhang, section 2.2.1) an integer is embedded as a latent code, from which a fully connected
layer makes the cube of a scene. Here each integer has the cube itself: one number where the layer has 51. The
convolutions are shared, fitted to all scenes at once. The bytes, little-endian:

| bytes | what |
|---|---|
| 8 | `89 48 59 4D 0D 0A 1A 0A`, that is `\\x89HYM\\r\\n\\x1a\\n` |
| 1 | version, 1 |
| 4 | n, the length of the header |
| n | the header, MessagePack: see `Header` |
| 4 | CRC-32 of all before it |
| | the stream "network" of `coding`, then the cube of each scene |
"""

from __future__ import annotations

import dataclasses
import math
import struct
import zlib
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from hypress.codec import Spec
from hypress.codestream import MAX_DECODED
from hypress.errors import CodestreamError, ConfigurationError, LimitError, MissingExtraError, VersionError
from hypress.neural.gnn.coding import Rounded, read_cube, read_network, samples_of, write_cube, write_network
from hypress.neural.gnn.plan import Plan, check_blocks, plan_within

MAGIC = b"\x89HYM\r\n\x1a\n"
VERSION = 1
MOST_SCENES = 4096
RATE = 5e-3
"""Learning rate."""

_FIXED = struct.Struct("<8sBI")
_CRC = struct.Struct("<I")
_Positive = Annotated[int, Meta(ge=1)]
_Unsigned = Annotated[int, Meta(ge=0)]


class Scene(msgspec.Struct, frozen=True, array_like=True):
    """One scene, and where its bytes are."""

    number: int
    rows: _Positive
    columns: _Positive
    size: _Unsigned
    crc32: _Unsigned


class Header(msgspec.Struct, frozen=True, array_like=True):
    """What is said before the streams."""

    bands: _Positive
    dtype: str
    network: tuple[_Unsigned, _Unsigned]
    """Bytes and CRC-32."""
    scenes: Annotated[tuple[Scene, ...], Meta(max_length=MOST_SCENES)]


def encode(
    scenes: Mapping[int, NDArray[Any]],
    rate_bpppc: float,
    *,
    blocks: int | None = None,
    channels: int | None = None,
    steps: int = 2000,
    seconds: float = 300.0,
    seed: int = 0,
) -> bytes:
    """Scenes `(band, y, x)` by their integers, in `rate_bpppc` bits per sample of them all, header aside.

    Samples are integers of 8 or 16 bits, of one type; the scenes have as many bands each, and may differ in size. The
    rest is as in codec `gnn`. Raises ConfigurationError, MissingExtraError.
    """
    arrays = [np.ascontiguousarray(s, s.dtype.newbyteorder("=")) for s in scenes.values()]
    if not 1 <= len(arrays) <= MOST_SCENES or any(a.ndim != 3 or not a.size for a in arrays):
        raise ConfigurationError(f"one network holds 1 to {MOST_SCENES} scenes (band, y, x)")
    bands, dtype = len(arrays[0]), arrays[0].dtype
    if any(len(a) != bands or a.dtype != dtype for a in arrays) or not _supported(dtype):
        found = sorted({f"{len(a)} bands of {a.dtype}" for a in arrays})
        raise ConfigurationError(
            f"one network holds scenes of as many bands, of one integer type up to 16 bits: {found}"
        )
    try:
        from hypress.neural.gnn.encode import fitted
        from hypress.neural.gnn.fit import Settings
        from hypress.neural.gnn.scenes import Scenes
        from hypress.neural.recent import digest
    except ImportError as error:
        raise MissingExtraError(f"to encode, gnn needs: pip install 'hypress[neural]' ({error})") from error
    budget = int(rate_bpppc * sum(a.size for a in arrays) / 8)
    plan = _plan(arrays, budget, blocks, channels)
    settings = Settings(steps, seconds, RATE, seed=seed)
    together = Scenes(arrays, plan)

    def streams(rounded: Rounded) -> dict[str, bytes]:
        cubes = {f"cube{n}": write_cube(rounded[f"cube{n}"], None) for n in range(len(arrays))}
        return {"network": write_network(plan, together.low, together.high, rounded)} | cubes

    key = (*map(digest, arrays), plan, settings)
    network, *cubes = streams(fitted(together, settings, key, streams, budget)).values()
    described = tuple(
        Scene(int(number), array.shape[1], array.shape[2], len(cube), zlib.crc32(cube))
        for number, array, cube in zip(scenes, arrays, cubes, strict=True)
    )
    header = msgspec.msgpack.encode(Header(bands, dtype.name, (len(network), zlib.crc32(network)), described))
    head = _FIXED.pack(MAGIC, VERSION, len(header)) + header
    return b"".join([head, _CRC.pack(zlib.crc32(head)), network, *cubes])


def _plan(arrays: list[NDArray[Any]], budget: int, blocks: int | None, channels: int | None) -> Plan:
    """The network for all, planned as if the scenes stood one below the other."""
    columns = max(a.shape[2] for a in arrays)
    rows = -(-sum(math.prod(a.shape[1:]) for a in arrays) // columns)
    plan = plan_within((len(arrays[0]), rows, columns), 8.0 * budget, blocks=blocks, channels=channels)
    smallest = min(arrays, key=lambda a: max(a.shape[1:]))
    check_blocks(plan.blocks, smallest.shape)  # type: ignore[arg-type]
    while not all(plan.legal(a.shape) for a in arrays):  # type: ignore[arg-type]
        plan = dataclasses.replace(plan, maps=plan.maps - 1)
    return plan


def numbers(data: bytes) -> list[int]:
    """The integers of the scenes in a file. Raises CodestreamError, VersionError."""
    return [scene.number for scene in _header(data)[0].scenes]


def decode(data: bytes, number: int, *, max_bytes: int = MAX_DECODED) -> NDArray[Any]:
    """The scene `(band, y, x)` of this integer; of the other scenes nothing is decoded. Needs no torch.

    Raises ConfigurationError where there is none; CodestreamError, VersionError; LimitError where its samples would
    take more than `max_bytes`.
    """
    header, start = _header(data)
    found = next((n for n, scene in enumerate(header.scenes) if scene.number == number), None)
    if found is None:
        raise ConfigurationError(f"there is no scene {number} in this file; it has {numbers(data)}")
    scene, dtype = header.scenes[found], np.dtype(header.dtype)
    spec = Spec((header.bands, scene.rows, scene.columns), dtype.name, 8 * dtype.itemsize)
    if (wanted := math.prod(spec.shape) * dtype.itemsize) > max_bytes:
        raise LimitError(f"the scene would take {wanted} bytes, above the limit of {max_bytes}")
    network = _stream(data, start, *header.network, "network")
    place = start + header.network[0] + sum(s.size for s in header.scenes[:found])
    cube = _stream(data, place, scene.size, scene.crc32, f"scene {number}")
    plan, low, high, layers = read_network(network, spec)
    return samples_of(plan, layers, read_cube(cube, plan.cube(spec.shape), None), low, high, spec)


def _header(data: bytes) -> tuple[Header, int]:
    if len(data) < _FIXED.size or data[: len(MAGIC)] != MAGIC:
        raise CodestreamError("these bytes are no network of several scenes")
    _, version, size = _FIXED.unpack_from(data)
    if version > VERSION:
        raise VersionError(f"several scenes in form {version}; this hypress knows up to {VERSION}")
    end = _FIXED.size + size
    if len(data) < end + _CRC.size or zlib.crc32(data[:end]) != _CRC.unpack_from(data, end)[0]:
        raise CodestreamError("several scenes in one network: the header was altered or cut")
    try:
        header = msgspec.msgpack.decode(data[_FIXED.size : end], type=Header)
        if not _supported(np.dtype(header.dtype)):
            raise TypeError(header.dtype)
    except (msgspec.MsgspecError, TypeError) as error:
        raise CodestreamError(f"several scenes in one network: the header says nothing ({error})") from None
    return header, end + _CRC.size


def _stream(data: bytes, start: int, size: int, crc32: int, what: str) -> bytes:
    stream = bytes(data[start : start + size])
    if len(stream) != size or zlib.crc32(stream) != crc32:
        raise CodestreamError(f"several scenes in one network: {what} was altered or cut")
    return stream


def _supported(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "iu" and dtype.itemsize <= 2
