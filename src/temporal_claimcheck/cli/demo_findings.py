"""What the demo found out, as data, and how it is read from Temporal and from the store."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHandle

from temporal_claimcheck.keyspace import namespace_prefix
from temporal_claimcheck.stores.filesystem import FileSystemStore

__all__ = [
    "INPUT",
    "DemoFindings",
    "HistoryFigures",
    "Outcome",
    "PayloadFigures",
    "RecordsFigures",
    "RunFindings",
    "StoreFigures",
    "compression_ratio",
    "read_history",
    "read_store",
]

Outcome = Literal["completed", "refused", "failed", "stuck"]
"""How a run ended; stuck is an attempt that Temporal repeats for ever, with the same end."""

INPUT: Final = "input"
"""The name of the payload that starts the pipeline."""
_RESULT_NAMES: Final = {
    "transform_large_dataset": "transformed",
    "generate_summary": "summary",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsFigures:
    """The data set that both runs were given."""

    source: str
    record_count: int
    size_bytes: int
    note: str
    """What was done to reach the wanted size. Empty if nothing was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadFigures:
    """One payload of the pipeline, and what Temporal carries of it."""

    name: str
    size_bytes: int
    history_bytes: int
    """What one mention of it takes in the workflow's history."""
    offloaded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFigures:
    """A workflow's history, as Temporal itself counts it."""

    event_count: int
    size_bytes: int
    external_payload_count: int
    external_payload_bytes: int
    payloads: list[PayloadFigures]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFigures:
    """What lies in the store after the run."""

    object_count: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFindings:
    """One run of the pipeline."""

    workflow_id: str
    outcome: Outcome
    seconds: float
    """From the call of start_workflow.py to its answer, or to what showed that none will come."""
    temporal_said: str | None
    """The error, word for word, if there was one."""
    history: HistoryFigures | None
    """None if Temporal did not accept the workflow at all."""
    summary: dict[str, Any] | None
    """What the pipeline returned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoFindings:
    """The same data through the same pipeline, without and with the claim check."""

    records: RecordsFigures
    without_claim_check: RunFindings
    with_claim_check: RunFindings
    store: StoreFigures
    compression_ratio: float | None
    """Bytes in the store for one byte handed in. None if nothing was offloaded."""


async def read_history(handle: WorkflowHandle[Any, Any]) -> HistoryFigures:
    """Return the figures of a closed run. Raises RPCError if there is no such workflow."""
    info = (await handle.describe()).raw_description.workflow_execution_info
    history = await handle.fetch_history()
    return HistoryFigures(
        event_count=info.history_length,
        size_bytes=info.history_size_bytes,
        external_payload_count=info.external_payload_count,
        external_payload_bytes=info.external_payload_size_bytes,
        payloads=_payload_figures(history.events),
    )


async def read_store(store: FileSystemStore, namespace: str) -> StoreFigures:
    """Count a namespace's objects."""
    sizes = [blob.size_bytes async for blob in store.scan(namespace_prefix(namespace))]
    return StoreFigures(object_count=len(sizes), size_bytes=sum(sizes))


def compression_ratio(payloads: Sequence[PayloadFigures], store: StoreFigures) -> float | None:
    """Return the stored bytes for each byte offloaded, each payload counted once."""
    offloaded_bytes = sum(payload.size_bytes for payload in payloads if payload.offloaded)
    return round(store.size_bytes / offloaded_bytes, 3) if offloaded_bytes else None


def _payload_figures(events: Iterable[HistoryEvent]) -> list[PayloadFigures]:
    """Return the input and each activity's result, in the order of the pipeline."""
    activity_names: dict[int, str] = {}
    figures: list[PayloadFigures] = []
    for event in events:
        match event.event_type:
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
                payloads = event.workflow_execution_started_event_attributes.input.payloads
                figures += [_figures(INPUT, payload) for payload in payloads]
            case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                scheduled = event.activity_task_scheduled_event_attributes
                activity_names[event.event_id] = scheduled.activity_type.name
            case EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                completed = event.activity_task_completed_event_attributes
                activity_name = activity_names[completed.scheduled_event_id]
                name = _RESULT_NAMES.get(activity_name, activity_name)
                figures += [_figures(name, payload) for payload in completed.result.payloads]
            case _:
                pass
    return figures


def _figures(name: str, payload: Payload) -> PayloadFigures:
    external_bytes = sum(external.size_bytes for external in payload.external_payloads)
    return PayloadFigures(
        name=name,
        size_bytes=external_bytes or payload.ByteSize(),
        history_bytes=payload.ByteSize(),
        offloaded=bool(payload.external_payloads),
    )
