"""Serialized payloads under keys: written once a day, read back verified.

Between the manager, which knows claims and namespaces, and the stores, which know bytes: here
are the envelope, the cache, and the control of what goes on at the same time.
"""

import datetime as dt
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Final, TypeVar

from temporal_claimcheck.cache import PayloadCache, StoredToday
from temporal_claimcheck.envelope import (
    ENVELOPE_OVERHEAD_BYTES,
    digest_of,
    open_envelope,
    seal_envelope,
)
from temporal_claimcheck.errors import BlobNotFound, IntegrityError
from temporal_claimcheck.flow import ByteBudget, SingleFlight
from temporal_claimcheck.keyspace import Key
from temporal_claimcheck.loops import LoopLocal
from temporal_claimcheck.stores.base import BlobStore, ProbingStore, ViewingStore
from temporal_claimcheck.threads import Threads
from temporal_claimcheck.transforms.base import Compression

__all__ = ["Vault"]

T = TypeVar("T")

# Below these sizes the work takes less than a millisecond, and a thread would cost more: BLAKE3
# runs at gigabytes a second, compression at hundreds of megabytes.
_INLINE_DIGEST_BYTES: Final = 1_048_576
_INLINE_BYTES: Final = 131_072
_THREADS: Final = 4
# A payload that is worked on stands in memory twice: serialized, and as the object that the store
# gets or gave. The limit is one of memory, so it counts both.
_COPIES: Final = 2


class Vault:
    """Keeps and fetches serialized payloads. Safe for concurrent use and for several loops."""

    def __init__(
        self,
        store: BlobStore,
        *,
        compression: Compression,
        cache_bytes: int,
        max_bytes_in_flight: int,
        clock: Callable[[], dt.datetime],
    ) -> None:
        self._store = store
        self._compression = compression
        self._clock = clock
        self._cache = PayloadCache(cache_bytes)
        self._stored_today = StoredToday()
        self._threads = Threads(_THREADS, name="claimcheck-codec")
        self._budget = LoopLocal(partial(ByteBudget, max_bytes_in_flight))
        self._writes: LoopLocal[SingleFlight[int]] = LoopLocal(SingleFlight)
        self._reads: LoopLocal[SingleFlight[bytes]] = LoopLocal(SingleFlight)

    def hold(self, size: int) -> AbstractAsyncContextManager[None]:
        """Wait until a payload of that size may be worked on, and hold its memory for the block."""
        return self._budget.get().hold(size * _COPIES)

    async def key_for(self, data: bytes, namespace: str) -> Key:
        """Return the key of a serialized payload today; no I/O."""
        if len(data) <= _INLINE_DIGEST_BYTES:
            digest = digest_of(data)
        else:
            digest = await self._threads.run(digest_of, data)
        return Key(namespace=namespace, day=self._today(), digest=digest)

    async def keep(self, key: Key, data: bytes) -> int:
        """Make sure that the store has the payload; return the bytes that this call wrote."""
        if await self._is_stored(key):
            return 0
        written, began = await self._writes.get().run(str(key), partial(self._write, key, data))
        return written if began else 0

    def remember(self, key: Key, data: bytes) -> None:
        """Hold a payload in memory, for whoever asks for it next in this process."""
        self._cache.put(key, data)

    async def fetch(self, key: Key, payload_bytes: int) -> tuple[bytes, bool]:
        """Return the payload, verified, and whether it came out of memory.

        Reads no object larger than a payload of `payload_bytes` needs. Raises StoreError and
        IntegrityError.
        """
        data = self._cache.get(key)
        if data is not None:
            return data, True
        # The size is part of the flight: what one claim allows, another may not.
        flight = f"{key} {payload_bytes}"
        read = partial(self._read, key, payload_bytes)
        data, _ = await self._reads.get().run(flight, read)
        return data, False

    def release(self) -> None:
        """Let idle threads end; they start anew when they are needed."""
        self._threads.release()

    async def _is_stored(self, key: Key) -> bool:
        # A store that can be asked cheaply is asked: what was known may have vanished since.
        if isinstance(self._store, ProbingStore):
            return await self._store.contains(str(key))
        return self._stored_today.has(key, today=self._today())

    async def _write(self, key: Key, data: bytes) -> int:
        blob = await self._off_loop(len(data), seal_envelope, data, self._compression)
        wrote = await self._store.put(str(key), blob)
        self._stored_today.add(key, today=self._today())
        return len(blob) if wrote else 0

    async def _read(self, key: Key, payload_bytes: int) -> bytes:
        async with self.hold(payload_bytes):
            try:
                store = self._store
                read = store.view if isinstance(store, ViewingStore) else store.get
                blob = await read(str(key), max_bytes=payload_bytes + ENVELOPE_OVERHEAD_BYTES)
                unpack = partial(
                    open_envelope, key=str(key), digest=key.digest, max_plain_bytes=payload_bytes
                )
                data = await self._off_loop(payload_bytes, unpack, blob)
            except (BlobNotFound, IntegrityError):
                self._stored_today.forget(key)
                raise
        self._stored_today.add(key, today=self._today())
        self._cache.put(key, data)
        return data

    async def _off_loop(self, size: int, function: Callable[..., T], *arguments: object) -> T:
        if size <= _INLINE_BYTES:
            return function(*arguments)
        return await self._threads.run(function, *arguments)

    def _today(self) -> dt.date:
        return self._clock().astimezone(dt.UTC).date()
