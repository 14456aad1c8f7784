"""Refusals of `/decode` take longer than the second after which Go's SDK tries again."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.server.commands import serve_command
from tests.server.serving import body_of, json_payload, payloads_of, serving

HELD_SECONDS = 1.2
UNREADABLE = {"payloads": "none"}


@pytest.mark.parametrize(
    ("path", "waits"),
    [
        ("/decode", True),
        ("/default/decode", True),
        ("/decode?preserveStorageRefs=true", False),
        ("/encode", False),
        ("/download", False),
    ],
)
async def test_a_refusal_is_held_back_where_a_workflow_may_decode(
    path: str, *, waits: bool
) -> None:
    async with serving(settings={"refusal_seconds": HELD_SECONDS}) as served:
        started = time.monotonic()
        answer = await served.post(path, UNREADABLE)
        seconds = time.monotonic() - started
    assert answer.status_code == 400
    assert answer.json()["code"] == "malformed-request"
    assert (seconds >= HELD_SECONDS) is waits


async def test_what_is_decoded_is_not_held_back() -> None:
    async with serving(settings={"refusal_seconds": 60}) as served, asyncio.timeout(30):
        [payload] = await served.convert("/decode", [json_payload('"small"')])
    assert payload == json_payload('"small"')


async def test_refusals_that_are_held_back_take_no_place_of_others() -> None:
    limits = {"refusal_seconds": 20, "max_requests": 1}
    async with serving(settings=limits) as served, asyncio.timeout(15):
        refused = [asyncio.ensure_future(served.post("/decode", UNREADABLE)) for _ in range(5)]
        while served_requests(await served.http.get("/metrics")) < len(refused):
            await asyncio.sleep(0.01)
        answer = await served.post("/decode", body_of([json_payload('"small"')]))
        for each in refused:
            each.cancel()
    assert payloads_of(answer.json()) == [json_payload('"small"')]


def served_requests(metrics: object) -> int:
    lines = getattr(metrics, "text", "").splitlines()
    sign = 'claimcheck_server_requests_total{route="decode"'
    return sum(int(float(line.split()[-1])) for line in lines if line.startswith(sign))


async def test_two_servers_share_a_port_when_they_are_told_to(tmp_path: Path) -> None:
    more = {"CLAIMCHECK_SERVER_REUSE_PORT": "true"}
    async with serve_command(store=tmp_path, **more) as first:
        port = first.url.rpartition(":")[2]
        async with serve_command(f"--port={port}", store=tmp_path, **more) as second:
            assert second.url == first.url
            assert (await first.stop())[0] == 0
