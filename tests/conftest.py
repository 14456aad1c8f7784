"""Servers that the whole run shares."""

from collections.abc import AsyncGenerator

import pytest_asyncio

from temporal_claimcheck.testing.servers import temporal_server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def temporal_address() -> AsyncGenerator[str]:
    """Address of a real Temporal dev server."""
    async with temporal_server() as environment:
        yield environment.client.service_client.config.target_host
