"""The manager alone, without Temporal, against the SDK's own driver on the same S3 server."""

import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final, Protocol

from temporalio.api.common.v1 import Payload
from temporalio.contrib.aws.s3driver import S3StorageDriver
from temporalio.converter import (
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
    StorageDriverWorkflowInfo,
)

from benchmarks.candidates import BUILT_IN, built_in_driver, object_store
from benchmarks.measuring import Clock, Ratio, in_turns, measured, paired_ratio
from benchmarks.records import SIZES, json_payload
from temporal_claimcheck import BlobStore, ClaimCheckManager
from temporal_claimcheck.stores.filesystem import FileSystemStore
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.testing.servers import S3Server, seaweedfs

__all__ = ["CORE_CELLS", "CoreCell", "CoreLine", "CoreResult", "run_core"]

OPERATIONS: Final = ("store", "store again", "read", "read from cache")
"""A new payload; the same one once more; one that another process stored; one of our own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreCell:
    """One size of payload, and how many are handed over together."""

    size: str
    at_once: int
    operations: int
    """In one turn, so that it is long enough to be measured."""
    rounds: int


CORE_CELLS: Final = (
    CoreCell(size="1KB", at_once=1, operations=64, rounds=15),
    CoreCell(size="1KB", at_once=32, operations=128, rounds=15),
    CoreCell(size="100KB", at_once=1, operations=16, rounds=15),
    CoreCell(size="100KB", at_once=32, operations=32, rounds=15),
    CoreCell(size="1MB", at_once=1, operations=8, rounds=10),
    CoreCell(size="1MB", at_once=32, operations=32, rounds=7),
    CoreCell(size="10MB", at_once=1, operations=2, rounds=10),
    CoreCell(size="10MB", at_once=32, operations=32, rounds=3),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreLine:
    """One candidate doing one thing in one cell."""

    candidate: str
    operation: str
    bytes_per_second: float
    """Of payload, before compression."""
    cpu_seconds: float
    """For one payload, of this process."""
    stall_seconds: float
    speed_ratio: Ratio
    """To the SDK's driver; above 1 is faster."""
    cpu_ratio: Ratio
    """To the SDK's driver; below 1 is cheaper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreResult:
    """All candidates in one cell."""

    cell: CoreCell
    lines: Sequence[CoreLine]


class Bench(Protocol):
    """Stores and reads payloads in one way. A claim is whatever `store` returns."""

    @property
    def name(self) -> str: ...

    async def store(self, payloads: Sequence[Payload]) -> Sequence[Any]: ...

    async def read(self, claims: Sequence[Any], *, from_cache: bool) -> Sequence[Payload]: ...


class BuiltInBench:
    """The SDK's own driver; it has no cache."""

    name = BUILT_IN

    def __init__(self, driver: S3StorageDriver) -> None:
        self._driver = driver

    async def store(self, payloads: Sequence[Payload]) -> Sequence[Any]:
        target = StorageDriverWorkflowInfo(
            namespace="default", id="benchmark", run_id="benchmark", type="Benchmark"
        )
        return await self._driver.store(StorageDriverStoreContext(target=target), payloads)

    async def read(self, claims: Sequence[Any], *, from_cache: bool) -> Sequence[Payload]:
        del from_cache
        return await self._driver.retrieve(StorageDriverRetrieveContext(), claims)


class ManagerBench:
    """Our manager, and a second one without a cache: another process that reads."""

    def __init__(self, name: str, store: BlobStore) -> None:
        self.name = name
        # As large as a turn, so that "from cache" always means what it says.
        self._writer = ClaimCheckManager(store, cache_bytes=512 * 1024**2)
        self._reader = ClaimCheckManager(store, cache_bytes=0)

    async def store(self, payloads: Sequence[Payload]) -> Sequence[Any]:
        return await self._writer.offload_many(payloads)

    async def read(self, claims: Sequence[Any], *, from_cache: bool) -> Sequence[Payload]:
        manager = self._writer if from_cache else self._reader
        return await manager.retrieve_many(claims)


async def run_core(
    cells: Sequence[CoreCell], folder: Path, note: Callable[[str], None]
) -> list[CoreResult]:
    """Measure the cells one after the other, on a server that is started for it."""
    note("starting SeaweedFS")
    results: list[CoreResult] = []
    async with seaweedfs(folder, bucket="claims") as s3, _benches(s3, folder) as benches:
        for cell in cells:
            note(f"core: {cell.size}, {cell.at_once} at once, {cell.rounds} rounds")
            results.append(await _measure(cell, benches))
    return results


@asynccontextmanager
async def _benches(s3: S3Server, folder: Path) -> AsyncGenerator[Sequence[Bench]]:
    async with built_in_driver(s3) as driver:
        yield [
            BuiltInBench(driver),
            ManagerBench("s3", object_store(s3, "core")),
            ManagerBench("folder", FileSystemStore(folder / "core")),
            ManagerBench("memory", MemoryStore()),
        ]


async def _measure(cell: CoreCell, benches: Sequence[Bench]) -> CoreResult:
    async def take_turn(bench: Bench, number: int) -> Mapping[str, Clock]:
        del number
        return await _turn(cell, bench)

    turns = await in_turns(benches, cell.rounds, take_turn)
    built_in = turns[[bench.name for bench in benches].index(BUILT_IN)]
    turn_bytes = SIZES[cell.size] * cell.operations
    lines: list[CoreLine] = []
    for operation in OPERATIONS:
        their_wall = [turn[operation].wall_seconds for turn in built_in]
        their_cpu = [turn[operation].cpu_seconds for turn in built_in]
        for bench, bench_turns in zip(benches, turns, strict=True):
            clocks = [turn[operation] for turn in bench_turns]
            wall = [clock.wall_seconds for clock in clocks]
            cpu = [clock.cpu_seconds for clock in clocks]
            lines.append(
                CoreLine(
                    candidate=bench.name,
                    operation=operation,
                    bytes_per_second=turn_bytes / median(wall),
                    cpu_seconds=median(cpu) / cell.operations,
                    stall_seconds=median(clock.stall_seconds for clock in clocks),
                    speed_ratio=paired_ratio(their_wall, wall),
                    cpu_ratio=paired_ratio(cpu, their_cpu),
                )
            )
    return CoreResult(cell=cell, lines=lines)


async def _turn(cell: CoreCell, bench: Bench) -> Mapping[str, Clock]:
    payloads = [
        json_payload(SIZES[cell.size], mark=str(uuid.uuid4())) for _ in range(cell.operations)
    ]
    groups = [
        payloads[start : start + cell.at_once] for start in range(0, len(payloads), cell.at_once)
    ]
    claims: list[Sequence[Any]] = []

    async def store() -> None:
        claims[:] = [await bench.store(group) for group in groups]

    async def read() -> None:
        for group in claims:
            await bench.read(group, from_cache=False)

    async def read_from_cache() -> None:
        for group in claims:
            await bench.read(group, from_cache=True)

    work: dict[str, Callable[[], Awaitable[None]]] = dict(
        zip(OPERATIONS, (store, store, read, read_from_cache), strict=True)
    )
    clocks: dict[str, Clock] = {}
    for operation, do in work.items():
        async with measured(watch_stalls=True) as clock:
            await do()
        clocks[operation] = clock
    return clocks
