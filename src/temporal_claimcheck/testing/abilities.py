"""What the abilities of a store promise, and how a store fails that cannot be reached."""
# ruff: noqa: S101  # assert is how pytest checks
# ruff: noqa: D102  # the name of a test says the promise

import asyncio
import datetime as dt
import random
from typing import Final, Protocol, cast

import pytest

from temporal_claimcheck.errors import BlobNotFound, BlobTooLarge, InvalidKey, StoreError
from temporal_claimcheck.stores.base import BlobStore, CollectableStore, ProbingStore, ViewingStore
from temporal_claimcheck.testing.keys import FRIENDLY_KEYS, HOSTILE_KEYS, key_of
from temporal_claimcheck.testing.stores import (
    BLOBS,
    LIMIT,
    MakeStore,
    RawAccess,
    StoreContract,
    read_or_none,
)

__all__ = [
    "CollectableBlobStore",
    "CollectableStoreContract",
    "ProbingBlobStore",
    "ProbingStoreContract",
    "UnreachableStoreContract",
    "ViewingBlobStore",
    "ViewingStoreContract",
]

_MORE_THAN_A_PAGE: Final = 1_100
# As prefixes these two are ordinary: every key, and every key below a folder.
_HOSTILE_PREFIXES: Final = {
    name: key for name, key in HOSTILE_KEYS.items() if name not in {"empty", "empty-last-segment"}
}
# Two machines' clocks may differ, and a store may keep whole seconds only.
_CLOCK_SKEW: Final = dt.timedelta(minutes=5)


class ProbingBlobStore(BlobStore, ProbingStore, Protocol):
    """A store that can say what it has."""


class ViewingBlobStore(BlobStore, ViewingStore, Protocol):
    """A store that can show a blob without a copy."""


class CollectableBlobStore(BlobStore, CollectableStore, Protocol):
    """A store that can be listed and emptied."""


@pytest.mark.asyncio
class ProbingStoreContract(StoreContract):
    """The promises of a store that is also a `ProbingStore`."""

    checks_probing = True

    @pytest.fixture
    def probing(self, store: BlobStore) -> ProbingBlobStore:
        """Return the store, known to be one that can be asked."""
        assert isinstance(store, ProbingStore)
        return cast("ProbingBlobStore", store)

    async def test_contains_what_was_put_and_nothing_else(
        self, probing: ProbingBlobStore, other: BlobStore
    ) -> None:
        assert not await probing.contains("v1/a/b")
        await other.put("v1/a/b", b"blob")
        assert await probing.contains("v1/a/b")
        for neighbour in ("v1", "v1/a", "v1/a/b/c", "v1/a/bb"):
            assert not await probing.contains(neighbour)

    async def test_contains_an_empty_blob(self, probing: ProbingBlobStore) -> None:
        await probing.put(key_of(1), b"")
        assert await probing.contains(key_of(1))

    @pytest.mark.parametrize("key", FRIENDLY_KEYS.values(), ids=FRIENDLY_KEYS)
    async def test_contains_agrees_with_get(self, probing: ProbingBlobStore, key: str) -> None:
        assert not await probing.contains(key)
        assert await read_or_none(probing, key) is None
        await probing.put(key, b"blob")
        assert await probing.contains(key)
        assert await read_or_none(probing, key) == b"blob"

    @pytest.mark.parametrize("key", HOSTILE_KEYS.values(), ids=HOSTILE_KEYS)
    async def test_contains_refuses_a_hostile_key(
        self, probing: ProbingBlobStore, key: str
    ) -> None:
        with pytest.raises(InvalidKey):
            await probing.contains(key)

    async def test_contains_notices_what_came_and_went_behind_its_back(
        self, probing: ProbingBlobStore, raw: RawAccess | None
    ) -> None:
        if raw is None:
            pytest.skip("the fixture raw knows no way around this store")
        await probing.put(key_of(1), b"blob")
        await raw.remove(key_of(1))
        assert not await probing.contains(key_of(1))
        await raw.write(key_of(1), b"blob")
        assert await probing.contains(key_of(1))


