"""Whatever a run refers to is found while the run exists, by both doors, and not after it."""

import dataclasses
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from temporalio.api.common.v1 import Header, WorkflowExecution
from temporalio.api.workflowservice.v1 import (
    ResetWorkflowExecutionRequest,
)
from temporalio.client import (
    WithStartWorkflowOperation,
    WorkflowFailureError,
    WorkflowUpdateFailedError,
    WorkflowUpdateStage,
)
from temporalio.common import RetryPolicy, WorkflowIDConflictPolicy
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes

from temporal_claimcheck.errors import CollectionIncomplete
from temporal_claimcheck.gc.cluster import Run
from temporal_claimcheck.temporal.plugin import Door
from tests.core.rings import ring
from tests.gc import rooted
from tests.gc.rooms import NAMESPACE, Room, first_run, open_room
from tests.temporal.waiting import eventually

# Each leaves large values with one run of a workflow, and returns the run.


async def input_of_a_workflow(room: Room) -> Run:
    return first_run(await room.start(rooted.Hold.run, room.text))


async def result_of_a_workflow(room: Room) -> Run:
    handle = await room.start(rooted.Grow.run, "small")
    await handle.result()
    return first_run(handle)


async def signal(room: Room) -> Run:
    handle = await room.start(rooted.Hold.run)
    await handle.signal(rooted.Hold.put, room.text)
    return first_run(handle)


async def signal_with_start(room: Room) -> Run:
    return first_run(
        await room.start(rooted.Hold.run, start_signal="put", start_signal_args=[room.text])
    )


async def update_in_progress(room: Room) -> Run:
    handle = await room.start(rooted.Hold.run)
    await handle.start_update(
        rooted.Hold.wait, room.text, wait_for_stage=WorkflowUpdateStage.ACCEPTED
    )
    return first_run(handle)


async def result_of_an_update(room: Room) -> Run:
    handle = await room.start(rooted.Hold.run)
    await handle.execute_update(rooted.Hold.give, "small")
    return first_run(handle)


async def update_with_start(room: Room) -> Run:
    start = WithStartWorkflowOperation(
        rooted.Hold.run,
        "",
        id=room.new_id(),
        task_queue=room.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
    )
    await room.client.start_update_with_start_workflow(
        rooted.Hold.wait,
        room.text,
        wait_for_stage=WorkflowUpdateStage.ACCEPTED,
        start_workflow_operation=start,
    )
    return first_run(await start.workflow_handle())


async def input_of_an_activity(room: Room) -> Run:
    return await _called(room, "measure", "grown")


async def result_of_an_activity(room: Room) -> Run:
    return await _called(room, "grow", "")


async def result_of_a_local_activity(room: Room) -> Run:
    return await _called(room, "grow", "local")


async def _called(room: Room, activity: str, how: str) -> Run:
    handle = await room.start(rooted.CallActivity.run, activity, "small", how)
    await handle.result()
    return first_run(handle)


async def heartbeat_of_a_pending_activity(room: Room) -> Run:
    handle = await room.start(rooted.CallActivity.run, "beat", str(uuid.uuid4()))

    async def has_heartbeat() -> bool:
        pending = (await handle.describe()).raw_description.pending_activities
        return any(each.heartbeat_details.payloads for each in pending)

    await eventually(has_heartbeat)
    return first_run(handle)


async def last_failure_of_a_pending_activity(room: Room) -> Run:
    handle = await room.start(rooted.CallActivity.run, "fail", "small")

    async def has_failed() -> bool:
        pending = (await handle.describe()).raw_description.pending_activities
        return any(each.HasField("last_failure") for each in pending)

    await eventually(has_failed)
    return first_run(handle)


async def cause_of_the_cause_of_a_failure(room: Room) -> Run:
    handle = await room.start(rooted.FailOnce.run, "small")
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    return first_run(handle)


async def memo(room: Room) -> Run:
    return first_run(await room.start(rooted.Hold.run, memo={"first": room.text}))


async def memo_that_the_workflow_wrote(room: Room) -> Run:
    handle = await room.start(rooted.Remember.run, "small")
    await handle.result()
    return first_run(handle)


async def user_metadata(room: Room) -> Run:
    return first_run(await room.start(rooted.Hold.run, static_details=room.text))


async def user_metadata_of_a_timer(room: Room) -> Run:
    handle = await room.start(rooted.Describe.run, room.text)
    await handle.result()
    return first_run(handle)


async def header(room: Room) -> Run:
    return await room.start_raw(header=Header(fields={"context": await room.payload(room.text)}))


async def input_of_a_child(room: Room) -> Run:
    child = room.new_id()
    handle = await room.start(rooted.Parent.run, "small", child)
    await handle.result()
    # What the parent gave it is the child's alone when the parent is deleted.
    links = (await room.references(first_run(handle))).runs
    await room.delete(first_run(handle))
    [run] = [run for run in links if run.workflow_id == child]
    assert first_run(handle) in (await room.references(run)).runs
    return run


async def continued_as_new(room: Room) -> Run:
    handle = await room.start(rooted.GoOn.run, "small")
    return await _second_run(room, first_run(handle))


