"""Stores that are made of other stores: the same contracts, and what happens when a part fails."""

import time
from collections.abc import Sequence
from pathlib import Path

import obstore.store
import pytest

from temporal_claimcheck.errors import (
    BlobNotFound,
    BlobTooLarge,
    InvalidKey,
    InvalidSettings,
    StoreDenied,
    StoreUnavailable,
)
from temporal_claimcheck.stores.base import BlobStore, CollectableStore, ProbingStore
from temporal_claimcheck.stores.filesystem import FileSystemStore
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.stores.mirrored import MirroredStore
from temporal_claimcheck.stores.object_store import ObjectStore
from temporal_claimcheck.stores.prefixed import PrefixedStore
from temporal_claimcheck.stores.read_only import ReadOnlyStore
from temporal_claimcheck.stores.redis import RedisStore
from temporal_claimcheck.stores.tiered import TieredStore
from temporal_claimcheck.testing import (
    HOSTILE_KEYS,
    CollectableStoreContract,
    MakeStore,
    ProbingStoreContract,
    RawAccess,
    UnreachableStoreContract,
    key_of,
)
from temporal_claimcheck.testing.servers import free_ports, redis_server
from tests.core.test_stores import RawFolder, RawMemory
from tests.stores.conftest import PASSWORD
from tests.stores.raw_redis import RawRedis
from tests.stores.test_redis import IMPATIENT

KEY = key_of(1)


def nobody() -> RedisStore:
    """A store whose server is down."""
    (port,) = free_ports(1)
    return RedisStore(f"redis://:{PASSWORD}@127.0.0.1:{port}/0", options=IMPATIENT)


def bare() -> BlobStore:
    """A store that only puts and gets."""
    return PrefixedStore(MemoryStore(), "bare")


def bucket() -> BlobStore:
    """A store that can be listed and emptied, and not be asked."""
    return ObjectStore(obstore.store.MemoryStore(), name="bucket")


async def has(store: BlobStore, key: str = KEY) -> bool:
    try:
        await store.get(key, max_bytes=1_000_000)
    except BlobNotFound:
        return False
    return True


async def keys(store: BlobStore, prefix: str = "") -> list[str]:
    assert isinstance(store, CollectableStore)
    return sorted([blob.key async for blob in store.scan(prefix)])


class RawParts:
    """Several places as one: what is removed is removed from all, and the first one is read."""

    def __init__(self, parts: Sequence[RawAccess], *, written: int) -> None:
        self._parts = parts
        self._written = parts[:written]

    async def write(self, key: str, blob: bytes) -> None:
        for part in self._written:
            await part.write(key, blob)

    async def read(self, key: str) -> bytes | None:
        return await self._parts[0].read(key)

    async def keys(self) -> set[str]:
        return set[str]().union(*[await part.keys() for part in self._parts])

    async def remove(self, key: str) -> None:
        for part in self._parts:
            if await part.read(key) is not None:
                await part.remove(key)


# The contracts.


class TestMirroredStore(ProbingStoreContract, CollectableStoreContract):
    @pytest.fixture
    def memory(self) -> MemoryStore:
        return MemoryStore()

    @pytest.fixture
    def make_store(self, memory: MemoryStore, tmp_path: Path) -> MakeStore:
        return lambda: MirroredStore.over([memory, FileSystemStore(tmp_path / "claims")])

    @pytest.fixture
    def raw(self, memory: MemoryStore, tmp_path: Path) -> RawAccess:
        return RawParts([RawMemory(memory), RawFolder(tmp_path / "claims")], written=2)


class RawBucket:
    """The objects as obstore alone sees them."""

    def __init__(self, client: obstore.store.ObjectStore) -> None:
        self._client = client

    async def write(self, key: str, blob: bytes) -> None:
        await obstore.put_async(self._client, key, blob)

    async def read(self, key: str) -> bytes | None:
        try:
            found = await obstore.get_async(self._client, key)
            return bytes(await found.bytes_async())
        except FileNotFoundError:
            return None

    async def keys(self) -> set[str]:
        return {found["path"] for found in await obstore.list(self._client).collect_async()}

    async def remove(self, key: str) -> None:
        await obstore.delete_async(self._client, key)


