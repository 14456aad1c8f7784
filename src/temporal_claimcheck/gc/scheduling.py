"""Passes on a schedule of the user's own cluster, and the worker that carries them out."""

import asyncio
import datetime as dt
from typing import Final

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.worker import Worker

from temporal_claimcheck.gc.activities import CollectorActivities
from temporal_claimcheck.gc.steps import Steps
from temporal_claimcheck.gc.workflow import TASK_QUEUE, CollectInput, CollectWorkflow

__all__ = ["SCHEDULE_ID", "collector_worker", "install_schedule", "run_worker"]

SCHEDULE_ID: Final = "claimcheck-gc"
_EVERY: Final = dt.timedelta(days=1)
_LONGEST: Final = dt.timedelta(hours=20)


async def install_schedule(client: Client, *, delete: bool) -> None:
    """Install a daily pass, or set one that is there to `delete`."""
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            CollectWorkflow.run,
            CollectInput(delete=delete),
            id=SCHEDULE_ID,
            task_queue=TASK_QUEUE,
            execution_timeout=_LONGEST,
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=_EVERY)]),
        # A pass that waits for its worker is as good as two.
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP),
    )

    def update(given: ScheduleUpdateInput) -> ScheduleUpdate:
        current = given.description.schedule
        current.action = schedule.action
        return ScheduleUpdate(schedule=current)

    try:
        await client.create_schedule(SCHEDULE_ID, schedule)
    except ScheduleAlreadyRunningError:
        # When it runs is the user's by now.
        await client.get_schedule_handle(SCHEDULE_ID).update(update)


def collector_worker(client: Client, steps: Steps, *, task_queue: str = TASK_QUEUE) -> Worker:
    """Return a worker that carries passes out."""
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[CollectWorkflow],
        activities=CollectorActivities(steps).activities,
    )


async def run_worker(client: Client, steps: Steps) -> None:
    """Carry passes out until cancelled."""
    async with collector_worker(client, steps):
        await asyncio.Event().wait()
