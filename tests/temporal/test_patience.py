"""Activities wait for a store that is down: no attempt is spent, no work is done twice."""

import asyncio
import dataclasses
import logging
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowFailureError, WorkflowHandle, WorkflowQueryFailedError
from temporalio.exceptions import CancelledError

from temporal_claimcheck import ClaimCheckManager, ClaimCheckPlugin
from temporal_claimcheck.errors import (
    BlobNotFound,
    InvalidSettings,
    StoreDenied,
    StoreFull,
    StoreUnavailable,
)
from temporal_claimcheck.temporal.plugin import Door
from temporal_claimcheck.temporal.tasks import watch_tasks
from tests.temporal import kinds
from tests.temporal.outages import (
    CHARACTERS,
    Call,
    CallLocally,
    Make,
    OutageStore,
    Work,
    failure_of_pending,
    pending,
)
from tests.temporal.setup import Setup, big, connect
from tests.temporal.test_faults import task_failure
from tests.temporal.waiting import eventually

DOWN = StoreUnavailable("The store is down.", remedy="Start it.")


class Scene:
    """A store that may fail, a client, and one worker for workflows and one for activities."""

    def __init__(self, setup: Setup, store: OutageStore, executor: ThreadPoolExecutor) -> None:
        self.setup = setup
        self.store = store
        self.work = Work(store)
        self._executor = executor

    async def start(
        self,
        name: str,
        value: str = "mark",
        *,
        attempts: int = 1,
        start_to_close: float = 60,
        heartbeat: float = 0,
    ) -> WorkflowHandle[Any, Any]:
        return await self.setup.client.start_workflow(
            Call.run,
            args=[name, value, attempts, start_to_close, heartbeat],
            id=self.setup.new_id(),
            task_queue=self.setup.task_queue,
        )

    async def start_scheduled(self, name: str, value: str, **more: Any) -> WorkflowHandle[Any, Any]:
        """Start, and return when the activity waits for a worker."""
        handle = await self.start(name, value, **more)

        async def scheduled() -> bool:
            return bool((await handle.describe()).raw_description.pending_activities)

        await eventually(scheduled)
        return handle

    @asynccontextmanager
    async def activities(self, **more: Any) -> AsyncGenerator[None]:
        async with self.setup.worker([], self.work.all, activity_executor=self._executor, **more):
            yield


@asynccontextmanager
async def scene_at(
    address: str, door: Door, wait_seconds: float | None = None
) -> AsyncGenerator[Scene]:
    store = OutageStore()
    manager = ClaimCheckManager(store, cache_bytes=0)
    setup = await connect(address, door=door, manager=manager, activity_wait_seconds=wait_seconds)
    with ThreadPoolExecutor(4) as executor:
        async with setup.worker([Call, CallLocally]):
            yield Scene(setup, store, executor)


@pytest.fixture
async def scene(temporal_address: str, door: Door) -> AsyncGenerator[Scene]:
    async with scene_at(temporal_address, door) as scene:
        yield scene


def reason(failed: WorkflowFailureError) -> str:
    """Return all that the failure of a workflow says."""
    said, cause = [], failed.cause
    while cause is not None:
        said.append(str(cause))
        cause = cause.__cause__
    return "\n".join(said)


@pytest.mark.parametrize("name", ["take", "take_in_a_thread"])
@pytest.mark.parametrize("attempts", [1, 3])
async def test_activity_waits_for_its_input(scene: Scene, name: str, attempts: int) -> None:
    value = big(name, CHARACTERS)
    handle = await scene.start_scheduled(name, value, attempts=attempts)
    scene.store.reading = DOWN
    async with scene.activities():
        await scene.store.was_asked(3)
        assert (await pending(handle)).attempt == 1
        scene.store.heal()
        assert await handle.result() == len(value)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("make", DOWN),
        ("make_in_a_thread", DOWN),
        ("make", StoreFull("Full.", remedy="Make room.")),
        ("make", StoreDenied("Denied.", remedy="Allow it.")),
    ],
)
async def test_work_that_is_done_waits_for_its_result_to_be_stored(
    scene: Scene, name: str, error: Any
) -> None:
    scene.work.outage = error
    handle = await scene.start(name)
    async with scene.activities():
        await scene.store.was_asked(3)
        scene.store.heal()
        assert await handle.result() == len(big("mark", CHARACTERS))
    assert scene.work.runs == 1


