"""Objects that take long, over connections that carry only so much each."""

import dataclasses
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.table import Table
from temporalio.api.common.v1 import Payload

from benchmarks.benches import Bench, BuiltInClient, Item, OurStore
from benchmarks.candidates import built_in_client, object_store
from benchmarks.measuring import Clock, Ratio, in_turns, measured, paired_ratio
from benchmarks.slow_line import slow_line
from temporal_claimcheck.testing.certificates import make_certificate
from temporal_claimcheck.testing.servers import seaweedfs

__all__ = ["LargeResult", "large_table", "run_large"]

_SIZES: Final = (16_000_000, 64_000_000, 256_000_000)
_QUICK_SIZES: Final = (32_000_000,)
_ROUNDS: Final = 3
_LINE_BYTES_PER_SECOND: Final = 25_000_000
"""What one connection to a bucket in another zone or region carries, as an order of magnitude."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeResult:
    """ObjectStore against aioboto3 at one size."""

    size_bytes: int
    operation: str
    speed: Ratio
    """Above 1 is faster."""
    cpu: Ratio
    """Below 1 is cheaper."""


async def run_large(
    folder: Path, note: Callable[[str], None], *, quick: bool
) -> Sequence[LargeResult]:
    """Measure one size after the other, on a server that is started for it."""
    results: list[LargeResult] = []
    async with AsyncExitStack() as stack:
        ca, certificate = make_certificate(folder)
        s3 = await stack.enter_async_context(
            seaweedfs(folder, bucket="claims", ca=ca, certificate=certificate)
        )
        port = await stack.enter_async_context(slow_line(s3.port, _LINE_BYTES_PER_SECOND))
        far = dataclasses.replace(s3, port=port)
        client = await stack.enter_async_context(built_in_client(far))
        theirs = BuiltInClient(client, far.bucket)
        ours = OurStore("ObjectStore", object_store(far, "large"), theirs.name)
        for size in _QUICK_SIZES if quick else _SIZES:
            note(f"large: {size / 1e6:,.0f} MB, {_ROUNDS} rounds")
            results += await _measure(size, theirs, ours)
    return results


async def _measure(size: int, theirs: Bench, ours: Bench) -> Sequence[LargeResult]:
    async def turn(bench: Bench, number: int) -> Mapping[str, Clock]:
        del number
        # Nothing that a line or a server could make smaller.
        blob = os.urandom(size)
        item = Item(key=f"v1/bench/{uuid.uuid4()}", blob=blob, payload=Payload())
        async with measured() as write:
            written = await bench.write(item)
        async with measured() as read:
            await bench.read(written)
        return {"write": write, "read": read}

    there, here = await in_turns([theirs, ours], _ROUNDS, turn)
    return [
        LargeResult(
            size_bytes=size,
            operation=operation,
            speed=paired_ratio(
                [clocks[operation].wall_seconds for clocks in there],
                [clocks[operation].wall_seconds for clocks in here],
            ),
            cpu=paired_ratio(
                [clocks[operation].cpu_seconds for clocks in here],
                [clocks[operation].cpu_seconds for clocks in there],
            ),
        )
        for operation in ("write", "read")
    ]


def large_table(results: Sequence[LargeResult]) -> Table:
    """Return how the store compares with the client of the SDK's driver."""
    line = _LINE_BYTES_PER_SECOND / 1e6
    table = Table(
        title=f"large, over connections of {line:g} MB/s: ObjectStore to aioboto3",
        caption="Speed: higher is better. CPU: lower is better.",
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("operation")
    for head in ("MB", "speed", "CPU"):
        table.add_column(head, justify="right")
    for result in results:
        megabytes = f"{result.size_bytes / 1e6:,.0f}"
        table.add_row(result.operation, megabytes, str(result.speed), str(result.cpu))
    return table
