"""Starts all that the golden workflows need, with one command; nothing is left running.

    python run_everything.py                          serve until Ctrl-C
    python run_everything.py claimcheck-fork ...      run these workflows, say what came of it, end

Started are Temporal's dev server with its Web UI, SeaweedFS as the bucket, `claimcheck serve`, the
HTTP service, the Python worker, and Zigflow. Each is on a port of its own that was free. Where
Zigflow is not built, the stand-in of the project's tests runs the same workflows and this says so;
where that is not built either, everything else runs and waits.
"""

import argparse
import asyncio
import contextlib
import functools
import json
import os
import re
import signal
import sys
import tempfile
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

import city_worker
from temporal_claimcheck import ClaimCheckPlugin
from temporal_claimcheck.testing.servers import (
    find_program,
    free_ports,
    running,
    seaweedfs,
    wait_for_port,
)

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
ZIGFLOW = PROJECT / ".zigflow" / "bin" / "zigflow"
STAND_IN = PROJECT / ".interop" / "runner"
TASK_QUEUE = "zigflow"
BUCKET = "claims"
ASK_AGAIN_SECONDS = 0.05
SHOWN = 200
"""Characters of a result that are printed; of a longer one only how long it is."""


Ready = Callable[[Path], Awaitable[None]]
"""Waits until a program is ready; is given its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where everything is."""

    temporal: str
    web_ui: str
    codec_server: str
    service: str
    bucket: str
    logs: Path
    runner: str
    """What runs the workflows."""
    runs: bool
    """False if nothing does."""

    def __str__(self) -> str:
        return "\n".join(
            f"{name:<13} {place}"
            for name, place in (
                ("Temporal", self.temporal),
                ("Web UI", self.web_ui),
                ("Codec server", self.codec_server),
                ("HTTP service", self.service),
                ("Bucket", self.bucket),
                ("Workflows by", self.runner),
                ("Logs", self.logs),
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """A program that runs the golden workflows."""

    name: str
    command: Sequence[str]
    ready: Ready


async def printed(log: Path, word: str) -> None:
    """Return when a program has printed the word."""
    text = functools.partial(log.read_text, errors="replace")
    while word not in await asyncio.to_thread(text):  # noqa: ASYNC110  # another process prints it
        await asyncio.sleep(ASK_AGAIN_SECONDS)


async def has_namespace(temporal: str) -> None:
    """Return when the dev server answers for its namespace."""
    await wait_for_port(int(temporal.rpartition(":")[2]))
    client = await Client.connect(temporal, lazy=True)
    request = DescribeNamespaceRequest(namespace="default")
    while True:
        try:
            await client.workflow_service.describe_namespace(request)
        except RPCError:
            await asyncio.sleep(ASK_AGAIN_SECONDS)
        else:
            return


def find_runner(temporal: str, codec_server: str, service: str) -> Runner | None:
    """Return Zigflow, or what stands in for it, or None if neither is built."""
    if ZIGFLOW.exists():
        health, metrics = free_ports(2)
        command = (
            *(str(ZIGFLOW), "run", "--dir", str(HERE / "golden"), "--disable-telemetry"),
            *("--temporal-address", temporal, "--temporal-namespace", "default"),
            *("--convert-data", "remote", "--codec-endpoint", codec_server),
            *("--health-listen-address", f"127.0.0.1:{health}"),
            *("--metrics-listen-address", f"127.0.0.1:{metrics}"),
        )
        return Runner(name="Zigflow", command=command, ready=lambda _: wait_for_port(health))
    if STAND_IN.exists():
        command = (
            *(str(STAND_IN), "-address", temporal, "-task-queue", TASK_QUEUE),
            *("-service", service, "-python-queue", city_worker.TASK_QUEUE),
            *("-codec", codec_server),
        )
        name = "the stand-in of the tests, as Zigflow is missing: install.sh builds it"
        return Runner(name=name, command=command, ready=lambda log: printed(log, "ready"))
    return None


@contextlib.asynccontextmanager
async def everything(folder: Path) -> AsyncGenerator[Places]:
    """Run it all for the block."""
    async with contextlib.AsyncExitStack() as stack:

        async def run(name: str, command: Sequence[str], ready: Ready) -> None:
            log = folder / f"{name}.log"
            await stack.enter_async_context(running(command, log=log, ready=lambda: ready(log)))

        python = sys.executable
        s3 = await stack.enter_async_context(seaweedfs(folder, bucket=BUCKET))
        frontend, ui, codec, cities = free_ports(4)
        temporal = f"127.0.0.1:{frontend}"
        web_ui, codec_server, service = (f"http://127.0.0.1:{each}" for each in (ui, codec, cities))
        # For this process, and for all that it starts from here on.
        os.environ |= {
            "AWS_ACCESS_KEY_ID": s3.access_key_id,
            "AWS_SECRET_ACCESS_KEY": s3.secret_access_key,
            "CLAIMCHECK_STORE": f"s3://{BUCKET}",
            "CLAIMCHECK_S3_ENDPOINT": s3.endpoint,
            "TEMPORAL_ADDRESS": temporal,
            "ZIGGY_SERVICE": service,
        }
        await run(
            "codec-server",
            (python, "-m", "temporal_claimcheck.cli", "serve", f"--port={codec}"),
            lambda _: wait_for_port(codec),
        )
        await run(
            "temporal",
            (
                *(find_program("temporal"), "server", "start-dev", "--log-level", "error"),
                *("--ip", "127.0.0.1", "--port", str(frontend), "--ui-port", str(ui)),
                *("--ui-codec-endpoint", codec_server),
            ),
            lambda _: has_namespace(temporal),
        )
        await run(
            "service",
            (python, str(HERE / "city_service.py"), str(cities)),
            lambda _: wait_for_port(cities),
        )
        await run(
            "worker",
            (python, str(HERE / "city_worker.py")),
            lambda log: printed(log, "Worker ready"),
        )
        runner = find_runner(temporal, codec_server, service)
        if runner is not None:
            await run("runner", runner.command, runner.ready)
        yield Places(
            temporal=temporal,
            web_ui=web_ui,
            codec_server=codec_server,
            service=service,
            bucket=f"s3://{BUCKET} at {s3.endpoint}",
            logs=folder,
            runner="nothing: Zigflow is missing, install.sh builds it"
            if runner is None
            else runner.name,
            runs=runner is not None,
        )


async def run_workflow(client: Client, workflow_type: str) -> str:
    """Run one to its end; return what came of it."""
    handle = await client.start_workflow(
        workflow_type, {}, id=f"{workflow_type}-{uuid.uuid4()}", task_queue=TASK_QUEUE
    )
    result = json.dumps(await handle.result(), ensure_ascii=False)
    size = (await handle.describe()).raw_description.workflow_execution_info.history_size_bytes
    shown = result if len(result) <= SHOWN else f"{len(result):,} characters"
    return f"{workflow_type}: {shown}, with a history of {size:,} bytes"


async def main(workflow_types: Sequence[str]) -> int:
    # As with Ctrl-C: what was started is stopped on the way out.
    if (task := asyncio.current_task()) is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with tempfile.TemporaryDirectory(prefix="zigflow-") as folder:
        async with everything(Path(folder)) as places:
            print(places, flush=True)
            if not workflow_types:
                print("Ctrl-C ends it all.", flush=True)
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
                return 0
            if not places.runs:
                print("error: there is nothing here that runs workflows", file=sys.stderr)
                return 1
            client = await Client.connect(places.temporal, plugins=[ClaimCheckPlugin(door="codec")])
            for workflow_type in workflow_types:
                print(await run_workflow(client, workflow_type), flush=True)
    return 0


def golden() -> list[str]:
    """Return the types of the workflows in the YAML files."""
    files = sorted((HERE / "golden").iterdir())
    return [re.findall(r"workflowType: (\S+)", file.read_text())[0] for file in files]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Start all that the golden workflows need.")
    parser.add_argument(
        "workflow_type",
        nargs="*",
        metavar="WORKFLOW_TYPE",
        help=f"run it on the input {{}}, and end; serve without any: {', '.join(golden())}",
    )
    types: list[str] = parser.parse_args().workflow_type
    for unknown in set(types) - set(golden()):
        parser.error(f"there is no golden workflow {unknown}")
    sys.exit(asyncio.run(main(types)))
