"""Servers that can be ended and started again where they were, with what they had."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Protocol

from temporal_claimcheck.stores.base import BlobStore
from temporal_claimcheck.stores.object_store import ObjectStore
from temporal_claimcheck.stores.redis import RedisStore
from temporal_claimcheck.testing.servers import (
    ServerProcess,
    free_ports,
    redis_server,
    seaweedfs,
)

SECRET = "claimcheck-secret"


def s3_store(port: int) -> ObjectStore:
    return ObjectStore.s3(
        "claims",
        endpoint=f"http://127.0.0.1:{port}",
        region="us-east-1",
        access_key_id="claimcheck",
        secret_access_key=SECRET,
    )


def redis_store(port: int) -> RedisStore:
    return RedisStore(f"redis://:{SECRET}@127.0.0.1:{port}/0")


class Machine(Protocol):
    """What a server runs on."""

    def store(self) -> BlobStore:
        """Return a new store on the server."""
        ...

    def serve(self) -> AbstractAsyncContextManager[ServerProcess]:
        """Run the server."""
        ...


class SeaweedMachine:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = free_ports(10)

    def store(self) -> BlobStore:
        return s3_store(self._ports[3])

    def serve(self) -> AbstractAsyncContextManager[ServerProcess]:
        return seaweedfs(self._folder, bucket="claims", ports=self._ports)


class RedisMachine:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (self._port,) = free_ports(1)

    def store(self) -> BlobStore:
        return redis_store(self._port)

    def serve(self) -> AbstractAsyncContextManager[ServerProcess]:
        arguments = ("--requirepass", SECRET, "--appendonly", "yes", "--appendfsync", "always")
        return redis_server(self._folder, arguments=arguments, port=self._port)


class Host:
    """Runs a machine's server, again and again."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.server: ServerProcess
        self._running = AsyncExitStack()

    async def start(self) -> None:
        self.server = await self._running.enter_async_context(self.machine.serve())

    async def die(self) -> None:
        self.server.kill()
        await self.server.process.wait()
        await self.stop()

    async def stop(self) -> None:
        await self._running.aclose()


@asynccontextmanager
async def hosted(machine: Machine) -> AsyncGenerator[Host]:
    host = Host(machine)
    await host.start()
    try:
        yield host
    finally:
        await host.stop()
