"""Marks that are kept between passes."""

import asyncio

import pytest

from temporal_claimcheck.errors import StoreUnavailable
from temporal_claimcheck.gc.cluster import Run
from temporal_claimcheck.gc.kept import KNOWN, KeptRuns
from temporal_claimcheck.ledger import Ledger
from temporal_claimcheck.stores.memory import MemoryStore

CLOSED = Run(workflow_id="w", run_id="closed")
LINK = Run(workflow_id="w", run_id="next")


class FailsOnce(MemoryStore):
    failed = False

    async def put(self, key: str, blob: bytes) -> bool:
        await asyncio.sleep(0)
        if not self.failed:
            self.failed = True
            raise StoreUnavailable("The store is away.", remedy="It comes back.")
        return await super().put(key, blob)


async def test_a_run_is_never_kept_without_its_links_however_a_write_before_it_ended() -> None:
    ledger = Ledger(FailsOnce())
    links = KeptRuns(ledger, "id", KNOWN)
    kept = KeptRuns(ledger, "id", "2026-11-22", after=links)
    await links.add(LINK, frozenset())
    await kept.add(CLOSED, frozenset())
    failed, _ = await asyncio.gather(links.flush(), kept.flush(), return_exceptions=True)
    assert isinstance(failed, StoreUnavailable)
    later = KeptRuns(ledger, "id", KNOWN)
    await later.load()
    assert LINK in later.runs


async def test_what_could_not_be_written_is_written_the_next_time() -> None:
    ledger = Ledger(FailsOnce())
    kept = KeptRuns(ledger, "id", KNOWN)
    await kept.add(CLOSED, frozenset())
    with pytest.raises(StoreUnavailable):
        await kept.flush()
    await kept.flush()
    later = KeptRuns(ledger, "id", KNOWN)
    await later.load()
    assert CLOSED in later.runs
