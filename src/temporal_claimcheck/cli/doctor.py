"""`claimcheck doctor`: everything that can be wrong with a set-up, and what to do about it."""

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from temporal_claimcheck.doctor.findings import Report

__all__ = ["doctor"]

_SICK = 1


def doctor(  # each is an option
    *,
    codec_endpoint: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The codec server, as the Web UI has it."),
    ] = None,
    web_ui_origin: Annotated[
        str | None,
        typer.Option(metavar="ORIGIN", help="Scheme and host of the Web UI that calls it."),
    ] = None,
    profile: Annotated[
        list[str] | None,
        typer.Option(
            "--profile",
            metavar="NAME",
            help="Profile of Temporal's configuration, once for each cluster that uses the store.",
        ),
    ] = None,
    runs_end_within: Annotated[
        int | None,
        typer.Option(
            metavar="DAYS",
            min=1,
            help="Your word on how long runs without an execution timeout live, at most.",
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, help="Time for each check.")
    ] = 15.0,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings exit with 1 too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON document.")] = False,
) -> None:
    """Look for what is wrong with the set-up, and say what to do. Exits 1 if an error was found.

    Writes one small object to the store, reads it and deletes it; changes nothing else.

    Example: `claimcheck doctor --codec-endpoint http://localhost:8081`
    """
    from temporal_claimcheck.cli.doctor_report import document_of, print_report  # noqa: PLC0415
    from temporal_claimcheck.doctor.examination import examine  # noqa: PLC0415
    from temporal_claimcheck.doctor.findings import Severity  # noqa: PLC0415
    from temporal_claimcheck.doctor.request import Request  # noqa: PLC0415

    request = Request(
        codec_endpoint=codec_endpoint,
        web_ui_origin=web_ui_origin,
        profiles=tuple(profile or ()),
        runs_end_within=None if runs_end_within is None else timedelta(days=runs_end_within),
        seconds=timeout,
    )
    # What stores and settings would log stands in the report, with its remedy.
    logging.getLogger("temporal_claimcheck").addHandler(logging.NullHandler())
    with _progress() as progress:
        report: Report = asyncio.run(examine(request, progress=progress))
    if as_json:
        document: dict[str, Any] = document_of(report)
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        print_report(report, Console())
    if report.has(Severity.ERROR) or (strict and report.has(Severity.WARNING)):
        raise typer.Exit(_SICK)


@contextmanager
def _progress() -> Generator[Callable[[str], None]]:
    """Tell on stderr what is looked at, where somebody watches."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("looking ...") as status:
        yield lambda title: status.update(f"looking at {title} ...")