@pytest.mark.asyncio
class ViewingStoreContract(StoreContract):
    """The promises of a store that is also a `ViewingStore`."""

    checks_viewing = True

    @pytest.fixture
    def viewing(self, store: BlobStore) -> ViewingBlobStore:
        """Return the store, known to be one that shows views."""
        assert isinstance(store, ViewingStore)
        return cast("ViewingBlobStore", store)

    @pytest.mark.parametrize("blob", BLOBS.values(), ids=BLOBS)
    async def test_a_view_shows_what_get_returns(
        self, viewing: ViewingBlobStore, blob: bytes
    ) -> None:
        await viewing.put(key_of(1), blob)
        view = await viewing.view(key_of(1), max_bytes=len(blob))
        assert bytes(view) == blob
        assert view.nbytes == len(view) == len(blob)

    async def test_a_view_of_a_blob_over_max_bytes_is_refused(
        self, viewing: ViewingBlobStore
    ) -> None:
        await viewing.put(key_of(1), bytes(100))
        with pytest.raises(BlobTooLarge, match=key_of(1)):
            await viewing.view(key_of(1), max_bytes=99)

    async def test_a_view_of_a_missing_blob_is_not_found(self, viewing: ViewingBlobStore) -> None:
        with pytest.raises(BlobNotFound, match=key_of(2)):
            await viewing.view(key_of(2), max_bytes=LIMIT)

    @pytest.mark.parametrize("key", HOSTILE_KEYS.values(), ids=HOSTILE_KEYS)
    async def test_a_view_of_a_hostile_key_is_refused(
        self, viewing: ViewingBlobStore, key: str
    ) -> None:
        with pytest.raises(InvalidKey):
            await viewing.view(key, max_bytes=LIMIT)


