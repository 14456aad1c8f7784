"""What lies between the worker and the store: slow, busy, cut, or refusing."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from aiohttp import web

from temporal_claimcheck.testing.servers import S3Server, redis_server, seaweedfs
from tests.faults.broken_line import broken_line
from tests.faults.hosts import SECRET, redis_store, s3_store
from tests.faults.production import Production
from tests.stores.go_between import Rule, go_between, s3_error

LATENCY_SECONDS = 0.2


@pytest.fixture
async def s3(tmp_path: Path) -> AsyncGenerator[S3Server]:
    async with seaweedfs(tmp_path, bucket="claims") as server:
        yield server


class Switched:
    """A rule that holds while it is on."""

    def __init__(self, rule: Rule) -> None:
        self.on = False
        self._rule = rule

    async def __call__(self, request: web.Request) -> web.StreamResponse | None:
        return await self._rule(request) if self.on else None


def answers(status: int, code: str, **headers: str) -> Switched:
    async def rule(request: web.Request) -> web.StreamResponse:
        await request.read()
        answer = s3_error(status, code)
        answer.headers.update(headers)
        return answer

    return Switched(rule)


def port_of(endpoint: str) -> int:
    return int(endpoint.rpartition(":")[2])


@pytest.mark.parametrize(
    ("fault", "shown"),
    [
        (answers(503, "SlowDown"), "store-unavailable"),
        (answers(429, "TooManyRequests", **{"Retry-After": "2"}), "store-unavailable"),
        (answers(400, "ExpiredToken"), "store-denied"),
        (answers(403, "AccessDenied"), "store-denied"),
        (answers(404, "NoSuchBucket"), "store-unavailable"),
    ],
    ids=["busy", "too-many", "expired", "denied", "no-bucket"],
)
async def test_server_that_answers_with_an_error(
    s3: S3Server, temporal_address: str, fault: Switched, shown: str
) -> None:
    async with go_between(s3, before=fault) as between:
        port = port_of(between.endpoint)
        production = Production(temporal_address, "driver", lambda: s3_store(port))
        async with production.running():
            fault.on = True
            async with production.going_on():
                await production.shows(shown, SECRET)
                fault.on = False
                await production.ends_well()


async def test_latency_on_every_request(s3: S3Server, temporal_address: str) -> None:
    async def wait(request: web.Request) -> None:
        await request.read()
        await asyncio.sleep(LATENCY_SECONDS)

    async with go_between(s3, before=wait) as between:
        port = port_of(between.endpoint)
        production = Production(temporal_address, "driver", lambda: s3_store(port))
        async with production.running(), production.going_on():
            await production.ends_well()


async def test_every_second_connection_to_s3_is_reset(s3: S3Server, temporal_address: str) -> None:
    async with broken_line(s3.port) as line:
        production = Production(
            temporal_address,
            "driver",
            lambda: s3_store(line.port),
            look_at=lambda: s3_store(s3.port),
        )
        async with production.running():
            line.breaks()
            async with production.going_on():
                await production.ends_well()
        assert line.resets


async def test_every_second_connection_to_redis_is_reset(
    tmp_path: Path, temporal_address: str
) -> None:
    async with (
        redis_server(tmp_path, arguments=("--requirepass", SECRET)) as server,
        broken_line(server.port) as line,
    ):
        production = Production(
            temporal_address,
            "driver",
            lambda: redis_store(line.port),
            look_at=lambda: redis_store(server.port),
        )
        async with production.running():
            line.breaks()
            async with production.going_on():
                await production.ends_well()
        assert line.resets