async def test_result_waits_also_when_any_number_of_attempts_may_follow(scene: Scene) -> None:
    scene.work.outage = DOWN
    handle = await scene.start("make", attempts=0)
    async with scene.activities():
        await scene.store.was_asked(3)
        scene.store.heal()
        await handle.result()
    assert scene.work.runs == 1


async def test_failure_with_large_details_stays_what_it_is(scene: Scene) -> None:
    scene.work.outage = DOWN
    handle = await scene.start("fail_with_large_details", attempts=0)
    async with scene.activities():
        await scene.store.was_asked(3)
        scene.store.heal()
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
    assert "on purpose" in reason(failed.value)
    assert scene.work.runs == 1


async def test_local_activity_waits_for_its_result_to_be_stored(scene: Scene) -> None:
    scene.work.outage = DOWN
    local = dataclasses.replace(scene.setup, task_queue=f"{scene.setup.task_queue}-local")
    async with local.worker([CallLocally], [scene.work.make]):
        handle = await local.client.start_workflow(
            CallLocally.run,
            args=["make", "mark"],
            id=local.new_id(),
            task_queue=local.task_queue,
        )
        await scene.store.was_asked(3)
        scene.store.heal()
        assert await handle.result() == len(big("mark", CHARACTERS))
    assert scene.work.runs == 1


# What Temporal's UI shows.


async def test_first_of_any_number_of_attempts_fails_to_say_why_and_the_next_waits(
    scene: Scene,
) -> None:
    value = big("says why", CHARACTERS)
    handle = await scene.start_scheduled("take", value, attempts=0)
    scene.store.reading = DOWN
    async with scene.activities():
        failure = await failure_of_pending(handle)
        assert "[store-unavailable] The store is down." in failure.message
        await scene.store.was_asked(3)
        assert (await pending(handle)).attempt == 2
        scene.store.heal()
        assert await handle.result() == len(value)


async def test_lost_object_fails_attempts_but_the_last_one_waits_for_it(scene: Scene) -> None:
    value = big("lost", CHARACTERS)
    handle = await scene.start_scheduled("take", value, attempts=3)
    scene.store.reading = BlobNotFound("There is no object.", remedy="Restore it.")
    async with scene.activities():
        assert "[blob-not-found]" in (await failure_of_pending(handle)).message
        await scene.store.was_asked(4)
        assert (await pending(handle)).attempt == 3
        scene.store.heal()
        assert await handle.result() == len(value)


