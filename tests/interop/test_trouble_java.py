"""The codec server goes wrong, and what Java's SDK makes of it."""

import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from tests.interop.conftest import QueueOf, needs
from tests.interop.table import DoorName
from tests.interop.workers import Way, foreign_worker, relay, result_of
from tests.temporal.setup import big
from tests.temporal.waiting import eventually
from tests.zigflow.faulty_codec import FAULTS, Fault, FaultyCodec, faulty_codec

pytestmark = pytest.mark.asyncio(loop_scope="session")

A_LITTLE = 100_000


@dataclass(frozen=True, kw_only=True)
class Trouble:
    fault: Fault
    verb: str

    def __str__(self) -> str:
        return f"{self.verb}: {self.fault}"


TROUBLE = [Trouble(fault=fault, verb=verb) for fault in FAULTS for verb in ("encode", "decode")]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def faulty(ways: dict[DoorName, Way]) -> AsyncGenerator[FaultyCodec]:
    async with faulty_codec(ways["codec"].codec_url) as codec:
        yield codec


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def attacked(
    ways: dict[DoorName, Way], faulty: FaultyCodec, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[str]:
    """The task queue of a worker that reaches the codec server through the one that goes wrong."""
    needs("java")
    way = replace(ways["codec"], codec_url=faulty.url)
    folder = tmp_path_factory.mktemp("attacked")
    async with foreign_worker("java", way, folder=folder) as queue:
        yield queue


@pytest.fixture
def client(clients: dict[DoorName, Client]) -> Client:
    return clients["codec"]


@pytest.mark.parametrize("trouble", TROUBLE, ids=str)
async def test_a_workflow_waits_and_recovers(
    trouble: Trouble, attacked: str, faulty: FaultyCodec, client: Client, queue_of: QueueOf
) -> None:
    faulty.go_wrong(trouble.fault, times=2, verbs=(trouble.verb,))
    text = big(f"workflow {trouble}", A_LITTLE)
    python = await queue_of("python", "codec")
    handle = await relay(client, text, workflow_queue=attacked, activity_queue=python)
    assert await result_of(handle) == text.upper()
    assert len(faulty.done) == 2


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_workflow_that_cannot_decode_a_result_waits_and_recovers(
    fault: Fault, attacked: str, faulty: FaultyCodec, client: Client
) -> None:
    """Where Go's SDK fails the workflow for good."""

    @activity.defn(name="upper")
    async def upper_before_trouble(text: str) -> str:
        faulty.go_wrong(fault, times=2, verbs=("decode",))
        return text.upper()

    text, queue = big(f"result {fault}", A_LITTLE), f"trouble-{uuid.uuid4()}"
    async with Worker(client, task_queue=queue, activities=[upper_before_trouble]):
        handle = await relay(client, text, workflow_queue=attacked, activity_queue=queue)
        assert await result_of(handle) == text.upper()
    assert len(faulty.done) == 2


@pytest.mark.parametrize("trouble", TROUBLE, ids=str)
async def test_an_activity_is_tried_again(
    trouble: Trouble, attacked: str, faulty: FaultyCodec, client: Client, queue_of: QueueOf
) -> None:
    faulty.go_wrong(trouble.fault, times=2, verbs=(trouble.verb,))
    text = big(f"activity {trouble}", A_LITTLE)
    python = await queue_of("python", "codec")
    handle = await relay(client, text, workflow_queue=python, activity_queue=attacked)
    assert await result_of(handle) == text.upper()
    assert len(faulty.done) == 2


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_signal_that_cannot_be_decoded(
    fault: Fault, attacked: str, faulty: FaultyCodec, client: Client
) -> None:
    handle = await client.start_workflow(
        "listen", id=f"listen-{uuid.uuid4()}", task_queue=attacked, result_type=str
    )

    async def listens() -> bool:
        history = await handle.fetch_history()
        return any(
            event.HasField("workflow_task_completed_event_attributes") for event in history.events
        )

    await eventually(listens)
    faulty.go_wrong(fault, times=1, verbs=("decode",))
    text = big(f"signal {fault}", A_LITTLE)
    await handle.signal("deliver", text)
    assert await result_of(handle) == text
    assert len(faulty.done) == 1


async def test_the_sdks_own_codec_does_not_count_the_answer(
    ways: dict[DoorName, Way],
    client: Client,
    faulty: FaultyCodec,
    queue_of: QueueOf,
    tmp_path: Path,
) -> None:
    """Which is why the docs have one that does: what is missing reaches the activity as nothing."""
    needs("java")
    way = replace(ways["codec"], codec_url=faulty.url)
    python = await queue_of("python", "codec")
    faulty.go_wrong("fewer payloads", times=1, verbs=("encode",))
    uncounted = {"INTEROP_UNCOUNTED": "true"}
    async with foreign_worker("java", way, folder=tmp_path, **uncounted) as queue:
        text = big("uncounted", A_LITTLE)
        handle = await relay(client, text, workflow_queue=queue, activity_queue=python)

        async def is_scheduled() -> bool:
            history = await handle.fetch_history()
            scheduled = [
                event.activity_task_scheduled_event_attributes
                for event in history.events
                if event.HasField("activity_task_scheduled_event_attributes")
            ]
            return bool(scheduled) and not scheduled[0].input.payloads

        await eventually(is_scheduled)
        await handle.terminate()
