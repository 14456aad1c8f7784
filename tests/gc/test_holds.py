"""What a hold keeps, and what it does not keep any more."""

import datetime as dt

from temporal_claimcheck.gc.holds import Holds
from temporal_claimcheck.keyspace import Key
from temporal_claimcheck.ledger import Ledger
from temporal_claimcheck.stores.memory import MemoryStore

NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
KEYS = [Key(namespace="default", day=dt.date(2026, 11, 2), digest=digit * 64) for digit in "ab"]


async def test_a_run_of_a_held_workflow_that_refers_to_as_many_other_objects_keeps_all() -> None:
    holds = Holds(Ledger(MemoryStore()))
    hold = await holds.place(reason="audit", now=NOW, namespace="default", workflow_id="w")
    for key in KEYS:
        # A heartbeat, and the next one in its place.
        await holds.note([hold.id], "r", frozenset([str(key)]))
    kept = await holds.load()
    assert all(kept.keeps(key) for key in KEYS)


async def test_what_a_collector_notes_for_a_hold_that_was_removed_meanwhile_is_not_kept() -> None:
    holds = Holds(Ledger(MemoryStore()))
    hold = await holds.place(reason="audit", now=NOW, namespace="default", workflow_id="w")
    await holds.remove(hold.id)
    await holds.note([hold.id], "r", frozenset([str(KEYS[0])]))
    assert not (await holds.load()).keeps(KEYS[0])


async def test_a_hold_that_is_removed_while_holds_are_read_is_none() -> None:
    class Removing(MemoryStore):
        async def get(self, key: str, *, max_bytes: int) -> bytes:
            await self.delete([key])
            return await super().get(key, max_bytes=max_bytes)

    holds = Holds(Ledger(Removing()))
    hold = await holds.place(reason="audit", now=NOW, key=str(KEYS[0]))
    await holds.note([hold.id], "r", frozenset([str(KEYS[1])]))
    kept = await holds.load()
    assert not any(kept.keeps(key) for key in KEYS)
