"""Listing what Redis holds from its indexes: never the keys of the whole database."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, Literal

from temporal_claimcheck.stores.base import BlobInfo, is_blob_key
from temporal_claimcheck.stores.redis_layout import (
    BUCKETS,
    Command,
    blob_name,
    bucket_of,
    day_of,
    folder_and_name,
    folders_name,
    index_name,
    literal,
)
from temporal_claimcheck.stores.redis_servers import RedisServers

__all__ = ["lifetimes", "listed"]

_PAGE: Final = 250
_WALKS_AT_ONCE: Final = 64
# The answers of one round trip are taken in at one go, which must not hold up the event loop.
_SIZES_AT_ONCE: Final = 250
# What PTTL answers for a key that has gone.
_GONE: Final = -2


class _Walk:
    """A way through one set or sorted set, a page at a time."""

    def __init__(
        self,
        verb: Literal["SSCAN", "ZSCAN"],
        bucket: int,
        name: str,
        *,
        prefix: str,
        folder: str = "",
    ) -> None:
        self.bucket = bucket
        self.folder = folder
        self.done = False
        self._verb = verb
        self._name = name
        self._pattern = literal(prefix)
        self._cursor = b"0"
        self._seen: set[bytes] = set()

    def next_page(self) -> Command:
        """Return the command that asks for the next page."""
        return (self._verb, self._name, self._cursor, "MATCH", self._pattern, "COUNT", _PAGE)

    def turn(self, cursor: bytes, page: Sequence[bytes]) -> list[str]:
        """Take the answer in; return its elements. Redis may show one twice, we do not."""
        self._cursor = cursor
        self.done = cursor == b"0"
        elements = set(page if self._verb == "SSCAN" else page[::2]) - self._seen
        if not self.done:
            self._seen |= elements
        return [element.decode("utf-8", "replace") for element in sorted(elements)]


async def listed(servers: RedisServers, prefix: str) -> AsyncIterator[BlobInfo]:
    """Yield every blob whose key begins with `prefix`."""
    async for blobs in _found(servers, prefix):
        for blob in blobs:
            yield blob


async def lifetimes(servers: RedisServers, prefix: str) -> AsyncIterator[tuple[BlobInfo, int]]:
    """Yield every such blob, and the milliseconds until it expires; -1 for never."""
    async for blobs in _found(servers, prefix):
        left = await _each(servers, "PTTL", [blob.key for blob in blobs])
        for blob, milliseconds in zip(blobs, left, strict=True):
            if milliseconds != _GONE:
                yield blob, milliseconds


async def _found(servers: RedisServers, prefix: str) -> AsyncIterator[list[BlobInfo]]:
    # A prefix may end inside a name; and then there are the folders at and below it.
    folder, name = folder_and_name(prefix)
    walks = [_through_index(bucket, folder, name) for bucket in range(BUCKETS)]
    through_folders = [
        _Walk("ZSCAN", bucket, folders_name(bucket), prefix=prefix) for bucket in range(BUCKETS)
    ]
    async for pages in _pages(servers, through_folders):
        walks += [
            _through_index(walk.bucket, each)
            for walk, below in pages
            for each in below
            if each != folder
        ]
    async for pages in _pages(servers, walks):
        keys = [walk.folder + each for walk, names in pages for each in names]
        sizes = await _sizes(servers, [key for key in keys if is_blob_key(key)])
        yield [BlobInfo(key=key, size_bytes=size, modified=day_of(key)) for key, size in sizes]


def _through_index(bucket: int, folder: str, prefix: str = "") -> _Walk:
    return _Walk("SSCAN", bucket, index_name(bucket, folder), prefix=prefix, folder=folder)


async def _pages(
    servers: RedisServers, walks: Sequence[_Walk]
) -> AsyncIterator[list[tuple[_Walk, list[str]]]]:
    """Yield a page of each of many walks, and so on to the end of all."""
    waiting = list(walks)
    while waiting:
        batch, waiting = waiting[:_WALKS_AT_ONCE], waiting[_WALKS_AT_ONCE:]
        answers = await servers.commands([(walk.bucket, walk.next_page()) for walk in batch])
        yield [
            (walk, walk.turn(cursor, page))
            for walk, (cursor, page) in zip(batch, answers, strict=True)
        ]
        # What was begun is finished first, so that few walks remember what they have seen.
        waiting = [walk for walk in batch if not walk.done] + waiting


async def _sizes(servers: RedisServers, keys: Sequence[str]) -> list[tuple[str, int]]:
    """Return the sizes of the blobs that are there; an index may name some that are gone."""
    sizes = dict(zip(keys, await _each(servers, "STRLEN", keys), strict=True))
    # What is missing has the length 0 too. GET tells it from what is empty, in one step: between
    # two a blob may come or go. It rarely has anything to carry.
    nothing = [key for key, size in sizes.items() if not size]
    for key, blob in zip(nothing, await _each(servers, "GET", nothing), strict=True):
        if blob is None:
            del sizes[key]
        else:
            sizes[key] = len(blob)
    return list(sizes.items())


async def _each(servers: RedisServers, verb: str, keys: Sequence[str]) -> list[Any]:
    asked: list[tuple[int, Command]] = [(bucket_of(key), (verb, blob_name(key))) for key in keys]
    answers: list[Any] = []
    for start in range(0, len(asked), _SIZES_AT_ONCE):
        answers += await servers.commands(asked[start : start + _SIZES_AT_ONCE])
    return answers
