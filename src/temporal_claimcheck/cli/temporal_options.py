"""Options of the commands that look into one cluster of Temporal's."""

from typing import Annotated

import typer

__all__ = ["Address", "AsJson", "Namespace", "Profile", "RunId"]

Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        help="Temporal's address; without it, TEMPORAL_ADDRESS or the profile's.",
    ),
]
Profile = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME", help="Profile of Temporal's configuration."),
]
Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace", metavar="NAME", help="Namespace of the workflow; without it, the profile's."
    ),
]
RunId = Annotated[
    str | None,
    typer.Option("--run-id", metavar="ID", help="Run of the workflow; without it, the latest."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print a JSON document.")]
