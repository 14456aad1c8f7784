"""A store in this process: for tests, trials, and as a cache in front of another."""

import datetime as dt
from collections.abc import AsyncIterator, Callable, Iterable

from temporal_claimcheck.clock import utc_now
from temporal_claimcheck.errors import BlobNotFound
from temporal_claimcheck.stores.base import (
    BlobHead,
    BlobInfo,
    check_blob_key,
    check_blob_prefix,
    too_large,
)

__all__ = ["MemoryStore"]


class MemoryStore:
    """Keeps blobs in a dictionary. They end with the process, and no other process sees them."""

    def __init__(self, *, clock: Callable[[], dt.datetime] = utc_now) -> None:
        self._clock = clock
        self._blobs: dict[str, tuple[bytes, dt.datetime]] = {}

    @property
    def name(self) -> str:
        """See BlobStore."""
        return "memory://"

    async def put(self, key: str, blob: bytes) -> bool:
        """See BlobStore."""
        check_blob_key(key)
        entry = (blob, self._clock())
        # One step, so that of several threads one alone is the first.
        return self._blobs.setdefault(key, entry) is entry

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        """See BlobStore."""
        blob = self._found(key)
        if len(blob) > max_bytes:
            raise too_large(key, max_bytes)
        return blob

    async def peek(self, key: str, *, head_bytes: int) -> BlobHead:
        """See PeekingStore."""
        blob = self._found(key)
        return BlobHead(head=blob[:head_bytes], size_bytes=len(blob))

    async def contains(self, key: str) -> bool:
        """See ProbingStore."""
        check_blob_key(key)
        return key in self._blobs

    async def scan(self, prefix: str = "") -> AsyncIterator[BlobInfo]:
        """See CollectableStore."""
        check_blob_prefix(prefix)
        found = [item for item in list(self._blobs.items()) if item[0].startswith(prefix)]
        for key, (blob, modified) in found:
            yield BlobInfo(key=key, size_bytes=len(blob), modified=modified)

    async def delete(self, keys: Iterable[str]) -> None:
        """See CollectableStore."""
        doomed = list(keys)
        for key in doomed:
            check_blob_key(key)
        for key in doomed:
            self._blobs.pop(key, None)

    async def check(self) -> None:
        """See BlobStore."""

    async def aclose(self) -> None:
        """See BlobStore. Keeps the blobs."""

    def _found(self, key: str) -> bytes:
        check_blob_key(key)
        try:
            blob, _ = self._blobs[key]
        except KeyError:
            raise BlobNotFound(
                f"There is no object under {key} in this process's memory.",
                remedy="Use a store that every process shares, such as file:///… or s3://….",
            ) from None
        return blob
