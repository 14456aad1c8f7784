"""`claimcheck completion`: what a shell needs to complete the command."""

import sys
from enum import StrEnum
from typing import Annotated, Final

import typer

__all__ = ["completion"]

# Where Typer looks for what a shell asks.
_VARIABLE: Final = "_CLAIMCHECK_COMPLETE"


class Shell(StrEnum):
    """A shell that can be told how to complete."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"
    powershell = "powershell"


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh, fish or powershell.")],
) -> None:
    """Print what makes a shell complete commands and options.

    For bash: `source <(claimcheck completion bash)`
    """
    # Not public, and the only way to the script that does not change files of the user.
    from typer.completion import (  # noqa: PLC0415
        get_completion_script,  # pyright: ignore[reportPrivateImportUsage]
    )

    script = get_completion_script(
        prog_name="claimcheck", complete_var=_VARIABLE, shell=shell.value
    )
    sys.stdout.write(f"{script}\n")
