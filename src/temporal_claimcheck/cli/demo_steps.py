"""Progress on stderr: what is being done now, what is done, and how long it took."""

import contextlib
import time
from collections.abc import Generator

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from temporal_claimcheck.errors import ConfigurationError

__all__ = ["Step", "Steps"]


class Step:
    """One step while it runs."""

    def __init__(self, what: str, status: Status) -> None:
        self._status = status
        self.outcome = what
        """What its line says when it is over."""
        self.went_wrong = False
        """Whether it showed something that went wrong, as the run without the claim check does."""

    def update(self, what: str) -> None:
        """Say what is being done from now on."""
        self.outcome = what
        self._status.update(Text(what))


class Steps:
    """Shows steps one after another: a spinner on a terminal, then a line that stays."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextlib.contextmanager
    def step(self, what: str) -> Generator[Step]:
        """Show that something is being done; an error marks it as failed and goes on up.

        What the user can put right leaves no line: the error's own is enough.
        """
        status = self._console.status(Text(what), spinner_style="cyan")
        step = Step(what, status)
        started = time.monotonic()
        try:
            with status:
                yield step
        except ConfigurationError:
            raise
        except BaseException:
            step.went_wrong = True
            self._print_line(step, time.monotonic() - started)
            raise
        self._print_line(step, time.monotonic() - started)

    def say(self, text: str, style: str = "dim") -> None:
        """Print some lines as they are."""
        self._console.print(Text(text, style=style), soft_wrap=True)

    def _print_line(self, step: Step, seconds: float) -> None:
        mark = Text("✗", style="bold red") if step.went_wrong else Text("✓", style="bold green")
        line = Table.grid(padding=(0, 1), expand=True)
        line.add_column(width=1)
        line.add_column(ratio=1)
        line.add_column(justify="right", style="dim")
        line.add_row(mark, Text(step.outcome), f"{seconds:.1f} s")
        self._console.print(line)
