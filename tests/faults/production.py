"""A pipeline with large payloads, caught by a fault at every stage that it has."""

import asyncio
import datetime as dt
import logging
import time
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.worker import Worker

from temporal_claimcheck import ClaimCheckManager, ClaimCheckPlugin
from temporal_claimcheck.stores.base import BlobStore, CollectableStore
from temporal_claimcheck.temporal.plugin import Door
from tests.temporal.setup import big
from tests.temporal.waiting import eventually

CHARACTERS = 300_000
# Temporal itself waits between the attempts of a task.
SOON_SECONDS = 60
CONTENT = "and what belongs to it"
OF_EACH = 2
# One day for all, so that the same payload has one key whenever the test runs.
NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
FAILURES = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT,
    EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT,
}


logger = logging.getLogger(__name__)


@workflow.defn
class Order:
    """Large in, made larger, transformed, and small out."""

    def __init__(self) -> None:
        self._released = False

    @workflow.run
    async def run(self, records: str, attempts: int, wait: bool) -> int:
        options: Any = {
            "start_to_close_timeout": timedelta(seconds=120),
            "heartbeat_timeout": timedelta(seconds=5),
            "retry_policy": RetryPolicy(
                maximum_attempts=attempts, initial_interval=timedelta(milliseconds=100)
            ),
        }
        prepared = f"{records}, prepared"
        transformed: str = await workflow.execute_activity("transform", prepared, **options)
        if wait:
            await workflow.wait_condition(lambda: self._released)
        return await workflow.execute_activity("summarize", transformed, **options)

    @workflow.signal
    def release(self) -> None:
        self._released = True


class Machines:
    """The activities, which share the test's process."""

    def __init__(self) -> None:
        self.runs: Counter[str] = Counter()
        self.held: set[str] = set()
        self.may_end = asyncio.Event()

    @activity.defn
    async def transform(self, records: str) -> str:
        workflow_id = activity.info().workflow_id or ""
        self.runs[f"transform {workflow_id}"] += 1
        if workflow_id in self.held:
            await self._until_may_end()
        return records.upper()

    @activity.defn
    async def summarize(self, records: str) -> int:
        self.runs[f"summarize {activity.info().workflow_id}"] += 1
        return len(records)

    async def _until_may_end(self) -> None:
        while not self.may_end.is_set():
            activity.heartbeat()
            try:
                async with asyncio.timeout(1):
                    await self.may_end.wait()
            except TimeoutError:
                pass


