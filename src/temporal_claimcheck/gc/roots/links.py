"""Which other runs an event names. Pure."""

from collections.abc import Iterator

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse

from temporal_claimcheck.gc.cluster import Run

__all__ = ["next_run_id", "runs_in_description", "runs_in_event"]


def runs_in_event(event: HistoryEvent, workflow_id: str, namespace: str) -> Iterator[Run]:
    """Yield the runs of the same namespace that an event of this workflow names."""
    for link in event.links:
        named = link.workflow_event
        if link.WhichOneof("variant") == "workflow_event" and named.namespace == namespace:
            yield from _run(named.workflow_id, named.run_id)
    match event.WhichOneof("attributes"):
        case "workflow_execution_started_event_attributes":
            started = event.workflow_execution_started_event_attributes
            for run_id in (
                started.continued_execution_run_id,
                started.first_execution_run_id,
                started.original_execution_run_id,
            ):
                yield from _run(workflow_id, run_id)
            yield from _run_there(
                started.parent_workflow_execution, started.parent_workflow_namespace, namespace
            )
        case "child_workflow_execution_started_event_attributes":
            child = event.child_workflow_execution_started_event_attributes
            yield from _run_there(child.workflow_execution, child.namespace, namespace)
        case "workflow_task_failed_event_attributes":
            # A reset ends the task at which it begins anew.
            failed = event.workflow_task_failed_event_attributes
            yield from _run(workflow_id, failed.base_run_id)
            yield from _run(workflow_id, failed.new_run_id)
        case _:
            yield from _run(workflow_id, next_run_id(event))


def next_run_id(event: HistoryEvent) -> str:
    """Return the run that goes on where this event ends one; empty if none does."""
    match event.WhichOneof("attributes"):
        case (
            "workflow_execution_completed_event_attributes"
            | "workflow_execution_failed_event_attributes"
            | "workflow_execution_timed_out_event_attributes"
            | "workflow_execution_continued_as_new_event_attributes"
        ) as ended:
            # By continue-as-new, a retry, or cron.
            return str(getattr(event, ended).new_execution_run_id)
        case _:
            return ""


def runs_in_description(
    description: DescribeWorkflowExecutionResponse, workflow_id: str
) -> Iterator[Run]:
    """Yield the runs that only the description of a run names."""
    yield from _run(workflow_id, description.workflow_extended_info.reset_run_id)
    yield from _run(workflow_id, description.workflow_execution_info.first_run_id)


def _run_there(execution: WorkflowExecution, where: str, namespace: str) -> Iterator[Run]:
    # A server that names no namespace means the same one.
    if where in {"", namespace}:
        yield from _run(execution.workflow_id, execution.run_id)


def _run(workflow_id: str, run_id: str) -> Iterator[Run]:
    if workflow_id and run_id:
        yield Run(workflow_id=workflow_id, run_id=run_id)
