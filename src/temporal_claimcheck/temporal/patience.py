"""Waiting for a store that is down, on behalf of a task that must not be lost.

No retry of a request: those are the client library's. A workflow task that meets an error fails
and Temporal tries it again, for ever. An attempt of an activity is another matter: it may be the
last, or its work may be done and only the result is left to store. So an attempt waits, for as
long as it has time.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from temporal_claimcheck.errors import (
    BlobNotFound,
    ClaimCheckError,
    IntegrityError,
    StoreUnavailable,
)

__all__ = [
    "CURRENT_TASK",
    "ActivityAttempt",
    "Outages",
    "PayloadUnavailable",
    "Task",
    "TimeLimit",
    "WorkflowTask",
    "reading",
    "writing",
]

T = TypeVar("T")
Exchange = Callable[[], Awaitable[T]]

logger = logging.getLogger(__name__)

# Of the time that a task may take: how much is kept for telling Temporal the reason, and how long
# an exchange that began late is left alone.
_MARGIN_SHARE: Final = 0.1
_LONGEST_MARGIN_SECONDS: Final = 1.0
_LEFT_ALONE_SHARE: Final = 0.25
_LONGEST_LEFT_ALONE_SECONDS: Final = 5.0

_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 3.0
_LOOK_SECONDS: Final = 0.25
_HEARTBEATS_A_TIMEOUT: Final = 4
_LONGEST_CAUSE: Final = 400


class PayloadUnavailable(BaseException):
    """Ends an attempt of an activity whose payloads could not be read; Temporal tries again.

    Not an Exception on purpose: what the SDK catches as one while it decodes heartbeat details
    becomes a failure that ends the workflow. This passes by and becomes an ordinary failure.
    """


class Task(Protocol):
    """What the SDK encodes and decodes payloads for."""

    async def read(self, exchange: Exchange[T], *, place: str) -> T:
        """Run what reads payloads from the store that `place` names."""
        ...

    async def write(self, exchange: Exchange[T], *, place: str) -> T:
        """Run what writes payloads to the store that `place` names."""
        ...


CURRENT_TASK: ContextVar[Task | None] = ContextVar("claimcheck_task", default=None)
"""The task of a worker; None in clients, and in the code of activities."""


async def reading(exchange: Exchange[T], *, place: str) -> T:
    """Run what reads payloads, as the task that they are for needs it."""
    task = CURRENT_TASK.get()
    return await (exchange() if task is None else task.read(exchange, place=place))


async def writing(exchange: Exchange[T], *, place: str) -> T:
    """Run what writes payloads, as the task that they are for needs it."""
    task = CURRENT_TASK.get()
    return await (exchange() if task is None else task.write(exchange, place=place))


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimit:
    """How long a task may take, on the event loop's clock."""

    began: float
    seconds: float

    @property
    def deadline(self) -> float:
        """When to give up: shortly before Temporal does, which would not say why."""
        return (
            self.began + self.seconds - min(_LONGEST_MARGIN_SECONDS, self.seconds * _MARGIN_SHARE)
        )

    def cut(self, now: float) -> float:
        """Return when to cut an exchange that begins now.

        One that begins near the deadline is left alone for a while, for it may well succeed.
        """
        left_alone = min(_LONGEST_LEFT_ALONE_SECONDS, self.seconds * _LEFT_ALONE_SHARE)
        return max(self.deadline, now + left_alone)


class WorkflowTask:
    """A workflow task: fails in time to say why, and Temporal tries it again."""

    def __init__(self, limit: TimeLimit) -> None:
        self._limit = limit

    async def read(self, exchange: Exchange[T], *, place: str) -> T:
        """See Task."""
        scope = asyncio.timeout_at(self._limit.cut(asyncio.get_running_loop().time()))
        try:
            async with scope:
                return await exchange()
        except TimeoutError as error:
            if scope.expired():
                raise _too_slow(place, "workflow task") from error
            raise

    async def write(self, exchange: Exchange[T], *, place: str) -> T:
        """See Task."""
        return await self.read(exchange, place=place)


class Outages:
    """Says once in the log that activities wait, and once that they go on."""

    def __init__(self) -> None:
        self._waiting: Counter[str] = Counter()

    def begins(self, error: ClaimCheckError) -> None:
        """Take note that one more waits, and why."""
        self._waiting[error.code] += 1
        if self._waiting[error.code] == 1:
            logger.warning("Activities wait for the store: %s", error)

    def ends(self, error: ClaimCheckError, *, healed: bool) -> None:
        """Take note that one waits no more."""
        self._waiting[error.code] -= 1
        if healed and not self._waiting[error.code]:
            logger.warning("No activity waits for the store any more (it was %s)", error.code)


