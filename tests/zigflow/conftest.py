"""Zigflow, a codec server and an HTTP service, shared by the tests of a file."""

import os
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.server.commands import Command, serve_command
from tests.zigflow.stand import Stand, is_installed, service, stand


@pytest.fixture(autouse=True, scope="session")
def zigflow_is_installed() -> None:
    if not is_installed():
        assert not os.environ.get("CI"), "run examples/zigflow/install.sh first"
        pytest.skip("Zigflow is not built: make test-zigflow does it")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def service_url(
    zigflow_is_installed: None, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[str]:
    async with service(tmp_path_factory.mktemp("service")) as url:
        yield url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def claims(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("claims")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def codec_server(claims: Path) -> AsyncGenerator[Command]:
    async with serve_command(store=claims) as command:
        yield command


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def checked(
    temporal_address: str,
    service_url: str,
    claims: Path,
    codec_server: Command,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncGenerator[Stand]:
    """Zigflow with the claim check."""
    async with stand(
        temporal_address,
        folder=tmp_path_factory.mktemp("checked"),
        store=claims,
        service_url=service_url,
        codec_url=codec_server.url,
    ) as made:
        yield made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def unchecked(
    temporal_address: str, service_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Stand]:
    """Zigflow without it."""
    async with stand(
        temporal_address,
        folder=tmp_path_factory.mktemp("unchecked"),
        store=tmp_path_factory.mktemp("nothing"),
        service_url=service_url,
        codec_url=None,
    ) as made:
        yield made
