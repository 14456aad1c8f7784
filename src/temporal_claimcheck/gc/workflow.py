"""A pass as a Temporal workflow: every step an activity, so it goes on where a worker died.

The workflow's history holds names of namespaces and days and counts, whatever the number of runs
and objects: what is found lies in the ledger.
"""

import asyncio
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from temporal_claimcheck.gc.work import Marked, ShelfName, SourceName, Work

__all__ = [
    "TASK_QUEUE",
    "CollectInput",
    "CollectResult",
    "CollectWorkflow",
    "CompleteInput",
    "JudgeInput",
    "Judged",
    "ReadAheadInput",
    "SourceInput",
    "SweepInput",
]

T = TypeVar("T")

TASK_QUEUE: Final = "claimcheck-gc"

_SHELVES_AT_ONCE: Final = 10
"""One activity judges so many days of one namespace, or sweeps them."""
_SHARDS: Final = 30
"""The days of which closed runs are not read yet are read in so many activities for each namespace,
at most; a day alone is never divided."""
_LONG: Final = dt.timedelta(hours=12)
_SHORT: Final = dt.timedelta(minutes=30)
_SIGN_OF_LIFE: Final = dt.timedelta(minutes=2)
# Longer than a lease: a pass that died is over then.
_PATIENCE: Final = RetryPolicy(
    initial_interval=dt.timedelta(seconds=10),
    maximum_interval=dt.timedelta(minutes=2),
    maximum_attempts=15,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectInput:
    """What a pass is to do."""

    delete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of the objects of some shelves."""

    objects: int
    condemned: int
    deleted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectResult:
    """What a pass did; its whole report is in the ledger."""

    pass_id: str
    runs: int
    references: int
    objects: int
    """In the days that were judged."""
    condemned: int
    deleted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInput:
    """A source of a pass."""

    work: Work
    source: SourceName


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAheadInput:
    """Windows of closed runs of a source."""

    work: Work
    source: SourceName
    windows: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeInput:
    """Shelves of a pass, and what was marked."""

    work: Work
    marked: Sequence[Marked]
    shelves: Sequence[ShelfName]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteInput:
    """A pass whose shelves are all judged."""

    work: Work
    marked: Sequence[Marked]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepInput:
    """Shelves of a pass, and what was marked then and again."""

    work: Work
    marked: Sequence[Marked]
    late: Sequence[Marked]
    shelves: Sequence[ShelfName]


@workflow.defn(name="ClaimCheckCollect")
class CollectWorkflow:
    """One pass of the collector."""

    @workflow.run
    async def run(self, given: CollectInput) -> CollectResult:
        """Carry the pass out."""
        work = await workflow.execute_activity(
            "claimcheck_gc_begin",
            result_type=Work,
            start_to_close_timeout=_SHORT,
            heartbeat_timeout=_SIGN_OF_LIFE,
            retry_policy=_PATIENCE,
        )
        completed = False
        try:
            await asyncio.gather(*(self._read_ahead(work, source) for source in work.sources))
            marked = await self._each_source("claimcheck_gc_mark", work)
            judged = await asyncio.gather(
                *(
                    self._long(
                        "claimcheck_gc_judge",
                        JudgeInput(work=work, marked=marked, shelves=shelves),
                        Judged,
                    )
                    for shelves in _chunks(work.shelves)
                )
            )
            await self._long(
                "claimcheck_gc_complete",
                CompleteInput(work=work, marked=marked),
                type(None),
            )
            completed = True
            swept = await self._sweep(work, marked) if given.delete else []
        finally:
            await workflow.execute_activity(
                "claimcheck_gc_end",
                args=[work, completed],
                start_to_close_timeout=_SHORT,
                retry_policy=_PATIENCE,
            )
        return CollectResult(
            pass_id=work.id,
            runs=sum(each.runs for each in marked),
            references=sum(each.references for each in marked),
            objects=sum(each.objects for each in judged),
            condemned=sum(each.condemned for each in judged),
            deleted=sum(each.deleted for each in swept),
        )

    async def _read_ahead(self, work: Work, source: SourceName) -> None:
        """Let all workers read closed runs, each of other days."""
        given = SourceInput(work=work, source=source)
        windows: list[str] = await self._long("claimcheck_gc_unread", given, list[str])
        size = -(-len(windows) // _SHARDS) or 1
        await asyncio.gather(
            *(
                self._long(
                    "claimcheck_gc_read_ahead",
                    ReadAheadInput(work=work, source=source, windows=windows[at : at + size]),
                    int,
                )
                for at in range(0, len(windows), size)
            )
        )

    async def _sweep(self, work: Work, marked: Sequence[Marked]) -> list[Judged]:
        await self._long("claimcheck_gc_may_sweep", work, type(None))
        late = await self._each_source("claimcheck_gc_look_again", work)
        # One after the other: each deletes, and each asks first whether the lease still holds.
        swept = [
            await self._long(
                "claimcheck_gc_sweep",
                SweepInput(work=work, marked=marked, late=late, shelves=shelves),
                Judged,
            )
            for shelves in _chunks(work.shelves)
        ]
        await self._long("claimcheck_gc_swept", work, type(None))
        return swept

    async def _each_source(self, name: str, work: Work) -> list[Marked]:
        return await asyncio.gather(
            *(
                self._long(name, SourceInput(work=work, source=source), Marked)
                for source in work.sources
            )
        )

    async def _long(self, name: str, given: object, result: type[T]) -> T:
        return await workflow.execute_activity(
            name,
            given,
            result_type=result,
            start_to_close_timeout=_LONG,
            heartbeat_timeout=_SIGN_OF_LIFE,
            retry_policy=_PATIENCE,
        )


def _chunks(shelves: Sequence[ShelfName]) -> list[Sequence[ShelfName]]:
    """Return the shelves in groups, each of one namespace's days."""
    chunks: list[list[ShelfName]] = []
    for shelf in shelves:
        last = chunks[-1] if chunks else []
        if last and last[0].namespace == shelf.namespace and len(last) < _SHELVES_AT_ONCE:
            last.append(shelf)
        else:
            chunks.append([shelf])
    return list(chunks)
