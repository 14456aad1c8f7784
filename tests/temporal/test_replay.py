"""A replay writes nothing; the answer to a query during one is stored. Proven by counting."""

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle, WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from temporal_claimcheck import BlobStore, ClaimCheckManager, ClaimCheckPlugin
from temporal_claimcheck.stores.filesystem import FileSystemStore
from temporal_claimcheck.temporal.plugin import Door
from tests.temporal import kinds, pipeline
from tests.temporal.counting import CountingStore
from tests.temporal.setup import Setup, big, connect
from tests.temporal.worker_process import worker_process

TODAY = dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC)
LATER = TODAY + dt.timedelta(days=3)

Clock = Callable[[], dt.datetime]


def clock(now: dt.datetime) -> Clock:
    return lambda: now


def cold_manager(store: BlobStore, now: dt.datetime) -> ClaimCheckManager:
    """A process that remembers nothing, on a given day."""
    return ClaimCheckManager(store, clock=clock(now))


@pytest.fixture(params=[TODAY, LATER], ids=["same day", "later day"])
def now(request: pytest.FixtureRequest) -> dt.datetime:
    return request.param


@pytest.fixture
async def finished(temporal_address: str, door: Door) -> tuple[Setup, WorkflowHandle[Any, Any]]:
    """A pipeline that ended on TODAY."""
    store = CountingStore()
    setup = await connect(
        temporal_address, door=door, store=store, manager=cold_manager(store, TODAY)
    )
    with ThreadPoolExecutor() as executor:
        async with setup.worker(
            [pipeline.Pipeline], pipeline.ACTIVITIES, activity_executor=executor
        ):
            handle = await setup.client.start_workflow(
                pipeline.Pipeline.run,
                args=[[big("replay"), "and more"], False],
                id=setup.new_id(),
                task_queue=setup.task_queue,
            )
            await handle.result()
    assert store.puts
    store.forget_counts()
    return setup, handle


async def test_replayer_writes_nothing(
    finished: tuple[Setup, WorkflowHandle[Any, Any]], now: dt.datetime, door: Door
) -> None:
    setup, handle = finished
    plugin = ClaimCheckPlugin(cold_manager(setup.store, now), door=door)
    replayer = Replayer(workflows=[pipeline.Pipeline], plugins=[plugin])
    await replayer.replay_workflow(await handle.fetch_history())
    assert setup.store.gets, "the replay read what the workflow needs"
    assert not setup.store.puts


async def test_replayer_writes_nothing_for_a_task_that_was_never_completed(
    finished: tuple[Setup, WorkflowHandle[Any, Any]], door: Door
) -> None:
    """The last task of such a history is no replay to the SDK: its commands are new."""
    setup, handle = finished
    history = await handle.fetch_history()
    begun = [
        index
        for index, event in enumerate(history.events)
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED
    ]
    cut = WorkflowHistory(history.workflow_id, history.events[: begun[1] + 1])
    plugin = ClaimCheckPlugin(cold_manager(setup.store, LATER), door=door)
    await Replayer(workflows=[pipeline.Pipeline], plugins=[plugin]).replay_workflow(cut)
    assert not setup.store.puts


async def test_replayer_with_the_clients_own_converter_writes_nothing(
    finished: tuple[Setup, WorkflowHandle[Any, Any]],
) -> None:
    setup, handle = finished
    replayer = Replayer(
        workflows=[pipeline.Pipeline],
        data_converter=setup.client.data_converter,
        plugins=[setup.plugin],
    )
    await replayer.replay_workflow(await handle.fetch_history())
    assert not setup.store.puts


@pytest.mark.parametrize("sandboxed", [True, False], ids=["sandboxed", "unsandboxed"])
async def test_worker_stores_the_answer_of_a_query_and_nothing_else(
    finished: tuple[Setup, WorkflowHandle[Any, Any]], now: dt.datetime, door: Door, sandboxed: bool
) -> None:
    setup, handle = finished
    cold = await connect(
        setup.address, door=door, store=setup.store, manager=cold_manager(setup.store, now)
    )
    cold.task_queue = setup.task_queue
    options: dict[str, Any] = {} if sandboxed else {"workflow_runner": UnsandboxedWorkflowRunner()}
    async with cold.worker([pipeline.Pipeline], **options):
        same = cold.client.get_workflow_handle(handle.id)
        answer = await same.query(pipeline.Pipeline.reversed)
    assert answer == ["AND MORE", big("replay").upper()]
    (key,) = setup.store.puts
    assert key.startswith(f"v1/default/{now.date()}/")
    assert setup.store.puts[key] == 1


async def test_run_that_goes_on_after_a_replay_stores_again(
    temporal_address: str, door: Door
) -> None:
    """The last activation of a live run is no replay: what it encodes nobody has stored."""
    store = CountingStore()
    first = await connect(
        temporal_address, door=door, store=store, manager=cold_manager(store, TODAY)
    )
    value = big("goes on")
    with ThreadPoolExecutor() as executor:
        options: dict[str, Any] = {"activity_executor": executor}
        async with first.worker([pipeline.Pipeline], pipeline.ACTIVITIES, **options):
            handle = await first.client.start_workflow(
                pipeline.Pipeline.run,
                args=[[value], True],
                id=first.new_id(),
                task_queue=first.task_queue,
            )
            while not await handle.query(pipeline.Pipeline.transformed):
                pass
        store.forget_counts()
        later = await connect(
            temporal_address, door=door, store=store, manager=cold_manager(store, LATER)
        )
        later.task_queue = first.task_queue
        async with later.worker([pipeline.Pipeline], pipeline.ACTIVITIES, **options):
            await handle.signal(pipeline.Pipeline.release)
            assert await handle.result() == 2 * len(value)
    # The transformed records are passed to new activities on a later day, so they are stored
    # for that day; the input, which only the replay encoded, is not.
    (key,) = store.puts
    assert key.startswith(f"v1/default/{LATER.date()}/")


async def test_local_activity_that_had_not_finished_runs_again_after_a_replay(
    temporal_address: str, door: Door, tmp_path: Path
) -> None:
    """Its arguments stand in no history; they must be whole when the replayed command runs."""
    store = FileSystemStore(tmp_path)
    first = await connect(temporal_address, door=door, manager=cold_manager(store, TODAY))
    value = big("local")
    handle = await first.client.start_workflow(
        kinds.SlowLocal.run,
        value,
        id=first.new_id(),
        task_queue=first.task_queue,
        task_timeout=dt.timedelta(seconds=2),
    )
    with worker_process(temporal_address, first.task_queue, tmp_path, door=door):
        # The workflow task is kept alive by heartbeats, each of which closes it in the history:
        # for the next worker, the activation that began the local activity is a replay.
        await kinds.task_heartbeats(handle, 1)
    kinds.slow_local_may_finish.set()
    # Without a cache: what was only minted could not be read.
    without_cache = ClaimCheckManager(store, clock=clock(LATER), cache_bytes=0)
    later = await connect(temporal_address, door=door, manager=without_cache)
    later.task_queue = first.task_queue
    async with later.worker([kinds.SlowLocal], [kinds.slow_local]):
        assert await handle.result() == len(value)
