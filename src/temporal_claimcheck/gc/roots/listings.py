"""Listing what a namespace holds, page after page to the end."""

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Final, TypeVar

from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import (
    ListActivityExecutionsRequest,
    ListNexusOperationExecutionsRequest,
    ListSchedulesRequest,
    ListWorkflowExecutionsRequest,
)
from temporalio.service import WorkflowService

from temporal_claimcheck.errors import CollectionIncomplete
from temporal_claimcheck.gc.cluster import (
    ClosedBetween,
    Kind,
    Open,
    Run,
    StartedSince,
    Window,
)
from temporal_claimcheck.gc.roots.requests import Absence, Requests

__all__ = ["Listings"]

T = TypeVar("T")
_Page = tuple[Iterable[T], bytes]
"""What a page holds, and the token of the next."""

_PAGE: Final = 1000
# A server may send pages without content while it looks for more, but not for ever.
_EMPTY_PAGES: Final = 1000
_DIVISION: Final = "TemporalNamespaceDivision"
# All that a run cannot leave. Any other status is open, also one that is not known here.
_OPEN: Final = (
    "ExecutionStatus NOT IN "
    "('Completed', 'Failed', 'Canceled', 'Terminated', 'ContinuedAsNew', 'TimedOut')"
)
# The server's own workflows are listed only if the query names their division. One of them is
# the batch operation, which holds a signal's arguments until every workflow has them.
_EVERYWHERE: Final = f"({_DIVISION} IS NULL OR {_DIVISION} IS NOT NULL)"
# Read with its schedule.
_SCHEDULERS: Final = frozenset({b"TemporalScheduler", b"TemporalSchedulerSentinel"})


class Listings:
    """Lists runs, schedules and executions. Raises CollectionIncomplete for a list without end."""

    def __init__(self, service: WorkflowService, requests: Requests) -> None:
        self._service = service
        self._requests = requests

    def runs(self, namespace: str, window: Window) -> AsyncIterator[Run]:
        """Yield the runs in a window."""
        about = f"the runs of namespace {namespace!r}"
        query = _query(window)

        async def page(token: bytes) -> "_Page[Run]":
            answer = await self._requests.ask(
                "list",
                self._service.list_workflow_executions,
                ListWorkflowExecutionsRequest(
                    namespace=namespace, page_size=_PAGE, query=query, next_page_token=token
                ),
                about=about,
            )
            found = (
                Run(workflow_id=each.execution.workflow_id, run_id=each.execution.run_id)
                for each in answer.executions
                if _is_run(each)
            )
            return found, answer.next_page_token

        return _all(page, about)

    def others(
        self, namespace: str, kind: Kind, *, is_supported: bool
    ) -> AsyncIterator[tuple[str, str]]:
        """Yield what holds references besides runs: the id, and the run id where there is one.

        Nothing if the cluster says that it knows no such, unless it `is_supported`.
        """
        about = f"the {kind.value} list of namespace {namespace!r}"
        # A gateway that answers in the server's place says the same as a server without them.
        none_if = Absence.NOTHING if is_supported else Absence.UNSUPPORTED
        fetch = {
            Kind.SCHEDULE: self._schedules,
            Kind.ACTIVITY: self._activities,
            Kind.NEXUS_OPERATION: self._nexus_operations,
        }[kind]
        return _all(lambda token: fetch(namespace, token, about, none_if), about)

    async def _schedules(
        self, namespace: str, token: bytes, about: str, none_if: Absence
    ) -> _Page[tuple[str, str]]:
        answer = await self._requests.look_up(
            "list",
            self._service.list_schedules,
            ListSchedulesRequest(
                namespace=namespace, maximum_page_size=_PAGE, next_page_token=token
            ),
            about=about,
            none_if=none_if,
        )
        if answer is None:
            return (), b""
        return ((each.schedule_id, "") for each in answer.schedules), answer.next_page_token

    async def _activities(
        self, namespace: str, token: bytes, about: str, none_if: Absence
    ) -> _Page[tuple[str, str]]:
        answer = await self._requests.look_up(
            "list",
            self._service.list_activity_executions,
            ListActivityExecutionsRequest(
                namespace=namespace, page_size=_PAGE, next_page_token=token
            ),
            about=about,
            none_if=none_if,
        )
        if answer is None:
            return (), b""
        return ((each.activity_id, each.run_id) for each in answer.executions), (
            answer.next_page_token
        )

    async def _nexus_operations(
        self, namespace: str, token: bytes, about: str, none_if: Absence
    ) -> _Page[tuple[str, str]]:
        answer = await self._requests.look_up(
            "list",
            self._service.list_nexus_operation_executions,
            ListNexusOperationExecutionsRequest(
                namespace=namespace, page_size=_PAGE, next_page_token=token
            ),
            about=about,
            none_if=none_if,
        )
        if answer is None:
            return (), b""
        return ((each.operation_id, each.run_id) for each in answer.operations), (
            answer.next_page_token
        )


async def _all(fetch: Callable[[bytes], Awaitable[_Page[T]]], about: str) -> AsyncIterator[T]:
    """Yield what all pages hold. Raises CollectionIncomplete if they do not end."""
    token = b""
    # A page's token is new, or the pages go round. Of long tokens the hash is enough.
    seen: set[int] = set()
    empty = 0
    while True:
        items, next_token = await fetch(token)
        is_empty = True
        for item in items:
            is_empty = False
            yield item
        if not next_token:
            return
        empty += is_empty
        if hash(next_token) in seen or empty > _EMPTY_PAGES:
            raise CollectionIncomplete(
                f"The pages of {about} do not end.",
                remedy="Look at the cluster's visibility store, then collect again.",
            )
        seen.add(hash(next_token))
        token = next_token


def _query(window: Window) -> str:
    match window:
        case Open():
            return f"{_OPEN} AND {_EVERYWHERE}"
        case ClosedBetween():
            since = "" if window.start is None else f"CloseTime >= '{_time(window.start)}' AND "
            return f"{since}CloseTime < '{_time(window.end)}'"
        case StartedSince():
            return f"StartTime >= '{_time(window.start)}' AND {_EVERYWHERE}"


def _time(time: dt.datetime) -> str:
    return time.astimezone(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _is_run(info: WorkflowExecutionInfo) -> bool:
    """Return whether this is a workflow with a history of its own to be read."""
    division = info.search_attributes.indexed_fields.get(_DIVISION)
    if division is None:
        return True
    name = division.data.strip(b'"')
    # A division of digits only holds executions that are no workflows; they are listed as what
    # they are: activities, operations, schedules.
    return not name.isdigit() and name not in _SCHEDULERS
