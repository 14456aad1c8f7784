"""A clock that a test moves by days, and a collector that goes by it."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from temporal_claimcheck.clock import utc_now
from temporal_claimcheck.gc.cluster import Run
from temporal_claimcheck.gc.collector import Collector
from temporal_claimcheck.gc.holds import Holds
from temporal_claimcheck.gc.plan import Rules
from temporal_claimcheck.gc.report import PassReport
from temporal_claimcheck.temporal.plugin import Door
from tests.gc.rooms import NAMESPACE, Room, open_room
from tests.temporal.waiting import eventually

RULES = Rules(may_be_unreferenced=True)


@dataclass(kw_only=True)
class Calendar:
    """The time, and so many days."""

    ahead: dt.timedelta = field(default_factory=dt.timedelta)

    def __call__(self) -> dt.datetime:
        return utc_now() + self.ahead

    def wait(self, **time: float) -> None:
        self.ahead += dt.timedelta(**time)


@dataclass(kw_only=True)
class Week:
    """A room of which the time can be moved."""

    room: Room
    calendar: Calendar

    async def one_pass(self) -> PassReport:
        collector = Collector(
            self.room.manager, [self.room.cluster], rules=RULES, clock=self.calendar
        )
        return await collector.run(delete=True)

    async def two_passes(self) -> PassReport:
        """Let nearly a week go by, with two passes at its end."""
        self.calendar.wait(days=5)
        await self.one_pass()
        self.calendar.wait(hours=25)
        return await self.one_pass()

    @property
    def holds(self) -> Holds:
        return Holds(self.room.manager.ledger)

    async def keys(self) -> frozenset[str]:
        """What lies in the store."""
        return frozenset([info.key async for info in self.room.store.scan("v1/")])

    async def delete_runs(self) -> None:
        """Delete all runs of the room, as their retention would."""
        query = f"TaskQueue = '{self.room.task_queue}'"

        async def all_gone() -> bool:
            runs = [
                Run(workflow_id=each.id, run_id=each.run_id)
                async for each in self.room.plain.list_workflows(query)
            ]
            for run in runs:
                # The listing may lag behind.
                if await self.room.cluster.run(NAMESPACE, run) is not None:
                    await self.room.delete(run)
            return not runs

        await eventually(all_gone)


async def open_week(address: str, door: Door, read_namespaces: Iterable[str] = ()) -> Week:
    calendar = Calendar()
    room = await open_room(address, door=door, clock=calendar, read_namespaces=read_namespaces)
    return Week(room=room, calendar=calendar)
