"""Workers in other languages, and one in Python beside them."""

import asyncio
import contextlib
import datetime as dt
import os
import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowHandle
from temporalio.converter import DataConverter
from temporalio.worker import Worker

from temporal_claimcheck.testing.servers import S3Server
from tests.temporal.counting import payloads_in

ROOT: Final = Path(__file__).parents[2]
BUILT: Final = ROOT / ".interop"
THRESHOLD_BYTES: Final = 51_200
_SECONDS: Final = 60

Language = Literal["go", "typescript", "python"]
DoorName = Literal["codec", "s3-driver"]


@activity.defn(name="upper")
async def upper(text: str) -> str:
    return text.upper()


@workflow.defn(name="relay")
class Relay:
    """Hands its input to an activity, wherever that runs, and returns what comes back."""

    @workflow.run
    async def run(self, text: str, task_queue: str, activity_type: str) -> str:
        return await workflow.execute_activity(
            activity_type,
            text,
            task_queue=task_queue,
            result_type=str,
            start_to_close_timeout=dt.timedelta(minutes=1),
        )


def is_built(language: Language) -> bool:
    if language == "go":
        return (BUILT / "worker").exists()
    return language == "python" or (BUILT / "typescript" / "node_modules").exists()


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a worker in another language reaches what is stored."""

    door: DoorName
    codec_url: str = ""
    s3: S3Server | None = None

    @property
    def environment(self) -> dict[str, str]:
        if self.s3 is None:
            return {}
        return {
            "AWS_ACCESS_KEY_ID": self.s3.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.s3.secret_access_key,
            "AWS_REGION": "us-east-1",
        }

    def command(self, language: Language, address: str, task_queue: str) -> list[str]:
        if language == "go":
            where = (
                ["-codec", self.codec_url]
                if self.s3 is None
                else ["-bucket", self.s3.bucket, "-endpoint", self.s3.endpoint]
            )
            here = ["-address", address, "-task-queue", task_queue]
            return [str(BUILT / "worker"), *here, *where]
        where = (
            ["codec", self.codec_url]
            if self.s3 is None
            else ["bucket", self.s3.bucket, self.s3.endpoint]
        )
        return ["node", str(BUILT / "typescript" / "worker.js"), address, task_queue, *where]


@contextlib.asynccontextmanager
async def foreign_worker(
    language: Language, way: Way, *, address: str, folder: Path
) -> AsyncGenerator[str]:
    """Run a worker of another language; return its task queue."""
    task_queue = f"{language}-{uuid.uuid4()}"
    log = folder / f"{language}-{way.door}.log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *way.command(language, address, task_queue),
            env=os.environ | way.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(_SECONDS):
            line = await process.stdout.readline()
        assert line == b"ready\n", log.read_text()
        yield task_queue
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


@contextlib.asynccontextmanager
async def python_worker(client: Client) -> AsyncGenerator[str]:
    """Run a worker in Python; return its task queue."""
    task_queue = f"python-{uuid.uuid4()}"
    async with Worker(client, task_queue=task_queue, workflows=[Relay], activities=[upper]):
        yield task_queue


async def relayed(
    client: Client, text: str, *, workflow_queue: str, activity_queue: str
) -> tuple[str, WorkflowHandle[Any, Any]]:
    """Send a text through a workflow on the one queue and an activity on the other."""
    handle = await client.start_workflow(
        "relay",
        args=[text, activity_queue, "upper"],
        id=f"relay-{uuid.uuid4()}",
        task_queue=workflow_queue,
        result_type=str,
    )
    async with asyncio.timeout(_SECONDS):
        return await handle.result(), handle


async def payloads_of(address: str, handle: WorkflowHandle[Any, Any]) -> list[Payload]:
    """Return every payload in the history, as Temporal carries it."""
    raw = await Client.connect(address, data_converter=DataConverter.default)
    history = await raw.get_workflow_handle(handle.id).fetch_history()
    return [payload for event in history.events for payload in payloads_in(event)]
