"""What the cluster answers is whole: namespaces, windows, runs and their links."""

import asyncio
import datetime as dt
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from temporalio.api.batch.v1 import BatchOperationSignal
from temporalio.api.common.v1 import DataBlob, Payloads
from temporalio.api.enums.v1 import EncodingType
from temporalio.api.history.v1 import History
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    PauseWorkflowExecutionRequest,
    StartBatchOperationRequest,
)
from temporalio.client import WorkflowHandle

from temporal_claimcheck.errors import CollectionIncomplete, InvalidSettings
from temporal_claimcheck.gc.cluster import ClosedBetween, Open, Run, StartedSince, Window
from temporal_claimcheck.gc.roots.temporal_cluster import TemporalCluster
from tests.gc import rooted
from tests.gc.go_between import GoBetween, alters
from tests.gc.rooms import NAMESPACE, Room, first_run, open_room
from tests.temporal.waiting import eventually

MANY = 300
"""So many signals do not fit into one page of a history."""


@pytest.fixture
async def room(address: str) -> Room:
    return await open_room(address)


def seen_through(room: Room, **limits: Any) -> tuple[GoBetween, TemporalCluster]:
    between: Any = GoBetween(room.plain.service_client)
    decrypt = room.manager.for_replay().decrypt
    return between, TemporalCluster(between, decrypt=decrypt, attempts=2, **limits)


async def test_a_namespace_is_described(room: Room) -> None:
    answer = await room.plain.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=NAMESPACE)
    )
    found = await room.cluster.namespace(NAMESPACE)
    assert found
    assert found.name == NAMESPACE
    assert found.id == answer.namespace_info.id
    assert found.retention == dt.timedelta(days=1)


async def test_a_namespace_that_does_not_exist_is_none(room: Room) -> None:
    assert await room.cluster.namespace("nowhere") is None


async def test_a_run_that_does_not_exist_is_none(room: Room) -> None:
    run = Run(workflow_id=room.new_id(), run_id=str(uuid.uuid4()))
    assert await room.cluster.run(NAMESPACE, run) is None


async def test_a_run_in_a_namespace_that_does_not_exist_is_an_error(room: Room) -> None:
    run = Run(workflow_id=room.new_id(), run_id=str(uuid.uuid4()))
    with pytest.raises(CollectionIncomplete, match=run.workflow_id):
        await room.cluster.run("nowhere", run)


async def listed(room: Room, window: Window) -> set[Run]:
    return {run async for run in room.cluster.runs(NAMESPACE, window)}


async def test_each_window_lists_its_runs_and_no_other(room: Room) -> None:
    async with room.worker():
        is_open = await room.start(rooted.Hold.run)
        closed = await room.start(rooted.Grow.run, "small")
        await closed.result()
        ended = (await closed.describe()).close_time
        began = (await is_open.describe()).start_time
        assert ended
        here = {first_run(is_open), first_run(closed)}

        async def are(window: Window, *expected: WorkflowHandle[Any, Any]) -> None:
            async def is_so() -> bool:
                return await listed(room, window) & here == {first_run(each) for each in expected}

            await eventually(is_so)

        tick = dt.timedelta(microseconds=1)
        await are(Open(), is_open)
        await are(ClosedBetween(start=None, end=ended + tick), closed)
        await are(ClosedBetween(start=ended - tick, end=ended + tick), closed)
        await are(ClosedBetween(start=None, end=ended - tick))
        await are(ClosedBetween(start=ended + tick, end=ended + dt.timedelta(days=1)))
        await are(StartedSince(start=began - tick), is_open, closed)
        await are(StartedSince(start=ended + dt.timedelta(hours=1)))


async def test_a_run_that_is_paused_is_open(room: Room) -> None:
    handle = await room.start(rooted.Hold.run, room.text)
    run = first_run(handle)
    await room.plain.workflow_service.pause_workflow_execution(
        PauseWorkflowExecutionRequest(
            namespace=NAMESPACE,
            workflow_id=run.workflow_id,
            run_id=run.run_id,
            reason="a test",
            request_id=run.run_id,
        )
    )

    async def is_paused() -> bool:
        query = f"WorkflowId = '{run.workflow_id}' AND ExecutionStatus = 'Paused'"
        return (await room.plain.count_workflows(query)).count == 1

    await eventually(is_paused)
    assert run in await listed(room, Open())
    references = await room.references(run)
    assert not references.is_closed
    assert references.keys == room.stored


