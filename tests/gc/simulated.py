"""A Temporal in memory: what its servers do with payloads, as far as a collector can tell.

Servers copy references without any writer: continue-as-new, retries, cron, reset, schedules that
were stored once and start runs long after. Listings lag behind by up to 20 hours and lose runs,
within what `families` allows. Time is whatever the model says that it is.
"""

import dataclasses
import datetime as dt
from collections.abc import AsyncIterator, Callable, Iterable, Iterator

from temporal_claimcheck.gc.cluster import (
    ClosedBetween,
    Kind,
    Namespace,
    Open,
    Run,
    RunReferences,
    StartedSince,
    Window,
)
from tests.gc.families import Family, Other, Root, SimulatedRun

__all__ = ["MAX_LAG", "SimulatedCluster", "SimulatedTemporal"]

MAX_LAG = dt.timedelta(hours=20)


class SimulatedTemporal:
    """One cluster's state, and what its servers and users do to it."""

    def __init__(
        self, name: str, namespaces: Iterable[Namespace], clock: Callable[[], dt.datetime]
    ) -> None:
        self.name = name
        self.clock = clock
        self.namespaces = {namespace.name: namespace for namespace in namespaces}
        self.runs: dict[tuple[str, Run], SimulatedRun] = {}
        self.others: dict[tuple[str, Kind, str], Other] = {}
        self.ghosts: list[tuple[str, Run]] = []
        """Runs that are gone and still listed."""
        self.watched_since: dt.datetime | None = None
        """Since when passes that are under way have been watching."""
        self.reads = 0
        """How many runs were read."""
        self._serial = 0

    def roots(self) -> Iterator[Root]:
        yield from self.runs.values()
        yield from self.others.values()

    # What clients and workers do.

    def start(
        self,
        namespace: str,
        keys: Iterable[str],
        *,
        lag: dt.timedelta,
        source: Root | None = None,
        workflow_id: str | None = None,
        links: Iterable[Run] = (),
    ) -> SimulatedRun:
        """Start a run, with references of its own or copied from another root."""
        self._serial += 1
        now = self.clock()
        copied = frozenset(keys)
        if source is not None:
            source.copied = now
        run = SimulatedRun(
            namespace=namespace,
            family=Family() if source is None else source.family,
            keys=set(copied),
            run=Run(workflow_id=workflow_id or f"w{self._serial}", run_id=f"r{self._serial:06d}"),
            input=copied,
            links=set(links),
            started=now,
            shows_started=now + lag,
        )
        self.runs[namespace, run.run] = run
        return run

    def give(self, run: SimulatedRun, key: str, *, heartbeat: bool = False) -> None:
        """An open run gets a signal or a result, or its activity a heartbeat."""
        (run.pending if heartbeat else run.keys).add(key)

    def finish_activity(self, run: SimulatedRun) -> None:
        """Heartbeat details end with the activity."""
        run.pending.clear()

    def add(self, namespace: str, kind: Kind, keys: Iterable[str]) -> Other:
        """Store a schedule, start a standalone activity or a Nexus operation."""
        self._serial += 1
        other = Other(
            namespace=namespace,
            family=Family(),
            keys=set(keys),
            kind=kind,
            id=f"{kind.value}-{self._serial}",
        )
        self.others[namespace, kind, other.id] = other
        return other

    def pass_on(self, giver: SimulatedRun, taker: SimulatedRun) -> None:
        """A workflow without a codec hands what it holds to another, untouched."""
        giver.copied = self.clock()
        taker.keys |= giver.keys
        taker.family.absorb(giver.family)

    # What servers do.

    def close(self, run: SimulatedRun, *, lag: dt.timedelta) -> None:
        now = self.clock()
        run.closed = now
        run.shows_closed = max(now + lag, run.shows_started)
        run.pending.clear()

    def close_into_next(self, run: SimulatedRun, *, lag: dt.timedelta) -> SimulatedRun:
        """Retry, cron, or continue-as-new with what it had: the server copies the input."""
        self.close(run, lag=lag)
        following = self.start(
            run.namespace,
            run.input,
            lag=lag,
            source=run,
            workflow_id=run.run.workflow_id,
            links=[run.run],
        )
        # The event that closes a run names the one that continues it.
        run.links.add(following.run)
        return following

    def reset(self, base: SimulatedRun, *, lag: dt.timedelta) -> SimulatedRun:
        """Copy the history of a run into a new one. The base does not say so."""
        copy = self.start(
            base.namespace,
            base.keys,
            lag=lag,
            source=base,
            workflow_id=base.run.workflow_id,
            links=[base.run],
        )
        if base.closed is None:
            self.close(base, lag=lag)
        return copy

    def start_child(self, parent: SimulatedRun, *, lag: dt.timedelta) -> SimulatedRun:
        child = self.start(
            parent.namespace, parent.keys, lag=lag, source=parent, links=[parent.run]
        )
        parent.links.add(child.run)
        return child

    def fire(self, schedule: Other, *, lag: dt.timedelta) -> SimulatedRun:
        """A schedule starts a run with the payloads that it was made with."""
        return self.start(schedule.namespace, schedule.keys, lag=lag, source=schedule)

    def lose(self, run: SimulatedRun, *, hours: int) -> bool:
        """No listing shows a run for a while; False if that happened to its family before."""
        if not run.is_listed(self.clock()) or not run.family.may_hide():
            return False
        run.lost_until = self.clock() + dt.timedelta(hours=min(hours, 20), minutes=1)
        return True

    def remove(self, root: Root) -> bool:
        """A person or a retention deletes; False if the assumption speaks against it now."""
        if not root.family.may_lose(root, self.clock(), self.watched_since):
            return False
        root.gone()
        if isinstance(root, SimulatedRun):
            del self.runs[root.namespace, root.run]
            self.ghosts.append((root.namespace, root.run))
        elif isinstance(root, Other):
            del self.others[root.namespace, root.kind, root.id]
        return True

    def retire(self) -> int:
        """Delete the closed runs whose retention is over."""
        now = self.clock()
        over = [
            run
            for run in self.runs.values()
            if run.closed is not None
            and now - run.closed >= self.namespaces[run.namespace].retention
        ]
        return sum(self.remove(run) for run in over)

    def listed(self, namespace: str, window: Window) -> list[Run]:
        """Return what a listing shows at this moment."""
        now = self.clock()
        found = [
            run.run
            for (home, _), run in self.runs.items()
            if home == namespace and run.is_listed(now) and _is_in(run, window, now)
        ]
        found.extend(run for home, run in self.ghosts[-2:] if home == namespace)
        return found


