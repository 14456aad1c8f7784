"""Servers that the whole run shares."""

import signal
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from temporal_claimcheck.testing.servers import temporal_server

# What a shell starts in the background ignores Ctrl-C, and so does all that it starts in turn. The
# programs that tests start and interrupt shall heed it, wherever the tests run.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_SLOW = (
    "tests/copying/test_kills.py",
    "tests/core/test_folder_crashes.py",
    "tests/faults/",
    "tests/gc/test_model.py",
    "tests/monitoring/",
    "tests/server/test_fuzz.py",
    "tests/server/test_refusals.py",
    "tests/stores/test_memory.py",
    "tests/temporal/test_faults.py",
    "tests/temporal/test_kills.py",
    "tests/temporal/test_migration.py",
    "tests/temporal/test_move_from_recipe.py",
    "tests/temporal/test_rotation.py",
)
"""Processes that are killed again and again, servers that are down for long, millions of bytes or
steps: what `make test-slow` runs, and `make test` does not."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, all in one place."""
    for item in items:
        if item.nodeid.startswith(_SLOW):
            item.add_marker(pytest.mark.slow)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def temporal_address() -> AsyncGenerator[str]:
    """Address of a real Temporal dev server."""
    async with temporal_server() as environment:
        yield environment.client.service_client.config.target_host
