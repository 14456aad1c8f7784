"""A workflow with payloads in many places, in a store of the test's own, and the command on it."""

import asyncio
import contextlib
import io
import json
import os
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from temporal_claimcheck import ClaimCheckPlugin, Settings
from temporal_claimcheck.cli import main
from temporal_claimcheck.temporal.plugin import Door
from tests.gc import rooted

THRESHOLD_BYTES = 1000


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How the command ended, and what it wrote."""

    returncode: int
    stdout_bytes: bytes
    stderr: str

    @property
    def stdout(self) -> str:
        return self.stdout_bytes.decode()


def _run(arguments: Sequence[str]) -> Ran:
    # In this process: starting Python takes longer than most commands do.
    out, error = io.BytesIO(), io.BytesIO()
    with (
        io.TextIOWrapper(out, encoding="utf-8", write_through=True) as stdout,
        io.TextIOWrapper(error, encoding="utf-8", write_through=True) as stderr,
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
    ):
        code = main(arguments)
        return Ran(returncode=code, stdout_bytes=out.getvalue(), stderr=error.getvalue().decode())


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the test looks: a cluster and a store, and `run` for the command."""

    address: str
    url: str
    folder: Path

    @asynccontextmanager
    async def worker(self, door: Door = "driver", **more: Any) -> AsyncGenerator[Client]:
        """Run a worker; give a client that offloads what is above a kilobyte."""
        settings = Settings.load(store=self.url, threshold_bytes=THRESHOLD_BYTES, **more)
        plugin = ClaimCheckPlugin(settings=settings, door=door)
        client = await Client.connect(self.address, plugins=[plugin])
        async with Worker(
            client,
            task_queue=self.url,
            workflows=rooted.WORKFLOWS,
            activities=rooted.ACTIVITIES,
        ):
            yield client

    async def start(
        self, client: Client, run: Any, *args: Any, **more: Any
    ) -> WorkflowHandle[Any, Any]:
        return await client.start_workflow(
            run, args=args, id=f"look-{uuid.uuid4()}", task_queue=self.url, **more
        )

    async def run(self, *arguments: str) -> "Ran":
        """Run the command to its end, beside what else runs on the test's loop."""
        return await asyncio.to_thread(_run, arguments)

    async def json(self, *arguments: str) -> dict[str, Any]:
        run = await self.run(*arguments, "--json")
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)

    async def payloads(self, workflow_id: str, *arguments: str) -> dict[str, dict[str, Any]]:
        """Return what `show` says of each payload of a workflow, by what it is."""
        shown = await self.json("show", workflow_id, *arguments)
        return {each["what"]: each for each in shown["payloads"]}


def clean(monkeypatch: pytest.MonkeyPatch, url: str, address: str | None = None) -> None:
    """Set the store and the cluster for the command, and nothing else."""
    for name in os.environ:
        if name.startswith(("CLAIMCHECK_", "TEMPORAL_")) and "_TEST_" not in name:
            monkeypatch.delenv(name)
    monkeypatch.setenv("CLAIMCHECK_STORE", url)
    monkeypatch.setenv("COLUMNS", "80")
    if address is not None:
        monkeypatch.setenv("TEMPORAL_ADDRESS", address)


def assert_one_line(run: Ran, code: int, *words: str) -> None:
    """Check that a mistake of the user's is one line with these words, and this exit code."""
    assert run.returncode == code, run.stderr
    assert run.stderr.startswith("claimcheck: ")
    assert run.stderr.count("\n") == 1
    assert not run.stdout
    for word in words:
        assert word in run.stderr


def fits(lines: Sequence[str], columns: int = 80) -> bool:
    return max(map(len, lines)) <= columns
