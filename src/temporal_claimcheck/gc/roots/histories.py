"""Reading the history of a run, whole."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EncodingType, EventType
from temporalio.api.history.v1 import History, HistoryEvent
from temporalio.api.workflowservice.v1 import (
    GetWorkflowExecutionHistoryRequest,
    GetWorkflowExecutionHistoryResponse,
)
from temporalio.service import WorkflowService

from temporal_claimcheck.errors import CollectionIncomplete
from temporal_claimcheck.gc.cluster import Run
from temporal_claimcheck.gc.roots.links import next_run_id, runs_in_event
from temporal_claimcheck.gc.roots.references import ReferenceReader
from temporal_claimcheck.gc.roots.requests import Absence, Requests

__all__ = ["HistoryReader", "ReadHistory", "history_pages"]

_CLOSING: Final = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
    }
)
# The server shows the task that is under way at the end of a history before it is part of it.
_PERHAPS_TRANSIENT: Final = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
        EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
    }
)
# As many pages without events as a server may send while it looks for more.
_EMPTY_PAGES: Final = 100
_REMEDY: Final = "Collect again. If it stays so, the history is damaged: nothing is deleted."


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadHistory:
    """What a whole history says."""

    keys: frozenset[str]
    runs: frozenset[Run]
    workflow_type: str
    last: HistoryEvent
    settled_events: int
    """Of how many events it is certain that they are part of the history and stay so."""

    @property
    def closed(self) -> dt.datetime | None:
        """When the run closed; None if it is open."""
        if self.last.event_type not in _CLOSING:
            return None
        return self.last.event_time.ToDatetime(tzinfo=dt.UTC)

    @property
    def next_run_id(self) -> str:
        """The run that goes on after this one: continued as new, retried, by cron; or none."""
        return next_run_id(self.last)


class HistoryReader:
    """Reads histories page by page, and keeps nothing but what they refer to."""

    def __init__(
        self,
        service: WorkflowService,
        requests: Requests,
        references: ReferenceReader,
        *,
        max_histories: int,
    ) -> None:
        """Read at most so many at once; each takes the memory of one page."""
        self._service = service
        self._requests = requests
        self._references = references
        self._permits = asyncio.Semaphore(max_histories)

    async def read(self, namespace: str, run: Run, *, place: str) -> ReadHistory | None:
        """Read a run's history from its first event to its last; None if the run is gone.

        Without a run id it is the latest run's. Raises CollectionIncomplete.
        """
        async with self._permits:
            return await self._read(namespace, run, place)

    async def _read(self, namespace: str, run: Run, place: str) -> ReadHistory | None:
        keys: set[str] = set()
        runs: set[Run] = set()
        workflow_type = ""
        last: HistoryEvent | None = None
        settled = 0
        async for page in history_pages(self._service, self._requests, namespace, run, place=place):
            if page is None:
                return None
            for event in page.history.events:
                if event.event_id != (1 if last is None else last.event_id + 1):
                    raise CollectionIncomplete(
                        f"The history of {place} came with events missing.", remedy=_REMEDY
                    )
                runs.update(runs_in_event(event, run.workflow_id, namespace))
                if last is None:
                    started = event.workflow_execution_started_event_attributes
                    workflow_type = started.workflow_type.name
                if event.event_type not in _PERHAPS_TRANSIENT:
                    settled = event.event_id
                last = event
            keys |= await self._references.keys_in_all([*page.history.events], place=place)
            del page.history.events[:]
            # What a newer server may send beside the events.
            keys |= await self._references.keys_in(page, place=place)
        if last is None:
            raise CollectionIncomplete(f"The history of {place} came empty.", remedy=_REMEDY)
        return ReadHistory(
            keys=frozenset(keys),
            runs=frozenset(runs - {run}),
            workflow_type=workflow_type,
            last=last,
            settled_events=settled,
        )


async def history_pages(
    service: WorkflowService, requests: Requests, namespace: str, run: Run, *, place: str
) -> AsyncIterator[GetWorkflowExecutionHistoryResponse | None]:
    """Yield the pages of a run's history; None if the run is gone, be it in the middle of it.

    Raises CollectionIncomplete; `place` says there whose history it is.
    """
    token = b""
    empty = 0
    while True:
        page = await requests.look_up(
            "history",
            service.get_workflow_execution_history,
            GetWorkflowExecutionHistoryRequest(
                namespace=namespace,
                execution=WorkflowExecution(workflow_id=run.workflow_id, run_id=run.run_id),
                next_page_token=token,
                # A run that is only in the archive is gone: nothing runs or resets it.
                skip_archival=True,
            ),
            about=place,
            none_if=Absence.GONE,
        )
        if page is None:
            yield None
            return
        if page.raw_history:
            page.history.CopyFrom(_parsed(page, place))
            page.ClearField("raw_history")
        is_empty = not page.history.events
        yield page
        if not page.next_page_token:
            return
        empty += is_empty
        if page.next_page_token == token or empty > _EMPTY_PAGES:
            raise CollectionIncomplete(
                f"The pages of the history of {place} do not end.", remedy=_REMEDY
            )
        token = page.next_page_token


def _parsed(page: GetWorkflowExecutionHistoryResponse, place: str) -> History:
    """Return the events of a page that came as the server stores them."""
    history = History()
    for blob in page.raw_history:
        try:
            if blob.encoding_type != EncodingType.ENCODING_TYPE_PROTO3:
                raise DecodeError("of another encoding")
            history.MergeFromString(blob.data)
        except DecodeError as error:
            raise CollectionIncomplete(
                f"The history of {place} came in a form that cannot be read.",
                remedy="Turn frontend.sendRawWorkflowHistory off on the server, or upgrade "
                "temporalio here.",
            ) from error
    return history
