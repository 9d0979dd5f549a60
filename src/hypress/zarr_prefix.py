"""A Zarr store seen through a goal: of each chunk no more is read than the goal needs."""

from __future__ import annotations

from zarr.abc.store import ByteRequest, RangeByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import WrapperStore

from hypress.goal import Psnr, Rate
from hypress.prefix import HEAD_BYTES, cut, needed


class PrefixStore(WrapperStore[Store]):
    """Chunks of embedded codestreams come cut to the goal; everything else as it is."""

    def __init__(self, store: Store, goal: Rate | Psnr) -> None:
        super().__init__(store)
        self._goal = goal

    def _with_store(self, store: Store) -> PrefixStore:
        return type(self)(store, self._goal)

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """As the store beneath, but for whole chunks of the scene."""
        if byte_range is not None or not key.startswith("scene/c/"):
            return await self._store.get(key, prototype, byte_range)
        found = await self._store.get(key, prototype, RangeByteRequest(0, HEAD_BYTES))
        if found is None:
            return None
        count = needed(head := found.to_bytes(), self._goal)
        if count is None or count > len(head):
            whole = await self._store.get(key, prototype, None if count is None else RangeByteRequest(0, count))
            head = b"" if whole is None else whole.to_bytes()
        return prototype.buffer.from_bytes(cut(head, self._goal))
