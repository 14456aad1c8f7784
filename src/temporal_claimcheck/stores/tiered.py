"""A fast store in front of a durable one, such as Redis in front of a bucket."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Coroutine, Iterable
from typing import Any, Final, TypeVar, cast

from temporal_claimcheck.errors import (
    BlobNotFound,
    BlobTooLarge,
    StoreError,
    StoreUnavailable,
)
from temporal_claimcheck.stores.base import (
    BlobInfo,
    BlobStore,
    CollectableStore,
    ProbingStore,
    abilities_of,
    check_blob_key,
)

__all__ = ["DEFAULT_MAX_FAST_BYTES", "TieredStore"]

T = TypeVar("T")

DEFAULT_MAX_FAST_BYTES: Final = 8 * 1024**2

logger = logging.getLogger(__name__)


class TieredStore:
    """Keeps blobs in the durable store, and copies of them in the fast one to read from.

    Every promise is the durable store's alone. The fast one may forget, fill up, hang or be
    down: that costs time, is logged, and never fails a read or a write.

    Build it with `over`, which adds what the stores can do: probing, collecting.
    """

    def __init__(
        self,
        *,
        fast: BlobStore,
        durable: BlobStore,
        max_fast_bytes: int = DEFAULT_MAX_FAST_BYTES,
        fast_seconds: float = 1.0,
        rest_seconds: float = 5.0,
    ) -> None:
        """Keep blobs of up to `max_fast_bytes` in the fast store; with 0 it is only read.

        It gets `fast_seconds` to answer, and after a failure is left alone for `rest_seconds`:
        a cache that hangs must not cost every read a timeout.
        """
        self._fast = fast
        self._durable = durable
        self._max_fast_bytes = max_fast_bytes
        self._fast_seconds = fast_seconds
        self._rest_seconds = rest_seconds
        self._rests_until = 0.0

    @classmethod
    def over(
        cls,
        *,
        fast: BlobStore,
        durable: BlobStore,
        max_fast_bytes: int = DEFAULT_MAX_FAST_BYTES,
        fast_seconds: float = 1.0,
        rest_seconds: float = 5.0,
    ) -> "TieredStore":
        """Return the two as one: probing if the durable one is, collectable if both are."""
        probing, _ = abilities_of(durable)
        _, collectable = abilities_of(fast, durable)
        return _KINDS[probing, collectable](
            fast=fast,
            durable=durable,
            max_fast_bytes=max_fast_bytes,
            fast_seconds=fast_seconds,
            rest_seconds=rest_seconds,
        )

    @property
    def name(self) -> str:
        """See BlobStore."""
        return f"{self._durable.name} behind {self._fast.name}"

    async def put(self, key: str, blob: bytes) -> bool:
        """See BlobStore."""
        wrote = await self._durable.put(key, blob)
        if wrote:
            # Otherwise another blob may stand there, and a copy of this one would hide it.
            await self._fill(key, blob)
        return wrote

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        """See BlobStore."""
        check_blob_key(key)
        blob = await self._ask_fast(self._fast.get(key, max_bytes=max_bytes))
        if blob is None:
            blob = await self._durable.get(key, max_bytes=max_bytes)
            await self._fill(key, blob)
        return blob

    async def check(self) -> None:
        """See BlobStore. A fast store that cannot be used is logged, since all goes on."""
        await self._durable.check()
        await self._ask_fast(self._fast.check())

    async def aclose(self) -> None:
        """See BlobStore. Closes both stores, which are ready again when they are used again."""
        try:
            await self._fast.aclose()
        finally:
            await self._durable.aclose()

    async def _fill(self, key: str, blob: bytes) -> None:
        if self._max_fast_bytes and len(blob) <= self._max_fast_bytes:
            await self._ask_fast(self._fast.put(key, blob))

    async def _ask_fast(self, call: Coroutine[Any, Any, T]) -> T | None:
        """Return the fast store's answer, or None when the durable one has to give it."""
        if time.monotonic() < self._rests_until:
            call.close()
            return None
        try:
            async with asyncio.timeout(self._fast_seconds):
                return await call
        except (BlobNotFound, BlobTooLarge):
            return None
        except (StoreUnavailable, TimeoutError) as error:
            self._rests_until = time.monotonic() + self._rest_seconds
            logger.warning(
                "The fast store %s is left alone for %s seconds: %s",
                self._fast.name,
                self._rest_seconds,
                str(error) or f"it did not answer within {self._fast_seconds} seconds",
            )
            return None
        except StoreError as error:
            logger.warning("The fast store %s was passed over: %s", self._fast.name, error)
            return None


class _Probing(TieredStore):
    async def contains(self, key: str) -> bool:
        """See ProbingStore. A copy in the fast store is no promise, so it is not asked."""
        return await cast("ProbingStore", self._durable).contains(key)


class _Collectable(TieredStore):
    def scan(self, prefix: str = "") -> AsyncIterator[BlobInfo]:
        """See CollectableStore. What the durable store has."""
        return cast("CollectableStore", self._durable).scan(prefix)

    async def delete(self, keys: Iterable[str]) -> None:
        """See CollectableStore. Raises when either store fails."""
        doomed = list(keys)
        for key in doomed:
            check_blob_key(key)
        # The fast store first: when it fails nothing is deleted, and the next try finds all in
        # the listing. The other way round, copies would stay that no listing names.
        await cast("CollectableStore", self._fast).delete(doomed)
        await cast("CollectableStore", self._durable).delete(doomed)


class _ProbingCollectable(_Probing, _Collectable):
    pass


_KINDS: Final[dict[tuple[bool, bool], type[TieredStore]]] = {
    (False, False): TieredStore,
    (True, False): _Probing,
    (False, True): _Collectable,
    (True, True): _ProbingCollectable,
}
