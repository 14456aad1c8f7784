"""What a manager does when a store, an observer or a caller gives up half-way."""

import asyncio
import logging

import pytest
from temporalio.api.common.v1 import Payload

from temporal_claimcheck.envelope import digest_of
from temporal_claimcheck.errors import PayloadTooLarge, StoreUnavailable
from temporal_claimcheck.events import Event, OffloadOutcome
from temporal_claimcheck.keyspace import Key
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.policy import OffloadPolicy
from temporal_claimcheck.stores.memory import MemoryStore
from tests.core.witnesses import AskedStore, BreakingStore, Diary, PlainStore, payload

# The store.


@pytest.mark.parametrize("after", [False, True], ids=["before-writing", "after-writing"])
async def test_a_failed_put_is_raised_and_not_taken_for_stored(*, after: bool) -> None:
    store, diary = BreakingStore(fails=2, after=after), Diary()
    manager = ClaimCheckManager(store, observers=[diary])
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await manager.offload(payload())
    claim = await manager.offload(payload())
    await manager.offload(payload())
    assert [event.operation for event in diary.failed] == ["offload", "offload"]
    assert all(isinstance(event.error, StoreUnavailable) for event in diary.failed)
    assert {event.key for event in diary.failed} == {claim.key}
    # The third call asked the store again; the fourth could rely on it.
    assert store.count("put") == (3 if after else 1)
    assert await ClaimCheckManager(store).retrieve(claim) == payload()


async def test_a_failed_put_reaches_all_who_wait_for_it_and_a_retry_works() -> None:
    store = BreakingStore(fails=1)
    manager = ClaimCheckManager(store)
    results = await asyncio.gather(
        *(manager.offload(payload()) for _ in range(5)), return_exceptions=True
    )
    assert [type(result) for result in results] == [StoreUnavailable] * 5
    claim = await manager.offload(payload())
    assert await ClaimCheckManager(store).retrieve(claim) == payload()


async def test_a_failed_get_is_raised_and_a_retry_works() -> None:
    store = BreakingStore(fails=0)
    claim = await ClaimCheckManager(store).offload(payload())
    store.fails = 3
    reader = ClaimCheckManager(store)
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await reader.retrieve(claim)
    assert await reader.retrieve(claim) == payload()


async def test_many_are_all_stored_or_an_error() -> None:
    store = BreakingStore(fails=1)
    manager = ClaimCheckManager(store)
    originals = [payload(letter=letter) for letter in "abcdef"]
    with pytest.raises(StoreUnavailable):
        await manager.maybe_offload_many(originals)
    stored = await manager.maybe_offload_many(originals)
    assert await ClaimCheckManager(store).maybe_retrieve_many(stored) == originals


async def test_an_error_cancels_what_else_was_begun() -> None:
    class HangingStore(PlainStore):
        cancelled = 0

        async def put_payload(self, key: str, blob: bytes) -> bool:
            self.calls.append(("put", f"{key} {len(blob)}"))
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            return True

    store = HangingStore()
    policy = OffloadPolicy(threshold_bytes=0, max_payload_bytes=200_000)
    manager = ClaimCheckManager(store, policy=policy)
    await manager.registry.ensure(manager.namespace)
    with pytest.raises(PayloadTooLarge):
        await manager.offload_many([payload(), payload(300_000)])
    for _ in range(20):
        await asyncio.sleep(0)
    assert store.cancelled == store.count("put") == 1


async def test_health_tells_what_is_wrong_and_never_raises() -> None:
    class DownStore(PlainStore):
        async def check(self) -> None:
            raise StoreUnavailable("The store is down.", remedy="Wait.")

    healthy = await ClaimCheckManager(PlainStore()).health()
    assert (healthy.ok, healthy.error, healthy.store) == (True, None, "witness://")
    down = await ClaimCheckManager(DownStore()).health()
    assert not down.ok
    assert isinstance(down.error, StoreUnavailable)
    assert down.seconds >= 0


# Observers.


async def test_a_faulty_observer_costs_nothing_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Faulty:
        def observe(self, event: Event) -> None:
            raise RuntimeError(type(event).__name__)

    diary = Diary()
    manager = ClaimCheckManager(MemoryStore(), observers=[Faulty(), diary])
    with caplog.at_level(logging.ERROR):
        claim = await manager.offload(payload())
        assert await manager.retrieve(claim) == payload()
    assert diary.outcomes == [OffloadOutcome.STORED]
    assert len(diary.retrieved) == 1
    logged = [record.message.split()[-1] for record in caplog.records]
    assert [name for name in logged if name != "Occupied"] == ["Offloaded", "Retrieved"]


# Callers.


async def test_changing_a_payload_after_its_offload_does_not_change_what_is_kept() -> None:
    # The SDK turns the very object that it hands to a driver into the reference.
    manager = ClaimCheckManager(MemoryStore())
    handed_in = payload()
    claim = await manager.offload(handed_in)
    handed_in.data = b"changed"
    handed_in.metadata["encoding"] = b"changed"
    assert await manager.retrieve(claim) == payload()


