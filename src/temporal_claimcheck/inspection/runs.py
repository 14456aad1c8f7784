"""Reads a run of a workflow from Temporal, with every payload in it."""

import datetime as dt
import re
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeWorkflowExecutionRequest,
    DescribeWorkflowExecutionResponse,
)
from temporalio.client import Client

from temporal_claimcheck.errors import (
    CollectionIncomplete,
    InvalidSettings,
    NotInTemporal,
    TemporalUnavailable,
)
from temporal_claimcheck.gc.cluster import Run, Window
from temporal_claimcheck.gc.roots.connecting import connect_home
from temporal_claimcheck.gc.roots.histories import history_pages
from temporal_claimcheck.gc.roots.listings import Listings
from temporal_claimcheck.gc.roots.requests import Absence, Requests
from temporal_claimcheck.inspection.heads import Heads
from temporal_claimcheck.inspection.items import Item, RunContents, Stored, Where, item_of
from temporal_claimcheck.inspection.labels import Labels, labels_of_activity, labels_of_operation

__all__ = ["Progress", "RunReader", "connect", "tell_nobody", "with_stored"]

_REQUESTS_A_SECOND: Final = 100.0
_CONCURRENT_REQUESTS: Final = 8
_ATTEMPTS: Final = 3
_REMEDY: Final = "Look at the cluster, the namespace, and what the credentials may read."
_ANY_RUN: Final = uuid.UUID(int=0).hex

_CONNECT_ERROR: Final = re.compile(r"Failed client connect:.*message: \"([^\"]*)\".*", re.DOTALL)

Progress = Callable[[str, int], None]
"""Is told what is being done, and how much of it was done."""


def tell_nobody(what: str, seen: int) -> None:
    """Tell nobody."""
    del what, seen


async def connect(*, profile: str | None, address: str | None) -> Client:
    """Connect to a cluster, configured as every Temporal tool is.

    Raises InvalidSettings for a profile that cannot be used, TemporalUnavailable.
    """
    try:
        return await connect_home([profile] if profile else (), address=address)
    except CollectionIncomplete as error:
        raise TemporalUnavailable(_shorter(error.what), remedy=error.remedy) from error


class RunReader:
    """Reads runs of one namespace. For one event loop."""

    def __init__(self, client: Client, *, namespace: str | None = None) -> None:
        """Read by way of a client, which stays its owner's; by default its own namespace."""
        self._service = client.service_client.workflow_service
        self.namespace = namespace or client.namespace
        self._requests = Requests(
            client.service_client.config.target_host,
            max_requests_per_second=_REQUESTS_A_SECOND,
            max_concurrent_requests=_CONCURRENT_REQUESTS,
            attempts=_ATTEMPTS,
        )

    async def read(
        self, workflow_id: str, run_id: str = "", *, progress: Progress = tell_nobody
    ) -> RunContents:
        """Return a run, by default the latest; of the store nothing is known yet.

        Raises InvalidSettings for a run id that is none, NotInTemporal, TemporalUnavailable.
        """
        _check_run_id(run_id)
        place = f"workflow {workflow_id!r}{f', run {run_id},' if run_id else ''}"
        place = f"{place} of namespace {self.namespace!r}"
        try:
            description = await self._describe(workflow_id, run_id, place)
            info = description.workflow_execution_info
            run = Run(workflow_id=workflow_id, run_id=info.execution.run_id)
            labels, items, events = Labels(), list[Item](), 0
            async for event in self._events(run, place):
                events += 1
                items.extend(_numbered(labels, event))
                progress("Reading the history", events)
        except CollectionIncomplete as error:
            raise TemporalUnavailable(
                error.what,
                remedy=_REMEDY,
            ) from error
        items.extend(_pending(description))
        return RunContents(
            namespace=self.namespace,
            workflow_id=workflow_id,
            run_id=run.run_id,
            workflow_type=info.type.name,
            status=_status(info.status),
            started=_time(info.start_time),
            closed=_time(info.close_time) if info.HasField("close_time") else None,
            events=events,
            history_bytes=info.history_size_bytes,
            items=items,
        )

    def runs(self, window: Window) -> AsyncIterator[Run]:
        """Yield the runs of the namespace in a window. Raises CollectionIncomplete."""
        return Listings(self._service, self._requests).runs(self.namespace, window)

    async def has_namespace(self) -> bool:
        """Return whether the cluster has the namespace. Raises TemporalUnavailable."""
        try:
            found = await self._requests.look_up(
                "namespace",
                self._service.describe_namespace,
                DescribeNamespaceRequest(namespace=self.namespace),
                about=f"namespace {self.namespace!r}",
                none_if=Absence.NO_NAMESPACE | Absence.GONE,
            )
        except CollectionIncomplete as error:
            raise TemporalUnavailable(error.what, remedy=_REMEDY) from error
        return found is not None

    async def _describe(
        self, workflow_id: str, run_id: str, place: str
    ) -> DescribeWorkflowExecutionResponse:
        description = await self._requests.look_up(
            "describe",
            self._service.describe_workflow_execution,
            DescribeWorkflowExecutionRequest(
                namespace=self.namespace,
                execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
            ),
            about=place,
            none_if=Absence.GONE | Absence.NO_NAMESPACE,
        )
        if description is None:
            raise _gone(place)
        return description

    async def _events(self, run: Run, place: str) -> AsyncIterator[HistoryEvent]:
        async for page in history_pages(
            self._service, self._requests, self.namespace, run, place=place
        ):
            if page is None:
                raise _gone(place)
            for event in page.history.events:
                yield event


