"""A run names the runs before and after it, in its own namespace only."""

import pytest
from temporalio.api.common.v1 import Link, WorkflowExecution
from temporalio.api.history.v1 import (
    ChildWorkflowExecutionStartedEventAttributes,
    HistoryEvent,
    WorkflowExecutionCompletedEventAttributes,
    WorkflowExecutionContinuedAsNewEventAttributes,
    WorkflowExecutionFailedEventAttributes,
    WorkflowExecutionStartedEventAttributes,
    WorkflowExecutionTimedOutEventAttributes,
    WorkflowTaskFailedEventAttributes,
)

from temporal_claimcheck.gc.cluster import Run
from temporal_claimcheck.gc.roots.links import next_run_id, runs_in_event

OTHER = WorkflowExecution(workflow_id="other", run_id="its run")


def named(event: HistoryEvent) -> list[tuple[str, str]]:
    return [(run.workflow_id, run.run_id) for run in runs_in_event(event, "self", "here")]


def test_a_run_names_those_that_it_goes_on_for() -> None:
    started = WorkflowExecutionStartedEventAttributes(
        continued_execution_run_id="before",
        first_execution_run_id="first",
        original_execution_run_id="original",
    )
    event = HistoryEvent(workflow_execution_started_event_attributes=started)
    assert named(event) == [("self", "before"), ("self", "first"), ("self", "original")]


@pytest.mark.parametrize(("namespace", "counts"), [("here", 1), ("", 1), ("elsewhere", 0)])
def test_a_parent_and_a_child_are_named_if_they_are_here(namespace: str, counts: int) -> None:
    started = WorkflowExecutionStartedEventAttributes(
        parent_workflow_execution=OTHER, parent_workflow_namespace=namespace
    )
    child = ChildWorkflowExecutionStartedEventAttributes(
        workflow_execution=OTHER, namespace=namespace
    )
    expected = [("other", "its run")] * counts
    assert named(HistoryEvent(workflow_execution_started_event_attributes=started)) == expected
    assert named(HistoryEvent(child_workflow_execution_started_event_attributes=child)) == expected


@pytest.mark.parametrize(("namespace", "counts"), [("here", 1), ("elsewhere", 0)])
def test_a_link_is_named_if_it_leads_here(namespace: str, counts: int) -> None:
    event = HistoryEvent()
    event.links.append(
        Link(
            workflow_event=Link.WorkflowEvent(
                namespace=namespace, workflow_id="other", run_id="its run"
            )
        )
    )
    assert named(event) == [("other", "its run")] * counts


ENDS = [
    HistoryEvent(
        workflow_execution_completed_event_attributes=WorkflowExecutionCompletedEventAttributes(
            new_execution_run_id="next"
        )
    ),
    HistoryEvent(
        workflow_execution_failed_event_attributes=WorkflowExecutionFailedEventAttributes(
            new_execution_run_id="next"
        )
    ),
    HistoryEvent(
        workflow_execution_timed_out_event_attributes=WorkflowExecutionTimedOutEventAttributes(
            new_execution_run_id="next"
        )
    ),
    HistoryEvent(
        workflow_execution_continued_as_new_event_attributes=(
            WorkflowExecutionContinuedAsNewEventAttributes(new_execution_run_id="next")
        )
    ),
]


@pytest.mark.parametrize("event", ENDS, ids=lambda event: event.WhichOneof("attributes"))
def test_a_run_that_ended_names_the_one_that_goes_on(event: HistoryEvent) -> None:
    assert next_run_id(event) == "next"
    assert [*runs_in_event(event, "self", "here")] == [Run(workflow_id="self", run_id="next")]


def test_a_reset_names_both_of_its_runs() -> None:
    failed = WorkflowTaskFailedEventAttributes(base_run_id="base", new_run_id="new")
    event = HistoryEvent(workflow_task_failed_event_attributes=failed)
    assert named(event) == [("self", "base"), ("self", "new")]
