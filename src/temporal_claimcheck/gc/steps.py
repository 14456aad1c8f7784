"""The steps of a pass. Each leaves what it found in the ledger, so any process can do the next.

`begin`, then `mark` each source, then `judge` each shelf, then `complete`. To delete: `may_sweep`,
then `look_again` at each source, then `sweep` each shelf. `end` in any case. Before `mark`, any
number of processes may `read_ahead` of it.
"""

import contextlib
import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence

from temporal_claimcheck.clock import utc_now
from temporal_claimcheck.errors import CollectionIncomplete, InvalidSettings, StoreError
from temporal_claimcheck.events import Failed
from temporal_claimcheck.gc.cluster import Cluster
from temporal_claimcheck.gc.coverage import Source, cover
from temporal_claimcheck.gc.figures import collected
from temporal_claimcheck.gc.holds import Holds
from temporal_claimcheck.gc.lease import Lease, Leases
from temporal_claimcheck.gc.marking import NamespaceReader
from temporal_claimcheck.gc.marks import Marks, Shelf
from temporal_claimcheck.gc.passes import Passes
from temporal_claimcheck.gc.plan import Rules, Verdict, check_brakes
from temporal_claimcheck.gc.report import PassReport, ShelfReport
from temporal_claimcheck.gc.shelves import Judgement, count_shelves, judge_shelf
from temporal_claimcheck.gc.sweep import Sweeper
from temporal_claimcheck.gc.work import Marked, ShelfName, SourceName, Work, pass_id
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.stores.base import CollectableStore

__all__ = ["Progress", "Steps", "collectable", "tell_nobody"]

_DEFAULT_RULES = Rules()
_LATE = "late"

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


