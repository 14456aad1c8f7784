"""`claimcheck gc`: collect what nothing refers to any more."""

import asyncio
import json
import sys
from typing import Annotated

import typer
from rich.console import Console

from temporal_claimcheck.cli.collecting import Collecting, collecting
from temporal_claimcheck.cli.gc_metrics import metered_runtime
from temporal_claimcheck.cli.gc_tables import reports_table, shelves_table, summary
from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.gc.collector import Collector
from temporal_claimcheck.gc.figures import LatestPass
from temporal_claimcheck.gc.passes import Passes
from temporal_claimcheck.gc.report import PassReport
from temporal_claimcheck.gc.roots.connecting import connect_home
from temporal_claimcheck.gc.scheduling import SCHEDULE_ID, install_schedule, run_worker
from temporal_claimcheck.gc.steps import Steps
from temporal_claimcheck.gc.workflow import TASK_QUEUE
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.metrics.temporal_meter import TemporalMeterObserver
from temporal_claimcheck.registry import Registered

__all__ = ["gc"]

Profiles = Annotated[
    list[str] | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="Profile of Temporal's configuration, once for each cluster that uses the store.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print a JSON document.")]


def gc(  # each is an option
    *,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete what two passes a day apart have condemned.")
    ] = False,
    profiles: Profiles = None,
    reports: Annotated[
        bool, typer.Option("--reports", help="Show what earlier passes found, and end.")
    ] = False,
    retire_namespace: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:ID]",
            help="Forget a namespace that is gone for good, so that no pass looks for it.",
        ),
    ] = None,
    even_if_nothing_is_referenced: Annotated[
        bool,
        typer.Option(
            "--delete-even-if-nothing-is-referenced",
            help="Believe it when Temporal holds no claim at all.",
        ),
    ] = False,
    schedule: Annotated[
        bool,
        typer.Option("--schedule", help="Install a daily pass as a schedule of the first cluster."),
    ] = False,
    worker: Annotated[
        bool, typer.Option("--worker", help="Run the worker that carries scheduled passes out.")
    ] = False,
    metrics_address: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT", help="Where the worker serves its metrics to Prometheus."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find what nothing in Temporal refers to, and with `--delete` delete it.

    Run it once a day: `claimcheck gc --delete`. An object goes when its day ended 48 hours ago
    and two passes, 24 hours apart, found nothing that refers to it.

    Exit codes: 0 the pass is complete, 1 it could not see everything, 3 a rule forbids it and
    somebody has to look, 4 another collector is at work.
    """
    tools = collecting(profiles, may_be_unreferenced=even_if_nothing_is_referenced)
    if schedule:
        asyncio.run(_schedule(tools, delete=delete))
        return
    if worker:
        asyncio.run(_work(tools, metrics_address))
        return
    work = asyncio.run(
        _gc(
            tools,
            delete=delete,
            reports=reports,
            retire=retire_namespace,
        )
    )
    if isinstance(work, PassReport):
        _show_pass(work, deleted=delete, as_json=as_json)
    elif work is not None:
        _show_reports(work, as_json=as_json)


async def _gc(
    tools: Collecting, *, delete: bool, reports: bool, retire: str | None
) -> PassReport | list[PassReport] | None:
    async with tools.manager() as manager:
        if reports:
            return await Passes(manager.ledger).reports()
        if retire is not None:
            await _retire(manager, retire)
            return None
        with tools.progress() as progress:
            clusters = await tools.clusters(manager)
            collector = Collector(
                manager, clusters, rules=tools.rules, at_once=tools.settings.at_once
            )
            return await collector.run(delete=delete, progress=progress)


async def _schedule(tools: Collecting, *, delete: bool) -> None:
    client = await connect_home(tools.settings.profiles)
    await install_schedule(client, delete=delete)
    typer.echo(
        f"Schedule {SCHEDULE_ID} in namespace {client.namespace} runs a pass every day"
        f"{' and deletes' if delete else ', as a dry run'}. "
        "Run `claimcheck gc --worker` to carry it out."
    )


async def _work(tools: Collecting, metrics_address: str | None) -> None:
    runtime = None if metrics_address is None else metered_runtime(metrics_address)
    client = await connect_home(tools.settings.profiles, runtime=runtime)
    async with tools.manager() as manager:
        if runtime is not None:
            observer = TemporalMeterObserver(runtime.metric_meter)
            manager = manager.observed_by(observer)  # noqa: PLW2901 - the store stays the first's
            await LatestPass(manager, observer).tell()
        clusters = await tools.clusters(manager)
        steps = Steps(manager, clusters, rules=tools.rules, at_once=tools.settings.at_once)
        typer.echo(f"Collecting {manager.store.name} on task queue {TASK_QUEUE}.")
        await run_worker(client, steps)


async def _retire(manager: ClaimCheckManager, text: str) -> None:
    name, _, namespace_id = text.partition(":")
    entries = await manager.registry.registered()
    wanted = Registered(namespace=name, namespace_id=namespace_id or None)
    if wanted not in entries:
        known = ", ".join(
            f"{each.namespace}:{each.namespace_id}" if each.namespace_id else each.namespace
            for each in entries
        )
        raise InvalidSettings(
            f"No namespace {text} has registered in this store.",
            remedy=f"Registered are: {known or 'none'}.",
        )
    await manager.registry.retire(wanted)
    typer.echo(f"{text} is forgotten. If something writes there again, it registers again.")


def _show_pass(report: PassReport, *, deleted: bool, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(f"{json.dumps(report.dump())}\n")
        return
    console = Console()
    console.print(shelves_table(report))
    console.print(summary(report, deleted=deleted))


def _show_reports(reports: list[PassReport], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(f"{json.dumps([report.dump() for report in reports])}\n")
        return
    Console().print(reports_table(reports))
