"""The shipped contracts themselves: a store that breaks a promise does not pass them."""

import asyncio
import datetime as dt
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import ClassVar

import pytest

from temporal_claimcheck.errors import BlobNotFound
from temporal_claimcheck.stores.base import BlobInfo
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.testing import (
    HOSTILE_KEYS,
    CollectableStoreContract,
    CompressionContract,
    PeekingStoreContract,
    ProbingStoreContract,
    StoreContract,
)
from temporal_claimcheck.transforms.base import UndoFailed
from temporal_claimcheck.transforms.compression import NoCompression


class Overwriting(MemoryStore):
    async def put(self, key: str, blob: bytes) -> bool:
        self._blobs.pop(key, None)
        return await super().put(key, blob)


class Dropping(MemoryStore):
    async def put(self, key: str, blob: bytes) -> bool:
        return await super().put(key, blob.rstrip(b"\0"))


class Unwritten(MemoryStore):
    async def put(self, key: str, blob: bytes) -> bool:
        del key, blob
        return False


class Careless(MemoryStore):
    async def put(self, key: str, blob: bytes) -> bool:
        self._blobs.setdefault(key, (blob, dt.datetime.now(dt.UTC)))
        return True


class Unbounded(MemoryStore):
    async def get(self, key: str, *, max_bytes: int) -> bytes:
        return await super().get(key, max_bytes=max(max_bytes, 2**40))


class Piecemeal(MemoryStore):
    async def put(self, key: str, blob: bytes) -> bool:
        if key in self._blobs:
            return False
        for end in (len(blob) // 2, len(blob)):
            self._blobs[key] = (blob[:end], dt.datetime.now(dt.UTC))
            await asyncio.sleep(0)
        return True


class Nameless(MemoryStore):
    async def get(self, key: str, *, max_bytes: int) -> bytes:
        try:
            return await super().get(key, max_bytes=max_bytes)
        except BlobNotFound:
            raise BlobNotFound("There is no such object.", remedy="Look for it.") from None


class Vague(MemoryStore):
    async def scan(self, prefix: str = "") -> AsyncIterator[BlobInfo]:
        async for blob in super().scan():
            if blob.key.startswith(prefix.rpartition("/")[0]):
                yield blob


class Strict(MemoryStore):
    async def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            del self._blobs[key]


class Guessing(MemoryStore):
    async def contains(self, key: str) -> bool:
        return any(stored.startswith(key) for stored in self._blobs)


class Closing(MemoryStore):
    async def aclose(self) -> None:
        self._blobs.clear()


class Suite(ProbingStoreContract, CollectableStoreContract, PeekingStoreContract):
    pass


class StoreAloneSuite(StoreContract):
    pass


@pytest.mark.parametrize(
    ("store", "promise"),
    [
        (Overwriting(), "test_the_first_blob_under_a_key_stays"),
        (Overwriting(), "test_many_different_puts_at_once_leave_one_of_them_for_good"),
        (Dropping(), "test_gives_back_the_bytes_that_were_put"),
        (Unwritten(), "test_gives_back_the_bytes_that_were_put"),
        (Careless(), "test_put_refuses_a_hostile_key"),
        (Unbounded(), "test_a_blob_over_max_bytes_is_refused"),
        (Piecemeal(), "test_a_blob_that_is_being_stored_is_whole_or_missing"),
        (Piecemeal(), "test_a_cancelled_put_leaves_the_blob_whole_or_not_at_all"),
        (Nameless(), "test_a_missing_blob_is_named"),
        (Vague(), "test_scan_lists_what_begins_with_the_prefix"),
        (Strict(), "test_deleting_what_is_not_there_is_no_error"),
        (Guessing(), "test_contains_what_was_put_and_nothing_else"),
        (Closing(), "test_a_closed_store_is_ready_again"),
    ],
    ids=lambda value: (
        value.removeprefix("test_") if isinstance(value, str) else type(value).__name__
    ),
)
async def test_a_store_that_breaks_a_promise_fails(store: MemoryStore, promise: str) -> None:
    check: Callable[..., Awaitable[None]] = getattr(Suite(), promise)
    known: dict[str, object] = {
        "store": store,
        "other": store,
        "probing": store,
        "collectable": store,
        "blob": b"blob\0",
        "key": HOSTILE_KEYS["climbing"],
        "max_bytes": 1,
        "turns": 1,
        "prefix": "a/b",
        "found": ["a/b/c", "a/b/d", "a/bb/c"],
    }
    arguments = {name: known[name] for name in inspect.signature(check).parameters}
    # By an assertion, by an error that was not raised, or by one that was.
    with pytest.raises((AssertionError, pytest.fail.Exception, LookupError, BlobNotFound)):
        await check(**arguments)


async def test_an_ability_that_the_suite_leaves_out_is_noticed() -> None:
    await Suite().test_every_ability_of_the_store_is_checked(MemoryStore())
    with pytest.raises(AssertionError):
        await StoreAloneSuite().test_every_ability_of_the_store_is_checked(MemoryStore())


class Trusting:
    """Takes whatever it is given for what was stated."""

    name: ClassVar[str] = "trusting"

    def apply(self, data: bytes) -> bytes:
        return data + b"."

    def undo(self, data: bytes | memoryview, *, plain_bytes: int) -> bytes:
        if not data:
            raise UndoFailed("nothing there")
        return bytes(data[:plain_bytes])


@pytest.mark.parametrize(
    "promise",
    [
        "test_every_cut_is_refused",
        "test_bytes_behind_the_end_are_refused",
        "test_two_in_a_row_are_refused",
        "test_more_than_stated_is_too_large",
        "test_less_than_stated_is_refused",
    ],
)
def test_a_compression_that_breaks_a_promise_fails(promise: str) -> None:
    check: Callable[..., None] = getattr(CompressionContract(), promise)
    known: dict[str, object] = {"data": b"data", "rest": b"rest"}
    arguments = {name: known[name] for name in inspect.signature(check).parameters if name in known}
    check(compression=NoCompression(), **arguments)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check(compression=Trusting(), **arguments)
