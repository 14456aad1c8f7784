"""Stored objects are read and checked; every kind of damage is found, and nothing is changed."""

import asyncio
import datetime as dt
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.api.common.v1 import Payload

from temporal_claimcheck import ClaimCheckManager, KeyRing
from temporal_claimcheck.envelope import seal_envelope
from temporal_claimcheck.errors import StoreUnavailable
from temporal_claimcheck.gc.verify import Selection, Verification, check_references, verify
from temporal_claimcheck.ledger import LEDGER_PREFIX
from temporal_claimcheck.policy import OffloadPolicy
from temporal_claimcheck.stores.base import BlobInfo, BlobStore
from temporal_claimcheck.stores.filesystem import FileSystemStore
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.stores.object_store import ObjectStore
from temporal_claimcheck.stores.read_only import ReadOnlyStore
from temporal_claimcheck.stores.redis import RedisStore
from temporal_claimcheck.testing.servers import S3Server, ServerProcess, redis_server
from temporal_claimcheck.transforms.compression import NoCompression
from tests.core.rings import ring

ALL = Selection()
DATABASES = itertools.count(1)
MISSING = "v1/default/2026-11-22/" + "0" * 64


def payload(number: int, size: int = 1000) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=b"%d " % number * size)


async def stored(
    store: BlobStore,
    count: int = 3,
    *,
    namespace: str = "default",
    keys: KeyRing | None = None,
    day: dt.date | None = None,
) -> list[str]:
    """Store payloads as a writer does; return their keys."""
    noon = dt.datetime.combine(day, dt.time(12), dt.UTC) if day else None
    clock = (lambda: noon) if noon else None
    manager = ClaimCheckManager(store, namespace=namespace, keys=keys, clock=clock)
    return [(await manager.offload(payload(number))).key for number in range(count)]


async def verified(
    store: BlobStore, selection: Selection = ALL, *, keys: KeyRing | None = None
) -> Verification:
    manager = ClaimCheckManager(ReadOnlyStore.over(store), keys=keys, cache_bytes=0)
    return await verify(manager, selection)


