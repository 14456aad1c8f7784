"""Servers that the whole run shares."""

import signal
from collections.abc import AsyncGenerator

import pytest_asyncio

from temporal_claimcheck.testing.servers import temporal_server

# What a shell starts in the background ignores Ctrl-C, and so does all that it starts in turn. The
# programs that tests start and interrupt shall heed it, wherever the tests run.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def temporal_address() -> AsyncGenerator[str]:
    """Address of a real Temporal dev server."""
    async with temporal_server() as environment:
        yield environment.client.service_client.config.target_host
