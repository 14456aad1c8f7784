"""What a pass of the collector costs a cluster, and how that grows with the number of runs."""

import asyncio
import datetime as dt
import resource
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from rich.table import Table
from temporalio import workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from temporal_claimcheck import ClaimCheckManager, ClaimCheckPlugin
from temporal_claimcheck.clock import utc_now
from temporal_claimcheck.gc.collector import Collector
from temporal_claimcheck.gc.roots.temporal_cluster import TemporalCluster
from temporal_claimcheck.policy import OffloadPolicy
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.testing.servers import temporal_server

__all__ = ["PassCost", "collection_table", "run_collection"]

CLOSED: Final = (1000, 2000, 5000)
OPEN: Final = 200
_AT_ONCE: Final = 50
_QUICK_SHARE: Final = 20
_QUEUE: Final = "collection"
# Started; its first task scheduled, started and completed.
_WAITING_EVENTS: Final = 4
_ASK_AGAIN_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class PassCost:
    """One pass."""

    closed: int
    """Closed runs there are, beside the open ones."""
    number: int
    """Of the pass over so many runs: the first, or the one a day later."""
    histories: int
    """Requests for a piece of a history."""
    requests: int
    """Requests of every kind."""
    seconds: float
    peak_bytes: int
    """Of the whole process, until the end of the pass."""


async def run_collection(note: Callable[[str], None], *, quick: bool) -> list[PassCost]:
    """Measure two passes over more and more runs."""
    share = _QUICK_SHARE if quick else 1
    costs: list[PassCost] = []
    async with temporal_server() as environment:
        address = environment.client.service_client.config.target_host
        started = 0
        for closed in CLOSED:
            wanted = closed // share
            ahead = dt.timedelta()

            def clock() -> dt.datetime:
                return utc_now() + ahead  # noqa: B023 - the pass goes by what it is now

            # A store of its own, so that the first pass knows nothing.
            store = MemoryStore(clock=clock)
            manager = ClaimCheckManager(store, policy=OffloadPolicy(threshold_bytes=100))
            client = await Client.connect(address, plugins=[ClaimCheckPlugin(manager)])
            note(f"collection: {wanted:,} closed runs, {OPEN // share} open ones")
            if not started:
                await _start_waiting(client, OPEN // share)
            await _start(client, wanted - started, close=True)
            started = wanted
            for number in (1, 2):
                cluster = TemporalCluster(
                    environment.client.service_client,
                    decrypt=manager.for_replay().decrypt,
                    max_requests_per_second=10_000,
                )
                began = time.perf_counter()
                report = await Collector(manager, [cluster], clock=clock).run(delete=True)
                assert report.runs >= wanted + OPEN // share
                costs.append(
                    PassCost(
                        closed=wanted,
                        number=number,
                        histories=cluster.requests["history"],
                        requests=sum(cluster.requests.values()),
                        seconds=time.perf_counter() - began,
                        peak_bytes=_peak_bytes(),
                    )
                )
                ahead += dt.timedelta(hours=25)
    return costs


@workflow.defn(name="Benchmark")
class _Waiting:
    """Does nothing, as most open runs do at most times."""

    @workflow.run
    async def run(self, text: str) -> None:
        del text
        await workflow.wait_condition(lambda: False)


async def _start_waiting(client: Client, count: int) -> None:
    """Start open runs, and let each get to where it waits."""
    worker = Worker(
        client,
        task_queue=_QUEUE,
        workflows=[_Waiting],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with worker:
        await _start(client, count, close=False)
        async for each in client.list_workflows("ExecutionStatus = 'Running'"):
            handle = client.get_workflow_handle(each.id)

            async def is_waiting(handle: WorkflowHandle[Any, Any] = handle) -> bool:
                return (await handle.describe()).history_length >= _WAITING_EVENTS

            await _until(is_waiting)


async def _start(client: Client, count: int, *, close: bool) -> None:
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one() -> None:
        async with slots:
            handle = await client.start_workflow(
                "Benchmark", "x" * 200, id=str(uuid.uuid4()), task_queue=_QUEUE
            )
            if close:
                await handle.terminate()

    await asyncio.gather(*(one() for _ in range(count)))

    status = "Terminated" if close else "Running"

    async def are_listed() -> bool:
        listed = await client.count_workflows(f"ExecutionStatus = '{status}'")
        return listed.count >= count

    await _until(are_listed)


async def _until(check: Callable[[], Awaitable[bool]]) -> None:
    while True:
        if await check():
            return
        await asyncio.sleep(_ASK_AGAIN_SECONDS)


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def collection_table(costs: list[PassCost]) -> Table:
    """Return what the passes cost."""
    table = Table(title=f"collection, with {OPEN} open runs", title_justify="left")
    for head in (
        *("closed runs", "pass", "history requests", "share of the first"),
        *("all requests", "ms a run", "peak MB"),
    ):
        table.add_column(head, justify="right")
    first = {cost.closed: cost.histories for cost in costs if cost.number == 1}
    for cost in costs:
        table.add_row(
            f"{cost.closed:,}",
            str(cost.number),
            f"{cost.histories:,}",
            f"{cost.histories / first[cost.closed]:.1%}",
            f"{cost.requests:,}",
            f"{cost.seconds / cost.closed * 1e3:.2f}",
            f"{cost.peak_bytes / 1e6:,.0f}",
        )
    return table
