"""A store that can be down, and activities that are caught by it."""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.client import WorkflowExecutionDescription, WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.workflow import ActivityCancellationType

from temporal_claimcheck import ClaimCheckError
from temporal_claimcheck.stores.memory import MemoryStore
from tests.temporal.setup import big
from tests.temporal.waiting import eventually

CHARACTERS = 200_000


class OutageStore(MemoryStore):
    """Raises the error that is set, or hangs; counts how often it was asked meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.reading: ClaimCheckError | None = None
        self.writing: ClaimCheckError | None = None
        self.hangs = False
        self.asked = 0

    async def put(self, key: str, blob: bytes) -> bool:
        await self._meet(self.writing)
        return await super().put(key, blob)

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        await self._meet(self.reading)
        return await super().get(key, max_bytes=max_bytes)

    async def contains(self, key: str) -> bool:
        await self._meet(self.writing)
        return await super().contains(key)

    def heal(self) -> None:
        self.reading = self.writing = None
        self.hangs = False

    async def was_asked(self, times: int) -> None:
        """Wait until that many more requests met the outage."""
        enough = self.asked + times

        async def asked() -> bool:
            return self.asked >= enough

        await eventually(asked)

    async def _meet(self, error: ClaimCheckError | None) -> None:
        if self.hangs:
            self.asked += 1
            await asyncio.Event().wait()
        if error is not None:
            self.asked += 1
            # A new one each time, as a store does it.
            raise type(error)(error.what, remedy=error.remedy) from OSError("111: refused")


class Work:
    """Activities that the test steers; they share its process."""

    def __init__(self, store: OutageStore) -> None:
        self._store = store
        self.runs = 0
        self.outage: ClaimCheckError | None = None
        self.may_end = asyncio.Event()
        self.caught: list[BaseException] = []

    @property
    def all(self) -> list[Any]:
        return [
            self.take,
            self.take_in_a_thread,
            self.make,
            self.make_in_a_thread,
            self.heartbeat_and_fail_once,
            self.heartbeat_large,
            self.fail_with_large_details,
            self.call_a_client,
        ]

    @activity.defn
    async def take(self, value: str) -> int:
        self.runs += 1
        return len(value)

    @activity.defn
    def take_in_a_thread(self, value: str) -> int:
        self.runs += 1
        return len(value)

    @activity.defn
    async def make(self, mark: str) -> str:
        self.runs += 1
        self._store.writing = self.outage
        return big(mark, CHARACTERS)

    @activity.defn
    def make_in_a_thread(self, mark: str) -> str:
        self.runs += 1
        self._store.writing = self.outage
        return big(mark, CHARACTERS)

    @activity.defn
    async def heartbeat_and_fail_once(self, mark: str) -> int:
        """Heartbeat with a large detail and fail; the next attempt reads it."""
        self.runs += 1
        if activity.info().attempt == 1:
            activity.heartbeat(big(mark, CHARACTERS))
            await self.may_end.wait()
            self._store.reading = self.outage
            raise ApplicationError("try again")
        (detail,) = activity.info().heartbeat_details
        return len(detail)

    @activity.defn
    async def heartbeat_large(self, mark: str) -> int:
        self.runs += 1
        activity.heartbeat("small")
        self._store.writing = self.outage
        activity.heartbeat(big(mark, CHARACTERS))
        await self.may_end.wait()
        return 1

    @activity.defn
    async def fail_with_large_details(self, mark: str) -> None:
        self.runs += 1
        self._store.writing = self.outage
        raise ApplicationError("on purpose", big(mark, CHARACTERS), non_retryable=True)

    @activity.defn
    async def call_a_client(self, workflow_id: str) -> str:
        self._store.writing = self.outage
        try:
            await (
                activity.client()
                .get_workflow_handle(workflow_id)
                .signal("anything", big(workflow_id, CHARACTERS))
            )
        except ClaimCheckError as error:
            self._store.heal()
            return error.code
        return "sent"


@workflow.defn
class Call:
    """Calls one activity, with the times and attempts that the test gives it."""

    @workflow.run
    async def run(
        self, name: str, value: str, attempts: int, start_to_close: float, heartbeat: float
    ) -> Any:
        result: Any = await workflow.execute_activity(
            name,
            value,
            start_to_close_timeout=timedelta(seconds=start_to_close),
            heartbeat_timeout=timedelta(seconds=heartbeat) if heartbeat else None,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            retry_policy=RetryPolicy(
                maximum_attempts=attempts, initial_interval=timedelta(milliseconds=50)
            ),
        )
        return result if isinstance(result, int) else len(result)

    @workflow.signal
    def anything(self, value: str) -> None:
        pass


@workflow.defn
class Make:
    """Makes its large result itself."""

    @workflow.run
    async def run(self, mark: str) -> str:
        return big(mark, CHARACTERS)


@workflow.defn
class CallLocally:
    @workflow.run
    async def run(self, name: str, value: str) -> int:
        result: str = await workflow.execute_local_activity(
            name,
            value,
            start_to_close_timeout=timedelta(seconds=60),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )
        return len(result)


async def pending(handle: WorkflowHandle[Any, Any]) -> Any:
    """Return what Temporal says of the one activity that is not done."""
    description: WorkflowExecutionDescription = await handle.describe()
    (found,) = description.raw_description.pending_activities
    return found


async def failure_of_pending(handle: WorkflowHandle[Any, Any]) -> Any:
    """Wait for an attempt to fail, and return what Temporal's UI shows of it."""

    async def failed() -> bool:
        description = await handle.describe()
        found = description.raw_description.pending_activities
        return bool(found) and found[0].HasField("last_failure")

    await eventually(failed)
    return (await pending(handle)).last_failure
