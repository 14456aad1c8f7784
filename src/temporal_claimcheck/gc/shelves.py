"""Judges what lies on a shelf, remembers suspects for the next pass, and deletes the condemned."""

import datetime as dt
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from temporal_claimcheck.errors import InvalidKey
from temporal_claimcheck.gc.holds import Kept
from temporal_claimcheck.gc.marks import Marks, Shelf
from temporal_claimcheck.gc.plan import Rules, Verdict, day_is_closed, judge
from temporal_claimcheck.gc.report import Count, ShelfReport
from temporal_claimcheck.keyspace import KEYSPACE_VERSION, Key, day_prefix, escape_namespace
from temporal_claimcheck.ledger import Ledger
from temporal_claimcheck.stores.base import BlobInfo, CollectableStore

__all__ = ["Judgement", "Pass", "completed_passes", "count_shelves", "judge_shelf"]

_PASSES: Final = "gc/passes/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One pass: its records in the ledger are under its id."""

    id: str
    began: dt.datetime

    def record(self, name: str) -> str:
        """Return the name of one of its records."""
        return f"{_PASSES}{self.id}/{name}"

    def suspects(self, shelf: Shelf) -> str:
        """Return the name of the record of a shelf's suspects."""
        namespace, day = shelf
        return self.record(f"suspects/{escape_namespace(namespace)}/{day.isoformat()}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What was found on a shelf."""

    report: ShelfReport
    condemned: Mapping[Key, BlobInfo]
    suspects: Mapping[str, str]
    """Digests of what nothing refers to, the condemned too, and since when; empty for None."""


async def completed_passes(ledger: Ledger) -> list[str]:
    """Return the ids of the completed passes, the oldest first."""
    names = await ledger.names(_PASSES)
    return [name.split("/")[2] for name in names if name.endswith("/completed")]


async def count_shelves(
    store: CollectableStore, now: dt.datetime, rules: Rules
) -> dict[Shelf, ShelfReport]:
    """Count what lies on each shelf."""
    shelves: dict[Shelf, ShelfReport] = {}
    async for key, info in _keys(store, f"{KEYSPACE_VERSION}/"):
        shelf = (key.namespace, key.day)
        if shelf not in shelves:
            shelves[shelf] = ShelfReport(
                namespace=key.namespace, day=key.day, is_closed=day_is_closed(key.day, now, rules)
            )
        shelves[shelf].verdicts[Verdict.YOUNG].add(info.size_bytes)
    return shelves


async def judge_shelf(
    store: CollectableStore,
    shelf: Shelf,
    *,
    marks: Marks,
    held: Kept,
    suspected: Mapping[str, dt.datetime],
    this: Pass,
    rules: Rules,
) -> Judgement:
    """Judge every object on a shelf. `suspected` says since when nothing refers to a digest."""
    namespace, day = shelf
    report = ShelfReport(namespace=namespace, day=day, is_closed=True)
    condemned: dict[Key, BlobInfo] = {}
    suspects: dict[str, str] = {}
    async for key, info in _keys(store, day_prefix(namespace, day)):
        since = suspected.get(key.digest)
        verdict = judge(
            key,
            info.modified,
            referenced=marks.has(key),
            held=held.keeps(key),
            suspected_since=since,
            began=this.began,
            rules=rules,
        )
        report.verdicts[verdict].add(info.size_bytes)
        if verdict is Verdict.CONDEMNED:
            condemned[key] = info
        if verdict in {Verdict.CONDEMNED, Verdict.SUSPECT}:
            suspects[key.digest] = "" if since is None else since.isoformat()
    return Judgement(report=report, condemned=condemned, suspects=suspects)


async def read_suspects(ledger: Ledger, earlier: Pass | None, shelf: Shelf) -> dict[str, dt.datetime]:
    """Return what the latest completed pass suspected on a shelf, and since when."""
    if earlier is None:
        return {}
    name = earlier.suspects(shelf)
    if name not in await ledger.names(name):
        return {}
    record = cast("Mapping[str, str]", (await ledger.read(name))["since"])
    return {digest: dt.datetime.fromisoformat(since) for digest, since in record.items()}


async def write_suspects(
    ledger: Ledger, this: Pass, judgements: Sequence[Judgement], ended: dt.datetime
) -> None:
    """Write the suspects of a pass; they count when the pass is completed."""
    now = ended.isoformat()
    for judgement in judgements:
        if judgement.suspects:
            shelf = (judgement.report.namespace, judgement.report.day)
            since = {digest: text or now for digest, text in judgement.suspects.items()}
            await ledger.write(this.suspects(shelf), {"since": since})


async def delete_condemned(
    store: CollectableStore, judgement: Judgement, *, marks: Marks, held: Kept
) -> Count:
    """Delete a batch"""
    del store, judgement, marks, held
    return Count()


async def _keys(store: CollectableStore, prefix: str) -> AsyncIterator[tuple[Key, BlobInfo]]:
    async for info in store.scan(prefix):
        try:
            key = Key.parse(info.key)
        except InvalidKey:
            # Not of the keyspace, so nobody's to judge.
            continue
        yield key, info
