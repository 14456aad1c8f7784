"""What a schedule refers to: its action, and the last result, which it hands to its next run.

The result of the last run that completed, and the failure of one that failed since, are in no
answer about the schedule, and the schedule keeps them when those runs are long deleted. How to
see them depends on how the server runs schedules: as a workflow, whose history has them, or on its
own, and then only the runs themselves tell.
"""

from typing import Final

from temporalio.api.enums.v1 import EventType
from temporalio.api.schedule.v1 import ScheduleInfo
from temporalio.api.workflowservice.v1 import DescribeScheduleRequest
from temporalio.service import WorkflowService

from temporal_claimcheck.errors import CollectionIncomplete
from temporal_claimcheck.gc.cluster import Run
from temporal_claimcheck.gc.roots.histories import HistoryReader, ReadHistory
from temporal_claimcheck.gc.roots.references import ReferenceReader
from temporal_claimcheck.gc.roots.requests import Absence, Requests

__all__ = ["ScheduleReader"]

_SCHEDULER_ID: Final = "temporal-sys-scheduler:"
_SCHEDULER_TYPE: Final = "temporal-sys-scheduler-workflow"
# It continues as new now and then; to be met at that moment again and again is unlikely.
_TRIES: Final = 5


class ScheduleReader:
    """Reads schedules. Raises CollectionIncomplete where one holds what cannot be seen."""

    def __init__(
        self,
        service: WorkflowService,
        requests: Requests,
        references: ReferenceReader,
        histories: HistoryReader,
    ) -> None:
        self._service = service
        self._requests = requests
        self._references = references
        self._histories = histories

    async def keys(self, namespace: str, schedule_id: str) -> frozenset[str] | None:
        """Return the keys that a schedule refers to; None if it is gone."""
        place = f"schedule {schedule_id!r} of namespace {namespace!r}"
        description = await self._requests.look_up(
            "describe",
            self._service.describe_schedule,
            DescribeScheduleRequest(namespace=namespace, schedule_id=schedule_id),
            about=place,
            none_if=Absence.GONE,
        )
        if description is None:
            return None
        keys = await self._references.keys_in(description, place=place)
        scheduler = await self._scheduler(namespace, schedule_id, place)
        if scheduler is not None:
            return keys | scheduler.keys
        return keys | await self._last_results(namespace, description.info, place)

    async def _scheduler(self, namespace: str, schedule_id: str, place: str) -> ReadHistory | None:
        """Return the history of the workflow that runs the schedule; None if none does."""
        latest = Run(workflow_id=f"{_SCHEDULER_ID}{schedule_id}", run_id="")
        for _ in range(_TRIES):
            read = await self._histories.read(namespace, latest, place=place)
            if read is None or read.workflow_type != _SCHEDULER_TYPE:
                return None
            if read.closed is None:
                return read
            if not read.next_run_id:
                return None
        raise CollectionIncomplete(
            f"The workflow behind {place} began anew whenever it was read.",
            remedy="Collect again.",
        )

    async def _last_results(self, namespace: str, info: ScheduleInfo, place: str) -> set[str]:
        """Return what the runs refer to that may have left the schedule its last results."""
        keys: set[str] = set()
        for action in reversed(info.recent_actions):
            started = action.start_workflow_result
            run = Run(workflow_id=started.workflow_id, run_id=started.run_id)
            last = await self._last_of_chain(namespace, run)
            if last is None:
                break
            keys |= last.keys
            if last.last.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
                return keys
        else:
            if info.action_count <= len(info.recent_actions):
                return keys
        raise CollectionIncomplete(
            f"The last result that {place} keeps for its next run cannot be seen: the run that "
            "made it is gone.",
            remedy="Trigger the schedule once and let that run complete; or delete the schedule.",
        )

    async def _last_of_chain(self, namespace: str, run: Run) -> ReadHistory | None:
        """Return the history of the run that ended what this one began; None if one is gone."""
        while True:
            place = f"workflow {run.workflow_id!r}, run {run.run_id}, of namespace {namespace!r}"
            read = await self._histories.read(namespace, run, place=place)
            if read is None or not read.next_run_id:
                return read
            run = Run(workflow_id=run.workflow_id, run_id=read.next_run_id)
