"""Zigflow, with all that its workflows need, and what they left behind.

The tests run with two runners. One is the real Zigflow, where it could be built. The other is a
program of ours with the same Go SDK that uses Temporal as Zigflow does, and is there always.
"""

import asyncio
import contextlib
import json
import shutil
import sys
import uuid
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self

from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from temporal_claimcheck import ClaimCheckPlugin
from temporal_claimcheck.testing.servers import free_ports, running, wait_for_port
from tests.interop.workers import BUILT
from tests.temporal.counting import claim_in, payloads_in
from tests.zigflow.example import PYTHON_QUEUE, city_worker

ROOT: Final = Path(__file__).parents[2]
EXAMPLE: Final = ROOT / "examples" / "zigflow"
ZIGFLOW: Final = ROOT / ".zigflow" / "bin" / "zigflow"
STAND_IN: Final = BUILT / "runner"
THRESHOLD_BYTES: Final = 51_200
DEADLOCK: Final = ("TMPRL1101", "otential deadlock")
"""What the Go SDK writes when a workflow holds its thread for more than a second."""
_SECONDS: Final = 180

Runner = Literal["stand-in", "zigflow"]
RUNNERS: Final[tuple[Runner, ...]] = ("stand-in", "zigflow")


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What a run of a workflow left in Temporal."""

    result: Any
    history_bytes: int
    """Size of the history as the server counts it: all runs of a chain."""
    largest_payload_bytes: int
    claims: int
    """Claims in it, each for a payload that is in the store."""
    claimed_bytes: int
    """Size of the payloads that they stand for."""
    runs: int
    """More than one after continue-as-new."""
    failures: tuple[str, ...] = ()
    """Why workflow tasks failed, in order."""


@dataclass(kw_only=True)
class Stand:
    """Zigflow on a Temporal server, with or without a claim check."""

    client: Client
    """A client that reads and writes as Zigflow does."""
    raw: Client
    """A client that sees what Temporal carries."""
    store: Path
    log: Path
    """What Zigflow printed."""
    task_queue: str

    async def start(self, workflow_type: str, value: object = None) -> WorkflowHandle[Any, Any]:
        return await self.client.start_workflow(
            workflow_type, value, id=f"{workflow_type}-{uuid.uuid4()}", task_queue=self.task_queue
        )

    async def run(self, workflow_type: str, value: object = None) -> Trace:
        return await self.trace(await self.start(workflow_type, value))

    async def trace(self, handle: WorkflowHandle[Any, Any]) -> Trace:
        async with asyncio.timeout(_SECONDS):
            result = await handle.result()
        history_bytes, payloads, failures, run_id = 0, list[Payload](), list[str](), ""
        chain = handle.first_execution_run_id
        runs = 0
        while chain:
            each = self.raw.get_workflow_handle(handle.id, run_id=chain)
            description = (await each.describe()).raw_description.workflow_execution_info
            history_bytes += description.history_size_bytes
            history = await each.fetch_history()
            payloads += [payload for event in history.events for payload in payloads_in(event)]
            failures += [
                event.workflow_task_failed_event_attributes.failure.message
                for event in history.events
                if event.HasField("workflow_task_failed_event_attributes")
            ]
            runs += 1
            last = history.events[-1]
            run_id = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
            chain = run_id or None
        claims = [claim for payload in payloads if (claim := claim_in(payload)) is not None]
        return Trace(
            result=result,
            history_bytes=history_bytes,
            largest_payload_bytes=max(payload.ByteSize() for payload in payloads),
            claims=len(claims),
            claimed_bytes=sum(claim.payload_bytes for claim in claims),
            runs=runs,
            failures=tuple(failures),
        )

    async def tasks_done(self, handle: WorkflowHandle[Any, Any]) -> int:
        """Return how many workflow tasks of a run were done."""
        history = await self.raw.get_workflow_handle(handle.id).fetch_history()
        return sum(
            event.HasField("workflow_task_completed_event_attributes") for event in history.events
        )

    async def refusal(self, handle: WorkflowHandle[Any, Any]) -> str:
        """Wait until Temporal refuses what a workflow wants to send; return what it says."""
        raw = self.raw.get_workflow_handle(handle.id)
        async with asyncio.timeout(_SECONDS):
            while True:
                for event in (await raw.fetch_history()).events:
                    for failure in (
                        event.workflow_task_failed_event_attributes.failure,
                        event.workflow_execution_failed_event_attributes.failure,
                    ):
                        if failure.message:
                            return failure.message
                await asyncio.sleep(0.1)

    def objects(self) -> set[Path]:
        """Return the objects in the store."""
        return {file for file in self.store.rglob("*") if file.is_file() and "v1" in file.parts}

    def deadlocks(self) -> list[str]:
        """Return the lines in which Zigflow complains of a workflow that holds its thread."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [line for line in lines if any(sign in line for sign in DEADLOCK)]


