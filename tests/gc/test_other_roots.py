"""Schedules and what runs without a workflow are roots while they exist, by both doors."""

import datetime as dt
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.nexus.v1 import EndpointSpec, EndpointTarget
from temporalio.api.operatorservice.v1 import CreateNexusEndpointRequest
from temporalio.api.workflowservice.v1 import (
    DeleteActivityExecutionRequest,
    DeleteNexusOperationExecutionRequest,
    RegisterNamespaceRequest,
)
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleHandle,
    ScheduleSpec,
    ScheduleState,
)
from temporalio.service import RPCError
from temporalio.worker import Worker

from temporal_claimcheck import ClaimCheckManager, ClaimCheckPlugin
from temporal_claimcheck.errors import CollectionIncomplete
from temporal_claimcheck.gc.cluster import Kind, Run, StartedSince
from temporal_claimcheck.temporal.plugin import Door
from temporal_claimcheck.testing.servers import temporal_server
from tests.gc import rooted
from tests.gc.conftest import SETTINGS, dynamic_config
from tests.gc.rooms import NAMESPACE, Room, first_run, open_room
from tests.temporal.waiting import eventually

HOUR = timedelta(hours=1)
EVER = StartedSince(start=dt.datetime(2000, 1, 1, tzinfo=dt.UTC))


async def schedule(room: Room, run: Any, value: str, **more: Any) -> ScheduleHandle:
    """Make a schedule that does nothing until it is triggered."""
    action = ScheduleActionStartWorkflow(
        run, value, id=room.new_id(), task_queue=room.task_queue, **more
    )
    return await room.client.create_schedule(
        f"schedule-{uuid.uuid4()}",
        Schedule(action=action, spec=ScheduleSpec(), state=ScheduleState(paused=True)),
    )


async def started_by(handle: ScheduleHandle, count: int) -> Run:
    """Trigger the schedule, and return the run that it starts as its `count`th."""
    await handle.trigger()

    async def has_started() -> bool:
        return (await handle.describe()).info.num_actions >= count

    await eventually(has_started)
    action: Any = (await handle.describe()).info.recent_actions[-1].action
    return Run(workflow_id=action.workflow_id, run_id=action.first_execution_run_id)


async def is_closed(room: Room, run: Run) -> None:
    async def closed() -> bool:
        return (await room.references(run)).is_closed

    await eventually(closed)


async def is_a_root_until_deleted(room: Room, handle: ScheduleHandle) -> None:
    async def is_listed() -> bool:
        return await room.others(Kind.SCHEDULE, handle.id) == [handle.id]

    await eventually(is_listed)
    keys = await room.cluster.other(NAMESPACE, Kind.SCHEDULE, handle.id)
    assert keys
    assert room.stored <= keys
    await handle.delete()

    async def is_gone() -> bool:
        return await room.cluster.other(NAMESPACE, Kind.SCHEDULE, handle.id) is None

    await eventually(is_gone)


async def test_the_input_of_a_paused_schedule_is_a_root(room: Room) -> None:
    await is_a_root_until_deleted(room, await schedule(room, rooted.Hold.run, room.text))


async def test_the_memo_of_a_schedules_workflow_is_a_root(room: Room) -> None:
    handle = await schedule(room, rooted.Hold.run, "small", memo={"first": room.text})
    await is_a_root_until_deleted(room, handle)


async def test_the_details_of_a_schedules_workflow_are_a_root(room: Room) -> None:
    handle = await schedule(room, rooted.Hold.run, "small", static_details=room.text)
    await is_a_root_until_deleted(room, handle)


async def test_a_schedule_hands_on_its_last_result_when_the_run_is_long_gone(room: Room) -> None:
    handle = await schedule(room, rooted.GrowOnce.run, "small")
    async with room.worker():
        first = await started_by(handle, 1)
        await is_closed(room, first)

        async def is_known() -> bool:
            keys = await room.cluster.other(NAMESPACE, Kind.SCHEDULE, handle.id)
            return bool(room.stored) and keys is not None and room.stored <= keys

        # The schedule asks for the result once it looks at the run again.
        second = await started_by(handle, 2)
        await eventually(is_known)
        await room.delete(first)
        assert room.stored <= (await room.references(second)).keys
        await room.delete(second)
    await is_a_root_until_deleted(room, handle)