async def replace(store: MemoryStore, key: str, change: Callable[[bytes], bytes]) -> None:
    blob = await store.get(key, max_bytes=2**30)
    await store.delete([key])
    await store.put(key, change(blob))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def redis(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[ServerProcess]:
    arguments = ("--appendonly", "yes")
    async with redis_server(tmp_path_factory.mktemp("redis"), arguments=arguments) as server:
        yield server


Store = MemoryStore | FileSystemStore | RedisStore | ObjectStore


@pytest.fixture(params=["memory", "folder", "redis", "s3"])
async def real_store(
    request: pytest.FixtureRequest, tmp_path: Path, redis: ServerProcess, s3: S3Server
) -> AsyncGenerator[Store]:
    """A store of each kind, on its real server, with nothing in it that others wrote."""
    store: Store
    match request.param:
        case "memory":
            store = MemoryStore()
        case "folder":
            store = FileSystemStore(tmp_path / "claims")
        case "redis":
            store = RedisStore(f"redis://127.0.0.1:{redis.port}/{next(DATABASES)}")
        case _:
            store = ObjectStore.s3(
                s3.bucket,
                tmp_path.name,
                endpoint=s3.endpoint,
                region="us-east-1",
                access_key_id=s3.access_key_id,
                secret_access_key=s3.secret_access_key,
            )
    yield store
    await store.aclose()


async def test_on_every_store_what_is_sound_is_told_from_what_is_damaged(
    real_store: Store,
) -> None:
    keys = await stored(real_store, 5)
    blob = await real_store.get(keys[0], max_bytes=2**30)
    await real_store.delete([keys[0]])
    await real_store.put(keys[0], blob[:-1])
    found = await verified(real_store)
    assert (found.sound, found.records, found.foreign) == (4, 1, 0)
    assert dict(found.wrong) == {"blob-corrupt": 1}
    assert [finding.key for finding in found.findings] == [keys[0]]
    assert not found.is_sound


async def test_on_every_store_references_are_looked_for_without_reading(
    real_store: Store,
) -> None:
    keys = await stored(real_store)
    found = await check_references(real_store, listed([*keys, MISSING, "nonsense"]))
    assert (found.present, found.missing, found.unreadable) == (3, 1, 1)
    assert found.missing_keys == [MISSING]
    assert not found.all_resolve


async def listed(keys: Iterable[str]) -> AsyncIterator[str]:
    for key in keys:
        yield key


async def test_nothing_is_read_twice_and_nothing_is_written() -> None:
    store = Counting()
    await stored(store, 3)
    wrote = store.puts
    await verified(store)
    assert sorted(store.gets) == sorted({*store.gets})
    assert store.puts == wrote


class Counting(MemoryStore):
    """Notes what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.gets: list[str] = []
        self.puts = 0

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        self.gets.append(key)
        return await super().get(key, max_bytes=max_bytes)

    async def put(self, key: str, blob: bytes) -> bool:
        self.puts += 1
        return await super().put(key, blob)


async def test_every_kind_of_damage_has_its_name() -> None:
    store = MemoryStore()
    clear = await stored(store, 3)
    await replace(store, clear[0], lambda blob: blob[:20])
    await replace(store, clear[1], lambda _: seal_envelope(b"another", NoCompression()))
    await replace(store, clear[2], lambda _: b"something else")
    secret = await stored(store, 2, keys=ring("lost"), namespace="secret")
    found = await verified(store, keys=ring("kept"))
    kinds = {finding.key: finding.kind for finding in found.findings}
    assert kinds[clear[0]] == "blob-corrupt"
    assert kinds[clear[1]] == "digest-mismatch"
    assert kinds[clear[2]] == "blob-corrupt"
    assert {kinds[key] for key in secret} == {"encryption-key-missing"}


async def test_encrypted_objects_are_opened_with_the_keys_that_are_there() -> None:
    store = MemoryStore()
    await stored(store, 3, keys=ring("old"))
    found = await verified(store, keys=ring("new", "old"))
    assert (found.sound, found.records) == (3, 1)


async def test_an_encrypted_object_in_another_place_is_forged() -> None:
    store = MemoryStore()
    [key] = await stored(store, 1, keys=ring("a"))
    moved = key.replace("default", "billing")
    await store.put(moved, await store.get(key, max_bytes=2**20))
    found = await verified(store, keys=ring("a"))
    assert [(each.key, each.kind) for each in found.findings] == [(moved, "decryption-failed")]


async def test_a_damaged_record_is_found() -> None:
    store = MemoryStore()
    await stored(store, 1)
    [record] = [info.key async for info in store.scan(LEDGER_PREFIX)]
    await replace(store, record, lambda blob: blob[:-1])
    found = await verified(store)
    assert [(each.key, each.kind) for each in found.findings] == [(record, "blob-corrupt")]


async def test_all_namespaces_are_read_and_what_is_not_ours_is_counted() -> None:
    store = MemoryStore()
    await stored(store, 2)
    await stored(store, 3, namespace="billing")
    await store.put("logs/today", b"theirs")
    found = await verified(store)
    assert (found.sound, found.records, found.foreign) == (5, 2, 1)
    assert found.is_sound


async def test_a_namespace_and_a_day_narrow_it_down() -> None:
    store = MemoryStore()
    first, second = dt.date(2026, 3, 4), dt.date(2026, 3, 5)
    await stored(store, 1, day=first)
    await stored(store, 2, day=second)
    await stored(store, 4, day=second, namespace="billing")
    assert (await verified(store, Selection(day=second))).sound == 6
    assert (await verified(store, Selection(namespace="default"))).sound == 3
    both = await verified(store, Selection(namespace="default", day=second))
    assert (both.sound, both.records) == (2, 0)


async def test_a_sample_is_drawn_from_all_of_them() -> None:
    store = Counting()
    keys = await stored(store, 30)
    drawn: set[str] = set()
    while len(drawn) < len(keys):
        store.gets.clear()
        found = await verified(store, Selection(sample=5))
        assert (found.listed, found.sound) == (30, 5)
        drawn |= {key for key in store.gets if key in keys}


async def test_a_payload_over_the_cap_is_named_as_such() -> None:
    store = MemoryStore()
    await stored(store, 1)
    policy = OffloadPolicy(max_payload_bytes=100)
    found = await verify(ClaimCheckManager(store, policy=policy), ALL)
    assert set(found.wrong) <= {"payload-too-large", "blob-too-large"}
    assert found.wrong.total() == 1


class Vanishing(MemoryStore):
    """Deletes each object between its listing and its reading."""

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        await self.delete([key])
        return await super().get(key, max_bytes=max_bytes)


async def test_what_vanishes_meanwhile_is_no_error() -> None:
    store = Vanishing()
    await stored(store, 3)
    found = await verified(store)
    assert found.is_sound
    assert found.vanished == 4


class Failing(MemoryStore):
    """Gives the first `answers` objects, and then goes down."""

    answers = 0

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        if self.answers <= 0:
            raise StoreUnavailable("It is down.", remedy="Wait.")
        self.answers -= 1
        return await super().get(key, max_bytes=max_bytes)


async def test_a_store_that_goes_down_is_an_error_and_not_a_thousand_findings() -> None:
    store = Failing()
    await stored(store, 60)
    store.answers = 10
    with pytest.raises(StoreUnavailable):
        await verified(store)


async def test_a_single_object_that_is_not_given_is_a_finding() -> None:
    store = Failing()
    await stored(store, 10)
    store.answers = 8
    found = await verified(store)
    assert dict(found.wrong) == {"store-unavailable": 3}


async def test_a_store_that_goes_down_is_no_proof_that_something_is_missing() -> None:
    class Down(MemoryStore):
        async def contains(self, key: str) -> bool:
            raise StoreUnavailable(f"{key} cannot be asked for.", remedy="Wait.")

    with pytest.raises(StoreUnavailable):
        await check_references(Down(), listed([MISSING]))


class Crowded(MemoryStore):
    """Measures how much of it is read at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.most = 0
        self.wait: Callable[[], Awaitable[None]] = self._yield

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.wait()
            return await super().get(key, max_bytes=max_bytes)
        finally:
            self.now -= 1

    async def _yield(self) -> None:
        for _ in range(50):
            await asyncio.sleep(0)


async def test_few_objects_are_read_at_once() -> None:
    store = Crowded()
    await stored(store, 100)
    await verified(store)
    assert 1 < store.most <= 16


class Large(Crowded):
    """Says that each of its objects has 100 MiB."""

    async def scan(self, prefix: str = "") -> AsyncIterator[BlobInfo]:
        async for info in super().scan(prefix):
            yield BlobInfo(key=info.key, size_bytes=100 * 1024**2, modified=info.modified)


async def test_fewer_are_read_at_once_where_they_are_large() -> None:
    store = Large()
    await stored(store, 20)
    await verified(store)
    assert 1 < store.most <= 2
