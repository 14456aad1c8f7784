"""What a store promises. `temporal_claimcheck.testing.StoreContract` checks each sentence."""

import datetime as dt
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from temporal_claimcheck.errors import BlobTooLarge, InvalidKey

__all__ = [
    "BlobHead",
    "BlobInfo",
    "BlobStore",
    "CollectableStore",
    "PeekingStore",
    "ProbingStore",
    "ViewingStore",
    "abilities_of",
    "check_blob_key",
    "check_blob_prefix",
    "is_blob_key",
    "too_large",
]


class BlobStore(Protocol):
    """Stores immutable blobs under keys.

    Safe for concurrent use: by tasks, by several event loops in one process, and by several
    processes.

    Ready without being opened, and ready again after `aclose`: connections are made when needed.
    Raises StoreError for what the store or the way to it does wrong, and InvalidKey for a key
    that could point outside the store, before any I/O.
    """

    @property
    def name(self) -> str:
        """What and where this store is, without credentials, for people to read."""
        ...

    async def put(self, key: str, blob: bytes) -> bool:
        """Store whole or not at all; when it returns, a crash cannot take the blob back.

        The same key twice is a no-op: the first blob stays. Returns whether this call wrote;
        a store that cannot tell returns True.
        """
        ...

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        """Return the blob. Raises BlobNotFound.

        Raises BlobTooLarge for a blob over `max_bytes`, before it is read into memory where
        the store can tell its size.
        """
        ...

    async def check(self) -> None:
        """Return if the store can be reached and used; raise the StoreError if not."""
        ...

    async def aclose(self) -> None:
        """Release connections and threads that this store opened itself."""
        ...


@runtime_checkable
class ProbingStore(Protocol):
    """A store that can say cheaply whether a blob exists.

    Cheap enough to ask before every write that could be skipped: a local folder, Redis. It
    then heals what vanished behind our back (an evicted key, an emptied folder), because
    nothing is skipped on memory alone.
    """

    async def contains(self, key: str) -> bool:
        """Return whether the store has the blob."""
        ...


@runtime_checkable
class ViewingStore(Protocol):
    """A store that can show a blob where its client received it, without a copy in `bytes`.

    For large blobs the copy costs more than all else that a reader's process does.
    """

    async def view(self, key: str, *, max_bytes: int) -> memoryview:
        """Return what `BlobStore.get` returns, and raise what it raises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobHead:
    """The beginning of a blob."""

    head: bytes
    """Its first bytes: as many as were asked for, or all there are."""
    size_bytes: int
    """Size of the whole blob."""


@runtime_checkable
class PeekingStore(Protocol):
    """A store that can read how a blob begins without reading the rest.

    Each object says in its head what it holds; statistics need no more of it.
    """

    async def peek(self, key: str, *, head_bytes: int) -> BlobHead:
        """Return the first `head_bytes` of a blob, one or more. Raises BlobNotFound."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobInfo:
    """One blob in a listing."""

    key: str
    size_bytes: int
    modified: dt.datetime
    """When it was stored, in UTC; a store that does not know gives the start of the key's day."""


@runtime_checkable
class CollectableStore(Protocol):
    """A store whose content can be listed and deleted: what statistics and collection need."""

    def scan(self, prefix: str = "") -> AsyncIterator[BlobInfo]:
        """Yield every blob whose key begins with `prefix`, in no promised order.

        Raises InvalidKey for a prefix that no key can begin with.

        A blob that is stored during the scan may be missing; none that stood before and after
        it is.
        """
        ...

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete blobs; a key that is not there is no error."""
        ...


def abilities_of(*stores: BlobStore) -> tuple[bool, bool]:
    """Return whether all of the stores are ProbingStore, and whether all are CollectableStore.

    A store that is made of others can promise no more than they do.
    """
    return (
        all(isinstance(store, ProbingStore) for store in stores),
        all(isinstance(store, CollectableStore) for store in stores),
    )


def is_blob_key(key: str) -> bool:
    """Return whether every store can take the key for a place inside of itself.

    Stores take wider keys than the keyspace makes, but never a path that climbs, hides, or is
    read differently by another system: relative segments, backslashes, control characters.
    """
    return (
        key.isascii()
        and key.isprintable()
        and "\\" not in key
        and len(key) <= _MAX_KEY_CHARACTERS
        and all(
            segment and not segment.startswith(".") and len(segment) <= _MAX_SEGMENT_CHARACTERS
            for segment in key.split("/")
        )
    )


def check_blob_key(key: str) -> None:
    """Raise InvalidKey for a key that some store could take for a place outside of itself."""
    if not is_blob_key(key):
        raise InvalidKey(
            "A key that is no plain path was refused.",
            remedy="Nothing was read or written. Keys come from claims and listings only.",
        )


def check_blob_prefix(prefix: str) -> None:
    """Raise InvalidKey for a prefix that no key can begin with; the empty one is every key's."""
    if prefix:
        check_blob_key(prefix.removesuffix("/"))


def too_large(key: str, max_bytes: int) -> BlobTooLarge:
    """Return the error for a blob that is larger than its reader allows."""
    return BlobTooLarge(
        f"The object under {key} is larger than the {max_bytes} bytes that its claim allows.",
        remedy="Put the right object back from a backup or a replica.",
    )


_MAX_SEGMENT_CHARACTERS = 250
# The keyspace and the contract suite stay below 900: there is room for a prefix before a key, and
# for one more in the bucket, where S3 and Azure end at 1024.
_MAX_KEY_CHARACTERS = 1000
