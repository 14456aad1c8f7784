"""What every store promises, sentence by sentence of `BlobStore`.

For a store of your own:

    class TestMyStore(ProbingStoreContract, CollectableStoreContract):
        @pytest.fixture
        def make_store(self, tmp_path: Path) -> MakeStore:
            return lambda: MyStore(tmp_path)

        @pytest.fixture
        def raw(self, tmp_path: Path) -> RawAccess:
            return FilesBelow(tmp_path)

Leave out the abilities that your store does not have; `StoreContract` alone is enough for one
that only puts and gets.
"""
# ruff: noqa: S101  # assert is how pytest checks
# ruff: noqa: D102  # the name of a test says the promise

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from typing import ClassVar, Final, Protocol, TypeVar

import pytest
import pytest_asyncio

from temporal_claimcheck.errors import BlobNotFound, BlobTooLarge, InvalidKey, StoreError
from temporal_claimcheck.stores.base import (
    BlobStore,
    CollectableStore,
    PeekingStore,
    ProbingStore,
    ViewingStore,
)
from temporal_claimcheck.testing.keys import FRIENDLY_KEYS, HOSTILE_KEYS, key_of

__all__ = ["LIMIT", "MakeStore", "RawAccess", "StoreContract", "read_or_none"]

MakeStore = Callable[[], BlobStore]
"""Opens the place that one test uses: each call gives another store on the same blobs."""

T = TypeVar("T")

LIMIT: Final = 64 * 1024**2
"""A `max_bytes` that no blob of the suite reaches."""

BLOBS: Final[dict[str, bytes]] = {
    "empty": b"",
    "one-zero": b"\0",
    "zeros": bytes(4096),
    "every-byte": bytes(range(256)) * 3,
    "line-ends": b"\r\n\n\r\x1a\x04 \r\n",
    "no-utf-8": b"\xff\xfe\xc3(",
    "looks-like-a-number": b"12345",
}
_AT_ONCE: Final = 50


class RawAccess(Protocol):
    """A way to the blobs around the store, so that its writer cannot hide its reader's faults."""

    async def write(self, key: str, blob: bytes) -> None:
        """Place a blob as any process with another release would."""
        ...

    async def read(self, key: str) -> bytes | None:
        """Return the stored bytes, or None when there are none."""
        ...

    async def keys(self) -> set[str]:
        """Return the keys of all blobs."""
        ...

    async def remove(self, key: str) -> None:
        """Take a blob away behind the store's back."""
        ...


async def read_or_none(store: BlobStore, key: str) -> bytes | None:
    """Return the blob, or None when there is none."""
    try:
        return await store.get(key, max_bytes=LIMIT)
    except BlobNotFound:
        return None


