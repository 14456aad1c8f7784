"""The plugin counts on the meter of the client's runtime, and counts each exchange once."""

import subprocess
import sys
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from temporalio.client import Client
from temporalio.runtime import MetricBuffer, Runtime, TelemetryConfig
from temporalio.worker import Replayer, Worker

from temporal_claimcheck import ClaimCheckManager, ClaimCheckPlugin
from temporal_claimcheck.events import Offloaded
from temporal_claimcheck.metrics.temporal_meter import TemporalMeterObserver
from temporal_claimcheck.policy import OffloadPolicy
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.temporal.plugin import Door
from tests.core.witnesses import Diary
from tests.temporal.pipeline import ACTIVITIES, Pipeline

RECORDS = ["a large record " * 20_000]

LAZY = """
import asyncio

from temporalio.client import Client
from temporalio.runtime import Runtime, TelemetryConfig

from temporal_claimcheck import ClaimCheckPlugin


async def main():
    await Client.connect("localhost:1", lazy=True, plugins=[ClaimCheckPlugin("memory://")])
    Runtime.set_default(Runtime(telemetry=TelemetryConfig()))


asyncio.run(main())
"""


def metered() -> tuple[Runtime, MetricBuffer]:
    buffer = MetricBuffer(100_000)
    return Runtime(telemetry=TelemetryConfig(metrics=buffer)), buffer


def counted(buffer: MetricBuffer) -> Counter[str]:
    """Return how often each of our counters was told of each of its labels' values."""
    totals: Counter[str] = Counter()
    for update in buffer.retrieve_updates():
        if update.metric.name.startswith("claimcheck_") and update.metric.name.endswith("_total"):
            labels = " ".join(
                str(value)
                for name, value in sorted(update.attributes.items())
                if name != "service_name"
            )
            totals[f"{update.metric.name} {labels}".strip()] += int(update.value)
    return totals


def small_threshold(*observers: Any) -> ClaimCheckManager:
    policy = OffloadPolicy(threshold_bytes=10_000)
    return ClaimCheckManager(MemoryStore(), policy=policy, observers=observers)


async def run(client: Client) -> str:
    queue = f"queue-{uuid.uuid4()}"
    workflow_id = f"workflow-{uuid.uuid4()}"
    with ThreadPoolExecutor() as executor:
        async with Worker(
            client,
            task_queue=queue,
            workflows=[Pipeline],
            activities=ACTIVITIES,
            activity_executor=executor,
        ):
            await client.execute_workflow(
                Pipeline.run, args=[RECORDS, False], id=workflow_id, task_queue=queue
            )
    return workflow_id


async def test_a_worker_s_exchanges_are_counted_on_its_runtime(
    temporal_address: str, door: Door
) -> None:
    runtime, buffer = metered()
    diary = Diary()
    plugin = ClaimCheckPlugin(small_threshold(), door=door, observers=[diary])
    client = await Client.connect(temporal_address, plugins=[plugin], runtime=runtime)
    await run(client)
    totals = counted(buffer)
    assert diary.outcomes
    for outcome, times in Counter(diary.outcomes).items():
        assert totals[f"claimcheck_offload_total {outcome}"] == times
    assert totals["claimcheck_retrieval_total cache"] == len(diary.retrieved)
    stored = [event for event in diary.events if isinstance(event, Offloaded)]
    assert totals["claimcheck_storage_bytes_total"] == sum(event.stored_bytes for event in stored)


async def test_clients_that_share_a_plugin_are_counted_each_on_its_own_runtime(
    temporal_address: str,
) -> None:
    plugin = ClaimCheckPlugin(small_threshold())
    (one, ones), (two, twos) = metered(), metered()
    clients = [
        await Client.connect(temporal_address, plugins=[plugin], runtime=runtime)
        for runtime in (one, one, two)
    ]
    for client in clients:
        await client.data_converter.encode(RECORDS)
    key = "claimcheck_offload_total"
    assert {each: n for each, n in counted(ones).items() if each.startswith(key)} == {
        f"{key} stored": 1,
        f"{key} already-stored": 1,
    }
    assert counted(twos)[f"{key} already-stored"] == 1


async def test_a_manager_that_is_counted_already_is_not_counted_twice(
    temporal_address: str,
) -> None:
    runtime, buffer = metered()
    manager = small_threshold(TemporalMeterObserver(runtime.metric_meter))
    client = await Client.connect(
        temporal_address, plugins=[ClaimCheckPlugin(manager)], runtime=runtime
    )
    await client.data_converter.encode(RECORDS)
    assert counted(buffer)["claimcheck_offload_total stored"] == 1


async def test_without_metrics_nothing_is_counted(temporal_address: str) -> None:
    runtime, buffer = metered()
    plugin = ClaimCheckPlugin(small_threshold(), metrics=False)
    client = await Client.connect(temporal_address, plugins=[plugin], runtime=runtime)
    await client.data_converter.encode(RECORDS)
    assert counted(buffer) == {}


async def test_a_replayer_counts_nothing(temporal_address: str) -> None:
    runtime, buffer = metered()
    plugin = ClaimCheckPlugin(small_threshold())
    client = await Client.connect(temporal_address, plugins=[plugin], runtime=runtime)
    workflow_id = await run(client)
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    counted(buffer)
    replayer = Replayer(workflows=[Pipeline], plugins=[plugin])
    await replayer.replay_workflow(history)
    assert counted(buffer) == {}


def test_a_lazy_client_leaves_the_default_runtime_to_the_program() -> None:
    done = subprocess.run(  # noqa: S603 - the program stands above
        [sys.executable, "-c", LAZY], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
