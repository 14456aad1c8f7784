"""The store's server dies or hangs under a running pipeline: it waits, and goes on."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from temporal_claimcheck.temporal.plugin import Door
from tests.faults.hosts import SECRET, Host, RedisMachine, SeaweedMachine, hosted
from tests.faults.production import Production

HANGS_SECONDS = 20


@pytest.fixture(params=[SeaweedMachine, RedisMachine], ids=["s3", "redis"])
async def host(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Host]:
    async with hosted(request.param(tmp_path)) as host:
        yield host


@pytest.mark.parametrize("door", ["driver", "codec"])
async def test_server_that_is_killed_and_started_again(
    host: Host, temporal_address: str, door: Door
) -> None:
    production = Production(temporal_address, door, host.machine.store)
    async with production.running():
        await host.die()
        async with production.going_on():
            await production.shows("store-unavailable", SECRET)
            await host.start()
            await production.ends_well()


async def test_server_that_hangs_for_twenty_seconds(host: Host, temporal_address: str) -> None:
    production = Production(temporal_address, "driver", host.machine.store)
    async with production.running():
        host.server.pause()
        # This long is the example.
        end = asyncio.get_running_loop().time() + HANGS_SECONDS
        async with production.going_on():
            # Activities wait for an answer, and get it.
            await production.shows("store-unavailable", SECRET, attempts=False)
            await asyncio.sleep(end - asyncio.get_running_loop().time())
            host.server.resume()
            await production.ends_well()
