"""Asking a Temporal server: at a measured pace, patiently, and never taking a failure for a no."""

import asyncio
import datetime as dt
import enum
import random
from collections import Counter
from collections.abc import Awaitable
from typing import Final, Protocol, TypeVar

from google.protobuf.message import Message
from temporalio.service import RPCError, RPCStatusCode

from temporal_claimcheck.errors import CollectionIncomplete, InvalidSettings

__all__ = ["Absence", "Requests"]

Question = TypeVar("Question", bound=Message)
Answer = TypeVar("Answer", bound=Message)
Question_contra = TypeVar("Question_contra", bound=Message, contravariant=True)
Answer_co = TypeVar("Answer_co", bound=Message, covariant=True)


class Absence(enum.Flag):
    """Which failures mean that what was asked for does not exist."""

    NOTHING = 0
    """None does."""
    GONE = enum.auto()
    """The namespace holds no such thing."""
    NO_NAMESPACE = enum.auto()
    """The cluster has no such namespace."""
    UNSUPPORTED = enum.auto()
    """The cluster knows nothing of the kind."""


_PASSING: Final = frozenset(
    {
        RPCStatusCode.ABORTED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.INTERNAL,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.UNKNOWN,
    }
)
_DENIED: Final = frozenset({RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED})
_TIMEOUT: Final = dt.timedelta(seconds=30)
_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 10.0
_NAMESPACE_MISSING: Final = "NamespaceNotFoundFailure"


class _Method(Protocol[Question_contra, Answer_co]):
    """A method of the SDK's service clients."""

    def __call__(
        self, req: Question_contra, *, retry: bool = ..., timeout: dt.timedelta | None = ...
    ) -> Awaitable[Answer_co]: ...


class Requests:
    """Makes requests of one cluster, so many at once and a second, and counts them by kind."""

    def __init__(
        self,
        cluster: str,
        *,
        max_requests_per_second: float,
        max_concurrent_requests: int,
        attempts: int,
    ) -> None:
        """Ask so fast at most; try what fails in passing `attempts` times in all."""
        if max_requests_per_second <= 0 or max_concurrent_requests < 1 or attempts < 1:
            raise InvalidSettings(
                "A limit on the requests to Temporal is not above zero.",
                remedy="Set the requests a second, those at once and the attempts to 1 or more.",
            )
        self._cluster = cluster
        self._interval = 1 / max_requests_per_second
        self._attempts = attempts
        self._permits = asyncio.Semaphore(max_concurrent_requests)
        self._next = 0.0
        self.counts: Counter[str] = Counter()

    async def ask(
        self, kind: str, method: _Method[Question, Answer], question: Question, *, about: str
    ) -> Answer:
        """Return the answer.

        Raises CollectionIncomplete for every failure, when trying again did not help; `about`
        says there what was asked for.
        """
        try:
            return await self._ask(kind, method, question)
        except RPCError as error:
            raise self._incomplete(error, about) from error

    async def look_up(
        self,
        kind: str,
        method: _Method[Question, Answer],
        question: Question,
        *,
        about: str,
        none_if: Absence,
    ) -> Answer | None:
        """Return the answer; None if the failure says that there is none.

        Raises CollectionIncomplete for every other failure, as `ask` does.
        """
        try:
            return await self._ask(kind, method, question)
        except RPCError as error:
            if _absence(error) & none_if:
                return None
            raise self._incomplete(error, about) from error

    async def _ask(
        self, kind: str, method: _Method[Question, Answer], question: Question
    ) -> Answer:
        attempt = 1
        while True:
            async with self._permits:
                await self._wait_for_turn()
                self.counts[kind] += 1
                try:
                    return await method(question, retry=False, timeout=_TIMEOUT)
                except RPCError as error:
                    if error.status not in _PASSING or attempt == self._attempts:
                        raise
            # The permit is free meanwhile: another request may fare better.
            await asyncio.sleep(_pause(attempt))
            attempt += 1

    async def _wait_for_turn(self) -> None:
        now = asyncio.get_running_loop().time()
        turn = max(now, self._next)
        self._next = turn + self._interval
        if turn > now:
            await asyncio.sleep(turn - now)

    def _incomplete(self, error: RPCError, about: str) -> CollectionIncomplete:
        said = error.message.rstrip(".")
        what = f"{self._cluster} did not answer about {about}: {error.status.name}, {said}"
        if error.status in _DENIED:
            return CollectionIncomplete(
                f"{what}.",
                remedy="Give the collector's credentials the right to read every namespace that "
                "writes to this store: namespaces, workflows, histories, schedules.",
            )
        return CollectionIncomplete(
            f"{what}.", remedy="Look at the cluster, then collect again. Nothing was condemned."
        )


def _absence(error: RPCError) -> Absence:
    if error.status is RPCStatusCode.UNIMPLEMENTED:
        return Absence.UNSUPPORTED
    if error.status is not RPCStatusCode.NOT_FOUND:
        return Absence.NOTHING
    details = error.grpc_status.details
    if any(detail.type_url.endswith(_NAMESPACE_MISSING) for detail in details):
        # That is no word on what is in the namespace.
        return Absence.NO_NAMESPACE
    return Absence.GONE


def _pause(attempt: int) -> float:
    longest = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
    return longest * random.uniform(0.5, 1)  # noqa: S311 - not a secret
