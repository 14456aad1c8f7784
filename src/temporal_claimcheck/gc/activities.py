"""The activities of CollectWorkflow: the steps of a pass, with signs of life."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from temporalio import activity
from temporalio.exceptions import ApplicationError

from temporal_claimcheck.errors import ClaimCheckError
from temporal_claimcheck.gc.plan import Verdict
from temporal_claimcheck.gc.report import ShelfReport
from temporal_claimcheck.gc.steps import Steps
from temporal_claimcheck.gc.work import Marked, Work
from temporal_claimcheck.gc.workflow import (
    CompleteInput,
    Judged,
    JudgeInput,
    ReadAheadInput,
    SourceInput,
    SweepInput,
)

__all__ = ["CollectorActivities"]

_HEARTBEAT_SECONDS: Final = 20.0


class CollectorActivities:
    """Give `activities` to a worker, beside CollectWorkflow."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    @property
    def activities(self) -> Sequence[Callable[..., Any]]:
        """All activities, for `Worker(activities=…)`."""
        return (
            self.begin,
            self.unread,
            self.read_ahead,
            self.mark,
            self.judge,
            self.complete,
            self.may_sweep,
            self.look_again,
            self.sweep,
            self.swept,
            self.end,
        )

    @activity.defn(name="claimcheck_gc_begin")
    async def begin(self) -> Work:
        """See Steps.begin."""
        async with self._alive():
            return await self._steps.begin()

    @activity.defn(name="claimcheck_gc_unread")
    async def unread(self, given: SourceInput) -> Sequence[str]:
        """See Steps.unread."""
        async with self._alive():
            return await self._steps.unread(given.work, given.source)

    @activity.defn(name="claimcheck_gc_read_ahead")
    async def read_ahead(self, given: ReadAheadInput) -> int:
        """See Steps.read_ahead."""
        async with self._alive():
            return await self._steps.read_ahead(given.work, given.source, given.windows)

    @activity.defn(name="claimcheck_gc_mark")
    async def mark(self, given: SourceInput) -> Marked:
        """See Steps.mark."""
        async with self._alive():
            return await self._steps.mark(given.work, given.source)

    @activity.defn(name="claimcheck_gc_judge")
    async def judge(self, given: JudgeInput) -> Judged:
        """See Steps.judge."""
        async with self._alive():
            return _sum(
                [
                    await self._steps.judge(given.work, given.marked, shelf)
                    for shelf in given.shelves
                ]
            )

    @activity.defn(name="claimcheck_gc_complete")
    async def complete(self, given: CompleteInput) -> None:
        """See Steps.complete."""
        async with self._alive():
            await self._steps.complete(given.work, given.marked)

    @activity.defn(name="claimcheck_gc_may_sweep")
    async def may_sweep(self, work: Work) -> None:
        """See Steps.may_sweep."""
        async with self._alive():
            await self._steps.may_sweep(work)

    @activity.defn(name="claimcheck_gc_look_again")
    async def look_again(self, given: SourceInput) -> Marked:
        """See Steps.look_again."""
        async with self._alive():
            return await self._steps.look_again(given.work, given.source)

    @activity.defn(name="claimcheck_gc_sweep")
    async def sweep(self, given: SweepInput) -> Judged:
        """See Steps.sweep."""
        async with self._alive():
            return _sum(
                [
                    await self._steps.sweep(given.work, given.marked, given.late, shelf)
                    for shelf in given.shelves
                ]
            )

    @activity.defn(name="claimcheck_gc_swept")
    async def swept(self, work: Work) -> None:
        """See Steps.swept."""
        async with self._alive():
            await self._steps.swept(work)

    @activity.defn(name="claimcheck_gc_end")
    async def end(self, work: Work, completed: bool) -> None:  # noqa: FBT001 - Temporal passes it
        """See Steps.end."""
        async with self._alive():
            await self._steps.end(work, completed=completed)

    @asynccontextmanager
    async def _alive(self) -> AsyncGenerator[None]:
        """Send heartbeats for the block, and tell Temporal which errors trying again can help."""

        async def beat() -> None:
            while True:
                activity.heartbeat()
                await asyncio.sleep(_HEARTBEAT_SECONDS)

        started = time.perf_counter()
        beating = asyncio.create_task(beat())
        try:
            yield
        except ClaimCheckError as error:
            self._steps.failed(error, seconds=time.perf_counter() - started)
            raise ApplicationError(
                str(error), type=error.code, non_retryable=not error.retryable
            ) from error
        finally:
            beating.cancel()


def _sum(reports: Sequence[ShelfReport]) -> Judged:
    return Judged(
        objects=sum(report.objects for report in reports),
        condemned=sum(report.verdicts[Verdict.CONDEMNED].objects for report in reports),
        deleted=sum(report.deleted.objects for report in reports),
    )