async def test_log_says_once_what_activities_wait_for(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.work.outage = DOWN
    with caplog.at_level(logging.WARNING, "temporal_claimcheck"):
        handles = [await scene.start("make", f"mark {number}") for number in range(3)]
        async with scene.activities():
            await scene.store.was_asked(9)
            scene.store.heal()
            await asyncio.gather(*(handle.result() for handle in handles))
    said = [each.getMessage() for each in caplog.records if "wait" in each.getMessage()]
    assert len(said) == 2
    assert str(DOWN) in said[0]
    assert DOWN.code in said[1]


# Heartbeats.


async def test_heartbeat_details_are_waited_for(scene: Scene) -> None:
    scene.work.outage = DOWN
    handle = await scene.start("heartbeat_and_fail_once", attempts=2, heartbeat=20)
    async with scene.activities():
        await heartbeat_recorded(handle)
        scene.work.may_end.set()
        await scene.store.was_asked(3)
        scene.store.heal()
        assert await handle.result() == len(big("mark", CHARACTERS))


async def test_heartbeat_details_that_stay_unreadable_fail_attempts_and_no_workflow(
    scene: Scene,
) -> None:
    """The SDK would fail the workflow."""
    scene.work.outage = DOWN
    handle = await scene.start("heartbeat_and_fail_once", attempts=0, start_to_close=1.5)
    async with scene.activities():
        await heartbeat_recorded(handle)
        scene.work.may_end.set()

        async def unreadable() -> bool:
            return "[store-unavailable]" in (await pending(handle)).last_failure.message

        await eventually(unreadable)
        scene.store.heal()
        assert await handle.result() == len(big("mark", CHARACTERS))


async def heartbeat_recorded(handle: WorkflowHandle[Any, Any]) -> None:
    async def recorded() -> bool:
        description = await handle.describe()
        found = description.raw_description.pending_activities
        return bool(found) and found[0].HasField("heartbeat_details")

    await eventually(recorded)


async def test_outage_longer_than_the_heartbeat_timeout_ends_no_attempt_and_keeps_the_details(
    scene: Scene,
) -> None:
    scene.work.outage = DOWN
    handle = await scene.start("heartbeat_and_fail_once", attempts=2, heartbeat=1)
    async with scene.activities():
        await heartbeat_recorded(handle)
        details = (await pending(handle)).heartbeat_details
        scene.work.may_end.set()
        await scene.store.was_asked(1)
        await alive_for(handle, timedelta(seconds=2.5))
        assert (await pending(handle)).heartbeat_details == details
        scene.store.heal()
        assert await handle.result() == len(big("mark", CHARACTERS))


async def alive_for(handle: WorkflowHandle[Any, Any], time: timedelta) -> None:
    """Wait until the second attempt has reported after that time."""

    async def reported() -> bool:
        found = await pending(handle)
        assert found.attempt == 2
        began = found.last_started_time.ToDatetime()
        return found.last_heartbeat_time.ToDatetime() - began > time

    await eventually(reported)


async def test_result_that_waits_outlives_the_heartbeat_timeout(scene: Scene) -> None:
    scene.work.outage = DOWN
    handle = await scene.start("make", heartbeat=1)
    async with scene.activities():
        await scene.store.was_asked(1)

        async def reported() -> bool:
            found = await pending(handle)
            began = found.last_started_time.ToDatetime()
            return (found.last_heartbeat_time.ToDatetime() - began).total_seconds() > 2.5

        await eventually(reported)
        scene.store.heal()
        await handle.result()
    assert scene.work.runs == 1


async def test_heartbeat_that_cannot_be_stored_ends_no_attempt(scene: Scene) -> None:
    scene.work.outage = DOWN
    handle = await scene.start("heartbeat_large", heartbeat=1)
    async with scene.activities():
        await scene.store.was_asked(4)
        scene.work.may_end.set()
        # The store is still down: a heartbeat does not hold up what is done.
        assert await handle.result() == 1
    assert scene.work.runs == 1


# Ends of the waiting.

CAUGHT = [("take", True), ("take_in_a_thread", True), ("make", False)]


@pytest.mark.parametrize(
    ("name", "reads"), [("take", True), ("take_in_a_thread", True), ("make", False)]
)
@pytest.mark.parametrize("hangs", [False, True])
async def test_activity_that_is_cancelled_waits_no_longer(
    scene: Scene, name: str, reads: bool, hangs: bool
) -> None:
    handle = await scene.start_scheduled(name, big(name, CHARACTERS) if reads else "", heartbeat=1)
    scene.work.outage = DOWN
    scene.store.reading, scene.store.hangs = DOWN if reads else None, hangs
    async with scene.activities():
        await scene.store.was_asked(1)
        await handle.cancel()

        async def cancelled() -> bool:
            kinds = [event.event_type for event in (await handle.fetch_history()).events]
            return EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED in kinds

        await eventually(cancelled)
        scene.store.heal()
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
        assert isinstance(failed.value.cause, CancelledError)


@pytest.mark.parametrize(
    ("name", "reads"), [("take", True), ("take_in_a_thread", True), ("make", False)]
)
async def test_worker_that_is_shut_down_does_not_wait_for_the_store(
    scene: Scene, name: str, reads: bool
) -> None:
    handle = await scene.start_scheduled(name, big(name, CHARACTERS) if reads else "", attempts=2)
    scene.work.outage = DOWN
    scene.store.reading = DOWN if reads else None
    async with asyncio.timeout(20):
        async with scene.activities(graceful_shutdown_timeout=timedelta(seconds=1)):
            await scene.store.was_asked(1)
    scene.work.outage = None
    scene.store.heal()
    async with scene.activities():
        assert await handle.result()


async def test_worker_that_is_shut_down_uses_the_time_it_has(scene: Scene) -> None:
    scene.work.outage = DOWN
    handle = await scene.start("make")
    async with scene.activities(graceful_shutdown_timeout=timedelta(seconds=20)):
        await scene.store.was_asked(1)
        asyncio.get_running_loop().call_later(1, scene.store.heal)
    assert await handle.result()
    assert scene.work.runs == 1


@pytest.mark.parametrize("hangs", [False, True])
@pytest.mark.parametrize("reads", [True, False])
async def test_time_of_the_activity_that_ends_says_what_it_waited_for(
    scene: Scene, reads: bool, hangs: bool
) -> None:
    name = "take" if reads else "make"
    handle = await scene.start_scheduled(
        name, big(name, CHARACTERS) if reads else "", start_to_close=2
    )
    scene.work.outage = DOWN
    scene.store.reading, scene.store.hangs = DOWN if reads else None, hangs
    async with scene.activities():
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
    assert "[store-unavailable]" in reason(failed.value)


@pytest.mark.parametrize("name", ["take", "make"])
async def test_waiting_can_be_turned_off(temporal_address: str, door: Door, name: str) -> None:
    async with scene_at(temporal_address, door, wait_seconds=0) as scene:
        handle = await scene.start_scheduled(name, big(name, CHARACTERS))
        scene.work.outage = scene.store.reading = DOWN
        async with scene.activities():
            with pytest.raises(WorkflowFailureError) as failed:
                await handle.result()
        assert "[store-unavailable]" in reason(failed.value)
        assert scene.store.asked == 1


@pytest.mark.parametrize("wrong", [-1, float("nan")])
def test_wrong_time_to_wait_is_refused(wrong: float) -> None:
    with pytest.raises(InvalidSettings):
        ClaimCheckPlugin(OutageStore(), activity_wait_seconds=wrong)


def test_sdk_that_tells_nothing_of_its_tasks_is_named_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watch_tasks(cast("Any", object()), wait_seconds=1)
    assert "do not wait" in caplog.text


# Who does not wait.


async def test_client_in_an_activity_raises_at_once(scene: Scene) -> None:
    scene.work.outage = DOWN
    target = await scene.start("nobody has it", attempts=0)
    handle = await scene.start("call_a_client", target.id)
    async with scene.activities():
        assert await handle.result() == len(DOWN.code)
    assert scene.store.asked == 1
    await target.terminate()


async def test_client_raises_at_once(scene: Scene) -> None:
    scene.store.writing = DOWN
    with pytest.raises(StoreUnavailable):
        await scene.start("take", big("client", CHARACTERS))


@pytest.mark.parametrize("reads", [True, False])
async def test_workflow_task_says_why_before_its_time_ends(scene: Scene, reads: bool) -> None:
    """Else Temporal only tells that it timed out."""
    other = dataclasses.replace(scene.setup, task_queue=f"{scene.setup.task_queue}-other")
    handle = await other.client.start_workflow(
        Make.run if not reads else kinds.Measure.run,
        "mark" if not reads else big("hangs", CHARACTERS),
        id=other.new_id(),
        task_queue=other.task_queue,
        task_timeout=timedelta(seconds=2),
    )
    scene.store.hangs = True
    async with other.worker([Make, kinds.Measure]):
        message = await task_failure(handle)
        assert "[store-unavailable] memory:// did not answer" in message
        scene.store.heal()
        assert await handle.result()


# Queries and updates.


async def test_query_that_the_store_fails_raises_and_says_why(scene: Scene) -> None:
    async with mailbox(scene) as handle:
        scene.store.writing = DOWN
        with pytest.raises(WorkflowQueryFailedError, match="store-unavailable"):
            await handle.query(kinds.Mailbox.get)
        scene.store.heal()
        assert await handle.query(kinds.Mailbox.get) == big("box", CHARACTERS)


async def test_update_whose_answer_cannot_be_stored_is_answered_later(scene: Scene) -> None:
    async with mailbox(scene) as handle:
        scene.store.writing = DOWN
        update = asyncio.create_task(handle.execute_update(kinds.Mailbox.swap, "small"))
        assert "[store-unavailable]" in await task_failure(handle)
        scene.store.heal()
        assert await update == big("box", CHARACTERS)


@asynccontextmanager
async def mailbox(scene: Scene) -> AsyncGenerator[WorkflowHandle[Any, Any]]:
    """A workflow that holds a large value."""
    other = dataclasses.replace(scene.setup, task_queue=f"{scene.setup.task_queue}-other")
    async with other.worker([kinds.Mailbox]):
        handle = await other.client.start_workflow(
            kinds.Mailbox.run,
            id=other.new_id(),
            task_queue=other.task_queue,
            task_timeout=timedelta(seconds=2),
        )
        await handle.signal(kinds.Mailbox.put, big("box", CHARACTERS))
        assert await handle.query(kinds.Mailbox.equals, big("box", CHARACTERS))
        yield handle
        await handle.signal(kinds.Mailbox.finish)
        await handle.result()
