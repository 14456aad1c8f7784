"""Scenes for the rules: an old object, what refers to it, and passes that are stopped at will."""

import datetime as dt
from collections.abc import Callable
from typing import ClassVar

from temporal_claimcheck.gc.cluster import Kind
from temporal_claimcheck.gc.plan import Rules
from temporal_claimcheck.gc.report import PassReport
from tests.gc.families import Other, SimulatedRun
from tests.gc.fleet import Fleet, Process
from tests.gc.world import World

__all__ = ["DAY", "HOUR", "Scene"]

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)


class Scene:
    """A world in which little happens, and that little at chosen moments.

    A schedule holds an object of its own from the beginning, so there is always a reference.
    """

    opened: ClassVar[list["Scene"]] = []
    """Closed by a fixture when the test is over, whatever it left running."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.opened.append(self)
        self.world = World()
        self.fleet = Fleet(self.world, rules or Rules())
        self.here = self.world.here
        self.anchor = self.schedule(self.store(what=3))

    def close(self) -> None:
        """End what still runs: a task that is thrown away in the middle is an error of its own."""
        for process in list(self.fleet.at_work):
            process.port.kill()
        self.world.loop.settle()
        self.world.close()

    def store(self, *, who: int = 0, what: int = 0) -> str:
        """A writer stores an object; its claim is the test's to deliver."""
        self.world.offload(who, what)
        return self.world.on_their_way.pop().claim.key

    def run(
        self, key: str, *, namespace: str = "default", lag: dt.timedelta = 0 * HOUR
    ) -> SimulatedRun:
        return self.here.start(namespace, [key], lag=lag)

    def schedule(self, key: str) -> Other:
        return self.here.add("default", Kind.SCHEDULE, [key])

    def later(self, time: dt.timedelta) -> None:
        """Time goes by without any collector."""
        self.world.advance(time)

    def is_there(self, key: str) -> bool:
        return key in self.world.store._blobs

    def collect(self, kind: str = "right") -> PassReport:
        """Carry out a pass; raises what it raises."""
        return self.end(self.fleet.start(kind))

    def end(self, process: Process) -> PassReport:
        """Let a pass go on to its end."""
        self.fleet.run_to_end(process)
        return process.task.result()

    def step(self, process: Process) -> bool:
        """Let a pass make its next call; False if it has ended."""
        self.fleet._let_in(process, 1, 0)
        return not process.task.done()

    def until(self, process: Process, holds: Callable[[], bool]) -> None:
        """Let a pass go on until something holds."""
        while not holds():
            assert self.step(process), "the pass ended before"

    def has_judged(self) -> bool:
        """Whether the pass that is under way has condemned, and is about to delete."""
        began = f"{self.fleet.at_work[0].began:%Y%m%dT%H%M%S}"
        return any(
            began in key and key.endswith("/completed")
            for key in self.world.store._blobs
            if key.startswith("ledger/v1/gc/passes/")
        )

    def suspect(self, *roots: SimulatedRun) -> None:
        """A pass that the roots are hidden from, by a listing that loses them; then a day."""
        for run in roots:
            run.lost_until = self.world.now + HOUR
        self.collect()
        self.later(25 * HOUR)