@pytest.mark.asyncio
class CollectableStoreContract(StoreContract):
    """The promises of a store that is also a `CollectableStore`."""

    checks_collecting = True

    @pytest.fixture
    def collectable(self, store: BlobStore) -> CollectableBlobStore:
        """Return the store, known to be one that can be listed and emptied."""
        assert isinstance(store, CollectableStore)
        return cast("CollectableBlobStore", store)

    # Scan.

    async def test_an_unused_store_lists_nothing(self, collectable: CollectableBlobStore) -> None:
        assert await _keys(collectable) == []

    async def test_scan_lists_every_key_exactly_as_it_was_put(
        self, collectable: CollectableBlobStore
    ) -> None:
        for key in FRIENDLY_KEYS.values():
            await collectable.put(key, b"blob")
        await collectable.check()
        assert await _keys(collectable) == sorted(FRIENDLY_KEYS.values())

    @pytest.mark.parametrize(
        ("prefix", "found"),
        [
            ("", ["a/b/c", "a/b/d", "a/bb/c", "aa/b/c", "x"]),
            ("a", ["a/b/c", "a/b/d", "a/bb/c", "aa/b/c"]),
            ("a/", ["a/b/c", "a/b/d", "a/bb/c"]),
            ("a/b", ["a/b/c", "a/b/d", "a/bb/c"]),
            ("a/b/", ["a/b/c", "a/b/d"]),
            ("a/b/c", ["a/b/c"]),
            ("a/b/c/", []),
            ("a/b/c/d", []),
            ("aaa", []),
            ("aaa/b", []),
            ("b", []),
        ],
    )
    async def test_scan_lists_what_begins_with_the_prefix(
        self, collectable: CollectableBlobStore, prefix: str, found: list[str]
    ) -> None:
        for key in ("a/b/c", "a/b/d", "a/bb/c", "aa/b/c", "x"):
            await collectable.put(key, b"blob")
        assert await _keys(collectable, prefix) == found

    @pytest.mark.parametrize("prefix", ["a[b]/", "a*/", "a?/", "a%/", "a{b}/", "a^-/"])
    async def test_scan_takes_a_prefix_literally(
        self, collectable: CollectableBlobStore, prefix: str
    ) -> None:
        for key in (f"{prefix}c", "ab/c", "a/c", "abb/c"):
            await collectable.put(key, b"blob")
        assert await _keys(collectable, prefix) == [f"{prefix}c"]

    async def test_scan_goes_beyond_a_page(
        self, collectable: CollectableBlobStore, raw: RawAccess | None
    ) -> None:
        keys = await _fill(collectable, raw)
        assert await _keys(collectable) == sorted(keys)
        assert await _keys(collectable, "v1/contract/2026-11-22/") == sorted(keys)

    async def test_scan_tells_size_and_time(self, collectable: CollectableBlobStore) -> None:
        today = dt.datetime.now(dt.UTC).date()
        sizes = {key_of(size, day=today.isoformat()): size for size in (0, 1, 70_000)}
        for key, size in sizes.items():
            await collectable.put(key, bytes(size))
        midnight = dt.datetime.combine(today, dt.time(), dt.UTC)
        latest = dt.datetime.now(dt.UTC) + _CLOCK_SKEW
        listed = {blob.key: blob async for blob in collectable.scan()}
        assert {key: blob.size_bytes for key, blob in listed.items()} == sizes
        for blob in listed.values():
            assert blob.modified.utcoffset() == dt.timedelta(0)
            assert midnight - _CLOCK_SKEW <= blob.modified <= latest

    @pytest.mark.parametrize("prefix", _HOSTILE_PREFIXES.values(), ids=_HOSTILE_PREFIXES)
    async def test_scan_refuses_a_prefix_that_no_key_begins_with(
        self, collectable: CollectableBlobStore, prefix: str
    ) -> None:
        await collectable.put("v1/a", b"blob")
        with pytest.raises(InvalidKey):
            await _keys(collectable, prefix)

    async def test_what_stays_is_listed_while_others_come_and_go(
        self, collectable: CollectableBlobStore, other: BlobStore
    ) -> None:
        staying = [key_of(number) for number in range(0, 200, 2)]
        going = [key_of(number) for number in range(1, 200, 2)]
        await asyncio.gather(*(collectable.put(key, b"blob") for key in (*staying, *going)))
        listed: list[str] = []
        async for blob in collectable.scan():
            listed.append(blob.key)
            if len(listed) == 1:
                await collectable.delete(going)
                await asyncio.gather(*(other.put(key_of(500 + n), b"new") for n in range(50)))
        assert set(staying) <= set(listed)
        assert len(listed) == len(set(listed))

    # Delete.

    async def test_delete_takes_what_is_named_and_no_more(
        self, collectable: CollectableBlobStore
    ) -> None:
        keys = ["a/b", "a/bb", "a/c/d", "ab", "b"]
        for key in keys:
            await collectable.put(key, b"blob")
        await collectable.delete(["a/b", "b"])
        assert await _keys(collectable) == ["a/bb", "a/c/d", "ab"]
        with pytest.raises(BlobNotFound):
            await collectable.get("a/b", max_bytes=LIMIT)

    async def test_deleting_what_is_not_there_is_no_error(
        self, collectable: CollectableBlobStore
    ) -> None:
        await collectable.delete([key_of(1)])
        await collectable.put("v1/a/b", b"blob")
        await collectable.delete([])
        await collectable.delete(["v1", "v1/a", "v1/x", "v1/a/c", "v1/a/b/c"])
        assert await _keys(collectable) == ["v1/a/b"]
        await collectable.delete(["v1/a/b", "v1/a/b"])
        await collectable.delete(["v1/a/b"])
        assert await _keys(collectable) == []

    async def test_delete_takes_any_iterable_and_more_than_a_page(
        self, collectable: CollectableBlobStore, raw: RawAccess | None
    ) -> None:
        keys = await _fill(collectable, raw)
        await collectable.delete(key for key in keys[1:])
        assert await _keys(collectable) == keys[:1]

    async def test_a_deleted_key_can_be_put_again(self, collectable: CollectableBlobStore) -> None:
        await collectable.put(key_of(1), b"first")
        await collectable.delete([key_of(1)])
        assert await collectable.put(key_of(1), b"second")
        assert await collectable.get(key_of(1), max_bytes=LIMIT) == b"second"

    @pytest.mark.parametrize("key", HOSTILE_KEYS.values(), ids=HOSTILE_KEYS)
    async def test_delete_refuses_a_hostile_key_and_then_deletes_nothing(
        self, collectable: CollectableBlobStore, key: str
    ) -> None:
        await collectable.put(key_of(1), b"blob")
        with pytest.raises(InvalidKey):
            await collectable.delete([key_of(1), key])
        assert await _keys(collectable) == [key_of(1)]

    async def test_putting_getting_deleting_and_scanning_at_once_never_mixes_blobs(
        self, collectable: CollectableBlobStore, other: BlobStore
    ) -> None:
        keys = [key_of(number % 8, day=f"2026-11-0{1 + number % 4}") for number in range(16)]
        blobs = {key: key.encode() * 20 for key in keys}
        dice = random.Random(20261122)  # noqa: S311  # not a secret; the same storm each time

        async def act() -> None:
            for _ in range(25):
                key = dice.choice(keys)
                match dice.randrange(5):
                    case 0:
                        await collectable.put(key, blobs[key])
                    case 1:
                        await other.put(key, blobs[key])
                    case 2:
                        assert await read_or_none(other, key) in {None, blobs[key]}
                    case 3:
                        await collectable.delete([key])
                    case _:
                        async for blob in collectable.scan("v1/contract/"):
                            assert blob.size_bytes == len(blobs[blob.key])

        async with asyncio.TaskGroup() as storm:
            for _ in range(16):
                storm.create_task(act())
        for key, blob in blobs.items():
            await collectable.put(key, blob)
            assert await other.get(key, max_bytes=LIMIT) == blob


