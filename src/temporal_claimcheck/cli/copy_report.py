"""What `claimcheck copy` tells: how far it is, and what it has done."""

import time
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

from rich import box
from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from temporal_claimcheck.copying.report import DESTINATION, CopyReport, ShelfCopy

__all__ = ["CopyProgress", "print_report"]

_MAX_WIDTH: Final = 100
_SECONDS_BETWEEN_LINES: Final = 10.0
_SECONDS_BETWEEN_PICTURES: Final = 0.1
_SHOWN: Final = 20


class CopyProgress:
    """Tells on stderr how far it is: in place on a terminal, else a line now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        if console.is_terminal:
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=None),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(compact=True),
                console=console,
                transient=True,
                expand=True,
            )
            self._task = self._bar.add_task("Listing", total=None, rate="")
        self._between = _SECONDS_BETWEEN_PICTURES if self._bar else _SECONDS_BETWEEN_LINES
        self._began = time.monotonic()
        self._next = self._began + self._between

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, report: CopyReport) -> None:
        """Tell, if it is time."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._between
        done, listed = report.total("done"), report.total("listed")
        rate = f"{decimal(int(report.total('copied_bytes') / (now - self._began)))}/s"
        if self._bar is not None and self._task is not None:
            self._bar.update(
                self._task, description="Copying", completed=done, total=listed, rate=rate
            )
            return
        wrong = report.wrong.total()
        self._console.print(
            f"{done:,} of {listed:,} objects, {rate}" + (f", {wrong:,} wrong" if wrong else "")
        )


def print_report(report: CopyReport, console: Console) -> None:
    """Print the end of a copy for a person."""
    width = min(console.width, _MAX_WIDTH)
    console.print()
    arrow = Text.assemble((report.source, "bold"), (" → ", "dim"), (report.destination, "bold"))
    console.print(arrow, soft_wrap=True)
    console.print()
    if report.shelves:
        console.print(_table(report), width=width)
        console.print()
    _print_findings(report, console, width)
    for line in (*_notes(report), _outcome(report)):
        console.print(line, width=width, highlight=False)


def _notes(report: CopyReport) -> Iterator[Text]:
    """Yield what is worth knowing besides the objects."""
    copied = "to copy" if report.dry_run else "copied"
    parts = [f"{report.records_copied:,} {copied}", f"{report.records_present:,} there already"]
    if report.records_left:
        parts.append(f"{report.records_left:,} of the collector's stay at the source")
    yield Text(f"Records: {', '.join(parts)}.")
    if report.foreign:
        yield Text(f"Not the claim check's, left at the source: {_objects(report.foreign)}.")
    if report.unproven:
        yield Text(
            f"Whole by their checksum: {_objects(report.unproven)}, encrypted. With the keys, "
            "their digests would be proven too."
        )
    if expired := report.total("expired"):
        yield Text(
            f"Too old: {_objects(expired)}, which the destination would drop at once by "
            "CLAIMCHECK_TTL_DAYS. Raise it, or leave them out with --since.",
            style="red",
        )
    yield Text()


def _table(report: CopyReport) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
        header_style="bold",
    )
    table.add_column("namespace", overflow="fold")
    table.add_column("day", no_wrap=True)
    columns = {
        "objects": "listed",
        "to copy" if report.dry_run else "copied": "copied",
        "bytes": "copied_bytes",
        "there before": "present",
    }
    # What rarely happens takes no room when it does not.
    rare = {"vanished": "vanished", "too old": "expired", "wrong": "wrong"}
    columns |= {name: figure for name, figure in rare.items() if report.total(figure)}
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for _, shelf in sorted(report.shelves.items()):
        cells = [_cell(figure, getattr(shelf, figure)) for figure in columns.values()]
        table.add_row(shelf.namespace, shelf.day.isoformat(), *cells, style=_style(shelf))
    table.add_section()
    totals = [_cell(figure, report.total(figure)) for figure in columns.values()]
    table.add_row("total", "", *totals, style="bold")
    return table


def _cell(figure: str, value: int) -> str:
    if not value:
        return ""
    return decimal(value) if figure == "copied_bytes" else f"{value:,}"


def _style(shelf: ShelfCopy) -> str | None:
    return "red" if shelf.wrong or shelf.expired else None


def _print_findings(report: CopyReport, console: Console, width: int) -> None:
    for each in report.findings[:_SHOWN]:
        console.print(Text(each.key, style="bold"), soft_wrap=True)
        said = each.what.replace(f" under {each.key}", "")
        where = "at the destination" if each.where == DESTINATION else "at the source"
        console.print(Text(f"  {each.kind} {where}: {said}", style="red"), width=width)
    hidden = report.wrong.total() - min(len(report.findings), _SHOWN)
    if hidden:
        console.print(Text(f"And {hidden:,} more; --json lists the first thousand."), width=width)
    if report.findings:
        console.print()


def _objects(count: int) -> str:
    return f"{count:,} object{'' if count == 1 else 's'}"


def _outcome(report: CopyReport) -> Text:
    listed, missing = report.total("listed"), report.total("wrong") + report.total("expired")
    there = report.total("copied") + report.total("present")
    if not report.finished:
        there = report.total("present") if report.dry_run else there
        return Text(
            f"Stopped with {there:,} of {_objects(listed)} at the destination. Run the same "
            "command again; it goes on.",
            style="bold yellow",
        )
    if not report.is_complete:
        if not missing:
            return Text("All objects are there, but not all records.", style="bold red")
        would = "could not be copied" if report.dry_run else "not whole at the destination"
        return Text(f"{missing:,} of {_objects(listed)} {would}.", style="bold red")
    return _dry_outcome(report) if report.dry_run else _good_outcome(listed, there)


def _dry_outcome(report: CopyReport) -> Text:
    copied, size = report.total("copied"), decimal(report.total("copied_bytes"))
    if not copied:
        return Text("Nothing is left to copy. This was a dry run.", style="bold green")
    return Text(f"Nothing was copied. Without --dry-run: {_objects(copied)}, {size}.", "bold")


def _good_outcome(listed: int, there: int) -> Text:
    if not listed:
        return Text("No object is selected.", style="bold yellow")
    whole = "1 object is" if there == 1 else f"All {_objects(there)} are"
    return Text(f"{whole} at the destination.", style="bold green")
