"""Reads all of a namespace that refers to objects, in an order in which nothing slips through.

Temporal's server copies payloads: a schedule's into the runs that it starts, a run's into the one
that continues, retries or resets it. What is copied stays where it was until after the copy, so
the source is always read before the place it is copied to: schedules, then open runs, then closed
ones. If a run is gone before it was read, what it was copied to is listed once more.

Listings lag and may lose a run. So a run that was seen once, or that another run names, is asked
for directly until the cluster says that it is gone.
"""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from typing import Final

from temporal_claimcheck.errors import CollectionIncomplete
from temporal_claimcheck.gc.cluster import (
    ClosedBetween,
    Kind,
    Open,
    Run,
    RunReferences,
    StartedSince,
    Window,
)
from temporal_claimcheck.gc.coverage import Source
from temporal_claimcheck.gc.holds import Holds, Kept
from temporal_claimcheck.gc.kept import BEFORE, KNOWN, KeptRuns, kept_days
from temporal_claimcheck.gc.marks import Marks
from temporal_claimcheck.ledger import Ledger

__all__ = ["NamespaceReader", "OtherTaken", "RunTaken"]

_MAX_ROUNDS: Final = 20
_OVERLAP: Final = dt.timedelta(hours=1)
_ONE_DAY: Final = dt.timedelta(days=1)

Take = Callable[[Run, RunReferences], Awaitable[None]]
RunTaken = Callable[[Run, frozenset[str]], None]
"""Takes what a run refers to."""
OtherTaken = Callable[[Kind, str, frozenset[str]], None]
"""Takes what a schedule, a standalone activity or a Nexus operation refers to."""


