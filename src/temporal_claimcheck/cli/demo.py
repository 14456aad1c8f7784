"""`claimcheck demo`: the same pipeline without and with the claim check, on a real server."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["demo"]


def demo(
    *,
    input_file: Annotated[
        Path | None,
        typer.Option(
            "--input",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            readable=True,
            resolve_path=True,
            help="Your own records: JSON, JSON lines or CSV. Without it: cities of the world.",
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="How much data, such as 10MB. Cuts or repeats the records to reach it."
            " Cities: 10MB unless you say more; a file: all of it.",
        ),
    ] = None,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep",
            help="Leave Temporal, its Web UI and the store running to look around, until Ctrl-C.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report as one JSON document.")
    ] = False,
) -> None:
    """Run a pipeline on data too large for Temporal: without the claim check, then with it.

    Starts a Temporal dev server, a worker and a folder store of its own, and stops and removes
    all of them again. Nothing that runs already is touched.
    """
    from temporal_claimcheck.cli.demo_run import (  # noqa: PLC0415 - only this command needs it
        DemoRequest,
        run_demo_until_signalled,
    )

    request = DemoRequest(input_file=input_file, size=size, keep=keep, as_json=as_json)
    raise typer.Exit(run_demo_until_signalled(request))