@asynccontextmanager
async def schedules_without_workflows(door: Door) -> AsyncGenerator[Room]:
    """Run a server whose schedules are no workflows, as later servers have them."""
    settings = SETTINGS | {
        "history.enableChasm": "true",
        "history.enableCHASMSchedulerCreation": "true",
        "history.chasmSchedulerCreationRolloutPercent": "100",
    }
    async with temporal_server(arguments=dynamic_config(settings)) as environment:
        yield await open_room(environment.client.service_client.config.target_host, door=door)


async def test_what_a_schedule_without_a_workflow_keeps_is_found_or_named(door: Door) -> None:
    async with schedules_without_workflows(door) as room, room.worker():
        handle = await schedule(room, rooted.GrowOnce.run, "small")
        first = await started_by(handle, 1)
        await is_closed(room, first)
        keys = await room.cluster.other(NAMESPACE, Kind.SCHEDULE, handle.id)
        assert keys
        assert room.stored <= keys
        await room.delete(first)
        with pytest.raises(CollectionIncomplete, match="last result"):
            await room.cluster.other(NAMESPACE, Kind.SCHEDULE, handle.id)


async def test_a_schedule_that_never_ran_keeps_no_result(door: Door) -> None:
    async with schedules_without_workflows(door) as room:
        await is_a_root_until_deleted(room, await schedule(room, rooted.Hold.run, room.text))


async def start_activity(room: Room, activity: Any, value: str) -> str:
    """Start a standalone activity and return its id in the cluster's list."""
    handle = await room.client.start_activity(
        activity,
        value,
        id=f"activity-{uuid.uuid4()}",
        task_queue=room.task_queue,
        start_to_close_timeout=HOUR,
    )

    async def is_listed() -> bool:
        return bool(await room.others(Kind.ACTIVITY, handle.id))

    await eventually(is_listed)
    [found] = await room.others(Kind.ACTIVITY, handle.id)
    return found


@pytest.mark.parametrize(
    ("activity", "is_large"),
    [(rooted.measure, True), (rooted.grow, False), (rooted.fail, False), (rooted.beat, False)],
    ids=["input", "result", "last failure", "heartbeat"],
)
async def test_a_standalone_activity_is_a_root(activity: Any, is_large: bool, room: Room) -> None:
    async with room.worker():
        found = await start_activity(room, activity, room.text if is_large else "small")

        async def is_root() -> bool:
            keys = await room.cluster.other(NAMESPACE, Kind.ACTIVITY, found)
            return bool(keys) and room.stored == keys

        await eventually(is_root)
    name, _, run_id = found.rpartition(" ")
    await room.plain.workflow_service.delete_activity_execution(
        DeleteActivityExecutionRequest(namespace=NAMESPACE, activity_id=name, run_id=run_id)
    )

    async def is_gone() -> bool:
        return await room.cluster.other(NAMESPACE, Kind.ACTIVITY, found) is None

    await eventually(is_gone)


async def nexus_endpoint(room: Room, namespace: str = NAMESPACE) -> str:
    name = f"endpoint-{uuid.uuid4()}"
    await room.plain.operator_service.create_nexus_endpoint(
        CreateNexusEndpointRequest(
            spec=EndpointSpec(
                name=name,
                target=EndpointTarget(
                    worker=EndpointTarget.Worker(namespace=namespace, task_queue=room.task_queue)
                ),
            )
        )
    )
    return name


