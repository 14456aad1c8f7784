"""Ways to Redis's servers: one, the one that Sentinels name, or those of a cluster.

redis-py makes the connections and speaks the protocol. Which server has a bucket, and how often a
command is tried, is decided here: redis-py's transactions on a cluster run each command in a thread
of its own, and its pipelines put the command that failed, payload and all, into the error's text.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol, TypeVar

from redis import exceptions
from redis.asyncio import ConnectionPool
from redis.crc import key_slot

from temporal_claimcheck.stores.redis_connections import (
    Address,
    RedisOptions,
    how_to_connect,
    pool_of,
    watched_pool,
)
from temporal_claimcheck.stores.redis_errors import PASSING
from temporal_claimcheck.stores.redis_layout import BUCKETS, Command, bucket_prefix
from temporal_claimcheck.stores.redis_urls import RedisPlace

__all__ = ["RedisServers", "raise_first"]

T = TypeVar("T")

_AT_ONCE: Final = 32
_FIRST_WAIT_SECONDS: Final = 0.05
_LONGEST_WAIT_SECONDS: Final = 1.0


class RedisServers:
    """Asks the server that has a bucket. Belongs to one event loop."""

    def __init__(self, place: RedisPlace, options: RedisOptions) -> None:
        self._retry_seconds = options.retry_seconds
        how = how_to_connect(place, options)
        self._route: _Route
        match place.kind:
            case "server":
                self._route = _Single(_Server(pool_of(how, place.hosts[0])))
            case "sentinel":
                self._route = _Watched(place, options, how)
            case "cluster":
                self._route = _Cluster(place.hosts, how)

    async def commands(self, asked: Sequence[tuple[int, Command]]) -> list[Any]:
        """Send commands, each to its bucket's server; return their answers in the same order.

        Raises the first error among the answers.
        """
        answers = await self._ask([(bucket, (command,)) for bucket, command in asked])
        return [_checked(answer) for (answer,) in answers]

    async def transactions(self, asked: Sequence[tuple[int, Sequence[Command]]]) -> list[list[Any]]:
        """Carry out the commands of each bucket as one; return their answers in the same order.

        Raises the first error among the answers.
        """
        answers = await self._ask(
            [(bucket, (("MULTI",), *commands, ("EXEC",))) for bucket, commands in asked]
        )
        return [_executed(answer) for answer in answers]

    async def everywhere(self, commands: Sequence[Command]) -> list[list[Any]]:
        """Return what each server that is written to answers; errors are among the answers.

        A server of a cluster that cannot be reached answers with that error.
        """
        return await self._patiently(lambda: self._route.everywhere(commands))

    async def aclose(self) -> None:
        """Close the connections; new ones are made when they are needed."""
        await self._route.aclose()

    async def _ask(self, batches: "Sequence[Batch]") -> list[list[Any]]:
        return await self._patiently(lambda: self._route.ask(batches))

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        # All that we ask may be asked twice. This is the one layer that tries again.
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._retry_seconds
        wait = _FIRST_WAIT_SECONDS
        while True:
            try:
                return await ask()
            except exceptions.AuthenticationError:
                raise
            except PASSING:
                if loop.time() + wait > deadline:
                    raise
            # Not all processes at the same moment.
            await asyncio.sleep(wait * random.uniform(0.5, 1))  # noqa: S311  # no secret
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)


Batch = tuple[int, Sequence[Command]]
"""Commands that go to the server of a bucket, one after the other."""


class _Route(Protocol):
    """Knows which server has a bucket. Answers may be errors; raises what hinders all."""

    async def ask(self, batches: Sequence[Batch]) -> list[list[Any]]: ...

    async def everywhere(self, commands: Sequence[Command]) -> list[list[Any]]: ...

    async def aclose(self) -> None: ...


class _Server:
    """Connections to one server."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool: Any = pool  # redis-py types answers as those of all its commands at once
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def ask(self, commands: Sequence[Command]) -> list[Any]:
        """Send all in one go, and return the answers. A refused command is an answer too."""
        async with self._at_once:
            connection = await self._pool.get_connection()
            try:
                await connection.send_packed_command(connection.pack_commands(commands))
                return [await _answer(connection) for _ in commands]
            except BaseException:
                # What was not read yet would answer somebody else's question.
                await connection.disconnect(nowait=True)
                raise
            finally:
                await asyncio.shield(self._pool.release(connection))

    async def aclose(self, *, also_in_use: bool = True) -> None:
        await self._pool.disconnect(inuse_connections=also_in_use)


class _Single:
    """One server has all buckets."""

    def __init__(self, server: _Server) -> None:
        self._server = server

    async def ask(self, batches: Sequence[Batch]) -> list[list[Any]]:
        answers = await self._server.ask([each for _, commands in batches for each in commands])
        for answer in answers:
            if isinstance(answer, PASSING):
                raise answer
        return _parted(batches, answers)

    async def everywhere(self, commands: Sequence[Command]) -> list[list[Any]]:
        return [await self._server.ask(commands)]

    async def aclose(self) -> None:
        await self._server.aclose()


