"""A real Prometheus over a real worker and the codec server: every query finds something.

First there is traffic, then everything goes wrong that an alert is about.
"""

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.worker import Worker

from temporal_claimcheck import ClaimCheckError, ClaimCheckManager, ClaimCheckPlugin, Settings
from temporal_claimcheck.errors import CollectionRefused
from temporal_claimcheck.gc.collector import Collector
from temporal_claimcheck.metrics import HISTOGRAM_BUCKETS
from temporal_claimcheck.metrics.temporal_meter import TemporalMeterObserver
from temporal_claimcheck.testing.servers import (
    ServerProcess,
    free_ports,
    redis_server,
    temporal_server,
)
from tests.core.witnesses import payload
from tests.gc.conftest import SETTINGS as SERVER_SETTINGS
from tests.gc.conftest import dynamic_config
from tests.monitoring.files import alerts, dashboard_queries, recording_rules
from tests.monitoring.prometheus import Prometheus, needs_prometheus, prometheus
from tests.server.commands import serve_command
from tests.server.serving import body_of
from tests.stores.raw_redis import RawRedis
from tests.temporal.pipeline import ACTIVITIES, Pipeline

pytestmark = needs_prometheus

JOBS: Final = ("workers", "server")
SMALL: Final = 30_000
LARGE: Final = 300_000

PROVOKED: Final = {
    "ClaimCheckStoreDown",
    "ClaimCheckObjectDamaged",
    "ClaimCheckObjectMissing",
    "ClaimCheckErrors",
    "ClaimCheckServerErrors",
    "ClaimCheckCollectorRefused",
}
# Their own tests are in deploy/monitoring/rules.test.yml.
TAKES_LONG: Final = {
    "ClaimCheckStorageGrowth": "compares with a week ago",
    "ClaimCheckCacheHitsLow": "wants the traffic of an hour",
}