@dataclass(slots=True, kw_only=True)
class ActivityAttempt:
    """An attempt of an activity: waits for the store while it has time, and stays alive."""

    limit: TimeLimit
    wait_seconds: float
    """How long to wait at most."""
    may_fail_to_be_seen: bool
    """Whether to fail at once: another attempt follows in any case, and the reason is seen."""
    is_last: bool
    """Whether no other attempt follows this one."""
    is_stopped: Callable[[], bool]
    """Whether the attempt was cancelled, for whatever reason."""
    outages: Outages
    is_heartbeat: bool = False
    """Whether this is for a heartbeat of the attempt: not worth more than the attempt itself."""
    heartbeat_seconds: float | None = None
    """The heartbeat timeout, if there is one."""
    heartbeat: Callable[[], None] = lambda: None
    """Tells Temporal that the attempt is alive, and repeats the details it had."""

    async def read(self, exchange: Exchange[T], *, place: str) -> T:
        """See Task. Raises PayloadUnavailable."""
        try:
            return await self._see_through(exchange, place, self._waits_to_read)
        except ClaimCheckError as error:
            raise PayloadUnavailable(str(error)) from _cause_of(error)

    async def write(self, exchange: Exchange[T], *, place: str) -> T:
        """See Task."""
        try:
            return await self._see_through(exchange, place, _can_heal)
        except ClaimCheckError as error:
            raise type(error)(error.what, remedy=error.remedy) from _cause_of(error)

    def _waits_to_read(self, error: ClaimCheckError) -> bool:
        if not _can_heal(error):
            return False
        if isinstance(error, BlobNotFound | IntegrityError):
            # Somebody has to learn of it to restore it, and a failed attempt is seen.
            return self.is_last
        return not self.may_fail_to_be_seen

    async def _see_through(
        self, exchange: Exchange[T], place: str, waits: Callable[[ClaimCheckError], bool]
    ) -> T:
        loop = asyncio.get_running_loop()
        give_up = min(self.limit.deadline, loop.time() + self.wait_seconds)
        wait = _Wait(self.outages)
        watch = _Watch(self)
        scope = asyncio.timeout_at(self.limit.cut(loop.time()))
        try:
            async with scope:
                with watch.over(scope), wait:
                    pauses = _pauses()
                    while True:
                        try:
                            return await exchange()
                        except ClaimCheckError as error:
                            pause = next(pauses)
                            if not waits(error) or loop.time() + pause > give_up:
                                raise
                            wait.goes_on(error)
                        await asyncio.sleep(pause)
        except TimeoutError as error:
            if not scope.expired():
                raise
            if watch.saw_stop and not self.is_heartbeat:
                raise asyncio.CancelledError from error
            raise wait.error or _too_slow(place, "activity") from error


class _Wait:
    """One attempt's waiting, from the first error to the end."""

    def __init__(self, outages: Outages) -> None:
        self._outages = outages
        self.error: ClaimCheckError | None = None

    def goes_on(self, error: ClaimCheckError) -> None:
        if self.error is None or self.error.code != error.code:
            self._outages.begins(error)
            if self.error is not None:
                self._outages.ends(self.error, healed=False)
        self.error = error

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.error is not None:
            self._outages.ends(self.error, healed=kind is None)


class _Watch:
    """Looks after an attempt during an exchange, whatever the exchange is doing."""

    def __init__(self, attempt: ActivityAttempt) -> None:
        self.saw_stop = False
        self._attempt = attempt
        # Who was stopped before has decided to finish all the same.
        self._heeds_stop = attempt.is_heartbeat or not attempt.is_stopped()
        self._seconds = _LOOK_SECONDS
        if attempt.heartbeat_seconds is not None:
            self._seconds = min(self._seconds, attempt.heartbeat_seconds / _HEARTBEATS_A_TIMEOUT)

    @contextmanager
    def over(self, scope: asyncio.Timeout) -> Generator[None]:
        loop = asyncio.get_running_loop()

        def look() -> None:
            nonlocal next_look
            if self._heeds_stop and self._attempt.is_stopped():
                self.saw_stop = True
                scope.reschedule(loop.time())
                return
            if self._attempt.heartbeat_seconds is not None:
                self._attempt.heartbeat()
            next_look = loop.call_later(self._seconds, look)

        next_look = loop.call_later(self._seconds, look)
        try:
            yield
        finally:
            next_look.cancel()


def _can_heal(error: ClaimCheckError) -> bool:
    return error.retryable


class _StoreSaid(Exception):
    """What the store's client library said, in one line."""


def _cause_of(error: ClaimCheckError) -> Exception | None:
    """Return the cause of an error in a few words.

    Of an attempt's failure Temporal keeps 4 kB. The traces and texts of a client library alone
    can have more, and then its UI shows that it was too large instead of what was wrong.
    """
    cause = error.__cause__
    if cause is None:
        return None
    said = f"{type(cause).__name__}: {str(cause).strip().partition(chr(10))[0]}"
    return _StoreSaid(said[:_LONGEST_CAUSE])


def _pauses() -> Iterator[float]:
    pause = _FIRST_PAUSE_SECONDS
    while True:
        # Those who began to wait together should not all come back together.
        yield pause * random.uniform(0.75, 1.25)  # noqa: S311  # nothing secret
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _too_slow(place: str, task: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"{place} did not answer in the time that the {task} has.",
        remedy="Nothing was lost; the task is tried again. Look whether the store is up, or give "
        "the task more time.",
    )
