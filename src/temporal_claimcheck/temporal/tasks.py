"""Tells the doors which task of a worker they work for.

The SDK decodes and encodes around activities and workflow tasks without saying how long the task
may take, whether another attempt follows, or that it was cancelled. All of that comes with the
task from Temporal, so this listens where the worker begins with one. These places are private to
the SDK; where a release has moved them, tasks do without, and the log says so.
"""

import asyncio
import dataclasses
import logging
import math
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.duration_pb2 import Duration
from temporalio.api.common.v1 import Payload
from temporalio.bridge.proto import ActivityHeartbeat
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    Worker,
)

from temporal_claimcheck.temporal.patience import (
    CURRENT_TASK,
    ActivityAttempt,
    Outages,
    PayloadUnavailable,
    Task,
    TimeLimit,
    WorkflowTask,
)
from temporal_claimcheck.tracing.parents import Carrier, parent_in, under

if TYPE_CHECKING:
    from temporalio.bridge.proto.activity_task import Start
    from temporalio.bridge.proto.workflow_activation import WorkflowActivation

__all__ = ["OwnCode", "watch_tasks"]

logger = logging.getLogger(__name__)

# Temporal's default, for a workflow whose beginning was not seen.
_WORKFLOW_TASK_SECONDS: Final = 10.0


def watch_tasks(worker: Worker, *, wait_seconds: float) -> None:
    """Let the doors of a worker know its tasks from now on; attempts wait that long at most."""
    known: Any = worker
    try:
        if known._activity_worker is not None:
            _Activities(known._activity_worker, wait_seconds)
        if known._workflow_worker is not None:
            _WorkflowTasks(known._workflow_worker)
    except AttributeError:
        logger.warning(
            "This release of temporalio does not tell about its tasks: activities fail at once "
            "when the store does, and do not wait for it",
            exc_info=True,
        )


