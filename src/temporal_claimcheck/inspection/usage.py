"""Which types of workflows refer to what is stored, read from their histories."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from temporalio.client import Client

from temporal_claimcheck.errors import CollectionIncomplete, NotInTemporal, TemporalUnavailable
from temporal_claimcheck.gc.cluster import Run, StartedSince
from temporal_claimcheck.inspection.heads import Heads
from temporal_claimcheck.inspection.items import RunContents, Stored
from temporal_claimcheck.inspection.runs import Progress, RunReader
from temporal_claimcheck.keyspace import Key

__all__ = ["TypeUse", "Usage", "read_usage"]

_EVER: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_AT_ONCE: Final = 8


@dataclass(slots=True, kw_only=True)
class TypeUse:
    """What the runs of a type refer to."""

    runs: int = 0
    claims: int = 0
    """How often they refer to an object."""
    claimed_bytes: int = 0
    """Size of the payloads, counted for each claim; of what is missing too."""
    keys: dict[Key, int] = field(default_factory=dict[Key, int])
    """The objects, and the size of the payload in each."""
    missing: int = 0
    """How many of the objects are gone or damaged."""
    stored_bytes: int = 0
    """Size of the objects, compressed; another type may refer to them too."""

    @property
    def shared_bytes(self) -> int:
        """What is not stored again because equal payloads share an object, before compression."""
        return self.claimed_bytes - sum(self.keys.values())

    def add(self, contents: RunContents) -> None:
        """Count a run."""
        self.runs += 1
        for item in contents.items:
            if item.key is not None:
                self.claims += 1
                self.claimed_bytes += item.payload_bytes or 0
                self.keys[item.key] = item.payload_bytes or 0


@dataclass(slots=True, kw_only=True)
class Usage:
    """What the runs in some namespaces refer to."""

    types: dict[tuple[str, str], TypeUse] = field(default_factory=dict[tuple[str, str], TypeUse])
    """By namespace and type of workflow."""
    runs: int = 0
    is_complete: bool = True
    """Whether all runs were read; else those that are open, then those that closed last."""
    missing: int = 0
    """How many objects that they refer to are gone or damaged, each counted once."""
    absent: list[str] = field(default_factory=list[str])
    """Namespaces that the cluster does not have."""


async def read_usage(
    client: Client, namespaces: list[str], heads: Heads, *, max_runs: int, progress: Progress
) -> Usage:
    """Read the histories of the latest runs of each namespace, `max_runs` at most.

    Raises TemporalUnavailable, StoreError.
    """
    usage = Usage()
    for namespace in namespaces:
        reader = RunReader(client, namespace=namespace)
        if not await reader.has_namespace():
            usage.absent.append(namespace)
            continue
        await _Reading(reader, usage, max_runs, progress).all()
    found = await heads.read_all(key for use in usage.types.values() for key in use.keys)
    usage.missing = sum(not isinstance(each, Stored) for each in found.values())
    for use in usage.types.values():
        stored = [found[key] for key in use.keys]
        use.missing = sum(not isinstance(each, Stored) for each in stored)
        use.stored_bytes = sum(each.stored_bytes for each in stored if isinstance(each, Stored))
    return usage


class _Reading:
    """Reads the runs of one namespace, some at once."""

    def __init__(self, reader: RunReader, usage: Usage, max_runs: int, progress: Progress) -> None:
        self._reader = reader
        self._usage = usage
        self._max_runs = max_runs
        self._progress = progress
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def all(self) -> None:
        begun = 0
        try:
            async with asyncio.TaskGroup() as group:
                async for run in self._listed():
                    if begun == self._max_runs:
                        self._usage.is_complete = False
                        break
                    begun += 1
                    await self._turns.acquire()
                    group.create_task(self._one(run))
        except BaseExceptionGroup as error:
            raise error.exceptions[0] from None

    async def _listed(self) -> AsyncIterator[Run]:
        try:
            async for run in self._reader.runs(StartedSince(start=_EVER)):
                yield run
        except CollectionIncomplete as error:
            raise TemporalUnavailable(error.what, remedy=error.remedy) from error

    async def _one(self, run: Run) -> None:
        try:
            contents = await self._reader.read(run.workflow_id, run.run_id)
        except NotInTemporal:
            return  # Its retention ended since it was listed.
        finally:
            self._turns.release()
        self._usage.runs += 1
        key = (self._reader.namespace, contents.workflow_type)
        self._usage.types.setdefault(key, TypeUse()).add(contents)
        self._progress("Reading histories", self._usage.runs)
