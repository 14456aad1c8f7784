"""A store that is only read: for codec servers, for replays, and for whoever looks around."""

from collections.abc import AsyncIterator, Iterable
from typing import Final, cast

from temporal_claimcheck.errors import BlobNotFound, BlobTooLarge, StoreDenied
from temporal_claimcheck.stores.base import (
    BlobInfo,
    BlobStore,
    CollectableStore,
    ProbingStore,
    abilities_of,
    check_blob_key,
)

__all__ = ["ReadOnlyStore"]

_PROBE_KEY: Final = "v1/check"
_REMEDY: Final = (
    "Do it in a process that may write, or unset CLAIMCHECK_STORE_READ_ONLY in this one."
)


class ReadOnlyStore:
    """Reads another store, and refuses to write or delete, whatever its credentials allow.

    A safeguard against one's own process; against others only the server's permissions help.
    Build it with `over`, which adds what the other store can do: probing, listing.
    """

    def __init__(self, store: BlobStore) -> None:
        self._store = store

    @classmethod
    def over(cls, store: BlobStore) -> "ReadOnlyStore":
        """Return the store, to be read only, with every ability that it has itself."""
        return _KINDS[abilities_of(store)](store)

    @property
    def name(self) -> str:
        """See BlobStore."""
        return f"{self._store.name}, read only"

    async def put(self, key: str, blob: bytes) -> bool:
        """Raise StoreDenied."""
        del blob
        check_blob_key(key)
        raise StoreDenied(
            f"The object under {key} was not stored: this process only reads {self._store.name}.",
            remedy=_REMEDY,
        )

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        """See BlobStore."""
        return await self._store.get(key, max_bytes=max_bytes)

    async def check(self) -> None:
        """See BlobStore. Asks for an object that is not there, so it needs no right to write."""
        try:
            await self._store.get(_PROBE_KEY, max_bytes=0)
        except (BlobNotFound, BlobTooLarge):
            return

    async def aclose(self) -> None:
        """See BlobStore. Closes the other store, which is ready again when it is used again."""
        await self._store.aclose()


class _Probing(ReadOnlyStore):
    async def contains(self, key: str) -> bool:
        """See ProbingStore."""
        return await cast("ProbingStore", self._store).contains(key)


class _Collectable(ReadOnlyStore):
    def scan(self, prefix: str = "") -> AsyncIterator[BlobInfo]:
        """See CollectableStore."""
        return cast("CollectableStore", self._store).scan(prefix)

    async def delete(self, keys: Iterable[str]) -> None:
        """Raise StoreDenied."""
        for key in keys:
            check_blob_key(key)
        raise StoreDenied(
            f"Nothing was deleted: this process only reads {self._store.name}.", remedy=_REMEDY
        )


class _ProbingCollectable(_Probing, _Collectable):
    pass


_KINDS: Final[dict[tuple[bool, bool], type[ReadOnlyStore]]] = {
    (False, False): ReadOnlyStore,
    (True, False): _Probing,
    (False, True): _Collectable,
    (True, True): _ProbingCollectable,
}