class OwnCode(Interceptor):
    """Keeps the code of activities out of it: what they ask a client for is theirs."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """See Interceptor."""
        return _OwnCode(next)


class _OwnCode(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401
        with _current(None), under(None):
            return await super().execute_activity(input)


class _WorkflowTasks:
    """Sets the current task for each activation of a workflow worker."""

    def __init__(self, worker: Any) -> None:  # noqa: ANN401
        self._handle: Callable[[WorkflowActivation], Awaitable[None]] = worker._handle_activation
        self._seconds: dict[str, float] = {}
        self._parents: dict[str, Carrier | None] = {}
        worker._handle_activation = self._handle_activation

    async def _handle_activation(self, activation: "WorkflowActivation") -> None:
        for job in activation.jobs:
            if job.HasField("initialize_workflow"):
                seconds = _seconds(job.initialize_workflow.workflow_task_timeout)
                self._seconds[activation.run_id] = seconds or _WORKFLOW_TASK_SECONDS
                self._parents[activation.run_id] = parent_in(job.initialize_workflow.headers)
            elif job.HasField("remove_from_cache"):
                self._seconds.pop(activation.run_id, None)
                self._parents.pop(activation.run_id, None)
        limit = TimeLimit(
            began=asyncio.get_running_loop().time(),
            seconds=self._seconds.get(activation.run_id, _WORKFLOW_TASK_SECONDS),
        )
        parent = self._parents.get(activation.run_id)
        with _current(WorkflowTask(limit)), under(parent):
            await self._handle(activation)


class _Activities:
    """Sets the current task for each attempt of an activity, and for each of its heartbeats."""

    def __init__(self, worker: Any, wait_seconds: float) -> None:  # noqa: ANN401
        self._handle: Callable[[bytes, Start, Any], Awaitable[None]] = (
            worker._handle_start_activity_task
        )
        self._heartbeat: Callable[..., None] = worker._heartbeat
        self._bridge: Callable[[], Any] = worker._bridge_worker
        self._wait_seconds = wait_seconds
        self._outages = Outages()
        self._running: dict[bytes, _Running] = {}
        worker._handle_start_activity_task = self._handle_start
        worker._heartbeat = self._handle_heartbeat
        worker._bridge_worker = lambda: _Bridge(self._bridge(), self._note_heartbeat)

    async def _handle_start(self, token: bytes, start: "Start", running: Any) -> None:  # noqa: ANN401
        def is_stopped() -> bool:
            event = running.cancelled_event
            return event is not None and event.is_set()

        limit = TimeLimit(began=asyncio.get_running_loop().time(), seconds=_seconds_for(start))
        attempt = ActivityAttempt(
            limit=limit,
            wait_seconds=self._wait_seconds,
            is_last=_is_last(start),
            may_fail_to_be_seen=_may_fail_to_be_seen(start, limit.seconds),
            is_stopped=is_stopped,
            outages=self._outages,
            # A local activity has none.
            heartbeat_seconds=_seconds(start.heartbeat_timeout),
            heartbeat=lambda: self._repeat_heartbeat(token),
        )
        self._running[token] = _Running(
            heartbeats=dataclasses.replace(
                attempt, is_heartbeat=True, is_stopped=lambda: running.done
            ),
            details=list(start.heartbeat_details),
        )
        try:
            with _current(attempt), under(parent_in(start.header_fields)):
                await self._handle(token, start, running)
        finally:
            del self._running[token]

    def _handle_heartbeat(self, token: bytes, *details: Any) -> None:  # noqa: ANN401
        running = self._running.get(token)
        # The SDK encodes in a task of its own, which takes the context from here.
        with _current(running and running.heartbeats):
            self._heartbeat(token, *details)

    def _note_heartbeat(self, heartbeat: ActivityHeartbeat) -> None:
        running = self._running.get(heartbeat.task_token)
        if running is not None:
            running.details = list(heartbeat.details)

    def _repeat_heartbeat(self, token: bytes) -> None:
        running = self._running.get(token)
        # A heartbeat may still be on its way when the attempt is over.
        if running is not None:
            # With the details as they came, for Temporal forgets those that are not sent again.
            heartbeat = ActivityHeartbeat(task_token=token, details=running.details)
            self._bridge().record_activity_heartbeat(heartbeat)


@dataclasses.dataclass(slots=True, kw_only=True)
class _Running:
    heartbeats: ActivityAttempt
    """What a heartbeat of the attempt is encoded for."""
    details: list[Payload]
    """Of the last heartbeat, as Temporal has them."""


class _Bridge:
    """The SDK's way to its core, and a look at the heartbeats that go there."""

    def __init__(self, bridge: Any, note: Callable[[ActivityHeartbeat], None]) -> None:  # noqa: ANN401
        self._bridge = bridge
        self._note = note

    def record_activity_heartbeat(self, heartbeat: ActivityHeartbeat) -> None:
        self._note(heartbeat)
        self._bridge.record_activity_heartbeat(heartbeat)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._bridge, name)


def _seconds_for(start: "Start") -> float:
    """Return how long the attempt may take: its own time, or what is left for all of them."""
    limits = [_seconds(start.start_to_close_timeout), _seconds_left(start)]
    return min((limit for limit in limits if limit is not None), default=math.inf)


def _seconds_left(start: "Start") -> float | None:
    """Return how long all attempts together may still take."""
    seconds = _seconds(start.schedule_to_close_timeout)
    if seconds is None:
        return None
    # Both by Temporal's clock, which may not be ours.
    gone = start.started_time.ToDatetime() - start.scheduled_time.ToDatetime()
    return max(0.0, seconds - gone.total_seconds())


def _is_last(start: "Start") -> bool:
    most = start.retry_policy.maximum_attempts
    return not start.HasField("retry_policy") or 0 < most <= start.attempt


def _may_fail_to_be_seen(start: "Start", seconds: float) -> bool:
    """Return whether the attempt is the first of any number.

    Then failing costs nothing, and lets the reason be seen in Temporal's UI.
    """
    policy, left = start.retry_policy, _seconds_left(start)
    pause = _seconds(policy.initial_interval) or 0.0
    return (
        start.HasField("retry_policy")
        and start.attempt == 1
        and not policy.maximum_attempts
        and not start.is_local
        and PayloadUnavailable.__name__ not in policy.non_retryable_error_types
        and (left is None or left > pause + seconds)
    )


def _seconds(duration: Duration) -> float | None:
    """Return a time that Temporal states; None for one that it leaves open."""
    return duration.ToTimedelta().total_seconds() or None


@contextmanager
def _current(task: Task | None) -> Generator[None]:
    before = CURRENT_TASK.set(task)
    try:
        yield
    finally:
        CURRENT_TASK.reset(before)