class TestMirroredBuckets(CollectableStoreContract):
    @pytest.fixture
    def buckets(self) -> list[obstore.store.MemoryStore]:
        return [obstore.store.MemoryStore(), obstore.store.MemoryStore()]

    @pytest.fixture
    def make_store(self, buckets: list[obstore.store.MemoryStore]) -> MakeStore:
        stores = [ObjectStore(each, name=f"bucket {id(each)}") for each in buckets]
        return lambda: MirroredStore.over(stores)

    @pytest.fixture
    def raw(self, buckets: list[obstore.store.MemoryStore]) -> RawAccess:
        return RawParts([RawBucket(each) for each in buckets], written=2)


class TestMirroredStoreWithOneThatIsDown(UnreachableStoreContract):
    secrets = (PASSWORD,)

    @pytest.fixture
    def make_store(self) -> MakeStore:
        return lambda: MirroredStore.over([MemoryStore(), nobody()])


class TestTieredStore(ProbingStoreContract, CollectableStoreContract):
    secrets = (PASSWORD,)

    @pytest.fixture
    def make_store(self, url: str, tmp_path: Path) -> MakeStore:
        return lambda: TieredStore.over(
            fast=RedisStore(url), durable=FileSystemStore(tmp_path / "claims")
        )

    @pytest.fixture
    def raw(self, url: str, tmp_path: Path) -> RawAccess:
        return RawParts([RawFolder(tmp_path / "claims"), RawRedis(url)], written=1)


class TestTieredStoreWhoseFastOneIsDown(ProbingStoreContract):
    secrets = (PASSWORD,)

    @pytest.fixture
    def make_store(self, tmp_path: Path) -> MakeStore:
        return lambda: TieredStore.over(
            fast=PrefixedStore(nobody(), "cache"),
            durable=FileSystemStore(tmp_path / "claims"),
            rest_seconds=0,
        )

    @pytest.fixture
    def raw(self, tmp_path: Path) -> RawAccess:
        return RawFolder(tmp_path / "claims")


class TestTieredStoreWhoseDurableOneIsDown(UnreachableStoreContract):
    secrets = (PASSWORD,)

    @pytest.fixture
    def make_store(self) -> MakeStore:
        return lambda: TieredStore.over(fast=MemoryStore(), durable=nobody())


class TestPrefixedStore(ProbingStoreContract, CollectableStoreContract):
    @pytest.fixture
    def make_store(self, tmp_path: Path) -> MakeStore:
        return lambda: PrefixedStore.over(FileSystemStore(tmp_path / "claims"), "team-a/prod")

    @pytest.fixture
    def raw(self, tmp_path: Path) -> RawAccess:
        return RawFolder(tmp_path / "claims" / "team-a" / "prod")


class TestPrefixedStoreOfWildcardsInRedis(ProbingStoreContract, CollectableStoreContract):
    secrets = (PASSWORD,)

    @pytest.fixture
    def make_store(self, url: str) -> MakeStore:
        return lambda: PrefixedStore.over(RedisStore(url), "[a-z]*?")

    @pytest.fixture
    def raw(self, url: str) -> RawAccess:
        return RawRedis(url, prefix="[a-z]*?/")


class TestPrefixedStoreThatIsDown(UnreachableStoreContract):
    secrets = (PASSWORD,)

    @pytest.fixture
    def make_store(self) -> MakeStore:
        return lambda: PrefixedStore.over(nobody(), "team-a")


class TestReadOnlyStoreThatIsDown(UnreachableStoreContract):
    secrets = (PASSWORD,)

    @pytest.fixture
    def make_store(self) -> MakeStore:
        return lambda: ReadOnlyStore.over(nobody())


# Abilities.


