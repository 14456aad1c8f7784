"""Small records of the claim check itself, beside the payloads in the same store.

Who writes to the keyspace, what a user wants to keep, what a collector found. A record is JSON
in an envelope, encrypted where payloads are, under `ledger/v1/…`, so no record has a payload's
key. As every blob it never changes: what changes is written under a new name.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Final, cast

from temporal_claimcheck.envelope import ENVELOPE_OVERHEAD_BYTES, open_record, seal_envelope
from temporal_claimcheck.errors import BlobCorrupt, EncryptionKeyMissing, InvalidSettings
from temporal_claimcheck.keychain import Keychain
from temporal_claimcheck.stores.base import BlobInfo, BlobStore, CollectableStore
from temporal_claimcheck.threads import Threads
from temporal_claimcheck.transforms.compression import NoCompression, ZstdCompression

__all__ = ["LEDGER_PREFIX", "Ledger", "Record"]

LEDGER_PREFIX: Final = "ledger/v1/"

Record = Mapping[str, object]
"""What JSON can say."""

_MAX_RECORD_BYTES: Final = 256 * 1024**2
_THREADS: Final = 1
_INLINE_BYTES: Final = 64 * 1024
_SMALL_BYTES: Final = 512
"""What is not worth being compressed: most records are one lease, one hold, one namespace."""


class Ledger:
    """Writes, reads and lists records by name: a path of plain segments. Safe for concurrent use.

    Raises StoreError, and IntegrityError for a record that is damaged or cannot be decrypted.
    """

    def __init__(self, store: BlobStore, keychain: Keychain | None = None) -> None:
        self._store = store
        self._collectable_store = store if isinstance(store, CollectableStore) else None
        self._keychain = keychain
        self._threads = Threads(_THREADS, name="claimcheck-ledger")

    async def write(self, name: str, record: Record) -> bool:
        """Write a record under a name that is new.

        Returns whether this call wrote, as `BlobStore.put` does: a record that is there already
        stays where the server has conditional writes.
        """
        key = LEDGER_PREFIX + name
        text = json.dumps(record, separators=(",", ":"), sort_keys=True).encode()
        blob = await self._off_loop(len(text), self._seal, text, key)
        return await self._store.put(key, blob)

    async def read(self, name: str) -> Record:
        """Return a record. Raises BlobNotFound."""
        key = LEDGER_PREFIX + name
        blob = await self._store.get(key, max_bytes=_MAX_RECORD_BYTES + ENVELOPE_OVERHEAD_BYTES)
        text = await self._off_loop(len(blob), self._open, blob, key)
        try:
            record: object = json.loads(text)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            raise BlobCorrupt(
                f"The record under {key} is whole, but it is none of the claim check's.",
                remedy="Find out what wrote it, and delete it.",
            )
        return cast("Record", record)

    async def names(self, prefix: str = "") -> list[str]:
        """Return the names of the records that begin so, sorted."""
        return sorted([name async for name, _ in self.entries(prefix)])

    async def entries(self, prefix: str = "") -> AsyncIterator[tuple[str, BlobInfo]]:
        """Yield names, and what the store says of the records."""
        async for info in self._collectable.scan(LEDGER_PREFIX + prefix):
            yield info.key.removeprefix(LEDGER_PREFIX), info

    async def delete(self, names: Iterable[str]) -> None:
        """Delete records; one that is not there is no error."""
        await self._collectable.delete([LEDGER_PREFIX + name for name in names])

    def release(self) -> None:
        """Let idle threads end."""
        self._threads.release()

    @property
    def _collectable(self) -> CollectableStore:
        if self._collectable_store is None:
            raise InvalidSettings(
                f"The store {self._store.name} cannot be listed.",
                remedy="Collect garbage on a store that can list and delete (CollectableStore).",
            )
        return self._collectable_store

    def _seal(self, text: bytes, key: str) -> bytes:
        encryption_key = None if self._keychain is None else self._keychain.ring.newest
        compression = NoCompression() if len(text) <= _SMALL_BYTES else ZstdCompression()
        return seal_envelope(text, compression, key=key, encryption_key=encryption_key)

    def _open(self, blob: bytes, key: str) -> bytes:
        if self._keychain is None:
            return open_record(blob, key=key)
        keys = self._keychain.ring
        try:
            return open_record(blob, key=key, keys=keys)
        except EncryptionKeyMissing:
            if not self._keychain.reload(keys):
                raise
        return open_record(blob, key=key, keys=self._keychain.ring)

    async def _off_loop(
        self, size: int, function: Callable[[bytes, str], bytes], data: bytes, key: str
    ) -> bytes:
        if size <= _INLINE_BYTES and (self._keychain is None or function == self._seal):
            return function(data, key)
        # Opening may ask a user's function for a key that is missing, which may take its time.
        return await self._threads.run(function, data, key)
