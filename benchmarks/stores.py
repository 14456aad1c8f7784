"""The stores alone, each against the calls that it stands in for, and the manager one level up."""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final, TypeVar

from redis.asyncio import Redis
from temporalio.contrib.aws.s3driver import S3StorageDriver

from benchmarks.benches import (
    BareSocket,
    Bench,
    BuiltInClient,
    BuiltInDriver,
    Item,
    OurManager,
    OurStore,
    RecipeRedis,
    RedisClient,
)
from benchmarks.candidates import BUILT_IN, built_in_client, object_store
from benchmarks.measuring import Clock, Ratio, in_turns, measured, paired_ratio
from benchmarks.records import SIZES, json_payload
from temporal_claimcheck.payloads import serialize_payload
from temporal_claimcheck.stores.filesystem import FileSystemStore
from temporal_claimcheck.stores.redis import RedisStore
from temporal_claimcheck.testing.certificates import make_certificate
from temporal_claimcheck.testing.servers import S3Server, redis_server, seaweedfs

__all__ = ["STORE_CELLS", "StoreCell", "StoreLine", "StoreResult", "Summary", "run_stores", "sums"]

OPERATIONS: Final = ("write", "read")
FROM_BYTES: Final = 64_000
"""The goals hold for the median over the sizes from here."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCell:
    """One size of payload, and how many calls run at a time."""

    size: str
    at_once: int
    operations: int
    """In one turn, so that it is long enough to be measured."""
    rounds: int


STORE_CELLS: Final = (
    StoreCell(size="1KB", at_once=1, operations=64, rounds=15),
    StoreCell(size="1KB", at_once=32, operations=256, rounds=15),
    StoreCell(size="64KB", at_once=1, operations=32, rounds=15),
    StoreCell(size="64KB", at_once=32, operations=128, rounds=15),
    StoreCell(size="256KB", at_once=1, operations=32, rounds=15),
    StoreCell(size="256KB", at_once=32, operations=64, rounds=15),
    StoreCell(size="1MB", at_once=1, operations=20, rounds=15),
    StoreCell(size="1MB", at_once=32, operations=64, rounds=7),
    StoreCell(size="10MB", at_once=1, operations=4, rounds=10),
    StoreCell(size="10MB", at_once=32, operations=32, rounds=3),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLine:
    """One candidate doing one thing in one cell."""

    candidate: str
    operation: str
    bytes_per_second: float
    cpu_seconds: float
    """For one payload, of this process."""
    p50_seconds: float
    """From the call to its answer, with `at_once` calls at a time."""
    p99_seconds: float
    reference: str | None
    """What it stands in for, and what the ratios compare it with."""
    speed_ratio: Ratio | None
    """Above 1 is faster."""
    cpu_ratio: Ratio | None
    """Below 1 is cheaper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreResult:
    """All candidates in one cell."""

    cell: StoreCell
    lines: Sequence[StoreLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One candidate over the sizes from FROM_BYTES: the medians of its ratios."""

    candidate: str
    reference: str
    operation: str
    speed: float
    cpu: float


async def run_stores(
    cells: Sequence[StoreCell], folder: Path, note: Callable[[str], None]
) -> list[StoreResult]:
    """Measure the cells one after the other, on servers that are started for it."""
    note("starting SeaweedFS and Redis")
    results: list[StoreResult] = []
    async with _benches(folder) as benches:
        for cell in cells:
            note(f"stores: {cell.size}, {cell.at_once} at once, {cell.rounds} rounds")
            results.append(await _measure(cell, benches))
    return results


def sums(results: Sequence[StoreResult]) -> list[Summary]:
    """Return for each candidate and operation the medians over the sizes from FROM_BYTES.

    "both" is a payload that is written and then read once.
    """
    ratios: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for result in results:
        if SIZES[result.cell.size] >= FROM_BYTES:
            for line in result.lines:
                if line.reference and line.speed_ratio and line.cpu_ratio:
                    place = (line.candidate, line.reference, line.operation)
                    both = (line.speed_ratio.median, line.cpu_ratio.median)
                    ratios.setdefault(place, []).append(both)
            for candidate, reference in _compared(result):
                there, here = (_for_one(result, name) for name in (reference, candidate))
                place = (candidate, reference, "both")
                ratios.setdefault(place, []).append((there[0] / here[0], here[1] / there[1]))
    return [
        Summary(
            candidate=candidate,
            reference=reference,
            operation=operation,
            speed=median(speed for speed, _ in found),
            cpu=median(cpu for _, cpu in found),
        )
        for (candidate, reference, operation), found in ratios.items()
    ]


def _compared(result: StoreResult) -> Sequence[tuple[str, str]]:
    return [
        (line.candidate, line.reference)
        for line in result.lines
        if line.reference and line.operation == OPERATIONS[0]
    ]


def _for_one(result: StoreResult, candidate: str) -> tuple[float, float]:
    """Return the time that a byte takes there and back, and the CPU time of a payload."""
    lines = [line for line in result.lines if line.candidate == candidate]
    return sum(1 / line.bytes_per_second for line in lines), sum(line.cpu_seconds for line in lines)


@asynccontextmanager
async def _benches(folder: Path) -> AsyncGenerator[Sequence[Bench]]:
    # As the recipe runs it: nothing is written to disk.
    arguments = ("--save", "", "--databases", "4")
    async with AsyncExitStack() as stack:
        # Over TLS, as every cloud's bucket is reached.
        ca, certificate = make_certificate(folder)
        s3: S3Server = await stack.enter_async_context(
            seaweedfs(folder, bucket="claims", ca=ca, certificate=certificate)
        )
        server = await stack.enter_async_context(redis_server(folder, arguments=arguments))
        client = await stack.enter_async_context(built_in_client(s3))
        url = f"redis://127.0.0.1:{server.port}"
        make: RedisClient = Redis
        plain, ours, manager = (
            make.from_url(f"{url}/{number}", socket_timeout=120) for number in range(3)
        )
        for each in (plain, ours, manager):
            stack.push_async_callback(each.aclose)
        # The recipe's calls ask nothing of their server, and this one keeps nothing on disk.
        redis, redis_below = (
            RedisStore(f"{url}/{database}", may_lose_payloads=True) for database in (1, 2)
        )
        for store in (redis, redis_below):
            stack.push_async_callback(store.aclose)
        driver = S3StorageDriver(client=client, bucket=s3.bucket)
        yield [
            BuiltInClient(client, s3.bucket),
            BareSocket(s3),
            OurStore("ObjectStore", object_store(s3, "stores"), "aioboto3"),
            RecipeRedis(plain),
            OurStore("RedisStore", redis, "plain redis", ours.flushdb),
            BuiltInDriver(driver),
            OurManager("manager, s3", object_store(s3, "manager"), BUILT_IN),
            OurManager("manager, redis", redis_below, None, clear=manager.flushdb),
            OurManager("manager, folder", FileSystemStore(folder / "claims"), None),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    clock: Clock
    latencies: Sequence[float]


async def _measure(cell: StoreCell, benches: Sequence[Bench]) -> StoreResult:
    async def take_turn(bench: Bench, number: int) -> Mapping[str, _Turn]:
        del number
        return await _turn(cell, bench)

    measured_turns = await in_turns(benches, cell.rounds, take_turn)
    turns = dict(zip([bench.name for bench in benches], measured_turns, strict=True))
    return StoreResult(
        cell=cell,
        lines=[
            _line(cell, bench, operation, turns) for operation in OPERATIONS for bench in benches
        ],
    )


def _line(
    cell: StoreCell,
    bench: Bench,
    operation: str,
    turns: Mapping[str, Sequence[Mapping[str, _Turn]]],
) -> StoreLine:
    mine = [turn[operation] for turn in turns[bench.name]]
    wall = [turn.clock.wall_seconds for turn in mine]
    cpu = [turn.clock.cpu_seconds for turn in mine]
    speed_ratio = cpu_ratio = None
    if bench.reference is not None:
        theirs = [turn[operation].clock for turn in turns[bench.reference]]
        speed_ratio = paired_ratio([clock.wall_seconds for clock in theirs], wall)
        cpu_ratio = paired_ratio(cpu, [clock.cpu_seconds for clock in theirs])
    cuts = quantiles((second for turn in mine for second in turn.latencies), n=100)
    return StoreLine(
        candidate=bench.name,
        operation=operation,
        bytes_per_second=SIZES[cell.size] * cell.operations / median(wall),
        cpu_seconds=median(cpu) / cell.operations,
        p50_seconds=cuts[49],
        p99_seconds=cuts[98],
        reference=bench.reference,
        speed_ratio=speed_ratio,
        cpu_ratio=cpu_ratio,
    )


async def _turn(cell: StoreCell, bench: Bench) -> Mapping[str, _Turn]:
    items = [_item(SIZES[cell.size]) for _ in range(cell.operations)]
    written, write = await _all(bench.write, items, cell.at_once)
    _, read = await _all(bench.read, written, cell.at_once)
    await bench.clear()
    return {"write": write, "read": read}


async def _all(
    call: Callable[[Any], Awaitable[T]], arguments: Sequence[Any], at_once: int
) -> tuple[list[T], _Turn]:
    latencies: list[float] = []
    results: list[T] = []
    left = iter(arguments)

    async def work() -> None:
        for argument in left:
            started = time.perf_counter()
            result = await call(argument)
            latencies.append(time.perf_counter() - started)
            results.append(result)

    async with measured() as clock:
        await asyncio.gather(*(work() for _ in range(at_once)))
    return results, _Turn(clock=clock, latencies=latencies)


def _item(size_bytes: int) -> Item:
    payload = json_payload(size_bytes, mark=str(uuid.uuid4()))
    return Item(key=f"v1/bench/{uuid.uuid4()}", blob=serialize_payload(payload), payload=payload)
