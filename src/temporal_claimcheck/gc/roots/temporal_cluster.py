"""A Temporal cluster as the collector sees it, through the public interface of its server.

Of a run that is closed the history is read and nothing else: all that a closed run can still give
anybody is in it. What only `describe` shows of one is dead: the last heartbeat of an activity that
the run left behind goes to no attempt any more, and memo and user metadata are in the history too.
Of a run that is open, `describe` shows what is not in the history yet: heartbeat details and last
failures of activities that will be tried again.
"""

from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType
from typing import Final

from google.protobuf.message import Message
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import (
    DescribeActivityExecutionRequest,
    DescribeNamespaceRequest,
    DescribeNamespaceResponse,
    DescribeNexusOperationExecutionRequest,
    DescribeWorkflowExecutionRequest,
)
from temporalio.service import ServiceClient

from temporal_claimcheck.gc.cluster import Kind, Namespace, Run, RunReferences, Window
from temporal_claimcheck.gc.roots.histories import HistoryReader
from temporal_claimcheck.gc.roots.links import runs_in_description
from temporal_claimcheck.gc.roots.listings import Listings
from temporal_claimcheck.gc.roots.references import Decrypt, ReferenceReader
from temporal_claimcheck.gc.roots.requests import Absence, Requests
from temporal_claimcheck.gc.roots.schedules import ScheduleReader

__all__ = ["TemporalCluster"]

_REQUESTS_A_SECOND: Final = 100.0
_CONCURRENT_REQUESTS: Final = 8
_ATTEMPTS: Final = 8


class TemporalCluster:
    """Implements Cluster. For one event loop; safe for concurrent use on it."""

    def __init__(
        self,
        service: ServiceClient,
        *,
        decrypt: Decrypt,
        name: str | None = None,
        max_requests_per_second: float = _REQUESTS_A_SECOND,
        max_concurrent_requests: int = _CONCURRENT_REQUESTS,
        attempts: int = _ATTEMPTS,
    ) -> None:
        """Read by way of a client's `service_client`, which stays its owner's.

        `decrypt` opens what is encrypted in place, of every namespace. `name` is for people to
        read; the address without one. As many histories are read at once as requests are made,
        each in the memory of one page, which may be 40 MB where payloads were never offloaded.
        A request that fails in passing is tried `attempts` times.
        """
        self._name = name or service.config.target_host
        self._service = service.workflow_service
        self._requests = Requests(
            self._name,
            max_requests_per_second=max_requests_per_second,
            max_concurrent_requests=max_concurrent_requests,
            attempts=attempts,
        )
        self._references = ReferenceReader(decrypt)
        self._histories = HistoryReader(
            self._service,
            self._requests,
            self._references,
            max_histories=max_concurrent_requests,
        )
        self._schedules = ScheduleReader(
            self._service, self._requests, self._references, self._histories
        )
        self._listings = Listings(self._service, self._requests)

    @property
    def name(self) -> str:
        """Which cluster this is, for people to read."""
        return self._name

    @property
    def requests(self) -> Mapping[str, int]:
        """How many requests were made so far: `namespace`, `list`, `history`, `describe`."""
        return MappingProxyType(self._requests.counts)

    async def namespace(self, name: str) -> Namespace | None:
        """See Cluster."""
        answer = await self._describe_namespace(name)
        if answer is None:
            return None
        return Namespace(
            name=answer.namespace_info.name,
            id=answer.namespace_info.id,
            retention=answer.config.workflow_execution_retention_ttl.ToTimedelta(),
        )

    def runs(self, namespace: str, window: Window) -> AsyncIterator[Run]:
        """See Cluster."""
        return self._listings.runs(namespace, window)

    async def run(self, namespace: str, run: Run) -> RunReferences | None:
        """See Cluster."""
        place = f"workflow {run.workflow_id!r}, run {run.run_id}, of namespace {namespace!r}"
        history = await self._histories.read(namespace, run, place=place)
        if history is None:
            return None
        keys, runs = history.keys, history.runs
        if history.closed is None:
            description = await self._requests.look_up(
                "describe",
                self._service.describe_workflow_execution,
                DescribeWorkflowExecutionRequest(
                    namespace=namespace,
                    execution=WorkflowExecution(workflow_id=run.workflow_id, run_id=run.run_id),
                ),
                about=place,
                none_if=Absence.GONE,
            )
            if description is None:
                return None
            keys |= await self._references.keys_in(description, place=place)
            runs |= {*runs_in_description(description, run.workflow_id)} - {run}
            if description.workflow_execution_info.history_length > history.settled_events:
                # What the history did not have yet when it was read, and the description no
                # longer had, is in the history now: it only grows.
                history = await self._histories.read(namespace, run, place=place)
                if history is None:
                    return None
                keys, runs = keys | history.keys, runs | history.runs
        return RunReferences(
            keys=keys, runs=runs, is_closed=history.closed is not None, closed=history.closed
        )

    async def others(self, namespace: str, kind: Kind) -> AsyncIterator[str]:
        """See Cluster. Of an execution the id is its own and, after a space, that of its run."""
        description = await self._describe_namespace(namespace)
        is_supported = description is not None and _supports(description, kind)
        async for name, run_id in self._listings.others(namespace, kind, is_supported=is_supported):
            yield name if kind is Kind.SCHEDULE else f"{name} {run_id}"

    async def other(self, namespace: str, kind: Kind, id: str) -> frozenset[str] | None:  # noqa: A002
        """See Cluster."""
        if kind is Kind.SCHEDULE:
            return await self._schedules.keys(namespace, id)
        name, _, run_id = id.rpartition(" ")
        place = f"{kind.value} {name!r}, run {run_id}, of namespace {namespace!r}"
        description: Message | None
        if kind is Kind.ACTIVITY:
            description = await self._requests.look_up(
                "describe",
                self._service.describe_activity_execution,
                DescribeActivityExecutionRequest(
                    namespace=namespace,
                    activity_id=name,
                    run_id=run_id,
                    include_input=True,
                    include_outcome=True,
                    include_heartbeat_details=True,
                    include_last_failure=True,
                ),
                about=place,
                none_if=Absence.GONE,
            )
        else:
            description = await self._requests.look_up(
                "describe",
                self._service.describe_nexus_operation_execution,
                DescribeNexusOperationExecutionRequest(
                    namespace=namespace,
                    operation_id=name,
                    run_id=run_id,
                    include_input=True,
                    include_outcome=True,
                ),
                about=place,
                none_if=Absence.GONE,
            )
        if description is None:
            return None
        return await self._references.keys_in(description, place=place)

    def release(self) -> None:
        """Let idle threads end; they start anew when they are needed."""
        self._references.release()

    async def _describe_namespace(self, name: str) -> DescribeNamespaceResponse | None:
        return await self._requests.look_up(
            "namespace",
            self._service.describe_namespace,
            DescribeNamespaceRequest(namespace=name),
            about=f"namespace {name!r}",
            none_if=Absence.NO_NAMESPACE | Absence.GONE,
        )


def _supports(namespace: DescribeNamespaceResponse, kind: Kind) -> bool:
    info = namespace.namespace_info
    match kind:
        case Kind.SCHEDULE:
            return info.supports_schedules
        case Kind.ACTIVITY:
            return info.capabilities.standalone_activities
        case Kind.NEXUS_OPERATION:
            return info.capabilities.standalone_nexus_operation
