"""The place where payloads go: full, or closed to who had the right to use it."""

import datetime as dt
import resource
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from aiohttp import web
from redis.asyncio import Redis

from temporal_claimcheck.stores.filesystem import FileSystemStore
from temporal_claimcheck.stores.object_store import ObjectStore
from temporal_claimcheck.testing.servers import (
    free_ports,
    redis_server,
    seaweedfs,
)
from tests.faults.hosts import SECRET, redis_store
from tests.faults.production import Production

# Less than any object of the test.
ROOM_BYTES = 1_000


@contextmanager
def full_disk() -> Generator[ExitStack]:
    """Let this process write no large file, as on a full disk, until the end or `close`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_FSIZE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM_BYTES, hard))
        yield stack


async def test_disk_below_a_folder_is_full(tmp_path: Path, temporal_address: str) -> None:
    production = Production(temporal_address, "driver", lambda: FileSystemStore(tmp_path / "store"))
    async with production.running():
        with full_disk() as disk:
            async with production.going_on():
                # What is there can still be read.
                await production.shows("store-full", attempts=False)
                disk.close()
                await production.ends_well()


async def test_redis_has_no_memory_left(tmp_path: Path, temporal_address: str) -> None:
    arguments = ("--requirepass", SECRET, "--maxmemory-policy", "noeviction")
    async with redis_server(tmp_path, arguments=arguments) as server:
        production = Production(temporal_address, "driver", lambda: redis_store(server.port))
        client: Redis = Redis.from_url(f"redis://:{SECRET}@127.0.0.1:{server.port}/0")
        async with production.running():
            await client.config_set("maxmemory", 1)
            async with production.going_on():
                await production.shows("store-full", SECRET, attempts=False)
                await client.config_set("maxmemory", 0)
                await production.ends_well()
        await client.aclose()


class Metadata:
    """What a machine in Amazon's cloud asks for its credentials, which change all the time."""

    def __init__(self) -> None:
        self.key_id = "claimcheck"
        self.asked = 0
        (self._port,) = free_ports(1)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[None]:
        app = web.Application()
        path = "/latest/meta-data/iam/security-credentials/"
        app.router.add_put("/latest/api/token", self._say("token"))
        app.router.add_get(path, self._say("role"))
        app.router.add_get(f"{path}role", self._credentials)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self._port).start()
            yield
        finally:
            await runner.cleanup()

    def _say(self, text: str):  # noqa: ANN202
        async def answer(request: web.Request) -> web.Response:
            del request
            return web.Response(text=text)

        return answer

    async def _credentials(self, request: web.Request) -> web.Response:
        del request
        self.asked += 1
        # So short a life that the client asks again before each use.
        expires = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)
        return web.json_response(
            {
                "Code": "Success",
                "Type": "AWS-HMAC",
                "AccessKeyId": self.key_id,
                "SecretAccessKey": SECRET,
                "Token": "",
                "LastUpdated": "2026-11-22T00:00:00Z",
                "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        )


async def test_credentials_of_the_machine_expire_and_are_renewed(
    tmp_path: Path, temporal_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = Metadata()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", metadata.endpoint)
    async with metadata.serving(), seaweedfs(tmp_path, bucket="claims") as server:
        production = Production(
            temporal_address,
            "driver",
            lambda: ObjectStore.s3("claims", endpoint=server.endpoint, region="us-east-1"),
        )
        async with production.running():
            metadata.key_id = "of-yesterday"
            async with production.going_on():
                await production.shows("store-denied", SECRET)
                metadata.key_id = "claimcheck"
                await production.ends_well()
