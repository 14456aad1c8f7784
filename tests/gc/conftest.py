"""A server with everything that can hold a claim, and both doors in turn."""

import os
from collections.abc import AsyncGenerator, Generator, Mapping

import pytest
import pytest_asyncio
from temporalio.client import Client

from temporal_claimcheck.temporal.plugin import Door
from temporal_claimcheck.testing.servers import temporal_server
from tests.gc.rooms import Room, open_room
from tests.gc.scenes import Scene

SETTINGS = {
    "nexusoperation.enableStandalone": "true",
    "frontend.WorkflowPauseEnabled": "true",
    # Without these a closed run is deleted half a minute after the request.
    "history.transferProcessorEnsureCloseBeforeDelete": "false",
    "history.visibilityProcessorEnsureCloseBeforeDelete": "false",
}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Take every setting of whoever runs the tests out of the environment."""
    for name in os.environ:
        if name.startswith(("CLAIMCHECK_", "TEMPORAL_")) and "_TEST_" not in name:
            monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture(autouse=True)
def scenes_are_closed() -> Generator[None]:
    """Close the scenes of a test when it is over."""
    yield
    while Scene.opened:
        Scene.opened.pop().close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def address() -> AsyncGenerator[str]:
    async with temporal_server(arguments=dynamic_config(SETTINGS)) as environment:
        yield environment.client.service_client.config.target_host


def dynamic_config(settings: Mapping[str, str]) -> list[str]:
    return [
        word
        for name, value in settings.items()
        for word in ("--dynamic-config-value", f"{name}={value}")
    ]


@pytest.fixture(params=["driver", "codec"])
def door(request: pytest.FixtureRequest) -> Door:
    return request.param


@pytest.fixture
async def room(address: str, door: Door) -> Room:
    return await open_room(address, door=door)


@pytest.fixture
async def plain(address: str) -> Client:
    return await Client.connect(address)
