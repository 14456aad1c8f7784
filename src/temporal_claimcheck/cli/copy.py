"""`claimcheck copy`: what one store holds to another."""

import asyncio
import datetime as dt
import json
import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from temporal_claimcheck.copying.copier import Copier
    from temporal_claimcheck.copying.plan import Selection
    from temporal_claimcheck.copying.report import CopyReport

__all__ = ["copy"]

_NOT_COMPLETE = 1


def copy(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SRC", help="Store to read: a URL, or @FILE with the settings that name it."
        ),
    ],
    destination: Annotated[
        str, typer.Argument(metavar="DST", help="Store to write to: a URL, or @FILE.")
    ],
    *,
    since: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DAY", help="Only this UTC day and later ones."),
    ] = None,
    until: Annotated[
        dt.datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], metavar="DAY", help="Only this UTC day and earlier ones."
        ),
    ] = None,
    namespace: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only what this namespace stored.")
    ] = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Also read what is there already, not only its size."),
    ] = False,
    at_once: Annotated[
        int, typer.Option(metavar="NUMBER", min=1, help="Objects on their way at a time.")
    ] = 32,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be copied; write nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON document.")] = False,
) -> None:
    """Copy stored objects to another store, verified. Run it again and it goes on.

    `claimcheck copy file:///var/lib/claims s3://claims/prod`

    Exits 1 if an object could not be copied. Nothing is deleted at the source.
    """
    from temporal_claimcheck.cli.copy_report import print_report  # noqa: PLC0415
    from temporal_claimcheck.copying.plan import Selection  # noqa: PLC0415

    selection = Selection(
        namespace=namespace, since=since and since.date(), until=until and until.date()
    )
    report, received = asyncio.run(
        _until_signalled(
            source, destination, selection, verify=verify, at_once=at_once, dry_run=dry_run
        )
    )
    if as_json:
        sys.stdout.write(json.dumps(report.dump(), indent=2) + "\n")
    else:
        print_report(report, Console())
    if received is not None:
        raise typer.Exit(128 + received)
    if not report.is_complete:
        raise typer.Exit(_NOT_COMPLETE)


async def _until_signalled(
    source: str,
    destination: str,
    selection: "Selection",
    *,
    verify: bool,
    at_once: int,
    dry_run: bool,
) -> "tuple[CopyReport, signal.Signals | None]":
    """Copy until it is done or a signal comes; return what was done, and the signal."""
    from temporal_claimcheck.cli.copy_report import CopyProgress  # noqa: PLC0415
    from temporal_claimcheck.copying.copier import Copier  # noqa: PLC0415
    from temporal_claimcheck.copying.places import open_places  # noqa: PLC0415

    places = open_places(source, destination)
    try:
        with CopyProgress(Console(stderr=True)) as progress:
            copier = Copier(
                places.source,
                places.destination,
                selection,
                names=places.names,
                keys=places.keys,
                policy=places.policy,
                verify=verify,
                dry_run=dry_run,
                at_once=at_once,
                max_bytes_in_flight=places.max_bytes_in_flight,
                progress=progress.show,
            )
            received = await _unless_signalled(copier)
    finally:
        await places.aclose()
    return copier.report, received


async def _unless_signalled(copier: "Copier") -> signal.Signals | None:
    copying = asyncio.create_task(copier.run())
    received: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        received.append(number)
        copying.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    try:
        await copying
    except asyncio.CancelledError:
        if not received:
            raise
        # What was on its way is stored whole or not at all.
        return received[0]
    return None
