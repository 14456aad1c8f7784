"""Redis beyond one plain server: with TLS, as a cluster, with Sentinels. See `servers`."""

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis

from temporal_claimcheck.testing.servers import (
    ProgramMissing,
    ServerProcess,
    find_program,
    free_ports,
    redis_server,
    running,
    wait_for_port,
)

__all__ = [
    "RedisCluster",
    "RedisSentinels",
    "find_redis_with_tls",
    "redis_cluster",
    "redis_sentinels",
    "redis_tls_server",
    "to_redis",
]

_SLOTS: Final = 16384
_BUS: Final = 10000
_ASK_AGAIN_SECONDS: Final = 0.05
_MASTER: Final = "mymaster"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisCluster:
    """Servers that share the slots, in order."""

    servers: tuple[ServerProcess, ...]

    @property
    def url(self) -> str:
        """URL for the store."""
        return f"redis+cluster://{_addresses(self.servers)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisSentinels:
    """A master, its replica, and Sentinels that put the one in the place of the other."""

    master: ServerProcess
    replica: ServerProcess
    sentinels: tuple[ServerProcess, ...]

    @property
    def url(self) -> str:
        """URL for the store."""
        return f"redis+sentinel://{_addresses(self.sentinels)}/{_MASTER}/0"


def _addresses(servers: Sequence[ServerProcess]) -> str:
    return ",".join(f"127.0.0.1:{server.port}" for server in servers)


def to_redis(server: ServerProcess) -> Any:  # noqa: ANN401  # redis-py types commands two ways at once
    """Return redis-py's client of one server."""
    client: Any = Redis
    return client(host="127.0.0.1", port=server.port)


@asynccontextmanager
async def redis_tls_server(
    folder: Path, *, ca: Path, certificate: Path, arguments: Sequence[str] = ()
) -> AsyncGenerator[ServerProcess]:
    """Run Redis with TLS alone; `certificate` is in one file with its key.

    Clients need no certificate, unless the arguments say `--tls-auth-clients yes`.
    """
    (port,) = free_ports(1)
    log = folder / "redis.log"
    command = [
        find_redis_with_tls(),
        *("--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)),
        *("--tls-ca-cert-file", str(ca), "--tls-auth-clients", "no"),
        *("--tls-cert-file", str(certificate), "--tls-key-file", str(certificate)),
        *arguments,
    ]
    async with running(command, log=log, ready=lambda: wait_for_port(port)) as process:
        yield ServerProcess(process=process, port=port, log=log)


def find_redis_with_tls() -> str:
    """Return a program that is not from a wheel: those are built without TLS.

    Raises ProgramMissing.
    """
    with suppress(ProgramMissing):
        return find_program("redis-server-tls")
    beside = str(Path(sys.executable).parent)
    elsewhere = [path for path in os.environ["PATH"].split(os.pathsep) if path != beside]
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name, path=os.pathsep.join(elsewhere))
        if found is not None:
            return found
    raise ProgramMissing("Install a Redis with TLS, as Debian's redis-server or Homebrew's redis.")


@asynccontextmanager
async def redis_cluster(
    folder: Path, *, size: int = 3, arguments: Sequence[str] = ()
) -> AsyncGenerator[RedisCluster]:
    """Run a cluster of so many masters, the slots in equal parts."""
    async with AsyncExitStack() as stack:
        servers: list[ServerProcess] = []
        for number, port in enumerate(_ports_with_a_bus(size)):
            own = folder / f"node-{number}"
            own.mkdir()
            node = redis_server(
                own,
                port=port,
                arguments=(
                    *("--cluster-enabled", "yes", "--cluster-node-timeout", "2000"),
                    *("--appendonly", "yes", *arguments),
                ),
            )
            servers.append(await stack.enter_async_context(node))
        await _join(servers)
        yield RedisCluster(servers=tuple(servers))


async def _join(servers: Sequence[ServerProcess]) -> None:
    for number, server in enumerate(servers):
        first, end = (_SLOTS * each // len(servers) for each in (number, number + 1))
        async with to_redis(server) as client:
            await client.execute_command("CLUSTER", "ADDSLOTS", *range(first, end))
            await client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            await client.execute_command("CLUSTER", "MEET", "127.0.0.1", servers[0].port)
    for server in servers:
        await _until(server, "CLUSTER INFO", "cluster_state", "ok")
        await _until(server, "CLUSTER INFO", "cluster_known_nodes", str(len(servers)))


def _ports_with_a_bus(count: int) -> list[int]:
    """Return free ports; the one that lies so much higher is free too, for the cluster's bus."""
    found: set[int] = set()
    while len(found) < count:
        for port in free_ports(count):
            # What free_ports gives may be too high.
            low = port if port + _BUS < 2**16 else port - 2 * _BUS
            if _is_free(low) and _is_free(low + _BUS):
                found.add(low)
    return sorted(found)[:count]


def _is_free(port: int) -> bool:
    with socket.socket() as each:
        try:
            each.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@asynccontextmanager
async def redis_sentinels(
    folder: Path, *, count: int = 3, arguments: Sequence[str] = ()
) -> AsyncGenerator[RedisSentinels]:
    """Run a master, a replica and so many Sentinels, which act on what most of them see."""
    async with AsyncExitStack() as stack:
        servers: list[ServerProcess] = []
        for name in ("master", "replica"):
            own = folder / name
            own.mkdir()
            of = ("--replicaof", "127.0.0.1", str(servers[0].port)) if servers else ()
            node = redis_server(own, arguments=("--appendonly", "yes", *of, *arguments))
            servers.append(await stack.enter_async_context(node))
        master, replica = servers
        await _until(replica, "INFO", "master_link_status", "up")
        sentinels = [
            await stack.enter_async_context(_sentinel(folder, number, master, count // 2 + 1))
            for number in range(count)
        ]
        for sentinel in sentinels:
            # They hear of each other, and of the replica, from the master.
            await _until(sentinel, "INFO", "master0", f"slaves=1,sentinels={count}")
        yield RedisSentinels(master=master, replica=replica, sentinels=tuple(sentinels))


@asynccontextmanager
async def _sentinel(
    folder: Path, number: int, master: ServerProcess, quorum: int
) -> AsyncGenerator[ServerProcess]:
    (port,) = free_ports(1)
    log = folder / f"sentinel-{number}.log"
    # Sentinel writes into its configuration what it learns.
    config = folder / f"sentinel-{number}.conf"
    config.write_text(
        f"bind 127.0.0.1\nport {port}\ndir {folder}\n"
        f"sentinel monitor {_MASTER} 127.0.0.1 {master.port} {quorum}\n"
        f"sentinel down-after-milliseconds {_MASTER} 1000\n"
        f"sentinel failover-timeout {_MASTER} 5000\n"
    )
    command = [find_program("redis-server", "valkey-server"), str(config), "--sentinel"]
    async with running(command, log=log, ready=lambda: wait_for_port(port)) as process:
        yield ServerProcess(process=process, port=port, log=log)


async def _until(server: ServerProcess, command: str, name: str, value: str) -> None:
    """Return when a line of what the server says of itself has this in it."""
    while not await _says(server, command, name, value):  # noqa: ASYNC110  # it is asked anew
        await asyncio.sleep(_ASK_AGAIN_SECONDS)


async def _says(server: ServerProcess, command: str, name: str, value: str) -> bool:
    async with to_redis(server) as client:
        # As it came, not as redis-py reads it.
        client.set_response_callback("INFO", bytes)
        answer: bytes = await client.execute_command(*command.split())
    lines = answer.decode().splitlines()
    return any(line.startswith(f"{name}:") and value in line for line in lines)
