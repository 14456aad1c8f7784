"""A hundred runs, ten at once: none fails, none is taken for a deadlock."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.server.commands import serve_command
from tests.zigflow.example import city_service
from tests.zigflow.stand import CodecCalls, Place, Runner, Trace, stand

pytestmark = pytest.mark.asyncio(loop_scope="session")

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
    }
    record_property("codec", report)
    print(json.dumps(report))  # noqa: T201 - who runs this wants to know
    assert [trace.result for trace in traces] == [EXPECTED] * RUNS
    assert deadlocks == []
    assert calls.statuses == {200}
    assert [failure for trace in traces for failure in trace.failures] == []
    # Equal answers of the service are stored once a day, whichever run has them.
    assert len(stored) < RUNS