async def with_stored(
    contents: RunContents, heads: Heads, *, progress: Progress = tell_nobody
) -> RunContents:
    """Return the run with what the store says of its objects. Raises StoreError."""
    keys = [item.key for item in contents.items if item.key is not None]
    progress("Looking into the store", len(keys))
    found = await heads.read_all(keys)

    def resolved(item: Item) -> Item:
        if item.key is None:
            return item
        stored = found[item.key]
        if stored is None:
            return replace(item, where=Where.MISSING)
        if isinstance(stored, Stored):
            return replace(item, stored=stored)
        return replace(item, where=Where.DAMAGED, note=stored.code)

    return replace(contents, items=[resolved(item) for item in contents.items])


def _numbered(labels: Labels, event: HistoryEvent) -> list[Item]:
    time = _time(event.event_time)
    return [
        item_of(payload, what=what, event_id=event.event_id, number=number, time=time)
        for number, (what, payload) in enumerate(labels.of(event), 1)
    ]


def _pending(description: DescribeWorkflowExecutionResponse) -> list[Item]:
    found: list[tuple[str, Payload, Timestamp]] = []
    for activity in description.pending_activities:
        beat = activity.HasField("last_heartbeat_time")
        time = activity.last_heartbeat_time if beat else activity.scheduled_time
        found += [(what, payload, time) for what, payload in labels_of_activity(activity)]
    for operation in description.pending_nexus_operations:
        time = operation.scheduled_time
        found += [(what, payload, time) for what, payload in labels_of_operation(operation)]
    return [
        item_of(payload, what=what, event_id=None, number=number, time=_time(time))
        for number, (what, payload, time) in enumerate(found, 1)
    ]


def _gone(place: str) -> NotInTemporal:
    return NotInTemporal(
        f"Temporal has no {place}.",
        remedy="Check the ids, --namespace, and which cluster is asked (--address, --profile). "
        "Closed runs are gone when the namespace's retention is over.",
    )


def _check_run_id(run_id: str) -> None:
    try:
        uuid.UUID(run_id or _ANY_RUN)
    except ValueError as error:
        raise InvalidSettings(
            "The run id is none: it has the form 019a81f2-5c3e-7d10-8f6a-0d2f6c1b7e55.",
            remedy="`temporal workflow list` shows them; without one, the latest run is read.",
        ) from error


def _shorter(what: str) -> str:
    """Return the words of the SDK's client with nothing but the reason in them."""
    return _CONNECT_ERROR.sub(r"\1.", what)


def _status(status: "WorkflowExecutionStatus.ValueType") -> str:
    name = WorkflowExecutionStatus.Name(status)
    return name.removeprefix("WORKFLOW_EXECUTION_STATUS_").lower().replace("_", " ")


def _time(timestamp: Timestamp) -> dt.datetime:
    return timestamp.ToDatetime(tzinfo=dt.UTC)