class Production:
    """Orders at every stage: one worker that is under way, and one that starts cold."""

    def __init__(
        self,
        address: str,
        door: Door,
        make_store: Callable[[], BlobStore],
        *,
        look_at: Callable[[], BlobStore] | None = None,
    ) -> None:
        """Use the stores that are made; in the end look at one that `look_at` makes."""
        self._address = address
        self._door: Door = door
        self._make_store = make_store
        self._look_at = look_at or make_store
        self._queue = f"faults-{uuid.uuid4()}"
        self._machines = Machines()
        self._client: Client
        self.making: list[WorkflowHandle[Any, Any]] = []
        """Their work is done and its result is to be stored; they have one attempt."""
        self.reading: list[WorkflowHandle[Any, Any]] = []
        """Their activity is to read its input; they have one attempt."""
        self.reading_often: list[WorkflowHandle[Any, Any]] = []
        """The same with any number of attempts."""
        self.cold: list[WorkflowHandle[Any, Any]] = []
        """Their first workflow task is to come."""

    @property
    def orders(self) -> list[WorkflowHandle[Any, Any]]:
        return [*self.making, *self.reading, *self.reading_often, *self.cold]

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Bring orders to every stage, and keep a worker for them."""
        self._client = await self._connect()
        async with self._worker(self._client, self._queue):
            self.reading = await self._start(attempts=1, wait=True)
            self.reading_often = await self._start(attempts=0, wait=True)
            self.cold = await self._start(attempts=1, queue=f"{self._queue}-cold")
            self.making = await self._start(attempts=1, held=True)
            await eventually(self._is_everything_under_way)
            yield

    @asynccontextmanager
    async def going_on(self) -> AsyncGenerator[None]:
        """Let every order take its next step, which needs the store."""
        async with self._worker(await self._connect(), f"{self._queue}-cold"):
            self._machines.may_end.set()
            for order in (*self.reading, *self.reading_often):
                await order.signal(Order.release)
            yield

    async def shows(self, code: str, *secrets: str, attempts: bool = True) -> None:
        """Wait until Temporal shows the error, of workflow tasks and of activities."""
        for order in (*self.cold, *(self.reading_often if attempts else ())):
            failure = await first_failure(order)
            assert f"[{code}]" in failure.message
            for secret in (CONTENT, *secrets):
                assert secret not in str(failure)

    async def ends_well(self) -> None:
        """Wait for all orders and look whether all is as if nothing had been."""
        began = time.monotonic()
        async with asyncio.timeout(SOON_SECONDS):
            results = await asyncio.gather(*(order.result() for order in self.orders))
        logger.info("All ended %.1f s after the fault", time.monotonic() - began)
        assert results == [len(f"{big(order.id, CHARACTERS)}, prepared") for order in self.orders]
        for order in self.orders:
            description = await order.describe()
            assert description.status == WorkflowExecutionStatus.COMPLETED
            raw = description.raw_description
            assert not raw.pending_activities
            assert not raw.HasField("pending_workflow_task")
            events = (await order.fetch_history()).events
            assert not FAILURES & {event.event_type for event in events}
        assert set(self._machines.runs.values()) == {1}, "no work was done twice"
        await self._check_objects()

    async def _check_objects(self) -> None:
        store = self._look_at()
        assert isinstance(store, CollectableStore)
        keys = [blob.key async for blob in store.scan("v1/")]
        await store.aclose()
        # What came in, was prepared and transformed; the result is small.
        assert len(keys) == 3 * len(self.orders)
        assert len({key.rpartition("/")[2] for key in keys}) == len(keys)

    async def _connect(self) -> Client:
        # Without a cache, and each with a store of its own: as in processes of their own.
        manager = ClaimCheckManager(self._make_store(), cache_bytes=0, clock=lambda: NOW)
        plugin = ClaimCheckPlugin(manager, door=self._door)
        return await Client.connect(self._address, plugins=[plugin])

    def _worker(self, client: Client, queue: str) -> Worker:
        activities: Sequence[Any] = [self._machines.transform, self._machines.summarize]
        return Worker(client, task_queue=queue, workflows=[Order], activities=activities)

    async def _start(
        self, *, attempts: int, wait: bool = False, held: bool = False, queue: str | None = None
    ) -> list[WorkflowHandle[Any, Any]]:
        ids = [f"order-{uuid.uuid4()}" for _ in range(OF_EACH)]
        if held:
            self._machines.held.update(ids)
        return [
            await self._client.start_workflow(
                Order.run,
                args=[big(each, CHARACTERS), attempts, wait],
                id=each,
                task_queue=queue or self._queue,
                # Temporal asks again only when a task that failed twice has had its time.
                task_timeout=timedelta(seconds=5),
            )
            for each in ids
        ]

    async def _is_everything_under_way(self) -> bool:
        for order in (*self.reading, *self.reading_often):
            kinds = [event.event_type for event in (await order.fetch_history()).events]
            if kinds.count(EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED) < 1:
                return False
        return all(self._machines.runs[f"transform {order.id}"] for order in self.making)


async def first_failure(order: WorkflowHandle[Any, Any]) -> Any:
    """Wait for a failure of a workflow task, or of an attempt of an activity."""
    found: list[Any] = []

    async def is_seen() -> bool:
        found.extend(
            event.workflow_task_failed_event_attributes.failure
            for event in (await order.fetch_history()).events
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
        )
        pending = (await order.describe()).raw_description.pending_activities
        found.extend(each.last_failure for each in pending if each.HasField("last_failure"))
        return bool(found)

    await eventually(is_seen)
    return found[0]
