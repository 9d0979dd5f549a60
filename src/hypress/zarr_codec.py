"""The Zarr v3 codec: a chunk `(band, y, x)` is a codestream.

Reading needs no configuration, because a codestream says what it is; any chunk of a store may even be of another
codec. Configuration serves those who write through Zarr or xarray:

    scene.to_dataset(name="scene").to_zarr(
        "out.zarr", encoding={"scene": {"serializer": HypressCodec("pca_jpeg2000", {"rate_bpppc": 0.5})}}
    )
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from zarr.abc.codec import ArrayBytesCodec
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer, NDBuffer

from hypress.codec import make
from hypress.errors import CodestreamError, SceneError
from hypress.goal import Goal, goal_from_dict, goal_to_dict
from hypress.restore import decode
from hypress.tile import encode_tile


@dataclass(frozen=True)
class HypressCodec(ArrayBytesCodec):
    """Chunks as codestreams. `codec` None and `goal` None mean the best lossless codec."""

    codec: str | None = None
    configuration: dict[str, Any] = field(default_factory=dict)
    goal: Goal | None = None

    is_fixed_size = False

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """From a store's `zarr.json`."""
        stored = dict(data.get("configuration") or {})
        goal = goal_from_dict(stored["goal"]) if stored.get("goal") else None
        return cls(stored.get("codec"), dict(stored.get("configuration") or {}), goal)

    def to_dict(self) -> dict[str, Any]:
        """For a store's `zarr.json`."""
        stored: dict[str, Any] = {}
        if self.codec is not None:
            stored |= {"codec": self.codec, "configuration": self.configuration}
        if self.goal is not None:
            stored["goal"] = goal_to_dict(self.goal)
        return {"name": "hypress", "configuration": stored}

    def validate(self, *, shape: tuple[int, ...], dtype: Any, chunk_grid: Any) -> None:
        """Raise SceneError unless the array is a scene."""
        if len(shape) != 3:
            raise SceneError(f"the codec hypress takes arrays (band, y, x), not arrays of shape {shape}")

    async def _decode_single(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        samples = await asyncio.to_thread(self._decoded, chunk_bytes.to_bytes(), chunk_spec)
        return chunk_spec.prototype.nd_buffer.from_numpy_array(samples)

    async def _encode_single(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> Buffer | None:
        data = await asyncio.to_thread(self._encoded, chunk_array.as_numpy_array(), chunk_spec.fill_value)
        return chunk_spec.prototype.buffer.from_bytes(data)

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        """No size is known before encoding."""
        raise NotImplementedError("a codestream's size depends on its samples")

    def _decoded(self, data: bytes, spec: ArraySpec) -> NDArray[Any]:
        size = int(np.prod(spec.shape)) * spec.dtype.to_native_dtype().itemsize
        samples = decode(data, max_bytes=size)
        if any(have > room for have, room in zip(samples.shape, spec.shape, strict=True)):
            raise CodestreamError(f"a codestream of {samples.shape} samples stands in a chunk of {spec.shape}")
        if samples.dtype != spec.dtype.to_native_dtype().newbyteorder("="):
            raise CodestreamError(f"a codestream of {samples.dtype} stands in an array of {spec.dtype}")
        if samples.shape == spec.shape:
            return samples
        whole = np.full(spec.shape, spec.fill_value, samples.dtype)
        whole[tuple(slice(n) for n in samples.shape)] = samples
        return whole

    def _encoded(self, chunk: NDArray[Any], fill: Any) -> bytes:
        nodata = None if fill is None or np.isnan(float(fill)) or float(fill) == 0 else float(fill)
        codec = None if self.codec is None else make(self.codec, self.configuration)
        goal = self.goal if self.goal is not None or self.configuration else None
        return encode_tile(np.ascontiguousarray(_trimmed(chunk, fill)), codec, goal, nodata=nodata).data


def _trimmed(chunk: NDArray[Any], fill: Any) -> NDArray[Any]:
    """The chunk without what Zarr padded it with beyond the array's edge: trailing slices of the fill value."""
    empty = chunk == fill if fill is not None and fill == fill else np.isnan(chunk) if chunk.dtype.kind == "f" else None
    if empty is None:
        return chunk
    stop = []
    for axis in range(chunk.ndim):
        others = tuple(a for a in range(chunk.ndim) if a != axis)
        used = np.flatnonzero(~empty.all(axis=others))
        stop.append(int(used[-1]) + 1 if used.size else 1)
    return chunk[tuple(slice(n) for n in stop)]