class Steps:
    """What a collector does, on one keyspace and with all the clusters that use it.

    Every step raises CollectorBusy when the lease is lost, StoreError, and IntegrityError for a
    record of the ledger that is damaged.
    """

    def __init__(
        self,
        manager: ClaimCheckManager,
        clusters: Sequence[Cluster],
        *,
        rules: Rules = _DEFAULT_RULES,
        clock: Callable[[], dt.datetime] = utc_now,
        at_once: int = 8,
    ) -> None:
        """Prepare; `at_once` runs are read at a time. Raises InvalidSettings."""
        self._store = collectable(manager)
        self._ledger = manager.ledger
        self._registry = manager.registry
        self._manager = manager
        self._clusters = clusters
        self._rules = rules
        self._clock = clock
        self._at_once = at_once
        self._passes = Passes(manager.ledger)
        self._holds = Holds(manager.ledger)
        self.leases = Leases(manager.ledger, clock)

    async def begin(self) -> Work:
        """Take the lease and find out what there is to do.

        Raises CollectorBusy, and CollectionRefused if a namespace is not covered or a clock is
        wrong.
        """
        lease = await self.leases.acquire()
        try:
            return await self._begin(lease)
        except Exception:
            # What cannot be given back ends by itself, and the first error says more.
            with contextlib.suppress(StoreError):
                await self.leases.release(lease)
            raise

    async def unread(self, work: Work, source: SourceName) -> Sequence[str]:
        """Return what `read_ahead` can read of a source, as names of windows."""
        reader = await self._reader(work, source, Marks([]), tell_nobody)
        began = None if work.latest is None else (await self._passes.completed(work.latest)).began
        return await reader.unread_windows(began)

    async def read_ahead(
        self,
        work: Work,
        source: SourceName,
        windows: Collection[str],
        progress: Progress = tell_nobody,
    ) -> int:
        """Read the closed runs of some windows, so that `mark` finds their marks in the ledger.

        Returns how many. Not needed, only faster: each process takes windows of its own.
        """
        async with self.leases.renewed(work.lease):
            reader = await self._reader(work, source, Marks([]), progress)
            await reader.read_ahead(windows)
            return reader.runs

    async def mark(
        self, work: Work, source: SourceName, progress: Progress = tell_nobody
    ) -> Marked:
        """Read all of a source. Raises CollectionIncomplete if it cannot be read in full."""
        async with self.leases.renewed(work.lease):
            marks = Marks([_shelf(name) for name in work.shelves])
            reader = await self._reader(work, source, marks, progress)
            await reader.read()
            return await self._keep(work, str(_number(work, source)), reader, marks)

    async def judge(self, work: Work, marked: Sequence[Marked], shelf: ShelfName) -> ShelfReport:
        """Judge what lies on a shelf, and leave the suspects to the next pass.

        `marked` is what marking found in the sources, in their order.
        """
        judgement = await self._judge(work, _shelf(shelf), _found(work, marked))
        report = judgement.report
        await self._passes.judge(work.id, judgement.shelf, report, judgement.suspects)
        return report

    async def complete(self, work: Work, marked: Sequence[Marked]) -> PassReport:
        """Let the pass count, and return what it found."""
        shelves = await count_shelves(self._store, work.began, self._rules)
        for name in work.shelves:
            shelves[_shelf(name)] = await self._passes.judged(work.id, _shelf(name))
        report = PassReport(
            id=work.id,
            began=work.began,
            ended=self._clock(),
            sources=[str(source) for source in work.sources],
            runs=sum(each.runs for each in marked),
            references=sum(each.references for each in marked),
            shelves=[shelves[shelf] for shelf in sorted(shelves)],
        )
        # Only what was found under the lease may count.
        await self.leases.check(work.lease)
        await self._passes.complete(report)
        self._manager.observers.observe(collected(report))
        return report

    async def may_sweep(self, work: Work) -> None:
        """Raise CollectionRefused if what is condemned looks like a mistake.

        Raises CollectionIncomplete if a namespace came up since the pass began.
        """
        report = await self._passes.completed(work.id)
        judged = [shelf for shelf in report.shelves if shelf.is_closed]
        check_brakes(
            objects=sum(shelf.objects for shelf in judged),
            condemned=sum(shelf.verdicts[Verdict.CONDEMNED].objects for shelf in judged),
            references=report.references,
            rules=self._rules,
        )
        for source in await self._cover({shelf.namespace for shelf in report.shelves}):
            if _name(source) not in work.sources:
                raise CollectionIncomplete(
                    f"Namespace {source.namespace.name!r} came up while the pass was running.",
                    remedy="Nothing was deleted. The next pass looks into it too.",
                )

    async def look_again(
        self, work: Work, source: SourceName, progress: Progress = tell_nobody
    ) -> Marked:
        """Read what may have come since, right before something is deleted."""
        async with self.leases.renewed(work.lease):
            marks = Marks([_shelf(name) for name in work.shelves])
            reader = await self._reader(work, source, marks, progress)
            await reader.look_again()
            return await self._keep(work, f"{_number(work, source)}-{_LATE}", reader, marks)

    async def sweep(
        self, work: Work, marked: Sequence[Marked], late: Sequence[Marked], shelf: ShelfName
    ) -> ShelfReport:
        """Judge a shelf again by all that was marked, and delete what is condemned."""
        before = await self._passes.judged(work.id, _shelf(shelf))
        if not before.verdicts[Verdict.CONDEMNED].objects:
            # What only became old enough since is for the next pass.
            await self._passes.sweep(work.id, _shelf(shelf), before)
            return before
        async with self.leases.renewed(work.lease):
            found = _found(work, marked) | _found(work, late, suffix=f"-{_LATE}")
            judgement = await self._judge(work, _shelf(shelf), found)
            sweeper = Sweeper(
                self._store, passes=self._passes, holds=self._holds, leases=self.leases
            )
            await sweeper.sweep(work.id, work.lease, judgement)
            await self._passes.sweep(work.id, judgement.shelf, judgement.report)
            return judgement.report

    async def swept(self, work: Work) -> PassReport:
        """Write what was deleted, and return it."""
        report = await self._passes.completed(work.id)
        shelves = {(shelf.namespace, shelf.day): shelf for shelf in report.shelves}
        for name in work.shelves:
            shelves[_shelf(name)] = await self._passes.swept_shelf(work.id, _shelf(name))
        report.shelves = [shelves[shelf] for shelf in sorted(shelves)]
        report.ended = self._clock()
        await self._passes.swept(report)
        self._manager.observers.observe(collected(report))
        return report

    async def end(self, work: Work, *, completed: bool) -> None:
        """Let the next collector in; tidy up what a completed pass makes superfluous."""
        if completed:
            await self._passes.forget_before(work.id)
        await self.leases.release(work.lease)

    def failed(self, error: Exception, *, seconds: float) -> None:
        """Tell the manager's observers that a pass, or a step of it, ended so."""
        self._manager.observers.observe(
            Failed(
                namespace=self._manager.namespace,
                key=None,
                operation="collect",
                error=error,
                seconds=seconds,
            )
        )

    async def _begin(self, lease: Lease) -> Work:
        began = self._clock()
        counted = await count_shelves(self._store, began, self._rules)
        sources = await self._cover({namespace for namespace, _ in counted})
        return Work(
            id=pass_id(began),
            began=began,
            lease=lease,
            sources=[_name(source) for source in sources],
            shelves=[
                ShelfName(namespace=namespace, day=day.isoformat())
                for (namespace, day), report in sorted(counted.items())
                if report.is_closed
            ],
            latest=await self._passes.latest(),
        )

    async def _cover(self, shelved: set[str]) -> list[Source]:
        return await cover(self._clusters, await self._registry.registered(), shelved)

    async def _reader(
        self, work: Work, source: SourceName, marks: Marks, progress: Progress
    ) -> NamespaceReader:
        for each in await self._cover({source.namespace}):
            if _name(each) == source:
                return NamespaceReader(
                    each,
                    ledger=self._ledger,
                    marks=marks,
                    began=work.began,
                    at_once=self._at_once,
                    holds=self._holds,
                    held=await self._holds.load(),
                    tell=progress,
                )
        raise CollectionIncomplete(
            f"Namespace {source} went while the pass was running.",
            remedy="Nothing was deleted. Look whether it was deleted, and collect again.",
        )

    async def _keep(self, work: Work, source: str, reader: NamespaceReader, marks: Marks) -> Marked:
        shelves = [shelf for shelf, digests in marks.digests.items() if digests]
        for shelf in shelves:
            await self._passes.mark(work.id, source, shelf, marks.digests[shelf])
        return Marked(
            runs=reader.runs,
            references=marks.seen,
            shelves=[
                ShelfName(namespace=namespace, day=day.isoformat()) for namespace, day in shelves
            ],
        )

    async def _judge(
        self, work: Work, shelf: Shelf, found: Mapping[str, Sequence[ShelfName]]
    ) -> Judgement:
        referenced: set[str] = set()
        for source, shelves in found.items():
            if any(_shelf(name) == shelf for name in shelves):
                referenced |= set(await self._passes.marks(work.id, source, shelf))
        return await judge_shelf(
            self._store,
            shelf,
            referenced=referenced,
            held=await self._holds.load(),
            suspected=await self._passes.suspects(work.latest, shelf),
            began=work.began,
            now=self._clock(),
            rules=self._rules,
        )


def _name(source: Source) -> SourceName:
    return SourceName(
        cluster=source.cluster.name,
        namespace=source.namespace.name,
        namespace_id=source.namespace.id,
    )


def _shelf(name: ShelfName) -> Shelf:
    return name.namespace, dt.date.fromisoformat(name.day)


def _number(work: Work, source: SourceName) -> int:
    return list(work.sources).index(source)


def _found(
    work: Work, marked: Sequence[Marked], *, suffix: str = ""
) -> dict[str, Sequence[ShelfName]]:
    """Return on which shelves each source has marks. Raises ValueError if one is missing."""
    return {
        f"{number}{suffix}": each.shelves
        for number, (_, each) in enumerate(zip(work.sources, marked, strict=True))
    }
