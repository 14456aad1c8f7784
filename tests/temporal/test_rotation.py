"""Keys change while workflows run: what was encrypted before is read, and nothing is lost."""

import contextlib
import uuid
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import Failure
from temporalio.client import WorkflowHandle

from temporal_claimcheck import ClaimCheckManager
from temporal_claimcheck.envelope import read_header
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.temporal.plugin import Door
from temporal_claimcheck.transforms.encryption import KeyRing
from tests.core.rings import key, ring
from tests.temporal import pipeline
from tests.temporal.counting import CountingStore
from tests.temporal.setup import Setup, big, connect
from tests.temporal.waiting import eventually

RECORDS = 400_000


async def setup_with(
    address: str, door: Door, store: CountingStore, keys: KeyRing | Callable[[], KeyRing]
) -> Setup:
    # Without a cache every payload is really read.
    manager = ClaimCheckManager(store, keys=keys, cache_bytes=0)
    return await connect(address, door=door, store=store, manager=manager)


async def start(setup: Setup, value: str) -> WorkflowHandle[Any, int]:
    """Start a pipeline and wait until its first half is done."""
    handle = await setup.client.start_workflow(
        pipeline.Pipeline.run, args=[[value], True], id=setup.new_id(), task_queue=setup.task_queue
    )

    async def half_done() -> bool:
        history = await handle.fetch_history()
        kinds = [event.event_type for event in history.events]
        return kinds.count(EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED) == 2

    await eventually(half_done)
    return handle


@contextlib.asynccontextmanager
async def worker(setup: Setup, task_queue: str) -> AsyncGenerator[None]:
    setup.task_queue = task_queue
    with ThreadPoolExecutor() as executor:
        # No cached workflows: who takes over replays all that the other one wrote.
        async with setup.worker(
            [pipeline.Pipeline],
            pipeline.ACTIVITIES,
            activity_executor=executor,
            max_cached_workflows=0,
        ):
            yield


async def shown_in_temporal(handle: WorkflowHandle[Any, Any]) -> str:
    """Return what Temporal shows of the workflow's trouble to somebody without keys."""
    described = (await handle.describe()).raw_description
    failures = [each.last_failure for each in described.pending_activities]
    failures += [
        event.workflow_task_failed_event_attributes.failure
        for event in (await handle.fetch_history()).events
    ]
    return "".join(each.message for failure in failures for each in chain(failure))


def chain(failure: Failure) -> Iterator[Failure]:
    """Yield a failure and its causes."""
    yield failure
    if failure.HasField("cause"):
        yield from chain(failure.cause)


async def test_workflows_run_on_while_the_key_is_rotated(temporal_address: str, door: Door) -> None:
    store, value, queue = CountingStore(), big(str(uuid.uuid4()), RECORDS), str(uuid.uuid4())
    before = await setup_with(temporal_address, door, store, ring("old"))
    async with worker(before, queue):
        handles = [await start(before, f"{value}{number}") for number in range(3)]
    assert await key_ids(store) == {key("old").id}
    after = await setup_with(temporal_address, door, store, ring("new", "old"))
    async with worker(after, queue):
        for handle in handles:
            await handle.signal(pipeline.Pipeline.release)
            seen = after.client.get_workflow_handle(handle.id, result_type=int)
            assert await seen.result() == 2 * (len(value) + 1)
        fresh = await start(after, value)
        await fresh.signal(pipeline.Pipeline.release)
        assert await fresh.result() == 2 * len(value)
    assert await key_ids(store) == {key("old").id, key("new").id}


@pytest.mark.parametrize(("wrote", "reads", "lost"), [("new", "old", "new"), ("old", "new", "old")])
async def test_a_worker_without_the_key_waits_for_it_and_says_so(
    temporal_address: str, door: Door, wrote: str, reads: str, lost: str
) -> None:
    store, value, queue = CountingStore(), big(str(uuid.uuid4()), RECORDS), str(uuid.uuid4())
    writer = await setup_with(temporal_address, door, store, ring(wrote))
    async with worker(writer, queue):
        handle = await start(writer, value)
    await handle.signal(pipeline.Pipeline.release)
    rings = [ring(reads)]
    reader = await setup_with(temporal_address, door, store, lambda: rings[-1])
    async with worker(reader, queue):

        async def said() -> bool:
            return key(lost).id in await shown_in_temporal(handle)

        await eventually(said)
        assert "[encryption-key-missing]" in await shown_in_temporal(handle)
        rings.append(ring("new", "old"))
        seen = reader.client.get_workflow_handle(handle.id, result_type=int)
        assert await seen.result() == 2 * len(value)


async def key_ids(store: MemoryStore) -> set[str]:
    """Return the ids of the keys of the objects in the store."""
    ids: set[str] = set()
    async for blob in store.scan("v1/"):
        header, _ = read_header(await store.get(blob.key, max_bytes=10**9), key=blob.key)
        assert header.encryption is not None
        ids.add(header.encryption.key_id)
    return ids
