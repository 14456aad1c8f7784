"""One run of the example pipeline, watched until it is clear how it ends."""

import asyncio
import time
from pathlib import Path
from typing import Any, Final

from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from temporal_claimcheck.cli.demo_findings import (
    HistoryFigures,
    Outcome,
    RunFindings,
    read_history,
)
from temporal_claimcheck.cli.demo_processes import ExampleScripts, to_the_end

__all__ = ["run_pipeline"]

_STUCK_ATTEMPTS: Final = 3
"""Attempts that end alike before nobody waits for another."""
_LOOK_SECONDS: Final = 0.5


async def run_pipeline(
    scripts: ExampleScripts,
    *,
    worker: asyncio.Task[None],
    client: Client,
    records_file: Path,
    workflow_id: str,
) -> RunFindings:
    """Start the pipeline and return how it ended; one that would retry for ever is terminated.

    Raises DemoFailed when the worker ends, or when start_workflow.py breaks off.
    """
    handle = client.get_workflow_handle(workflow_id)
    started = time.monotonic()
    answer = asyncio.create_task(
        scripts.start_workflow(input_file=records_file, workflow_id=workflow_id)
    )
    stuck = asyncio.create_task(_wait_until_stuck(handle))
    try:
        await asyncio.wait([answer, stuck, worker], return_when=asyncio.FIRST_COMPLETED)
        seconds = time.monotonic() - started
        if worker.done():
            await worker
        said = None if answer.done() else await stuck
        if said is not None:
            await handle.terminate(reason="The demo has seen enough.")
        output = await answer
    finally:
        await to_the_end(_cancel(answer, stuck))
    history = await _history(handle)
    return RunFindings(
        workflow_id=workflow_id,
        outcome=_outcome(output, history, stuck=said is not None),
        seconds=round(seconds, 2),
        temporal_said=said or output.get("error"),
        history=history,
        summary=output.get("summary"),
    )


def _outcome(output: dict[str, Any], history: HistoryFigures | None, *, stuck: bool) -> Outcome:
    if stuck:
        return "stuck"
    # Not by the exit code: a thread of the SDK may outlive the interpreter on Python 3.11 and
    # abort a process that has said all it had to say.
    if "summary" in output:
        return "completed"
    return "refused" if history is None else "failed"


async def _wait_until_stuck(handle: WorkflowHandle[Any, Any]) -> str:
    """Return what Temporal says about a task that fails again and again."""
    while True:
        try:
            description = await handle.describe()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        else:
            if description.status is WorkflowExecutionStatus.RUNNING:
                said = await _repeated_failure(handle, description.raw_description)
                if said:
                    return said
        await asyncio.sleep(_LOOK_SECONDS)


async def _repeated_failure(
    handle: WorkflowHandle[Any, Any], description: DescribeWorkflowExecutionResponse
) -> str | None:
    for pending in description.pending_activities:
        if pending.attempt >= _STUCK_ATTEMPTS and pending.HasField("last_failure"):
            return pending.last_failure.message
    if description.pending_workflow_task.attempt >= _STUCK_ATTEMPTS:
        # Only a task's first failure stands in the history; the later ones are like it.
        async for event in handle.fetch_history_events():
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                return event.workflow_task_failed_event_attributes.failure.message
    return None


async def _history(handle: WorkflowHandle[Any, Any]) -> HistoryFigures | None:
    try:
        return await read_history(handle)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
