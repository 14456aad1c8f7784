"""Judges what lies in a store, a shelf at a time: one day of one namespace."""

import datetime as dt
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass

from temporal_claimcheck.errors import InvalidKey
from temporal_claimcheck.gc.holds import Kept
from temporal_claimcheck.gc.marks import Shelf
from temporal_claimcheck.gc.passes import Suspects
from temporal_claimcheck.gc.plan import Rules, Verdict, day_is_closed, judge
from temporal_claimcheck.gc.report import ShelfReport
from temporal_claimcheck.keyspace import KEYSPACE_VERSION, Key, day_prefix
from temporal_claimcheck.stores.base import BlobInfo, CollectableStore

__all__ = ["Judgement", "count_shelves", "judge_shelf", "objects_on"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What was found on a shelf."""

    shelf: Shelf
    report: ShelfReport
    suspects: Suspects
    """Of all that nothing refers to, the condemned too."""
    condemned: Mapping[Key, BlobInfo]


async def count_shelves(
    store: CollectableStore, now: dt.datetime, rules: Rules
) -> dict[Shelf, ShelfReport]:
    """Count what lies on each shelf, all of it as too young."""
    shelves: dict[Shelf, ShelfReport] = {}
    async for key, info in objects_on(store, f"{KEYSPACE_VERSION}/"):
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
    referenced: Collection[str],
    held: Kept,
    suspected: Suspects,
    began: dt.datetime,
    now: dt.datetime,
    rules: Rules,
) -> Judgement:
    """Judge every object on a shelf.

    `referenced` are the digests that something refers to there, `suspected` is what the latest
    pass found.
    """
    namespace, day = shelf
    report = ShelfReport(namespace=namespace, day=day, is_closed=True)
    suspects: dict[str, dt.datetime] = {}
    condemned: dict[Key, BlobInfo] = {}
    async for key, info in objects_on(store, day_prefix(namespace, day)):
        since = suspected.get(key.digest)
        verdict = judge(
            key,
            info.modified,
            referenced=key.digest in referenced,
            held=held.keeps(key),
            suspected_since=since,
            began=began,
            rules=rules,
        )
        report.verdicts[verdict].add(info.size_bytes)
        if verdict in {Verdict.SUSPECT, Verdict.CONDEMNED}:
            suspects[key.digest] = since or now
        if verdict is Verdict.CONDEMNED:
            condemned[key] = info
    return Judgement(shelf=shelf, report=report, suspects=suspects, condemned=condemned)


async def objects_on(store: CollectableStore, prefix: str) -> AsyncIterator[tuple[Key, BlobInfo]]:
    """Yield the keyspace's objects whose keys begin so; the rest is nobody's to judge."""
    async for info in store.scan(prefix):
        try:
            yield Key.parse(info.key), info
        except InvalidKey:
            continue
