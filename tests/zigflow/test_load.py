"""A hundred runs, ten at once: none fails, none is taken for a deadlock."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.server.commands import serve_command
from tests.zigflow.example import city_service
from tests.zigflow.stand import CodecCalls, Place, Runner, Trace, stand

pytestmark = pytest.mark.asyncio(loop_scope="session")

STARVED_SECONDS = 0.25
"""Whoever wanted a processor and waited so long for it is on a machine that has too few."""
RUNS = 100
AT_ONCE = 10
EXPECTED = {
    "accepted": True,
    "cities": len(city_service.cities()),
    "countries": len(city_service.countries()),
}


@pytest.mark.timeout(600)
async def test_a_hundred_runs_ten_at_once(
    runner: Runner,
    without_codec: Place,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    store = tmp_path / "claims"
    places = asyncio.Semaphore(AT_ONCE)
    async with serve_command(store=store) as command:
        place = replace(without_codec, codec_url=command.url)
        async with stand(runner, place, folder=tmp_path, store=store) as made:

            async def one() -> Trace:
                async with places:
                    return await made.run("claimcheck-large-payload", {})

            async with waiting_for_a_processor() as waited:
                traces = await asyncio.gather(*(one() for _ in range(RUNS)))
            deadlocks, stored = made.deadlocks(), made.objects()
        _, lines = await command.stop()
    calls = CodecCalls.of(lines)
    report = {
        "calls": len(calls.seconds),
        "p50_seconds": calls.share(0.5),
        "p99_seconds": calls.share(0.99),
        "longest_seconds": calls.seconds[-1],
        "objects": len(stored),
        "deadlocks": len(deadlocks),
        "longest_wait_for_a_processor_seconds": max(waited),
    }
    record_property("codec", report)
    print(json.dumps(report))  # noqa: T201 - who runs this wants to know
    assert [trace.result for trace in traces] == [EXPECTED] * RUNS
    assert calls.statuses == {200}
    # Equal answers of the service are stored once a day, whichever run has them.
    assert len(stored) < RUNS
    if deadlocks and max(waited) > STARVED_SECONDS:
        # Go's detector looks at the clock, and can not tell a busy machine from a deadlock.
        pytest.skip(f"The machine is too busy to tell: {json.dumps(report)}")
    assert deadlocks == []
    assert [failure for trace in traces for failure in trace.failures] == []


@contextlib.asynccontextmanager
async def waiting_for_a_processor() -> AsyncGenerator[list[float]]:
    """Measure for the block how long somebody who has little to do waits for a processor."""
    waited = [0.0]

    async def wait() -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.05)
            waited.append(time.monotonic() - began - 0.05)

    watching = asyncio.ensure_future(wait())
    try:
        yield waited
    finally:
        watching.cancel()
