"""Servers to copy to and from, and an environment without settings of whoever runs the tests."""

import json
import os
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from temporal_claimcheck.testing.servers import (
    S3Server,
    ServerProcess,
    rclone_s3,
    redis_server,
    seaweedfs,
)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("CLAIMCHECK_", "AWS_", "R2_", "REDIS_")) and "_TEST_" not in name:
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "80")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def s3(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[S3Server]:
    """Run SeaweedFS, where `reader` may only read and list."""
    folder = tmp_path_factory.mktemp("s3")
    identities = folder / "identities.json"
    actions = {"claimcheck": ["Admin", "Read", "Write", "List"], "reader": ["Read", "List"]}
    identities.write_text(
        json.dumps(
            {
                "identities": [
                    {
                        "name": name,
                        "credentials": [{"accessKey": name, "secretKey": f"{name}-secret"}],
                        "actions": allowed,
                    }
                    for name, allowed in actions.items()
                ]
            }
        )
    )
    arguments = (f"-s3.config={identities}",)
    async with seaweedfs(folder, bucket="claims", arguments=arguments) as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def rclone(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[S3Server]:
    async with rclone_s3(tmp_path_factory.mktemp("rclone"), bucket="claims") as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def redis(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[ServerProcess]:
    folder = tmp_path_factory.mktemp("redis")
    async with redis_server(folder, arguments=("--appendonly", "yes")) as server:
        yield server


@pytest.fixture
def use_s3(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """Point the settings to the server, and return the URL of its bucket."""
    for name, value in s3_settings(s3).items():
        monkeypatch.setenv(name, value)
    return f"s3://{s3.bucket}"


def s3_settings(server: S3Server) -> dict[str, str]:
    return {
        "CLAIMCHECK_S3_ENDPOINT": server.endpoint,
        "CLAIMCHECK_S3_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": server.access_key_id,
        "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
    }
