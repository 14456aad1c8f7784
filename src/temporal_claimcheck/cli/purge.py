"""`claimcheck purge`: erase what only one workflow refers to."""

import asyncio
import dataclasses
import json
import sys
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from temporal_claimcheck.cli.collecting import Collecting, collecting
from temporal_claimcheck.cli.gc import AsJson, Profiles
from temporal_claimcheck.gc.purge import Eraser, PurgeReport

__all__ = ["purge"]


def purge(
    *,
    workflow_id: Annotated[str, typer.Option(help="Workflow whose payloads are to go.")],
    namespace: Annotated[str, typer.Option(help="Namespace of the workflow.")] = "default",
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete; without it, only tell.")
    ] = False,
    profiles: Profiles = None,
    as_json: AsJson = False,
) -> None:
    """Erase what only one closed workflow refers to, and list what is shared.

    `claimcheck purge --workflow-id order-17 --delete`

    What others refer to as well stays, and so does what was stored within the last two days:
    run it again then. Exit codes are those of `claimcheck gc`.
    """
    tools = collecting(profiles)
    report = asyncio.run(_purge(tools, namespace, workflow_id, delete=delete))
    if as_json:
        sys.stdout.write(f"{json.dumps(dataclasses.asdict(report))}\n")
        return
    _show(report, deleted=delete)


async def _purge(
    tools: Collecting, namespace: str, workflow_id: str, *, delete: bool
) -> PurgeReport:
    async with tools.manager() as manager:
        with tools.progress() as progress:
            eraser = Eraser(
                manager,
                await tools.clusters(manager),
                namespace=namespace,
                workflow_id=workflow_id,
                rules=tools.rules,
                at_once=tools.settings.at_once,
            )
            return await eraser.run(delete=delete, progress=progress)


def _show(report: PurgeReport, *, deleted: bool) -> None:
    groups = {
        "deleted" if deleted else "only this workflow": report.alone,
        "shared, stays": report.shared,
        "held, stays": report.held,
        "too young, stays": report.young,
        "not there": report.missing,
    }
    table = Table("what", "key", box=box.SIMPLE_HEAD, pad_edge=False)
    for what, keys in groups.items():
        for key in keys:
            table.add_row(what, key, style="bold red" if keys is report.alone else None)
    console = Console()
    if table.rows:
        console.print(table)
    console.print(f"{report.runs:,} runs refer to {sum(map(len, groups.values())):,} objects.")
    if report.young:
        console.print("Run it again when the days of the young ones ended 48 hours ago.")
    if report.alone and not deleted:
        console.print(f"Nothing was deleted. --delete deletes {len(report.alone):,}.")
