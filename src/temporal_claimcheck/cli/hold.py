"""`claimcheck hold`: keep objects, whatever Temporal refers to."""

import asyncio
import datetime as dt
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from temporal_claimcheck.clock import utc_now
from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.gc.holds import Hold, Holds
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.settings import Settings

__all__ = ["hold"]

T = TypeVar("T")

hold = typer.Typer(help="Keep objects, whatever Temporal refers to.", no_args_is_help=True)


@hold.command()
def add(
    *,
    key: Annotated[str | None, typer.Option(help="Keep one object, named by its key.")] = None,
    day: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Keep all that a namespace stored on a day."),
    ] = None,
    workflow_id: Annotated[
        str | None, typer.Option(help="Keep what a workflow's runs refer to, also after them.")
    ] = None,
    namespace: Annotated[str, typer.Option(help="Namespace of the day or workflow.")] = "default",
    reason: Annotated[str, typer.Option(help="Why, for who finds the hold later.")] = "",
) -> None:
    """Place a hold on an object, a day, or a workflow; collection and erasure honour it.

    `claimcheck hold add --workflow-id order-17 --reason "audit 2026"`
    """

    async def place(manager: ClaimCheckManager) -> Hold:
        return await Holds(manager.ledger).place(
            reason=reason,
            now=utc_now(),
            key=key,
            namespace=None if key else namespace,
            day=day.date() if day else None,
            workflow_id=workflow_id,
        )

    placed = asyncio.run(_with_manager(place))
    typer.echo(f"{placed.id} keeps {placed.what}.")


@hold.command("list")
def list_holds(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print a JSON document.")] = False
) -> None:
    """Show the holds."""
    holds = asyncio.run(_with_manager(lambda manager: Holds(manager.ledger).list()))
    if as_json:
        sys.stdout.write(f"{json.dumps([{'id': each.id, **each.dump()} for each in holds])}\n")
        return
    if not holds:
        typer.echo("There are no holds.")
        return
    table = Table("hold", "since", "keeps", "reason", box=box.SIMPLE_HEAD, pad_edge=False)
    for each in holds:
        table.add_row(each.id, f"{each.created:%Y-%m-%d}", each.what, each.reason)
    Console().print(table)


@hold.command()
def remove(
    hold_id: Annotated[str, typer.Argument(metavar="HOLD", help="As `hold list` shows it.")],
) -> None:
    """Remove a hold."""
    if not asyncio.run(_with_manager(lambda manager: Holds(manager.ledger).remove(hold_id))):
        raise InvalidSettings(
            f"There is no hold {hold_id}.", remedy="`claimcheck hold list` shows them."
        )
    typer.echo(f"{hold_id} is removed.")


async def _with_manager(work: Callable[[ClaimCheckManager], Awaitable[T]]) -> T:
    async with ClaimCheckManager.from_settings(Settings.load()) as manager:
        return await work(manager)