async def test_a_nexus_operation_of_a_workflow_is_a_root_on_both_sides(room: Room) -> None:
    endpoint = await nexus_endpoint(room)
    async with room.worker(nexus_service_handlers=[rooted.PostHandler()]):
        handle = await room.start(rooted.CallNexus.run, "small", endpoint)
        await handle.result()
        caller = await room.references(first_run(handle))
        assert room.stored <= caller.keys
        [handler] = [run for run in caller.runs if run.workflow_id.startswith("taken-")]
        assert (await room.references(handler)).keys
        await room.delete(first_run(handle))
        assert (await room.references(handler)).keys


async def test_a_nexus_operation_is_a_root_in_either_namespace(address: str, door: Door) -> None:
    elsewhere = f"elsewhere-{uuid.uuid4()}"
    room = await open_room(address, door=door, read_namespaces=[elsewhere])
    await room.plain.workflow_service.register_namespace(
        RegisterNamespaceRequest(
            namespace=elsewhere,
            workflow_execution_retention_period=Duration(seconds=86_400),
        )
    )

    async def is_known() -> bool:
        # The parts of the server learn of a namespace one after the other.
        try:
            return not [run async for run in room.cluster.runs(elsewhere, EVER)]
        except CollectionIncomplete:
            return False

    await eventually(is_known)
    # It writes to its own namespace, and reads the caller's.
    manager = ClaimCheckManager(
        room.store,
        namespace=elsewhere,
        read_namespaces=[NAMESPACE],
        policy=room.manager.policy,
    )
    plugin = ClaimCheckPlugin(manager, door=door)
    client = await Client.connect(address, namespace=elsewhere, plugins=[plugin])
    endpoint = await nexus_endpoint(room, elsewhere)
    handler = Worker(
        client,
        task_queue=room.task_queue,
        workflows=rooted.WORKFLOWS,
        nexus_service_handlers=[rooted.PostHandler()],
    )
    async with room.worker(), handler:
        handle = await room.start(rooted.CallNexus.run, "small", endpoint)
        await handle.result()
        caller = await room.references(first_run(handle))
        there: list[Run] = []

        async def is_listed() -> bool:
            there[:] = [run async for run in room.cluster.runs(elsewhere, EVER)]
            return bool(there)

        await eventually(is_listed)
        await room.delete(first_run(handle))
    found = await room.cluster.run(elsewhere, there[0])
    assert found
    assert room.stored == caller.keys | found.keys
    # The result is the handler's object, and both refer to it.
    [result] = caller.keys & found.keys
    assert result.startswith(f"v1/{elsewhere}/")
    assert not caller.runs
    assert not found.runs


async def test_a_standalone_nexus_operation_is_a_root(room: Room) -> None:
    endpoint = await nexus_endpoint(room)
    name = f"operation-{uuid.uuid4()}"
    async with room.worker(nexus_service_handlers=[rooted.PostHandler()]):
        client: Any = room.client.create_nexus_client(rooted.Post, endpoint)
        handle = await client.start_operation(rooted.Post.take, room.text, id=name)
        await handle.result()

    async def is_listed() -> bool:
        return bool(await room.others(Kind.NEXUS_OPERATION, name))

    await eventually(is_listed)
    [found] = await room.others(Kind.NEXUS_OPERATION, name)
    keys = await room.cluster.other(NAMESPACE, Kind.NEXUS_OPERATION, found)
    assert keys
    assert room.stored <= keys
    await room.plain.workflow_service.delete_nexus_operation_execution(
        DeleteNexusOperationExecutionRequest(
            namespace=NAMESPACE, operation_id=name, run_id=found.rpartition(" ")[2]
        )
    )

    async def is_gone() -> bool:
        return await room.cluster.other(NAMESPACE, Kind.NEXUS_OPERATION, found) is None

    await eventually(is_gone)


async def test_a_server_without_standalone_operations_has_none(temporal_address: str) -> None:
    room = await open_room(temporal_address)
    assert not await room.others(Kind.NEXUS_OPERATION, "")
    with pytest.raises(RPCError):
        [each async for each in room.plain.list_nexus_operations("")]
