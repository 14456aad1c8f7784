"""A few threads of our own, so that large payloads never block the event loop."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

__all__ = ["Threads"]

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


class Threads:
    """Runs functions in a small pool that starts when it is first needed.

    The event loop's default executor is not used: a user's blocking calls may fill it, and a
    payload must not wait for them. Safe for several event loops.
    """

    def __init__(self, count: int, *, name: str) -> None:
        self._count = count
        self._name = name
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    async def run(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Return the function's result; the event loop goes on meanwhile."""
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._count, thread_name_prefix=self._name)
            future = self._pool.submit(function, *arguments)
        return await asyncio.wrap_future(future)

    def release(self) -> None:
        """Let idle threads end; running work is finished. The next `run` starts anew."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False)