@pytest.mark.parametrize(
    ("store", "probing", "collectable"),
    [
        (MirroredStore.over([MemoryStore(), MemoryStore()]), True, True),
        (MirroredStore.over([MemoryStore(), bucket()]), False, True),
        (MirroredStore.over([bucket(), bare()]), False, False),
        (TieredStore.over(fast=MemoryStore(), durable=MemoryStore()), True, True),
        (TieredStore.over(fast=MemoryStore(), durable=bucket()), False, True),
        (TieredStore.over(fast=bucket(), durable=MemoryStore()), True, True),
        (TieredStore.over(fast=bare(), durable=MemoryStore()), True, False),
        (TieredStore.over(fast=MemoryStore(), durable=bare()), False, False),
        (PrefixedStore.over(MemoryStore(), "a"), True, True),
        (PrefixedStore.over(bucket(), "a"), False, True),
        (PrefixedStore.over(bare(), "a"), False, False),
        (ReadOnlyStore.over(MemoryStore()), True, True),
        (ReadOnlyStore.over(bucket()), False, True),
        (ReadOnlyStore.over(bare()), False, False),
    ],
)
def test_a_wrapper_can_do_what_all_it_relies_on_can_do(
    store: BlobStore, *, probing: bool, collectable: bool
) -> None:
    assert isinstance(store, ProbingStore) is probing
    assert isinstance(store, CollectableStore) is collectable


# Mirrors.


async def test_what_is_put_is_in_every_mirror() -> None:
    first, second = MemoryStore(), MemoryStore()
    assert await MirroredStore.over([first, second]).put(KEY, b"blob")
    assert await has(first)
    assert await has(second)


async def test_a_put_fails_while_a_mirror_is_down_and_can_be_repeated() -> None:
    first, second = MemoryStore(), MemoryStore()
    with pytest.raises(StoreUnavailable):
        await MirroredStore.over([first, nobody()]).put(KEY, b"blob")
    mirrored = MirroredStore.over([first, second])
    assert await mirrored.put(KEY, b"blob")
    assert not await mirrored.put(KEY, b"blob")
    assert await has(second)


async def test_a_mirror_that_is_down_is_passed_over_for_reading(
    caplog: pytest.LogCaptureFixture,
) -> None:
    second = MemoryStore()
    await second.put(KEY, b"blob")
    mirrored = MirroredStore.over([nobody(), second])
    assert await mirrored.get(KEY, max_bytes=9) == b"blob"
    assert "passed over" in caplog.text
    assert PASSWORD not in caplog.text


async def test_a_mirror_with_a_wrong_and_larger_blob_is_passed_over_for_reading() -> None:
    first, second = MemoryStore(), MemoryStore()
    await first.put(KEY, b"longer than the blob")
    await second.put(KEY, b"blob")
    mirrored = MirroredStore.over([first, second])
    assert await mirrored.get(KEY, max_bytes=9) == b"blob"
    with pytest.raises(BlobTooLarge):
        await mirrored.get(KEY, max_bytes=3)


async def test_a_read_heals_the_mirrors_that_lack_the_blob(tmp_path: Path) -> None:
    stores = [FileSystemStore(tmp_path / "claims"), MemoryStore(), MemoryStore()]
    await stores[2].put(KEY, b"blob")
    mirrored = MirroredStore.over(stores)
    assert isinstance(mirrored, ProbingStore)
    assert not await mirrored.contains(KEY)
    assert await mirrored.get(KEY, max_bytes=9) == b"blob"
    assert await mirrored.contains(KEY)
    assert await stores[0].get(KEY, max_bytes=9) == b"blob"


async def test_a_heal_that_fails_is_logged_and_does_not_fail_the_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    second = MemoryStore()
    await second.put(KEY, b"blob")
    mirrored = MirroredStore.over([ReadOnlyStore.over(MemoryStore()), second])
    assert await mirrored.get(KEY, max_bytes=9) == b"blob"
    assert "could not be healed" in caplog.text


async def test_without_healing_a_read_writes_nothing() -> None:
    first, second = MemoryStore(), MemoryStore()
    await second.put(KEY, b"blob")
    mirrored = MirroredStore.over([first, second], heal=False)
    assert await mirrored.get(KEY, max_bytes=9) == b"blob"
    assert not await has(first)


@pytest.mark.parametrize("first_is_down", [True, False])
async def test_a_blob_is_not_called_missing_while_a_mirror_cannot_be_asked(
    first_is_down: bool,
) -> None:
    stores = [nobody(), MemoryStore()] if first_is_down else [MemoryStore(), nobody()]
    with pytest.raises(StoreUnavailable):
        await MirroredStore.over(stores).get(KEY, max_bytes=9)


