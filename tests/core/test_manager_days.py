"""A payload is stored again on each day, and again when its object has vanished."""

import asyncio
import datetime as dt

import pytest

from temporal_claimcheck.errors import BlobCorrupt, BlobNotFound
from temporal_claimcheck.keyspace import Key
from temporal_claimcheck.manager import ClaimCheckManager
from tests.core.witnesses import AskedStore, Clock, PlainStore, payload

stores = pytest.mark.parametrize("kind", [PlainStore, AskedStore])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@stores
async def test_a_new_day_stores_the_same_payload_again(
    kind: type[PlainStore], clock: Clock
) -> None:
    store = kind()
    manager = ClaimCheckManager(store, clock=clock)
    yesterday = await manager.offload(payload())
    clock.now += dt.timedelta(days=1)
    today = await manager.offload(payload())
    assert Key.parse(today.key).day == Key.parse(yesterday.key).day + dt.timedelta(days=1)
    assert store.count("put") == 2
    await store.blobs.delete([yesterday.key])
    assert await ClaimCheckManager(store).retrieve(today) == payload()


async def test_yesterdays_claim_is_still_resolved(clock: Clock) -> None:
    store = PlainStore()
    yesterday = await ClaimCheckManager(store, clock=clock).offload(payload())
    clock.now += dt.timedelta(days=30)
    reader = ClaimCheckManager(store, clock=clock)
    assert await reader.retrieve(yesterday) == payload()


async def test_reading_yesterdays_object_does_not_stand_for_storing_todays(clock: Clock) -> None:
    store = PlainStore()
    yesterday = await ClaimCheckManager(store, clock=clock).offload(payload())
    clock.now += dt.timedelta(days=1)
    manager = ClaimCheckManager(store, clock=clock)
    await manager.retrieve(yesterday)
    today = await manager.offload(payload())
    assert today.key != yesterday.key
    assert ("put", today.key) in store.calls


@pytest.mark.parametrize(
    ("hour", "zone_hours", "day"), [(23, 0, 22), (0, 14, 21), (23, -12, 23), (12, 5.5, 22)]
)
async def test_the_day_is_utcs_whatever_the_clocks_zone(
    hour: int, zone_hours: float, day: int, clock: Clock
) -> None:
    zone = dt.timezone(dt.timedelta(hours=zone_hours))
    clock.now = dt.datetime(2026, 11, 22, hour, 30, tzinfo=zone)
    claim = await ClaimCheckManager(PlainStore(), clock=clock).offload(payload())
    assert Key.parse(claim.key).day == dt.date(2026, 11, day)


async def test_a_write_that_goes_beyond_midnight_is_not_remembered_for_the_new_day(
    clock: Clock,
) -> None:
    clock.now = dt.datetime(2026, 11, 22, 23, 59, 59, tzinfo=dt.UTC)

    class SlowStore(PlainStore):
        async def put_payload(self, key: str, blob: bytes) -> bool:
            clock.now = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
            return await super().put_payload(key, blob)

    store = SlowStore()
    manager = ClaimCheckManager(store, clock=clock)
    before = await manager.offload(payload())
    after = await manager.offload(payload())
    assert [Key.parse(claim.key).day.day for claim in (before, after)] == [22, 23]
    assert store.count("put") == 2


async def test_one_namespace_does_not_rely_on_anothers_object() -> None:
    store = PlainStore()
    manager = ClaimCheckManager(store, namespace="a")
    first = await manager.offload(payload())
    second = await manager.for_namespace("b").offload(payload())
    assert Key.parse(second.key).namespace == "b"
    assert store.calls == [("put", first.key), ("put", second.key)]


# Vanished and damaged objects.


async def test_a_store_that_can_be_asked_heals_an_object_that_vanished() -> None:
    store = AskedStore()
    manager = ClaimCheckManager(store)
    claim = await manager.offload(payload())
    await store.blobs.delete([claim.key])
    assert await manager.offload(payload()) == claim
    assert await ClaimCheckManager(store).retrieve(claim) == payload()


@pytest.mark.parametrize("left", [None, b"damaged"], ids=["vanished", "damaged"])
async def test_an_object_that_turned_out_to_be_bad_is_not_relied_on(left: bytes | None) -> None:
    store = PlainStore()
    manager = ClaimCheckManager(store, cache_bytes=0)
    claim = await manager.offload(payload())
    await store.blobs.delete([claim.key])
    if left is not None:
        await store.blobs.put(claim.key, left)
    with pytest.raises((BlobNotFound, BlobCorrupt)):
        await manager.retrieve(claim)
    await store.blobs.delete([claim.key])
    assert await manager.offload(payload()) == claim
    assert await ClaimCheckManager(store).retrieve(claim) == payload()


async def test_a_restored_object_heals_the_claim() -> None:
    store = PlainStore()
    claim = await ClaimCheckManager(store).offload(payload())
    reader = ClaimCheckManager(store)
    blob = await store.blobs.get(claim.key, max_bytes=10**9)
    await store.blobs.delete([claim.key])
    for _ in range(2):
        with pytest.raises(BlobNotFound):
            await reader.retrieve(claim)
    await store.blobs.put(claim.key, blob)
    assert await reader.retrieve(claim) == payload()


async def test_a_claim_is_read_once_by_many_at_once() -> None:
    store = PlainStore()
    claim = await ClaimCheckManager(store).offload(payload(1_000_000))
    reader = ClaimCheckManager(store, cache_bytes=0)
    got = await asyncio.gather(*(reader.retrieve(claim) for _ in range(20)))
    assert got == [payload(1_000_000)] * 20
    assert store.count("get") == 1