async def test_changing_a_retrieved_payload_does_not_change_what_is_kept() -> None:
    manager = ClaimCheckManager(MemoryStore())
    claim = await manager.offload(payload())
    for _ in range(2):
        got = await manager.retrieve(claim)
        assert got == payload()
        got.Clear()


async def test_a_payload_that_changes_during_its_offload_is_stored_as_it_was() -> None:
    handed_in = payload(1_000_000)

    class SlowStore(AskedStore):
        async def contains(self, key: str) -> bool:
            handed_in.data = b"changed"
            return await super().contains(key)

    store = SlowStore()
    claim = await ClaimCheckManager(store).offload(handed_in)
    got = await ClaimCheckManager(store).retrieve(claim)
    assert got == payload(1_000_000)
    assert digest_of(got.SerializeToString(deterministic=True)) == Key.parse(claim.key).digest


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13, 21])
async def test_cancelled_callers_leave_no_bytes_in_flight(turns: int) -> None:
    store = PlainStore()
    manager = ClaimCheckManager(store, max_bytes_in_flight=1_500_000, cache_bytes=0)
    letters = "abcdefgh"
    claims = await manager.offload_many([payload(1_000_000, letter=letter) for letter in letters])
    calls: list[asyncio.Task[object]] = []
    calls += [asyncio.create_task(manager.retrieve(claim)) for claim in claims]
    calls += [
        asyncio.create_task(manager.offload(payload(1_000_001, letter=letter)))
        for letter in letters
    ]
    for _ in range(turns):
        await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    results = await asyncio.gather(*calls, return_exceptions=True)
    for index, result in enumerate(results):
        assert index % 2 == 0 or not isinstance(result, BaseException)
    while manager._vault._budget.get().in_flight_bytes:
        await asyncio.sleep(0)  # work that nobody waits for any more ends a little later
    got = await manager.retrieve_many(claims)
    assert [item.data[1:2].decode() for item in got] == list(letters)


class BusyStore(PlainStore):
    """Takes a while for each call, and counts how many it serves at once."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0
        self._busy = 0

    async def put_payload(self, key: str, blob: bytes) -> bool:
        await self._work()
        return await super().put_payload(key, blob)

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        await self._work()
        return await super().get(key, max_bytes=max_bytes)

    async def _work(self) -> None:
        self._busy += 1
        self.most = max(self.most, self._busy)
        for _ in range(5):
            await asyncio.sleep(0)
        self._busy -= 1


@pytest.mark.parametrize(("max_bytes", "at_once"), [(1, 1), (3_000, 1), (7_000, 3), (10**6, 8)])
async def test_no_more_payloads_are_worked_on_at_once_than_the_budget_allows(
    max_bytes: int, at_once: int
) -> None:
    writing, reading = BusyStore(), BusyStore()
    reading.blobs = writing.blobs
    originals: list[Payload] = [payload(1000, letter=letter) for letter in "abcdefgh"]
    writer = ClaimCheckManager(writing, max_bytes_in_flight=max_bytes)
    claims = await writer.offload_many(originals)
    assert writing.most == at_once
    reader = ClaimCheckManager(reading, max_bytes_in_flight=max_bytes)
    assert await reader.retrieve_many(claims) == originals
    assert reading.most == at_once


async def test_the_one_who_began_a_write_may_leave_while_others_wait_for_it() -> None:
    store = BusyStore()
    manager = ClaimCheckManager(store)
    calls = [asyncio.create_task(manager.offload(payload(1000))) for _ in range(3)]
    while not store.most:
        await asyncio.sleep(0)
    calls[0].cancel()
    claims = await asyncio.gather(*calls[1:])
    assert calls[0].cancelled()
    assert store.count("put") == 1
    assert await ClaimCheckManager(store).retrieve(claims[0]) == payload(1000)


async def test_the_one_who_began_a_read_may_leave_while_others_wait_for_it() -> None:
    store = BusyStore()
    claim = await ClaimCheckManager(store).offload(payload(1000))
    store.most = 0
    reader = ClaimCheckManager(store)
    calls = [asyncio.create_task(reader.retrieve(claim)) for _ in range(3)]
    while not store.most:
        await asyncio.sleep(0)
    calls[0].cancel()
    assert await asyncio.gather(*calls[1:]) == [payload(1000)] * 2
    assert calls[0].cancelled()
    assert store.count("get") == 1


async def test_a_payload_over_the_whole_limit_gets_its_turn_among_small_ones() -> None:
    store = BusyStore()
    manager = ClaimCheckManager(store, max_bytes_in_flight=10_000, cache_bytes=0)
    sizes = [1000] * 20 + [100_000] + [1000] * 20
    originals = [payload(size + number) for number, size in enumerate(sizes)]
    claims = await manager.offload_many(originals)
    written = [key for verb, key in store.calls if verb == "put"]
    # Nobody overtakes it, and it overtakes nobody.
    assert written == [claim.key for claim in claims]
    assert await manager.retrieve_many(claims) == originals
