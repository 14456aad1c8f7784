"""The world of the model: two clusters, their writers, one store, and one clock for all of it.

Each method is one thing that happens. It takes numbers to choose with, so that any driver can
call it, and returns whether it could happen.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from temporalio.api.common.v1 import Payload

from temporal_claimcheck.claim import Claim
from temporal_claimcheck.gc.cluster import Kind, Namespace
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.policy import OffloadPolicy
from temporal_claimcheck.stores.memory import MemoryStore
from tests.gc.families import Other, SimulatedRun
from tests.gc.ports import SimulatedLoop
from tests.gc.simulated import MAX_LAG, SimulatedTemporal

__all__ = ["LiveObjectLost", "World", "Writer"]

# Never midnight sharp, which is what a store says that does not know when it stored something.
_BEGIN = dt.datetime(2026, 11, 2, 9, 30, 17, tzinfo=dt.UTC)
_IN_FLIGHT = dt.timedelta(hours=6)
"""So long a claim may be on its way from the store to Temporal."""
_MAX_RUNS = 24
_MAX_OTHERS = 6
_PAYLOADS = [
    Payload(metadata={"encoding": b"json/plain"}, data=b'"%d"' % number) for number in range(4)
]
_SKEWS = [dt.timedelta(hours=hours) for hours in (0, -20, 20, -20, 13)]
_LAGS = [dt.timedelta(0), dt.timedelta(minutes=5), dt.timedelta(hours=8), MAX_LAG]


class LiveObjectLost(AssertionError):
    """What must never happen."""


@dataclass(slots=True, eq=False)
class Writer:
    """A process that hands payloads in."""

    temporal: SimulatedTemporal
    namespace: str
    skew: dt.timedelta
    knows_id: bool
    reads: tuple[str, ...] = ()
    manager: ClaimCheckManager | None = None


@dataclass(slots=True, eq=False)
class OnItsWay:
    """A claim that was made and is not in Temporal yet."""

    claim: Claim
    writer: Writer
    until: dt.datetime


class World:
    """Everything but the collectors."""

    def __init__(self, choice: int = 1) -> None:
        self.now = _BEGIN
        self.loop = SimulatedLoop(self._seconds)
        self.store = MemoryStore(clock=self.clock)
        one, two = dt.timedelta(days=1), dt.timedelta(days=3)
        self.here = SimulatedTemporal(
            "here",
            [
                Namespace(name="default", id="h-default", retention=one),
                Namespace(name="other", id="h-other", retention=two),
            ],
            self.clock,
        )
        self.is_small = choice % 2 == 0
        """Whether one namespace is all that is used: a pass is short, and more of them fit in."""
        self.there = SimulatedTemporal(
            "there",
            [] if self.is_small else [Namespace(name="default", id="t-default", retention=two)],
            self.clock,
        )
        skews = [_SKEWS[(choice >> shift) % len(_SKEWS)] for shift in (1, 4, 7, 10)]
        self.writers = [
            Writer(self.here, "default", skews[0], knows_id=True),
            # Such as a codec server: it has no client to ask.
            Writer(self.here, "default", skews[1], knows_id=False),
            Writer(self.here, "other", skews[2], knows_id=True, reads=("default",)),
            Writer(self.there, "default", skews[3], knows_id=True),
        ]
        self.on_their_way: list[OnItsWay] = []
        self.held: set[str] = set()
        """Keys that a hold keeps, for certain."""
        self._said: dict[str, Payload] = {}
        self._checked: dict[str, bytes] = {}
        self._reader = ClaimCheckManager(self.store, cache_bytes=0, clock=self.clock).for_replay()
        self._claims: dict[str, Claim] = {}

    def clock(self) -> dt.datetime:
        return self.now

    def _seconds(self) -> float:
        return (self.now - _BEGIN).total_seconds()

    def close(self) -> None:
        self.loop.close()

    @property
    def temporals(self) -> tuple[SimulatedTemporal, SimulatedTemporal]:
        return self.here, self.there

    # What must hold.

    def live(self) -> Iterator[str]:
        for temporal in self.temporals:
            for root in temporal.roots():
                yield from root.holds()
        for item in self.on_their_way:
            yield item.claim.key
        yield from self.held

    def check(self) -> None:
        """Raise LiveObjectLost unless every live object is there, byte for byte."""
        blobs, checked = self.store._blobs, self._checked
        for key in set(self.live()):
            entry = blobs.get(key)
            if entry is None:
                raise LiveObjectLost(f"{key} is in use and was deleted; it is {self.now}")
            # An object that was read once and is the same since needs no second reading.
            if checked.get(key) is not entry[0]:
                got = self.loop.complete(self._reader.retrieve(self._claims[key]))
                if got != self._said[key]:
                    raise LiveObjectLost(f"{key} gives another payload than was stored")
                checked[key] = entry[0]

    def objects(self) -> list[str]:
        return [key for key in self.store._blobs if key.startswith("v1/")]

    # Writers.

    def offload(self, who: int, what: int) -> bool:
        """A writer hands a payload in; its claim is on its way."""
        writer = self._writer(who)
        payload = _PAYLOADS[what % len(_PAYLOADS)]
        claim = self.loop.complete(self._manager(writer).offload(payload))
        self._said[claim.key] = payload
        self._claims[claim.key] = claim
        self.on_their_way.append(OnItsWay(claim=claim, writer=writer, until=self.now + _IN_FLIGHT))
        return True

    def replay(self, who: int, what: int) -> bool:
        """A replay mints, and stores nothing."""
        before = len(self.store._blobs)
        writer = self._writer(who)
        self.loop.complete(self._manager(writer).mint(_PAYLOADS[what % len(_PAYLOADS)]))
        assert len(self.store._blobs) == before
        return True

    def restart(self, who: int, skew: int) -> bool:
        """A writer starts anew, knows nothing, and its clock is another."""
        writer = self._writer(who)
        writer.manager = None
        writer.skew = _SKEWS[skew % len(_SKEWS)]
        return True

    def deliver(self, which: int, how: int) -> bool:
        """A claim arrives in Temporal: in a new run or an open one, a heartbeat, a schedule …"""
        if not self.on_their_way:
            return False
        item = self.on_their_way.pop(which % len(self.on_their_way))
        temporal, namespace = item.writer.temporal, item.writer.namespace
        if temporal is self.here and not self.is_small and how % 5 == 4:
            # Another namespace gets the claim, and reads it.
            namespace = "other"
            self.loop.complete(self._manager(self.writers[2]).retrieve(item.claim))
        key, how = item.claim.key, how // 5
        open_runs = [
            run
            for (home, _), run in temporal.runs.items()
            if home == namespace and run.closed is None
        ]
        if open_runs and how % 4 < 2:
            run = open_runs[how % len(open_runs)]
            temporal.give(run, key, heartbeat=how % 4 == 1)
        elif how % 4 == 2 and len(temporal.others) < _MAX_OTHERS:
            temporal.add(namespace, list(Kind)[how // 4 % 3], [key])
        elif len(temporal.runs) < _MAX_RUNS:
            temporal.start(namespace, [key], lag=_LAGS[how // 4 % len(_LAGS)])
        return True

    # Servers.

    def close_run(self, which: int, how: int) -> bool:
        found = self._run(which, is_open=True)
        if found is None:
            return False
        temporal, run = found
        lag = _LAGS[how % len(_LAGS)]
        if how // 4 % 2 and len(temporal.runs) < _MAX_RUNS:
            temporal.close_into_next(run, lag=lag)
        else:
            temporal.close(run, lag=lag)
        return True

    def reset(self, which: int, how: int) -> bool:
        found = self._run(which)
        if found is None or len(found[0].runs) >= _MAX_RUNS:
            return False
        found[0].reset(found[1], lag=_LAGS[how % len(_LAGS)])
        return True

    def start_child(self, which: int, how: int) -> bool:
        found = self._run(which, is_open=True)
        if found is None or len(found[0].runs) >= _MAX_RUNS:
            return False
        found[0].start_child(found[1], lag=_LAGS[how % len(_LAGS)])
        return True

    def finish_activity(self, which: int, _: int) -> bool:
        found = self._run(which, is_open=True)
        if found is None or not found[1].pending:
            return False
        found[0].finish_activity(found[1])
        return True

    def pass_on(self, which: int, to: int) -> bool:
        giver, taker = self._run(which, is_open=True), self._run(to, is_open=True)
        if giver is None or taker is None or giver == taker:
            return False
        if giver[0] is not taker[0] or giver[1].namespace != taker[1].namespace:
            return False
        giver[0].pass_on(giver[1], taker[1])
        return True

    def fire(self, which: int, how: int) -> bool:
        """A schedule starts a run, and may be removed right after."""
        found = self._other(which, Kind.SCHEDULE)
        if found is None or len(found[0].runs) >= _MAX_RUNS:
            return False
        temporal, schedule = found
        temporal.fire(schedule, lag=_LAGS[how % len(_LAGS)])
        if how // 4 % 4 == 3:
            temporal.remove(schedule)
        return True

    def remove_other(self, which: int, how: int) -> bool:
        found = self._other(which, list(Kind)[how % 3])
        return found is not None and found[0].remove(found[1])

    def remove_run(self, which: int, _: int) -> bool:
        found = self._run(which)
        return found is not None and found[0].remove(found[1])

    def retire(self, which: int, _: int) -> bool:
        return self.temporals[which % 2].retire() > 0

    def lose(self, which: int, hours: int) -> bool:
        found = self._run(which)
        return found is not None and found[0].lose(found[1], hours=hours % 21)

    # Time.

    def advance(self, step: dt.timedelta) -> None:
        """Time goes by; what was on its way for too long never arrives."""
        self.now += step
        self.on_their_way = [item for item in self.on_their_way if item.until > self.now]

    def forget_everything(self) -> None:
        """Nothing refers to anything any more."""
        self.on_their_way.clear()
        for temporal in self.temporals:
            temporal.runs.clear()
            temporal.others.clear()
            # Listings forget in the end.
            temporal.ghosts.clear()

    def _writer(self, who: int) -> Writer:
        return self.writers[who % (2 if self.is_small else len(self.writers))]

    def _manager(self, writer: Writer) -> ClaimCheckManager:
        if writer.manager is None:
            writer.manager = ClaimCheckManager(
                self.store,
                namespace=writer.namespace,
                read_namespaces=writer.reads,
                policy=OffloadPolicy(threshold_bytes=0),
                clock=lambda: self.now + writer.skew,
            )
            if writer.knows_id:
                namespace_id = writer.temporal.namespaces[writer.namespace].id

                async def identify() -> str:
                    return namespace_id

                writer.manager.registry.identify_by(writer.namespace, "its cluster", identify)
        return writer.manager

    def _run(
        self, which: int, *, is_open: bool = False
    ) -> tuple[SimulatedTemporal, SimulatedRun] | None:
        temporal = self.temporals[0 if which % 3 or self.is_small else 1]
        runs = [run for run in temporal.runs.values() if not is_open or run.closed is None]
        return (temporal, runs[which // 3 % len(runs)]) if runs else None

    def _other(self, which: int, kind: Kind) -> tuple[SimulatedTemporal, Other] | None:
        temporal = self.temporals[0 if which % 3 or self.is_small else 1]
        others = [other for other in temporal.others.values() if other.kind is kind]
        return (temporal, others[which // 3 % len(others)]) if others else None
