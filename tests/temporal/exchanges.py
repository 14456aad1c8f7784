"""Every way in which a value travels through Temporal: each passes one and finds it whole."""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleSpec,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporalio.exceptions import ApplicationError

from tests.temporal import kinds
from tests.temporal.counting import payloads_in
from tests.temporal.setup import Setup, big
from tests.temporal.waiting import eventually

SMALL_BYTES = 2_000

Handles = list[WorkflowHandle[Any, Any]]


@dataclass
class Exchange:
    setup: Setup
    value: str

    async def start(self, run: Any, *args: Any, **more: Any) -> WorkflowHandle[Any, Any]:
        return await self.setup.client.start_workflow(
            run, args=args, id=self.setup.new_id(), task_queue=self.setup.task_queue, **more
        )

    async def finish_mailbox(self, handle: WorkflowHandle[Any, Any]) -> Any:
        await handle.signal(kinds.Mailbox.finish)
        return await handle.result()


async def workflow_input(x: Exchange) -> Handles:
    handle = await x.start(kinds.Measure.run, x.value)
    assert await handle.result() == len(x.value)
    return [handle]


async def workflow_result(x: Exchange) -> Handles:
    handle = await x.start(kinds.Echo.run, x.value)
    assert await handle.result() == x.value
    return [handle]


async def activity_input(x: Exchange) -> Handles:
    handle = await x.start(kinds.CallActivity.run, "measure", x.value, False)
    assert await handle.result() == len(x.value)
    return [handle]


async def activity_result(x: Exchange) -> Handles:
    handle = await x.start(kinds.CallActivity.run, "make_large", x.value, False)
    assert await handle.result() == len(x.value)
    return [handle]


async def local_activity(x: Exchange) -> Handles:
    handle = await x.start(kinds.CallActivity.run, "make_large", x.value, True)
    assert await handle.result() == len(x.value)
    return [handle]


async def heartbeat(x: Exchange) -> Handles:
    kinds.heartbeat_is_recorded.clear()
    handle = await x.start(kinds.CallActivity.run, "heartbeat_then_retry", x.value, False)

    async def recorded() -> bool:
        pending = (await handle.describe()).raw_description.pending_activities
        return any(True for each in pending for _ in payloads_in(each.heartbeat_details))

    await eventually(recorded)
    kinds.heartbeat_is_recorded.set()
    assert await handle.result() is True
    return [handle]


async def failure_details(x: Exchange) -> Handles:
    handle = await x.start(kinds.CatchFailure.run, x.value)
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, ApplicationError)
    assert caught.value.cause.message == str(len(x.value))
    assert list(caught.value.cause.details) == [x.value]
    return [handle]


async def signal(x: Exchange) -> Handles:
    handle = await x.start(kinds.Mailbox.run)
    await handle.signal(kinds.Mailbox.put, x.value)
    assert await x.finish_mailbox(handle) == len(x.value)
    return [handle]


async def query_argument(x: Exchange) -> Handles:
    handle = await x.start(kinds.Mailbox.run)
    await handle.signal(kinds.Mailbox.put, x.value)
    assert await handle.query(kinds.Mailbox.equals, x.value)
    assert await x.finish_mailbox(handle) == len(x.value)
    return [handle]


async def query_result(x: Exchange) -> Handles:
    handle = await x.start(kinds.Mailbox.run)
    await handle.signal(kinds.Mailbox.put, x.value)
    assert await handle.query(kinds.Mailbox.get) == x.value
    assert await x.finish_mailbox(handle) == len(x.value)
    return [handle]


async def update(x: Exchange) -> Handles:
    handle = await x.start(kinds.Mailbox.run)
    assert await handle.execute_update(kinds.Mailbox.swap, x.value) == ""
    assert await handle.execute_update(kinds.Mailbox.swap, "small") == x.value
    assert await handle.execute_update(kinds.Mailbox.swap_slowly, x.value) == "small"
    assert await handle.execute_update(kinds.Mailbox.swap_slowly, "") == x.value
    await x.finish_mailbox(handle)
    return [handle]


async def memo(x: Exchange) -> Handles:
    second = big("second memo")
    handle = await x.start(kinds.ReadMemo.run, second, memo={"first": x.value})
    assert await handle.result() == len(x.value)
    described = await handle.describe()
    assert await described.memo_value("first", type_hint=str) == x.value
    assert await described.memo_value("second", type_hint=str) == second
    return [handle]


async def child_workflow(x: Exchange) -> Handles:
    handle = await x.start(kinds.Parent.run, x.value)
    assert await handle.result() is True
    return [handle]


async def continue_as_new(x: Exchange) -> Handles:
    handle = await x.start(kinds.GoOn.run, x.value, 2)
    assert await handle.result() == len(x.value)
    latest = x.setup.client.get_workflow_handle(handle.id)
    return [handle, latest]


async def schedule(x: Exchange) -> Handles:
    workflow_id = x.setup.new_id()
    action = ScheduleActionStartWorkflow(
        kinds.Measure.run, x.value, id=workflow_id, task_queue=x.setup.task_queue
    )
    scheduled = await x.setup.client.create_schedule(
        f"schedule-{uuid.uuid4()}", Schedule(action=action, spec=ScheduleSpec())
    )
    await scheduled.trigger()

    async def started() -> bool:
        return bool((await scheduled.describe()).info.recent_actions)

    await eventually(started)
    described = await scheduled.describe()
    assert isinstance(described.schedule.action, ScheduleActionStartWorkflow)
    (argument,) = described.schedule.action.args
    assert argument.metadata["encoding"] != b"json/plain"
    await scheduled.delete()
    run: Any = described.info.recent_actions[0].action
    handle = x.setup.client.get_workflow_handle(run.workflow_id)
    assert await handle.result() == len(x.value)
    return [handle]


KINDS: dict[str, Callable[[Exchange], Awaitable[Handles]]] = {
    "workflow input": workflow_input,
    "workflow result": workflow_result,
    "activity input": activity_input,
    "activity result": activity_result,
    "local activity": local_activity,
    "heartbeat details and the retry that reads them": heartbeat,
    "failure details": failure_details,
    "signal": signal,
    "query argument": query_argument,
    "query result": query_result,
    "update argument and result": update,
    "memo": memo,
    "child workflow": child_workflow,
    "continue-as-new": continue_as_new,
    "schedule": schedule,
}
