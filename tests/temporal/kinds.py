"""Workflows and activities that pass a large value in every way that Temporal knows."""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from tests.temporal.waiting import eventually

TIMEOUT = timedelta(seconds=60)
ONCE = RetryPolicy(maximum_attempts=1)

heartbeat_is_recorded = asyncio.Event()
"""Set by the test once the server has the heartbeat; the worker shares the process."""


@activity.defn
async def measure(value: str) -> int:
    return len(value)


@activity.defn
async def make_large(value: str) -> str:
    return value.upper()


@activity.defn
async def fail_with_details(value: str) -> None:
    raise ApplicationError("on purpose", value)


@activity.defn
async def heartbeat_then_retry(value: str) -> bool:
    """Heartbeat with a large detail and fail; the retry reads the detail."""
    if activity.info().attempt == 1:
        activity.heartbeat(value)
        await heartbeat_is_recorded.wait()
        raise ApplicationError("try again")
    return list(activity.info().heartbeat_details) == [value]


ACTIVITIES = [measure, make_large, fail_with_details, heartbeat_then_retry]


@workflow.defn
class Echo:
    @workflow.run
    async def run(self, value: str) -> str:
        return value


@workflow.defn
class Measure:
    """Takes a large value and returns its size, so that only the input is large."""

    @workflow.run
    async def run(self, value: str) -> int:
        return len(value)


@workflow.defn
class CallActivity:
    """Calls one activity with a value that it makes itself or was given."""

    @workflow.run
    async def run(self, name: str, value: str, local: bool) -> Any:
        if local:
            result = await workflow.execute_local_activity(
                name, value, start_to_close_timeout=TIMEOUT
            )
        else:
            result = await workflow.execute_activity(
                name,
                value,
                start_to_close_timeout=TIMEOUT,
                heartbeat_timeout=TIMEOUT,
                retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=10)),
            )
        return result if isinstance(result, (bool, int)) else len(result)


@workflow.defn
class CatchFailure:
    """Returns the size of the details of an activity's failure, then fails with them itself."""

    @workflow.run
    async def run(self, value: str) -> None:
        try:
            await workflow.execute_activity(
                fail_with_details, value, start_to_close_timeout=TIMEOUT, retry_policy=ONCE
            )
        except ActivityError as error:
            details: Any = getattr(error.cause, "details", None)
            raise ApplicationError(str(len(details[0])), *details) from None


@workflow.defn
class Mailbox:
    """Waits for messages, answers queries and updates, and ends when told."""

    def __init__(self) -> None:
        self._value = ""
        self._done = False

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self._done)
        return len(self._value)

    @workflow.signal
    def put(self, value: str) -> None:
        self._value = value

    @workflow.signal
    def finish(self) -> None:
        self._done = True

    @workflow.query
    def get(self) -> str:
        return self._value

    @workflow.query
    def equals(self, value: str) -> bool:
        return value == self._value

    @workflow.update
    def swap(self, value: str) -> str:
        before, self._value = self._value, value
        return before

    @workflow.update
    async def swap_slowly(self, value: str) -> str:
        await workflow.sleep(0.01)
        before, self._value = self._value, value
        return before


@workflow.defn
class ReadMemo:
    """Returns the size of its memo, and puts a second value beside it."""

    @workflow.run
    async def run(self, value: str) -> int:
        first = workflow.memo_value("first", type_hint=str)
        workflow.upsert_memo({"second": value})
        return len(first)


@workflow.defn
class Parent:
    @workflow.run
    async def run(self, value: str) -> bool:
        return value == await workflow.execute_child_workflow(Echo.run, value)


@workflow.defn
class GoOn:
    """Continues as new twice with a large value."""

    @workflow.run
    async def run(self, value: str, rounds: int) -> int:
        if rounds:
            workflow.continue_as_new(args=[value, rounds - 1])
        return len(value)


WORKFLOWS: list[type] = [
    Echo,
    Measure,
    CallActivity,
    CatchFailure,
    Mailbox,
    ReadMemo,
    Parent,
    GoOn,
]

slow_local_may_finish = asyncio.Event()


@activity.defn
async def slow_local(value: str) -> int:
    """Runs until its process dies, or the test lets it finish."""
    await slow_local_may_finish.wait()
    return len(value)


@workflow.defn
class SlowLocal:
    """Runs a local activity beside another, so that its task's heartbeats change the history."""

    @workflow.run
    async def run(self, value: str) -> int:
        workflow.start_activity(
            measure, "", task_queue="nobody listens", start_to_close_timeout=TIMEOUT
        )
        return await workflow.execute_local_activity(
            slow_local, value, start_to_close_timeout=TIMEOUT
        )


async def task_heartbeats(handle: WorkflowHandle[Any, Any], count: int) -> None:
    """Wait until that many workflow tasks of the workflow were completed."""

    async def completed() -> bool:
        history = await handle.fetch_history()
        kinds = [event.event_type for event in history.events]
        return kinds.count(EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED) >= count

    await eventually(completed)