async def test_a_batch_operation_is_a_root_while_it_signals(room: Room) -> None:
    async with room.worker():
        for number in range(20):
            await room.start(rooted.Hold.run, workflow_id=f"{room.task_queue}-{number}")
        query = f"WorkflowId STARTS_WITH '{room.task_queue}'"

        async def are_visible() -> bool:
            return (await room.plain.count_workflows(query)).count == 20

        await eventually(are_visible)
        job = f"job-{uuid.uuid4()}"
        await room.plain.workflow_service.start_batch_operation(
            StartBatchOperationRequest(
                namespace=NAMESPACE,
                job_id=job,
                reason="a test",
                visibility_query=query,
                max_operations_per_second=1,
                signal_operation=BatchOperationSignal(
                    signal="put", input=Payloads(payloads=[await room.payload(room.text)])
                ),
            )
        )

        async def is_root() -> bool:
            for run in await listed(room, Open()):
                if run.workflow_id == job:
                    return room.stored <= (await room.references(run)).keys
            return False

        await eventually(is_root)


async def many_signals(room: Room) -> WorkflowHandle[Any, Any]:
    handle = await room.start(rooted.Hold.run)
    await asyncio.gather(*(handle.signal(rooted.Hold.put, "small") for _ in range(MANY)))
    await handle.signal(rooted.Hold.put, room.text)
    return handle


async def test_a_history_is_read_to_its_last_page(room: Room) -> None:
    handle = await many_signals(room)
    async with room.worker():
        await handle.signal(rooted.Hold.end)
        await handle.result()
    assert room.stored <= (await room.references(first_run(handle))).keys
    assert room.cluster.requests["history"] > 1


async def test_a_run_that_is_deleted_between_two_pages_is_gone(room: Room) -> None:
    between, cluster = seen_through(room)
    handle = await many_signals(room)

    async def delete(request: Any, pass_on: Callable[[], Awaitable[Any]]) -> Any:
        if request.next_page_token:
            await room.delete(first_run(handle))
        return await pass_on()

    between.meddle("get_workflow_execution_history", delete)
    assert await cluster.run(NAMESPACE, first_run(handle)) is None


async def test_a_closed_run_costs_one_request_and_an_open_one_two(room: Room) -> None:
    async with room.worker():
        is_open = await room.start(rooted.CallActivity.run, "beat", str(uuid.uuid4()))

        async def is_pending() -> bool:
            return bool((await is_open.describe()).raw_description.pending_activities)

        await eventually(is_pending)
        closed = await room.start(rooted.Grow.run, "small")
        await closed.result()
        await room.references(first_run(closed))
        assert room.cluster.requests == {"history": 1}
        await room.references(first_run(is_open))
        assert room.cluster.requests == {"history": 2, "describe": 1}


async def test_what_comes_between_history_and_description_is_found(room: Room) -> None:
    between, cluster = seen_through(room)
    handle = await room.start(rooted.Hold.run)

    async def signal_first(_: Any, pass_on: Callable[[], Awaitable[Any]]) -> Any:
        await handle.signal(rooted.Hold.put, room.text)
        return await pass_on()

    between.meddle("describe_workflow_execution", signal_first)
    found = await cluster.run(NAMESPACE, first_run(handle))
    assert found
    assert room.stored
    assert found.keys == room.stored


async def test_a_history_in_the_form_of_the_servers_database_is_read(room: Room) -> None:
    between, cluster = seen_through(room)
    handle = await room.start(rooted.Hold.run, room.text)

    def as_stored(answer: Any) -> None:
        blob = DataBlob(
            encoding_type=EncodingType.ENCODING_TYPE_PROTO3,
            data=History(events=answer.history.events).SerializeToString(),
        )
        answer.raw_history.append(blob)
        answer.ClearField("history")

    between.meddle("get_workflow_execution_history", alters(as_stored))
    found = await cluster.run(NAMESPACE, first_run(handle))
    assert found
    assert found.keys == room.stored


async def test_no_more_requests_are_under_way_than_allowed(room: Room) -> None:
    between, cluster = seen_through(room, max_concurrent_requests=3)
    under_way = most = 0

    async def count(_: Any, pass_on: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            return await pass_on()
        finally:
            under_way -= 1

    between.meddle("describe_namespace", count)
    await asyncio.gather(*(cluster.namespace(NAMESPACE) for _ in range(12)))
    assert most <= 3
    assert cluster.requests == {"namespace": 12}


async def test_requests_keep_their_distance(room: Room) -> None:
    _, cluster = seen_through(room, max_requests_per_second=50)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(cluster.namespace(NAMESPACE) for _ in range(11)))
    # Ten intervals of a fiftieth, less what the clock may round.
    assert loop.time() - began > 0.19


@pytest.mark.parametrize(
    "limit", ["max_requests_per_second", "max_concurrent_requests", "attempts"]
)
async def test_a_limit_of_nothing_is_refused(limit: str, room: Room) -> None:
    limits: Any = {limit: 0}
    with pytest.raises(InvalidSettings):
        TemporalCluster(room.plain.service_client, decrypt=room.manager.decrypt, **limits)
