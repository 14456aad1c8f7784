"""Erases what only one workflow refers to, when its data must go before its time."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from temporal_claimcheck.clock import utc_now
from temporal_claimcheck.errors import CollectionRefused
from temporal_claimcheck.gc.cluster import Cluster, Open, Run
from temporal_claimcheck.gc.coverage import Source, cover
from temporal_claimcheck.gc.holds import Holds
from temporal_claimcheck.gc.lease import Leases
from temporal_claimcheck.gc.marking import NamespaceReader, RunTaken
from temporal_claimcheck.gc.marks import Marks, Shelf
from temporal_claimcheck.gc.plan import Rules, day_is_closed
from temporal_claimcheck.gc.shelves import count_shelves, objects_on
from temporal_claimcheck.gc.steps import Progress, collectable, tell_nobody
from temporal_claimcheck.keyspace import Key, day_prefix
from temporal_claimcheck.manager import ClaimCheckManager

__all__ = ["Eraser", "PurgeReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeReport:
    """What a workflow refers to in the store, and what became of it."""

    namespace: str
    workflow_id: str
    runs: int
    """How many runs of the workflow were read."""
    alone: Sequence[str]
    """Keys that nothing else refers to: they are deleted, if that was asked for."""
    shared: Sequence[str]
    """Keys that something else refers to as well: they stay."""
    held: Sequence[str]
    """Keys that a hold keeps."""
    young: Sequence[str]
    """Keys of days that are not closed: something may begin to refer to them at any moment."""
    missing: Sequence[str]
    """Keys of which the store has no object."""
    deleted: int


class Eraser:
    """Finds what only one workflow refers to, and deletes it.

    What is deleted is gone: the workflow's history then has claims that nothing resolves.
    """

    def __init__(
        self,
        manager: ClaimCheckManager,
        clusters: Sequence[Cluster],
        *,
        namespace: str,
        workflow_id: str,
        rules: Rules,
        clock: Callable[[], dt.datetime] = utc_now,
        at_once: int = 8,
    ) -> None:
        """Prepare to erase. Raises InvalidSettings for a store that cannot be listed."""
        self._manager = manager
        self._store = collectable(manager)
        self._clusters = clusters
        self._namespace = namespace
        self._workflow_id = workflow_id
        self._rules = rules
        self._clock = clock
        self._at_once = at_once
        self._holds = Holds(manager.ledger)
        self._runs: set[Run] = set()
        self._keys: set[str] = set()

    async def run(self, *, delete: bool = False, progress: Progress = tell_nobody) -> PurgeReport:
        """Sort what the workflow refers to, and delete what is its alone if that is wanted.

        Raises CollectionRefused for a workflow that is open, or of which no run is found; and
        what a pass of the collector raises, for it reads as much.
        """
        leases = Leases(self._manager.ledger, self._clock)
        lease = await leases.acquire()
        try:
            async with leases.renewed(lease):
                began = self._clock()
                marks = await self._read(began, progress)
                groups = await self._sort(began, marks)
                alone = [str(key) for key in groups.pop("alone")]
                if delete:
                    await leases.check(lease)
                    await self._store.delete(alone)
        finally:
            await leases.release(lease)
        named = {name: [str(key) for key in keys] for name, keys in groups.items()}
        return PurgeReport(
            namespace=self._namespace,
            workflow_id=self._workflow_id,
            runs=len(self._runs),
            alone=alone,
            shared=named["shared"],
            held=named["held"],
            young=named["young"],
            missing=named["missing"],
            deleted=len(alone) if delete else 0,
        )

    async def _read(self, began: dt.datetime, progress: Progress) -> Marks:
        """Return what everything but the workflow refers to, having read it too."""
        manager = self._manager
        shelves = await count_shelves(self._store, began, self._rules)
        registered = await manager.registry.registered()
        sources = await cover(self._clusters, registered, {name for name, _ in shelves})
        marks = Marks(shelves)
        held = await self._holds.load()
        readers = [
            NamespaceReader(
                source,
                ledger=manager.ledger,
                marks=marks,
                began=began,
                at_once=self._at_once,
                holds=self._holds,
                held=held,
                tell=progress,
                taken=self._taker(source.namespace.name, marks),
            )
            for source in sources
        ]
        for reader in readers:
            await reader.read()
        await self._check_workflow(sources)
        # What came since may refer to the same objects.
        for reader in readers:
            await reader.look_again()
        return marks

    def _taker(self, namespace: str, marks: Marks) -> RunTaken:
        is_where_it_runs = namespace == self._namespace

        def taken(run: Run, keys: frozenset[str]) -> None:
            if is_where_it_runs and run.workflow_id == self._workflow_id:
                self._runs.add(run)
                self._keys |= keys
            else:
                marks.add(keys)

        return taken

    async def _check_workflow(self, sources: Sequence[Source]) -> None:
        if not self._runs:
            raise CollectionRefused(
                f"Workflow {self._workflow_id!r} has no run in namespace {self._namespace!r}.",
                remedy="Check both names. What a deleted workflow has left, `claimcheck gc` "
                "collects.",
            )
        for source in sources:
            if source.namespace.name == self._namespace:
                async for run in source.cluster.runs(self._namespace, Open()):
                    if run.workflow_id == self._workflow_id:
                        raise CollectionRefused(
                            f"Workflow {self._workflow_id!r} is open.",
                            remedy="Terminate it first; it could not go on without its payloads.",
                        )

    async def _sort(self, began: dt.datetime, marks: Marks) -> dict[str, list[Key]]:
        held = await self._holds.load()
        keys = sorted(map(Key.parse, self._keys), key=str)
        present = await self._present({(key.namespace, key.day) for key in keys})
        groups: dict[str, list[Key]] = {
            name: [] for name in ("alone", "shared", "held", "young", "missing")
        }
        for key in keys:
            if key not in present:
                group = "missing"
            elif marks.has(key):
                group = "shared"
            elif held.keeps(key):
                group = "held"
            else:
                closed = day_is_closed(key.day, began, self._rules)
                group = "alone" if closed else "young"
            groups[group].append(key)
        return groups

    async def _present(self, shelves: set[Shelf]) -> set[Key]:
        """Return which of the workflow's keys the store has."""
        return {
            key
            for namespace, day in shelves
            async for key, _ in objects_on(self._store, day_prefix(namespace, day))
            if str(key) in self._keys
        }
