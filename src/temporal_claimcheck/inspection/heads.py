"""Heads of stored objects: what each says of itself, at the price of a few bytes."""

import asyncio
from collections.abc import Iterable
from typing import Final

from temporal_claimcheck.envelope import (
    ENVELOPE_HEAD_BYTES,
    ENVELOPE_OVERHEAD_BYTES,
    peek_header,
)
from temporal_claimcheck.errors import BlobNotFound, IntegrityError
from temporal_claimcheck.inspection.items import Stored
from temporal_claimcheck.keyspace import Key
from temporal_claimcheck.stores.base import BlobHead, BlobStore, PeekingStore

__all__ = ["Heads"]

_AT_ONCE: Final = 16
# A header takes some 80 bytes, 220 with encryption; the first question is for more than these.
_FIRST_BYTES: Final = 512


class Heads:
    """Reads heads. A store that cannot give a head alone gives its whole objects."""

    def __init__(self, store: BlobStore, *, max_payload_bytes: int) -> None:
        self._store = store
        self._max_bytes = max_payload_bytes + ENVELOPE_OVERHEAD_BYTES
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def read(self, key: Key) -> Stored | IntegrityError | None:
        """Return what an object says of itself; None if there is none, or what is wrong with it.

        Raises StoreError.
        """
        async with self._turns:
            try:
                found = await self._head(str(key), _FIRST_BYTES)
                try:
                    header = peek_header(found.head, key=str(key))
                except IntegrityError:
                    if found.size_bytes <= len(found.head):
                        raise
                    # A later release may say more.
                    found = await self._head(str(key), ENVELOPE_HEAD_BYTES)
                    header = peek_header(found.head, key=str(key))
            except BlobNotFound:
                return None
            except IntegrityError as error:
                return error
        return Stored(stored_bytes=found.size_bytes, header=header)

    async def read_all(self, keys: Iterable[Key]) -> dict[Key, Stored | IntegrityError | None]:
        """Return what `read` returns for each key, each read once. Raises StoreError."""
        wanted = list(dict.fromkeys(keys))
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self.read(key)) for key in wanted]
        except BaseExceptionGroup as error:
            raise error.exceptions[0] from None
        return {key: task.result() for key, task in zip(wanted, tasks, strict=True)}

    async def _head(self, key: str, head_bytes: int) -> BlobHead:
        if isinstance(self._store, PeekingStore):
            return await self._store.peek(key, head_bytes=head_bytes)
        blob = await self._store.get(key, max_bytes=self._max_bytes)
        return BlobHead(head=blob[:head_bytes], size_bytes=len(blob))
