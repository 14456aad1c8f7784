"""What is stored under a key, for people who have the key and no claim."""

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cachetools import LRUCache
from temporalio.api.common.v1 import Payload

from temporal_claimcheck.claim import DIGEST_ALGORITHM, KEYED_DIGEST_ALGORITHM, Claim
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.vault import StoredObject

__all__ = ["Found", "Objects"]

_REMEMBERED: Final = 1024
# How large an object is that nobody has a claim to is known only once it has been read.
_UNKNOWN_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An object and the payload in it, verified."""

    stored: StoredObject
    metadata: Mapping[str, bytes]
    content: bytes
    """The payload's data."""

    @property
    def encoding(self) -> str:
        """How the content is encoded, in the payload's own words."""
        return self.metadata.get("encoding", b"").decode(errors="replace")


class Objects:
    """Finds objects by their keys. Whether the caller may have one is decided before.

    An object is read once while the manager's cache holds it: what it says of itself is
    remembered and makes the claim with which the manager gives the payload out of memory.
    """

    def __init__(self, manager: ClaimCheckManager) -> None:
        self._manager = manager
        self._known: LRUCache[str, StoredObject] = LRUCache(_REMEMBERED)
        self._lock = threading.Lock()
        self._places = asyncio.Semaphore(_UNKNOWN_AT_ONCE)

    async def find(self, key: str, *, namespace: str) -> Found:
        """Return what lies under a key of a namespace. Raises ClaimCheckError."""
        manager = self._manager.for_namespace(namespace)
        with self._lock:
            stored = self._known.get(key)
        if stored is not None:
            return _found(stored, await manager.retrieve(_claim_to(stored)))
        async with self._places:
            stored, payload = await manager.inspect(key)
        with self._lock:
            self._known[key] = stored
        return _found(stored, payload)


def _claim_to(stored: StoredObject) -> Claim:
    keyed = stored.header.encryption is not None
    return Claim(
        key=str(stored.key),
        payload_bytes=stored.header.plain_bytes,
        digest=KEYED_DIGEST_ALGORITHM if keyed else DIGEST_ALGORITHM,
    )


def _found(stored: StoredObject, payload: Payload) -> Found:
    return Found(stored=stored, metadata=dict(payload.metadata), content=payload.data)
