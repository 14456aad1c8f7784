"""Serialized payloads under keys: written once a day, read back verified.

Between the manager, which knows claims and namespaces, and the stores, which know bytes: here
are the envelope, the cache, and the control of what goes on at the same time.
"""

import datetime as dt
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from temporal_claimcheck.cache import PayloadCache, StoredToday
from temporal_claimcheck.envelope import (
    ENVELOPE_OVERHEAD_BYTES,
    Header,
    digest_of,
    open_envelope,
    read_header,
    seal_envelope,
)
from temporal_claimcheck.errors import BlobNotFound, EncryptionKeyMissing, IntegrityError
from temporal_claimcheck.events import Observer, Observers, Occupied
from temporal_claimcheck.flow import ByteBudget, SingleFlight
from temporal_claimcheck.keychain import Keychain
from temporal_claimcheck.keyspace import Key
from temporal_claimcheck.loops import LoopLocal
from temporal_claimcheck.policy import OffloadPolicy
from temporal_claimcheck.stores.base import BlobStore, ProbingStore, ViewingStore
from temporal_claimcheck.threads import Threads
from temporal_claimcheck.transforms.base import Compression

if TYPE_CHECKING:
    # The package behind it is optional.
    from temporal_claimcheck.transforms.encryption import EncryptionKey

__all__ = ["Place", "StoredObject", "Vault"]

T = TypeVar("T")

# Below these sizes the work takes less than a millisecond, and a thread would cost more: BLAKE3
# runs at gigabytes a second, compression at hundreds of megabytes.
_INLINE_DIGEST_BYTES: Final = 1_048_576
_INLINE_BYTES: Final = 131_072
_THREADS: Final = 4
# A payload that is worked on stands in memory twice: serialized, and as the object that the store
# gets or gave. The limit is one of memory, so it counts both.
_COPIES: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a payload of today belongs."""

    key: Key
    encryption_key: "EncryptionKey | None"
    """What the digest in the key was made with, and the object is to be encrypted with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """What a stored object says of itself, checked."""

    key: Key
    header: Header
    stored_bytes: int
    """Size of the object in the store."""


