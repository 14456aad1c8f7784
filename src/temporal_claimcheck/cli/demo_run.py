"""The course of the demo: what is started, in which order, and that all of it is ended."""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from temporalio.client import Client

from temporal_claimcheck.cli.demo_findings import (
    DemoFindings,
    Outcome,
    RecordsFigures,
    RunFindings,
    compression_ratio,
    read_history,
    read_store,
    wait_until_stuck,
)
from temporal_claimcheck.cli.demo_processes import DemoFailed, ExampleScripts, example_folder
from temporal_claimcheck.cli.demo_report import Places, print_json, print_report
from temporal_claimcheck.cli.demo_server import DevServer, dev_server, temporal_binary
from temporal_claimcheck.cli.demo_steps import Steps
from temporal_claimcheck.stores.filesystem import FileSystemStore

__all__ = ["DemoRequest", "run_demo_until_signalled"]

_NAMESPACE: Final = "default"
_NOT_OURS: Final = ("CLAIMCHECK_", "TEMPORAL_", "TASK_QUEUE")
"""Settings of the user's own world, which the demo must not touch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRequest:
    """What the user asked for."""

    input_file: Path | None
    size: str | None
    keep: bool
    as_json: bool


def run_demo_until_signalled(request: DemoRequest) -> int:
    """Run the demo and return the exit code: 0, or 128 and the number of the signal.

    When it returns or raises, everything that it started has ended, and its folder is removed
    unless it is to be kept.
    """
    return asyncio.run(_run_until_signalled(request))


async def _run_until_signalled(request: DemoRequest) -> int:
    demo = asyncio.create_task(_run_demo(request))
    received: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        # Only the first counts: a second Ctrl-C must not break off the ending of processes.
        if not received:
            received.append(number)
            demo.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    try:
        await demo
    except asyncio.CancelledError:
        if not received:
            raise
        return 128 + received[0]
    return 0


async def _run_demo(request: DemoRequest) -> None:
    steps = Steps(Console(stderr=True))
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(_folder(steps, keep=request.keep))
        demo = _Demo(request, folder, steps, stack)
        try:
            findings = await demo.run()
        except DemoFailed:
            steps.say(demo.scripts.log_tail())
            raise
        if request.as_json:
            print_json(findings, demo.places)
        else:
            print_report(findings, demo.places, Console())
        if request.keep:
            steps.say("Press Ctrl-C to stop.", style="bold")
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()


class _Demo:
    """One demo: its folder, its scripts, its server."""

    def __init__(
        self,
        request: DemoRequest,
        folder: Path,
        steps: Steps,
        stack: contextlib.AsyncExitStack,
    ) -> None:
        self._request = request
        self._steps = steps
        self._stack = stack
        self._store_folder = folder / "store"
        self._records_file = folder / "records.json"
        self._log_file = folder / "demo.log"
        self.places: Places | None = None
        self.scripts = ExampleScripts(
            example_folder(), log_file=self._log_file, environment=_environment()
        )

    async def run(self) -> DemoFindings:
        """Run the pipeline twice; what is to be kept runs until the stack is left."""
        records = await self._write_records()
        server = await self._start_server()
        scripts = self.scripts.with_environment(
            TEMPORAL_ADDRESS=server.address,
            TEMPORAL_NAMESPACE=_NAMESPACE,
            CLAIMCHECK_STORE=self._store_folder.as_uri(),
        )
        without = await self._run_without(scripts, server.client)
        with_claims = await self._run_with(scripts, server.client)
        store = FileSystemStore(self._store_folder)
        self._stack.push_async_callback(store.aclose)
        stored = await read_store(store, _NAMESPACE)
        payloads = with_claims.history.payloads if with_claims.history else []
        return DemoFindings(
            records=records,
            without_claim_check=without,
            with_claim_check=with_claims,
            store=stored,
            compression_ratio=compression_ratio(payloads, stored),
        )