async def test_a_mirror_lists_what_any_store_has_and_deletes_it_everywhere() -> None:
    first, second = MemoryStore(), MemoryStore()
    mirrored = MirroredStore.over([first, second])
    await mirrored.put("v1/both", b"blob")
    await first.put("v1/first", b"blob")
    await second.put("v1/second", b"blob")
    assert await keys(mirrored) == ["v1/both", "v1/first", "v1/second"]
    assert isinstance(mirrored, CollectableStore)
    await mirrored.delete(["v1/both", "v1/second"])
    assert await keys(first) == ["v1/first"]
    assert await keys(second) == []


def test_a_mirror_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidSettings):
        MirroredStore.over([])


# Tiers.


async def test_what_is_put_and_what_is_read_is_copied_to_the_fast_store() -> None:
    fast, durable = MemoryStore(), MemoryStore()
    tiered = TieredStore.over(fast=fast, durable=durable)
    await tiered.put(key_of(1), b"put")
    await durable.put(key_of(2), b"read")
    assert await tiered.get(key_of(2), max_bytes=9) == b"read"
    assert await keys(fast) == [key_of(1), key_of(2)]


async def test_a_blob_that_was_there_before_is_not_hidden_by_a_later_one() -> None:
    fast, durable = MemoryStore(), MemoryStore()
    tiered = TieredStore.over(fast=fast, durable=durable)
    await durable.put(KEY, b"first")
    assert not await tiered.put(KEY, b"second")
    assert await tiered.get(KEY, max_bytes=9) == b"first"


@pytest.mark.parametrize(("limit", "copied"), [(0, []), (4, [key_of(1)]), (5, [key_of(1), KEY])])
async def test_only_blobs_up_to_the_limit_are_copied(limit: int, copied: list[str]) -> None:
    fast, durable = MemoryStore(), MemoryStore()
    tiered = TieredStore.over(fast=fast, durable=durable, max_fast_bytes=limit)
    await tiered.put(key_of(1), b"four")
    await durable.put(key_of(2), b"fives")
    await tiered.get(key_of(2), max_bytes=9)
    assert await keys(fast) == [key_of(number) for number in range(1, len(copied) + 1)]


async def test_a_put_that_the_durable_store_refused_is_nowhere() -> None:
    fast = MemoryStore()
    with pytest.raises(StoreUnavailable):
        await TieredStore.over(fast=fast, durable=nobody()).put(KEY, b"blob")
    assert await keys(fast) == []


async def test_the_fast_store_answers_while_the_durable_one_is_down() -> None:
    fast = MemoryStore()
    await fast.put(KEY, b"blob")
    tiered = TieredStore.over(fast=fast, durable=nobody())
    assert await tiered.get(KEY, max_bytes=9) == b"blob"
    with pytest.raises(StoreUnavailable):
        await tiered.get(key_of(2), max_bytes=9)


async def test_a_copy_in_the_fast_store_alone_does_not_count_as_stored() -> None:
    fast, durable = MemoryStore(), MemoryStore()
    await fast.put(KEY, b"blob")
    tiered = TieredStore.over(fast=fast, durable=durable)
    assert isinstance(tiered, ProbingStore)
    assert not await tiered.contains(KEY)
    assert await keys(tiered) == []


async def test_a_larger_copy_in_the_fast_store_does_not_hide_the_blob() -> None:
    fast, durable = MemoryStore(), MemoryStore()
    await fast.put(KEY, b"longer than the blob")
    await durable.put(KEY, b"blob")
    assert await TieredStore.over(fast=fast, durable=durable).get(KEY, max_bytes=4) == b"blob"


async def test_nothing_is_deleted_while_the_fast_store_is_down() -> None:
    durable = MemoryStore()
    tiered = TieredStore.over(fast=nobody(), durable=durable)
    await tiered.put(KEY, b"blob")
    assert isinstance(tiered, CollectableStore)
    with pytest.raises(StoreUnavailable):
        await tiered.delete([KEY])
    assert await has(durable)


