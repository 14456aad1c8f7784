"""What a pass found, as people read it."""

from collections.abc import Sequence

from rich import box
from rich.table import Table

from temporal_claimcheck.gc.plan import Verdict
from temporal_claimcheck.gc.report import PassReport, ShelfReport

__all__ = ["bytes_text", "reports_table", "shelves_table", "summary"]

_UNIT: int = 1000
_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")
_COLUMNS = {
    Verdict.LIVE: "live",
    Verdict.HELD: "held",
    Verdict.YOUNG: "young",
    Verdict.SUSPECT: "suspected",
    Verdict.CONDEMNED: "condemned",
}


def bytes_text(size: float) -> str:
    """Return a size as people write it."""
    for unit in _UNITS[:-1]:
        if size < _UNIT:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.3g} {unit}"
        size /= _UNIT
    return f"{size:,.3g} {_UNITS[-1]}"


def shelves_table(report: PassReport) -> Table:
    """Return what lies in the store by namespace and day, and what became of it."""
    table = _table("namespace", "day", "objects", "bytes", *_COLUMNS.values(), "deleted")
    for shelf in report.shelves:
        table.add_row(shelf.namespace, shelf.day.isoformat(), *_numbers(shelf))
    table.add_section()
    total = [
        f"{report.objects:,}",
        bytes_text(report.stored_bytes),
        *(f"{report.count(verdict):,}" for verdict in _COLUMNS),
        f"{report.deleted:,}",
    ]
    table.add_row("total", "", *total, style="bold")
    return table


def summary(report: PassReport, *, deleted: bool) -> str:
    """Return in words what a pass did."""
    condemned = report.count(Verdict.CONDEMNED)
    suspected = report.count(Verdict.SUSPECT)
    sources = ", ".join(report.sources) or "no namespace"
    refer = f"which refer to objects {report.references:,} times"
    lines = [f"Read {report.runs:,} runs of {sources}, {refer}."]
    if suspected:
        lines.append(f"{suspected:,} suspected objects wait for a second pass, a day later.")
    if deleted:
        lines.append(f"Deleted {report.deleted:,} objects, {bytes_text(report.deleted_bytes)}.")
    elif condemned:
        lines.append(f"Nothing was deleted: this was a dry run. --delete deletes {condemned:,}.")
    else:
        lines.append("There is nothing to delete yet." if suspected else "Nothing to delete.")
    return "\n".join(lines)


def reports_table(reports: Sequence[PassReport]) -> Table:
    """Return what earlier passes found, the oldest first."""
    table = _table("began", "took", "runs", "objects", "live", "suspected", "condemned", "deleted")
    for report in reports:
        table.add_row(
            f"{report.began:%Y-%m-%d %H:%M}",
            str(report.ended - report.began).partition(".")[0],
            f"{report.runs:,}",
            f"{report.objects:,}",
            f"{report.count(Verdict.LIVE):,}",
            f"{report.count(Verdict.SUSPECT):,}",
            f"{report.count(Verdict.CONDEMNED):,}",
            f"{report.deleted:,}",
        )
    return table


def _table(*columns: str) -> Table:
    # Narrow, so that all columns stand in 80 characters.
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    for column in columns:
        is_text = column in {"namespace", "day", "began"}
        table.add_column(column, justify="left" if is_text else "right", no_wrap=column == "day")
    return table


def _numbers(shelf: ShelfReport) -> list[str]:
    counts = [shelf.verdicts[verdict].objects for verdict in _COLUMNS]
    return [
        f"{shelf.objects:,}",
        bytes_text(shelf.stored_bytes),
        *(f"{count:,}" if count else "" for count in (*counts, shelf.deleted.objects)),
    ]