def is_built(runner: Runner) -> bool:
    return (ZIGFLOW if runner == "zigflow" else STAND_IN).exists()


@contextlib.asynccontextmanager
async def serve_cities(folder: Path) -> AsyncGenerator[str]:
    """Run the example's HTTP service; return its URL."""
    (port,) = free_ports(1)
    command = (sys.executable, str(EXAMPLE / "city_service.py"), str(port))
    log = folder / "service.log"
    async with running(command, log=log, ready=lambda: wait_for_port(port)):
        yield f"http://127.0.0.1:{port}"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a runner finds what it needs."""

    address: str
    service_url: str
    codec_url: str | None
    """None for a runner without a codec."""
    codec_header: str | None = None
    """A header for the codec server, as in Authorization=Bearer TOKEN."""


@contextlib.asynccontextmanager
async def zigflow(place: Place, *, folder: Path, task_queue: str) -> AsyncGenerator[Path]:
    """Run Zigflow with the golden workflows on a task queue of its own; return its log."""
    health, metrics = free_ports(2)
    workflows = folder / "golden"
    shutil.copytree(EXAMPLE / "golden", workflows)
    queues = {"zigflow": task_queue, PYTHON_QUEUE: python_queue_of(task_queue)}
    for file in workflows.iterdir():
        text = file.read_text()
        for name, own in queues.items():
            text = text.replace(f"taskQueue: {name}\n", f"taskQueue: {own}\n")
        file.write_text(text)
    log = folder / "zigflow.log"
    command = [
        *(str(ZIGFLOW), "run", "--dir", str(workflows), "--disable-telemetry"),
        *("--temporal-address", place.address, "--temporal-namespace", "default"),
        *("--health-listen-address", f"127.0.0.1:{health}"),
        *("--metrics-listen-address", f"127.0.0.1:{metrics}"),
    ]
    if place.codec_url is not None:
        command += ["--convert-data", "remote", "--codec-endpoint", place.codec_url]
    if place.codec_header is not None:
        command += ["--codec-headers", place.codec_header]
    service_url = {"ZIGGY_SERVICE": place.service_url}
    async with running(
        command, log=log, ready=lambda: wait_for_port(health), environment=service_url
    ):
        yield log


@contextlib.asynccontextmanager
async def stand_in(place: Place, *, folder: Path, task_queue: str) -> AsyncGenerator[Path]:
    """Run the stand-in with its workflows on a task queue; return its log."""
    log = folder / "stand-in.log"
    command = [
        *(str(STAND_IN), "-address", place.address, "-task-queue", task_queue),
        *("-service", place.service_url, "-python-queue", python_queue_of(task_queue)),
        *("-codec", place.codec_url or "", "-codec-header", place.codec_header or ""),
    ]

    async def ready() -> None:
        while "ready" not in log.read_text():
            await asyncio.sleep(0.02)

    async with running(command, log=log, ready=ready):
        yield log


@contextlib.asynccontextmanager
async def stand(
    runner: Runner, place: Place, *, folder: Path, store: Path
) -> AsyncGenerator[Stand]:
    """Run a runner and a Python worker for the block; without a codec all is in Temporal."""
    # By the codec's door: a worker without a storage driver refuses what a driver wrote.
    ours = ClaimCheckPlugin(f"file://{store}", door="codec")
    plugins = [] if place.codec_url is None else [ours]
    client = await Client.connect(place.address, plugins=plugins)
    task_queue = f"{runner}-{uuid.uuid4()}"
    run_it = zigflow if runner == "zigflow" else stand_in
    async with (
        run_it(place, folder=folder, task_queue=task_queue) as log,
        Worker(client, task_queue=python_queue_of(task_queue), activities=city_worker.ACTIVITIES),
    ):
        yield Stand(
            client=client,
            raw=await Client.connect(place.address),
            store=store,
            log=log,
            task_queue=task_queue,
        )


def python_queue_of(task_queue: str) -> str:
    return f"{task_queue}-python"


@dataclass(frozen=True, kw_only=True)
class CodecCalls:
    """How long the codec server took, as its log says."""

    seconds: list[float]
    statuses: set[int]

    @classmethod
    def of(cls, lines: Sequence[dict[str, Any]]) -> Self:
        calls = [line for line in lines if line.get("path", "").endswith(("/encode", "/decode"))]
        return cls(
            seconds=sorted(line["seconds"] for line in calls),
            statuses={line["status"] for line in calls},
        )

    def share(self, part: float) -> float:
        """Return the time within which that part of the calls was done."""
        return self.seconds[min(int(len(self.seconds) * part), len(self.seconds) - 1)]


def log_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]