@pytest.mark.asyncio
class StoreContract:
    """The promises of `BlobStore`. Subclass it, name the class `Test…`, override `make_store`."""

    secrets: ClassVar[tuple[str, ...]] = ()
    """Credentials that the stores are made with; none may show in a name, repr or message."""

    checks_probing: ClassVar[bool] = False
    checks_collecting: ClassVar[bool] = False
    checks_viewing: ClassVar[bool] = False
    checks_peeking: ClassVar[bool] = False

    large_bytes: ClassVar[int] = 8 * 1024**2
    """Size of the largest blob; above the part size of a store that uploads in parts."""

    keeps_first: ClassVar[bool] = True
    """Whether the first blob under a key stays when another comes.

    False is for a server that has no conditional writes. It is safe for the claim check only:
    there equal keys hold equal payloads, so what replaces a blob means the same.
    """

    @pytest.fixture
    def make_store(self) -> MakeStore:
        """Return what opens an empty place; a second call opens the same place again."""
        raise NotImplementedError("override the fixture make_store")

    @pytest.fixture
    def raw(self) -> RawAccess | None:
        """Return the way around the store to the place of `make_store`, if there is one."""
        return None

    @pytest_asyncio.fixture
    async def store(self, make_store: MakeStore) -> AsyncIterator[BlobStore]:
        """Give a store on an empty place, and close it."""
        store = make_store()
        yield store
        await store.aclose()

    @pytest_asyncio.fixture
    async def other(self, make_store: MakeStore) -> AsyncIterator[BlobStore]:
        """Give a second store on the same place, and close it."""
        store = make_store()
        yield store
        await store.aclose()

    async def test_every_ability_of_the_store_is_checked(self, store: BlobStore) -> None:
        if isinstance(store, ProbingStore):
            assert self.checks_probing, "derive the class from ProbingStoreContract too"
        if isinstance(store, CollectableStore):
            assert self.checks_collecting, "derive the class from CollectableStoreContract too"
        if isinstance(store, PeekingStore):
            assert self.checks_peeking, "derive the class from PeekingStoreContract too"
        if isinstance(store, ViewingStore):
            assert self.checks_viewing, "derive the class from ViewingStoreContract too"

    # Blobs.

    @pytest.mark.parametrize("blob", BLOBS.values(), ids=BLOBS)
    async def test_gives_back_the_bytes_that_were_put(self, store: BlobStore, blob: bytes) -> None:
        assert await store.put(key_of(1), blob)
        assert await store.get(key_of(1), max_bytes=LIMIT) == blob

    async def test_gives_back_a_large_blob(self, store: BlobStore, other: BlobStore) -> None:
        blob = secrets.token_bytes(self.large_bytes)
        assert await store.put(key_of(1), blob)
        assert await other.get(key_of(1), max_bytes=self.large_bytes) == blob

    async def test_the_first_blob_under_a_key_stays(self, store: BlobStore) -> None:
        await store.put(key_of(1), b"first")
        await store.put(key_of(1), b"the second is longer")
        kept = self._kept(b"first", b"the second is longer")
        assert await store.get(key_of(1), max_bytes=LIMIT) == kept

    async def test_putting_the_same_blob_twice_is_no_error(self, store: BlobStore) -> None:
        await store.put(key_of(1), b"blob")
        await store.put(key_of(1), b"blob")
        assert await store.get(key_of(1), max_bytes=LIMIT) == b"blob"

    async def test_a_missing_blob_is_named(self, store: BlobStore) -> None:
        await store.put(key_of(2), b"another")
        with pytest.raises(BlobNotFound, match=key_of(1)):
            await store.get(key_of(1), max_bytes=LIMIT)

    @pytest.mark.parametrize("missing", ["v1", "v1/a", "v1/a/b", "v1/a/b/c/d", "v1/a/b/cc"])
    async def test_the_neighbours_of_a_key_are_missing(
        self, store: BlobStore, missing: str
    ) -> None:
        await store.put("v1/a/b/c", b"blob")
        with pytest.raises(BlobNotFound):
            await store.get(missing, max_bytes=LIMIT)

    async def test_a_blob_of_exactly_max_bytes_is_given(self, store: BlobStore) -> None:
        await store.put(key_of(1), b"12345")
        await store.put(key_of(2), b"")
        assert await store.get(key_of(1), max_bytes=5) == b"12345"
        assert await store.get(key_of(2), max_bytes=0) == b""

    @pytest.mark.parametrize("max_bytes", [0, 1, 99_999])
    async def test_a_blob_over_max_bytes_is_refused(self, store: BlobStore, max_bytes: int) -> None:
        await store.put(key_of(1), bytes(100_000))
        with pytest.raises(BlobTooLarge, match=key_of(1)):
            await store.get(key_of(1), max_bytes=max_bytes)

    # Keys.

    @pytest.mark.parametrize("key", HOSTILE_KEYS.values(), ids=HOSTILE_KEYS)
    async def test_put_refuses_a_hostile_key(self, store: BlobStore, key: str) -> None:
        with pytest.raises(InvalidKey):
            await store.put(key, b"blob")

    @pytest.mark.parametrize("key", HOSTILE_KEYS.values(), ids=HOSTILE_KEYS)
    async def test_get_refuses_a_hostile_key(self, store: BlobStore, key: str) -> None:
        with pytest.raises(InvalidKey):
            await store.get(key, max_bytes=LIMIT)

    async def test_every_friendly_key_names_a_blob_of_its_own(self, store: BlobStore) -> None:
        for name, key in FRIENDLY_KEYS.items():
            await store.put(key, name.encode())
        for name, key in FRIENDLY_KEYS.items():
            assert await store.get(key, max_bytes=LIMIT) == name.encode()

    # Many at once.

    async def test_many_equal_puts_at_once_leave_one_whole_blob(
        self, store: BlobStore, other: BlobStore
    ) -> None:
        blob = secrets.token_bytes(100_000)
        wrote = await asyncio.gather(
            *(each.put(key_of(1), blob) for _ in range(_AT_ONCE // 2) for each in (store, other))
        )
        assert any(wrote)
        assert await store.get(key_of(1), max_bytes=LIMIT) == blob

    async def test_many_different_puts_at_once_leave_one_of_them_for_good(
        self, store: BlobStore, other: BlobStore
    ) -> None:
        blobs = [bytes([number]) * (1000 + number) for number in range(_AT_ONCE)]
        await asyncio.gather(
            *((store, other)[index % 2].put(key_of(1), blob) for index, blob in enumerate(blobs))
        )
        winner = await store.get(key_of(1), max_bytes=LIMIT)
        assert winner in blobs
        await store.put(key_of(1), b"too late")
        kept = self._kept(winner, b"too late")
        assert await other.get(key_of(1), max_bytes=LIMIT) == kept

    async def test_many_keys_at_once_do_not_mix(self, store: BlobStore) -> None:
        blobs = {key_of(number): secrets.token_bytes(2000) for number in range(_AT_ONCE)}
        await asyncio.gather(*(store.put(key, blob) for key, blob in blobs.items()))
        read = await asyncio.gather(*(store.get(key, max_bytes=LIMIT) for key in blobs))
        assert read == list(blobs.values())

    async def test_a_blob_that_is_being_stored_is_whole_or_missing(
        self, store: BlobStore, other: BlobStore
    ) -> None:
        blob = secrets.token_bytes(self.large_bytes)
        putting = asyncio.create_task(store.put(key_of(1), blob))
        while not putting.done():
            assert await read_or_none(other, key_of(1)) in {None, blob}
            await asyncio.sleep(0)
        await putting
        assert await other.get(key_of(1), max_bytes=LIMIT) == blob

    @pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 10, 50])
    async def test_a_cancelled_put_leaves_the_blob_whole_or_not_at_all(
        self, store: BlobStore, turns: int
    ) -> None:
        blob = secrets.token_bytes(self.large_bytes // 4)
        putting = asyncio.create_task(store.put(key_of(1), blob))
        for _ in range(turns):
            await asyncio.sleep(0)
        putting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await putting
        assert await read_or_none(store, key_of(1)) in {None, blob}
        await store.put(key_of(1), blob)
        assert await store.get(key_of(1), max_bytes=LIMIT) == blob

    # Opening and closing.

    async def test_the_first_call_may_be_a_get(self, store: BlobStore) -> None:
        with pytest.raises(BlobNotFound):
            await store.get(key_of(1), max_bytes=LIMIT)

    async def test_check_accepts_a_store_that_works(self, store: BlobStore) -> None:
        await store.check()
        await store.put(key_of(1), b"blob")
        await store.check()

    async def test_two_stores_on_one_place_see_each_other(
        self, store: BlobStore, other: BlobStore
    ) -> None:
        await store.put(key_of(1), b"one")
        await other.put(key_of(2), b"two")
        await other.put(key_of(1), b"another")
        assert await other.get(key_of(1), max_bytes=LIMIT) == self._kept(b"one", b"another")
        assert await store.get(key_of(2), max_bytes=LIMIT) == b"two"

    async def test_a_closed_store_is_ready_again(self, store: BlobStore) -> None:
        await store.aclose()
        await store.put(key_of(1), b"blob")
        await store.aclose()
        await store.aclose()
        assert await store.get(key_of(1), max_bytes=LIMIT) == b"blob"
        await store.aclose()
        await store.check()

    async def test_serves_several_event_loops(self, store: BlobStore) -> None:
        # A client in a thread of its own, `asyncio.run` called twice: none of them closes the
        # store for the others.
        async def put_and_get(number: int) -> None:
            blob = b"%d" % number
            await store.put(key_of(number), blob)
            assert await store.get(key_of(number), max_bytes=LIMIT) == blob

        def run_a_loop(number: int) -> None:
            asyncio.run(put_and_get(number))

        await put_and_get(0)
        await asyncio.to_thread(run_a_loop, 1)
        await put_and_get(2)
        await asyncio.gather(*(asyncio.to_thread(run_a_loop, number) for number in range(3, 7)))
        await put_and_get(7)

    # Names and messages.

    async def test_the_name_is_for_people_and_holds_no_secret(self, store: BlobStore) -> None:
        assert store.name
        assert store.name.isprintable()
        for secret in self.secrets:
            assert secret not in store.name
            assert secret not in repr(store)

    async def test_no_message_holds_a_secret(self, store: BlobStore) -> None:
        with pytest.raises(StoreError) as caught:
            await store.get(key_of(1), max_bytes=LIMIT)
        assert not any(secret in str(caught.value) for secret in self.secrets)

    # Around the store.

    async def test_what_is_put_lies_under_its_key_alone(
        self, store: BlobStore, raw: RawAccess | None
    ) -> None:
        if raw is None:
            pytest.skip("the fixture raw knows no way around this store")
        await store.check()
        await store.put(key_of(1), b"blob")
        await store.put(key_of(1), b"another")
        assert await raw.keys() == {key_of(1)}
        assert await raw.read(key_of(1)) == self._kept(b"blob", b"another")

    async def test_what_another_wrote_is_found_and_stays(
        self, store: BlobStore, raw: RawAccess | None
    ) -> None:
        if raw is None:
            pytest.skip("the fixture raw knows no way around this store")
        await store.check()
        await raw.write(key_of(1), b"from elsewhere")
        await store.put(key_of(1), b"from here")
        kept = self._kept(b"from elsewhere", b"from here")
        assert await store.get(key_of(1), max_bytes=LIMIT) == kept

    async def test_what_vanished_is_missing_and_can_be_put_again(
        self, store: BlobStore, raw: RawAccess | None
    ) -> None:
        if raw is None:
            pytest.skip("the fixture raw knows no way around this store")
        await store.put(key_of(1), b"blob")
        await raw.remove(key_of(1))
        with pytest.raises(BlobNotFound):
            await store.get(key_of(1), max_bytes=LIMIT)
        assert await store.put(key_of(1), b"blob")
        assert await raw.read(key_of(1)) == b"blob"

    async def test_a_refused_key_leaves_nothing_behind(
        self, store: BlobStore, raw: RawAccess | None
    ) -> None:
        if raw is None:
            pytest.skip("the fixture raw knows no way around this store")
        await store.check()
        for key in HOSTILE_KEYS.values():
            with pytest.raises(InvalidKey):
                await store.put(key, b"blob")
        assert await raw.keys() == set()

    def _kept(self, first: bytes, last: bytes) -> bytes:
        return first if self.keeps_first else last
