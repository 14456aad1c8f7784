"""A whole pass over a keyspace, from the lease to the report."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from temporal_claimcheck.clock import utc_now
from temporal_claimcheck.errors import CollectionIncomplete, InvalidSettings
from temporal_claimcheck.gc.cluster import Cluster
from temporal_claimcheck.gc.coverage import Source, cover
from temporal_claimcheck.gc.holds import Holds
from temporal_claimcheck.gc.lease import Lease, lease
from temporal_claimcheck.gc.marking import NamespaceReader
from temporal_claimcheck.gc.marks import Marks, Shelf
from temporal_claimcheck.gc.passes import Pass, Passes
from temporal_claimcheck.gc.plan import Rules, Verdict, check_brakes
from temporal_claimcheck.gc.report import PassReport, ShelfReport
from temporal_claimcheck.gc.shelves import Judgement, count_shelves, judge_shelf
from temporal_claimcheck.gc.sweep import sweep
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.stores.base import CollectableStore

__all__ = ["Collector", "Progress", "collectable", "tell_nobody"]

_DEFAULT_RULES = Rules()

Progress = Callable[[str, int], None]
"""Told what is being done, and how many runs or objects were seen in it."""


def tell_nobody(what: str, seen: int) -> None:
    """Show no progress."""
    del what, seen


def collectable(manager: ClaimCheckManager) -> CollectableStore:
    """Return the manager's store. Raises InvalidSettings for one that cannot be listed."""
    if not isinstance(manager.store, CollectableStore):
        raise InvalidSettings(
            f"The store {manager.store.name} cannot be listed.",
            remedy="Collect garbage on a store that can list and delete (CollectableStore).",
        )
    return manager.store


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What a pass has read, and what may be read again before something is deleted."""

    shelves: dict[Shelf, ShelfReport]
    sources: Sequence[Source]
    readers: Sequence[NamespaceReader]
    marks: Marks


class Collector:
    """Collects the garbage of one keyspace, with all the clusters that use it."""

    def __init__(
        self,
        manager: ClaimCheckManager,
        clusters: Sequence[Cluster],
        *,
        rules: Rules = _DEFAULT_RULES,
        clock: Callable[[], dt.datetime] = utc_now,
        at_once: int = 8,
    ) -> None:
        """Prepare to collect what `manager` stores; `at_once` runs are read at a time.

        Raises InvalidSettings for a store that cannot be listed.
        """
        self._store = collectable(manager)
        self._ledger = manager.ledger
        self._registry = manager.registry
        self._clusters = clusters
        self._rules = rules
        self._clock = clock
        self._at_once = at_once
        self._passes = Passes(manager.ledger)
        self._holds = Holds(manager.ledger)

    async def run(self, *, delete: bool = False, progress: Progress = tell_nobody) -> PassReport:
        """Carry out one pass, and delete what it condemns if that is wanted.

        Raises CollectorBusy, CollectionRefused, CollectionIncomplete, StoreError, IntegrityError.
        A pass that ends so has deleted nothing, or only what it had condemned by all rules.
        """
        tell = progress
        async with lease(self._ledger, self._clock) as held:
            this = Pass.begin(self._clock())
            tell("Listing the store", 0)
            shelves = await count_shelves(self._store, this.began, self._rules)
            read = await self._read(this, shelves, tell)
            judgements = await self._judge(this, shelves, read.marks, tell)
            # Only what is written under the lease may count.
            await held.check()
            report = self._report(this, read, {**shelves, **_reports(judgements)})
            for judgement in judgements:
                await self._passes.suspect(this, judgement.shelf, judgement.suspects)
            await self._passes.complete(report)
            if delete:
                await self._sweep(this, read, judgements, held, tell)
                report.ended = self._clock()
                await self._passes.swept(report)
            await self._passes.forget_before(this)
            return report

    async def _read(self, this: Pass, shelves: dict[Shelf, ShelfReport], tell: Progress) -> _Read:
        sources = await self._cover(shelves)
        marks = Marks([shelf for shelf, report in shelves.items() if report.is_closed])
        held = await self._holds.load()
        readers = [
            NamespaceReader(
                source,
                ledger=self._ledger,
                marks=marks,
                began=this.began,
                at_once=self._at_once,
                holds=self._holds,
                held=held,
                tell=tell,
            )
            for source in sources
        ]
        for reader in readers:
            await reader.read()
        return _Read(shelves=shelves, sources=sources, readers=readers, marks=marks)

    async def _judge(
        self, this: Pass, shelves: dict[Shelf, ShelfReport], marks: Marks, tell: Progress
    ) -> list[Judgement]:
        # Loaded again: reading has noted what runs of held workflows refer to.
        held = await self._holds.load()
        latest = await self._passes.latest()
        now = self._clock()
        judgements: list[Judgement] = []
        for shelf, counted in sorted(shelves.items()):
            if not counted.is_closed:
                continue
            tell("Judging objects", counted.objects)
            judgements.append(
                await judge_shelf(
                    self._store,
                    shelf,
                    marks=marks,
                    held=held,
                    suspected=await self._passes.suspects(latest, shelf),
                    began=this.began,
                    now=now,
                    rules=self._rules,
                )
            )
        return judgements

    async def _sweep(
        self,
        this: Pass,
        read: _Read,
        judgements: list[Judgement],
        held: Lease,
        tell: Progress,
    ) -> None:
        reports = [judgement.report for judgement in judgements]
        check_brakes(
            objects=sum(report.objects for report in reports),
            condemned=sum(report.verdicts[Verdict.CONDEMNED].objects for report in reports),
            references=read.marks.seen,
            rules=self._rules,
        )
        tell("Looking once more", 0)
        known = {(source.cluster.name, source.namespace.id) for source in read.sources}
        for source in await self._cover(read.shelves):
            if (source.cluster.name, source.namespace.id) not in known:
                raise CollectionIncomplete(
                    f"Namespace {source.namespace.name!r} came up while the pass was running.",
                    remedy="Nothing was deleted. The next pass looks into it too.",
                )
        for reader in read.readers:
            await reader.look_again()
        tell("Deleting", 0)
        await sweep(
            self._store,
            judgements,
            this=this,
            passes=self._passes,
            marks=read.marks,
            holds=self._holds,
            lease=held,
        )

    async def _cover(self, shelves: dict[Shelf, ShelfReport]) -> list[Source]:
        registered = await self._registry.registered()
        return await cover(self._clusters, registered, {name for name, _ in shelves})

    def _report(self, this: Pass, read: _Read, shelves: dict[Shelf, ShelfReport]) -> PassReport:
        return PassReport(
            id=this.id,
            began=this.began,
            ended=self._clock(),
            sources=[f"{each.namespace.name} on {each.cluster.name}" for each in read.sources],
            runs=sum(reader.runs for reader in read.readers),
            references=read.marks.seen,
            shelves=[shelves[shelf] for shelf in sorted(shelves)],
        )


def _reports(judgements: Sequence[Judgement]) -> dict[Shelf, ShelfReport]:
    return {judgement.shelf: judgement.report for judgement in judgements}
