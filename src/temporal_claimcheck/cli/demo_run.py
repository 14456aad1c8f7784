"""The course of the demo: what is started, in which order, and that all of it is ended."""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.filesize import decimal

from temporal_claimcheck.cli.demo_findings import (
    DemoFindings,
    RecordsFigures,
    RunFindings,
    compression_ratio,
    read_store,
)
from temporal_claimcheck.cli.demo_pipeline import run_pipeline
from temporal_claimcheck.cli.demo_processes import (
    DemoFailed,
    ExampleScripts,
    example_folder,
)
from temporal_claimcheck.cli.demo_report import (
    Places,
    outcome_text,
    print_json,
    print_report,
)
from temporal_claimcheck.cli.demo_server import DevServer, dev_server, temporal_binary
from temporal_claimcheck.cli.demo_steps import Steps
from temporal_claimcheck.stores.filesystem import FileSystemStore

__all__ = ["DemoRequest", "run_demo_until_signalled"]

_NAMESPACE: Final = "default"
_NOT_OURS: Final = ("CLAIMCHECK_", "TEMPORAL_", "TASK_QUEUE")
"""Settings of the user's own world, which the demo does not touch."""


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
    steps = Steps(Console(stderr=True))
    demo = asyncio.create_task(_run(request, steps))
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
        steps.say("Stopped.")
        return 128 + received[0]
    return 0


async def _run(request: DemoRequest, steps: Steps) -> None:
    with _folder(steps, keep=request.keep) as folder:
        scripts = ExampleScripts(
            example_folder(), log_file=folder / "demo.log", environment=_environment()
        )
        try:
            await _run_in(folder, scripts, request, steps)
        except DemoFailed:
            steps.say(scripts.log_tail())
            raise


async def _run_in(
    folder: Path, scripts: ExampleScripts, request: DemoRequest, steps: Steps
) -> None:
    records_file, store_folder = folder / "records.json", folder / "store"
    with steps.step("Reading the records") as step:
        records = RecordsFigures(
            **await scripts.write_records(
                records_file, input_file=request.input_file, size=request.size
            )
        )
        step.outcome = f"Read {records.record_count:,} records, {decimal(records.size_bytes)}"

    async with contextlib.AsyncExitStack() as stack:
        server = await _start_server(stack, steps, web_ui=request.keep)
        scripts = scripts.with_environment(
            TEMPORAL_ADDRESS=server.address,
            TEMPORAL_NAMESPACE=_NAMESPACE,
            CLAIMCHECK_STORE=store_folder.as_uri(),
        )
        async with contextlib.AsyncExitStack() as first_run:
            without = await _run_pipeline(
                first_run,
                steps,
                scripts.with_environment(CLAIMCHECK_ENABLED="false"),
                server,
                records_file,
                name="without",
            )
        with_claims = await _run_pipeline(stack, steps, scripts, server, records_file, name="with")
        if with_claims.outcome != "completed":
            raise DemoFailed(
                f"The pipeline did not get through with the claim check:"
                f" {with_claims.temporal_said}",
                remedy="Look at the last lines above.",
            )
        findings = await _findings(records, without, with_claims, store_folder)
        places = _places(server, with_claims, folder) if request.keep else None
        if request.as_json:
            print_json(findings, places)
        else:
            print_report(findings, places, Console())
        if request.keep:
            steps.say("Press Ctrl-C to stop.")
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()


async def _start_server(
    stack: contextlib.AsyncExitStack, steps: Steps, *, web_ui: bool
) -> DevServer:
    binary = temporal_binary()
    what = "Starting a Temporal dev server"
    if binary is None:
        what += " (downloading it first: no `temporal` command was found)"
    with steps.step(what) as step:
        server = await stack.enter_async_context(dev_server(binary=binary, web_ui=web_ui))
        step.outcome = f"Temporal dev server on {server.address}"
    return server


async def _run_pipeline(
    stack: contextlib.AsyncExitStack,
    steps: Steps,
    scripts: ExampleScripts,
    server: DevServer,
    records_file: Path,
    *,
    name: str,
) -> RunFindings:
    """Run the pipeline with a worker that lives as long as the stack."""
    title = f"{name.capitalize()} the claim check"
    with steps.step(f"{title}: starting a worker") as step:
        worker = await stack.enter_async_context(scripts.worker())
        step.update(f"{title}: running the pipeline")
        findings = await run_pipeline(
            scripts,
            worker=worker,
            client=server.client,
            records_file=records_file,
            workflow_id=f"demo-{name}",
        )
        step.went_wrong = findings.outcome != "completed"
        step.outcome = f"{title}: {outcome_text(findings.outcome)}"
    return findings


async def _findings(
    records: RecordsFigures,
    without: RunFindings,
    with_claims: RunFindings,
    store_folder: Path,
) -> DemoFindings:
    store = FileSystemStore(store_folder)
    try:
        stored = await read_store(store, _NAMESPACE)
    finally:
        await store.aclose()
    payloads = with_claims.history.payloads if with_claims.history else []
    return DemoFindings(
        records=records,
        without_claim_check=without,
        with_claim_check=with_claims,
        store=stored,
        compression_ratio=compression_ratio(payloads, stored),
    )


def _places(server: DevServer, run: RunFindings, folder: Path) -> Places:
    return Places(
        web_ui=f"{server.web_ui}/namespaces/{_NAMESPACE}/workflows/{run.workflow_id}",
        temporal_address=server.address,
        store_folder=folder / "store",
        log_file=folder / "demo.log",
        example_folder=example_folder(),
    )


def _environment() -> dict[str, str]:
    """Return this process's environment without settings that would lead elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)}
    # An installed package's folder gets no compiled files that nobody would uninstall.
    return kept | {"PYTHONDONTWRITEBYTECODE": "1"}


@contextlib.contextmanager
def _folder(steps: Steps, *, keep: bool) -> Generator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="claimcheck-demo-"))
    try:
        yield folder
    finally:
        if keep:
            steps.say(f"The store and the log stay in {folder}")
        else:
            shutil.rmtree(folder)
