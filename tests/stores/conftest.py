"""Real servers, one of each for the whole run."""

import itertools
import json
import os
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from temporal_claimcheck.testing.servers import (
    AzureServer,
    ProgramMissing,
    S3Server,
    ServerProcess,
    azurite,
    find_program,
    rclone_s3,
    redis_server,
    seaweedfs,
)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def redis(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[ServerProcess]:
    folder: Path = tmp_path_factory.mktemp("redis")
    arguments = ("--requirepass", PASSWORD, "--appendonly", "yes", "--databases", "4000")
    async with redis_server(folder, arguments=arguments) as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def s3(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[S3Server]:
    """Run SeaweedFS, where `narrow` may read and write and `reader` may only read."""
    folder = tmp_path_factory.mktemp("s3")
    identities = folder / "identities.json"
    actions = {
        "claimcheck": ["Admin", "Read", "Write", "List"],
        "narrow": ["Read:claims", "Write:claims"],
        "reader": ["Read:claims"],
    }
    identities.write_text(
        json.dumps({"identities": [_identity(*each) for each in actions.items()]})
    )
    arguments = (f"-s3.config={identities}",)
    async with seaweedfs(folder, bucket="claims", arguments=arguments) as server:
        yield server


def _identity(name: str, actions: list[str]) -> dict[str, object]:
    key = {"accessKey": name, "secretKey": f"{name}-secret"}
    return {"name": name, "credentials": [key], "actions": actions}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def rclone(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[S3Server]:
    async with rclone_s3(tmp_path_factory.mktemp("rclone"), bucket="claims") as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def azure(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[AzureServer]:
    try:
        find_program("azurite-blob")
    except ProgramMissing:
        if os.environ.get("CI"):
            raise
        pytest.skip("azurite-blob is not on the PATH; npm install azurite brings it")
    async with azurite(tmp_path_factory.mktemp("azure"), container="claims") as server:
        yield server


@pytest.fixture
def url(redis: ServerProcess) -> str:
    """A Redis database of its own for each test."""
    return f"redis://:{PASSWORD}@127.0.0.1:{redis.port}/{next(DATABASES)}"


DATABASES = itertools.count(1)
PASSWORD = "redis-password-8d1f"
