"""What is read from a real server about how long it holds on to claims."""

import asyncio
import datetime as dt
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import (
    DeleteWorkflowExecutionRequest,
    ResetWorkflowExecutionRequest,
)
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleSpec,
    ScheduleState,
    WorkflowHandle,
)
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from temporal_claimcheck import ClaimCheckManager, ClaimCheckPlugin
from temporal_claimcheck.errors import CollectionIncomplete
from temporal_claimcheck.gc.lifecycle.expiry import OpenRun, Tenure
from temporal_claimcheck.gc.lifecycle.tenure import TemporalTenures
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.temporal.plugin import Door
from tests.expiry.conftest import RETENTION_DAYS
from tests.temporal.waiting import eventually

QUEUE = "tenure"
DAY = dt.timedelta(days=1)


@workflow.defn(sandboxed=False)
class Waits:
    """Continues itself so often, and then waits for ever."""

    @workflow.run
    async def run(self, again: int = 0) -> None:
        if again:
            workflow.continue_as_new(again - 1)
        await workflow.wait_condition(lambda: False)


@workflow.defn(sandboxed=False)
class Ends:
    @workflow.run
    async def run(self, _: str = "") -> None:
        return


async def connected(address: str, namespace: str, door: Door = "driver") -> Client:
    manager = ClaimCheckManager(MemoryStore())
    plugin = ClaimCheckPlugin(manager, door=door)
    return await Client.connect(address, namespace=namespace, plugins=[plugin])


@pytest.fixture
async def client(temporal_address: str, namespace: str) -> Client:
    return await connected(temporal_address, namespace)


@asynccontextmanager
async def working(client: Client) -> AsyncGenerator[None]:
    async with Worker(client, task_queue=QUEUE, workflows=[Waits, Ends]):
        yield


async def read(client: Client, *, max_runs: int = 100) -> Tenure:
    found = await TemporalTenures(client, max_runs=max_runs).read(client.namespace)
    assert found is not None
    return found.tenure


async def with_open(client: Client, count: int) -> Tenure:
    """Read when the listing has caught up."""
    found: list[Tenure] = []

    async def is_listed() -> bool:
        found[:] = [await read(client)]
        return len(found[0].open_runs) == count

    await eventually(is_listed)
    return found[0]


async def the_open_run(client: Client) -> OpenRun:
    [run] = (await with_open(client, 1)).open_runs
    return run


def around(moment: dt.datetime | None, expected: dt.datetime) -> bool:
    return moment is not None and abs(moment - expected) < dt.timedelta(seconds=60)


async def delete_first_run(client: Client, handle: WorkflowHandle[Waits, None]) -> None:
    """Delete the first run of a chain, as the retention does in time."""
    execution = WorkflowExecution(workflow_id=handle.id, run_id=handle.first_execution_run_id or "")
    await client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=execution)
    )

    async def is_gone() -> bool:
        try:
            await client.get_workflow_handle(handle.id, run_id=execution.run_id).describe()
        except RPCError as error:
            return error.status is RPCStatusCode.NOT_FOUND
        return False

    # The dev server takes half a minute.
    async with asyncio.timeout(120):
        while not await is_gone():
            await asyncio.sleep(0.2)


async def is_continued(handle: WorkflowHandle[Waits, None]) -> bool:
    return (await handle.describe()).run_id != handle.first_execution_run_id


async def test_an_empty_namespace_needs_its_retention(client: Client) -> None:
    tenure = await read(client)
    assert tenure.retention == RETENTION_DAYS * DAY
    assert not tenure.open_runs
    assert not tenure.schedules
    assert tenure.longest_closed == dt.timedelta()


async def test_a_run_ends_by_its_execution_timeout(client: Client) -> None:
    started = dt.datetime.now(dt.UTC)
    await client.start_workflow(Waits.run, id="timed", task_queue=QUEUE, execution_timeout=30 * DAY)
    run = await the_open_run(client)
    assert (run.workflow_id, run.kind) == ("timed", "Waits")
    assert around(run.began, started)
    assert around(run.ends, started + 30 * DAY)


async def test_a_run_timeout_alone_is_no_end(client: Client) -> None:
    # A retry or a cron begins the next run after it.
    await client.start_workflow(Waits.run, id="run", task_queue=QUEUE, run_timeout=30 * DAY)
    assert (await the_open_run(client)).ends is None


async def test_a_chain_ends_by_the_timeout_of_its_first_run(client: Client) -> None:
    started = dt.datetime.now(dt.UTC)
    async with working(client):
        handle = await client.start_workflow(
            Waits.run, 2, id="chain", task_queue=QUEUE, execution_timeout=30 * DAY
        )
        await eventually(lambda: is_continued(handle))
        run = await the_open_run(client)
    assert around(run.began, started)
    assert around(run.ends, started + 30 * DAY)


