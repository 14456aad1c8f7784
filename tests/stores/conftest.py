"""Real servers, one of each for the whole run."""

import itertools
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from temporal_claimcheck.testing.servers import S3Server, ServerProcess, redis_server, seaweedfs


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def redis(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[ServerProcess]:
    folder: Path = tmp_path_factory.mktemp("redis")
    arguments = ("--requirepass", PASSWORD, "--appendonly", "yes", "--databases", "4000")
    async with redis_server(folder, arguments=arguments) as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def s3(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[S3Server]:
    async with seaweedfs(tmp_path_factory.mktemp("s3"), bucket="claims") as server:
        yield server


@pytest.fixture
def url(redis: ServerProcess) -> str:
    """A Redis database of its own for each test."""
    return f"redis://:{PASSWORD}@127.0.0.1:{redis.port}/{next(DATABASES)}"


DATABASES = itertools.count(1)
PASSWORD = "redis-password-8d1f"
