"""Progress of long work, on stderr: in place on a terminal, else a line now and then."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

__all__ = ["progress_on_stderr"]

_SECONDS_BETWEEN_LINES: Final = 10.0


@contextmanager
def progress_on_stderr(first: str) -> Generator[Callable[[str, int], None]]:
    """Give a function that is told what is being done, and how much of it was done so far."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(console).tell
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.completed:,}"),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task(first, total=None)

        def tell(what: str, seen: int) -> None:
            bar.update(task, description=what, completed=seen)

        yield tell


class _Lines:
    """Says a line when ten seconds went by without one: short work says nothing."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = time.monotonic() + _SECONDS_BETWEEN_LINES

    def tell(self, what: str, seen: int) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _SECONDS_BETWEEN_LINES
        self._console.print(f"{what}: {seen:,}")