class _Watched(_Single):
    """The master that the Sentinels name; after a failover, the new one."""

    def __init__(self, place: RedisPlace, options: RedisOptions, how: dict[str, Any]) -> None:
        pool, self._to_sentinels = watched_pool(place, options, how)
        super().__init__(_Server(pool))

    async def aclose(self) -> None:
        await super().aclose()
        for each in self._to_sentinels:
            await each.disconnect()


class _Cluster:
    """Several servers, each with some of the slots; a bucket lies in one slot."""

    def __init__(self, hosts: Sequence[Address], how: dict[str, Any]) -> None:
        self._hosts = hosts
        self._how = how
        self._servers: dict[Address, _Server] = {}
        self._owners: list[Address] = []
        """Where each bucket is, as far as we know; empty when we do not."""

    async def ask(self, batches: Sequence[Batch]) -> list[list[Any]]:
        owners = self._owners or await self._learn()
        parts: dict[Address, list[int]] = {}
        for number, (bucket, _) in enumerate(batches):
            parts.setdefault(owners[bucket], []).append(number)
        answers: list[list[Any]] = [[] for _ in batches]

        async def ask_one(address: Address, numbers: Sequence[int]) -> None:
            mine = [batches[number] for number in numbers]
            flat = await self._server(address).ask([each for _, them in mine for each in them])
            for number, found in zip(numbers, _parted(mine, flat), strict=True):
                answers[number] = found

        try:
            raise_first(
                await asyncio.gather(
                    *(ask_one(address, numbers) for address, numbers in parts.items()),
                    return_exceptions=True,
                )
            )
            await self._follow(batches, answers)
        except PASSING:
            # A server is down, or is not the bucket's any more.
            self._owners = []
            raise
        return answers

    async def _follow(self, batches: Sequence[Batch], answers: list[list[Any]]) -> None:
        """Go where a slot is just moving to, with what is one command; raise for all else."""
        for number, (_, commands) in enumerate(batches):
            for answer in answers[number]:
                if not isinstance(answer, PASSING):
                    continue
                if len(commands) > 1 or type(answer) is not exceptions.AskError:
                    raise answer
                asked = (("ASKING",), *commands)
                target: Any = answer
                _, *answers[number] = await self._server(target.node_addr).ask(asked)
                raise_first([each for each in answers[number] if isinstance(each, PASSING)])

    async def everywhere(self, commands: Sequence[Command]) -> list[list[Any]]:
        async def ask_one(address: Address) -> list[Any]:
            try:
                return await self._server(address).ask(commands)
            except PASSING as error:
                return [error] * len(commands)

        return await asyncio.gather(*map(ask_one, dict.fromkeys(await self._learn())))

    async def aclose(self) -> None:
        self._owners = []
        for server in list(self._servers.values()):
            await server.aclose()

    def _server(self, address: Address) -> _Server:
        if address not in self._servers:
            self._servers[address] = _Server(pool_of(self._how, address))
        return self._servers[address]

    async def _learn(self) -> list[Address]:
        """Ask who has which slots: those who had them, then those that the URL names."""
        last: BaseException | None = None
        for address in dict.fromkeys((*self._servers, *self._hosts)):
            try:
                (slots,) = await self._server(address).ask((("CLUSTER", "SLOTS"),))
                self._owners = _owners(_checked(slots), address)
            except exceptions.AuthenticationError:
                raise
            except PASSING as error:
                last = error
            else:
                await self._forget_all_but({*self._owners, *self._hosts})
                return self._owners
        raise last or exceptions.ConnectionError("no server of the cluster is known")

    async def _forget_all_but(self, needed: set[Address]) -> None:
        for address in [each for each in self._servers if each not in needed]:
            await self._servers.pop(address).aclose(also_in_use=False)


def _owners(slots: Any, asked: Address) -> list[Address]:  # noqa: ANN401  # what Redis answers
    """Return the address of each bucket's server."""
    ranges = [(start, end, primary) for start, end, primary, *_ in slots]
    owners: list[Address] = []
    for bucket in range(BUCKETS):
        slot = key_slot(bucket_prefix(bucket).encode())
        found = [primary for start, end, primary in ranges if start <= slot <= end]
        if not found:
            raise exceptions.ClusterDownError(f"no server has slot {slot}")
        host, port = found[0][:2]
        # A server that does not know its own name is the one that was asked.
        owners.append(((host or b"").decode() or asked[0], port))
    return owners


async def _answer(connection: Any) -> Any:  # noqa: ANN401  # what Redis answers
    try:
        return await connection.read_response()
    except exceptions.ResponseError as error:
        return error


def _parted(batches: Sequence[Batch], answers: Sequence[Any]) -> list[list[Any]]:
    rest = iter(answers)
    return [[next(rest) for _ in commands] for _, commands in batches]


def _executed(answers: Sequence[Any]) -> list[Any]:
    """Return the answers to the commands between MULTI and EXEC."""
    # A command that was refused before EXEC is why EXEC did nothing.
    raise_first(answers[:-1])
    return [_checked(answer) for answer in _checked(answers[-1])]


def _checked(answer: Any) -> Any:  # noqa: ANN401  # what Redis answers
    raise_first([answer])
    return answer


def raise_first(answers: Sequence[Any]) -> None:
    """Raise the first answer that is an error."""
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
