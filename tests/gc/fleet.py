"""The collectors of the model, and the holds: processes that are started, stopped and killed."""

import asyncio
import datetime as dt
import itertools
from collections import Counter
from dataclasses import dataclass, field

from temporal_claimcheck.errors import (
    CollectionIncomplete,
    CollectionRefused,
    CollectorBusy,
    StoreError,
)
from temporal_claimcheck.gc.cluster import Cluster, Run
from temporal_claimcheck.gc.collector import Collector
from temporal_claimcheck.gc.holds import Holds
from temporal_claimcheck.gc.plan import Rules
from temporal_claimcheck.gc.report import PassReport
from temporal_claimcheck.keyspace import Key
from temporal_claimcheck.ledger import Ledger
from temporal_claimcheck.manager import ClaimCheckManager
from tests.gc.families import SimulatedRun
from tests.gc.ports import ClusterPort, Killed, Port, StorePort
from tests.gc.simulated import SimulatedCluster
from tests.gc.world import LiveObjectLost, World

__all__ = ["KINDS", "Fleet", "Process"]

KINDS = (
    *["right"] * 10,
    "dry",
    "wrong cluster",
    "namespace missing",
    "cluster missing",
    "clock ahead",
    "clock behind",
)
"""Of what kind a collector may be; most of them must not delete anything."""

_HOUR = dt.timedelta(hours=1)
_TICK = dt.timedelta(minutes=10)
_MAX_CALLS = 20_000
_AT_ONCE = 2
EXPECTED = (Killed, CollectionIncomplete, CollectionRefused, CollectorBusy, StoreError)


@dataclass(slots=True, eq=False)
class Process:
    """A collector at work."""

    kind: str
    began: dt.datetime
    port: Port
    store: StorePort
    task: asyncio.Task[PassReport]
    may_delete: bool
    seen: dict[tuple[str, Run], tuple[SimulatedRun, set[str]]]
    """Runs of held workflows, as they were when it began, by hold."""


@dataclass(slots=True, eq=False)
class Placed:
    """A hold that stands, and what it keeps for certain."""

    id: str
    what: str
    waits_for: list[Process]
    """Collectors that were at work when it was placed, and may not have seen it."""
    matches: tuple[str, object]
    keys: set[str] = field(default_factory=set[str])


