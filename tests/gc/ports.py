"""The ports of a process: every call to the store or to a cluster passes here, and can be stopped.

A process that is killed at a call never makes another one, so nothing is cleaned up. One that is
stopped stays where it is while the world goes on. The model decides which of the calls that wait
goes first, so that every order can happen.
"""

import asyncio
import contextlib
import selectors
import sys
from asyncio import events
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from temporal_claimcheck.errors import CollectionIncomplete, StoreUnavailable
from temporal_claimcheck.gc.cluster import Cluster, Kind, Namespace, Run, RunReferences, Window
from temporal_claimcheck.keyspace import KEYSPACE_VERSION
from temporal_claimcheck.stores.base import BlobInfo
from temporal_claimcheck.stores.memory import MemoryStore

__all__ = ["ClusterPort", "Killed", "Port", "SimulatedLoop", "StorePort"]

T = TypeVar("T")

_LEASES = "ledger/v1/gc/lease/"
_PAGE = 5


class Killed(BaseException):
    """The process ended, whatever it was doing."""


class _NoWaiting(selectors.SelectSelector):
    """Nothing ever comes from outside, so nobody is asked."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        del timeout
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop that never waits: it runs what can run, and timers when the model says so."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        super().__init__(_NoWaiting())
        self._seconds = seconds
        # So that a timer of this very moment is due, whatever floating point makes of it.
        self._clock_resolution = 0.001

    def time(self) -> float:
        return self._seconds()

    def settle(self) -> None:
        """Run until everything waits for the model."""
        # Far faster than run_forever for each of millions of steps, and the same: its inner part.
        inner = cast("Any", self)
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(
            firstiter=inner._asyncgen_firstiter_hook, finalizer=inner._asyncgen_finalizer_hook
        )
        events._set_running_loop(self)
        try:
            while inner._ready or (
                inner._scheduled and inner._scheduled[0].when() <= self._seconds()
            ):
                inner._run_once()
        finally:
            events._set_running_loop(None)
            sys.set_asyncgen_hooks(*hooks)

    def complete(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something that waits for nothing."""
        task = self.create_task(work)
        self.settle()
        return task.result()


@dataclass(slots=True, eq=False)
class Port:
    """What one process may still do."""

    is_dead: bool = False
    cuts_off: bool = False
    """Whether the next call fails: the server is away."""
    renews: bool = False
    """Whether calls for the lease pass freely: time goes by, and the process lives."""
    calls: int = 0
    deleted: list[str] = field(default_factory=list[str])
    """Objects whose deletion was asked for."""
    _waiting: list[tuple[asyncio.Future[None], bool]] = field(
        default_factory=list[tuple[asyncio.Future[None], bool]]
    )

    async def enter(self, what: str = "") -> None:
        """Wait for the model, then go on, or not."""
        is_lease = what.startswith(_LEASES)
        if not (is_lease and self.renews) and not self.is_dead:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append((turn, is_lease))
            await turn
        if self.is_dead:
            raise Killed
        self.calls += 1

    def fails(self) -> bool:
        """Return whether this call is the one that fails."""
        fails, self.cuts_off = self.cuts_off, False
        return fails

    def let_in(self, choice: int) -> bool:
        """Let one of the calls that wait go on; False if none waits."""
        self._waiting = [entry for entry in self._waiting if not entry[0].done()]
        if not self._waiting:
            return False
        turn, _ = self._waiting.pop(choice % len(self._waiting))
        turn.set_result(None)
        return True

    def let_renew(self) -> None:
        """Let all calls for the lease go on."""
        for turn, is_lease in self._waiting:
            if is_lease and not turn.done():
                turn.set_result(None)

    def kill(self) -> None:
        """End the process."""
        self.is_dead = True
        for turn, _ in self._waiting:
            with contextlib.suppress(asyncio.InvalidStateError):
                turn.set_result(None)


class StorePort:
    """A store as one process reaches it."""

    def __init__(self, store: MemoryStore, port: Port) -> None:
        self._store = store
        self._port = port
        self.dies_in_delete = False
        """Whether the process dies when half of the next deletion is done."""

    @property
    def name(self) -> str:
        return self._store.name

    async def put(self, key: str, blob: bytes) -> bool:
        await self._enter(key)
        return await self._store.put(key, blob)

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        await self._enter(key)
        return await self._store.get(key, max_bytes=max_bytes)

    async def contains(self, key: str) -> bool:
        await self._enter(key)
        return await self._store.contains(key)

    async def scan(self, prefix: str = "") -> AsyncIterator[BlobInfo]:
        await self._enter(prefix)
        number = 0
        async for info in self._store.scan(prefix):
            number += 1
            if number % _PAGE == 0:
                await self._enter(prefix)
            yield info

    async def delete(self, keys: Iterable[str]) -> None:
        doomed = list(keys)
        await self._enter(doomed[0] if doomed else "")
        self._port.deleted.extend(key for key in doomed if key.startswith(f"{KEYSPACE_VERSION}/"))
        if self.dies_in_delete:
            await self._store.delete(doomed[::2])
            self._port.kill()
            raise Killed
        await self._store.delete(doomed)

    async def check(self) -> None:
        await self._enter("")

    async def aclose(self) -> None:
        """Has nothing open."""

    async def _enter(self, what: str) -> None:
        await self._port.enter(what)
        if self._port.fails():
            raise StoreUnavailable("The store is away.", remedy="It comes back.")


class ClusterPort:
    """A cluster as one process reaches it."""

    def __init__(self, cluster: Cluster, port: Port) -> None:
        self._cluster = cluster
        self._port = port

    @property
    def name(self) -> str:
        return self._cluster.name

    async def namespace(self, name: str) -> Namespace | None:
        await self._enter()
        return await self._cluster.namespace(name)

    async def runs(self, namespace: str, window: Window) -> AsyncIterator[Run]:
        await self._enter()
        number = 0
        async for run in self._cluster.runs(namespace, window):
            number += 1
            if number % _PAGE == 0:
                await self._enter()
            yield run

    async def run(self, namespace: str, run: Run) -> RunReferences | None:
        await self._enter()
        return await self._cluster.run(namespace, run)

    async def others(self, namespace: str, kind: Kind) -> AsyncIterator[str]:
        await self._enter()
        async for other in self._cluster.others(namespace, kind):
            yield other

    async def other(self, namespace: str, kind: Kind, id: str) -> frozenset[str] | None:  # noqa: A002
        await self._enter()
        return await self._cluster.other(namespace, kind, id)

    async def _enter(self) -> None:
        await self._port.enter()
        if self._port.fails():
            raise CollectionIncomplete("The cluster is away.", remedy="It comes back.")
