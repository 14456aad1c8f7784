"""Whether a command line is one that `claimcheck` understands. Nothing is run."""

from collections.abc import Sequence

import typer
from typer.core import TyperGroup
from typer.main import get_command

from temporal_claimcheck.cli import app


def parses(arguments: Sequence[str]) -> bool:
    """Return whether the command takes these arguments, down to the last option."""
    command, rest = get_command(app), list(arguments)
    while isinstance(command, TyperGroup):
        if not rest or rest[0] not in command.commands:
            return False
        command = command.commands[rest.pop(0)]
    try:
        command.make_context("claimcheck", rest)
    except typer.TyperException:
        return False
    return True
