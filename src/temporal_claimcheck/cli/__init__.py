"""The command `claimcheck`. One file a command; what a command needs is imported when it runs."""

import logging
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer

from temporal_claimcheck.cli.completion import completion
from temporal_claimcheck.cli.copy import copy
from temporal_claimcheck.cli.demo import demo
from temporal_claimcheck.cli.doctor import doctor
from temporal_claimcheck.cli.gc import gc
from temporal_claimcheck.cli.get import get
from temporal_claimcheck.cli.hold import hold
from temporal_claimcheck.cli.keys import keys
from temporal_claimcheck.cli.lifecycle import lifecycle
from temporal_claimcheck.cli.purge import purge
from temporal_claimcheck.cli.serve import serve
from temporal_claimcheck.cli.show import show
from temporal_claimcheck.cli.stats import stats
from temporal_claimcheck.cli.verify import verify
from temporal_claimcheck.errors import (
    ClaimCheckError,
    CollectionRefused,
    CollectorBusy,
    ConfigurationError,
)

__all__ = ["app", "main", "run"]

_FAILED = 1
_INTERRUPTED = 128 + signal.SIGINT
_TERMINATED = 128 + signal.SIGTERM
_EXIT_CODES = {ConfigurationError: 2, CollectionRefused: 3, CollectorBusy: 4}

app = typer.Typer(
    name="claimcheck",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo)
app.command()(serve)
app.command()(doctor)
app.command()(show)
app.command()(get)
app.command()(stats)
app.command()(gc)
app.add_typer(hold, name="hold")
app.command()(purge)
app.add_typer(keys, name="keys")
app.add_typer(lifecycle, name="lifecycle")
app.command()(verify)
app.command()(copy)
app.command()(completion)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    0 is done, 1 failed, 2 wrongly called or configured, 3 refused by a rule of the collector, 4
    another collector is at work, 130 and 143 stopped by a signal. What the user can put right
    is one line on stderr; a traceback means a defect of ours.
    """
    try:
        outcome = app(args=arguments, prog_name="claimcheck", standalone_mode=False)
    except typer.TyperException as error:
        return _complain(error.format_message(), error.exit_code)
    except ClaimCheckError as error:
        codes = (code for kind, code in _EXIT_CODES.items() if isinstance(error, kind))
        return _complain(str(error), next(codes, _FAILED))
    except typer.Abort:
        return _complain("Stopped.", _FAILED)
    return outcome if isinstance(outcome, int) else 0


def run() -> NoReturn:
    """Run the command as a process of its own, and end it with the command's exit code."""
    terminated = _heed_termination()
    code = main()
    logging.shutdown()
    # Whoever reads may have gone, as head does.
    with suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    # Threads of the client libraries (obstore, the SDK) may abort an interpreter that is being
    # taken down, at least that of Python 3.11. The exit code would then be theirs, not ours.
    os._exit(_TERMINATED if terminated and code == _INTERRUPTED else code)


def _heed_termination() -> list[int]:
    """Take SIGTERM for Ctrl-C; return a list that is not empty once it has come.

    The first process of a container gets no signal that it has no handler for: without one,
    `gc --worker` would go on until it is killed, with its work half done.
    """
    come: list[int] = []

    def stop(number: int, _: object) -> None:
        come.append(number)
        # A shell lets what it starts in the background ignore Ctrl-C.
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.raise_signal(signal.SIGINT)

    # Commands with an own way to stop, such as `serve`, put theirs in its place.
    signal.signal(signal.SIGTERM, stop)
    return come


def _complain(message: str, exit_code: int) -> int:
    # Typer prints the help by itself when no command is named; then there is no message.
    if message:
        sys.stderr.write(f"claimcheck: {' '.join(message.split())}\n")
    return exit_code


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - called by Typer with the option's value
    if wanted:
        sys.stdout.write(f"claimcheck {version('temporal-claimcheck')}\n")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    """The claim check for Temporal: large payloads in a store, small claims in Temporal."""
