"""Passes as a workflow of a real server: they end as in one process, also if a worker dies."""

import asyncio
import uuid
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle

from temporal_claimcheck.gc.cluster import Run, RunReferences
from temporal_claimcheck.gc.roots.temporal_cluster import TemporalCluster
from temporal_claimcheck.gc.scheduling import (
    SCHEDULE_ID,
    collector_worker,
    install_schedule,
)
from temporal_claimcheck.gc.steps import Steps
from temporal_claimcheck.gc.workflow import CollectInput, CollectResult, CollectWorkflow
from temporal_claimcheck.registry import Registered
from temporal_claimcheck.testing.servers import temporal_server
from tests.gc import rooted
from tests.gc.conftest import SETTINGS, dynamic_config
from tests.gc.rooms import NAMESPACE
from tests.gc.weeks import RULES, Week, open_week
from tests.temporal.waiting import eventually


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own_address() -> AsyncGenerator[str]:
    async with temporal_server(arguments=dynamic_config(SETTINGS)) as environment:
        yield environment.client.service_client.config.target_host


@pytest.fixture
async def week(own_address: str) -> Week:
    return await open_week(own_address, "driver")


def steps(week: Week, cluster: TemporalCluster | None = None) -> Steps:
    cluster = cluster or week.room.cluster
    return Steps(week.room.manager, [cluster], rules=RULES, clock=week.calendar)


async def start(week: Week, queue: str) -> WorkflowHandle[CollectWorkflow, CollectResult]:
    return await week.room.plain.start_workflow(
        CollectWorkflow.run,
        CollectInput(delete=True),
        id=f"collect-{uuid.uuid4()}",
        task_queue=queue,
    )


async def test_two_passes_delete_what_nothing_refers_to(week: Week) -> None:
    async with week.room.worker():
        await week.room.start(rooted.Hold.run, week.room.text)
        rooted_keys = week.room.stored
        await week.room.manager.offload(await week.room.payload("nobody's"))
        queue = f"gc-{uuid.uuid4()}"
        async with collector_worker(week.room.plain, steps(week), task_queue=queue):
            week.calendar.wait(days=5)
            first = await (await start(week, queue)).result()
            week.calendar.wait(hours=25)
            second = await (await start(week, queue)).result()
        assert (first.objects, first.condemned, first.deleted) == (2, 0, 0)
        assert (second.objects, second.condemned, second.deleted) == (2, 1, 1)
        assert await week.keys() == rooted_keys
        await week.delete_runs()


async def test_closed_runs_are_read_by_days_before_anything_is_marked(week: Week) -> None:
    async with week.room.worker():
        for _ in range(3):
            await (await week.room.start(rooted.Grow.run, week.room.text[:36])).result()
        queue = f"gc-{uuid.uuid4()}"
        async with collector_worker(week.room.plain, steps(week), task_queue=queue):
            handle = await start(week, queue)
            assert (await handle.result()).runs >= 3
        scheduled = [
            event.activity_task_scheduled_event_attributes.activity_type.name
            for event in (await handle.fetch_history()).events
            if event.HasField("activity_task_scheduled_event_attributes")
        ]
        assert 2 <= scheduled.count("claimcheck_gc_read_ahead") <= 30
        last = len(scheduled) - scheduled[::-1].index("claimcheck_gc_read_ahead")
        assert scheduled.index("claimcheck_gc_mark") >= last
        await week.delete_runs()


class StuckCluster(TemporalCluster):
    """Answers no question about a run."""

    asked: asyncio.Event

    async def run(self, namespace: str, run: Run) -> RunReferences | None:
        del namespace, run
        self.asked.set()
        await asyncio.Event().wait()
        return None


async def test_a_pass_goes_on_with_another_worker(week: Week) -> None:
    room = week.room
    stuck = StuckCluster(
        room.plain.service_client, decrypt=room.manager.for_replay().decrypt, attempts=2
    )
    stuck.asked = asyncio.Event()
    async with room.worker():
        await room.start(rooted.Hold.run, room.text)
        week.calendar.wait(days=5)
        queue = f"gc-{uuid.uuid4()}"
        async with collector_worker(room.plain, steps(week, stuck), task_queue=queue):
            handle = await start(week, queue)
            await stuck.asked.wait()
        assert (await handle.describe()).status == WorkflowExecutionStatus.RUNNING
        async with collector_worker(room.plain, steps(week), task_queue=queue):
            result = await handle.result()
        assert (result.objects, result.deleted) == (1, 0)
        await week.delete_runs()


async def test_what_a_rule_forbids_fails_the_pass_and_lets_the_next_one_in(week: Week) -> None:
    await week.room.manager.offload(await week.room.payload("nobody's"))
    other = Registered(namespace=NAMESPACE, namespace_id="another")
    await week.room.manager.ledger.write(other.record, {"since": "2026-11-22"})
    queue = f"gc-{uuid.uuid4()}"
    async with collector_worker(week.room.plain, steps(week), task_queue=queue):
        with pytest.raises(WorkflowFailureError) as caught:
            await (await start(week, queue)).result()
        assert "collection-refused" in str(caught.value.cause.__cause__)
        await week.room.manager.registry.retire(other)
        assert (await (await start(week, queue)).result()).deleted == 0


async def test_the_schedule_is_installed_once_and_can_be_changed(week: Week) -> None:
    client = week.room.plain
    await install_schedule(client, delete=False)
    await install_schedule(client, delete=True)
    handle = client.get_schedule_handle(SCHEDULE_ID)
    action: Any = (await handle.describe()).schedule.action
    [payload] = action.args
    assert b'"delete":true' in payload.data

    async def is_listed() -> bool:
        return SCHEDULE_ID in [each.id async for each in await client.list_schedules()]

    await eventually(is_listed)
    await handle.delete()
