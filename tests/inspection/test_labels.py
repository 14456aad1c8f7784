"""What each payload is called, and that none is passed over."""

import pytest
from google.protobuf.message import Message
from temporalio.api.common.v1 import Memo, Payload, Payloads
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent

from temporal_claimcheck.gc.roots.payloads_in import payloads_at, payloads_in
from temporal_claimcheck.inspection.labels import Labels


def payload(text: str) -> Payload:
    return Payload(data=text.encode())


def event(event_id: int = 1) -> HistoryEvent:
    return HistoryEvent(event_id=event_id)


def scheduled(event_id: int) -> HistoryEvent:
    found = event(event_id)
    attributes = found.activity_task_scheduled_event_attributes
    attributes.activity_type.name = "pay"
    attributes.input.payloads.extend([payload("one"), payload("two")])
    return found


def names(labels: Labels, found: HistoryEvent) -> list[str]:
    return [what for what, _ in labels.of(found)]


def test_an_activity_is_named_in_all_its_events() -> None:
    labels = Labels()
    assert names(labels, scheduled(5)) == ["activity pay: input", "activity pay: input 2"]
    done = event(7)
    done.activity_task_completed_event_attributes.scheduled_event_id = 5
    done.activity_task_completed_event_attributes.result.payloads.append(payload("done"))
    assert names(labels, done) == ["activity pay: result"]


def test_the_parts_of_a_failure_are_told_apart() -> None:
    labels = Labels()
    list(labels.of(scheduled(5)))
    failed = event(8)
    failed.activity_task_failed_event_attributes.scheduled_event_id = 5
    failure = failed.activity_task_failed_event_attributes.failure
    failure.encoded_attributes.CopyFrom(payload("message"))
    failure.cause.timeout_failure_info.last_heartbeat_details.payloads.append(payload("beat"))
    failure.cause.cause.application_failure_info.details.payloads.append(payload("deep"))
    assert set(names(labels, failed)) == {
        "activity pay: failure message",
        "activity pay: failure cause heartbeat",
        "activity pay: failure cause cause details",
    }


def test_what_a_workflow_starts_with_is_named() -> None:
    started = event()
    attributes = started.workflow_execution_started_event_attributes
    attributes.input.payloads.append(payload("in"))
    attributes.memo.fields["team"].CopyFrom(payload("memo"))
    attributes.header.fields["trace"].CopyFrom(payload("header"))
    attributes.last_completion_result.payloads.append(payload("last"))
    attributes.search_attributes.indexed_fields["Region"].CopyFrom(payload("eu"))
    started.user_metadata.summary.CopyFrom(payload("summary"))
    assert set(names(Labels(), started)) == {
        *("input", "memo team", "header trace", "last result", "summary"),
    }


@pytest.mark.parametrize(
    ("kind", "fields", "name"),
    [
        ("workflow_execution_signaled", {"signal_name": "add"}, "signal add"),
        ("marker_recorded", {"marker_name": "version"}, "marker version"),
        ("timer_started", {}, "timer"),
    ],
)
def test_other_events_are_named(kind: str, fields: dict[str, str], name: str) -> None:
    found = event()
    attributes = getattr(found, f"{kind}_event_attributes")
    attributes.SetInParent()
    for field, value in fields.items():
        setattr(attributes, field, value)
    found.user_metadata.summary.CopyFrom(payload("s"))
    assert names(Labels(), found) == [f"{name}: summary"]


def test_no_kind_of_event_makes_it_fail() -> None:
    for field in HistoryEvent.DESCRIPTOR.oneofs_by_name["attributes"].fields:
        found = event()
        getattr(found, field.name).SetInParent()
        found.user_metadata.details.CopyFrom(payload("d"))
        assert len(names(Labels(), found)) == 1, field.name


@pytest.mark.parametrize(
    "message",
    [
        Payloads(payloads=[payload("a"), payload("b")]),
        Memo(fields={"z": payload("a"), "b": payload("b")}),
        Failure(cause=Failure(encoded_attributes=payload("a"))),
        scheduled(1),
        payload("itself"),
    ],
    ids=lambda message: type(message).__name__,
)
def test_with_their_places_the_same_payloads_are_found(message: Message) -> None:
    placed = [found.data for _, found in payloads_at(message)]
    assert sorted(placed) == sorted(found.data for found in payloads_in(message))
    assert placed
