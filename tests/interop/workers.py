"""Workers and clients in other languages, and a worker in Python beside them."""

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
from tests.interop.table import DoorName, Language
from tests.temporal.counting import payloads_in

ROOT: Final = Path(__file__).parents[2]
BUILT: Final = ROOT / ".interop"
THRESHOLD_BYTES: Final = 51_200
_SECONDS: Final = 120

Role = Literal["worker", "client"]


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
    match language:
        case "python":
            return True
        case "go":
            return (BUILT / "client").exists()
        case "java":
            return (BUILT / "java" / "interop.jar").exists()
        case "typescript":
            return (BUILT / "typescript" / "node_modules").exists()


def program(language: Language, role: Role) -> tuple[str, ...]:
    """Return the command of a language's worker or client; more arguments follow it."""
    match language:
        case "go":
            return (str(BUILT / role),)
        case "java":
            java = BUILT / "java"
            # Two processors are soon busy with its compilers; one stage of them is enough here.
            options = ("-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=info")
            classes = f"{java / 'interop.jar'}:{java / 'lib'}/*"
            return ("java", *options, "-cp", classes, f"interop.Relay{role.capitalize()}")
        case "typescript":
            return ("node", str(BUILT / "typescript" / f"{role}.js"))
        case "python":
            raise AssertionError("Python runs in the process of the tests")


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a process in another language reaches what is stored."""

    door: DoorName
    address: str
    """Of the Temporal server."""
    codec_url: str = ""
    s3: S3Server | None = None

    @property
    def credentials(self) -> dict[str, str]:
        """What the libraries for S3 of every language look for."""
        if self.s3 is None:
            return {}
        return {
            "AWS_ACCESS_KEY_ID": self.s3.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.s3.secret_access_key,
            "AWS_REGION": "us-east-1",
        }

    @property
    def environment(self) -> dict[str, str]:
        here = {"INTEROP_ADDRESS": self.address}
        if self.s3 is None:
            return here | {"INTEROP_CODEC": self.codec_url}
        place = {"INTEROP_BUCKET": self.s3.bucket, "INTEROP_ENDPOINT": self.s3.endpoint}
        return here | place | self.credentials


@contextlib.asynccontextmanager
async def foreign_worker(
    language: Language, way: Way, *, folder: Path, **more: str
) -> AsyncGenerator[str]:
    """Run a worker of another language; return its task queue."""
    task_queue = f"{language}-{uuid.uuid4()}"
    log = folder / f"{language}-{way.door}.log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *program(language, "worker"),
            task_queue,
            env=os.environ | way.environment | more,
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


async def foreign_client(language: Language, way: Way, *arguments: str, text: str = "") -> str:
    """Run a client of another language to its end; return what it wrote."""
    process = await asyncio.create_subprocess_exec(
        *program(language, "client"),
        *arguments,
        env=os.environ | way.environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_SECONDS):
            output, errors = await process.communicate(text.encode())
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, errors.decode()
    return output.decode()


@contextlib.asynccontextmanager
async def python_worker(client: Client) -> AsyncGenerator[str]:
    """Run a worker in Python; return its task queue."""
    task_queue = f"python-{uuid.uuid4()}"
    async with Worker(client, task_queue=task_queue, workflows=[Relay], activities=[upper]):
        yield task_queue


async def relay(
    client: Client, text: str, *, workflow_queue: str, activity_queue: str
) -> WorkflowHandle[Any, str]:
    """Send a text through a workflow on the one queue and an activity on the other."""
    return await client.start_workflow(
        "relay",
        args=[text, activity_queue, "upper"],
        id=f"relay-{uuid.uuid4()}",
        task_queue=workflow_queue,
        result_type=str,
    )


async def result_of(handle: WorkflowHandle[Any, str]) -> str:
    async with asyncio.timeout(_SECONDS):
        return await handle.result()


async def relayed(
    client: Client, text: str, *, workflow_queue: str, activity_queue: str
) -> tuple[str, WorkflowHandle[Any, str]]:
    """Send a text through, and return what came back."""
    queues = {"workflow_queue": workflow_queue, "activity_queue": activity_queue}
    handle = await relay(client, text, **queues)
    return await result_of(handle), handle


async def payloads_of(address: str, workflow_id: str) -> list[Payload]:
    """Return every payload in the history, as Temporal carries it."""
    raw = await Client.connect(address, data_converter=DataConverter.default)
    history = await raw.get_workflow_handle(workflow_id).fetch_history()
    return [payload for event in history.events for payload in payloads_in(event)]
