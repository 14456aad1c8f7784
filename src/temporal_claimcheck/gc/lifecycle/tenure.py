"""Reads from Temporal for how long a namespace holds on to claims.

Few requests, whatever the size: what is open is listed and described one by one, up to a limit,
and of what is closed the server only counts. What cannot be read is an error, never left out.
"""

import asyncio
import datetime as dt
import heapq
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.activity.v1 import ActivityExecutionListInfo
from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.enums.v1 import ContinueAsNewInitiator
from temporalio.api.schedule.v1 import ScheduleListEntry
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import (
    CountWorkflowExecutionsRequest,
    DescribeActivityExecutionRequest,
    DescribeNamespaceRequest,
    DescribeScheduleRequest,
    DescribeWorkflowExecutionRequest,
    DescribeWorkflowExecutionResponse,
    GetWorkflowExecutionHistoryRequest,
    ListActivityExecutionsRequest,
    ListSchedulesRequest,
    ListWorkflowExecutionsRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from temporal_claimcheck import payloads
from temporal_claimcheck.errors import CollectionIncomplete, InvalidClaim
from temporal_claimcheck.gc.lifecycle.expiry import OpenRun, ScheduleUse, Tenure

__all__ = ["DEFAULT_MAX_RUNS", "TemporalTenures", "TenureOf", "Tenures", "unreadable"]

T = TypeVar("T")
R = TypeVar("R")

DEFAULT_MAX_RUNS: Final = 10_000
"""Open runs that are looked at in a namespace, the oldest first."""

_OPEN: Final = "CloseTime is null"
_CLOSED: Final = "CloseTime is not null"
_OPEN_ACTIVITIES: Final = 'ExecutionStatus = "Running"'
_PAGE: Final = 1000
_SCHEDULES_A_PAGE: Final = 500
_AT_ONCE: Final = 8
_REQUEST: Final = dt.timedelta(seconds=30)
_LONGEST_HOURS: Final = 24 * 366 * 20
# What these encodings carry is the data itself, small enough not to be stored.
_INLINE: Final = frozenset(
    (
        b"binary/null",
        b"binary/plain",
        b"binary/protobuf",
        b"json/plain",
        b"json/protobuf",
        payloads.ENCRYPTED_ENCODING,
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TenureOf:
    """A namespace as its cluster knows it."""

    namespace_id: str
    tenure: Tenure


class Tenures(Protocol):
    """Tells for how long namespaces hold on to claims. Raises CollectionIncomplete."""

    async def read(self, namespace: str) -> TenureOf | None:
        """Return what a namespace holds; None if there is none of that name."""
        ...


class TemporalTenures:
    """Asks a Temporal cluster."""

    def __init__(self, client: Client, *, max_runs: int = DEFAULT_MAX_RUNS) -> None:
        """Use a client, whose own namespace does not matter."""
        self._service = client.workflow_service
        self._max_runs = max_runs
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def read(self, namespace: str) -> TenureOf | None:
        """See Tenures."""
        async with _translated(f"read namespace {namespace}"):
            described = await _unless_gone(
                self._ask(
                    self._service.describe_namespace, DescribeNamespaceRequest(namespace=namespace)
                )
            )
            if described is None:
                return None
            # Schedules before runs: one that is removed meanwhile has started its runs by then.
            schedules = await self._schedules(namespace)
            infos, total = await self._open(namespace)
            runs = await self._all_of(self._open_run(namespace, info) for info in infos)
            activities = await self._activities(namespace)
            retention = described.config.workflow_execution_retention_ttl.ToTimedelta()
            tenure = Tenure(
                namespace=namespace,
                retention=retention,
                open_runs=(*(run for run in runs if run is not None), *activities),
                not_looked_at=total - len(infos),
                longest_closed=await self._longest_closed(namespace),
                schedules=schedules,
            )
        return TenureOf(namespace_id=described.namespace_info.id, tenure=tenure)

    async def _ask(self, method: Callable[..., Awaitable[T]], request: object) -> T:
        async with self._turn:
            return await method(request, retry=True, timeout=_REQUEST)

    async def _all_of(self, calls: Iterable[Awaitable[T]]) -> list[T]:
        return list(await asyncio.gather(*calls))

    async def _open(self, namespace: str) -> tuple[list[WorkflowExecutionInfo], int]:
        """Return the oldest open runs, and how many there are."""
        oldest: list[tuple[float, int, WorkflowExecutionInfo]] = []
        token, total = b"", 0
        while True:
            page = await self._ask(
                self._service.list_workflow_executions,
                ListWorkflowExecutionsRequest(
                    namespace=namespace, page_size=_PAGE, next_page_token=token, query=_OPEN
                ),
            )
            for info in page.executions:
                total += 1
                entry = (-info.start_time.ToNanoseconds(), total, info)
                if len(oldest) < self._max_runs:
                    heapq.heappush(oldest, entry)
                else:
                    heapq.heappushpop(oldest, entry)
            token = page.next_page_token
            if not token:
                return [info for _, _, info in sorted(oldest, reverse=True)], total

    async def _open_run(self, namespace: str, info: WorkflowExecutionInfo) -> OpenRun | None:
        described = await self._describe(namespace, info.execution)
        if described is None:
            return None  # deleted since it was listed
        info, further = described.workflow_execution_info, described.workflow_extended_info
        ends = _time(further.execution_expiration_time)
        return OpenRun(
            workflow_id=info.execution.workflow_id,
            run_id=info.execution.run_id,
            kind=info.type.name,
            began=await self._began(namespace, described, ends),
            ends=ends,
        )

    async def _began(
        self, namespace: str, described: DescribeWorkflowExecutionResponse, ends: dt.datetime | None
    ) -> dt.datetime | None:
        """Return since when the oldest claim in a run may be there."""
        info = described.workflow_execution_info
        start = _start(described)
        if not info.first_run_id or info.first_run_id == info.execution.run_id:
            return start
        if ends is not None:
            timeout = described.execution_config.workflow_execution_timeout.ToTimedelta()
            return min(start, ends - timeout)
        # A retry, and each run of a cron, has the very input of the first run.
        execution = WorkflowExecution(
            workflow_id=info.execution.workflow_id, run_id=info.first_run_id
        )
        first = await self._describe(namespace, execution)
        if first is not None:
            return min(start, _start(first))
        history = await self._ask(
            self._service.get_workflow_execution_history,
            GetWorkflowExecutionHistoryRequest(
                namespace=namespace, execution=info.execution, maximum_page_size=1
            ),
        )
        event = history.history.events[0].workflow_execution_started_event_attributes
        # A workflow that continues itself hands its input in anew. What the server copies by
        # itself is the memo, and the input of a retry or a cron.
        continued = ContinueAsNewInitiator.CONTINUE_AS_NEW_INITIATOR_WORKFLOW
        return start if event.initiator == continued and not event.memo.fields else None

    async def _describe(
        self, namespace: str, execution: WorkflowExecution
    ) -> DescribeWorkflowExecutionResponse | None:
        return await _unless_gone(
            self._ask(
                self._service.describe_workflow_execution,
                DescribeWorkflowExecutionRequest(namespace=namespace, execution=execution),
            )
        )

    async def _activities(self, namespace: str) -> list[OpenRun]:
        """Return the standalone activities that are open."""
        found: list[ActivityExecutionListInfo] = []
        token = b""
        try:
            while True:
                page = await self._ask(
                    self._service.list_activity_executions,
                    ListActivityExecutionsRequest(
                        namespace=namespace,
                        page_size=_PAGE,
                        next_page_token=token,
                        query=_OPEN_ACTIVITIES,
                    ),
                )
                found += page.executions
                token = page.next_page_token
                if not token:
                    break
        except RPCError as error:
            if error.status is not RPCStatusCode.UNIMPLEMENTED:
                raise
            return []
        return await self._all_of(self._activity(namespace, each) for each in found)

    async def _activity(self, namespace: str, info: ActivityExecutionListInfo) -> OpenRun:
        described = await _unless_gone(
            self._ask(
                self._service.describe_activity_execution,
                DescribeActivityExecutionRequest(
                    namespace=namespace, activity_id=info.activity_id, run_id=info.run_id
                ),
            )
        )
        ends = None if described is None else _time(described.info.expiration_time)
        return OpenRun(
            workflow_id=info.activity_id,
            run_id=info.run_id,
            kind=f"activity {info.activity_type.name}",
            began=_time(info.schedule_time),
            ends=ends,
        )

    async def _schedules(self, namespace: str) -> list[ScheduleUse]:
        entries: list[ScheduleListEntry] = []
        token = b""
        while True:
            page = await self._ask(
                self._service.list_schedules,
                ListSchedulesRequest(
                    namespace=namespace,
                    maximum_page_size=_SCHEDULES_A_PAGE,
                    next_page_token=token,
                ),
            )
            entries += page.schedules
            token = page.next_page_token
            if not token:
                break
        found = await self._all_of(self._schedule(namespace, each.schedule_id) for each in entries)
        return [each for each in found if each is not None]

    async def _schedule(self, namespace: str, schedule_id: str) -> ScheduleUse | None:
        described = await _unless_gone(
            self._ask(
                self._service.describe_schedule,
                DescribeScheduleRequest(namespace=namespace, schedule_id=schedule_id),
            )
        )
        if described is None:
            return None
        start = described.schedule.action.start_workflow
        held: list[Payload] = [
            *start.input.payloads,
            *_values(start.memo.fields),
            *_values(start.header.fields),
        ]
        answers = [_refers(payload) for payload in held]
        if not any(answer is not False for answer in answers):
            return None
        # Its update keeps what it does not change, so the claims may be as old as the schedule.
        return ScheduleUse(
            schedule_id=schedule_id,
            created=_time(described.info.create_time),
            certain=any(answers),
        )

    async def _longest_closed(self, namespace: str) -> dt.timedelta:
        """Return the longest life of a closed run, rounded up to an hour."""
        low, high = 0, 1
        if not await self._lived_longer(namespace, 0):
            return dt.timedelta()
        while await self._lived_longer(namespace, high):
            low, high = high, 2 * high
            if high > _LONGEST_HOURS:
                break
        while high - low > 1:
            middle = (low + high) // 2
            if await self._lived_longer(namespace, middle):
                low = middle
            else:
                high = middle
        return dt.timedelta(hours=high)

    async def _lived_longer(self, namespace: str, hours: int) -> bool:
        query = f'{_CLOSED} AND ExecutionDuration > "{hours}h"'
        answer = await self._ask(
            self._service.count_workflow_executions,
            CountWorkflowExecutionsRequest(namespace=namespace, query=query),
        )
        return answer.count > 0


def unreadable(what: str, why: str) -> CollectionIncomplete:
    """Return the error for what Temporal did not tell."""
    return CollectionIncomplete(
        f"It was not possible to {what}: {why}.",
        remedy="Check the address, the credentials (TEMPORAL_ADDRESS, TEMPORAL_API_KEY, or your "
        "profile) and the rights to the namespace.",
    )


@asynccontextmanager
async def _translated(what: str) -> AsyncGenerator[None]:
    try:
        yield
    except RPCError as error:
        raise unreadable(what, f"{error.status.name}: {error.message}") from error
    except RuntimeError as error:
        # A client that is lazy connects at its first request, and has no error of its own.
        raise unreadable(what, str(error)) from error


async def _unless_gone(call: Awaitable[R]) -> R | None:
    try:
        return await call
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None


def _start(described: DescribeWorkflowExecutionResponse) -> dt.datetime:
    info, further = described.workflow_execution_info, described.workflow_extended_info
    start = info.start_time.ToDatetime(dt.UTC)
    # A reset run begins with the history of the run that was reset.
    return min(start, _time(further.original_start_time) or start)


def _time(moment: Timestamp) -> dt.datetime | None:
    return moment.ToDatetime(dt.UTC) if moment.ToNanoseconds() else None


def _values(fields: Mapping[str, Any]) -> list[Payload]:
    return list(fields.values())


def _refers(payload: Payload) -> bool | None:
    """Return whether a payload refers to one of our objects; None if that cannot be seen."""
    if payloads.is_claim_payload(payload):
        return True
    if payloads.is_storage_reference(payload):
        try:
            return payloads.reference_in(payload).driver_name == payloads.DRIVER_NAME
        except InvalidClaim:
            return None
    if not payload.external_payloads and payload.metadata.get("encoding") in _INLINE:
        return False
    return None