async def test_a_fast_store_that_is_down_is_logged_and_then_left_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tiered = TieredStore.over(fast=nobody(), durable=MemoryStore(), rest_seconds=600)
    await tiered.check()
    for number in range(5):
        await tiered.put(key_of(number), b"blob")
        await tiered.get(key_of(number), max_bytes=9)
    (record,) = caplog.records
    assert "left alone" in record.getMessage()
    assert PASSWORD not in caplog.text


async def test_a_fast_store_that_hangs_is_passed_over_and_used_again_when_it_answers(
    tmp_path: Path,
) -> None:
    durable = MemoryStore()
    async with redis_server(tmp_path) as server:
        fast = RedisStore(f"redis://127.0.0.1:{server.port}/0")
        tiered = TieredStore.over(fast=fast, durable=durable, fast_seconds=0.2, rest_seconds=0)
        await tiered.put(key_of(1), b"blob")
        server.pause()
        started = time.monotonic()
        assert await tiered.get(key_of(1), max_bytes=9) == b"blob"
        await tiered.put(key_of(2), b"blob")
        assert time.monotonic() - started < 10
        server.resume()
        while not await has(fast, key_of(3)):
            await tiered.put(key_of(3), b"blob")
            await tiered.get(key_of(3), max_bytes=9)
        await tiered.aclose()


async def test_a_fast_store_that_is_full_fails_nothing(tmp_path: Path) -> None:
    arguments = ("--maxmemory", "1", "--maxmemory-policy", "noeviction")
    async with redis_server(tmp_path, arguments=arguments) as server:
        fast = RedisStore(f"redis://127.0.0.1:{server.port}/0")
        tiered = TieredStore.over(fast=fast, durable=MemoryStore())
        assert await tiered.put(KEY, b"blob")
        assert await tiered.get(KEY, max_bytes=9) == b"blob"
        assert not await has(fast)
        await tiered.aclose()


# Prefixes.


async def test_two_prefixes_share_a_store_and_do_not_see_each_other() -> None:
    shared = MemoryStore()
    one, other = PrefixedStore.over(shared, "a"), PrefixedStore.over(shared, "ab")
    await one.put(KEY, b"one")
    await other.put(KEY, b"other")
    assert await one.get(KEY, max_bytes=9) == b"one"
    assert await keys(one) == [KEY]
    assert isinstance(one, CollectableStore)
    await one.delete([KEY])
    assert await keys(shared) == [f"ab/{KEY}"]


@pytest.mark.parametrize("prefix", [*HOSTILE_KEYS.values(), "a" * 100], ids=repr)
def test_a_hostile_prefix_is_refused(prefix: str) -> None:
    with pytest.raises(InvalidSettings):
        PrefixedStore.over(MemoryStore(), prefix)


# Read only.


async def test_a_read_only_store_reads() -> None:
    inner = MemoryStore()
    await inner.put(KEY, b"blob")
    store = ReadOnlyStore.over(inner)
    assert await store.get(KEY, max_bytes=9) == b"blob"
    assert await keys(store) == [KEY]
    assert isinstance(store, ProbingStore)
    assert await store.contains(KEY)


async def test_a_read_only_store_refuses_to_write_and_says_what_to_do() -> None:
    inner = MemoryStore()
    with pytest.raises(StoreDenied, match="CLAIMCHECK_STORE_READ_ONLY"):
        await ReadOnlyStore.over(inner).put(KEY, b"blob")
    assert not await has(inner)


async def test_a_read_only_store_refuses_to_delete() -> None:
    inner = MemoryStore()
    await inner.put(KEY, b"blob")
    store = ReadOnlyStore.over(inner)
    assert isinstance(store, CollectableStore)
    with pytest.raises(StoreDenied):
        await store.delete([KEY])
    with pytest.raises(InvalidKey):
        await store.delete(["../outside"])
    assert await has(inner)


async def test_checking_a_read_only_store_writes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "claims"
    await FileSystemStore(folder).check()
    before = (folder / ".incoming").stat().st_mtime_ns
    await ReadOnlyStore.over(FileSystemStore(folder)).check()
    assert (folder / ".incoming").stat().st_mtime_ns == before
