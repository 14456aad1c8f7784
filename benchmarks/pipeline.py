"""The whole way: client, server, workflow and two activities, with each candidate in turn."""

import asyncio
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from temporalio.worker import Worker

from benchmarks.candidates import BUILT_IN, NOTHING, Candidate, connect
from benchmarks.measuring import Ratio, in_turns, measured, paired_ratio
from benchmarks.records import SIZES, marked_records
from benchmarks.workflow import ACTIVITIES, WORKFLOWS, BenchmarkPipeline, RawBenchmarkPipeline
from temporal_claimcheck.testing.servers import seaweedfs, temporal_server

__all__ = ["CELLS", "Cell", "CellResult", "Line", "run_pipeline"]

_INLINE_LIMIT_BYTES: Final = 2_000_000
"""Temporal refuses larger payloads in its history."""
_SETTLE_SECONDS: Final = 0.05
_TASK_QUEUE: Final = "benchmark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One size of payload, and how many workflows run at a time."""

    size: str
    at_once: int
    rounds: int
    raw_values: bool = False
    """Whether the workflow hands its data on without parsing it."""

    @property
    def workflow(self) -> str:
        """Name of the workflow that runs."""
        return (RawBenchmarkPipeline if self.raw_values else BenchmarkPipeline).__name__

    def allows(self, candidate: Candidate) -> bool:
        """Return whether the candidate can do it at all."""
        return candidate.name != NOTHING or SIZES[self.size] < _INLINE_LIMIT_BYTES


CELLS: Final = (
    Cell(size="1KB", at_once=1, rounds=30),
    Cell(size="1KB", at_once=8, rounds=15),
    Cell(size="100KB", at_once=1, rounds=30),
    Cell(size="100KB", at_once=8, rounds=15),
    Cell(size="1MB", at_once=1, rounds=20),
    Cell(size="1MB", at_once=8, rounds=10),
    Cell(size="10MB", at_once=1, rounds=10),
    Cell(size="10MB", at_once=2, rounds=8),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one candidate did in one round."""

    latency_seconds: list[float]
    """From the call of the client to the result, of each workflow."""
    cpu_seconds: float
    """A workflow's share of this process's time."""
    stall_seconds: float
    history_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One candidate in one cell."""

    candidate: str
    latency_seconds: float
    """p50 of all workflows."""
    cpu_seconds: float
    stall_seconds: float
    history_bytes: int
    """Of one workflow, as are the objects and bytes stored."""
    stored_objects: float
    stored_bytes: float
    latency_ratios: Mapping[str, Ratio]
    """By the candidate it is compared to."""
    cpu_ratios: Mapping[str, Ratio]
    turns: Sequence[Turn]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """All candidates in one cell."""

    cell: Cell
    lines: Sequence[Line]


async def run_pipeline(
    cells: Sequence[Cell], names: Collection[str], folder: Path, note: Callable[[str], None]
) -> list[CellResult]:
    """Measure the cells one after the other, on servers that are started for it."""
    note("starting Temporal and SeaweedFS")
    async with AsyncExitStack() as stack:
        temporal = await stack.enter_async_context(temporal_server())
        s3 = await stack.enter_async_context(seaweedfs(folder, bucket="claims"))
        address = temporal.client.service_client.config.target_host
        candidates = await stack.enter_async_context(connect(address, s3, folder, names))
        executor = stack.enter_context(ThreadPoolExecutor(16))
        for candidate in candidates:
            worker = Worker(
                candidate.client,
                task_queue=f"{_TASK_QUEUE}-{candidate.name}",
                workflows=WORKFLOWS,
                activities=ACTIVITIES,
                activity_executor=executor,
            )
            await stack.enter_async_context(worker)
        results: list[CellResult] = []
        for cell in cells:
            note(f"pipeline: {cell.size}, {cell.at_once} at once, {cell.rounds} rounds")
            able = [candidate for candidate in candidates if cell.allows(candidate)]
            results.append(await _measure(cell, able))
        return results


async def _measure(cell: Cell, candidates: Sequence[Candidate]) -> CellResult:
    async def take_turn(candidate: Candidate, number: int) -> Turn:
        return await _turn(cell, candidate, number)

    before = [await candidate.stored() for candidate in candidates]
    turns = await in_turns(candidates, cell.rounds, take_turn)
    after = [await candidate.stored() for candidate in candidates]
    workflows = (cell.rounds + 1) * cell.at_once
    references = {
        candidate.name: theirs
        for candidate, theirs in zip(candidates, turns, strict=True)
        if candidate.name in {NOTHING, BUILT_IN}
    }
    lines = [
        Line(
            candidate=candidate.name,
            latency_seconds=median(
                seconds for turn in candidate_turns for seconds in turn.latency_seconds
            ),
            cpu_seconds=median(_cpu(candidate_turns)),
            stall_seconds=median(turn.stall_seconds for turn in candidate_turns),
            history_bytes=candidate_turns[-1].history_bytes,
            stored_objects=(now.objects - then.objects) / workflows,
            stored_bytes=(now.total_bytes - then.total_bytes) / workflows,
            latency_ratios={
                name: paired_ratio(_latency(candidate_turns), _latency(theirs))
                for name, theirs in references.items()
            },
            cpu_ratios={
                name: paired_ratio(_cpu(candidate_turns), _cpu(theirs))
                for name, theirs in references.items()
            },
            turns=candidate_turns,
        )
        for candidate, candidate_turns, then, now in zip(
            candidates, turns, before, after, strict=True
        )
    ]
    return CellResult(cell=cell, lines=lines)


def _latency(turns: Sequence[Turn]) -> list[float]:
    return [median(turn.latency_seconds) for turn in turns]


def _cpu(turns: Sequence[Turn]) -> list[float]:
    return [turn.cpu_seconds for turn in turns]


async def _turn(cell: Cell, candidate: Candidate, number: int) -> Turn:
    ids = [f"benchmark-{uuid.uuid4()}" for _ in range(cell.at_once)]
    # The same cities for every candidate of the round, under marks that nobody shares.
    inputs = [
        marked_records(SIZES[cell.size], mark=name, place=number * cell.at_once + index)
        for index, name in enumerate(ids)
    ]

    async def run(workflow_id: str, records: list[dict[str, object]]) -> float:
        started = time.perf_counter()
        transformed = await candidate.client.execute_workflow(
            cell.workflow,
            records,
            result_type=int,
            id=workflow_id,
            task_queue=f"{_TASK_QUEUE}-{candidate.name}",
        )
        seconds = time.perf_counter() - started
        if transformed != len(records):
            raise AssertionError("The pipeline lost records.")
        return seconds

    async with measured(settle_seconds=_SETTLE_SECONDS, watch_stalls=True) as clock:
        latency_seconds = await asyncio.gather(*map(run, ids, inputs))
    described = await candidate.client.get_workflow_handle(ids[-1]).describe()
    return Turn(
        latency_seconds=latency_seconds,
        cpu_seconds=clock.cpu_seconds / cell.at_once,
        stall_seconds=clock.stall_seconds,
        history_bytes=described.raw_description.workflow_execution_info.history_size_bytes,
    )
