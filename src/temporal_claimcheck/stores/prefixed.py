"""A part of a store as a store of its own: what several share, each below its own prefix."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from typing import Final, cast

from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.stores.base import (
    BlobInfo,
    BlobStore,
    CollectableStore,
    ProbingStore,
    abilities_of,
    check_blob_key,
    check_blob_prefix,
    is_blob_key,
)

__all__ = ["PrefixedStore"]

_MAX_PREFIX_CHARACTERS: Final = 99


class PrefixedStore:
    """Keeps each blob in another store, under its key below a prefix; sees nothing else there.

    Build it with `over`, which adds what the other store can do: probing, collecting.
    """

    def __init__(self, store: BlobStore, prefix: str) -> None:
        if not is_blob_key(prefix) or len(prefix) > _MAX_PREFIX_CHARACTERS:
            raise InvalidSettings(
                f"The prefix {prefix!r} is no plain path, or has more than "
                f"{_MAX_PREFIX_CHARACTERS} characters.",
                remedy="Write it without a slash at either end, as in team-a/prod.",
            )
        self._store = store
        self._below = f"{prefix}/"

    @classmethod
    def over(cls, store: BlobStore, prefix: str) -> "PrefixedStore":
        """Return the store below the prefix, with every ability that it has itself."""
        return _KINDS[abilities_of(store)](store, prefix)

    @property
    def name(self) -> str:
        """See BlobStore."""
        return f"{self._store.name} below {self._below}"

    async def put(self, key: str, blob: bytes) -> bool:
        """See BlobStore."""
        return await self._store.put(self._inner(key), blob)

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        """See BlobStore."""
        return await self._store.get(self._inner(key), max_bytes=max_bytes)

    async def check(self) -> None:
        """See BlobStore."""
        await self._store.check()

    async def aclose(self) -> None:
        """See BlobStore. Closes the other store, which is ready again when it is used again."""
        await self._store.aclose()

    def _inner(self, key: str) -> str:
        # Before the prefix hides what is wrong with it: an empty key, an absolute one.
        check_blob_key(key)
        return self._below + key


class _Probing(PrefixedStore):
    async def contains(self, key: str) -> bool:
        """See ProbingStore."""
        return await cast("ProbingStore", self._store).contains(self._inner(key))


class _Collectable(PrefixedStore):
    async def scan(self, prefix: str = "") -> AsyncIterator[BlobInfo]:
        """See CollectableStore."""
        check_blob_prefix(prefix)
        async for blob in cast("CollectableStore", self._store).scan(self._below + prefix):
            yield replace(blob, key=blob.key.removeprefix(self._below))

    async def delete(self, keys: Iterable[str]) -> None:
        """See CollectableStore."""
        await cast("CollectableStore", self._store).delete([self._inner(key) for key in keys])


class _ProbingCollectable(_Probing, _Collectable):
    pass


_KINDS: Final[dict[tuple[bool, bool], type[PrefixedStore]]] = {
    (False, False): PrefixedStore,
    (True, False): _Probing,
    (False, True): _Collectable,
    (True, True): _ProbingCollectable,
}
