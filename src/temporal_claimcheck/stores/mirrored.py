"""Several stores that hold the same blobs: reads go on while one of them is down or lost some."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from typing import Any, Final, TypeVar, cast

from temporal_claimcheck.errors import (
    BlobNotFound,
    BlobTooLarge,
    ClaimCheckError,
    InvalidSettings,
    StoreError,
)
from temporal_claimcheck.stores.base import (
    BlobInfo,
    BlobStore,
    CollectableStore,
    ProbingStore,
    abilities_of,
    check_blob_key,
)

__all__ = ["MirroredStore"]

T = TypeVar("T")

logger = logging.getLogger(__name__)


class MirroredStore:
    """Writes to all stores and reads from the first that answers.

    What was put is in every store, so each of them alone is enough to read. Writes stop while
    one is down: a copy that is promised and not there would be missed only when it is needed.

    Build it with `over`, which adds what all the stores can do: probing, collecting.
    """

    def __init__(self, stores: Sequence[BlobStore], *, heal: bool = True) -> None:
        """Use the stores in the order in which they are to be read.

        With `heal`, a store that lacks a blob gets it when another one had it for a reader.
        """
        if not stores:
            raise InvalidSettings("A mirror of no stores keeps nothing.", remedy="Name some.")
        self._stores = tuple(stores)
        self._heals = heal

    @classmethod
    def over(cls, stores: Sequence[BlobStore], *, heal: bool = True) -> "MirroredStore":
        """Return the stores as one, with the abilities that all of them have."""
        return _KINDS[abilities_of(*stores)](stores, heal=heal)

    @property
    def name(self) -> str:
        """See BlobStore."""
        return " and ".join(store.name for store in self._stores)

    async def put(self, key: str, blob: bytes) -> bool:
        """See BlobStore. True if any store wrote.

        Raises the first store's error when one fails. What the others wrote stays: no claim
        refers to it yet, and the next try finds it there.
        """
        check_blob_key(key)
        return any(await _all(store.put(key, blob) for store in self._stores))

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        """See BlobStore.

        BlobNotFound means that every store said so. Where one could not be asked, its error is
        raised instead: it may have the blob.
        """
        lacking: list[BlobStore] = []
        missing: BlobNotFound | None = None
        failure: ClaimCheckError | None = None
        for store in self._stores:
            try:
                blob = await store.get(key, max_bytes=max_bytes)
            except BlobNotFound as error:
                lacking.append(store)
                missing = missing or error
            except (StoreError, BlobTooLarge) as error:
                logger.warning("A mirror was passed over for reading: %s", error)
                failure = failure or error
            else:
                if self._heals:
                    await asyncio.gather(*(_heal(other, key, blob) for other in lacking))
                return blob
        raise failure or missing or AssertionError("there is at least one store")

    async def check(self) -> None:
        """See BlobStore. Every store must be usable, since writing needs them all."""
        await _all(store.check() for store in self._stores)

    async def aclose(self) -> None:
        """See BlobStore. Closes the stores, which are ready again when they are used again."""
        await _all(store.aclose() for store in self._stores)


class _Probing(MirroredStore):
    async def contains(self, key: str) -> bool:
        """See ProbingStore. True if all have it, so that no write is skipped while one lacks it."""
        stores = cast("tuple[ProbingStore, ...]", self._stores)
        return all(await _all(store.contains(key) for store in stores))


class _Collectable(MirroredStore):
    async def scan(self, prefix: str = "") -> AsyncIterator[BlobInfo]:
        """See CollectableStore. What any store has, each key once."""
        # Stores promise no order, so listings cannot be merged without remembering one of them.
        seen: set[str] = set()
        for store in cast("tuple[CollectableStore, ...]", self._stores):
            async for blob in store.scan(prefix):
                if blob.key not in seen:
                    seen.add(blob.key)
                    yield blob

    async def delete(self, keys: Iterable[str]) -> None:
        """See CollectableStore. What one store could not delete is listed again by `scan`."""
        doomed = list(keys)
        for key in doomed:
            check_blob_key(key)
        stores = cast("tuple[CollectableStore, ...]", self._stores)
        await _all(store.delete(doomed) for store in stores)


class _ProbingCollectable(_Probing, _Collectable):
    pass


async def _heal(store: BlobStore, key: str, blob: bytes) -> None:
    try:
        await store.put(key, blob)
    except StoreError as error:
        # The reader has its blob, and the next reader tries again.
        logger.warning("A mirror that lacks an object could not be healed: %s", error)


async def _all(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return every answer; when calls fail, raise the first error after all have ended."""
    answers = await asyncio.gather(*calls, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return cast("list[T]", answers)


_KINDS: Final[dict[tuple[bool, bool], type[MirroredStore]]] = {
    (False, False): MirroredStore,
    (True, False): _Probing,
    (False, True): _Collectable,
    (True, True): _ProbingCollectable,
}