class NamespaceReader:
    """Reads one namespace of one cluster once."""

    def __init__(
        self,
        source: Source,
        *,
        ledger: Ledger,
        marks: Marks,
        began: dt.datetime,
        at_once: int,
        holds: Holds,
        held: Kept,
        tell: Callable[[str, int], None],
        taken: RunTaken | None = None,
        other_taken: OtherTaken | None = None,
    ) -> None:
        """Prepare to read; the takers get what is referred to, in place of the marks."""
        self._cluster = source.cluster
        self._namespace = source.namespace
        self._ledger = ledger
        self._began = began
        self._slots = asyncio.Semaphore(at_once)
        self._holds = holds
        self._held = held
        self._taken: RunTaken = taken or (lambda _, keys: marks.add(keys))
        self._other_taken: OtherTaken = other_taken or (lambda _, __, keys: marks.add(keys))
        self._tell = tell
        self._seen: set[str] = set()
        self._links: set[Run] = set()
        self._known: dict[Run, frozenset[str]] = {}
        self._named = KeptRuns(ledger, source.namespace.id, KNOWN)
        self._lost_one = False
        self._stage = f"Reading {source.namespace.name} on {source.cluster.name}"

    @property
    def runs(self) -> int:
        """How many runs were seen so far."""
        return len(self._seen)

    async def read(self) -> None:
        """Read everything. Raises CollectionIncomplete, StoreError, IntegrityError."""
        await self._named.load()
        await self._read_others()
        await self._read_listed(Open(), self._keep_known)
        for name, window in await self._closed_windows():
            await self._read_window(name, window)
        await self._settle()
        await self._ask_for_known()

    async def unread_windows(self, since: dt.datetime | None) -> list[str]:
        """Return by name the windows of closed runs that were never read, or not since."""
        kept = {day.isoformat() for day in await kept_days(self._ledger, self._namespace.id)}
        # Listings lag, by a day at most; what shows up later still is read with all the rest.
        settled = "" if since is None else (since.date() - _ONE_DAY).isoformat()
        return [
            name
            for name, _ in await self._closed_windows()
            if since is None or (name != BEFORE and (name not in kept or name >= settled))
        ]

    async def read_ahead(self, names: Collection[str]) -> None:
        """Read the closed runs of some windows and keep their marks, so that `read` need not.

        Any number of processes may do that at once, each for windows of its own. What this keeps
        is true for as long as the run exists, so it does not matter when it is done, or whether.
        """
        await self._named.load()
        for name, window in await self._closed_windows():
            if name in names:
                kept = self._kept(name)
                await kept.load()
                await self._read_runs(self._unkept(window, kept), self._keeper(kept))
                await kept.flush()

    async def look_again(self) -> None:
        """Read what may have come since, right before something is deleted."""
        # Closed runs have not changed since the pass marked them; without this, what is open
        # would lead through all the runs before it once more.
        for name, _ in await self._closed_windows():
            kept = KeptRuns(self._ledger, self._namespace.id, name)
            await kept.load()
            self._seen |= {run.run_id for run in kept.runs}
        await self._read_others()
        # What these refer to is marked. What they got since, their workers have just stored.
        await self._named.load()
        self._seen |= {run.run_id for run in self._named.runs}
        await self._settle()

    async def _read_others(self) -> None:
        for kind in Kind:
            async for other in self._cluster.others(self._namespace.name, kind):
                keys = await self._cluster.other(self._namespace.name, kind, other)
                if keys is not None:
                    self._other_taken(kind, other, keys)

    async def _closed_windows(self) -> list[tuple[str, ClosedBetween]]:
        today = self._began.date()
        first = today - self._namespace.retention - _ONE_DAY
        first = min([first, *await kept_days(self._ledger, self._namespace.id)])
        windows = [(BEFORE, ClosedBetween(start=None, end=_midnight(first)))]
        # The clock of the cluster may be ahead of ours, hence one day more.
        for day in (first + _ONE_DAY * number for number in range((today - first).days + 2)):
            window = ClosedBetween(start=_midnight(day), end=_midnight(day + _ONE_DAY))
            windows.append((day.isoformat(), window))
        return windows

    async def _read_window(self, name: str, window: ClosedBetween) -> None:
        kept = self._kept(name)
        await kept.load()
        unlisted = dict(kept.runs)

        async def fresh() -> AsyncIterator[Run]:
            async for run in self._cluster.runs(self._namespace.name, window):
                keys = unlisted.pop(run, None)
                if keys is None:
                    yield run
                elif run.run_id not in self._seen:
                    self._seen.add(run.run_id)
                    await self._mark(run, keys)

        await self._read_runs(fresh(), self._keeper(kept))
        for run in unlisted:
            self._seen.add(run.run_id)
            if await self._read_run(run) is None:
                await self._note(run, kept.runs[run])
                kept.drop(run)
        await kept.save()

    def _kept(self, name: str) -> KeptRuns:
        # What a closed run leads to is written first: the run is not read again, however this
        # pass ends.
        return KeptRuns(self._ledger, self._namespace.id, name, after=self._named)

    def _keeper(self, kept: KeptRuns) -> Take:
        async def keep(run: Run, found: RunReferences) -> None:
            if not found.is_closed:
                self._known[run] = found.keys
                return
            for link in found.runs - self._named.runs.keys():
                await self._named.add(link, frozenset())
            await kept.add(run, found.keys)

        return keep

    async def _unkept(self, window: ClosedBetween, kept: KeptRuns) -> AsyncIterator[Run]:
        async for run in self._cluster.runs(self._namespace.name, window):
            if run not in kept.runs:
                yield run

    async def _settle(self) -> None:
        """List what started meanwhile, until no run that it shows is gone before it was read.

        Once in any case: a schedule or run that was gone before may have left another behind.
        """
        for _ in range(_MAX_ROUNDS):
            self._lost_one = False
            await self._read_listed(StartedSince(start=self._began - _OVERLAP), self._keep_known)
            await self._read_listed(Open(), self._keep_known)
            await self._follow_links()
            if not self._lost_one:
                return
        raise CollectionIncomplete(
            f"Runs of namespace {self._namespace.name!r} on {self._cluster.name} were deleted "
            "faster than they could be read.",
            remedy="Nothing was deleted. Collect when less is deleted there.",
        )

    async def _follow_links(self) -> None:
        while self._links:
            links, self._links = self._links, set()
            await self._read_runs(_each(links), self._keep_known, may_be_gone=True)

    async def _ask_for_known(self) -> None:
        """Ask for the runs that earlier passes saw and no listing of this one showed."""
        named = self._named
        await self._read_runs(_each(named.runs), self._keep_known, may_be_gone=True)
        await self._follow_links()
        for run in named.runs.keys() - self._known.keys():
            await self._note(run, named.runs[run])
        await named.replace(self._known)

    async def _keep_known(self, run: Run, found: RunReferences) -> None:
        self._known[run] = found.keys

    async def _read_listed(self, window: Window, take: Take) -> None:
        await self._read_runs(self._cluster.runs(self._namespace.name, window), take)

    async def _read_runs(
        self, runs: AsyncIterator[Run], take: Take, *, may_be_gone: bool = False
    ) -> None:
        """Read runs that were not read yet, some at once, and give them to `take`."""

        async def read(run: Run) -> None:
            try:
                found = await self._read_run(run)
                if found is not None:
                    await take(run, found)
                elif not may_be_gone:
                    self._lost_one = True
            finally:
                self._slots.release()

        try:
            async with asyncio.TaskGroup() as group:
                async for run in runs:
                    if run.run_id in self._seen:
                        continue
                    self._seen.add(run.run_id)
                    self._tell(self._stage, len(self._seen))
                    # Waits here, so that no more tasks stand than run.
                    await self._slots.acquire()
                    group.create_task(read(run))
        except BaseExceptionGroup as errors:
            # One is enough to end the pass, and says more than a group of them.
            raise errors.exceptions[0] from errors

    async def _read_run(self, run: Run) -> RunReferences | None:
        found = await self._cluster.run(self._namespace.name, run)
        if found is not None:
            await self._mark(run, found.keys)
            self._links |= {link for link in found.runs if link.run_id not in self._seen}
        return found

    async def _mark(self, run: Run, keys: frozenset[str]) -> None:
        self._taken(run, keys)
        await self._note(run, keys)

    async def _note(self, run: Run, keys: frozenset[str]) -> None:
        """Let the holds on the run's workflow keep this, also when the run is gone."""
        holds = self._held.workflows.get((self._namespace.name, run.workflow_id))
        if holds and keys:
            await self._holds.note(holds, run.run_id, keys)


async def _each(runs: Iterable[Run]) -> AsyncIterator[Run]:
    for run in list(runs):
        yield run


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)
