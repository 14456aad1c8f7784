"""Observers are told of passes: by who carries them out, and by who reads of them later."""

import datetime as dt
import logging
from collections.abc import AsyncIterator

import pytest

from temporal_claimcheck import ClaimCheckManager
from temporal_claimcheck.errors import CollectionRefused, StoreUnavailable
from temporal_claimcheck.events import Collected, Failed
from temporal_claimcheck.gc.collector import Collector
from temporal_claimcheck.gc.figures import LatestPass
from temporal_claimcheck.gc.passes import Passes
from temporal_claimcheck.gc.plan import Verdict
from temporal_claimcheck.stores.base import BlobInfo
from temporal_claimcheck.stores.memory import MemoryStore
from tests.core.witnesses import Diary, PlainStore, payload


def passes_in(diary: Diary) -> list[Collected]:
    return [event for event in diary.events if isinstance(event, Collected)]


async def test_a_completed_pass_is_told_and_again_when_it_has_deleted() -> None:
    diary = Diary()
    manager = ClaimCheckManager(MemoryStore(), observers=[diary])
    await Collector(manager, []).run()
    assert len(passes_in(diary)) == 1
    report = await Collector(manager, []).run(delete=True)
    [_, completed, swept] = passes_in(diary)
    assert completed.ended <= swept.ended == report.ended
    assert set(swept.objects) == set(swept.stored_bytes) == {each.value for each in Verdict}


async def test_a_pass_that_is_refused_is_a_failure_to_collect() -> None:
    diary = Diary()
    manager = ClaimCheckManager(MemoryStore(), observers=[diary])
    await manager.offload(payload())
    with pytest.raises(CollectionRefused):
        await Collector(manager, []).run()
    [failed] = [event for event in diary.events if isinstance(event, Failed)]
    assert (failed.operation, failed.key) == ("collect", None)
    assert isinstance(failed.error, CollectionRefused)
    assert passes_in(diary) == []


async def test_who_did_not_carry_it_out_reads_of_the_latest_pass() -> None:
    store, diary = MemoryStore(), Diary()
    reader = LatestPass(ClaimCheckManager(store), diary)
    await Collector(ClaimCheckManager(store), []).run()
    report = await Collector(ClaimCheckManager(store), []).run(delete=True)
    await reader.tell()
    [told] = passes_in(diary)
    [_, latest] = await Passes(ClaimCheckManager(store).ledger).reports()
    assert told.ended == latest.ended
    assert abs(told.ended - report.ended) < dt.timedelta(seconds=1)


async def test_the_store_is_read_once_in_a_while() -> None:
    diary = Diary()
    manager = ClaimCheckManager(MemoryStore())
    await Collector(manager, []).run()
    reader = LatestPass(manager, diary)
    for _ in range(3):
        await reader.tell()
    assert len(passes_in(diary)) == 1


async def test_without_any_pass_and_without_a_listing_nothing_is_told() -> None:
    diary = Diary()
    for store in (MemoryStore(), PlainStore()):
        await LatestPass(ClaimCheckManager(store), diary).tell()
    assert diary.events == []


async def test_a_store_that_is_down_is_logged_and_costs_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Down(MemoryStore):
        def scan(self, prefix: str = "") -> AsyncIterator[BlobInfo]:
            del prefix
            raise StoreUnavailable("The store is down.", remedy="Wait.")

    diary = Diary()
    with caplog.at_level(logging.WARNING):
        await LatestPass(ClaimCheckManager(Down()), diary).tell()
    assert diary.events == []
    assert "The store is down." in caplog.text