async def retried(room: Room) -> Run:
    handle = await room.start(
        rooted.FailOnce.run,
        "small",
        retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=1)),
    )
    return await _second_run(room, first_run(handle))


async def by_cron(room: Room) -> Run:
    handle = await room.start(rooted.GrowOnce.run, "small", cron_schedule="@every 1s")
    return await _second_run(room, first_run(handle))


async def _second_run(room: Room, first: Run) -> Run:
    """Wait for the run that goes on after the first, and delete the first."""

    async def is_closed() -> bool:
        return (await room.references(first)).is_closed

    await eventually(is_closed)
    [second] = (await room.references(first)).runs
    assert (await room.references(second)).runs == {first}
    await room.delete(first)
    return second


async def reset(room: Room) -> Run:
    handle = await room.start(rooted.Hold.run, room.text)
    base = first_run(handle)
    await handle.signal(rooted.Hold.end)
    await handle.result()
    answer = await room.plain.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=NAMESPACE,
            workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=base.run_id),
            workflow_task_finish_event_id=3,
            request_id=str(uuid.uuid4()),
        )
    )
    run = Run(workflow_id=handle.id, run_id=answer.run_id)
    assert base in (await room.references(run)).runs
    await room.delete(base)
    return run


async def claim_as_plain_data(room: Room) -> Run:
    claim = await room.manager.offload(await room.payload("a payload of the user's"))
    return first_run(await room.start(rooted.Hold.run, f"small, with {claim.key} in it"))


async def claim_in_a_payload_as_data(room: Room) -> Run:
    return first_run(await room.start(rooted.Hold.run, await room.payload(room.text)))


Leave = Callable[[Room], Awaitable[Run]]
LEAVE: list[Leave] = [
    input_of_a_workflow,
    result_of_a_workflow,
    signal,
    signal_with_start,
    update_in_progress,
    result_of_an_update,
    update_with_start,
    input_of_an_activity,
    result_of_an_activity,
    result_of_a_local_activity,
    heartbeat_of_a_pending_activity,
    last_failure_of_a_pending_activity,
    cause_of_the_cause_of_a_failure,
    memo,
    memo_that_the_workflow_wrote,
    user_metadata,
    user_metadata_of_a_timer,
    header,
    input_of_a_child,
    continued_as_new,
    retried,
    by_cron,
    reset,
    claim_as_plain_data,
    claim_in_a_payload_as_data,
]


@pytest.mark.parametrize("leave", LEAVE, ids=lambda leave: leave.__name__)
async def test_a_run_is_a_root_as_long_as_it_exists(leave: Leave, room: Room) -> None:
    async with room.worker():
        run = await leave(room)
        assert room.stored
        assert room.stored <= (await room.references(run)).keys
        await room.delete(run)


async def test_neither_a_query_nor_a_rejected_update_is_kept(room: Room) -> None:
    async with room.worker():
        handle = await room.start(rooted.Hold.run)
        await handle.query(rooted.Hold.ask, room.text)
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update(rooted.Hold.refuse, room.text)
        references = await room.references(first_run(handle))
        assert room.stored
        assert not references.keys
        await room.delete(first_run(handle))


async def test_a_heartbeat_is_a_root_until_its_activity_has_ended(room: Room) -> None:
    mark = str(uuid.uuid4())
    async with room.worker():
        handle = await room.start(rooted.CallActivity.run, "beat", mark)
        run = first_run(handle)

        async def is_found() -> bool:
            return bool(room.stored) and room.stored <= (await room.references(run)).keys

        await eventually(is_found)
        rooted.released.add(mark)
        await handle.result()
        assert not (await room.references(run)).keys


async def test_an_open_run_is_said_to_be_open_and_a_closed_one_closed(room: Room) -> None:
    async with room.worker():
        handle = await room.start(rooted.Hold.run)
        run = first_run(handle)
        is_open = await room.references(run)
        await handle.signal(rooted.Hold.end)
        await handle.result()
        closed = await room.references(run)
    assert (is_open.is_closed, is_open.closed) == (False, None)
    assert closed.is_closed
    described = await handle.describe()
    assert described.close_time
    assert closed.closed
    assert abs(closed.closed - described.close_time) < timedelta(seconds=1)


async def test_an_encrypted_run_is_searched_too(address: str, door: Door) -> None:
    room = await open_room(address, door=door, keys=ring("a"))
    claim = await room.manager.offload(await room.payload("a payload of the user's"))
    handle = await room.start(rooted.Hold.run, {"claim": claim.dump()})
    references = await room.references(first_run(handle))
    assert references.keys == {claim.key} == room.stored
    without_keys = await open_room(address, door=door)
    with pytest.raises(CollectionIncomplete, match=rf"{handle.id}.*encrypted"):
        await without_keys.references(first_run(handle))


async def test_a_failure_with_encoded_words_is_a_root(address: str, door: Door) -> None:
    converter = dataclasses.replace(
        DataConverter.default, failure_converter_class=DefaultFailureConverterWithEncodedAttributes
    )
    room = await open_room(address, door=door, data_converter=converter)
    async with room.worker():
        handle = await room.start(rooted.FailWithWords.run, "small")
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    assert room.stored
    assert room.stored == (await room.references(first_run(handle))).keys
