"""The real Zigflow, with all that its workflows need, and what they left behind."""

import asyncio
import contextlib
import json
import shutil
import sys
import uuid
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from examples.zigflow import worker as example_worker
from temporal_claimcheck import ClaimCheckPlugin
from temporal_claimcheck.testing.servers import free_ports, running, wait_for_port
from tests.temporal.counting import claim_in, payloads_in

ROOT: Final = Path(__file__).parents[2]
EXAMPLE: Final = ROOT / "examples" / "zigflow"
ZIGFLOW: Final = ROOT / ".zigflow" / "bin" / "zigflow"
TASK_QUEUE: Final = "zigflow"
THRESHOLD_BYTES: Final = 51_200
DEADLOCK: Final = ("TMPRL1101", "otential deadlock")
"""What the Go SDK writes when a workflow holds its thread for more than a second."""
_SECONDS: Final = 120


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

    def objects(self) -> set[Path]:
        """Return the objects in the store."""
        return {file for file in self.store.rglob("*") if file.is_file() and "v1" in file.parts}

    def deadlocks(self) -> list[str]:
        """Return the lines in which Zigflow complains of a workflow that holds its thread."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [line for line in lines if any(sign in line for sign in DEADLOCK)]


def is_installed() -> bool:
    return ZIGFLOW.exists()


def python_queue_of(task_queue: str) -> str:
    return f"{task_queue}-python"


@contextlib.asynccontextmanager
async def service(folder: Path) -> AsyncGenerator[str]:
    """Run the example's HTTP service; return its URL."""
    (port,) = free_ports(1)
    command = (sys.executable, str(EXAMPLE / "service.py"), str(port))
    log = folder / "service.log"
    async with running(command, log=log, ready=lambda: wait_for_port(port)):
        yield f"http://127.0.0.1:{port}"


@contextlib.asynccontextmanager
async def zigflow(
    address: str,
    *,
    folder: Path,
    service_url: str,
    codec_url: str | None,
    task_queue: str,
    arguments: Sequence[str] = (),
) -> AsyncGenerator[Path]:
    """Run Zigflow with the golden workflows on a task queue of its own; return its log."""
    health, metrics = free_ports(2)
    workflows = folder / "golden"
    shutil.copytree(EXAMPLE / "golden", workflows)
    for file in workflows.iterdir():
        text = file.read_text()
        for name, own in (
            (TASK_QUEUE, task_queue),
            (example_worker.TASK_QUEUE, python_queue_of(task_queue)),
        ):
            text = text.replace(f"taskQueue: {name}\n", f"taskQueue: {own}\n")
        file.write_text(text)
    log = folder / "zigflow.log"
    command = [
        *(str(ZIGFLOW), "run", "--dir", str(workflows), "--disable-telemetry"),
        *("--temporal-address", address, "--temporal-namespace", "default"),
        *("--health-listen-address", f"127.0.0.1:{health}"),
        *("--metrics-listen-address", f"127.0.0.1:{metrics}"),
        *arguments,
    ]
    if codec_url is not None:
        command += ["--convert-data", "remote", "--codec-endpoint", codec_url]
    async with running(
        command,
        log=log,
        ready=lambda: wait_for_port(health),
        environment={"ZIGGY_SERVICE": service_url},
    ):
        yield log


@contextlib.asynccontextmanager
async def stand(
    address: str,
    *,
    folder: Path,
    store: Path,
    service_url: str,
    codec_url: str | None,
    arguments: Sequence[str] = (),
) -> AsyncGenerator[Stand]:
    """Run Zigflow and a Python worker for the block; without a codec server all is in Temporal."""
    plugins = [] if codec_url is None else [ClaimCheckPlugin(f"file://{store}")]
    client = await Client.connect(address, plugins=plugins)
    task_queue = f"{TASK_QUEUE}-{uuid.uuid4()}"
    async with (
        zigflow(
            address,
            folder=folder,
            service_url=service_url,
            codec_url=codec_url,
            task_queue=task_queue,
            arguments=arguments,
        ) as log,
        Worker(
            client,
            task_queue=python_queue_of(task_queue),
            activities=example_worker.ACTIVITIES,
        ),
    ):
        yield Stand(
            client=client,
            raw=await Client.connect(address),
            store=store,
            log=log,
            task_queue=task_queue,
        )


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
