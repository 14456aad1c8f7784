"""The codec server goes wrong, goes away or asks who is calling, and the workflows end well."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from temporal_claimcheck.testing.servers import free_ports
from tests.server.commands import Command, serve_command
from tests.temporal.waiting import eventually
from tests.zigflow.example import service
from tests.zigflow.faulty_codec import FAULTS, Fault, FaultyCodec, faulty_codec
from tests.zigflow.stand import Place, Runner, Stand, stand

pytestmark = pytest.mark.asyncio(loop_scope="session")

CITIES = len(service.cities())
COUNTRIES = len(service.countries())
WHOLE = {"whole": True, "cities": CITIES, "countries": COUNTRIES}
TOKEN = "0123456789abcdef"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def faulty(codec_server: Command) -> AsyncGenerator[FaultyCodec]:
    async with faulty_codec(codec_server.url) as codec:
        yield codec


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def attacked(
    runner: Runner,
    faulty: FaultyCodec,
    temporal_address: str,
    service_url: str,
    claims: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncGenerator[Stand]:
    """A runner that reaches the codec server through the one that goes wrong."""
    place = Place(address=temporal_address, service_url=service_url, codec_url=faulty.url)
    folder = tmp_path_factory.mktemp("attacked")
    async with stand(runner, place, folder=folder, store=claims) as made:
        yield made


@pytest.mark.parametrize("verb", ["encode", "decode"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_codec_server_that_goes_wrong_is_waited_for(
    fault: Fault, verb: str, attacked: Stand, faulty: FaultyCodec
) -> None:
    faulty.go_wrong(fault, times=2, verbs=(verb,))
    trace = await attacked.run("claimcheck-data-survives", {})
    assert faulty.done, "the fault happened"
    assert trace.result == WHOLE