@pytest.mark.asyncio
class UnreachableStoreContract:
    """How a store fails that is down or away: retryably, and never as if a blob were missing."""

    secrets: tuple[str, ...] = ()
    """Credentials that the store is made with."""

    @pytest.fixture
    def make_store(self) -> MakeStore:
        """Return what opens a place that cannot be reached."""
        raise NotImplementedError("override the fixture make_store")

    @pytest.mark.parametrize("verb", ["put", "get", "check", "contains", "scan", "delete"])
    async def test_every_verb_raises_a_store_error(self, make_store: MakeStore, verb: str) -> None:
        store = make_store()
        try:
            with pytest.raises(StoreError) as caught:
                await _call(store, verb)
            assert not isinstance(caught.value, BlobNotFound)
            assert caught.value.retryable
            assert not any(secret in str(caught.value) for secret in self.secrets)
        finally:
            await store.aclose()

    async def test_a_hostile_key_is_refused_before_the_store_is_asked(
        self, make_store: MakeStore
    ) -> None:
        store = make_store()
        with pytest.raises(InvalidKey):
            await store.put(HOSTILE_KEYS["climbing"], b"blob")
        with pytest.raises(InvalidKey):
            await store.get(HOSTILE_KEYS["climbing"], max_bytes=LIMIT)
        await store.aclose()


async def _call(store: BlobStore, verb: str) -> None:
    match verb:
        case "put":
            await store.put(key_of(1), b"blob")
        case "contains" if isinstance(store, ProbingStore):
            await store.contains(key_of(1))
        case "scan" if isinstance(store, CollectableStore):
            await _keys(store)
        case "delete" if isinstance(store, CollectableStore):
            await store.delete([key_of(1)])
        case "check":
            await store.check()
        case _:
            await store.get(key_of(1), max_bytes=LIMIT)


async def _keys(store: CollectableStore, prefix: str = "") -> list[str]:
    return sorted([blob.key async for blob in store.scan(prefix)])


async def _fill(store: BlobStore, raw: RawAccess | None) -> list[str]:
    """Store more blobs than a page of any known server holds, in the quickest way there is."""
    keys = [key_of(number) for number in range(_MORE_THAN_A_PAGE)]
    await store.check()
    for start in range(0, len(keys), 50):
        await asyncio.gather(
            *(
                store.put(key, b"blob") if raw is None else raw.write(key, b"blob")
                for key in keys[start : start + 50]
            )
        )
    return keys
