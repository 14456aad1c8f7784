"""Real servers for what expires, and a namespace of its own for each module."""

import uuid
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import (
    CountWorkflowExecutionsRequest,
    RegisterNamespaceRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError

from temporal_claimcheck.testing.servers import S3Server, rclone_s3, seaweedfs
from tests.temporal.waiting import eventually

RETENTION_DAYS = 3


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def s3(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[S3Server]:
    async with seaweedfs(tmp_path_factory.mktemp("s3"), bucket="claims") as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def rclone(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[S3Server]:
    async with rclone_s3(tmp_path_factory.mktemp("rclone"), bucket="claims") as server:
        yield server


@pytest.fixture
async def namespace(temporal_address: str) -> str:
    """A namespace of its own, where nothing runs yet."""
    client = await Client.connect(temporal_address)
    name = f"ns-{uuid.uuid4()}"
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(
            namespace=name,
            workflow_execution_retention_period=Duration(seconds=RETENTION_DAYS * 86_400),
        )
    )

    async def is_ready() -> bool:
        try:
            await client.workflow_service.count_workflow_executions(
                CountWorkflowExecutionsRequest(namespace=name)
            )
        except RPCError:
            return False
        return True

    await eventually(is_ready)
    return name