@dataclass(kw_only=True)
class Production:
    """What is watched."""

    client: Client
    manager: ClaimCheckManager
    raw: RawRedis
    redis: ServerProcess
    codec: httpx.AsyncClient
    watch: Prometheus
    queue: str

    async def traffic(self) -> None:
        """Let a workflow pass payloads on: new ones, and the same as ever."""
        for records in ([str(uuid.uuid4()) * (LARGE // 36)], ["same " * (SMALL // 5)]):
            await self.client.execute_workflow(
                Pipeline.run,
                args=[records, False],
                id=f"workflow-{uuid.uuid4()}",
                task_queue=self.queue,
            )
        await self.encode()
        await self.watch.scrape(*JOBS)

    async def encode(self) -> None:
        await self.codec.post("/encode", json=body_of([payload(LARGE)]))

    async def lose_objects(self) -> None:
        """Remove one object, damage another, and ask for both."""
        for letter, change in (("m", self.raw.remove), ("d", self._damage)):
            claim = await self.manager.offload(payload(LARGE, letter=letter))
            await change(claim.key)
            with pytest.raises(ClaimCheckError):
                await self.manager.retrieve(claim)

    async def refuse_a_pass(self) -> None:
        with pytest.raises(CollectionRefused):
            await Collector(self.manager, []).run()

    async def stop_the_store(self) -> None:
        self.redis.kill()
        await self.redis.process.wait()
        for _ in range(2):
            with pytest.raises(ClaimCheckError):
                await self.manager.offload(payload(LARGE, letter="x"))
            await self.encode()
            await self.watch.scrape(*JOBS)

    async def _damage(self, key: str) -> None:
        await self.raw.write(key, b"rubbish")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def watch(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Prometheus]:
    folder = tmp_path_factory.mktemp("monitoring")
    async with AsyncExitStack() as stack:
        production = await start(stack, folder)
        for _ in range(3):
            await production.traffic()
        await production.lose_objects()
        await production.refuse_a_pass()
        await production.watch.scrape(*JOBS)
        await production.stop_the_store()
        yield production.watch


async def start(stack: AsyncExitStack, folder: Path) -> Production:
    redis = await stack.enter_async_context(redis_server(folder))
    temporal = await stack.enter_async_context(
        temporal_server(arguments=dynamic_config(SERVER_SETTINGS))
    )
    address = temporal.client.service_client.config.target_host
    (metrics_port,) = free_ports(1)
    runtime = Runtime(
        telemetry=TelemetryConfig(
            metrics=PrometheusConfig(
                bind_address=f"127.0.0.1:{metrics_port}",
                histogram_bucket_overrides=HISTOGRAM_BUCKETS,
            )
        )
    )
    url = f"redis://127.0.0.1:{redis.port}/0"
    settings = Settings.load(
        store=url,
        threshold_bytes=10_000,
        # The small payloads stay in memory, and the large ones are read anew.
        cache_bytes=2 * SMALL,
        connect_timeout_seconds=0.5,
        retry_seconds=0.1,
        redis_may_lose_payloads=True,
    )
    client = await Client.connect(
        address, plugins=[ClaimCheckPlugin(settings=settings)], runtime=runtime
    )
    queue = f"queue-{uuid.uuid4()}"
    await stack.enter_async_context(
        Worker(
            client,
            task_queue=queue,
            workflows=[Pipeline],
            activities=ACTIVITIES,
            activity_executor=stack.enter_context(ThreadPoolExecutor()),
        )
    )
    manager = ClaimCheckManager.from_settings(
        settings, observers=[TemporalMeterObserver(runtime.metric_meter)]
    )
    await stack.enter_async_context(manager)
    environment = {
        "CLAIMCHECK_STORE": url,
        "CLAIMCHECK_REDIS_MAY_LOSE_PAYLOADS": "true",
        "CLAIMCHECK_CONNECT_TIMEOUT_SECONDS": "0.5",
        "CLAIMCHECK_RETRY_SECONDS": "0.1",
        "TEMPORAL_ADDRESS": address,
    }
    await manager.offload(payload(LARGE))
    await collect(environment)
    command = await stack.enter_async_context(serve_command(store=folder, **environment))
    watch = await stack.enter_async_context(
        prometheus(
            folder,
            {
                "workers": f"127.0.0.1:{metrics_port}",
                "server": command.url.removeprefix("http://"),
            },
        )
    )
    return Production(
        client=client,
        manager=manager,
        raw=RawRedis(url),
        redis=redis,
        codec=await stack.enter_async_context(httpx.AsyncClient(base_url=command.url)),
        watch=watch,
        queue=queue,
    )


async def collect(environment: dict[str, str]) -> None:
    """Carry a pass out in a process that ends with it: only the store knows of it then."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "temporal_claimcheck.cli", "gc"),
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


@pytest.mark.asyncio(loop_scope="session")
async def test_every_query_of_the_dashboard_finds_something(watch: Prometheus) -> None:
    assert await watch.finds(*dashboard_queries()) == []


@pytest.mark.asyncio(loop_scope="session")
async def test_every_recorded_series_has_values(watch: Prometheus) -> None:
    assert await watch.finds(*(rule.name for rule in recording_rules())) == []


@pytest.mark.asyncio(loop_scope="session")
async def test_what_went_wrong_is_what_alerts_are_about(watch: Prometheus) -> None:
    by_name = {alert.name: alert for alert in alerts()}
    assert await watch.finds(*(by_name[name].expression for name in PROVOKED)) == []


@pytest.mark.asyncio(loop_scope="session")
async def test_every_other_alert_has_something_to_compare(watch: Prometheus) -> None:
    others = [alert for alert in alerts() if alert.name not in PROVOKED | set(TAKES_LONG)]
    assert others
    assert await watch.finds(*(alert.without_limit for alert in others)) == []
    for name in TAKES_LONG:
        [alert] = [alert for alert in alerts() if alert.name == name]
        # Right at least: an expression that is not fails the test.
        await watch.query(alert.expression)
