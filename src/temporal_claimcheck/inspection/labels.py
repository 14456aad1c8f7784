"""What each payload of a history is, in words for people. Pure."""

from collections.abc import Iterator
from typing import Final

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflow.v1 import PendingActivityInfo, PendingNexusOperationInfo

from temporal_claimcheck.gc.roots.payloads_in import Path, payloads_at

__all__ = ["Labels", "labels_of_activity", "labels_of_operation"]

# An event that goes on with something names the event with which that began.
_EARLIER: Final = ("scheduled_event_id", "initiated_event_id", "accepted_event_id")
_SUBJECTS: Final = {
    "activity_task_scheduled": "activity {0.activity_type.name}",
    "start_child_workflow_execution_initiated": "child {0.workflow_type.name}",
    "nexus_operation_scheduled": "nexus {0.service}.{0.operation}",
    "timer_started": "timer",
    "workflow_execution_signaled": "signal {0.signal_name}",
    "signal_external_workflow_execution_initiated": "signal {0.signal_name} to another",
    "workflow_execution_update_admitted": "update {0.request.input.name}",
    "workflow_execution_update_accepted": "update {0.accepted_request.input.name}",
    "workflow_execution_update_rejected": "update {0.rejected_request.input.name}",
    "workflow_execution_continued_as_new": "next run",
    "workflow_task_failed": "workflow task",
    "marker_recorded": "marker {0.marker_name}",
}
# Never large and never offloaded: the server itself has to read them.
_SEARCH_ATTRIBUTES: Final = "search_attributes"
_MEMO: Final = frozenset({"memo", "upserted_memo"})
_FAILURES: Final = {
    "failure": "failure",
    "last_failure": "last failure",
    "last_attempt_failure": "last failure",
    "continued_failure": "earlier failure",
    # A Nexus handler's words for it.
    "error": "failure",
}
_PARTS_OF_A_FAILURE: Final = {
    "encoded_attributes": "message",
    "last_heartbeat_details": "heartbeat",
}
_ROLES: Final = {
    "heartbeat_details": "heartbeat",
    "input": "input",
    "args": "input",
    "result": "result",
    "success": "result",
    "last_completion_result": "last result",
    "details": "details",
}


class Labels:
    """Names the payloads of one run; is shown its events in their order."""

    def __init__(self) -> None:
        self._named: dict[int, str] = {}

    def of(self, event: HistoryEvent) -> Iterator[tuple[str, Payload]]:
        """Yield what each payload of the event is, and the payload.

        Search attributes are left out.
        """
        attributes = event.WhichOneof("attributes")
        subject = ""
        if attributes is not None:
            subject = self._subject(attributes, getattr(event, attributes))
        if subject:
            self._named[event.event_id] = subject
        yield from _labelled(event, subject)

    def _subject(self, kind: str, attributes: Message) -> str:
        """Return what the event is about; nothing if it is about the workflow itself."""
        for field in _EARLIER:
            named = self._named.get(getattr(attributes, field, 0))
            if named:
                return named
        form = next((form for start, form in _SUBJECTS.items() if kind.startswith(start)), "")
        return form.format(attributes)


def labels_of_activity(activity: PendingActivityInfo) -> Iterator[tuple[str, Payload]]:
    """Yield what only the description of a run has of an activity that is not done."""
    return _labelled(activity, f"activity {activity.activity_type.name}")


def labels_of_operation(operation: PendingNexusOperationInfo) -> Iterator[tuple[str, Payload]]:
    """Yield what only the description of a run has of a Nexus operation that is not done."""
    return _labelled(operation, f"nexus {operation.service}.{operation.operation}")


def _labelled(message: Message, subject: str) -> Iterator[tuple[str, Payload]]:
    for path, payload in payloads_at(message):
        role = _role(path)
        if role:
            yield f"{subject}: {role}" if subject else role, payload


def _role(path: Path) -> str:
    """Return what a payload is to its event; nothing for what nobody wants to see."""
    fields = {step.field for step in path}
    last = path[-1]
    if _SEARCH_ATTRIBUTES in fields:
        return ""
    if fields & _MEMO:
        return f"memo {last.at}"
    if "header" in fields:
        return f"header {last.at}"
    if "user_metadata" in fields:
        return last.field
    failure = next((step.field for step in path if step.field in _FAILURES), None)
    return _argument(path) if failure is None else _failure(path, failure)


def _failure(path: Path, failure: str) -> str:
    fields = [step.field for step in path]
    part = next((name for field, name in _PARTS_OF_A_FAILURE.items() if field in fields), "details")
    return f"{_FAILURES[failure]}{' cause' * fields.count('cause')} {part}"


def _argument(path: Path) -> str:
    last = path[-1]
    role = next((_ROLES[step.field] for step in path if step.field in _ROLES), None)
    role = role or last.field.replace("_", " ")
    # Details of a marker have names.
    name = next((step.at for step in path if isinstance(step.at, str)), None)
    if name is not None:
        return f"{role} {name}"
    # The second of several arguments and those after it; the first needs no number.
    return f"{role} {last.at + 1}" if isinstance(last.at, int) and last.at else role
