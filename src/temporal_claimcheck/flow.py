"""Flow control: one flight per key, bounds on what is in flight, and all or an error."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from temporal_claimcheck.errors import InvalidSettings

__all__ = ["ByteBudget", "SingleFlight", "all_or_error", "for_each"]

T = TypeVar("T")


@dataclass(slots=True)
class _Flight(Generic[T]):
    task: asyncio.Task[T]
    waiting: int = 0


class SingleFlight(Generic[T]):
    """Joins callers who want the same thing at the same time into one piece of work."""

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[T]] = {}

    async def run(self, key: str, start: Callable[[], Coroutine[Any, Any, T]]) -> tuple[T, bool]:
        """Return the result for `key`, and whether this caller began the flight.

        A cancelled caller leaves; the flight goes on while anybody waits for it, and is
        cancelled when nobody does. An error reaches every caller.
        """
        flight = self._flights.get(key)
        if flight is not None and flight.task.done():
            # It landed, but not all its callers know. Who tries again after an error starts anew.
            flight = None
        began = flight is None
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.create_task(start()))
            flight.task.add_done_callback(_mark_seen)
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task), began
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                # Nobody may join a flight that has landed or is being cancelled.
                if self._flights.get(key) is flight:
                    del self._flights[key]
                flight.task.cancel()


def _mark_seen(task: "asyncio.Task[Any]") -> None:
    # An error that every waiter left behind by being cancelled is not worth a warning.
    if not task.cancelled():
        task.exception()


def _tell_nobody(count: int) -> None:
    del count


class ByteBudget:
    """Bounds the bytes of payloads that are worked on at once, first come first served.

    A payload larger than the whole budget is let through alone, so nothing waits for ever.
    """

    def __init__(self, max_bytes: int, *, changed: Callable[[int], None] = _tell_nobody) -> None:
        """`changed` is told by how many bytes more, or less, are held."""
        if max_bytes < 1:
            raise InvalidSettings(
                f"max_bytes_in_flight is {max_bytes}.", remedy="Set it to 1 byte or more."
            )
        self._max_bytes = max_bytes
        self._free = max_bytes
        self._changed = changed
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def in_flight_bytes(self) -> int:
        """Bytes worked on at this moment."""
        return self._max_bytes - self._free

    @asynccontextmanager
    async def hold(self, count: int) -> AsyncGenerator[None]:
        """Wait until `count` bytes are free and hold them for the block."""
        count = min(count, self._max_bytes)
        if self._waiting or self._free < count:
            await self._wait_for(count)
        else:
            self._free -= count
        self._changed(count)
        try:
            yield
        finally:
            self._free += count
            self._changed(-count)
            self._admit()

    async def _wait_for(self, count: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (count, turn)
        self._waiting.append(entry)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._free += count  # Admitted and cancelled in the same moment.
            elif entry in self._waiting:
                self._waiting.remove(entry)
            self._admit()
            raise

    def _admit(self) -> None:
        while self._waiting:
            count, turn = self._waiting[0]
            # One that was cancelled a moment ago may not have run yet to leave the line.
            if not turn.cancelled():
                if self._free < count:
                    return
                self._free -= count
                turn.set_result(None)
            self._waiting.popleft()


async def all_or_error(coroutines: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Run all at once and return the results in order.

    On the first error the rest is cancelled, and that error raised.
    """
    if len(coroutines) == 1:
        return [await coroutines[0]]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in coroutines]
    except BaseExceptionGroup as group_error:
        raise group_error.exceptions[0] from None
    return [task.result() for task in tasks]


async def for_each(
    items: AsyncIterator[T], work: Callable[[T], Coroutine[Any, Any, None]], *, at_once: int
) -> None:
    """Do the work for each item, so many at once; an item is asked for when there is room.

    On the first error the rest is cancelled, and that error raised.
    """
    turn = asyncio.Semaphore(at_once)

    async def one(item: T) -> None:
        try:
            await work(item)
        finally:
            turn.release()

    try:
        async with asyncio.TaskGroup() as group:
            async for item in items:
                await turn.acquire()
                group.create_task(one(item))
    except BaseExceptionGroup as error:
        raise error.exceptions[0] from None