def _is_in(run: SimulatedRun, window: Window, now: dt.datetime) -> bool:
    match window:
        case Open():
            return not run.is_listed_closed(now)
        case ClosedBetween(start=start, end=end):
            return (
                run.closed is not None
                and run.is_listed_closed(now)
                and (start is None or start <= run.closed)
                and run.closed < end
            )
        case StartedSince(start=start):
            return run.started >= start


@dataclasses.dataclass(slots=True)
class SimulatedCluster:
    """What a collector's connection to such a Temporal answers."""

    temporal: SimulatedTemporal
    lacks: frozenset[str] = frozenset()
    """Namespaces that this connection does not see."""
    ids: str = ""
    """Put before the ids of namespaces: another cluster that has namespaces of the same names."""
    is_empty: bool = False

    @property
    def name(self) -> str:
        return f"{self.ids}{self.temporal.name}"

    async def namespace(self, name: str) -> Namespace | None:
        found = self.temporal.namespaces.get(name)
        if found is None or name in self.lacks:
            return None
        return dataclasses.replace(found, id=f"{self.ids}{found.id}")

    async def runs(self, namespace: str, window: Window) -> AsyncIterator[Run]:
        for run in [] if self.is_empty else self.temporal.listed(namespace, window):
            yield run

    async def run(self, namespace: str, run: Run) -> RunReferences | None:
        self.temporal.reads += 1
        found = None if self.is_empty else self.temporal.runs.get((namespace, run))
        if found is None:
            return None
        return RunReferences(
            keys=frozenset(found.holds()),
            runs=frozenset(found.links),
            is_closed=found.closed is not None,
            closed=found.closed,
        )

    async def others(self, namespace: str, kind: Kind) -> AsyncIterator[str]:
        for home, found, name in [] if self.is_empty else list(self.temporal.others):
            if home == namespace and found is kind:
                yield name

    async def other(self, namespace: str, kind: Kind, id: str) -> frozenset[str] | None:  # noqa: A002
        found = None if self.is_empty else self.temporal.others.get((namespace, kind, id))
        return None if found is None else frozenset(found.keys)
