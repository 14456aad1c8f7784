"""What a collector asks of a Temporal cluster. Everything that it believes comes through here.

An answer is complete or an error: whoever implements this raises CollectionIncomplete when the
cluster is unavailable, refuses, pages without end, or holds something that cannot be read, and
never leaves anything out.
"""

import datetime as dt
import enum
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

__all__ = [
    "ClosedBetween",
    "Cluster",
    "Kind",
    "Namespace",
    "Open",
    "Run",
    "RunReferences",
    "StartedSince",
    "Window",
]


class Kind(enum.Enum):
    """What holds references besides workflow runs, in the order in which it must be read."""

    SCHEDULE = "schedule"
    """Copies its payloads into every run that it starts, so it is read before runs are."""
    ACTIVITY = "activity"
    """A standalone activity."""
    NEXUS_OPERATION = "nexus-operation"
    """A standalone Nexus operation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """A namespace as its cluster describes it."""

    name: str
    id: str
    retention: dt.timedelta
    """How long closed runs stay."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Run:
    """One run of a workflow."""

    workflow_id: str
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReferences:
    """All that a run refers to, from its whole history, memo, and pending activities."""

    keys: frozenset[str]
    """Keys of objects, as in the claims that were found."""
    runs: frozenset[Run]
    """Runs of the same namespace that it names: continued from and to, parent, children, reset."""
    is_closed: bool
    """Whether nothing about it will change any more."""
    closed: dt.datetime | None
    """When it closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """All runs that are open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedBetween:
    """Runs that closed from `start` until before `end`; None is the beginning of time."""

    start: dt.datetime | None
    end: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedSince:
    """Runs that started at this time or later."""

    start: dt.datetime


Window = Open | ClosedBetween | StartedSince
"""Which runs to list."""


class Cluster(Protocol):
    """A Temporal cluster. Raises CollectionIncomplete for whatever it cannot answer in full."""

    @property
    def name(self) -> str:
        """Which cluster this is, for people to read."""
        ...

    async def namespace(self, name: str) -> Namespace | None:
        """Describe a namespace; None if the cluster has none of that name."""
        ...

    def runs(self, namespace: str, window: Window) -> AsyncIterator[Run]:
        """List runs, in any order; the listing may lag behind and may show a run twice."""
        ...

    async def run(self, namespace: str, run: Run) -> RunReferences | None:
        """Read a run, not by way of the listing; None if it is gone."""
        ...

    def others(self, namespace: str, kind: Kind) -> AsyncIterator[str]:
        """List ids of what holds references besides runs; none where the cluster has no such."""
        ...

    async def other(self, namespace: str, kind: Kind, id: str) -> frozenset[str] | None:  # noqa: A002
        """Return the keys that it refers to; None if it is gone."""
        ...
