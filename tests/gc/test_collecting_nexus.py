"""On a real server: what went through Nexus stays while either side refers to it, then goes."""

import uuid
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import (
    DeleteNexusOperationExecutionRequest,
    DeleteWorkflowExecutionRequest,
    RegisterNamespaceRequest,
)
from temporalio.client import Client
from temporalio.worker import Worker

from temporal_claimcheck import ClaimCheckManager, ClaimCheckPlugin
from temporal_claimcheck.errors import CollectionIncomplete
from temporal_claimcheck.gc.cluster import Kind, Run
from temporal_claimcheck.temporal.plugin import Door
from temporal_claimcheck.testing.servers import temporal_server
from tests.gc import rooted
from tests.gc.conftest import SETTINGS, dynamic_config
from tests.gc.rooms import NAMESPACE, first_run
from tests.gc.test_other_roots import EVER, nexus_endpoint
from tests.gc.weeks import Week, open_week
from tests.temporal.waiting import eventually


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own_address() -> AsyncGenerator[str]:
    """A server of this module's own: the collector reads everything that is there."""
    async with temporal_server(arguments=dynamic_config(SETTINGS)) as environment:
        yield environment.client.service_client.config.target_host


@pytest.fixture
async def week(own_address: str, door: Door) -> Week:
    return await open_week(own_address, door)


async def called(week: Week, namespace: str = NAMESPACE) -> Run:
    """Let a workflow call an operation that another workflow carries out; return the caller."""
    endpoint = await nexus_endpoint(week.room, namespace)
    handle = await week.room.start(rooted.CallNexus.run, "small", endpoint)
    await handle.result()
    return first_run(handle)


@pytest.mark.parametrize("goes_first", ["caller", "handler"])
async def test_an_operation_of_a_workflow_is_a_root_on_either_side(
    goes_first: str, week: Week
) -> None:
    room = week.room
    async with room.worker(nexus_service_handlers=[rooted.PostHandler()]):
        caller = await called(week)
        [handler] = [
            run
            for run in (await room.references(caller)).runs
            if run.workflow_id.startswith("taken-")
        ]
        first, last = (caller, handler) if goes_first == "caller" else (handler, caller)
        rest = (await room.references(last)).keys
        await week.two_passes()
        assert room.stored <= await week.keys()
        await room.delete(first)
        await week.two_passes()
        assert rest
        assert rest <= await week.keys()
        await week.delete_runs()
    await week.two_passes()
    assert not await week.keys()


async def test_an_operation_across_namespaces_is_a_root_in_either(
    own_address: str, door: Door
) -> None:
    elsewhere = f"elsewhere-{uuid.uuid4()}"
    week = await open_week(own_address, door, read_namespaces=[elsewhere])
    room = week.room
    await register(week, elsewhere)
    # It writes to its own namespace, and reads the caller's.
    there = ClaimCheckManager(
        room.store,
        namespace=elsewhere,
        read_namespaces=[NAMESPACE],
        policy=room.manager.policy,
        clock=week.calendar,
    )
    client = await Client.connect(
        own_address, namespace=elsewhere, plugins=[ClaimCheckPlugin(there, door=door)]
    )
    handler = Worker(
        client,
        task_queue=room.task_queue,
        workflows=rooted.WORKFLOWS,
        nexus_service_handlers=[rooted.PostHandler()],
    )
    async with room.worker(), handler:
        caller = await called(week, elsewhere)
        held = (await room.references(caller)).keys
        assert any(key.startswith(f"v1/{elsewhere}/") for key in held)
        taken: list[Run] = []

        async def is_listed() -> bool:
            taken[:] = [run async for run in room.cluster.runs(elsewhere, EVER)]
            return bool(taken)

        await eventually(is_listed)
        await week.two_passes()
        assert room.stored <= await week.keys()
        # The result is the handler's object, and the caller refers to it.
        await delete(week, elsewhere, taken[0])
        await week.two_passes()
        assert await week.keys() == held
        await room.delete(caller)
    await week.two_passes()
    assert not await week.keys()


async def test_a_standalone_operation_is_a_root(week: Week) -> None:
    room = week.room
    endpoint = await nexus_endpoint(room)
    name = f"operation-{uuid.uuid4()}"
    async with room.worker(nexus_service_handlers=[rooted.PostHandler()]):
        client: Any = room.client.create_nexus_client(rooted.Post, endpoint)
        handle = await client.start_operation(rooted.Post.take, room.text, id=name)
        await handle.result()
    found: list[str] = []

    async def is_listed() -> bool:
        found[:] = await room.others(Kind.NEXUS_OPERATION, name)
        return bool(found)

    await eventually(is_listed)
    await week.delete_runs()
    await week.two_passes()
    assert room.stored
    assert room.stored <= await week.keys()
    await room.plain.workflow_service.delete_nexus_operation_execution(
        DeleteNexusOperationExecutionRequest(
            namespace=NAMESPACE, operation_id=name, run_id=found[0].rpartition(" ")[2]
        )
    )

    async def is_gone() -> bool:
        return await room.cluster.other(NAMESPACE, Kind.NEXUS_OPERATION, found[0]) is None

    await eventually(is_gone)
    await week.two_passes()
    assert not await week.keys()


async def register(week: Week, namespace: str) -> None:
    """Register a namespace, and wait until all parts of the server know it."""
    await week.room.plain.workflow_service.register_namespace(
        RegisterNamespaceRequest(
            namespace=namespace,
            workflow_execution_retention_period=Duration(seconds=86_400),
        )
    )

    async def is_known() -> bool:
        try:
            return not [run async for run in week.room.cluster.runs(namespace, EVER)]
        except CollectionIncomplete:
            return False

    await eventually(is_known)


async def delete(week: Week, namespace: str, run: Run) -> None:
    await week.room.plain.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace=namespace,
            workflow_execution=WorkflowExecution(workflow_id=run.workflow_id, run_id=run.run_id),
        )
    )

    async def is_gone() -> bool:
        return await week.room.cluster.run(namespace, run) is None

    await eventually(is_gone)