class Fleet:
    """All collectors of a world, and what people hold back from them."""

    def __init__(self, world: World, rules: Rules) -> None:
        self.world = world
        self.rules = rules
        self.at_work: list[Process] = []
        self.outcomes: Counter[str] = Counter()
        self.deleted = 0
        self._holds = Holds(Ledger(world.store))
        self._placed: list[Placed] = []

    # Collectors.

    def begin(self, kind: int, _: int) -> bool:
        """Start a collector; it stops before its first call."""
        if len(self.at_work) >= _AT_ONCE:
            return False
        self.start(KINDS[kind % len(KINDS)])
        return True

    def start(self, kind: str, rules: Rules | None = None) -> Process:
        world, port = self.world, Port()
        store = StorePort(world.store, port)
        skew = {"clock ahead": 20 * _HOUR, "clock behind": -20 * _HOUR}.get(kind, 0 * _HOUR)
        collector = Collector(
            ClaimCheckManager(store, clock=lambda: world.now + skew),
            [ClusterPort(cluster, port) for cluster in self._clusters(kind)],
            rules=rules or self.rules,
            clock=lambda: world.now + skew,
        )
        process = Process(
            kind=kind,
            began=world.now,
            port=port,
            store=store,
            task=world.loop.create_task(collector.run(delete=kind != "dry")),
            may_delete=self._may_delete(kind),
            seen={},
        )
        self._look_at_held(process)
        self.at_work.append(process)
        self._watch()
        world.loop.settle()
        return process

    def go_on(self, which: int, calls: int) -> bool:
        """A collector makes some calls more, in one of the orders that are possible."""
        process = self._process(which)
        if process is None:
            return False
        self._let_in(process, 1 + calls % 50, calls)
        return True

    def finish(self, which: int, order: int) -> bool:
        """A collector goes on to its end."""
        process = self._process(which)
        if process is None:
            return False
        self.run_to_end(process, order)
        return True

    def kill(self, which: int, how: int) -> bool:
        """A collector's process ends: now, or in the middle of its next deletion."""
        process = self._process(which)
        if process is None:
            return False
        if how % 2:
            process.store.dies_in_delete = True
        else:
            process.port.kill()
        self._settle()
        return True

    def cut_off(self, which: int, _: int) -> bool:
        """The next call of a collector fails."""
        process = self._process(which)
        if process is None:
            return False
        process.port.cuts_off = True
        return True

    def run_to_end(self, process: Process, order: int = 0) -> None:
        self._let_in(process, _MAX_CALLS, order)
        if not process.task.done():
            raise AssertionError("a pass does not end")

    # Time.

    def live_on(self, minutes: int, _: int) -> bool:
        """Time goes by, and collectors renew their leases meanwhile."""
        end = self.world.now + dt.timedelta(minutes=1 + minutes % 240)
        if not self.at_work:
            self.world.advance(end - self.world.now)
            return True
        self._may_renew(allowed=True)
        while self.world.now < end:
            self.world.advance(min(_TICK, end - self.world.now))
            self._settle()
        self._may_renew(allowed=False)
        self._settle()
        return True

    def leap(self, hours: int, _: int) -> bool:
        """Time goes by, and every machine with a collector stands still."""
        if self.at_work and hours % 8:
            return False
        self.world.advance(dt.timedelta(hours=1 + hours % 72))
        self._settle()
        return True

    # Holds.

    def place_hold(self, which: int, kind: int) -> bool:
        """Somebody wants to keep an object, a day or a workflow."""
        world = self.world
        objects = world.objects()
        if not objects or len(self._placed) >= 3:
            return False
        text = objects[which % len(objects)]
        key = Key.parse(text)
        match kind % 3:
            case 0:
                work = self._holds.place(reason="r", now=world.now, key=text)
                matches: tuple[str, object] = ("key", text)
            case 1:
                work = self._holds.place(
                    reason="r", now=world.now, namespace=key.namespace, day=key.day
                )
                matches = ("day", (key.namespace, key.day))
            case _:
                runs = list(world.here.runs.values())
                if not runs:
                    return False
                run = runs[which % len(runs)]
                work = self._holds.place(
                    reason="r",
                    now=world.now,
                    namespace=run.namespace,
                    workflow_id=run.run.workflow_id,
                )
                matches = ("workflow", (run.namespace, run.run.workflow_id))
        hold = world.loop.complete(work)
        self._placed.append(
            Placed(id=hold.id, what=hold.what, waits_for=list(self.at_work), matches=matches)
        )
        self._keep()
        return True

    def remove_hold(self, which: int, _: int) -> bool:
        """Somebody lets go."""
        if not self._placed:
            return False
        placed = self._placed.pop(which % len(self._placed))
        self.world.loop.complete(self._holds.remove(placed.id))
        self._keep()
        return True

    def _keep(self) -> None:
        """Say what the holds keep for certain."""
        for placed in self._placed:
            placed.waits_for = [process for process in placed.waits_for if process in self.at_work]
            if placed.waits_for or placed.matches[0] == "workflow" or placed.keys:
                continue
            for text in self.world.objects():
                key = Key.parse(text)
                if placed.matches in (("key", text), ("day", (key.namespace, key.day))):
                    placed.keys.add(text)
        self.world.held = set(itertools.chain.from_iterable(placed.keys for placed in self._placed))

    def _look_at_held(self, process: Process) -> None:
        for placed in self._placed:
            if placed.matches[0] != "workflow":
                continue
            for run in self.world.here.runs.values():
                if (run.namespace, run.run.workflow_id) == placed.matches[1]:
                    process.seen[placed.id, run.run] = (run, set(run.holds()))

    def _note_held(self, process: Process) -> None:
        """A pass that was completed has noted what runs of held workflows referred to."""
        now = self.world.now
        for placed in self._placed:
            for (hold, _), (run, keys) in process.seen.items():
                was_there = run in run.family.roots and run.is_listed(process.began)
                if hold == placed.id and was_there and run.lost_until <= process.began <= now:
                    placed.keys |= keys & run.holds()

    # How they are carried out.

    def _clusters(self, kind: str) -> list[Cluster]:
        here, there = self.world.temporals
        match kind:
            case "wrong cluster":
                return [SimulatedCluster(each, ids="x-", is_empty=True) for each in (here, there)]
            case "namespace missing":
                return [SimulatedCluster(here, lacks=frozenset({"other"})), SimulatedCluster(there)]
            case "cluster missing":
                return [SimulatedCluster(here)]
            case _:
                return [SimulatedCluster(here), SimulatedCluster(there)]

    def _may_delete(self, kind: str) -> bool:
        missing = {"namespace missing": "other/", "cluster missing": "default/t-default"}
        if kind in missing:
            prefix = f"ledger/v1/namespaces/{missing[kind]}"
            return not any(key.startswith(prefix) for key in self.world.store._blobs)
        return kind == "right"

    def _process(self, which: int) -> Process | None:
        return self.at_work[which % len(self.at_work)] if self.at_work else None

    def _let_in(self, process: Process, calls: int, order: int) -> None:
        settle, port = self.world.loop.settle, process.port
        for _ in range(calls):
            order = (order * 69_069 + 1) & 0xFFFF
            if not port.let_in(order >> 4):
                break
            settle()
        self._settle()

    def _may_renew(self, *, allowed: bool) -> None:
        for process in self.at_work:
            process.port.renews = allowed
            if allowed:
                process.port.let_renew()

    def _settle(self) -> None:
        self.world.loop.settle()
        for process in [process for process in self.at_work if process.task.done()]:
            self.at_work.remove(process)
            self._ended(process)
        self._watch()
        self._keep()

    def _ended(self, process: Process) -> None:
        error = process.task.exception()
        if error is not None and not isinstance(error, EXPECTED):
            raise error
        if process.port.deleted and not process.may_delete:
            raise LiveObjectLost(f"a collector deleted that had no right to: {process.kind}")
        self.deleted += len(process.port.deleted)
        self.outcomes["complete" if error is None else type(error).__name__] += 1
        if error is None:
            self._note_held(process)

    def _watch(self) -> None:
        since = min((process.began for process in self.at_work), default=None)
        for temporal in self.world.temporals:
            temporal.watched_since = since
