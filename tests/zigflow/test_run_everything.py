"""One command starts all of the example, and leaves nothing behind."""

import asyncio
import re
import signal
import sys
from asyncio.subprocess import PIPE

import httpx
import pytest

from tests.zigflow.example import city_service
from tests.zigflow.stand import EXAMPLE, STAND_IN, ZIGFLOW

pytestmark = pytest.mark.asyncio(loop_scope="session")

PROGRAM = (sys.executable, str(EXAMPLE / "run_everything.py"))
SECONDS = 180


async def test_it_runs_workflows_and_ends() -> None:
    if not STAND_IN.exists() and not ZIGFLOW.exists():
        pytest.skip("Nothing is built that runs workflows: make test-zigflow does it")
    types = ("claimcheck-data-survives", "claimcheck-call-activity")
    process = await asyncio.create_subprocess_exec(*PROGRAM, *types, stdout=PIPE)
    async with asyncio.timeout(SECONDS):
        output, _ = await process.communicate()
    text = output.decode()
    assert process.returncode == 0
    assert '"whole": true' in text
    assert f'"enriched": {len(city_service.cities())}' in text
    histories = re.findall(r"a history of ([\d,]+) bytes", text)
    assert len(histories) == len(types)
    assert all(int(size.replace(",", "")) < 50_000 for size in histories)
    assert ZIGFLOW.exists() or "Zigflow is missing" in text


async def test_it_serves_until_it_is_ended() -> None:
    process = await asyncio.create_subprocess_exec(*PROGRAM, stdout=PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(SECONDS):
        text = (await process.stdout.readuntil(b"ends it all.\n")).decode()
        places = re.findall(r"http://127\.0\.0\.1:\d+", text)
        async with httpx.AsyncClient() as http:
            service = re.findall(r"HTTP service +(\S+)", text)[0]
            assert len((await http.get(f"{service}/countries")).json()) == len(
                city_service.countries()
            )
        process.send_signal(signal.SIGTERM)
        await process.communicate()
    assert process.returncode == 0
    async with httpx.AsyncClient() as http:
        for place in places:
            with pytest.raises(httpx.ConnectError):
                await http.get(place)


async def test_it_knows_the_workflows_by_name() -> None:
    process = await asyncio.create_subprocess_exec(*PROGRAM, "claimcheck-nothing", stderr=PIPE)
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert b"there is no golden workflow claimcheck-nothing" in errors
