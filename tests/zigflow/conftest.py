"""Both runners in turn, each with a codec server, an HTTP service and a Python worker."""

import os
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from tests.server.commands import Command, serve_command
from tests.zigflow.stand import RUNNERS, Place, Runner, Stand, is_built, serve_cities, stand


@pytest.fixture(scope="session", params=RUNNERS)
def runner(request: pytest.FixtureRequest) -> Runner:
    if not is_built(request.param):
        # The stand-in has to be there; whether Zigflow can be had depends on where Go gets its
        # modules from.
        assert request.param == "zigflow" or not os.environ.get("CI"), "make test-zigflow builds it"
        pytest.skip(f"{request.param} is not built: make test-zigflow tries to")
    return request.param


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def service_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[str]:
    async with serve_cities(tmp_path_factory.mktemp("service")) as url:
        yield url


@pytest.fixture(scope="session")
def claims(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("claims")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def codec_server(claims: Path) -> AsyncGenerator[Command]:
    async with serve_command(store=claims) as command:
        yield command


@pytest.fixture(scope="session")
def without_codec(temporal_address: str, service_url: str) -> Place:
    return Place(address=temporal_address, service_url=service_url, codec_url=None)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def checked(
    runner: Runner,
    without_codec: Place,
    claims: Path,
    codec_server: Command,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncGenerator[Stand]:
    """The runner with the claim check."""
    place = replace(without_codec, codec_url=codec_server.url)
    folder = tmp_path_factory.mktemp("checked")
    async with stand(runner, place, folder=folder, store=claims) as made:
        yield made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def unchecked(
    runner: Runner, without_codec: Place, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Stand]:
    """The runner without it."""
    folder = tmp_path_factory.mktemp("unchecked")
    async with stand(runner, without_codec, folder=folder, store=folder / "nothing") as made:
        yield made