async def test_a_chain_without_a_timeout_began_with_its_first_run(client: Client) -> None:
    async with working(client):
        handle = await client.start_workflow(Waits.run, 1, id="chain", task_queue=QUEUE)
        await eventually(lambda: is_continued(handle))
        run = await the_open_run(client)
    first = client.get_workflow_handle("chain", run_id=handle.first_execution_run_id)
    assert run.began == (await first.describe()).start_time
    assert run.ends is None


async def test_with_its_first_run_gone_only_what_the_server_copies_is_of_unknown_age(
    client: Client,
) -> None:
    async with working(client):
        # Who continues itself hands its input in anew; a memo is copied from run to run.
        anew = await client.start_workflow(Waits.run, 1, id="anew", task_queue=QUEUE)
        copied = await client.start_workflow(
            Waits.run, 1, id="copied", task_queue=QUEUE, memo={"note": "from the beginning"}
        )
        await eventually(lambda: is_continued(anew))
        await eventually(lambda: is_continued(copied))
        await asyncio.gather(delete_first_run(client, anew), delete_first_run(client, copied))
        runs = {run.workflow_id: run.began for run in (await with_open(client, 2)).open_runs}
    assert runs == {"anew": (await anew.describe()).start_time, "copied": None}


async def test_a_reset_run_is_as_old_as_the_one_that_was_reset(client: Client) -> None:
    async with working(client):
        handle = await client.start_workflow(Ends.run, id="ends", task_queue=QUEUE)
        await handle.result()
    first = (await handle.describe()).start_time
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id="ends"),
            workflow_task_finish_event_id=3,
            request_id="once",
        )
    )
    assert (await the_open_run(client)).began == first


async def test_the_longest_life_of_closed_runs_is_counted_by_the_server(client: Client) -> None:
    async with working(client):
        await client.execute_workflow(Ends.run, id="ends", task_queue=QUEUE)

    async def is_counted() -> bool:
        return (await read(client)).longest_closed == dt.timedelta(hours=1)

    await eventually(is_counted)


async def test_of_more_runs_than_may_be_looked_at_the_oldest_are(client: Client) -> None:
    for number in range(3):
        await client.start_workflow(Waits.run, id=f"run-{number}", task_queue=QUEUE)
    await with_open(client, 3)
    tenure = await read(client, max_runs=2)
    assert [run.workflow_id for run in tenure.open_runs] == ["run-0", "run-1"]
    assert tenure.not_looked_at == 1


async def make_schedule(client: Client, name: str, *arguments: str) -> None:
    action = ScheduleActionStartWorkflow(
        Ends.run, args=list(arguments), id=f"{name}-run", task_queue=QUEUE
    )
    schedule = Schedule(action=action, spec=ScheduleSpec(), state=ScheduleState(paused=True))
    await client.create_schedule(name, schedule)


@pytest.mark.parametrize("door", ["driver", "codec"])
async def test_a_schedule_counts_if_its_input_was_stored(
    temporal_address: str, namespace: str, door: Door
) -> None:
    client = await connected(temporal_address, namespace, door)
    started = dt.datetime.now(dt.UTC)
    await make_schedule(client, "large", "x" * 100_000)
    await make_schedule(client, "small", "nightly")
    await make_schedule(client, "none")
    found: list[Tenure] = []

    async def is_listed() -> bool:
        found[:] = [await read(client)]
        return bool(found[0].schedules)

    await eventually(is_listed)
    [use] = found[0].schedules
    assert (use.schedule_id, use.certain) == ("large", True)
    assert around(use.created, started)


async def test_a_standalone_activity_ends_by_its_own_timeout(client: Client) -> None:
    started = dt.datetime.now(dt.UTC)
    await client.start_activity(
        "charge", id="once", task_queue=QUEUE, schedule_to_close_timeout=5 * DAY
    )
    run = await the_open_run(client)
    assert (run.workflow_id, run.kind) == ("once", "activity charge")
    assert around(run.began, started)
    assert around(run.ends, started + 5 * DAY)


async def test_a_namespace_that_is_not_there_is_none(client: Client) -> None:
    assert await TemporalTenures(client).read("nowhere") is None


async def test_a_server_that_is_gone_is_an_error_and_no_answer(unused_tcp_port: int) -> None:
    client = await Client.connect(f"127.0.0.1:{unused_tcp_port}", lazy=True)
    with pytest.raises(CollectionIncomplete, match="namespace default"):
        async with asyncio.timeout(60):
            await TemporalTenures(client).read("default")
