"""A worker of each language by each door, started when it is first asked for."""

import contextlib
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client

from temporal_claimcheck import ClaimCheckPlugin, Settings
from temporal_claimcheck.testing.servers import S3Server, seaweedfs
from tests.interop.table import DoorName, Language
from tests.interop.workers import Way, foreign_worker, is_built, python_worker
from tests.server.commands import serve_command

QueueOf = Callable[[Language, DoorName], Awaitable[str]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def s3(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[S3Server]:
    async with seaweedfs(tmp_path_factory.mktemp("s3"), bucket="payloads") as server:
        yield server


@pytest.fixture(scope="session")
def claims(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("claims")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def ways(
    s3: S3Server, claims: Path, temporal_address: str
) -> AsyncGenerator[dict[DoorName, Way]]:
    async with serve_command(store=claims) as command:
        yield {
            "codec": Way(door="codec", address=temporal_address, codec_url=command.url),
            "s3-driver": Way(door="s3-driver", address=temporal_address, s3=s3),
        }


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def clients(
    ways: dict[DoorName, Way], claims: Path, s3: S3Server
) -> AsyncGenerator[dict[DoorName, Client]]:
    """Clients in Python that write what workers in other languages can read."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in ways["s3-driver"].credentials.items():
            environment.setenv(name, value)
        settings: dict[DoorName, Settings] = {
            "codec": Settings.load(store=f"file://{claims}"),
            "s3-driver": Settings.load(s3_driver_bucket=s3.bucket, s3_endpoint=s3.endpoint),
        }
        yield {
            door: await Client.connect(
                way.address, plugins=[ClaimCheckPlugin(settings=settings[door], door=door)]
            )
            for door, way in ways.items()
        }


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def queue_of(
    ways: dict[DoorName, Way],
    clients: dict[DoorName, Client],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncGenerator[QueueOf]:
    """Return the task queue of a worker in a language."""
    running = dict[tuple[Language, DoorName], str]()
    folder = tmp_path_factory.mktemp("workers")
    async with contextlib.AsyncExitStack() as workers:

        async def queue(language: Language, door: DoorName) -> str:
            if (language, door) not in running:
                worker = (
                    python_worker(clients[door])
                    if language == "python"
                    else foreign_worker(language, ways[door], folder=folder)
                )
                running[language, door] = await workers.enter_async_context(worker)
            return running[language, door]

        yield queue


def needs(*languages: Language) -> None:
    """Skip a test for which a worker is not built; on the CI each is."""
    for language in languages:
        if not is_built(language):
            assert not os.environ.get("CI"), "run tests/interop/install.sh first"
            pytest.skip(f"There is no worker in {language}: make test-interop builds it")
