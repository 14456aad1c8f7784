"""Workers that are killed with SIGKILL, anywhere: every workflow ends with the right result."""

import asyncio
import itertools
import os
import random
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle

from temporal_claimcheck import ClaimCheckManager, ClaimCheckPlugin
from temporal_claimcheck.stores.filesystem import FileSystemStore
from tests.temporal import pipeline
from tests.temporal.setup import big
from tests.temporal.worker_process import worker_process

KILLS = int(os.environ.get("CLAIMCHECK_TEST_KILLS", "100"))
AT_ONCE = 4
LONGEST_LIFE_SECONDS = 1.5
CHARACTERS = 3_000_000


class Feeder:
    """Starts pipelines and checks what comes out of them."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self.task_queue = task_queue
        self.checked = 0

    async def start(self) -> WorkflowHandle[Any, Any]:
        mark = uuid.uuid4().hex
        return await self._client.start_workflow(
            pipeline.Pipeline.run,
            args=[[big(mark, CHARACTERS)], False, 3],
            id=mark,
            task_queue=self.task_queue,
            task_timeout=timedelta(seconds=2),
        )

    async def check(self, handle: WorkflowHandle[Any, Any]) -> None:
        assert await handle.result() == 2 * len(big(handle.id, CHARACTERS))
        self.checked += 1

    async def run_one_after_another(self, enough: asyncio.Event) -> None:
        while not enough.is_set():
            await self.check(await self.start())


@pytest.fixture
async def feeder(temporal_address: str, tmp_path: Path) -> Feeder:
    manager = ClaimCheckManager(FileSystemStore(tmp_path))
    client = await Client.connect(temporal_address, plugins=[ClaimCheckPlugin(manager)])
    return Feeder(client, f"kills-{uuid.uuid4()}")


async def test_worker_that_dies_at_each_use_of_the_store_loses_nothing(
    feeder: Feeder, temporal_address: str, tmp_path: Path
) -> None:
    died = 0
    for moment in itertools.count():
        handle = await feeder.start()
        finished = asyncio.create_task(feeder.check(handle))
        with worker_process(temporal_address, feeder.task_queue, tmp_path, dies_at=moment) as dying:
            while not finished.done() and dying.is_alive():
                await asyncio.wait([finished], timeout=0.1)
            if finished.done():
                await finished
                break
        died += 1
        with worker_process(temporal_address, feeder.task_queue, tmp_path):
            await finished
    assert died >= 10, "the pipeline uses the store at least that often"


@pytest.mark.timeout(600)
async def test_hundred_kills_at_random_moments_lose_nothing(
    feeder: Feeder, temporal_address: str, tmp_path: Path
) -> None:
    chance = random.Random(20260304)  # noqa: S311  # repeatable, not secret
    enough = asyncio.Event()
    lines = [asyncio.create_task(feeder.run_one_after_another(enough)) for _ in range(AT_ONCE)]
    for _ in range(KILLS):
        with worker_process(temporal_address, feeder.task_queue, tmp_path):
            # The moment of the kill is what is being tried, so here time is the condition.
            await asyncio.sleep(chance.uniform(0.2, LONGEST_LIFE_SECONDS))
    enough.set()
    with worker_process(temporal_address, feeder.task_queue, tmp_path):
        await asyncio.gather(*lines)
    assert feeder.checked >= AT_ONCE