class Vault:
    """Keeps and fetches serialized payloads. Safe for concurrent use and for several loops."""

    def __init__(
        self,
        store: BlobStore,
        *,
        compression: Compression,
        cache_bytes: int,
        max_bytes_in_flight: int,
        keychain: Keychain | None,
        clock: Callable[[], dt.datetime],
        observers: Observers,
    ) -> None:
        """`observers` are told what memory is taken."""
        self._store = store
        self._observers = observers
        self._keychain = keychain
        self._compression = compression
        self._clock = clock
        self._cache = PayloadCache(cache_bytes)
        self._stored_today = StoredToday()
        self._threads = Threads(_THREADS, name="claimcheck-codec")
        self._budget = LoopLocal(
            partial(ByteBudget, max_bytes_in_flight, changed=self._note_in_flight)
        )
        self._in_flight_bytes = 0
        self._in_flight_lock = threading.Lock()
        self._writes: LoopLocal[SingleFlight[int]] = LoopLocal(SingleFlight)
        self._reads: LoopLocal[SingleFlight[bytes]] = LoopLocal(SingleFlight)

    def hold(self, size: int) -> AbstractAsyncContextManager[None]:
        """Wait until a payload of that size may be worked on, and hold its memory for the block."""
        return self._budget.get().hold(size * _COPIES)

    def tell_also(self, observer: Observer) -> None:
        """Tell one observer more what memory is taken."""
        self._observers = self._observers.including(observer)

    async def place_for(self, data: bytes, namespace: str) -> Place:
        """Return where a serialized payload belongs today; no I/O."""
        # Taken once: the newest key may change while the payload is on its way.
        encryption_key = None if self._keychain is None else self._keychain.ring.newest
        digest = digest_of if encryption_key is None else encryption_key.digest_of
        if len(data) <= _INLINE_DIGEST_BYTES:
            digits = digest(data)
        else:
            digits = await self._threads.run(digest, data)
        key = Key(namespace=namespace, day=self._today(), digest=digits)
        return Place(key=key, encryption_key=encryption_key)

    async def keep(self, place: Place, data: bytes) -> int:
        """Make sure that the store has the payload; return the bytes that this call wrote."""
        if await self._is_stored(place.key):
            return 0
        write = partial(self._write, place, data)
        written, began = await self._writes.get().run(str(place.key), write)
        return written if began else 0

    def remember(self, key: Key, data: bytes) -> None:
        """Hold a payload in memory, for whoever asks for it next in this process."""
        self._cache.put(key, data)

    async def fetch(self, key: Key, payload_bytes: int, *, keyed: bool) -> tuple[bytes, bool]:
        """Return the payload, verified, and whether it came out of memory.

        Reads no object larger than a payload of `payload_bytes` needs. `keyed` says that the
        object must be an encrypted one. Raises StoreError and IntegrityError.
        """
        data = self._cache.get(key)
        if data is not None:
            return data, True
        # What one claim says of the object, another may not: the flight is for these words.
        flight = f"{key} {payload_bytes} {keyed}"
        read = partial(self._read, key, payload_bytes, keyed)
        data, _ = await self._reads.get().run(flight, read)
        return data, False

    async def examine(self, key: Key, policy: OffloadPolicy) -> tuple[StoredObject, bytes]:
        """Read an object of which nothing is known but its key; return it and its payload.

        The digest in the key proves the payload, whether the object says that it is encrypted
        or not. Raises StoreError, IntegrityError, and PayloadTooLarge for one over the cap.
        """
        try:
            blob = await self._get(key, policy.max_payload_bytes)
            header, _ = await self._off_loop(len(blob), partial(read_header, key=str(key)), blob)
            policy.check_size(header.plain_bytes)
            async with self.hold(header.plain_bytes):
                keyed = header.encryption is not None
                data = await self._open(blob, key, header.plain_bytes, keyed=keyed)
        except (BlobNotFound, IntegrityError):
            self._stored_today.forget(key)
            raise
        self._cache.put(key, data)
        return StoredObject(key=key, header=header, stored_bytes=len(blob)), data

    def release(self) -> None:
        """Let idle threads end; they start anew when they are needed."""
        self._threads.release()

    async def _is_stored(self, key: Key) -> bool:
        # A store that can be asked cheaply is asked: what was known may have vanished since.
        if isinstance(self._store, ProbingStore):
            return await self._store.contains(str(key))
        return self._stored_today.has(key, today=self._today())

    async def _write(self, place: Place, data: bytes) -> int:
        key = str(place.key)
        seal = partial(seal_envelope, key=key, encryption_key=place.encryption_key)
        blob = await self._off_loop(len(data), seal, data, self._compression)
        wrote = await self._store.put(key, blob)
        self._stored_today.add(place.key, today=self._today())
        return len(blob) if wrote else 0

    async def _read(self, key: Key, payload_bytes: int, keyed: bool) -> bytes:  # noqa: FBT001  # bound by partial
        async with self.hold(payload_bytes):
            try:
                blob = await self._get(key, payload_bytes)
                data = await self._open(blob, key, payload_bytes, keyed=keyed)
            except (BlobNotFound, IntegrityError):
                self._stored_today.forget(key)
                raise
            # Before the memory is given back, so that who is told hears of both.
            self._cache.put(key, data)
        self._stored_today.add(key, today=self._today())
        return data

    async def _get(self, key: Key, max_plain_bytes: int) -> bytes | memoryview:
        store = self._store
        read = store.view if isinstance(store, ViewingStore) else store.get
        return await read(str(key), max_bytes=max_plain_bytes + ENVELOPE_OVERHEAD_BYTES)

    async def _open(
        self, blob: bytes | memoryview, key: Key, payload_bytes: int, *, keyed: bool
    ) -> bytes:
        unpack = partial(
            open_envelope,
            key=str(key),
            digest=key.digest,
            max_plain_bytes=payload_bytes,
            keyed=keyed,
        )
        if self._keychain is None:
            return await self._off_loop(payload_bytes, unpack, blob)
        keys = self._keychain.ring
        try:
            return await self._off_loop(payload_bytes, partial(unpack, keys=keys), blob)
        except EncryptionKeyMissing:
            if not await self._threads.run(self._keychain.reload, keys):
                raise
        keys = self._keychain.ring
        return await self._off_loop(payload_bytes, partial(unpack, keys=keys), blob)

    async def _off_loop(self, size: int, function: Callable[..., T], *arguments: object) -> T:
        if size <= _INLINE_BYTES:
            return function(*arguments)
        return await self._threads.run(function, *arguments)

    def _note_in_flight(self, count: int) -> None:
        # Of all loops together: each has a budget of its own.
        with self._in_flight_lock:
            self._in_flight_bytes += count
            in_flight_bytes = self._in_flight_bytes
        self._observers.observe(
            Occupied(in_flight_bytes=in_flight_bytes, cache_bytes=self._cache.used_bytes)
        )

    def _today(self) -> dt.date:
        return self._clock().astimezone(dt.UTC).date()
