"""A worker in a process of its own, to be killed."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

from temporalio.client import Client
from temporalio.worker import Worker

from temporal_claimcheck import ClaimCheckManager, ClaimCheckPlugin
from temporal_claimcheck.stores.filesystem import FileSystemStore
from temporal_claimcheck.temporal.plugin import Door
from tests.temporal import kinds, pipeline

# A forked server has everything imported, so that a worker starts in a moment.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__])


class DyingStore(FileSystemStore):
    """Kills its own process at the n-th moment before or after it is used."""

    def __init__(self, root: Path, *, moment: int) -> None:
        super().__init__(root)
        self._left = moment

    async def put(self, key: str, blob: bytes) -> bool:
        self._moment()
        wrote = await super().put(key, blob)
        self._moment()
        return wrote

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        self._moment()
        blob = await super().get(key, max_bytes=max_bytes)
        self._moment()
        return blob

    async def contains(self, key: str) -> bool:
        self._moment()
        return await super().contains(key)

    def _moment(self) -> None:
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1


@contextmanager
def worker_process(
    address: str, task_queue: str, folder: Path, *, door: Door = "driver", dies_at: int = -1
) -> Generator[BaseProcess]:
    """Run a worker for the block; at its end, SIGKILL. `dies_at` kills it earlier."""
    process = _PROCESSES.Process(
        target=_run, args=(address, task_queue, folder, door, dies_at), daemon=True
    )
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def _run(address: str, task_queue: str, folder: Path, door: Door, dies_at: int) -> None:
    asyncio.run(_work(address, task_queue, folder, door, dies_at))


async def _work(address: str, task_queue: str, folder: Path, door: Door, dies_at: int) -> None:
    manager = ClaimCheckManager(DyingStore(folder, moment=dies_at))
    client = await Client.connect(address, plugins=[ClaimCheckPlugin(manager, door=door)])
    with ThreadPoolExecutor() as executor:
        await Worker(
            client,
            task_queue=task_queue,
            workflows=[pipeline.Pipeline, kinds.SlowLocal],
            activities=[*pipeline.ACTIVITIES, kinds.slow_local],
            activity_executor=executor,
            # What a dead worker had is offered to the next one soon.
            sticky_queue_schedule_to_start_timeout=timedelta(milliseconds=300),
        ).run()
